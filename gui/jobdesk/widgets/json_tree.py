"""A JSON value as a tree to read and to copy from. Keys that look secret are hidden until they are clicked."""

from __future__ import annotations

import json
import re
from typing import Any

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QPoint, QRectF, Qt
from PySide6.QtGui import QKeyEvent, QKeySequence, QPainter, QStandardItem, QStandardItemModel
from PySide6.QtWidgets import (
    QApplication,
    QFrame,
    QMenu,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTreeView,
    QWidget,
)

from jobdesk.theme import theme

SECRET_PATTERN = r"passw|secret|token|api_?key|credential|authorization|private_key"
#: Children shown of one list or object; the rest is in the JSON.
CHILDREN_LIMIT = 500
_KEY, _VALUE, _PATH, _HIDDEN = (int(Qt.ItemDataRole.UserRole) + number for number in range(1, 5))


class _LineDelegate(QStyledItemDelegate):
    """Draws `key: value` with each part in its own colour."""

    def paint(
        self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> None:
        now = theme()
        painter.save()
        if option.state & QStyle.StateFlag.State_Selected:
            painter.fillRect(option.rect, now.colour("selection"))
        painter.setFont(now.mono_font(12))
        box = QRectF(option.rect).adjusted(2, 0, -4, 0)
        key = index.data(_KEY)
        if key is not None:
            painter.setPen(now.colour("accent"))
            painter.drawText(box, int(Qt.AlignmentFlag.AlignVCenter), str(key))
            box.adjust(painter.fontMetrics().horizontalAdvance(str(key)), 0, 0, 0)
            painter.setPen(now.colour("secondary"))
            painter.drawText(box, int(Qt.AlignmentFlag.AlignVCenter), ": ")
            box.adjust(painter.fontMetrics().horizontalAdvance(": "), 0, 0, 0)
        value = index.data(_VALUE)
        if index.data(_HIDDEN):
            text, tone = "•••••• " + self.tr("show"), "secondary"
        else:
            text, tone = _shown(value)
        painter.setPen(now.colour(tone))
        shown = painter.fontMetrics().elidedText(text, Qt.TextElideMode.ElideRight, max(0, int(box.width())))
        painter.drawText(box, int(Qt.AlignmentFlag.AlignVCenter), shown)
        painter.restore()


class JsonTree(QTreeView):
    """Shows one value; Ctrl+C and the context menu copy a value, a path, or everything."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName(self.tr("Arguments as a tree"))
        self.setHeaderHidden(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setUniformRowHeights(True)
        self.setIndentation(16)
        self.setItemDelegate(_LineDelegate(self))
        self.setEditTriggers(QTreeView.EditTrigger.NoEditTriggers)
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.customContextMenuRequested.connect(self._open_menu)
        self.clicked.connect(self._reveal)
        self._value: Any = None
        self._secret = re.compile(SECRET_PATTERN, re.IGNORECASE)
        self._model = QStandardItemModel(self)
        self.setModel(self._model)
        self.expanded.connect(self.updateGeometry)
        theme().changed.connect(self.viewport().update)

    def set_value(self, value: Any) -> None:
        """Show a value, its first two levels open."""
        self._value = value
        self._model.clear()
        root = self._model.invisibleRootItem()
        if isinstance(value, dict | list) and value:
            self._add_children(root, value, "")
        else:
            root.appendRow(_item(None, value, "", is_hidden=False))
        self.expandToDepth(1)

    def copy(self, what: str) -> None:
        """Copy `value`, `path` or `all` to the clipboard."""
        index = self.currentIndex()
        if what == "all" or not index.isValid():
            text = json.dumps(self._value, indent=2, ensure_ascii=False)
        elif what == "path":
            text = str(index.data(_PATH))
        else:
            value = index.data(_VALUE)
            text = value if isinstance(value, str) else json.dumps(value, indent=2, ensure_ascii=False)
        QApplication.clipboard().setText(text)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.matches(QKeySequence.StandardKey.Copy):
            self.copy("value")
        elif event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self._reveal(self.currentIndex())
        else:
            super().keyPressEvent(event)

    def _add_children(self, parent: QStandardItem, value: dict[str, Any] | list[Any], path: str) -> None:
        pairs = list(value.items()) if isinstance(value, dict) else list(enumerate(value))
        for key, child in pairs[:CHILDREN_LIMIT]:
            its_path = f"{path}.{key}" if path else str(key)
            is_hidden = self._secret.search(str(key)) is not None
            item = _item(str(key), child, its_path, is_hidden=is_hidden)
            parent.appendRow(item)
            if isinstance(child, dict | list) and not is_hidden:
                self._add_children(item, child, its_path)
        if len(pairs) > CHILDREN_LIMIT:
            more = self.tr("… {count} more").format(count=f"{len(pairs) - CHILDREN_LIMIT:,}")
            parent.appendRow(_item(None, more, path, is_hidden=False))

    def _reveal(self, index: QModelIndex) -> None:
        item = self._model.itemFromIndex(index)
        if item is not None and item.data(_HIDDEN):
            item.setData(False, _HIDDEN)
            value = item.data(_VALUE)
            if isinstance(value, dict | list):
                self._add_children(item, value, item.data(_PATH))
            self.viewport().update()

    def _open_menu(self, position: QPoint) -> None:
        menu = QMenu(self)
        menu.addAction(self.tr("Copy value"), lambda: self.copy("value"))
        menu.addAction(self.tr("Copy path"), lambda: self.copy("path"))
        menu.addAction(self.tr("Copy all"), lambda: self.copy("all"))
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.popup(self.viewport().mapToGlobal(position))


def _item(key: str | None, value: Any, path: str, *, is_hidden: bool) -> QStandardItem:
    item = QStandardItem()
    item.setData(key, _KEY)
    item.setData(value, _VALUE)
    item.setData(path, _PATH)
    item.setData(is_hidden, _HIDDEN)
    text = "hidden" if is_hidden else _shown(value)[0]
    item.setData(f"{key}: {text}" if key else text, Qt.ItemDataRole.AccessibleTextRole)
    return item


def _shown(value: Any) -> tuple[str, str]:
    if isinstance(value, dict):
        return ("{ }" if not value else f"{{ {len(value):,} keys }}"), "secondary"
    if isinstance(value, list):
        items = "item" if len(value) == 1 else "items"
        return ("[ ]" if not value else f"[ {len(value):,} {items} ]"), "secondary"
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False), "good"
    if value is None or isinstance(value, bool):
        return json.dumps(value), "cancelled"
    return (json.dumps(value) if isinstance(value, int | float) else str(value)), "text"
