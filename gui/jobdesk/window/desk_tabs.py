"""The strip of tabs, one for each desk: the environment's colour, the connection's name, and how its link is."""

from __future__ import annotations

from PySide6.QtCore import QPoint, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QMouseEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QTabBar, QWidget

from jobdesk.kit import formats
from jobdesk.kit.dress import dress
from jobdesk.kit.text_block import as_tooltip
from jobdesk.kit.theme import theme
from jobdesk.kit.theme.shapes import paint_shape
from jobdesk.kit.theme.tokens import Tone

#: Names are shown up to so many characters; the whole one is told on hover.
LONGEST = 40
#: The width and height of a mark beside a name, and the side of what is painted in it.
MARK = QSize(24, 16)
SIDE = 10
#: How far from the strip a tab is dragged to get a window of its own, in pixels.
TORN_OFF = 60
#: Shape and tone by how a desk's link is: the modes of the feed, and "none" without a connection.
STATES: dict[str, tuple[str, Tone]] = {
    "live": ("dot", "good"),
    "polling": ("half-circle", "warning"),
    "stale": ("cross", "bad"),
    "closed": ("cross", "bad"),
    "connecting": ("circle", "secondary"),
    "none": ("dash", "secondary"),
}


class _Mark(QWidget):
    """A square in the environment's colour, or the shape of a state."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._colour, self._state = "", ""
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self.setFixedSize(theme().grown(MARK.width()), theme().grown(MARK.height()))
        theme().changed.connect(self.update)

    def show_colour(self, colour: str) -> None:
        """Show an environment's colour, grey without one."""
        self._colour = colour
        self.update()

    def show_state(self, state: str) -> None:
        """Show one of STATES."""
        self._state = state
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        side = theme().grown(SIDE)
        box = QRectF((self.width() - side) / 2, (self.height() - side) / 2, side, side)
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if self._state:
            shape, tone = STATES[self._state]
            paint_shape(painter, shape, box, theme().tokens.colour(tone))
        else:
            is_known = bool(self._colour) and QColor.isValidColorName(self._colour)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(QColor(self._colour) if is_known else theme().tokens.colour("neutral"))
            painter.drawRoundedRect(box, 2, 2)
        painter.end()


class DeskTabs(QTabBar):
    """Tells which tab is wanted, closed, moved or torn off; it holds no desk itself."""

    close_asked_for = Signal(int)
    torn_off = Signal(int, QPoint)  # the tab, and where on the screen it was let go

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("desks")
        self.setAccessibleName(self.tr("Open connections"))
        self.setMovable(True)
        self.setExpanding(False)
        self.setDrawBase(False)
        self.setUsesScrollButtons(True)
        self.setElideMode(Qt.TextElideMode.ElideMiddle)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self._held = -1

    def add(self) -> int:
        """A new tab at the end."""
        place = self.addTab("")
        self.setTabButton(place, QTabBar.ButtonPosition.LeftSide, _Mark(self))
        self.setTabButton(place, QTabBar.ButtonPosition.RightSide, _Mark(self))
        return place

    def set_above(self, is_above: bool) -> None:
        """Show no tab as chosen: what is on show stands above them; or the chosen one again."""
        dress(self, above=is_above)

    def show_desk(self, place: int, name: str, environment: str, colour: str, state: str) -> None:
        """Show a tab's connection and one of STATES."""
        name, environment = formats.visible(name), formats.visible(environment)
        text = name if len(name) <= LONGEST else f"{name[: LONGEST - 1]}…"
        self.setTabText(place, text.replace("&", "&&"))
        left = self.tabButton(place, QTabBar.ButtonPosition.LeftSide)
        right = self.tabButton(place, QTabBar.ButtonPosition.RightSide)
        if isinstance(left, _Mark) and isinstance(right, _Mark):
            left.show_colour(colour)
            right.show_state(state)
        keys = f"Ctrl+{place + 1}" if place < 9 else ""
        told = (name, environment, self._told(state), keys)
        self.setTabToolTip(place, as_tooltip(" · ".join(part for part in told if part)))
        # What the marks show must be heard, too.
        self.setAccessibleTabName(place, ", ".join(part for part in (name, environment, self._told(state)) if part))

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        held, self._held = self._held, -1
        where = event.position().toPoint()
        super().mouseReleaseEvent(event)
        if event.button() == Qt.MouseButton.MiddleButton and self.tabAt(where) >= 0:
            self.close_asked_for.emit(self.tabAt(where))
        elif held >= 0 and not self.rect().adjusted(0, -TORN_OFF, 0, TORN_OFF).contains(where):
            self.torn_off.emit(self.currentIndex(), event.globalPosition().toPoint())

    def mousePressEvent(self, event: QMouseEvent) -> None:
        super().mousePressEvent(event)
        if event.button() == Qt.MouseButton.LeftButton:
            self._held = self.tabAt(event.position().toPoint())

    def _told(self, state: str) -> str:
        return {
            "live": self.tr("live"),
            "polling": self.tr("polling"),
            "stale": self.tr("not reached"),
            "closed": self.tr("closed"),
            "connecting": self.tr("connecting"),
            "none": self.tr("not connected"),
        }[state]
