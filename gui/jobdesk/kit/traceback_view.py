"""A traceback that was reported, with what is said of it; or why there is none."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QFrame, QPushButton, QWidget

from jobdesk.kit import formats
from jobdesk.kit.labels import caption
from jobdesk.kit.layouts import STRETCH, in_column, in_row
from jobdesk.kit.segmented import Segmented
from jobdesk.kit.text_block import Run, TextBlock
from jobdesk.kit.traceback import Frame, Part, count_frames, has_own, parts_of, runs_of


class TracebackView(QWidget):
    """Shows a traceback's own frames or all, and leads to the help where errors are not reported."""

    help_asked_for = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.text = ""
        self._parts: list[Part] = []
        self._has_link: Callable[[Frame], bool] = lambda frame: False
        self._title = caption(self.tr("TRACEBACK"))
        self.note = TextBlock(size_px=12)
        self.note.linked.connect(lambda _: self.help_asked_for.emit())
        self.which = Segmented([self.tr("Own frames"), self.tr("All")])
        self.which.changed.connect(lambda _: self._show())
        self.copy = QPushButton(self.tr("Copy"))
        self.copy.setAccessibleName(self.tr("Copy traceback"))
        self.copy.setAutoDefault(False)
        self.block = TextBlock(size_px=12)
        self._frame = QFrame()
        self._frame.setObjectName("tracebackFrame")
        in_column(self.block, within=self._frame, margins=(10, 8, 10, 8))
        self._head = QWidget()
        in_row(self.which, STRETCH, self.copy, within=self._head, margins=0, spacing=6)
        in_column(self._title, self.note, self._head, self._frame, within=self, margins=0, spacing=6)
        self.block.setTextInteractionFlags(
            Qt.TextInteractionFlag.TextSelectableByMouse | Qt.TextInteractionFlag.TextSelectableByKeyboard
        )
        self.show_nothing()

    def show_nothing(self) -> None:
        """Nothing is selected."""
        self.text, self._parts = "", []
        self.hide()

    def show_note(self, sentence: str, *, leads_to_help: bool = False) -> None:
        """Say why there is no traceback, or that it is being read."""
        self.text, self._parts = "", []
        runs = [Run(sentence, "secondary")]
        if leads_to_help:
            runs += [Run(" "), Run(self.tr("How to report them"), link="help")]
        self.note.set_runs(runs)
        self._head.hide()
        self._frame.hide()
        self.setVisible(bool(sentence))

    def show_traceback(self, text: str, same: int, of: int) -> None:
        """Show this traceback, the newest of `same` alike (0: not known how many) of `of` failed runs."""
        heading = self.tr("{same} of {all} failed like this").format(same=formats.number(same), all=formats.number(of))
        if not same:
            heading = self.tr("The newest error of these jobs")
        self.show_text(text, heading)

    def show_text(self, text: str, heading: str, has_link: Callable[[Frame], bool] = lambda frame: False) -> None:
        """Show a traceback with what is said of it; a frame that `has_link` can be clicked."""
        if text != self.text:
            self.text, self._parts = text, parts_of(text)
        self._has_link = has_link
        count = count_frames(self._parts)
        one, more = self.tr("{said} · 1 frame"), self.tr("{said} · {count} frames")
        words = one.format(said=heading) if count == 1 else more.format(said=heading, count=formats.number(count))
        self.note.set_runs([Run(words, "secondary")])
        self.which.setVisible(has_own(self._parts))
        self._head.show()
        self._frame.show()
        self.show()
        self._show()

    def _show(self) -> None:
        self.block.set_runs(runs_of(self._parts, is_whole=self.which.current() == 1, has_link=self._has_link))
