"""The arguments of one job: a tree to search and copy from, or JSON; large ones are read a part at a time."""

from __future__ import annotations

from typing import Any

from jobdesk_core import exact_json
from jobdesk_core.job.arguments import LONGEST_TEXT, Part
from jobdesk_core.profiles.secret_keys import Path, masked
from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QHBoxLayout, QLabel, QLineEdit, QPlainTextEdit, QPushButton, QVBoxLayout, QWidget

from jobdesk.connection.desk import Desk
from jobdesk.kit import formats
from jobdesk.kit.json_model import Node, Unread
from jobdesk.kit.json_tree import JsonTree
from jobdesk.kit.labels import caption, plain_label
from jobdesk.kit.segmented import Segmented
from jobdesk.kit.work import Work

#: The tallest that the JSON grows; beyond it it scrolls.
TALLEST = 360
#: Longer texts are cut where the JSON is shown; it is copied whole.
LONGEST_SHOWN = 2_000
TREE, JSON = 0, 1


class ArgumentsPanel(QWidget):
    """Shows arguments. What stands under a key that looks secret is hidden in every form until it is clicked."""

    failed = Signal(Exception)
    column_asked_for = Signal(tuple)  # a path of steps

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._desk: Desk | None = None
        self._job_id = 0
        self._value: Any = {}
        self._work = Work(self)
        self._work.failed.connect(self.failed)
        self.tree = JsonTree()
        self.tree.offers_columns = True
        self.tree.column_asked_for.connect(self.column_asked_for)
        self.tree.revealed.connect(self._show_json)
        self.tree.part_asked_for.connect(self._read_part)
        self.tree.text_asked_for.connect(self._read_text)
        self.json = QPlainTextEdit(readOnly=True)
        self.json.setObjectName("code")
        self.json.setAccessibleName(self.tr("Arguments as JSON"))
        self.load = QPushButton()
        self.load.setAutoDefault(False)
        self.load.clicked.connect(self._load)
        self.search = QLineEdit()
        self.search.setPlaceholderText(self.tr("find a key or a value"))
        self.search.setAccessibleName(self.tr("Find in the arguments"))
        self.search.setClearButtonEnabled(True)
        self.search.returnPressed.connect(self.find_next)
        self.search.textEdited.connect(lambda _: self._show_note(""))
        self.form = Segmented([self.tr("Tree"), self.tr("JSON")])
        self.form.setAccessibleName(self.tr("Show the arguments as"))
        self.form.changed.connect(self._show_form)
        self.copy_button = QPushButton(self.tr("Copy"))
        self.copy_button.setObjectName("plain")
        self.copy_button.setAutoDefault(False)
        self.copy_button.clicked.connect(self.copy_all)
        self.note = plain_label("small")
        self._build()
        self.show_nothing()

    @property
    def revealed_paths(self) -> set[Path]:
        """The paths to the secret values that were shown by a click."""
        return self.tree.revealed_paths

    def show_desk(self, desk: Desk | None) -> None:
        """Ask another connection from now on."""
        self._desk = desk
        self.show_nothing()

    def show_nothing(self) -> None:
        """Forget the arguments on show."""
        self._work.cancel("arguments")
        self.search.clear()
        self._set(0, {})

    def show_arguments(self, job_id: int, value: dict[str, Any] | None, size_bytes: int) -> None:
        """Show a job's arguments; None stands for large ones that take so many bytes and are read by a click."""
        if value is not None:
            self._set(job_id, value)
            return
        self._set(job_id, None)
        self.load.setText(self.tr("Load the arguments ({size} on disk)").format(size=_size(size_bytes)))
        self.load.setToolTip(self.tr("Large arguments are read from the database in parts, as you open them."))

    def find_next(self) -> None:
        """Go to the next key or value that contains what is typed."""
        self.form.choose(TREE)
        text = self.search.text()
        if text and not self.tree.find_next(text):
            is_partial = isinstance(self._value, Unread)
            self._show_note(
                self.tr("Not found in what has been read so far.")
                if is_partial
                else self.tr("No key or value contains this.")
            )
        else:
            self._show_note("")

    def copy_all(self) -> None:
        """Copy the arguments as JSON; what is hidden stays hidden."""
        if not isinstance(self._value, dict):
            return
        QGuiApplication.clipboard().setText(self._as_json(self._value))
        self._show_note(self._hidden_note(self.tr("Copied.")))

    def _set(self, job_id: int, value: Any) -> None:
        self._work.cancel("text")
        self._job_id, self._value = job_id, value
        self.tree.set_value({} if value is None else value, self._pattern)
        self._show_json()
        self._show_note("")
        self._show_form()

    def _load(self) -> None:
        # The root itself is a part that has not been read yet; the tree asks for its entries.
        self._value = Unread("object", 1)
        self.tree.set_value(self._value, self._pattern)
        self._show_json()
        self._show_form()

    def _read_part(self, node: Node, start: int) -> None:
        desk, job_id = self._desk, self._job_id
        if desk is None or self._work.is_running("arguments"):
            return
        self._show_note(self.tr("Reading from the database…"))
        self._work.start(
            desk.monitor.argument_part(job_id, node.keys, start),
            name="arguments",
            then=lambda part: self._add_part(job_id, node, part),
            failed=self._show_failure,
            says=self.tr("Reading large arguments…"),
        )

    def _add_part(self, job_id: int, node: Node, part: Part | None) -> None:
        if job_id != self._job_id:
            return
        self._show_note("" if part is not None else self.tr("These arguments no longer exist."))
        if part is not None:
            self.tree.add_part(node, part)
            self.tree.setCurrentIndex(self.tree.currentIndex())

    def _read_text(self, path: Path) -> None:
        desk = self._desk
        if desk is None:
            return
        self._show_note(self.tr("Reading from the database…"))
        self._work.start(
            desk.monitor.argument_text(self._job_id, path),
            name="text",
            then=self._copy_text,
            failed=self._show_failure,
            replaces=True,
            says=self.tr("Reading large arguments…"),
        )

    def _copy_text(self, text: str | None) -> None:
        if text is None:
            self._show_note(self.tr("These arguments no longer exist."))
            return
        QGuiApplication.clipboard().setText(text)
        words = self.tr("Copied {count} characters.")
        if len(text) == LONGEST_TEXT:
            words = self.tr("Copied the first {count} characters: that is the most at once.")
        self._show_note(words.format(count=formats.number(len(text))))

    def _show_failure(self, error: Exception) -> None:
        self._show_note(self.tr("That could not be read."))
        self.failed.emit(error)

    def _show_json(self) -> None:
        if not isinstance(self._value, dict):
            self.json.clear()
            return
        text = formats.visible_lines(self._as_json(_shortened(self._value)))
        self.json.setPlainText(text)
        lines = text.count("\n") + 1
        self.json.setFixedHeight(min(TALLEST, lines * self.json.fontMetrics().lineSpacing() + 20))

    def _as_json(self, value: dict[str, Any]) -> str:
        shown = masked(value, self._pattern, self.tree.revealed_paths)
        return exact_json.dumps(shown, indent=2, ensure_ascii=False)

    def _hidden_note(self, text: str) -> str:
        if masked(self._value, self._pattern, self.tree.revealed_paths) == self._value:
            return text
        return self.tr("{text} Values that look secret stayed hidden: show them first to copy them.").format(text=text)

    @property
    def _pattern(self) -> str:
        return self._desk.profile.hidden_keys if self._desk is not None else ""

    def _show_form(self, *_: object) -> None:
        is_waiting, is_empty = self._value is None, self._value == {}
        # What is read in parts is never all there, so that a tree alone can show it.
        is_partial = isinstance(self._value, Unread)
        is_tree = is_partial or self.form.current() == TREE
        self.load.setVisible(is_waiting)
        self.none.setVisible(is_empty)
        self.tree.setVisible(is_tree and not is_waiting and not is_empty)
        self.json.setVisible(not is_tree and not is_waiting and not is_empty)
        self.search.setVisible(not is_waiting and not is_empty)
        for widget in (self.form, self.copy_button):
            widget.setVisible(not is_waiting and not is_empty and not is_partial)

    def _show_note(self, text: str) -> None:
        self.note.setText(text)
        self.note.setVisible(bool(text))

    def _build(self) -> None:
        self.none = QLabel(self.tr("none"))
        self.none.setProperty("tone", "secondary")
        head = QHBoxLayout()
        head.addWidget(caption(self.tr("ARGUMENTS")), 1)
        head.addWidget(self.copy_button, 0, Qt.AlignmentFlag.AlignBottom)
        head.addWidget(self.form, 0, Qt.AlignmentFlag.AlignBottom)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addLayout(head)
        layout.addWidget(self.search)
        layout.addWidget(self.tree)
        layout.addWidget(self.json)
        layout.addWidget(self.load, 0, Qt.AlignmentFlag.AlignLeft)
        layout.addWidget(self.none)
        layout.addWidget(self.note)


def _shortened(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _shortened(child) for key, child in value.items()}
    if isinstance(value, list):
        return [_shortened(child) for child in value]
    if isinstance(value, str) and len(value) > LONGEST_SHOWN:
        return f"{value[:LONGEST_SHOWN]}… ({formats.number(len(value))})"
    return value


def _size(count: int) -> str:
    if count < 10 * 1024 * 1024:
        return f"{count / 1024:,.0f} kB"
    return f"{count / 1024 / 1024:,.0f} MB"
