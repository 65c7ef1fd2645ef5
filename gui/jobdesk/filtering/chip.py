"""One condition of the filter as a chip: its key in the accent colour, its value plain, a cross to take it away."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QRect, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QContextMenuEvent, QFont, QFontMetrics, QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QAbstractButton, QMenu, QSizePolicy, QWidget

from jobdesk.kit import formats
from jobdesk.kit.growing import keep_sizes
from jobdesk.kit.text_block import as_tooltip
from jobdesk.kit.theme import theme
from jobdesk.kit.theme.icons import draw_icon

HEIGHT = 20
PADDING = 6
CROSS = 14
MAX_WIDTH = 320
#: A text is measured, shown and named up to so many characters; it may have a hundred thousand.
LONGEST_NAME = 300
_REMOVE_KEYS = (Qt.Key.Key_Delete, Qt.Key.Key_Backspace)


class FilterChip(QAbstractButton):
    """A click (or Enter) asks to change the condition, a click on the cross (or Delete) to remove it.

    The key minus asks for its opposite; the context menu offers all three.
    """

    removed = Signal()
    turned = Signal()

    def __init__(self, token: str, is_quiet: Callable[[], bool] = lambda: False, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.token = token
        self._is_quiet = is_quiet
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        keep_sizes(self, most_width=MAX_WIDTH)
        self.setToolTip(as_tooltip(token[:LONGEST_NAME]))
        name = self.tr("Filter {token}. Enter edits it, minus inverts it, Delete removes it.")
        self.setAccessibleName(name.format(token=token[:LONGEST_NAME]))
        theme().changed.connect(self.update)
        theme().changed.connect(self.updateGeometry)

    @property
    def _font(self) -> QFont:
        return theme().mono_font(12)

    def sizeHint(self) -> QSize:
        text = self.token[:LONGEST_NAME]
        width = QFontMetrics(self._font, self).horizontalAdvance(text) + 2 * PADDING + theme().grown(CROSS) + 2
        return QSize(min(width, theme().grown(MAX_WIDTH)), theme().grown(HEIGHT))

    def minimumSizeHint(self) -> QSize:
        return QSize(min(theme().grown(48), self.sizeHint().width()), theme().grown(HEIGHT))

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in _REMOVE_KEYS:
            self.removed.emit()
        elif event.key() == Qt.Key.Key_Minus:
            self.turned.emit()
        elif event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.click()
        else:
            super().keyPressEvent(event)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        if self.isDown() and self._cross().contains(event.position().toPoint()):
            self.setDown(False)
            self.removed.emit()
        else:
            super().mouseReleaseEvent(event)

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        is_left_out = self.token.startswith("-")
        menu.addAction(self.tr("Edit"), self.click)
        menu.addAction(self.tr("Include") if is_left_out else self.tr("Exclude"), self.turned.emit)
        menu.addAction(self.tr("Remove"), self.removed.emit)
        menu.popup(event.globalPos())

    def paintEvent(self, event: QPaintEvent) -> None:
        tokens, is_quiet = theme().tokens, self._is_quiet()
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setBrush(tokens.colour("hover" if is_quiet else "selection"))
        is_framed = self.hasFocus() or tokens.is_high_contrast
        frame = QPen(tokens.colour("focus" if self.hasFocus() else "line"), tokens.edge if self.hasFocus() else 1)
        painter.setPen(frame if is_framed else Qt.PenStyle.NoPen)
        edge = frame.widthF() / 2 if is_framed else 0.0
        painter.drawRoundedRect(QRectF(self.rect()).adjusted(edge, edge, -edge, -edge), 4, 4)
        painter.setFont(self._font)
        metrics = painter.fontMetrics()
        room = QRect(PADDING, 0, self.width() - 2 * PADDING - theme().grown(CROSS), self.height())
        text = metrics.elidedText(formats.visible(self.token[:LONGEST_NAME]), Qt.TextElideMode.ElideRight, room.width())
        # The colon belongs to the key; a condition without one is all value.
        split = text.find(":") + 1 or int(text.startswith("-"))
        flags = int(Qt.AlignmentFlag.AlignVCenter) | int(Qt.TextFlag.TextSingleLine)
        painter.setPen(tokens.colour("secondary" if is_quiet else "accent"))
        painter.drawText(room, flags, text[:split])
        painter.setPen(tokens.colour("secondary" if is_quiet else "text"))
        room.setLeft(room.left() + metrics.horizontalAdvance(text[:split]))
        painter.drawText(room, flags, text[split:])
        side = self._cross().width() - 4
        cross = QRectF(self._cross().left() + 2, (self.height() - side) / 2, side, side)
        draw_icon(painter, cross, "close", tokens.colour("text" if self.underMouse() else "secondary"))
        painter.end()

    def _cross(self) -> QRect:
        side = theme().grown(CROSS)
        return QRect(self.width() - side - 3, 0, side, self.height())
