"""The filter as chips and an edit: what is typed becomes a chip, a chip that is clicked becomes text again."""

from __future__ import annotations

from collections.abc import Callable

from jobdesk_core.jobs import Status
from jobdesk_core.monitor.filters import FLAGS, FilterError, JobFilter
from PySide6.QtCore import QEvent, QObject, QStringListModel, Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QCompleter, QFrame, QHBoxLayout, QLineEdit, QPushButton, QToolButton, QToolTip, QWidget

from jobdesk.theme.icons import icon

HEIGHT = 32
KEYS = ("status:", "queue:", "task:", "lock:", "queueing_lock:", "priority:", "id:", "age:", "worker:", "is:", "args.")
Names = Callable[[str], list[str]]


class FilterBar(QFrame):
    """Emits `changed` with the canonical text whenever the filter is another one and can be understood."""

    changed = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("filterBar")
        self.setFixedHeight(HEIGHT)
        self._tokens: list[str] = []
        self._names: Names = lambda key: []
        self._chips = QHBoxLayout()
        self._chips.setSpacing(6)
        self._edit = QLineEdit()
        self._edit.setAccessibleName(self.tr("Filter"))
        self._edit.installEventFilter(self)
        self._edit.returnPressed.connect(self._accept)
        self._edit.textEdited.connect(self._typed)
        self._suggestions = QStringListModel(self)
        completer = QCompleter(self._suggestions, self)
        completer.setCompletionMode(QCompleter.CompletionMode.PopupCompletion)
        completer.setCaseSensitivity(Qt.CaseSensitivity.CaseInsensitive)
        completer.setFilterMode(Qt.MatchFlag.MatchStartsWith)
        completer.activated.connect(self._completed, Qt.ConnectionType.QueuedConnection)
        self._edit.setCompleter(completer)
        self._clear = QToolButton()
        self._clear.setObjectName("clear")
        self._clear.setIcon(icon("close"))
        self._clear.setAccessibleName(self.tr("Clear the filter"))
        self._clear.setToolTip(self.tr("Clear the filter"))
        self._clear.clicked.connect(lambda: self.set_text(""))
        looking_glass = QToolButton()
        looking_glass.setObjectName("clear")
        looking_glass.setIcon(icon("search"))
        looking_glass.setAccessibleName(self.tr("Type a filter"))
        looking_glass.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        looking_glass.clicked.connect(self.focus_edit)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(6, 0, 4, 0)
        layout.setSpacing(6)
        layout.addWidget(looking_glass)
        layout.addLayout(self._chips)
        layout.addWidget(self._edit, 1)
        layout.addWidget(self._clear)
        self._show()

    def text(self) -> str:
        """The filter in force."""
        return " ".join(self._tokens)

    def set_text(self, text: str) -> None:
        """Put another filter in force."""
        self._edit.clear()
        self._take_over(text)

    def set_names(self, names: Names) -> None:
        """Where completion gets the names for a key: `names("queue")`."""
        self._names = names

    def focus_edit(self) -> None:
        """Put the cursor into the edit."""
        self._edit.setFocus(Qt.FocusReason.ShortcutFocusReason)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.KeyPress and isinstance(event, QKeyEvent):
            is_at_start = not self._edit.text() and bool(self._tokens)
            if event.key() == Qt.Key.Key_Backspace and is_at_start:
                self._reopen(len(self._tokens) - 1)
                return True
            if event.key() == Qt.Key.Key_Escape:
                self._edit.clear()
                self._tell_problem(None)
                return True
        if event.type() in (QEvent.Type.FocusIn, QEvent.Type.FocusOut):
            self._set_property("focused", event.type() == QEvent.Type.FocusIn)
        return super().eventFilter(watched, event)

    def _accept(self) -> None:
        self._take_over(f"{self.text()} {self._edit.text()}")

    def _take_over(self, text: str) -> None:
        try:
            parsed = JobFilter.parse(text)
        except FilterError as error:
            self._tell_problem(error)
            return
        self._tell_problem(None)
        self._edit.clear()
        tokens = [token.text for token in parsed.tokens]
        if tokens != self._tokens:
            self._tokens = tokens
            self._show()
            self.changed.emit(self.text())

    def _reopen(self, position: int) -> None:
        """Turn a chip into text again."""
        text = self._tokens[position]
        rest = [token for number, token in enumerate(self._tokens) if number != position]
        self._take_over(" ".join(rest))
        self._edit.setText(text)
        self.focus_edit()
        self._typed(text)

    def _typed(self, text: str) -> None:
        self._tell_problem(None)
        word = text.rpartition(" ")[2].lstrip("-")
        start = text[: len(text) - len(word)]
        key, colon, value = word.partition(":")
        if not colon:
            found = [start + each for each in KEYS]
        else:
            done, comma, _ = value.rpartition(",")
            found = [f"{start}{key}:{done}{comma}{name}" for name in self._values(key)]
        self._suggestions.setStringList(found)

    def _values(self, key: str) -> list[str]:
        if key == "status":
            return [status.value for status in Status]
        if key == "is":
            return list(FLAGS)
        if key in ("lock", "queueing_lock", "worker"):
            return ["none"]
        return [f'"{name}"' if " " in name else name for name in self._names(key)]

    def _completed(self, text: str) -> None:
        if not text.endswith((":", ".")):
            self._accept()

    def _show(self) -> None:
        while (item := self._chips.takeAt(0)) is not None:
            widget = item.widget()
            if widget is not None:
                widget.hide()
                widget.deleteLater()
        for position, token in enumerate(self._tokens):
            chip = QPushButton(token.replace("&", "&&"))
            chip.setObjectName("chip")
            chip.setFocusPolicy(Qt.FocusPolicy.TabFocus)
            chip.setToolTip(self.tr("Click to change"))
            chip.setAccessibleName(self.tr("Filter {token}, click to change").format(token=token))
            chip.setMaximumWidth(320)
            chip.clicked.connect(lambda _=False, position=position: self._reopen(position))
            self._chips.addWidget(chip)
        hint = self.tr("add a filter") if self._tokens else self.tr("Filter jobs: status:failed queue:mail age:>1h …")
        self._edit.setPlaceholderText(hint)
        self._clear.setVisible(bool(self._tokens))

    def _tell_problem(self, error: FilterError | None) -> None:
        self._set_property("problem", error is not None)
        self._edit.setToolTip(error.message if error is not None else "")
        if error is None:
            QToolTip.hideText()
            return
        offset = error.position - len(self.text()) - 1
        if offset >= 0:
            self._edit.setSelection(offset, error.length)
        QToolTip.showText(self._edit.mapToGlobal(self._edit.rect().bottomLeft()), error.message, self._edit)

    @property
    def problem(self) -> str:
        """What is wrong with what is being typed; empty when nothing is."""
        return self._edit.toolTip()

    def _set_property(self, name: str, value: bool) -> None:
        if self.property(name) != value:
            self.setProperty(name, value)
            self.style().unpolish(self)
            self.style().polish(self)
