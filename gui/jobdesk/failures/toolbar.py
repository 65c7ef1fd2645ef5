"""The toolbar of failures: grouped by what, over which range. Where there is little room, each is a list to open."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QComboBox, QWidget

from jobdesk.kit.areas import toolbar_row
from jobdesk.kit.layouts import in_row
from jobdesk.kit.one_line import OneLine
from jobdesk.kit.segmented import Segmented
from jobdesk.kit.theme.tokens import Look


class Choice(QWidget):
    """Buttons side by side, or a list to open; both say the same."""

    changed = Signal(int)

    def __init__(self, name: str, texts: Sequence[str], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.buttons = Segmented(list(texts))
        self.buttons.setAccessibleName(name)
        self.list = QComboBox()
        self.list.setAccessibleName(name)
        self.list.addItems(list(texts))
        self.list.hide()
        in_row(self.buttons, self.list, within=self, margins=0)
        self.buttons.changed.connect(self._take)
        self.list.activated.connect(self.buttons.choose)

    def current(self) -> int:
        """The position of the chosen one."""
        return self.buttons.current()

    def choose(self, position: int) -> None:
        """Choose one."""
        self.buttons.choose(position)

    def set_narrow(self, is_narrow: bool) -> None:
        """Show the list instead of the buttons, or the buttons again."""
        self.buttons.setVisible(not is_narrow)
        self.list.setVisible(is_narrow)

    def _take(self, position: int) -> None:
        self.list.setCurrentIndex(position)
        self.changed.emit(position)


class FailuresToolbar(QWidget):
    """The two choices, and between them a sentence about the list."""

    def __init__(self, by: Choice, span: Choice, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.by, self.span = by, span
        self.note = OneLine("secondary")
        row = toolbar_row(self, 10)
        row.addWidget(by)
        row.addWidget(self.note, 1)
        row.addWidget(span)

    def show_note(self, text: str, tone: Look = "secondary") -> None:
        """Say how much there is, or what is wrong."""
        self.note.set_tone(tone)
        self.note.set_whole(text)
