"""One big number with its title and a note of up to two lines."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QFont, QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import QLabel, QSizePolicy, QWidget

from jobdesk.kit.clickable import Clickable
from jobdesk.kit.dress import dress
from jobdesk.kit.growing import keep_sizes
from jobdesk.kit.layouts import STRETCH, in_column
from jobdesk.kit.one_line import OneLine
from jobdesk.kit.spark_line import paint_line
from jobdesk.kit.theme import theme
from jobdesk.kit.theme.tokens import Tone

#: What stands between the parts of a note.
DOT = " · "
#: The line of a card: its width, what is left free at its sides, and the least width that shows anything.
LINE_WIDTH, LINE_SIDE, LEAST_LINE_WIDTH = 110, 18, 40


class Card(Clickable):
    """Shows a title, a value of 24 px and a note beneath it."""

    def __init__(self, title: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("card")
        self.setAccessibleName(title)
        self._title = OneLine("secondary")
        self._title.setObjectName("cardTitle")
        self._title.set_whole(title)
        self._value = _label("", 24, QFont.Weight.DemiBold)
        self._value.setObjectName("cardValue")
        keep_sizes(self._value, least_height=29)
        self._line: tuple[Sequence[float | None], Tone] | None = None
        self._whole_note = ""
        self._note, self._rest = OneLine("secondary"), OneLine("secondary")
        in_column(
            self._title, self._value, self._note, self._rest, STRETCH, within=self, margins=(15, 11, 15, 11), spacing=1
        )
        self._rest.hide()
        # Cards in a row are as high as the highest of them.
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Minimum)
        theme().changed.connect(self._fit)

    @property
    def note(self) -> str:
        """What stands beneath the number."""
        return self._whole_note

    @property
    def value(self) -> str:
        """The number on show, as text."""
        return self._value.text()

    def set_title(self, text: str) -> None:
        """Say what the number is of."""
        self._title.set_whole(text)
        self.setAccessibleName(text)

    @property
    def title(self) -> str:
        """What the number is of."""
        return self._title.whole

    def set_value(self, text: str, note: str = "", tone: Tone = "", is_note_bad: bool = False) -> None:
        """Show a number, a note, and the number's tone."""
        if is_note_bad is not (self._note.property("tone") == "bad"):
            for line in (self._note, self._rest):
                line.set_tone("bad" if is_note_bad else "secondary")
        self._whole_note = note
        self._fit()
        self._show_value(text, tone, is_quiet=False)
        self.setAccessibleDescription(f"{text} {note}".strip())

    def set_line(self, values: Sequence[float | None], tone: Tone) -> None:
        """Show how it went, beside the number; nothing where nothing is known."""
        line = (tuple(values), tone) if values else None
        if line != self._line:
            self._line = line
            self.update()

    def set_reading(self, text: str) -> None:
        """Say, quietly, that there is no number yet."""
        self._whole_note = ""
        self._fit()
        self._show_value(text, "secondary", is_quiet=True)
        self.setAccessibleDescription(text)

    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        words = max(self._title.sizeHint().width(), self._value.sizeHint().width())
        width = min(theme().grown(LINE_WIDTH), self.width() - 2 * LINE_SIDE - words)
        if self._line is not None and width >= LEAST_LINE_WIDTH:
            top = self._title.geometry().top() + 4
            box = QRectF(self.width() - LINE_SIDE - width, top, width, self._value.geometry().bottom() - 4 - top)
            paint_line(QPainter(self), box, *self._line)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit()

    def _show_value(self, text: str, tone: Tone, *, is_quiet: bool) -> None:
        self._value.setText(text)
        dress(self._value, tone=tone, quiet=is_quiet)

    def _fit(self) -> None:
        """Write the note in one line, or in two that part between two of its parts."""
        parts, room = self._whole_note.split(DOT), self.contentsRect().width() - 30
        metrics, fitting = self._note.fontMetrics(), 1
        while fitting < len(parts) and metrics.horizontalAdvance(DOT.join(parts[: fitting + 1])) + 4 <= room:
            fitting += 1
        self._note.set_whole(DOT.join(parts[:fitting]))
        self._rest.set_whole(DOT.join(parts[fitting:]))
        self._rest.setVisible(fitting < len(parts))


def _label(tone: Tone, size_px: int, weight: QFont.Weight = QFont.Weight.Normal) -> QLabel:
    label = QLabel()
    label.setTextFormat(Qt.TextFormat.PlainText)
    label.setFont(theme().font(size_px, weight))
    label.setProperty("tone", tone)
    label.setMinimumWidth(40)
    label.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
    return label
