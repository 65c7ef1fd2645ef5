"""The list of pages at the left, each with a badge for what calls for attention."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QPainter
from PySide6.QtWidgets import QListWidget, QListWidgetItem, QStyle, QStyledItemDelegate, QStyleOptionViewItem, QWidget

from jobdesk.theme import theme
from jobdesk.theme.icons import draw_icon

WIDTH = 168
ENTRY_HEIGHT = 32
_KEY, _ICON, _BADGE, _TONE = (int(Qt.ItemDataRole.UserRole) + number for number in range(1, 5))


class _EntryDelegate(QStyledItemDelegate):
    def sizeHint(self, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex) -> QSize:
        return QSize(WIDTH - 2, ENTRY_HEIGHT)

    def paint(
        self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> None:
        now = theme()
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        box = QRectF(option.rect).adjusted(8, 1, -8, -1)
        is_chosen = bool(option.state & QStyle.StateFlag.State_Selected)
        is_hovered = bool(option.state & QStyle.StateFlag.State_MouseOver)
        if is_chosen or is_hovered:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(now.colour("selection" if is_chosen else "hover"))
            painter.drawRoundedRect(box, 6, 6)
        tone = "accent" if is_chosen else "text"
        picture = QRectF(box.left() + 8, box.center().y() - 8, 16, 16)
        draw_icon(painter, picture, str(index.data(_ICON)), now.colour("accent" if is_chosen else "secondary"))
        painter.setFont(now.font(13, is_bold=is_chosen))
        painter.setPen(now.colour(tone))
        text = box.adjusted(32, 0, -8, 0)
        painter.drawText(text, int(Qt.AlignmentFlag.AlignVCenter), str(index.data() or ""))
        badge = str(index.data(_BADGE) or "")
        if badge:
            badge_tone = str(index.data(_TONE) or "secondary")
            painter.setFont(now.font(11, is_bold=badge_tone != "secondary"))
            painter.setPen(now.colour(badge_tone))
            painter.drawText(text, int(Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignRight), badge)
        painter.restore()


class Navigation(QListWidget):
    """One entry per page."""

    chosen = Signal(str)

    def __init__(self, entries: Sequence[tuple[str, str, str]], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("navigation")
        self.setAccessibleName(self.tr("Pages"))
        self.setFixedWidth(WIDTH)
        self.setMouseTracking(True)
        self.setItemDelegate(_EntryDelegate(self))
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._items: dict[str, QListWidgetItem] = {}
        for key, text, picture in entries:
            item = QListWidgetItem(text, self)
            item.setData(_KEY, key)
            item.setData(_ICON, picture)
            self._items[key] = item
        self.currentItemChanged.connect(self._tell)

    def choose(self, key: str) -> None:
        """Choose a page."""
        self.setCurrentItem(self._items[key])

    def set_badge(self, key: str, text: str, tone: str = "secondary") -> None:
        """Show a badge at a page's entry, or none."""
        item = self._items[key]
        if item.data(_BADGE) != text or item.data(_TONE) != tone:
            item.setData(_BADGE, text)
            item.setData(_TONE, tone)
            item.setData(Qt.ItemDataRole.AccessibleDescriptionRole, text)

    def _tell(self, item: QListWidgetItem | None) -> None:
        if item is not None:
            self.chosen.emit(item.data(_KEY))
