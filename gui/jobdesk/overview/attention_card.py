"""What needs attention: a line for each thing, the worst first, with how long it has been so and what helps."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from jobdesk_core.watching.attention import Attention
from jobdesk_core.watching.watch import Past
from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from jobdesk.connection.remedies import ACTS, WAYS, Button, Way, buttons_of
from jobdesk.kit import formats
from jobdesk.kit.shape_label import ShapeLabel
from jobdesk.kit.text_block import Run, TextBlock
from jobdesk.kit.theme import theme
from jobdesk.kit.theme.tokens import Tone

#: Lines shown at first, and when all are; the head tells how many more there are.
SHOWN, MOST_SHOWN = 3, 20
_MORE = "more"


class AttentionCard(QFrame):
    """Never vanishes, so that the page does not jump: with nothing to tell it says so in one line."""

    asked = Signal(str, object)  # a Way, and the Attention that it is about
    defer_asked_for = Signal()
    rules_asked_for = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("card")
        self.setProperty("pane", True)
        self.setAccessibleName(self.tr("Needs attention"))
        self._is_open = False
        self._shown: tuple[Sequence[Attention], dt.datetime, str] | None = None
        self.title = _label("strong")
        self.title.setText(self.tr("Needs attention"))
        self.note = TextBlock()
        self.note.linked.connect(self._toggle)
        self._head = QWidget()
        head = QHBoxLayout(self._head)
        head.setContentsMargins(14, 9, 12, 9)
        head.setSpacing(10)
        head.addWidget(self.title)
        head.addWidget(self.note, 1)
        self.rules = QPushButton(self.tr("Alert rules"))
        self.rules.setObjectName("link")
        self.rules.setToolTip(self.tr("Show when you are told, and how"))
        self.rules.clicked.connect(self.rules_asked_for)
        head.addWidget(self.rules)
        self.lines = [AttentionLine(self) for _ in range(SHOWN)]
        self._quiet, self._quiet_words = ShapeLabel(), TextBlock()
        self.defer = QPushButton(self.tr("Defer a job…"))
        self.defer.clicked.connect(self.defer_asked_for)
        self._calm = QWidget()
        calm = QHBoxLayout(self._calm)
        calm.setContentsMargins(14, 9, 12, 9)
        calm.setSpacing(6)
        calm.addWidget(self._quiet)
        calm.addWidget(self._quiet_words, 1)
        calm.addWidget(self.defer)
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(1, 1, 1, 1)
        self._layout.setSpacing(0)
        self._layout.addWidget(self._head)
        for line in self.lines:
            self._layout.addWidget(line)
        self._layout.addWidget(self._calm)
        self.show_reading()

    @property
    def text(self) -> str:
        """All that it says."""
        if self._calm.isVisibleTo(self):
            return self._quiet_words.plain_text
        return "\n".join(line.text for line in self.lines if line.isVisibleTo(self))

    def show_reading(self) -> None:
        """Nothing has been read yet."""
        self._show_calm("", self.tr("reading …"), "secondary")

    def show_empty(self) -> None:
        """There is no job at all."""
        sentence = self.tr("No jobs yet. Defer one, or start a worker and defer from your application.")
        self._show_calm("", sentence, "secondary", can_defer=True)

    def show_lines(
        self, lines: Sequence[Attention], now: dt.datetime, stale_note: str = "", last: Past | None = None
    ) -> None:
        """Show these, the worst first, or what was over last; with a `stale_note` they are of its time."""
        if not lines:
            if stale_note:
                self._show_calm("", self.tr("Nothing needed attention {as_of}.").format(as_of=stale_note), "secondary")
            else:
                self._show_calm("check", self._calm_words(last, now), "good")
            return
        self._shown = lines, now, stale_note
        shown = min(len(lines), MOST_SHOWN if self._is_open else SHOWN)
        while len(self.lines) < shown:
            self.lines.append(AttentionLine(self))
            self._layout.insertWidget(len(self.lines), self.lines[-1])
        self._show_head(len(lines), shown, stale_note)
        self._calm.hide()
        self._head.show()
        for place, widget in enumerate(self.lines):
            widget.setVisible(place < shown)
            if place < shown:
                widget.show_line(lines[place], now, is_stale=bool(stale_note))

    def _show_head(self, count: int, shown: int, stale_note: str) -> None:
        number = formats.number(count)
        worst = self.tr("{count}, worst first").format(count=number) if count > 1 else ""
        runs = [Run(" · ".join(filter(None, (stale_note, worst))), "secondary")]
        if count > SHOWN:
            more = self.tr("{count} more").format(count=formats.number(count - SHOWN))
            words = self.tr("show fewer") if self._is_open else more
            runs += [Run(" · ", "secondary"), Run(words, link=_MORE)]
        self.note.set_runs(runs)

    def _toggle(self, _: str) -> None:
        """Show all of them, or the worst alone again."""
        self._is_open = not self._is_open
        if self._shown is not None:
            lines, now, stale_note = self._shown
            self.show_lines(lines, now, stale_note)

    def _calm_words(self, last: Past | None, now: dt.datetime) -> str:
        sentence = self.tr("Nothing needs attention.")
        if last is None:
            return sentence
        began, ended = _minute(last.since, now), _minute(last.until, now)
        span = began if began == ended else f"{began} – {ended}"
        return f"{sentence} " + self.tr("Last: {what}, {when}.").format(what=formats.cut(last.was, 60), when=span)

    def _show_calm(self, shape: str, sentence: str, tone: Tone, *, can_defer: bool = False) -> None:
        self._shown = None
        self._head.hide()
        for line in self.lines:
            line.hide()
        self._quiet.set_content(shape, "", tone)
        self._quiet.setVisible(bool(shape))
        self._quiet_words.set_runs([Run(sentence, tone)])
        self.defer.setVisible(can_defer)
        self._calm.show()


class AttentionLine(QWidget):
    """One line below a hairline; its buttons stay the same while its sentence goes on."""

    def __init__(self, card: AttentionCard) -> None:
        super().__init__(card)
        self._line: Attention | None = None
        self._card = card
        self.shape = ShapeLabel()
        self._block = TextBlock()
        self.age = _label("tone", "secondary")
        self.age.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        self.buttons = [QPushButton() for _ in range(WAYS)]
        self._ways: list[Button] = []
        row = QHBoxLayout(self)
        row.setContentsMargins(14, 5, 8, 5)
        row.setSpacing(8)
        row.addWidget(self.shape)
        row.addWidget(self._block, 1)
        row.addWidget(self.age)
        for place, button in enumerate(self.buttons):
            button.clicked.connect(lambda _=False, place=place: self._ask(place))
            row.addWidget(button)

    @property
    def text(self) -> str:
        """Its sentence."""
        return self._block.plain_text

    def button(self, way: Way) -> QPushButton:
        """The button of a way that it offers. StopIteration when it does not."""
        return next(button for button, each in zip(self.buttons, self._ways, strict=False) if each.way == way)

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
        self._ways = buttons_of(line)
        for place, button in enumerate(self.buttons):
            button.setVisible(place < len(self._ways))
            if place < len(self._ways):
                way, text = self._ways[place]
                button.setText(text)
                button.setAccessibleName(f"{line.subject}: {text}" if line.subject else text)
                button.setEnabled(not (is_stale and way in ACTS))

    def _ask(self, place: int) -> None:
        if self._line is not None and place < len(self._ways):
            self._card.asked.emit(self._ways[place].way, self._line)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setPen(theme().tokens.colour("line"))
        painter.drawLine(0, 0, self.width(), 0)


def _minute(at: dt.datetime, now: dt.datetime) -> str:
    there, today = formats.here(at), formats.here(now)
    return f"{there:%H:%M}" if there.date() == today.date() else f"{there:%a %H:%M}"


def _label(name: str, value: str = "true") -> QLabel:
    label = QLabel()
    label.setTextFormat(Qt.TextFormat.PlainText)
    label.setProperty(name, value)
    return label
