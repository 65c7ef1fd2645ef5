"""Rows and bytes by status and age, of a bounded look: all rows of a small table, of a large one those of some pages.

The pages are spread evenly, for rows of one age lie beside each other: by chance a whole day may be missed.

A finished job is as old as its latest event, by which a purge goes, too; any other as old as its deferral: its first
event but for `scheduled`, whose time is when it is due, and may have been long past when it was deferred.
Of a finished job without events nothing tells how old it is, and no purge takes it.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import random
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

from jobdesk_core.connectors.statement import Rows, Statement
from jobdesk_core.database.asking import Asking
from jobdesk_core.database.capabilities import Capabilities
from jobdesk_core.database.limited import StatementTooLong
from jobdesk_core.health.catalog import TABLES, Catalog
from jobdesk_core.jobs import Status

#: Where one age ends and the next begins, in days: up to a day, a week, a month, a quarter, and older.
AGE_DAYS = (1, 7, 30, 90)
#: The place of those whose age nothing tells, behind those of AGE_DAYS and of what is older.
UNDATED = len(AGE_DAYS) + 1
#: Pages of jobs that are looked at: all of a table that has no more. A second try after one that took too long.
SAMPLE_PAGES, FEWER_PAGES = 300, 30
#: Rows that are looked for on a page: more than fit, unless most of them are dead.
LINES = 150
#: Waiting and running jobs that are counted one by one.
MOST_OPEN = 20_000
#: Events whose jobs are looked at, so that the last day is exact.
MOST_EVENTS = 40_000
#: The statuses of jobs that are not over.
OPEN = (Status.TODO, Status.DOING, Status.ABORTING)
#: What a job takes beside its arguments, in bytes: for how the bytes are shared out only.
ROW_BYTES = 150
#: A cell that fewer rows of the sample lie in is told as a rough one.
FEW_ROWS = 30


@dataclass(frozen=True, slots=True)
class Cell:
    """Jobs of one status and age; `seen` of them were looked at, all of them where it is exact."""

    rows: float = 0.0
    bytes: float = 0.0
    seen: int = 0
    is_exact: bool = True

    def __add__(self, other: Cell) -> Cell:
        return Cell(
            self.rows + other.rows,
            self.bytes + other.bytes,
            self.seen + other.seen,
            self.is_exact and other.is_exact,
        )


@dataclass(frozen=True, slots=True)
class Ages:
    """Per status a cell for each age of AGE_DAYS, one for what is older, and one at UNDATED. `total_bytes`: jobs with
    their events.

    `sampled_rows`: how many jobs the sample had, 0 where every job was looked at. `as_of` is the server's (UTC).
    """

    cells: Mapping[Status, tuple[Cell, ...]]
    total_bytes: int
    sampled_rows: int
    as_of: dt.datetime

    @property
    def is_exact(self) -> bool:
        """Whether every job was looked at."""
        return not self.sampled_rows

    def of(self, statuses: Iterable[Status], first: int = 0) -> Cell:
        """What these statuses hold from the age at this place of AGE_DAYS on: 0 is of any age, 1 older than a day."""
        return sum((cell for status in statuses for cell in self.cells.get(status, ())[first:UNDATED]), Cell())

    def undated(self, statuses: Iterable[Status]) -> Cell:
        """What these statuses hold whose age nothing tells."""
        return sum((cell for status in statuses for cell in self.cells.get(status, ())[UNDATED:]), Cell())

    def whole(self, status: Status | None) -> Cell:
        """All of one status, or all there is."""
        return self.between(status, 0, UNDATED + 1)

    def between(self, status: Status | None, first: int, end: int) -> Cell:
        """The ages from `first` to before `end` of one status, or of all."""
        statuses = [status] if status is not None else list(self.cells)
        return sum((cell for each in statuses for cell in self.cells.get(each, ())[first:end]), Cell())


#: Status, age, how many, their share in the bytes of the jobs, and how many events they have.
_Group = tuple[Status, int, int, float, float]
#: What was counted one by one: None where there is none of the status and age.
_Exact = dict[tuple[Status, int], _Group | None]


@dataclass(frozen=True, slots=True)
class _Seen:
    """Rows of one look: status, age and how many, with their share in the bytes of jobs and the number of events."""

    groups: list[_Group]
    as_of: dt.datetime
    is_complete: bool = True

    @property
    def rows(self) -> int:
        return sum(group[2] for group in self.groups)


def read_ages(
    capabilities: Capabilities,
    catalog: Catalog,
    totals: Mapping[Status, int] | None = None,
) -> Asking[Ages]:
    """Look at the jobs. `totals` are how many there are of each status, where that is known exactly.

    How many a large table has is told by the pages looked at: what the server has counted may be lost in a crash.
    Raises StatementTooLong where even the small look takes longer than it may, ConnectorException.
    """
    jobs, events = catalog.table(TABLES[0]), catalog.table(TABLES[1])
    assert jobs is not None and events is not None
    exact: _Exact = {}
    most = SAMPLE_PAGES
    try:
        seen: _Seen = yield _look(jobs.pages, most)
    except StatementTooLong:
        most = FEWER_PAGES
        seen = yield _look(jobs.pages, most)
    is_whole = jobs.pages <= most
    if not is_whole:
        # The sample holds these as well, where they are too many.
        with contextlib.suppress(StatementTooLong):
            exact |= _open_ages((yield _look_at_open(capabilities)))
        with contextlib.suppress(StatementTooLong):
            exact |= _last_day((yield _look_at_last_day()), seen)
    cells = _cells(seen, exact, totals, None if is_whole else jobs.pages / most)
    shared = _with_bytes(cells, seen, exact, jobs.bytes, events.bytes)
    return Ages(shared, jobs.bytes + events.bytes, 0 if is_whole else seen.rows, seen.as_of)


def _cells(
    seen: _Seen, exact: _Exact, totals: Mapping[Status, int] | None, each: float | None
) -> dict[Status, list[Cell]]:
    """The jobs of each status and age. So many stand for `each` one of the sample; None: all were looked at."""
    is_whole = each is None
    found: dict[Status, list[Cell]] = {}
    for status, age, number, _, _ in seen.groups:
        row = found.setdefault(status, [Cell(is_exact=is_whole)] * (UNDATED + 1))
        row[age] = Cell(number * (each or 1.0), 0.0, number, is_whole)
    for (status, age), group in exact.items():
        row = found.setdefault(status, [Cell(is_exact=is_whole)] * (UNDATED + 1))
        number = group[2] if group is not None else 0
        row[age] = Cell(float(number), 0.0, number, True)
    return _of_totals(found, totals) if totals is not None and not is_whole else found


def _of_totals(found: dict[Status, list[Cell]], totals: Mapping[Status, int]) -> dict[Status, list[Cell]]:
    """Where the number of each status is known, the sample tells its ages only; one that it missed is of no age."""
    for status, row in found.items():
        estimated = sum(cell.rows for cell in row if not cell.is_exact)
        left = totals.get(status, 0) - sum(cell.rows for cell in row if cell.is_exact)
        if estimated:
            factor = max(0.0, left) / estimated
            found[status] = [cell if cell.is_exact else replace(cell, rows=cell.rows * factor) for cell in row]
    return found


def _with_bytes(
    cells: dict[Status, list[Cell]], seen: _Seen, exact: _Exact, job_bytes: int, event_bytes: int
) -> dict[Status, tuple[Cell, ...]]:
    """Share the bytes of both tables out: by the size of the arguments, and by the number of events."""
    groups: dict[tuple[Status, int], _Group] = {(group[0], group[1]): group for group in seen.groups}
    groups |= {key: group for key, group in exact.items() if group is not None}
    weights: dict[tuple[Status, int], tuple[float, float]] = {}
    for (status, age), (_, _, number, width, events) in groups.items():
        rows = cells[status][age].rows if status in cells else 0.0
        weights[status, age] = (rows * width / number, rows * events / number) if number else (0.0, 0.0)
    jobs, events = (sum(weight[place] for weight in weights.values()) or 1.0 for place in (0, 1))
    shared = {}
    for status, row in cells.items():
        parts = [weights.get((status, age), (0.0, 0.0)) for age in range(len(row))]
        shared[status] = tuple(
            Cell(cell.rows, job_bytes * part[0] / jobs + event_bytes * part[1] / events, cell.seen, cell.is_exact)
            for cell, part in zip(row, parts, strict=True)
        )
    return shared


def _decode(rows: Rows) -> _Seen:
    groups = [
        (Status(row["status"]), row["age"], row["number"], float(row["width"]), float(row["events"]))
        for row in rows
        if row["status"] is not None
    ]
    return _Seen(groups, rows[0]["now"], rows[0]["is_complete"])


def _open_ages(seen: _Seen) -> _Exact:
    """What is exact of the open jobs: nothing of a status of which there may be more than were looked at."""
    numbers: Counter[Status] = Counter()
    for status, _, number, _, _ in seen.groups:
        numbers[status] += number
    groups: _Exact = {(group[0], group[1]): group for group in seen.groups}
    # What no later release has is no row of its own.
    few = [each for each in OPEN if numbers[each] < MOST_OPEN and (numbers[each] or each is not Status.ABORTING)]
    return {(status, age): groups.get((status, age)) for status in few for age in range(UNDATED + 1)}


def _last_day(seen: _Seen, sample: _Seen) -> _Exact:
    """What is exact of the finished jobs of the last day: nothing where there were more events than are looked at.

    Nor where the sample alone has more of them: there events are not in the order of their times, as after an import.
    """
    groups: _Exact = {(group[0], group[1]): group for group in seen.groups}
    found = {(status, 0): groups.get((status, 0)) for status in Status if status.is_final}
    numbers = {key: group[2] if group is not None else 0 for key, group in found.items()}
    is_contradicted = any(numbers.get(group[:2], group[2]) < group[2] for group in sample.groups)
    return found if seen.is_complete and not is_contradicted else {}


def _look(pages: int, most: int) -> Statement[_Seen]:
    if pages <= most:
        return _grouped("SELECT id, status, args FROM procrastinate_jobs")
    # One page of each stretch, by chance: what comes at regular intervals would be met always, or never. The same ones
    # each time, so that numbers do not jump.
    chance = random.Random(pages)
    chosen = [min(pages - 1, int((place + chance.random()) * pages / most)) for place in range(most)]
    places = (
        "SELECT format('(%%s,%%s)', page, line)::tid FROM unnest(%(pages)s::bigint[]) AS page, "
        f"generate_series(1, {LINES}) AS line"
    )
    jobs = f"SELECT id, status, args FROM procrastinate_jobs WHERE ctid = ANY (ARRAY({places}))"
    return _grouped(jobs, {"pages": chosen})


def _look_at_open(capabilities: Capabilities) -> Statement[_Seen]:
    """Waiting and running jobs. Each status by itself, for the partial indexes are of one."""
    # Later releases have the label and no index for it.
    statuses = ["todo", "doing", *(("aborting",) if capabilities.has_aborting_status else ())]
    return _grouped(
        " UNION ALL ".join(
            f"(SELECT id, status, args FROM procrastinate_jobs WHERE status = '{status}' LIMIT {MOST_OPEN})"
            for status in statuses
        )
    )


def _look_at_last_day() -> Statement[_Seen]:
    """The finished jobs that had an event among the last ones; complete if those go back for a day."""
    newest = "(SELECT max(id) FROM procrastinate_events)"
    before = (
        f"SELECT at FROM procrastinate_events WHERE id <= {newest} - {MOST_EVENTS} AND type::text <> 'scheduled' "
        "ORDER BY id DESC LIMIT 1"
    )
    is_complete = f"coalesce(({before}) < now() - interval '1 day', true)"
    return _grouped(
        "SELECT job.id, job.status, job.args FROM (SELECT DISTINCT job_id FROM procrastinate_events "
        f"WHERE id > {newest} - {MOST_EVENTS} AND at > now() - interval '1 day' AND {is_complete}) AS recent "
        "CROSS JOIN LATERAL (SELECT id, status, args FROM procrastinate_jobs WHERE id = recent.job_id LIMIT 1) AS job "
        "WHERE job.status::text NOT IN ('todo', 'doing', 'aborting')",
        is_complete=is_complete,
    )


def _grouped(
    jobs: str, parameters: Mapping[str, object] = MappingProxyType({}), is_complete: str = "true"
) -> Statement[_Seen]:
    """Jobs by status and age; the time stands in a row of its own where there is none."""
    oldest = len(AGE_DAYS)
    return Statement(
        f"""
        SELECT now() AS now, {is_complete} AS is_complete, found.* FROM (SELECT) AS once LEFT JOIN (
            SELECT job.status::text AS status,
                   CASE WHEN isfinite(age.at)
                        THEN width_bucket(extract(epoch FROM now() - age.at)::float8, %(bounds)s::float8[])
                        WHEN job.status::text IN ('todo', 'doing', 'aborting') THEN 0
                        WHEN age.at < now() THEN {oldest} ELSE {UNDATED} END AS age,
                   count(*) AS number,
                   sum(coalesce(pg_column_size(job.args), 0) + {ROW_BYTES})::float8 AS width,
                   sum(age.events)::float8 AS events
              FROM ({jobs}) AS job
             CROSS JOIN LATERAL (
                SELECT CASE WHEN job.status::text IN ('todo', 'doing', 'aborting')
                            THEN coalesce(min(event.at) FILTER (WHERE event.type::text <> 'scheduled'), min(event.at))
                            ELSE max(event.at) END AS at,
                       count(*) AS events
                  FROM procrastinate_events AS event WHERE event.job_id = job.id) AS age
             GROUP BY 1, 2) AS found ON true
        """,
        _decode,
        {"bounds": [86_400.0 * days for days in AGE_DAYS], **parameters},
    )
