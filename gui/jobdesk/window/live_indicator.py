"""Whether what is shown is live, as a shape, a word and the reason on hover."""

from __future__ import annotations

from PySide6.QtCore import QSize
from PySide6.QtWidgets import QWidget

from jobdesk.kit.shape_label import ShapeLabel
from jobdesk.kit.text_block import as_tooltip
from jobdesk.kit.theme import theme
from jobdesk.kit.theme.tokens import Tone

#: Shape and tone of each mode of the feed.
_LOOK: dict[str, tuple[str, Tone]] = {
    "connecting": ("half-circle", "secondary"),
    "live": ("dot", "good"),
    "polling": ("circle", "warning"),
    "stale": ("triangle", "bad"),
    "closed": ("dash", "secondary"),
}
#: Modes whose word is written plainly, because all is well or nothing is expected.
_CALM = {"connecting", "live", "closed"}


class LiveIndicator(ShapeLabel):
    """Shows the feed's mode. What follows a middle dot in the text (`Live · 12 ms`) is written as an aside."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._mode = "closed"
        self._least = 0
        theme().changed.connect(self._forget_width)
        self.set_state("closed", self.tr("Not connected"), "")

    @property
    def mode(self) -> str:
        """The mode on show."""
        return self._mode

    @property
    def text(self) -> str:
        """All the words on show."""
        return self.accessibleName()

    def set_state(self, mode: str, text: str, tooltip: str) -> None:
        """Show a mode of FeedState with its words; `tooltip` says why. KeyError for a mode there is not."""
        shape, tone = _LOOK[mode]
        if mode != self._mode:
            self._mode = mode
            self._forget_width()
        word, dot, aside = text.partition(" · ")
        self.set_content(shape, word, tone, f"{dot.strip()} {aside}".strip())
        # Milliseconds come and go by a digit: the filter bar beside it, and the window, are not laid out anew for that.
        self._least = self.sizeHint().width()
        if tooltip != self.accessibleDescription():
            self.setToolTip(as_tooltip(tooltip))
            self.setAccessibleDescription(tooltip)

    def sizeHint(self) -> QSize:
        hint = super().sizeHint()
        return QSize(max(self._least, hint.width()), hint.height())

    def _forget_width(self) -> None:
        self._least = 0
        self.updateGeometry()

    def text_tone(self) -> Tone:
        return "text" if self._mode in _CALM else super().text_tone()
