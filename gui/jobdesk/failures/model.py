"""The list of groups as a table: what each cell says and how it looks."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any, NamedTuple

from jobdesk_core.failures.records import By, Failures, Range
from jobdesk_core.number import Number, exact, so_far
from PySide6.QtCore import QObject, Qt

from jobdesk.failures import words
from jobdesk.failures.rows import Row, knows_errors
from jobdesk.kit import formats
from jobdesk.kit.roles import CELL_ROLE, VALUE_ROLE, AnyIndex, PaintedCell
from jobdesk.kit.theme.tokens import Tone
from jobdesk.kit.values_model import NO_PARENT, TitledModel

#: What a cell of several parts is painted by: a `Parts`.
PARTS_ROLE = int(Qt.ItemDataRole.UserRole) + 150
#: The counts of a cell's small chart and their tone.
TREND_ROLE = PARTS_ROLE + 1
FIRST, SECOND, FAILED, SHARE, TREND, SINCE, LAST, STILL = range(8)


class Parts(NamedTuple):
    """What stands in the first columns: a sign to open or close, words, quieter words, and a mark at the right."""

    can_open: bool = False
    is_open: bool = False
    is_child: bool = False
    text: str = ""
    aside: str = ""
    tone: Tone = ""
    mark: str = ""
    is_strong: bool = False


class FailuresModel(TitledModel):
    """The groups in the order given, and their sum in the last line."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(words.titles(By.TASK, Range.HOUR), parent)
        self._found: Failures | None = None
        self._rows: list[Row] = []
        self._now = dt.datetime.now(dt.UTC)
        self._is_stale = False

    @property
    def rows(self) -> list[Row]:
        """The lines of groups, from top to bottom."""
        return self._rows

    def row_at(self, position: int) -> Row | None:
        """The line of a group at a position; None for the sum."""
        return self._rows[position] if 0 <= position < len(self._rows) else None

    def show(self, found: Failures | None, rows: Sequence[Row], span: Range, now: dt.datetime, is_stale: bool) -> bool:
        """Show these; as long as the groups are the same, only what differs is painted. Whether they are others."""
        before = (self._found.by if self._found is not None else None, self.titles[TREND].text)
        is_other = [each.key for each in rows] != [each.key for each in self._rows]
        is_other = is_other or (found is None) != (self._found is None)
        if is_other:
            self.beginResetModel()
        old, self._rows = self._rows, list(rows)
        are_all_new = (is_stale, now.date()) != (self._is_stale, self._now.date())
        self._found, self._now, self._is_stale = found, now, is_stale
        is_reported = found is None or knows_errors(found)
        self.titles = words.titles(found.by if found is not None else By.TASK, span, is_reported=is_reported)
        if is_other:
            self.endResetModel()
        else:
            self._emit_changes(old, are_all_new)
        if before != (found.by if found is not None else None, self.titles[TREND].text):
            self.headerDataChanged.emit(Qt.Orientation.Horizontal, 0, len(self.titles) - 1)
        return is_other

    def _emit_changes(self, old: Sequence[Row], are_all_new: bool) -> None:
        last = len(self.titles) - 1
        places = [place for place, row in enumerate(self._rows) if are_all_new or row != old[place]]
        for place in places:
            self.dataChanged.emit(self.index(place, 0), self.index(place, last))
        if places:
            self.dataChanged.emit(self.index(len(self._rows), 0), self.index(len(self._rows), last))

    # Qt

    def rowCount(self, parent: AnyIndex = NO_PARENT) -> int:
        return 0 if parent.isValid() or not self._rows else len(self._rows) + 1

    def flags(self, index: AnyIndex) -> Qt.ItemFlag:
        flags = super().flags(index)
        return flags & ~Qt.ItemFlag.ItemIsSelectable if self.row_at(index.row()) is None else flags

    def data(self, index: AnyIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if not index.isValid() or self._found is None:
            return None
        row, column = self.row_at(index.row()), index.column()
        if role in (CELL_ROLE, Qt.ItemDataRole.DisplayRole):
            cell = self._sum(column) if row is None else self._cell(row, column)
            return cell if role == CELL_ROLE else cell.text
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return self.alignment(column)
        if row is None:
            return None
        if role == VALUE_ROLE:
            return self._value(row, index.row(), column)
        if role == PARTS_ROLE:
            return self._parts(row, column) if column <= SECOND else None
        if role == TREND_ROLE:
            return (row.group.trend, self._tone(row, "neutral")) if column == TREND else None
        if role == Qt.ItemDataRole.ToolTipRole and column in (SINCE, LAST):
            return formats.full(row.group.first if column == SINCE else row.group.last)
        if role == Qt.ItemDataRole.AccessibleTextRole and column == FIRST:
            return self._spoken(row)
        return None

    def _value(self, row: Row, place: int, column: int) -> object:
        """What an export has of a cell; the lines below a group name their group, too."""
        group = row.group
        if column == FIRST:
            own = next((each for each in reversed(self._rows[: place + 1]) if not each.is_child), row)
            return " ".join(filter(None, self._of_first(own)))
        if column == SECOND:
            return " ".join(filter(None, self._of_second(row)))
        values = {
            FAILED: self._number(group.failed),
            STILL: self._number(group.still_failed),
            SHARE: group.share,
            TREND: list(group.trend),
            SINCE: group.first,
            LAST: group.last,
        }
        return values.get(column)

    # What a cell says

    def _cell(self, row: Row, column: int) -> PaintedCell:
        group = row.group
        if column <= SECOND:
            parts = self._parts(row, column)
            text = " ".join(filter(None, (parts.text, parts.aside, parts.mark)))
            return PaintedCell(text, parts.tone, "", 0.0, False, parts.is_strong, False)
        texts = {
            FAILED: self._count(group.failed),
            SHARE: words.percent(group.share),
            SINCE: formats.short(group.first, self._now),
            LAST: formats.short(group.last, self._now),
            STILL: self._count(group.still_failed),
        }
        is_loud = column in (FAILED, SHARE)
        tone: Tone = self._tone(row, "") if is_loud else "secondary" if row.is_muted or self._is_stale else ""
        if (column == SHARE and (row.is_child or group.share is None)) or (column == STILL and not group.still_failed):
            tone = "secondary"
        if column == SINCE:
            tone = "secondary"
        is_strong = group.is_rising and not row.is_muted and not row.is_child and column in (FAILED, SHARE, STILL)
        return PaintedCell(texts.get(column, ""), tone, "", 0.0, False, is_strong, self.titles[column].is_right)

    def _number(self, count: int) -> Number:
        assert self._found is not None
        return exact(count) if self._found.is_counted else so_far(count)

    def _count(self, count: int) -> str:
        return formats.count_cell(self._number(count))[0]

    def _sum(self, column: int) -> PaintedCell:
        assert self._found is not None
        found = self._found
        groups = sum(not row.is_child for row in self._rows)
        texts = {
            FIRST: words._tr("1 group") if groups == 1 else words._tr("{count} groups").format(count=f"{groups:,}"),
            FAILED: self._count(sum(row.group.failed for row in self._rows if not row.is_child)),
            STILL: self._count(sum(row.group.still_failed for row in self._rows if not row.is_child)),
        }
        if groups == len(found.groups):
            texts |= {
                FAILED: self._count(found.failed),
                SHARE: words.percent(found.failed / found.runs if found.runs else None),
                STILL: self._count(found.still_failed),
            }
        tone: Tone = "secondary" if column in (FIRST, SHARE) or self._is_stale else ""
        return PaintedCell(texts.get(column, ""), tone, "", 0.0, False, not tone, self.titles[column].is_right)

    def _parts(self, row: Row, column: int) -> Parts:
        assert self._found is not None
        group = row.group
        tone: Tone = "secondary" if row.is_muted or self._is_stale else ""
        is_loud = group.is_rising and not row.is_muted
        if column == FIRST:
            if row.is_child:
                return Parts(is_child=True)
            text, aside = self._of_first(row)
            mark = words._tr("muted") if row.is_muted else words.mark_of(group)
            if not text:
                text, aside, tone = aside, "", "secondary"
            return Parts(row.can_open, row.is_open, False, text, aside, tone, mark, is_loud)
        text, aside = self._of_second(row)
        if not text:
            return Parts(text=aside, tone="secondary", is_child=row.is_child)
        is_error = self._found.by is By.TASK
        mark = words.mark_of(group) if row.is_child and not row.is_muted else ""
        return Parts(False, False, row.is_child, text, aside, tone, mark, is_error and not row.is_child)

    def _of_first(self, row: Row) -> tuple[str, str]:
        assert self._found is not None
        group, by = row.group, self._found.by
        if by is By.TASK:
            return (group.task, "") if group.task is not None else ("", words._tr("task not known"))
        if by is By.WORKER:
            return ("", words.worker_words(None)) if group.worker is None else (words.worker_words(group.worker), "")
        if group.error is None:
            return "", words.not_reported(self._found)
        return words.error_parts(group.error)

    def _of_second(self, row: Row) -> tuple[str, str]:
        assert self._found is not None
        group = row.group
        if self._found.by is By.TASK:
            if group.error is not None:
                return words.error_parts(group.error)
            most = max((each for each in group.children if each.error), key=lambda each: each.failed, default=None)
            if most is None or most.error is None:
                return "", words.not_reported(self._found)
            return words.error_parts(most.error)[0], words.kinds_of(group)
        if group.task is not None:
            return group.task, ""
        if len(group.children) == 1:
            return group.children[0].task or "", ""
        return "", words._tr("{count} tasks").format(count=formats.number(len(group.children)))

    def _tone(self, row: Row, usual: Tone) -> Tone:
        if row.is_muted or self._is_stale:
            return "secondary"
        return "bad" if row.group.is_rising and not row.is_child else usual

    def _spoken(self, row: Row) -> str:
        cell = self._cell(row, SECOND if row.is_child else FIRST).text
        if not row.can_open:
            return cell
        return f"{cell}, {words._tr('open') if row.is_open else words._tr('closed')}"
