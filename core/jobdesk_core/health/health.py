"""Reads how the tables fare, part by part, each with its limit: what cannot be read is told, and the rest stands."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal, TypeVar

from jobdesk_core.connectors.statement import Rows, Statement
from jobdesk_core.database.asking import Asking
from jobdesk_core.database.capabilities import Capabilities
from jobdesk_core.database.limited import StatementTooLong
from jobdesk_core.exceptions import ConnectorException, cause_text
from jobdesk_core.health import ages
from jobdesk_core.health.ages import Ages
from jobdesk_core.health.catalog import CATALOG, TABLES, Catalog
from jobdesk_core.health.schema_drift import Drift, drift
from jobdesk_core.health.statistics import (
    STATISTICS,
    TABLES_VIEW,
    TRANSACTIONS,
    TRANSACTIONS_VIEW,
    Statistics,
    Transactions,
)
from jobdesk_core.jobs import Status
from jobdesk_core.number import Number, estimated, exact

T = TypeVar("T")
Part = Literal["catalog", "statistics", "transactions", "retention", "ages"]
#: No statement takes longer, in seconds.
LIMIT_S = 2.0
#: What the server says when a role may not read something, and how what ends the link begins.
_NO_RIGHT, _LINK = "42501", ("08", "57P")
#: Statuses of jobs that are over, in the order of the page; before them the others.
FINISHED = (Status.SUCCEEDED, Status.FAILED, Status.CANCELLED, Status.ABORTED)
#: The library's own task that deletes old jobs, by its names.
REMOVERS = ("builtin:procrastinate.builtin_tasks.remove_old_jobs", "procrastinate.builtin_tasks.remove_old_jobs")


@dataclass(frozen=True, slots=True)
class Retention:
    """Whether the library's task that deletes old jobs is deferred periodically, and when it was last (UTC)."""

    is_scheduled: bool
    last: dt.datetime | None


@dataclass(frozen=True, slots=True)
class Health:
    """What is known so far; None is a part that is not read yet, or cannot be: then `troubles` says why.

    `totals` are the exact numbers of jobs where the window has counted them. `is_whole`: nothing is left to be read.
    """

    capabilities: Capabilities
    read_at: dt.datetime | None = None
    catalog: Catalog | None = None
    statistics: Statistics | None = None
    drift: Drift | None = None
    transactions: Transactions | None = None
    retention: Retention | None = None
    ages: Ages | None = None
    #: Jobs with one lock that run at once: the ids of the first, where the index that forbids it is not there.
    doubly_locked: tuple[int, ...] = ()
    totals: Mapping[Status, int] | None = None
    troubles: Mapping[Part, str] = field(default_factory=dict)
    is_whole: bool = False

    def rows(self, table: str) -> float | None:
        """How many rows a table is believed to hold: as counted, as planned, or None where nothing tells."""
        if table == TABLES[0] and self.totals is not None:
            return float(sum(self.totals.values()))
        if table == TABLES[0] and self.ages is not None:
            return self.ages.whole(None).rows
        counted = self.statistics.tables.get(table) if self.statistics is not None else None
        size = self.catalog.table(table) if self.catalog is not None else None
        # Where the server's counts were lost, they have begun anew at 0.
        was_lost = counted is not None and counted.analyzed_at is None and counted.vacuumed_at is None
        planned = (size.planned_rows if size is not None else None) or 0.0
        if counted is not None and counted.live and not (was_lost and planned > counted.live):
            return float(counted.live)
        if size is not None and not size.pages:
            return 0.0
        return size.planned_rows if size is not None else None

    def number(self, table: str) -> Number:
        """The same, and what it is worth."""
        rows = self.rows(table)
        is_counted = self.totals is not None or (self.ages is not None and self.ages.is_exact)
        if rows is None:
            return estimated(None)
        return exact(round(rows)) if table == TABLES[0] and is_counted else estimated(round(rows))

    @property
    def total_bytes(self) -> int | None:
        """Jobs and events with their indexes."""
        if self.catalog is None:
            return None
        return sum(table.bytes for table in self.catalog.tables if table.name in TABLES[:2])


