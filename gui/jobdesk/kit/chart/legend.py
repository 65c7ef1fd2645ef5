"""What the colours of a chart mean; each name is a button that takes its series out and puts it back."""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

from PySide6.QtCore import QRectF, QSize, Qt, Signal
from PySide6.QtGui import QAction, QFont, QFontMetrics, QPainter, QPaintEvent
from PySide6.QtWidgets import QAbstractButton, QHBoxLayout, QMenu, QSizePolicy, QToolButton, QWidget

from jobdesk.kit import formats
from jobdesk.kit.chart.data import ChartData
from jobdesk.kit.chart.painting import colour_of
from jobdesk.kit.chart.scales import value_text
from jobdesk.kit.text_block import as_tooltip
from jobdesk.kit.theme import theme
from jobdesk.kit.theme.shapes import paint_shape
from jobdesk.kit.theme.tokens import Tone

#: Series with a button of their own; the rest stand in a menu. And how many characters a button has room for.
MOST_BUTTONS, SHORT = 4, 20
SHAPE, PAD, GAP = 12, 4, 6
#: What the button of the menu takes beside its words.
MENU = 40


class Series(NamedTuple):
    """What the legend tells of a series; without a shape, or where it `is_coloured`, the name itself has the colour."""

    key: str
    name: str
    shape: str
    hue: Tone | int
    is_coloured: bool = True
    tip: str = ""


class SeriesButton(QAbstractButton):
    """A shape and a name in the colour of a series; grey and struck through while it is hidden."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.key, self._series = "", Series("", "", "", "")
        self.setCheckable(True)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        theme().changed.connect(self.updateGeometry)
        theme().changed.connect(self.update)

    def show_series(self, series: Series, *, is_shown: bool) -> None:
        """Stand for this series."""
        self.key, self._series = series.key, series
        name = _short(series)
        if self.accessibleName() != series.name:
            self.setText(name)
            self.setAccessibleName(series.name)
            self.updateGeometry()
        self.setToolTip(as_tooltip(series.tip or (series.name if name != series.name else "")))
        self.setChecked(is_shown)
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(_width(self._series), theme().grown(24))

    def paintEvent(self, event: QPaintEvent) -> None:
        painter, now, left = QPainter(self), theme(), float(PAD)
        if self.underMouse():
            painter.fillRect(self.rect(), now.colour("hover"))
        series = self._series
        colour = colour_of(series.hue) if self.isChecked() else now.colour("secondary")
        if series.shape:
            side = now.grown(SHAPE)
            paint_shape(painter, series.shape, QRectF(left, (self.height() - side) / 2, side, side), colour)
            left += side + 5
        painter.setFont(self._font())
        painter.setPen(colour if series.is_coloured or not self.isChecked() else now.colour("text"))
        flags = int(Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft)
        painter.drawText(QRectF(left, 0, self.width() - left, self.height()), flags, self.text())
        if self.hasFocus():
            painter.setPen(now.colour("focus"))
            painter.drawRect(self.rect().adjusted(0, 0, -1, -1))

    def _font(self) -> QFont:
        font = theme().font(12)
        font.setStrikeOut(not self.isChecked())
        return font


class Legend(QWidget):
    """The layers' buttons, a menu for those beyond `MOST_BUTTONS`; after them the curves' in a row of their own."""

    changed = Signal()  # a person has hidden or shown a series

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._hidden: set[str] = set()
        self._buttons: list[SeriesButton] = []
        self._layout = QHBoxLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self._layout.setSpacing(GAP)
        self._more = QToolButton()
        self._more.setObjectName("plain")
        self._more.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self._menu = QMenu(self)
        self._more.setMenu(self._menu)
        self._layout.addWidget(self._more)
        self._more.hide()
        self._known: list[str] = []

    @property
    def hidden(self) -> frozenset[str]:
        """The keys of what is hidden."""
        return frozenset(self._hidden)

    def set_hidden(self, keys: Collection[str]) -> None:
        """Hide these and no others."""
        self._hidden = set(keys)
        for button in self._buttons:
            button.setChecked(button.key not in self._hidden)
        for action in self._menu.actions():
            action.setChecked(action.data() not in self._hidden)

    def show_series(self, series: list[Series], most: int = MOST_BUTTONS) -> None:
        """Have a button for each of these, if they are not many more than `most`."""
        shown, rest = _parted(series, most)
        while len(self._buttons) < len(shown):
            button = SeriesButton(self)
            button.clicked.connect(lambda is_shown, each=button: self._toggle(each.key, is_shown))
            self._layout.insertWidget(len(self._buttons), button)
            self._buttons.append(button)
        for place, button in enumerate(self._buttons):
            button.setVisible(place < len(shown))
            if place < len(shown):
                button.show_series(shown[place], is_shown=shown[place].key not in self._hidden)
        self._show_menu(rest)

    def room_of(self, series: list[Series], most: int = MOST_BUTTONS) -> int:
        """How wide it is when it shows these."""
        shown, rest = _parted(series, most)
        words = QFontMetrics(theme().font(13)).horizontalAdvance(self._rest_words(rest))
        widths = [_width(each) for each in shown] + ([words + MENU] if rest else [])
        return sum(widths) + GAP * max(0, len(widths) - 1)

    def _show_menu(self, rest: list[Series]) -> None:
        self._more.setVisible(bool(rest))
        if [each.key for each in rest] == self._known:
            return
        self._known = [each.key for each in rest]
        self._more.setText(self._rest_words(rest))
        self._menu.clear()
        for each in rest:
            is_shown = each.key not in self._hidden
            action = QAction(each.name.replace("&", "&&"), self._menu, checkable=True, checked=is_shown)
            action.setData(each.key)
            action.triggered.connect(lambda is_shown, key=each.key: self._toggle(key, is_shown))
            self._menu.addAction(action)

    def _rest_words(self, rest: list[Series]) -> str:
        return self.tr("{count} more").format(count=formats.number(len(rest)))

    def _toggle(self, key: str, is_shown: bool) -> None:
        self._hidden.discard(key) if is_shown else self._hidden.add(key)
        self.set_hidden(self._hidden)
        self.changed.emit()


def _parted(series: list[Series], most: int) -> tuple[list[Series], list[Series]]:
    """Those with a button of their own, and the rest, which is never one alone."""
    number = len(series) if len(series) <= most + 1 else most
    return series[:number], series[number:]


def _short(series: Series) -> str:
    return series.name if len(series.name) <= SHORT else f"{series.name[: SHORT - 1]}…"


def _width(series: Series) -> int:
    shape = theme().grown(SHAPE) + 5 if series.shape else 0
    return QFontMetrics(theme().font(12)).horizontalAdvance(_short(series)) + shape + 2 * PAD + 2


def layers_of(data: ChartData) -> list[Series]:
    """What the legend tells of the layers: the lowest first, as they are named."""
    return [Series(each.key, each.name, each.shape, each.hue, isinstance(each.hue, str)) for each in data.layers]


def curves_of(data: ChartData, *, is_short: bool) -> list[Series]:
    """What the legend tells of the curves, with their values of all columns unless it is to be short."""
    found = []
    for each in data.curves:
        words = f"{each.name} {value_text(each.all, data.unit)}".strip()
        name = each.name if is_short else words
        if name:
            found.append(Series(each.key, name, "", each.tone, tip=words))
    return found
