"""The command palette: type a little of anything, press Enter."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from PySide6.QtCore import QAbstractListModel, QEvent, QModelIndex, QObject, QPersistentModelIndex, QRect, QSize, Qt
from PySide6.QtGui import QKeyEvent, QPainter, QShowEvent
from PySide6.QtWidgets import (
    QDialog,
    QFrame,
    QLabel,
    QLineEdit,
    QListView,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QVBoxLayout,
)

from jobdesk.kit import formats
from jobdesk.kit.theme import theme
from jobdesk.kit.values_model import NO_PARENT
from jobdesk.window.palette_entries import Entry, best, entries, typed_entries
from jobdesk.window.shown import Shown

WIDTH, ROW_HEIGHT, ROWS = 560, 34, 11
TOP = 72
#: A text is painted up to so many characters.
LONGEST = 200
ENTRY_ROLE = int(Qt.ItemDataRole.UserRole)
_MOVES = (Qt.Key.Key_Up, Qt.Key.Key_Down, Qt.Key.Key_PageUp, Qt.Key.Key_PageDown)


class PaletteDialog(QDialog):
    """Opened with `open()`. What is possible runs on Enter or a click; what is not says why."""

    def __init__(self, window: Shown) -> None:
        super().__init__(window.frame, Qt.WindowType.Dialog | Qt.WindowType.FramelessWindowHint)
        self._window = window
        self._ground = window.frame.window()
        self._entries = entries(window)
        self._recent = window.finding.store.recent()
        self.setObjectName("palette")
        self.setModal(True)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle(self.tr("Commands"))
        self.edit = QLineEdit()
        self.edit.setObjectName("paletteEdit")
        self.edit.setAccessibleName(self.tr("Command, view, connection or job number"))
        self.edit.setPlaceholderText(self.tr("Type a command, a view, a connection or a job's number"))
        self.model = _Entries(self)
        self.list = QListView()
        self.list.setObjectName("paletteList")
        self.list.setAccessibleName(self.tr("Matches"))
        self.list.setModel(self.model)
        self.list.setItemDelegate(_EntryDelegate(self.list))
        self.list.setUniformItemSizes(True)
        self.list.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._nothing = QLabel(self.tr("No matches. Try fewer letters."))
        self._nothing.setProperty("tone", "secondary")
        self._nothing.setContentsMargins(14, 10, 14, 12)
        self._place()
        self.edit.textChanged.connect(self._show)
        self.list.clicked.connect(self._run)
        self.edit.installEventFilter(self)
        self._show("")

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if isinstance(event, QKeyEvent) and event.type() == QEvent.Type.KeyPress:
            if event.key() in _MOVES:
                self.list.keyPressEvent(event)
                return True
            if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
                self._run(self.list.currentIndex())
                return True
            if event.key() == Qt.Key.Key_F1:
                # The palette lets no other window be used.
                self.reject()
                self._window.all_actions["help.topic"].trigger()
                return True
        return super().eventFilter(watched, event)

    def showEvent(self, event: QShowEvent) -> None:
        corner = self._ground.mapToGlobal(self._ground.rect().topLeft())
        self.move(corner.x() + (self._ground.width() - self.sizeHint().width()) // 2, corner.y() + TOP)
        super().showEvent(event)

    def shown(self) -> list[Entry]:
        """What is listed, top to bottom."""
        return list(self.model.entries)

    def _place(self) -> None:
        frame = QFrame()
        room = min(self._ground.width(), self.screen().availableSize().width()) - 40
        frame.setFixedWidth(min(theme().grown(WIDTH), room))
        frame.setObjectName("paletteFrame")
        self._column = column = QVBoxLayout(frame)
        column.setContentsMargins(1, 1, 1, 1)
        column.setSpacing(0)
        for widget in (self.edit, self.list, self._nothing):
            column.addWidget(widget)
        self._around = layout = QVBoxLayout(self)
        layout.setSizeConstraint(QVBoxLayout.SizeConstraint.SetFixedSize)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(frame)

    def _most_rows(self) -> int:
        """As many as the window has room for below the field."""
        room = self._ground.height() - TOP - theme().grown(80)
        return max(3, min(ROWS, room // theme().grown(ROW_HEIGHT)))

    def _show(self, typed: str) -> None:
        first, last = typed_entries(self._window, typed)
        self.model.set_entries([*first, *best(typed, self._entries, self._recent), *last])
        count = len(self.model.entries)
        self.list.setVisible(count > 0)
        self._nothing.setVisible(count == 0)
        self.list.setFixedHeight(min(count, self._most_rows()) * theme().grown(ROW_HEIGHT) + 8)
        self.list.setCurrentIndex(self.model.index(0, 0))
        # At once: otherwise it would be painted in its former height first.
        self._column.activate()
        self._around.activate()

    def _run(self, index: QModelIndex) -> None:
        if not index.isValid():
            return
        entry = self.model.entries[index.row()]
        if entry.reason is not None:
            return  # its line says why
        self._window.finding.note_choice(entry.key)
        self.accept()
        entry.run()


class _Entries(QAbstractListModel):
    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self.entries: Sequence[Entry] = ()

    def set_entries(self, shown: Sequence[Entry]) -> None:
        self.beginResetModel()
        self.entries = shown
        self.endResetModel()

    def rowCount(self, parent: QModelIndex | QPersistentModelIndex = NO_PARENT) -> int:
        return 0 if parent.isValid() else len(self.entries)

    def data(self, index: QModelIndex | QPersistentModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        entry = self.entries[index.row()]
        if role == ENTRY_ROLE:
            return entry
        if role == Qt.ItemDataRole.DisplayRole:
            return entry.text[:LONGEST]
        if role == Qt.ItemDataRole.AccessibleDescriptionRole:
            return entry.reason or entry.hint
        return None


class _EntryDelegate(QStyledItemDelegate):
    """Paints an entry: its text at the left, its hint or why it is not possible at the right."""

    def sizeHint(self, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex) -> QSize:
        return QSize(100, theme().grown(ROW_HEIGHT))

    def paint(
        self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> None:
        """Override QStyledItemDelegate.paint."""
        tokens, entry = theme().tokens, index.data(ENTRY_ROLE)
        painter.save()
        if option.state & QStyle.StateFlag.State_Selected:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(tokens.colour("selection"))
            painter.drawRoundedRect(option.rect.adjusted(4, 1, -4, -1), 6, 6)
        room: QRect = option.rect.adjusted(14, 0, -14, 0)
        flags = int(Qt.AlignmentFlag.AlignVCenter) | int(Qt.TextFlag.TextSingleLine)
        painter.setFont(theme().font(13))
        metrics = painter.fontMetrics()
        most = room.width() if entry.reason is None else room.width() // 2
        text = metrics.elidedText(formats.visible(entry.text[:LONGEST]), Qt.TextElideMode.ElideRight, most)
        painter.setPen(tokens.colour("text" if entry.reason is None else "faint"))
        painter.drawText(room, flags, text)
        room.setLeft(room.left() + metrics.horizontalAdvance(text) + 16)
        painter.setFont(theme().font(12))
        painter.setPen(tokens.colour("secondary"))
        aside = entry.hint if entry.reason is None else entry.reason
        aside = painter.fontMetrics().elidedText(aside[:LONGEST], Qt.TextElideMode.ElideRight, room.width())
        painter.drawText(room, flags | int(Qt.AlignmentFlag.AlignRight), aside)
        painter.restore()
