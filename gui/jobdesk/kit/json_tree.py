"""A JSON value as a tree to read, search and copy from. Keys that look secret are hidden until they are clicked."""

from __future__ import annotations

from typing import Any

from jobdesk_core import exact_json
from jobdesk_core.job.arguments import Part
from jobdesk_core.profiles.secret_keys import Path
from PySide6.QtCore import QModelIndex, QPoint, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QFontMetrics, QKeyEvent, QKeySequence, QPainter
from PySide6.QtWidgets import (
    QApplication,
    QFrame,
    QMenu,
    QSizePolicy,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTreeView,
    QWidget,
)

from jobdesk.kit import formats
from jobdesk.kit.json_model import JsonModel, Node, Unread, shown
from jobdesk.kit.roles import AnyIndex
from jobdesk.kit.theme import theme
from jobdesk.kit.theme.tokens import Tone

ROW_HEIGHT = 20
INDENTATION = 14
#: Characters of one value that are painted; the whole of it can be copied.
PAINTED = 400
MAX_HEIGHT = 360


class JsonTree(QTreeView):
    """Shows one value; Ctrl+C copies the current value, the context menu also its path or everything."""

    revealed = Signal()
    part_asked_for = Signal(Node, int)  # one that is to be filled by `add_part`, from which entry on
    column_asked_for = Signal(tuple)  # the path to a value that a table is to show, while `offers_columns`
    text_asked_for = Signal(tuple)  # the path to a long text that is to be copied

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.offers_columns = False
        self.setAccessibleName(self.tr("Arguments as a tree"))
        self.setHeaderHidden(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setUniformRowHeights(True)
        self.setIndentation(INDENTATION)
        self.setItemDelegate(_LineDelegate(self))
        self.setEditTriggers(QTreeView.EditTrigger.NoEditTriggers)
        self.setTabKeyNavigation(False)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Maximum)
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self._json = JsonModel(self)
        self._json.part_asked_for.connect(self.part_asked_for)
        self._json.rowsInserted.connect(lambda *_: self.updateGeometry())
        self.setModel(self._json)
        self.customContextMenuRequested.connect(self._open_menu)
        self.clicked.connect(self._follow)
        self.expanded.connect(lambda _: self.updateGeometry())
        self.collapsed.connect(lambda _: self.updateGeometry())
        theme().changed.connect(self.viewport().update)

    @property
    def revealed_paths(self) -> set[Path]:
        """The paths to the hidden values that were shown since `set_value`."""
        return set(self._json.revealed)

    def set_value(self, value: Any, secret_pattern: str = "") -> None:
        """Show a value, its first two levels open. `secret_pattern` tells the keys to hide (empty: the default)."""
        self._json.secret_pattern = secret_pattern
        self._json.set_value(value)
        self.expandToDepth(0)
        self.updateGeometry()

    def add_part(self, node: Node, part: Part) -> None:
        """Add entries that were asked for."""
        self._json.add_part(node, part)

    def find_next(self, text: str) -> bool:
        """Go to the next key or value that contains the text, from the top again after the last. False for none."""
        here = self._json.node(self.currentIndex()) if self.currentIndex().isValid() else None
        found = self._json.find(text, here) if text else None
        if found is None:
            return False
        holder = found.parent
        while holder is not None:
            self.expand(self._json.index_of(holder))
            holder = holder.parent
        index = self._json.index_of(found)
        self.setCurrentIndex(index)
        self.scrollTo(index)
        return True

    def copy(self, what: str) -> None:
        """Copy the current `value`, its `path`, or `all` to the clipboard; what is hidden stays hidden."""
        index = self.currentIndex()
        if what == "path" and index.isValid():
            QApplication.clipboard().setText(self._json.node(index).path)
            return
        node = self._json.node(QModelIndex() if what == "all" else index)
        value = self._json.plain(node)
        if isinstance(value, Unread):
            if value.is_text:
                self.text_asked_for.emit(node.keys)
            return
        is_text = isinstance(value, str)
        QApplication.clipboard().setText(value if is_text else exact_json.dumps(value, indent=2, ensure_ascii=False))

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.matches(QKeySequence.StandardKey.Copy):
            self.copy("value")
        elif event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self._follow(self.currentIndex())
        else:
            super().keyPressEvent(event)

    def sizeHint(self) -> QSize:
        rows, index = 0, self._json.index(0, 0)
        while index.isValid() and rows * theme().grown(ROW_HEIGHT) < MAX_HEIGHT:
            rows += 1
            index = self.indexBelow(index)
        return QSize(200, min(MAX_HEIGHT, rows * theme().grown(ROW_HEIGHT) + 4))

    def minimumSizeHint(self) -> QSize:
        return QSize(100, self.sizeHint().height())

    def _follow(self, index: QModelIndex) -> None:
        """Do what a row offers: show what is hidden, or the next stretch of what there is."""
        if not index.isValid():
            return
        if self._json.reveal(index):
            self.revealed.emit()
            self.updateGeometry()
        elif self._json.make_more(index):
            self.updateGeometry()

    def _open_menu(self, position: QPoint) -> None:
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        index = self.indexAt(position)
        if index.isValid():
            node = self._json.node(index)
            if node.is_hidden:
                menu.addAction(self.tr("Show the value"), lambda: self._follow(index))
            elif not (isinstance(node.value, Unread) and node.is_branch):
                menu.addAction(self.tr("Copy value"), lambda: self.copy("value"))
            menu.addAction(self.tr("Copy path"), lambda: self.copy("path"))
            if self.offers_columns and node.keys and not node.is_rest:
                path = tuple(map(str, node.keys))
                menu.addAction(self.tr("Show as column"), lambda: self.column_asked_for.emit(path))
        if not isinstance(self._json.node(QModelIndex()).value, Unread):
            menu.addAction(self.tr("Copy all"), lambda: self.copy("all"))
        menu.popup(self.viewport().mapToGlobal(position))


class _LineDelegate(QStyledItemDelegate):
    """Paints `key: value`, each part in its own colour."""

    def sizeHint(self, option: QStyleOptionViewItem, index: AnyIndex) -> QSize:
        """Override QStyledItemDelegate.sizeHint."""
        return QSize(80, theme().grown(ROW_HEIGHT))

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: AnyIndex) -> None:
        """Override QStyledItemDelegate.paint."""
        tokens = theme().tokens
        node: Node = index.internalPointer()
        painter.save()
        if option.state & QStyle.StateFlag.State_Selected:
            painter.fillRect(option.rect, tokens.colour("selection"))
        painter.setFont(theme().mono_font(12))
        metrics = painter.fontMetrics()
        box = QRectF(option.rect).adjusted(2, 0, -4, 0)
        if node.key is not None:
            key_tone: Tone = "secondary" if isinstance(node.key, int) else "accent"
            self._write(painter, box, formats.visible(str(node.key)[:PAINTED]), key_tone, metrics)
            self._write(painter, box, ": ", "text", metrics)
        text, tone = shown(node)
        self._write(painter, box, text[:PAINTED], tone, metrics)
        painter.restore()

    def _write(self, painter: QPainter, box: QRectF, text: str, tone: Tone, metrics: QFontMetrics) -> None:
        """Write into the box, elided, and leave in it what is left."""
        room = max(0, int(box.width()))
        text = metrics.elidedText(text, Qt.TextElideMode.ElideRight, room)
        painter.setPen(theme().tokens.colour(tone))
        painter.drawText(box, int(Qt.AlignmentFlag.AlignVCenter) | int(Qt.TextFlag.TextSingleLine), text)
        box.setLeft(box.left() + metrics.horizontalAdvance(text))
