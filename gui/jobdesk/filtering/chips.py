"""The filter's pieces in one line: as many chips as there is room for, and behind them how many more there are."""

from __future__ import annotations

from collections.abc import Sequence

from jobdesk_core.filters.language import Piece
from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QPushButton, QSizePolicy, QWidget

from jobdesk.filtering.chip import HEIGHT, FilterChip
from jobdesk.kit.growing import keep_sizes
from jobdesk.kit.theme import theme

GAP = 6
LEAST_CHIP = 72


class FilterChips(QWidget):
    """Only shows and asks. Pieces are named by their place in the whole filter."""

    change_asked_for = Signal(int)  # the place of a piece
    whole_asked_for = Signal()  # the whole filter as text
    removal_asked_for = Signal(int)  # the place of a condition
    opposite_asked_for = Signal(int)  # the place of a condition

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setSizePolicy(QSizePolicy.Policy.Maximum, QSizePolicy.Policy.Fixed)
        keep_sizes(self, height=HEIGHT)
        theme().changed.connect(self._take_size)
        self.is_quiet = False
        self._shown: list[QWidget] = []
        self._more = self._sign("", self.tr("More of the filter. Enter shows all of it as text."))

    def show_pieces(self, pieces: Sequence[tuple[int, Piece]]) -> None:
        """Show these pieces with their places, instead of those before."""
        for widget in self._shown:
            widget.hide()
            widget.deleteLater()
        self._shown = [self._widget(number, piece) for number, piece in pieces]
        self.updateGeometry()
        self._lay_out()

    def sizeHint(self) -> QSize:
        width = sum(widget.sizeHint().width() + GAP for widget in self._shown)
        return QSize(max(0, width - GAP), theme().grown(HEIGHT))

    def minimumSizeHint(self) -> QSize:
        return QSize(min(self.sizeHint().width(), theme().grown(LEAST_CHIP)), theme().grown(HEIGHT))

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._lay_out()

    def set_quiet(self, is_quiet: bool) -> None:
        """Show the conditions as what is in force elsewhere; they can be changed all the same."""
        self.is_quiet = is_quiet
        for widget in self._shown:
            widget.update()

    def _take_size(self) -> None:
        self.updateGeometry()
        self._lay_out()

    def _lay_out(self) -> None:
        widths = [widget.sizeHint().width() for widget in self._shown]
        fitting = self._fitting(widths)
        left = 0
        for position, widget in enumerate(self._shown):
            is_visible = position < fitting
            if is_visible:
                width = min(widths[position], max(0, self.width() - left - self._room_for_more(fitting)))
                widget.setGeometry(left, 0, width, self.height())
                left += width + GAP
            widget.setVisible(is_visible)
        hidden = len(self._shown) - fitting
        self._more.setText(f"+{hidden}")
        self._more.setGeometry(left, 0, self._more.sizeHint().width(), self.height())
        self._more.setVisible(hidden > 0)

    def _fitting(self, widths: list[int]) -> int:
        """How many of the first pieces fit, one at least."""
        if sum(widths) + GAP * (len(widths) - 1) <= self.width():
            return len(widths)
        room = self.width() - self._more.sizeHint().width() - GAP
        fitting = 0
        for width in widths:
            room -= width + GAP
            if room < 0:
                break
            fitting += 1
        return max(1, fitting)

    def _room_for_more(self, fitting: int) -> int:
        return self._more.sizeHint().width() + GAP if fitting < len(self._shown) else 0

    def _widget(self, number: int, piece: Piece) -> QWidget:
        if piece.place is None:
            widget: QWidget = self._sign(piece.text, self.tr("The whole filter as text"))
        else:
            widget = self._chip(number, piece.text, piece.place)
        widget.setParent(self)
        return widget

    def _chip(self, number: int, text: str, place: int) -> FilterChip:
        chip = FilterChip(text, lambda: self.is_quiet)
        # Queued: the chip goes away while it is still in its own event.
        queued = Qt.ConnectionType.QueuedConnection
        chip.clicked.connect(lambda: self.change_asked_for.emit(number), queued)
        chip.removed.connect(lambda: self.removal_asked_for.emit(place), queued)
        chip.turned.connect(lambda: self.opposite_asked_for.emit(place), queued)
        return chip

    def _sign(self, text: str, name: str) -> QPushButton:
        button = QPushButton(text, self)
        button.setObjectName("filterSign")
        button.setAccessibleName(f"{text} {name}".strip())
        button.setToolTip(name)
        button.clicked.connect(self.whole_asked_for, Qt.ConnectionType.QueuedConnection)
        return button
