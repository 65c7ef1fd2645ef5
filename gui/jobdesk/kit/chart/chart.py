"""The chart as a widget: painted once into a picture, with the line under the pointer and a dragged range above it."""

from __future__ import annotations

from collections.abc import Collection

from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QFocusEvent,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
    QPixmap,
    QResizeEvent,
)
from PySide6.QtWidgets import QApplication, QSizePolicy, QWidget

from jobdesk.kit.chart.binning import Bins, bins_of
from jobdesk.kit.chart.box import paint_box, paint_span, told
from jobdesk.kit.chart.data import ChartData
from jobdesk.kit.chart.painting import Painting
from jobdesk.kit.chart.scales import Frame, frame_of, span_text
from jobdesk.kit.growing import keep_sizes
from jobdesk.kit.theme import theme

NOTHING = ChartData(0, 1, ())
#: Columns that Page Up and Page Down go over.
PAGE = 10
#: Series that are named when no column is under the line.
MOST_NAMED = 10
_KEYS = frozenset(
    (Qt.Key.Key_Left, Qt.Key.Key_Right, Qt.Key.Key_PageUp, Qt.Key.Key_PageDown, Qt.Key.Key_Home, Qt.Key.Key_End)
)


class Chart(QWidget):
    """Columns over time, and curves below them.

    A click on a column chooses it, a drag over several chooses their minutes, Escape asks for the range before. With
    the keyboard: Left and Right, Home, End, Page Up and Page Down move the line, with Shift they span a range, and
    Return chooses.
    """

    column_chosen = Signal(int, int, str)  # its first minute since 1970, the one after its last, the layer's key or ""
    range_chosen = Signal(int, int)
    back_asked_for = Signal()
    hovered = Signal(int)  # a column, or -1

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        keep_sizes(self, least_height=190)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.data = NOTHING
        self._hidden: frozenset[str] = frozenset()
        self._shown = NOTHING
        self._words = ""
        #: Whether there is a range before this one, which Escape asks for.
        self.has_back = False
        self._picture = QPixmap()
        self._painting: Painting | None = None
        self._binned: tuple[ChartData, int, Bins] | None = None
        self._column = -1
        self._pointer: QPointF | None = None
        self._pressed_at: QPointF | None = None
        self._dragged: tuple[int, int] | None = None  # columns, in the order of the drag
        self._waiting: tuple[ChartData, str] | None = None
        self.setAccessibleName(self.tr("Chart"))
        # The window adds what can be done with a chart, wherever there is one.
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.ActionsContextMenu)
        self.setProperty("actions", "chart")
        theme().changed.connect(self._repaint)

    # What it shows

    def set_data(self, data: ChartData, words: str = "") -> None:
        """Show this; `words` stand in its middle when nothing was counted. While a range is dragged it waits."""
        if len(data) and (self._pressed_at is not None or self._dragged is not None):
            self._waiting = data, words
            return
        if data == self.data and words == self._words:
            return
        minute = self.data.span(self._column)[0] if self._column >= 0 else None
        self.data, self._words = data, words
        self._shown = data.without(self._hidden)
        if minute is not None and data.first <= minute < data.end:
            self._column = data.column_at(minute)
        else:
            self._column = -1
        if len(data):
            self._bins(self._frame())  # before the frame that paints them: a week of minutes takes its time
        self._repaint()
        self._tell()

    def set_hidden(self, keys: Collection[str]) -> None:
        """Leave out the layers and curves of these keys."""
        if frozenset(keys) != self._hidden:
            self._hidden = frozenset(keys)
            self._shown = self.data.without(self._hidden)
            self._repaint()

    @property
    def shown(self) -> ChartData:
        """What is drawn: all but what is hidden."""
        return self._shown

    @property
    def column(self) -> int:
        """The column under the line, or -1."""
        return self._column

    @property
    def is_dragging(self) -> bool:
        """Whether a range is being chosen."""
        return self._dragged is not None

    # Painting

    def paintEvent(self, event: QPaintEvent) -> None:
        if self._painting is None:
            self._paint_picture()
        painter = QPainter(self)
        painter.drawPixmap(0, 0, self._picture)
        if self.hasFocus():
            painter.setPen(QPen(theme().colour("focus"), 1))
            painter.drawRect(self.rect().adjusted(0, 0, -1, -1))
        if not len(self._shown):
            return
        frame = self._frame()
        if self._dragged is not None:
            self._paint_dragged(painter, frame)
        if self._column >= 0:
            self._paint_hovered(painter, frame)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._repaint()

    def event(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.DevicePixelRatioChange:
            self._repaint()
        if event.type() == QEvent.Type.ShortcutOverride and isinstance(event, QKeyEvent) and self._takes(event.key()):
            event.accept()  # before the window's own keys
            return True
        return super().event(event)

    def _takes(self, key: int) -> bool:
        if key == Qt.Key.Key_Escape:
            return self.has_back or self._dragged is not None or self._pressed_at is not None
        return key in _KEYS

    def _repaint(self) -> None:
        self._painting = None
        self.update()

    def _paint_picture(self) -> None:
        """Paint all but what follows the pointer, where the former picture was: room for a new one takes its time."""
        ratio, frame = self.devicePixelRatioF(), self._frame()
        size = QSize(round(self.width() * ratio), round(self.height() * ratio))
        if self._picture.size() != size:
            self._picture = QPixmap(size)
        self._picture.setDevicePixelRatio(ratio)
        self._picture.fill(theme().colour("panel"))
        painter = QPainter(self._picture)
        self._painting = Painting(painter, frame, self._shown, self._bins(frame))
        if len(self._shown):
            self._painting.paint()
        if self._words and self.data.is_empty:
            painter.setFont(theme().font(13))
            painter.setPen(theme().colour("secondary"))
            place = frame.upper if len(self._shown) else QRectF(self.rect())
            painter.drawText(place, int(Qt.AlignmentFlag.AlignCenter), self._words)
        painter.end()

    def _frame(self) -> Frame:
        return frame_of(QRectF(self.rect()), self._shown)

    def _bins(self, frame: Frame) -> Bins:
        width = int(frame.upper.width())
        if self._binned is None or self._binned[0] is not self._shown or self._binned[1] != width:
            self._binned = self._shown, width, bins_of(self._shown, width)
        return self._binned[2]

    def _paint_hovered(self, painter: QPainter, frame: Frame) -> None:
        x, now, shown = frame.left_of(self._column + 0.5), theme(), self._shown
        painter.setPen(QPen(now.colour("secondary"), 1, Qt.PenStyle.DashLine))
        bottom = frame.lower.bottom() if shown.curves_name else frame.upper.bottom()
        painter.drawLine(QPointF(x, frame.upper.top()), QPointF(x, bottom))
        painting, minutes = self._painting, shown.recorded[self._column]
        if painting is not None and minutes:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.setBrush(now.colour("panel"))
            for layer in shown.layers:
                if layer.is_ground:
                    y = painting.height_of(layer.values[self._column] / minutes)
                    self._paint_dot(painter, QPointF(x, y), now.colour("succeeded"))
            for curve in shown.curves:
                value = curve.values[self._column]
                if value is not None:
                    self._paint_dot(painter, QPointF(x, painting.place_of(value)), now.colour(curve.tone))
        if self._dragged is None:
            paint_box(painter, frame, shown, self._column, self._pointer)

    def _paint_dot(self, painter: QPainter, at: QPointF, colour: QColor) -> None:
        painter.setPen(QPen(colour, 1))
        painter.drawEllipse(at, 3, 3)

    def _paint_dragged(self, painter: QPainter, frame: Frame) -> None:
        assert self._dragged is not None
        low, high = min(self._dragged), max(self._dragged) + 1
        left, right = frame.left_of(low), frame.left_of(high)
        ground = QColor(theme().colour("accent"))
        ground.setAlphaF(0.16)
        bottom = frame.lower.bottom() if self._shown.curves_name else frame.upper.bottom()
        painter.fillRect(QRectF(left, frame.upper.top(), right - left, bottom - frame.upper.top()), ground)
        paint_span(painter, frame, (left + right) / 2, self._dragged_words())

    def _dragged_words(self) -> str:
        assert self._dragged is not None
        low, high = min(self._dragged), max(self._dragged)
        return span_text(self._shown.span(low)[0], self._shown.span(high)[1])

    # Pointer and keys

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if not len(self._shown):
            return
        at, frame = event.position(), self._frame()
        column = frame.column_at(at.x())
        if self._pressed_at is not None and (
            self._dragged is not None or abs(at.x() - self._pressed_at.x()) >= QApplication.startDragDistance()
        ):
            self._dragged = frame.column_at(self._pressed_at.x()), column
            self._move_to(column, at)
            return
        self._move_to(column if _sensitive(frame).contains(at) else -1, at)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() is Qt.MouseButton.LeftButton and len(self._shown):
            self._pressed_at = event.position()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        if event.button() is not Qt.MouseButton.LeftButton or self._pressed_at is None:
            return
        if self._dragged is not None:
            self._choose_dragged()
        else:
            at, frame = event.position(), self._frame()
            column = frame.column_at(at.x())
            layer = self._painting.layer_at(column, at.y()) if self._painting is not None else ""
            if _sensitive(frame).contains(at):
                self.column_chosen.emit(*self._shown.span(column), layer)
            self._let_go()

    def leaveEvent(self, event: QEvent) -> None:
        self._move_to(-1, None)

    def focusOutEvent(self, event: QFocusEvent) -> None:
        super().focusOutEvent(event)
        self._let_go()
        self._move_to(-1, None)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        key, last = event.key(), len(self._shown) - 1
        here = self._column if self._column >= 0 else last
        is_there = self._column >= 0
        places = {
            Qt.Key.Key_Left: here - int(is_there),
            Qt.Key.Key_Right: here + int(is_there),
            Qt.Key.Key_PageUp: here - PAGE,
            Qt.Key.Key_PageDown: here + PAGE,
            Qt.Key.Key_Home: 0,
            Qt.Key.Key_End: last,
        }
        if last >= 0 and key in places:
            column = max(0, min(last, places[Qt.Key(key)]))
            is_span = bool(event.modifiers() & Qt.KeyboardModifier.ShiftModifier)
            if is_span:
                self._dragged = self._dragged[0] if self._dragged else here, column
            self._move_to(column, None)
            if is_span:
                self.update()
            else:
                self._let_go()
        elif key in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and self._column >= 0:
            if self._dragged is not None:
                self._choose_dragged()
            else:
                self.column_chosen.emit(*self._shown.span(self._column), "")
        elif key == Qt.Key.Key_Escape:
            self._escape(event)
        else:
            super().keyPressEvent(event)

    def _escape(self, event: QKeyEvent) -> None:
        """Out of a drag; else back to the range before."""
        if self._dragged is None and self._pressed_at is None:
            self.back_asked_for.emit()
            return
        self._let_go()

    def _choose_dragged(self) -> None:
        assert self._dragged is not None
        low, high = min(self._dragged), max(self._dragged)
        first, end = self._shown.span(low)[0], self._shown.span(high)[1]
        self._let_go()
        self.range_chosen.emit(first, end)

    def _let_go(self) -> None:
        """No range is being chosen any more; what has come meanwhile is shown."""
        self._pressed_at = self._dragged = None
        waiting, self._waiting = self._waiting, None
        if waiting is not None:
            self.set_data(*waiting)
        self.update()

    def _move_to(self, column: int, pointer: QPointF | None) -> None:
        self._pointer = pointer
        if column < 0 and self._column < 0:
            return
        if column != self._column:
            self._column = column
            self._tell()
            self.hovered.emit(column)
        self.update()

    def _tell(self) -> None:
        """What a screen reader says: the column under the line, or all of it."""
        if self._dragged is not None:
            self.setAccessibleDescription(self._dragged_words())
        elif self._column >= 0:
            self.setAccessibleDescription(told(self._shown, self._column))
        else:
            totals = [f"{layer.name} {sum(layer.values):,}" for layer in self._shown.layers[:MOST_NAMED]]
            self.setAccessibleDescription(", ".join(totals))


def _sensitive(frame: Frame) -> QRectF:
    """Where the pointer means a column."""
    return frame.upper.adjusted(-8, -12, 8, frame.lower.height() + 60)
