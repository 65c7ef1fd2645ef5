"""The filter as chips and an edit: what is typed becomes a chip, a chip that is clicked becomes text again."""

from __future__ import annotations

from collections.abc import Callable

from jobdesk_core.jobs import Status
from jobdesk_core.monitor.filters import FLAGS, FilterError, JobFilter, term
from PySide6.QtCore import QPoint, QSize, QStringListModel, Qt, Signal
from PySide6.QtGui import QFocusEvent, QHideEvent, QKeyEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QCompleter, QFrame, QHBoxLayout, QLabel, QLineEdit, QToolButton, QWidget

from jobdesk.theme import theme
from jobdesk.theme.icons import icon
from jobdesk.widgets.filter_chip import FilterChip

HEIGHT = 32
KEYS = (
    *("status:", "queue:", "task:", "lock:", "queueing_lock:", "priority:", "id:", "age:", "deferred:", "scheduled:"),
    *("worker:", "is:", "args:", "args."),
)
Names = Callable[[str], list[str]]


class FilterBar(QFrame):
    """Emits `changed` with the canonical text whenever the filter is another one and can be understood.

    The filter in force stays while a chip is being changed: Enter, or a space after a whole condition,
    puts the new one in force, Escape leaves the old one.
    """

    changed = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("filterBar")
        self.setFixedHeight(HEIGHT)
        self._tokens: list[str] = []
        #: The position of the chip that is being changed in the edit.
        self._edited: int | None = None
        self._names: Names = lambda key: []
        self._chips = QHBoxLayout()
        self._chips.setSpacing(6)
        self._edit = _Edit()
        self._edit.setAccessibleName(self.tr("Filter"))
        self._edit.setMinimumWidth(120)
        self._problem: QLabel | None = None
        self._problem_text = ""
        self._suggestions = QStringListModel(self)
        self._clear = _tool("close", self.tr("Clear the filter"))
        self._clear.clicked.connect(lambda: self.set_text(""))
        looking_glass = _tool("search", self.tr("Type a filter"))
        looking_glass.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        looking_glass.clicked.connect(self.focus_edit)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(4, 0, 4, 0)
        layout.setSpacing(6)
        layout.addWidget(looking_glass)
        layout.addLayout(self._chips)
        layout.addWidget(self._edit, 1)
        layout.addWidget(self._clear)
        self._connect()
        self._show()

    def text(self) -> str:
        """The filter in force."""
        return " ".join(self._tokens)

    @property
    def problem(self) -> str:
        """What is wrong with what is being typed; empty when nothing is."""
        return self._problem_text

    def set_text(self, text: str) -> None:
        """Put another filter in force; one that cannot be understood is told and changes nothing."""
        self._edited = None
        self._edit.clear()
        self._take_over(text, edit_from=0)

    def set_names(self, names: Names) -> None:
        """Where completion gets the names for a key: `names("queue")`."""
        self._names = names

    def focus_edit(self) -> None:
        """Put the cursor into the edit."""
        self._edit.setFocus(Qt.FocusReason.ShortcutFocusReason)

    def show_problem(self, message: str, position: int, length: int) -> None:
        """Tell what is wrong below the bar and underline where, in characters of the edit's text."""
        self._problem_text = message
        self._edit.mark(position, length)
        self._set_property("problem", True)
        if self._problem is None:
            self._problem = QLabel(self.window())
            self._problem.setObjectName("filterProblem")
            self._problem.setTextFormat(Qt.TextFormat.PlainText)
        self._problem.setText(message)
        self._problem.adjustSize()
        self._problem.move(self.mapTo(self.window(), QPoint(0, self.height() + 2)))
        self._problem.setVisible(self.isVisible())
        self._problem.raise_()
        self._edit.setAccessibleDescription(message)

    def clear_problem(self) -> None:
        """Nothing is wrong any more."""
        self._problem_text = ""
        self._edit.mark(0, 0)
        self._edit.setAccessibleDescription("")
        self._set_property("problem", False)
        if self._problem is not None:
            self._problem.hide()

    def hideEvent(self, event: QHideEvent) -> None:
        if self._problem is not None:
            self._problem.hide()
        super().hideEvent(event)

    # Typing

    def _connect(self) -> None:
        completer = QCompleter(self._suggestions, self)
        completer.setCompletionMode(QCompleter.CompletionMode.PopupCompletion)
        completer.setCaseSensitivity(Qt.CaseSensitivity.CaseInsensitive)
        completer.setFilterMode(Qt.MatchFlag.MatchStartsWith)
        completer.popup().setObjectName("completions")
        # Queued: the completer writes into the edit after it has told.
        completer.activated.connect(self._completed, Qt.ConnectionType.QueuedConnection)
        self._edit.setCompleter(completer)
        self._edit.returnPressed.connect(self._accept)
        self._edit.textEdited.connect(self._typed)
        self._edit.backed_out.connect(self._reopen_last)
        self._edit.given_up.connect(self._give_up)
        self._edit.focused.connect(lambda has_focus: self._set_property("focused", has_focus))

    def _typed(self, text: str) -> None:
        self.clear_problem()
        if text.endswith(" ") and text.count('"') % 2 == 0 and text.strip() and self._is_whole(text):
            self._accept()
            return
        word = text.rpartition(" ")[2].lstrip("-")
        start = text[: len(text) - len(word)]
        key, colon, value = word.partition(":")
        if not colon:
            found = [start + each for each in KEYS]
        else:
            done, comma, _ = value.rpartition(",")
            found = [f"{start}{key}:{done}{comma}{name}" for name in self._values(key)]
        self._suggestions.setStringList(found)

    def _is_whole(self, text: str) -> bool:
        try:
            JobFilter.parse(text)
        except FilterError:
            return False
        return True

    def _values(self, key: str) -> list[str]:
        if key == "status":
            return [status.value for status in Status]
        if key == "is":
            return list(FLAGS)
        if key in ("lock", "queueing_lock", "worker", "scheduled", "deferred"):
            return ["none"]
        return [term(key, name).removeprefix(f"{key}:") for name in self._names(key)]

    def _completed(self, text: str) -> None:
        if not text.endswith((":", ".")):
            self._accept()

    # Chips and text

    def _accept(self) -> bool:
        """Put what has been typed in force, in the place of the chip that it came from."""
        position = len(self._tokens) if self._edited is None else self._edited
        before = " ".join(self._tokens[:position])
        after = " ".join(self._tokens[position + 1 :])
        text = f"{before} {self._edit.text()} {after}"
        return self._take_over(text, edit_from=len(before) + 1)

    def _take_over(self, text: str, *, edit_from: int) -> bool:
        try:
            parsed = JobFilter.parse(text)
        except FilterError as error:
            self.show_problem(error.message, error.position - edit_from, error.length)
            return False
        self.clear_problem()
        self._edited = None
        self._edit.clear()
        tokens = [token.text for token in parsed.tokens]
        is_other = tokens != self._tokens
        self._tokens = tokens
        self._show()
        if is_other:
            self.changed.emit(self.text())
        return True

    def _remove(self, position: int) -> None:
        self._take_over(" ".join(self._tokens[:position] + self._tokens[position + 1 :]), edit_from=0)
        self.focus_edit()

    def _reopen(self, position: int) -> None:
        """Turn a chip into text; what was being typed becomes a chip first, or stays when it cannot."""
        token = self._tokens[position]
        if self._edit.text() and not self._accept():
            return
        self._edited = self._tokens.index(token) if token in self._tokens else None
        self._show()
        self._edit.setText(token)
        self.focus_edit()
        self._typed(token)

    def _reopen_last(self) -> None:
        if self._edited is not None:
            self._accept()
        elif self._tokens:
            self._reopen(len(self._tokens) - 1)

    def _give_up(self) -> None:
        self._edited = None
        self._edit.clear()
        self.clear_problem()
        self._show()

    def _show(self) -> None:
        while (item := self._chips.takeAt(0)) is not None:
            if (widget := item.widget()) is not None:
                widget.hide()
                widget.deleteLater()
        for position, token in enumerate(self._tokens):
            if position != self._edited:
                chip = FilterChip(token)
                chip.clicked.connect(lambda _=False, position=position: self._reopen(position))
                # Queued: the chip goes away while it is still in its own event.
                remove = Qt.ConnectionType.QueuedConnection
                chip.removed.connect(lambda position=position: self._remove(position), remove)
                self._chips.addWidget(chip)
        hint = self.tr("add a filter") if self._tokens else self.tr("Filter jobs: status:failed queue:mail age:>1h …")
        self._edit.setPlaceholderText(hint)
        self._clear.setVisible(bool(self._tokens))

    def _set_property(self, name: str, value: bool) -> None:
        if self.property(name) != value:
            self.setProperty(name, value)
            self.style().unpolish(self)
            self.style().polish(self)


