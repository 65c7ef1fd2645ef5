"""What needs attention: a line for each thing, the worst first, with how long it has been so and what helps."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from jobdesk_core.watching.attention import Attention
from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from jobdesk.kit import formats
from jobdesk.kit.shape_label import ShapeLabel
from jobdesk.kit.text_block import Run, TextBlock
from jobdesk.kit.theme import theme
from jobdesk.kit.theme.tokens import Tone

#: Lines shown; the head tells how many more there are.
SHOWN = 3


class AttentionCard(QFrame):
    """Never vanishes, so that the page does not jump: with nothing to tell it says so in one line."""

    filter_asked_for = Signal(str)
    workers_asked_for = Signal()
    rescue_asked_for = Signal(str)  # the filter of the stalled jobs
    defer_asked_for = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("card")
        self.setProperty("pane", True)
        self.setAccessibleName(self.tr("Needs attention"))
        self.title, self.note = _label("strong"), _label("tone", "secondary")
        self.title.setText(self.tr("Needs attention"))
        head = QHBoxLayout()
        head.setContentsMargins(0, 0, 0, 0)
        head.setSpacing(8)
        head.addWidget(self.title)
        head.addWidget(self.note)
        head.addStretch()
        self._head = QWidget()
        self._head.setLayout(head)
        self.lines = [AttentionLine(self) for _ in range(SHOWN)]
        self.quiet = ShapeLabel()
        self.defer = QPushButton(self.tr("Defer a job…"))
        self.defer.clicked.connect(self.defer_asked_for)
        self._calm = QWidget()
        calm = QHBoxLayout(self._calm)
        calm.setContentsMargins(0, 0, 0, 0)
        calm.addWidget(self.quiet)
        calm.addStretch()
        calm.addWidget(self.defer)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(15, 9, 12, 9)
        layout.setSpacing(6)
        layout.addWidget(self._head)
        for line in self.lines:
            layout.addWidget(line)
        layout.addWidget(self._calm)
        self.show_reading()

    @property
    def text(self) -> str:
        """All that it says."""
        if self._calm.isVisibleTo(self):
            return self.quiet.text
        return "\n".join(line.text for line in self.lines if line.isVisibleTo(self))

    def show_reading(self) -> None:
        """Nothing has been read yet."""
        self._show_calm("", self.tr("reading …"), "secondary")

    def show_empty(self) -> None:
        """There is no job at all."""
        sentence = self.tr("No jobs yet. Defer one, or start a worker and defer from your application.")
        self._show_calm("", sentence, "secondary", can_defer=True)

    def show_lines(self, lines: Sequence[Attention], now: dt.datetime, stale_note: str = "") -> None:
        """Show these, the worst first; with a `stale_note` they are of the time that it tells."""
        if not lines:
            sentence = self.tr("Nothing needs attention.")
            if stale_note:
                self._show_calm("", self.tr("Nothing needed attention {as_of}.").format(as_of=stale_note), "secondary")
            else:
                self._show_calm("check", sentence, "good")
            return
        more = len(lines) - SHOWN
        parts = [stale_note] if stale_note else []
        parts += [self.tr("{count} more").format(count=formats.number(more))] if more > 0 else []
        self.note.setText(" · ".join(parts))
        self._calm.hide()
        self._head.show()
        for place, widget in enumerate(self.lines):
            widget.setVisible(place < len(lines))
            if place < len(lines):
                widget.show_line(lines[place], now, is_stale=bool(stale_note))

    def _show_calm(self, shape: str, sentence: str, tone: Tone, *, can_defer: bool = False) -> None:
        self._head.hide()
        for line in self.lines:
            line.hide()
        self.quiet.set_content(shape, sentence, tone)
        self.defer.setVisible(can_defer)
        self._calm.show()


class AttentionLine(QWidget):
    """One line; its buttons stay the same while its sentence goes on."""

    def __init__(self, card: AttentionCard) -> None:
        super().__init__(card)
        self._line: Attention | None = None
        self._card = card
        self.shape = ShapeLabel()
        self._block = TextBlock()
        self.age = _label("tone", "secondary")
        self.remedy, self.jobs = QPushButton(), QPushButton(self.tr("Show jobs"))
        self.remedy.clicked.connect(self._help)
        self.jobs.clicked.connect(self._show_jobs)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(8)
        row.addWidget(self.shape)
        row.addWidget(self._block, 1)
        for part in (self.age, self.remedy, self.jobs):
            row.addWidget(part)

    @property
    def text(self) -> str:
        """Its sentence."""
        return self._block.plain_text

    def show_line(self, line: Attention, now: dt.datetime, *, is_stale: bool) -> None:
        """Show this line as of now; a stale one is of the past, and offers nothing that acts."""
        self._line = line
        tone: Tone = "secondary" if is_stale else line.tone
        self.shape.set_content("triangle", "", tone)
        # The shape has the colour; whole sentences in red would be hard to read.
        words: Tone = "secondary" if is_stale else ""
        subject = [Run(line.subject, words, is_strong=True), Run(": ", words)] if line.subject else []
        self._block.set_runs([*subject, Run(line.sentence, words)])
        self.age.setText(formats.age(line.since, now) if line.since is not None else "")
        if line.remedy == "rescue":
            one, more = self.tr("Rescue 1 job…"), self.tr("Rescue {count} jobs…")
            self.remedy.setText(one if line.count == 1 else more.format(count=formats.number(line.count)))
        else:
            self.remedy.setText(self.tr("Show workers"))
        self.remedy.setVisible(bool(line.remedy))
        self.remedy.setEnabled(not (is_stale and line.remedy == "rescue"))
        self.jobs.setVisible(bool(line.filter_text))

    def _help(self) -> None:
        if self._line is not None and self._line.remedy == "rescue":
            self._card.rescue_asked_for.emit(self._line.filter_text)
        else:
            self._card.workers_asked_for.emit()

    def _show_jobs(self) -> None:
        if self._line is not None:
            self._card.filter_asked_for.emit(self._line.filter_text)


def _label(name: str, value: str = "true") -> QLabel:
    label = QLabel()
    label.setTextFormat(Qt.TextFormat.PlainText)
    label.setProperty(name, value)
    label.setFont(theme().font(13))
    return label
