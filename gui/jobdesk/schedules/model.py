"""The periodic tasks on the screen: cells of ready words, and the runs that the strip is painted from."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from jobdesk_core.schedules.schedule import Schedule
from PySide6.QtCore import QCoreApplication, QObject, Qt

from jobdesk.kit.roles import CELL_ROLE, VALUE_ROLE, AnyIndex, PaintedCell
from jobdesk.kit.text_block import as_tooltip
from jobdesk.kit.values_model import NO_PARENT, Title, TitledModel
from jobdesk.schedules import words
from jobdesk.schedules.words import Shown

#: What stands behind a cell's text; the shape before it with a tone of its own, as a pair; the runs of a strip.
ASIDE_ROLE, LEAD_ROLE, RUNS_ROLE = (int(Qt.ItemDataRole.UserRole) + 140 + place for place in range(3))
KEYS = ("task", "cadence", "last", "next", "state", "runs")
STRIP = KEYS.index("runs")
_CELLS: tuple[Callable[[Schedule, dt.datetime], Shown], ...] = (
    lambda schedule, now: words.name_cell(schedule),
    words.cadence_cell,
    lambda schedule, now: words.last_cell(schedule.last, now),
    words.next_cell,
    words.state_cell,
    lambda schedule, now: Shown(""),
)


class SchedulesModel(TitledModel):
    """Rows in the order given, brought up to date in place as long as they are of the same schedules."""

    def __init__(self, parent: QObject | None = None) -> None:
        titles = [
            Title(_tr("task · id"), 130, is_right=False),
            Title(_tr("cadence"), 150, is_right=False, sample="about every 20 min (infer"),
            Title(_tr("last run"), 150, is_right=False, sample="mm 22:45:00 29 s so far"),
            Title(_tr("next"), 96, sample="in 00 h 00 min"),
            Title(_tr("state"), 110, is_right=False, sample="mm overlapping"),
            Title(_tr("last 40 runs"), 128),
        ]
        super().__init__(titles, parent)
        #: Where there is no room for all of that: what is quiet behind a cell's text is cut short first.
        narrow = {2: (104, "mm yesterday 02:00"), 5: (106, "")}
        self.narrow_titles = [
            replace(title, width=narrow[place][0], sample=narrow[place][1]) if place in narrow else title
            for place, title in enumerate(self.titles)
        ]
        self._rows: Sequence[Schedule] = ()
        self._now = dt.datetime.fromtimestamp(0, dt.UTC)
        #: The cells that have been asked for since: those in sight, of however many there are.
        self._cells: dict[tuple[int, int], Shown] = {}

    def schedule_at(self, place: int) -> Schedule | None:
        """The schedule of a row; None for a row there is not."""
        return self._rows[place] if 0 <= place < len(self._rows) else None

    def place_of(self, key: tuple[str, str]) -> int | None:
        """Where a schedule stands; None when it does not."""
        return next((place for place, row in enumerate(self._rows) if row.key == key), None)

    def show(self, schedules: Sequence[Schedule], now: dt.datetime) -> bool:
        """Show these; whether they are others, or in another order, than before."""
        is_other = [each.key for each in schedules] != [each.key for each in self._rows]
        if is_other:
            self.beginResetModel()
        self._rows, self._now = tuple(schedules), now
        self._cells.clear()
        if is_other:
            self.endResetModel()
        elif self._rows:
            self.dataChanged.emit(self.index(0, 0), self.index(len(self._rows) - 1, len(KEYS) - 1))
        return is_other

    def rowCount(self, parent: AnyIndex = NO_PARENT) -> int:
        return 0 if parent.isValid() else len(self._rows)

    def data(self, index: AnyIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if not index.isValid():
            return None
        row, cell = self._rows[index.row()], self._cell(index.row(), index.column())
        if role == CELL_ROLE:
            is_right = self.titles[index.column()].is_right
            shape = "" if cell.lead else cell.shape
            return PaintedCell(cell.text, cell.tone, shape, 0.0, False, cell.is_strong, is_right)
        if role == LEAD_ROLE:
            return (cell.shape, cell.lead) if cell.lead else None
        if role == ASIDE_ROLE:
            return cell.aside
        if role == VALUE_ROLE:
            return _value(row, KEYS[index.column()])
        if role == RUNS_ROLE and index.column() == STRIP:
            return row.runs
        if role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.AccessibleTextRole):
            return self._strip_told(row) if index.column() == STRIP else f"{cell.text} {cell.aside}".strip()
        if role == Qt.ItemDataRole.ToolTipRole:
            told = self._strip_told(row) if index.column() == STRIP else cell.tip
            return as_tooltip(told) or None
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return self.alignment(index.column())
        return None

    def _cell(self, row: int, column: int) -> Shown:
        cell = self._cells.get((row, column))
        if cell is None:
            cell = self._cells[row, column] = _CELLS[column](self._rows[row], self._now)
        return cell

    def _strip_told(self, schedule: Schedule) -> str:
        """The strip in words."""
        runs = schedule.runs
        failed = sum(run.status is not None and run.status.value in ("failed", "aborted") for run in runs)
        missed, gone = sum(run.is_missed for run in runs), sum(run.is_job_gone for run in runs)
        one, more = _tr("1 run"), _tr("{count} runs")
        count = one if len(runs) == 1 else more.format(count=len(runs))
        told = _tr("{runs}: {failed} failed, {missed} not deferred").format(runs=count, failed=failed, missed=missed)
        return f"{told}, {_tr('{gone} without a job').format(gone=gone)}" if gone else told


def _value(schedule: Schedule, key: str) -> object:
    """What an export has of a cell where its text is not enough: runs whole, and moments."""
    return {"last": schedule.last, "next": schedule.next_at, "state": schedule.state, "runs": schedule.runs}.get(key)


def _tr(text: str) -> str:
    return QCoreApplication.translate("SchedulesModel", text)
