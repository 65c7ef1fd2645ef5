"""A small table of ready values: a row per name, brought up to date in place."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from jobdesk_core.jobs import Status
from PySide6.QtCore import QAbstractTableModel, QModelIndex, QObject, Qt

from jobdesk.kit.roles import (
    LINE_ROLE,
    MONO_ROLE,
    SHAPE_ROLE,
    STATUS_ROLE,
    STRONG_ROLE,
    TONE_ROLE,
    VALUE_ROLE,
    AnyIndex,
)
from jobdesk.kit.text_block import as_tooltip
from jobdesk.kit.theme.tokens import Tone

NO_PARENT = QModelIndex()
#: The key of a row that only sums up the others, or offers more of them: no name in a database holds this character.
SUM = "\0"
RIGHT = int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
LEFT = int(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)


@dataclass(frozen=True, slots=True)
class Cell:
    """What one cell shows."""

    text: str
    tone: Tone = ""
    status: Status | None = None
    is_mono: bool = False
    shape: str = ""
    is_strong: bool = False
    #: What an export has of it instead of the text: a time, seconds, a number.
    value: Any = None
    #: What hovering over it tells, beside what does not fit.
    tip: str = ""
    #: Numbers that are drawn as a line, None where one is not known.
    line: tuple[Sequence[float | None], Tone] | None = None


@dataclass(frozen=True, slots=True)
class Title:
    """A column's title, its width in pixels at the usual size of text, and a text that it always has room for."""

    text: str
    width: int = 96
    is_right: bool = True
    sample: str = ""


class TitledModel(QAbstractTableModel):
    """A table whose columns have titles; whoever inherits from it has the rows."""

    def __init__(self, titles: Sequence[Title], parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.titles = list(titles)

    def columnCount(self, parent: AnyIndex = NO_PARENT) -> int:
        return 0 if parent.isValid() else len(self.titles)

    def alignment(self, column: int) -> int:
        """Where the texts of a column stand, as Qt has it."""
        return RIGHT if self.titles[column].is_right else LEFT

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if orientation != Qt.Orientation.Horizontal:
            return None
        if role == Qt.ItemDataRole.DisplayRole:
            return self.titles[section].text
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return self.alignment(section)
        return None


class ValuesModel(TitledModel):
    """Rows by key, in the order given. For some hundreds of rows at most."""

    def __init__(self, titles: Sequence[Title], parent: QObject | None = None) -> None:
        super().__init__(titles, parent)
        self._keys: list[str] = []
        self._rows: list[Sequence[Cell]] = []

    def key_at(self, position: int) -> str:
        """The key of a row."""
        return self._keys[position]

    def set_rows(self, rows: Sequence[tuple[str, Sequence[Cell]]]) -> None:
        """Show these rows; as long as the keys are the same, only cells that differ are painted anew."""
        keys = [key for key, _ in rows]
        if keys != self._keys:
            self.beginResetModel()
            self._keys, self._rows = keys, [cells for _, cells in rows]
            self.endResetModel()
            return
        for position, (_, cells) in enumerate(rows):
            if list(cells) != list(self._rows[position]):
                self._rows[position] = cells
                self.dataChanged.emit(self.index(position, 0), self.index(position, len(self.titles) - 1))

    def flags(self, index: AnyIndex) -> Qt.ItemFlag:
        """Override QAbstractTableModel.flags: one that only sums up the others is no row to choose."""
        flags = super().flags(index)
        is_sum = index.isValid() and self._keys[index.row()].startswith(SUM)
        return flags & ~Qt.ItemFlag.ItemIsSelectable if is_sum else flags

    def set_title(self, column: int, text: str) -> bool:
        """Say anew what a column holds. Returns whether that is something else."""
        if text == self.titles[column].text:
            return False
        self.titles[column] = replace(self.titles[column], text=text)
        self.headerDataChanged.emit(Qt.Orientation.Horizontal, column, column)
        return True

    def rowCount(self, parent: AnyIndex = NO_PARENT) -> int:
        return 0 if parent.isValid() else len(self._rows)

    def data(self, index: AnyIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if not index.isValid():
            return None
        cell = self._rows[index.row()][index.column()]
        if role == Qt.ItemDataRole.DisplayRole:
            return cell.text
        if role == TONE_ROLE:
            return cell.tone
        if role == VALUE_ROLE:
            return cell.value
        if role == STATUS_ROLE:
            return cell.status
        if role == MONO_ROLE:
            return cell.is_mono
        if role == SHAPE_ROLE:
            return cell.shape
        if role == STRONG_ROLE:
            return cell.is_strong
        if role == LINE_ROLE:
            return cell.line
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return self.alignment(index.column())
        if role == Qt.ItemDataRole.ToolTipRole:
            return as_tooltip(cell.tip) or None
        return None
