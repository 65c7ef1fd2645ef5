"""What has changed last in any database, a sentence each, the newest first."""

from __future__ import annotations

from collections.abc import Sequence

from jobdesk_core.watching.fleet import Change
from PySide6.QtCore import QRect, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QPainter
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QLabel,
    QListWidget,
    QListWidgetItem,
    QPushButton,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QVBoxLayout,
    QWidget,
)

from jobdesk.fleet.rows import colour_of
from jobdesk.kit import formats
from jobdesk.kit.roles import AnyIndex
from jobdesk.kit.text_block import as_tooltip
from jobdesk.kit.theme import theme
from jobdesk.kit.theme.shapes import paint_shape

_CHANGE = int(Qt.ItemDataRole.UserRole)
#: Where the name, the mark and the sentence begin, in logical pixels at the usual size of text.
SQUARE_AT, NAME_AT, MARK_AT, TEXT_AT = 82, 100, 210, 228


class Latest(QFrame):
    """A click chooses the database."""

    chosen = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("panel")
        title = QLabel(self.tr("Latest changes"))
        title.setProperty("strong", "true")
        note = QLabel(self.tr("all databases"))
        note.setProperty("tone", "secondary")
        self.alerts = QPushButton(self.tr("Alerts"))
        self.alerts.setObjectName("link")
        self.list = QListWidget()
        self.list.setObjectName("latest")
        self.list.setFrameShape(QFrame.Shape.NoFrame)
        self.list.setProperty("pane", True)
        self.list.setAccessibleName(self.tr("Latest changes"))
        self.list.setItemDelegate(_ChangeDelegate(self.list))
        self.list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.list.itemActivated.connect(self._choose)
        self.list.itemClicked.connect(self._choose)
        self.none = QLabel(self.tr("Nothing has changed yet."))
        self.none.setProperty("tone", "secondary")
        self.none.setContentsMargins(12, 4, 12, 8)
        head = QHBoxLayout()
        head.setContentsMargins(12, 8, 12, 4)
        head.setSpacing(8)
        head.addWidget(title)
        head.addWidget(note)
        head.addStretch()
        head.addWidget(self.alerts)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addLayout(head)
        layout.addWidget(self.none)
        layout.addWidget(self.list, 1)
        self._shown: list[Change] = []
        theme().changed.connect(self._take_size)
        self.show_changes([])

    @property
    def sentences(self) -> list[str]:
        """What it says."""
        return [change.text for change in self._shown]

    def show_changes(self, changes: Sequence[Change]) -> None:
        """Show these, the newest first."""
        if list(changes) == self._shown and self.list.count() == len(changes):
            return
        self._shown = list(changes)
        self.none.setVisible(not changes)
        self.list.setVisible(bool(changes))
        self.list.clear()
        for change in changes:
            item = QListWidgetItem(f"{formats.local(change.at)} {change.profile.name}: {change.text}")
            item.setData(_CHANGE, change)
            item.setToolTip(as_tooltip(change.text))
            self.list.addItem(item)
        self._take_size()

    def _take_size(self) -> None:
        for place in range(self.list.count()):
            self.list.item(place).setSizeHint(QSize(60, theme().row_height))

    def _choose(self, item: QListWidgetItem) -> None:
        change = item.data(_CHANGE)
        if isinstance(change, Change):
            self.chosen.emit(change.profile.name)


class _ChangeDelegate(QStyledItemDelegate):
    """Paints one line: when, where, and what."""

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: AnyIndex) -> None:
        """Override QStyledItemDelegate.paint."""
        change: Change = index.data(_CHANGE)
        tokens, grown, box = theme().tokens, theme().grown, option.rect
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if option.state & QStyle.StateFlag.State_HasFocus:
            painter.fillRect(box, tokens.colour("selection"))
        painter.fillRect(box.left(), box.bottom(), box.width(), 1, tokens.colour("line"))
        flags = int(Qt.AlignmentFlag.AlignVCenter | Qt.TextFlag.TextSingleLine)
        painter.setFont(theme().font(13))

        def write(text: str, start: int, end: int, tone: str) -> None:
            room = QRect(box.left() + start, box.top(), max(0, end - start - 6), box.height() - 1)
            painter.setPen(tokens.colour(tone))  # type: ignore[arg-type]
            shown = formats.visible(text[:1_000])
            elided = painter.fontMetrics().elidedText(shown, Qt.TextElideMode.ElideRight, room.width())
            painter.drawText(room, flags, elided)

        write(formats.time_of_day(change.at), 12, grown(SQUARE_AT), "secondary")
        side, middle = grown(10), box.center().y()
        colour = colour_of(change.profile)
        is_known = bool(colour) and QColor.isValidColorName(colour)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(colour) if is_known else tokens.colour("neutral"))
        painter.drawRoundedRect(QRectF(box.left() + grown(SQUARE_AT), middle - side / 2, side, side), 2, 2)
        write(change.profile.name, grown(NAME_AT), grown(MARK_AT), "text")
        if change.tone:
            where = QRectF(box.left() + grown(MARK_AT), middle - side / 2, side, side)
            paint_shape(painter, "triangle", where, tokens.colour(change.tone))
        write(change.text, grown(TEXT_AT), box.width() - 6, "text" if change.tone else "secondary")
        painter.restore()
