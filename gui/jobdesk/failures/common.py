"""What the failed have in common, as a small table: a value, how many of the failed and of the succeeded have it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from jobdesk_core.failures.records import Common
from jobdesk_core.profiles.secret_keys import HIDDEN, compiled
from PySide6.QtCore import QAbstractTableModel, QModelIndex, QObject, QRect, Qt, Signal
from PySide6.QtGui import QFont, QFontMetrics, QPainter
from PySide6.QtWidgets import QHeaderView, QStyleOptionViewItem, QWidget

from jobdesk.failures import words
from jobdesk.kit import formats
from jobdesk.kit.cells import CellDelegate
from jobdesk.kit.roles import AnyIndex
from jobdesk.kit.table import HEADER_HEIGHT, Table
from jobdesk.kit.text_block import as_tooltip
from jobdesk.kit.theme import theme
from jobdesk.kit.theme.tokens import Tone
from jobdesk.kit.values_model import LEFT, NO_PARENT, RIGHT

#: What a cell is painted by: a `Bit`.
BIT_ROLE = int(Qt.ItemDataRole.UserRole) + 160
WHAT, VALUE, FAILED, SUCCEEDED, RATIO = range(5)
WIDEST_SHARE = "99.9 %"
PADDING, BAR_WIDTH, BAR_HEIGHT = 5, 26, 7


class Bit(NamedTuple):
    """A text, a quieter one behind it, and how long a bar is before them, from 0 to 1; None for none."""

    text: str
    aside: str = ""
    tone: Tone = ""
    bar: float | None = None
    bar_tone: Tone = ""
    is_mono: bool = False
    is_strong: bool = False


class CommonModel(QAbstractTableModel):
    """A row per value, in the order given."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.values: list[Common] = []
        self.secret_keys = ""

    def show(self, values: Sequence[Common]) -> None:
        """Show these."""
        if list(values) != self.values:
            self.beginResetModel()
            self.values = list(values)
            self.endResetModel()

    def rowCount(self, parent: AnyIndex = NO_PARENT) -> int:
        return 0 if parent.isValid() else len(self.values)

    def columnCount(self, parent: AnyIndex = NO_PARENT) -> int:
        return 0 if parent.isValid() else 5

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if orientation != Qt.Orientation.Horizontal:
            return None
        if role == Qt.ItemDataRole.DisplayRole:
            return (self.tr("what"), self.tr("value"), self.tr("failed"), self.tr("succeeded"), self.tr("ratio"))[
                section
            ]
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return LEFT if section <= VALUE else RIGHT
        return None

    def data(self, index: AnyIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if not index.isValid():
            return None
        common = self.values[index.row()]
        bit = self.bit(common, index.column())
        if role == BIT_ROLE:
            return bit
        if role == Qt.ItemDataRole.DisplayRole:
            return f"{bit.text} {bit.aside}".strip()
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return LEFT if index.column() <= VALUE else RIGHT
        if role == Qt.ItemDataRole.ToolTipRole:
            return as_tooltip(self._tooltip_text(common))
        return None

    def bit(self, common: Common, column: int) -> Bit:
        """What a cell says."""
        if column == WHAT:
            return Bit(common.what.removeprefix("args."), tone="secondary")
        if column == VALUE:
            return Bit(self._value(common), is_mono=common.what.startswith("args."))
        if column == FAILED:
            return Bit(formats.number(common.failed), words.percent(common.failed_share))
        if column == SUCCEEDED:
            return Bit(formats.number(common.succeeded), words.percent(common.succeeded_share))
        tone: Tone = "neutral" if common.trivial else "bad"
        part = 1.0 if common.ratio == float("inf") else max(0.0, 1 - 1 / max(1.0, common.ratio))
        return Bit(words.ratio_words(common), bar=part, bar_tone=tone, is_strong=True)

    def _value(self, common: Common) -> str:
        key = common.what.removeprefix("args.")
        if common.what.startswith("args.") and compiled(self.secret_keys).search(key):
            return HIDDEN
        return " ".join(common.value[: words.LONGEST].split())

    def _tooltip_text(self, common: Common) -> str:
        head = f"{common.what} {self._value(common)}"
        failed = f"{formats.number(common.failed)} ({words.percent(common.failed_share)})"
        succeeded = f"{formats.number(common.succeeded)} ({words.percent(common.succeeded_share)})"
        counts = self.tr("{failed} of the failed, {succeeded} of the succeeded.")
        chance = self.tr("Chance of such a difference where there is none: {p}.").format(p=f"{common.p:.1g}")
        way = self.tr("Click shows these jobs.") if common.filter else ""
        lines = (head, counts.format(failed=failed, succeeded=succeeded), chance, common.trivial, way)
        return "\n".join(filter(None, lines))


class CommonTable(Table):
    """`filter_asked_for` when a value is clicked, or Return pressed on it. As high as its rows."""

    filter_asked_for = Signal(str)

    def __init__(self, name: str, parent: QWidget | None = None) -> None:
        super().__init__(name, parent)
        self._shows_bar = True
        self.values = CommonModel(self)
        self.setModel(self.values)
        self.setItemDelegate(BitDelegate(self))
        self.set_ground("panel")
        self.setSelectionMode(Table.SelectionMode.SingleSelection)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        head = self.horizontalHeader()
        head.setMinimumSectionSize(20)
        head.setStretchLastSection(False)
        head.setSectionsMovable(False)
        head.setObjectName("narrowHead")
        self.activated.connect(self._ask)
        self.clicked.connect(self._ask)
        self.resized.connect(self._fit)
        theme().changed.connect(self._fit)

    def set_values(self, values: Sequence[Common], secret_keys: str) -> None:
        """Show these; the values of keys that look secret are not."""
        self.values.secret_keys = secret_keys
        self.values.show(values)
        self._fit()

    def _ask(self, index: QModelIndex) -> None:
        common = self.values.values[index.row()]
        if common.filter:
            self.filter_asked_for.emit(common.filter)

    def _fit(self) -> None:
        """Numbers have the room that they need; the value gets what is left, and gives way."""
        model = self.values
        self._shows_bar = True
        widths = self._widths()
        room = max(self.viewport().width(), 120)
        if sum(widths) > room:
            # The number beside it says the same.
            self._shows_bar = False
            widths = self._widths()
        numbers = sum(widths[FAILED:])
        what = min(widths[WHAT], max(40, (room - numbers) // 2))
        widths[WHAT] = what
        widths[VALUE] = max(50, room - numbers - what)
        for column, width in enumerate(widths):
            if self.columnWidth(column) != width:
                self.setColumnWidth(column, width)
        self.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        self.setFixedHeight(theme().grown(HEADER_HEIGHT) + len(model.values) * theme().row_height + 2)
        self.viewport().update()

    @property
    def shows_bar(self) -> bool:
        """Whether there is room for bars."""
        return self._shows_bar

    def _widths(self) -> list[int]:
        """What each column needs."""
        model = self.values
        font, bold = QFontMetrics(theme().font(13), self), QFontMetrics(theme().font(13, is_bold=True), self)
        mono, small = QFontMetrics(theme().mono_font(12), self), QFontMetrics(theme().font(11), self)
        head = QFontMetrics(theme().font(12, QFont.Weight.Medium), self)
        widths = []
        for column in range(5):
            widest = head.horizontalAdvance(str(model.headerData(column, Qt.Orientation.Horizontal))) + 6
            for common in model.values:
                bit = model.bit(common, column)
                width = (mono if bit.is_mono else bold if bit.is_strong else font).horizontalAdvance(bit.text[:80]) + 4
                width += small.horizontalAdvance(WIDEST_SHARE) + 5 if bit.aside else 0
                width += theme().grown(BAR_WIDTH) + 5 if bit.bar is not None and self._shows_bar else 0
                widest = max(widest, width)
            widths.append(widest + 2 * PADDING)
        return widths


class BitDelegate(CellDelegate):
    """Paints a cell more closely than in a large table."""

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: AnyIndex) -> None:
        """Override CellDelegate.paint."""
        bit = index.model().data(index, BIT_ROLE)
        self.paint_ground(painter, option)
        box = option.rect.adjusted(PADDING, 0, -PADDING, -1)
        if index.column() <= VALUE:
            self._paint_text(painter, box, bit, is_right=False)
            return
        if bit.aside:
            painter.setFont(theme().font(11))
            painter.setPen(theme().colour("secondary"))
            # Percentages stand below each other, so do the numbers before them.
            painter.drawText(box, int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter), bit.aside)
            box.setRight(box.right() - painter.fontMetrics().horizontalAdvance(WIDEST_SHARE) - 3)
        view = self.parent()
        if bit.bar is not None and isinstance(view, CommonTable) and view.shows_bar:
            width, height = theme().grown(BAR_WIDTH), theme().grown(BAR_HEIGHT)
            y = box.center().y() - height // 2
            painter.fillRect(box.left(), y, width, height, theme().colour("line"))
            painter.fillRect(box.left(), y, max(1, round(width * bit.bar)), height, theme().colour(bit.bar_tone))
            box.setLeft(box.left() + width + 4)
        self._paint_text(painter, box, bit, is_right=True)

    def _paint_text(self, painter: QPainter, box: QRect, bit: Bit, *, is_right: bool) -> None:
        painter.setFont(theme().mono_font(12) if bit.is_mono else theme().font(13, is_bold=bit.is_strong))
        painter.setPen(theme().colour(bit.tone))
        shown = formats.visible(bit.text[:300])
        shown = painter.fontMetrics().elidedText(shown, Qt.TextElideMode.ElideRight, box.width())
        side = Qt.AlignmentFlag.AlignRight if is_right else Qt.AlignmentFlag.AlignLeft
        painter.drawText(box, int(side | Qt.AlignmentFlag.AlignVCenter | Qt.TextFlag.TextSingleLine), shown)