def read(
    capabilities: Capabilities,
    *,
    totals: Mapping[Status, int] | None = None,
    tell: Callable[[Health], object] = lambda health: None,
) -> Asking[Health]:
    """Read all parts; `tell` hears of each as it comes. Raises ConnectorException when the link is lost."""
    reading = _Reading(Health(capabilities, totals=totals), tell)
    yield from reading.part("catalog", CATALOG, _with_catalog)
    yield from reading.part("statistics", STATISTICS, _with_statistics)
    yield from reading.part("transactions", TRANSACTIONS, lambda health, found: replace(health, transactions=found))
    yield from reading.part("retention", _RETENTION, lambda health, found: replace(health, retention=found))
    health = reading.health
    if health.drift is not None and any(line.has_lost_uniqueness for line in health.drift.indexes):
        yield from reading.part("catalog", _DOUBLY_LOCKED, lambda health, found: replace(health, doubly_locked=found))
    yield from reading.ages()
    reading.take(replace(reading.health, is_whole=True))
    return reading.health


class _Reading:
    def __init__(self, health: Health, tell: Callable[[Health], object]) -> None:
        self.health, self._tell = health, tell

    def take(self, health: Health) -> None:
        self.health = health
        self._tell(health)

    def part(self, part: Part, statement: Statement[T], take: Callable[[Health, T], Health]) -> Asking[None]:
        """Read one part, or note why it cannot be."""
        try:
            found: T = yield statement
        except ConnectorException as error:
            self._note(part, error)
        else:
            self.take(take(self.health, found))

    def ages(self) -> Asking[None]:
        """Look at the jobs, where that is bounded."""
        health = self.health
        if health.catalog is None:
            return
        jobs, events = health.catalog.table(TABLES[0]), health.catalog.table(TABLES[1])
        if jobs is None or events is None:
            self._refuse("Rows by age are not known: the jobs and events are not plain tables here.")
            return
        if events.pages > ages.SAMPLE_PAGES and not health.catalog.has_index_on(TABLES[1], "job_id"):
            self._refuse("Rows by age are not known: without an index on procrastinate_events (job_id) it takes long.")
            return
        try:
            found = yield from ages.read_ages(health.capabilities, health.catalog, health.totals)
        except ConnectorException as error:
            self._note("ages", error)
        else:
            self.take(replace(health, ages=found))

    def _refuse(self, sentence: str) -> None:
        self.take(replace(self.health, troubles={**self.health.troubles, "ages": sentence}))

    def _note(self, part: Part, error: ConnectorException) -> None:
        sentence = _sentence(part, error, self.health.capabilities.role)
        if sentence is None:
            raise error
        self.take(replace(self.health, troubles={**self.health.troubles, part: sentence}))


def _sentence(part: Part, error: ConnectorException, role: str) -> str | None:
    """Why a part cannot be read; None when it is not that part's fault."""
    views: dict[Part, str] = {"statistics": TABLES_VIEW, "transactions": TRANSACTIONS_VIEW}
    if isinstance(error, StatementTooLong):
        of = {"ages": "Rows by age are", "catalog": "Sizes are"}.get(part, f"{views.get(part, 'This')} is")
        return f"{of} not known: the server took longer than {LIMIT_S:.0f} s to tell."
    if error.sqlstate == _NO_RIGHT:
        return (
            f"{views[part]} is not readable by {role}."
            if part in views
            else f"Not readable by {role}: {cause_text(error)}"
        )
    if error.sqlstate is not None and not error.sqlstate.startswith(_LINK):
        return f"{views.get(part, 'A part')} cannot be read: {cause_text(error)}"
    return None


def _with_catalog(health: Health, found: Catalog) -> Health:
    return replace(health, catalog=found, drift=drift(health.capabilities, found, None), read_at=_now(health))


def _with_statistics(health: Health, found: Statistics) -> Health:
    made = drift(health.capabilities, health.catalog, found) if health.catalog is not None else None
    return replace(health, statistics=found, drift=made)


def _now(health: Health) -> dt.datetime:
    return health.capabilities.clock.now()


def _decode_retention(rows: Rows) -> Retention:
    row: dict[str, Any] = rows[0]
    return Retention(row["is_scheduled"], row["last"])


_RETENTION: Statement[Retention] = Statement(
    "SELECT count(*) > 0 AS is_scheduled, to_timestamp(max(defer_timestamp)) AS last "
    "FROM procrastinate_periodic_defers WHERE task_name = ANY (%(names)s::text[])",
    _decode_retention,
    {"names": list(REMOVERS)},
)
_DOUBLY_LOCKED: Statement[tuple[int, ...]] = Statement(
    "SELECT id FROM procrastinate_jobs WHERE status = 'doing' AND lock IN (SELECT lock FROM procrastinate_jobs "
    "WHERE status = 'doing' AND lock IS NOT NULL GROUP BY lock HAVING count(*) > 1) ORDER BY lock, id LIMIT 50",
    lambda rows: tuple(row["id"] for row in rows),
)
