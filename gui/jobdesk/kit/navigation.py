"""The list of pages at the left, with a badge where a page has something to say."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QRect, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QFont, QPainter, QPen
from PySide6.QtWidgets import (
    QFrame,
    QListWidget,
    QListWidgetItem,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QWidget,
)

from jobdesk.kit import formats
from jobdesk.kit.theme import theme
from jobdesk.kit.theme.icons import icon
from jobdesk.kit.theme.tokens import Tone

WIDTH, FOLDED_WIDTH = 168, 52
ENTRY_HEIGHT = 32
#: The room below an entry that stands apart, with the hairline in its middle.
APART_HEIGHT = 17
ICON_SIDE = 16

_KEY, _ICON, _BADGE, _TONE = (int(Qt.ItemDataRole.UserRole) + offset for offset in range(4))


class Navigation(QListWidget):
    """One entry per page; arrows and letters move through them. `chosen` says which one the person went to."""

    chosen = Signal(str)

    def __init__(
        self, entries: Sequence[tuple[str, str, str]] = (), parent: QWidget | None = None, *, apart: str = ""
    ) -> None:
        super().__init__(parent)
        self.setObjectName("navigation")
        self.setProperty("pane", True)
        self.setAccessibleName(self.tr("Pages"))
        self.is_folded = False
        #: The entry above a hairline, apart from the others; empty for none.
        self._apart = apart
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setItemDelegate(_EntryDelegate(self))
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setMouseTracking(True)
        self.currentItemChanged.connect(self._moved)
        theme().changed.connect(self._take_size)
        self._take_size()
        self.set_entries(entries)

    def set_entries(self, entries: Sequence[tuple[str, str, str]]) -> None:
        """Show entries of key, text and icon name (empty for none); the first one is current."""
        self.blockSignals(True)
        self.clear()
        for key, text, icon_name in entries:
            item = QListWidgetItem(text, self)
            item.setData(_KEY, key)
            item.setData(_ICON, icon_name)
        self.setCurrentRow(0)
        self.blockSignals(False)
        self._take_size()

    def fold(self, is_folded: bool) -> None:
        """Show icons only, with the words on hover; or the words again."""
        self.is_folded = is_folded
        self._take_size()
        for row in range(self.count()):
            item = self.item(row)
            if item.data(_ICON):
                item.setToolTip(item.data(Qt.ItemDataRole.AccessibleTextRole) or item.text() if is_folded else "")

    def _take_size(self) -> None:
        self.setFixedWidth(theme().grown(FOLDED_WIDTH if self.is_folded else WIDTH))
        for row in range(self.count()):
            below = APART_HEIGHT if self.item(row).data(_KEY) == self._apart else 0
            self.item(row).setSizeHint(QSize(self.width() - 20, theme().grown(ENTRY_HEIGHT) + below))
        self.viewport().update()

    def set_badge(self, key: str, text: str, tone: Tone = "") -> None:
        """Put a short text at an entry's right; `bad` and `warning` stand out. Empty takes it away."""
        item = self._item(key)
        item.setData(_BADGE, text)
        item.setData(_TONE, tone)
        item.setData(Qt.ItemDataRole.AccessibleTextRole, f"{item.text()}, {text}" if text else item.text())

    def choose(self, key: str) -> None:
        """Mark an entry as the one on show; says nothing back. KeyError for a key there is not."""
        self.blockSignals(True)
        self.setCurrentItem(self._item(key))
        self.blockSignals(False)
        self.viewport().update()

    @property
    def current(self) -> str:
        """The key of the entry on show, empty when there are none."""
        item = self.currentItem()
        return str(item.data(_KEY)) if item is not None else ""

    def _item(self, key: str) -> QListWidgetItem:
        for row in range(self.count()):
            if self.item(row).data(_KEY) == key:
                return self.item(row)
        raise KeyError(key)

    def _moved(self, item: QListWidgetItem | None) -> None:
        if item is not None:
            self.chosen.emit(item.data(_KEY))