class _Edit(QLineEdit):
    """Tells the keys that mean something to the chips, and underlines what is wrong."""

    backed_out = Signal()
    given_up = Signal()
    focused = Signal(bool)

    def __init__(self) -> None:
        super().__init__()
        self._mark = (0, 0)

    def mark(self, position: int, length: int) -> None:
        """Underline these characters; none when `length` is 0."""
        self._mark = (position, length)
        self.update()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Backspace and not self.text():
            self.backed_out.emit()
        elif event.key() == Qt.Key.Key_Escape and not self.completer().popup().isVisible():
            self.given_up.emit()
        else:
            super().keyPressEvent(event)

    def focusInEvent(self, event: QFocusEvent) -> None:
        super().focusInEvent(event)
        self.focused.emit(True)

    def focusOutEvent(self, event: QFocusEvent) -> None:
        super().focusOutEvent(event)
        self.focused.emit(False)

    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        position, length = self._mark
        if not length or not self.text():
            return
        start = min(max(0, position), len(self.text()) - 1)
        end = max(start + 1, min(position + length, len(self.text())))
        advance = self.fontMetrics().horizontalAdvance
        # Where the text begins follows from the cursor: a long text is scrolled.
        origin = self.cursorRect().center().x() - advance(self.text()[: self.cursorPosition()])
        left, right = (origin + advance(self.text()[:at]) for at in (start, end))
        painter = QPainter(self)
        painter.fillRect(left, self.height() - 3, right - left, 2, theme().colour("bad"))
        painter.end()


def _tool(icon_name: str, name: str) -> QToolButton:
    button = QToolButton()
    button.setObjectName("clear")
    button.setIcon(icon(icon_name, "secondary"))
    button.setIconSize(QSize(14, 14))
    button.setAccessibleName(name)
    button.setToolTip(name)
    return button