class _EntryDelegate(QStyledItemDelegate):
    """Paints one entry; the current one stands out by ground, weight and colour."""

    def __init__(self, bar: Navigation) -> None:
        super().__init__(bar)
        self._bar = bar

    def paint(
        self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> None:
        """Override QStyledItemDelegate.paint."""
        tokens = theme().tokens
        is_current = bool(option.state & QStyle.StateFlag.State_Selected)
        box = option.rect
        if box.height() > theme().grown(ENTRY_HEIGHT):
            painter.fillRect(
                box.left() + 8, box.bottom() - APART_HEIGHT // 2, box.width() - 16, 1, tokens.colour("line")
            )
            box = box.adjusted(0, 0, 0, -APART_HEIGHT)
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        if is_current or option.state & QStyle.StateFlag.State_MouseOver:
            painter.setBrush(tokens.colour("selection" if is_current else "hover"))
            painter.drawRoundedRect(QRectF(box), 6, 6)
        if option.state & QStyle.StateFlag.State_HasFocus:
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(QPen(tokens.colour("focus"), tokens.edge))
            inset = tokens.edge / 2
            painter.drawRoundedRect(QRectF(box).adjusted(inset, inset, -inset, -inset), 6, 6)
        left = box.left() + 8
        if name := index.data(_ICON):
            side = theme().grown(ICON_SIDE)
            top = box.top() + (box.height() - side) // 2
            picture = icon(name, "accent" if is_current else "secondary")
            picture.paint(painter, QRect(left, top, side, side))
            left += side + 7
        if self._bar.is_folded:
            self._paint_folded(painter, box, index)
            painter.restore()
            return
        right = self._paint_badge(painter, box, index)
        painter.setFont(theme().font(13, QFont.Weight.DemiBold if is_current else QFont.Weight.Normal))
        painter.setPen(tokens.colour("accent" if is_current else "text"))
        room = QRect(left, box.top(), right - left - 3, box.height())
        text = painter.fontMetrics().elidedText(
            formats.visible(index.data(Qt.ItemDataRole.DisplayRole)), Qt.TextElideMode.ElideRight, room.width()
        )
        painter.drawText(room, int(Qt.AlignmentFlag.AlignVCenter), text)
        painter.restore()

    def _paint_folded(self, painter: QPainter, box: QRect, index: QModelIndex | QPersistentModelIndex) -> None:
        """What is left without words: the beginning of a name that has no icon, and a dot for what stands out."""
        tokens = theme().tokens
        if not index.data(_ICON):
            painter.setFont(theme().font(13))
            painter.setPen(tokens.colour("text"))
            start = formats.visible(index.data(Qt.ItemDataRole.DisplayRole))[:2]
            painter.drawText(box, int(Qt.AlignmentFlag.AlignCenter), start)
        if index.data(_BADGE) and index.data(_TONE) in ("bad", "warning"):
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(tokens.colour(index.data(_TONE)))
            painter.drawEllipse(QRectF(box.right() - 9, box.top() + 5, 6, 6))

    def _paint_badge(self, painter: QPainter, box: QRect, index: QModelIndex | QPersistentModelIndex) -> int:
        """Paint the badge and return where it starts."""
        room = box.adjusted(0, 0, -8, 0)
        text = index.data(_BADGE)
        if not text:
            return room.right()
        tone: Tone = index.data(_TONE) or "secondary"
        painter.setFont(theme().font(11, QFont.Weight.Normal if tone == "secondary" else QFont.Weight.DemiBold))
        painter.setPen(theme().tokens.colour(tone))
        flags = int(Qt.AlignmentFlag.AlignVCenter) | int(Qt.AlignmentFlag.AlignRight)
        painter.drawText(room, flags, text)
        return room.right() - painter.fontMetrics().horizontalAdvance(text)
