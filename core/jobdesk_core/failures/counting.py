"""The statements that count ended runs: in stretches of event ids, by task, queue, worker and bucket of time."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

from jobdesk_core.connectors.statement import Rows, Statement
from jobdesk_core.database.capabilities import Capabilities
from jobdesk_core.database.rows import jobs_table
from jobdesk_core.filters.language import JobFilter

#: The events that end a failed run, and those that end another one (a label that a release lacks is never written).
FAILED_ENDS = ("failed", "deferred_for_retry")
OTHER_ENDS = ("succeeded", "aborted")
#: PostgreSQL has times that no clock tells: infinity, and years beyond. That of a `scheduled` event is not when it was
#: written.
_IS_TOLD = "event.at BETWEEN '1000-01-01' AND '9000-01-01'"
IS_WRITTEN = f"event.type::text <> 'scheduled' AND {_IS_TOLD}"
#: The places of what ended before the first bucket, and before all that is counted.
BEFORE, LONG_BEFORE = -1, -2


@dataclass(frozen=True, slots=True)
class Bounds:
    """The events that there are: the highest and the lowest id, and about when the first of them was written (UTC)."""

    read_at: dt.datetime
    highest: int
    lowest: int
    first_at: dt.datetime | None


@dataclass(frozen=True, slots=True)
class Window:
    """The times that are counted (seconds since 1970): buckets from `start` on, and before it back to `oldest`."""

    start: float
    bucket_s: int
    oldest: float


@dataclass(frozen=True, slots=True)
class Counted:
    """Ended runs of a task in a queue by a worker (None: not known). `place`: their bucket if they failed.

    What ended before the first bucket has the place BEFORE or LONG_BEFORE; what ended since and did not fail has 0.
    `first_job` is the job with the lowest id among them.
    """

    task: str
    queue: str
    worker: int | None
    is_failed: bool
    place: int
    runs: int
    still_failed: int
    first: dt.datetime
    last: dt.datetime
    first_job: int


@dataclass(frozen=True, slots=True)
class Stretch:
    """What ended in a stretch of event ids.

    `newest_at` is when its latest event of any kind was written, `edge_at` about its first one (UTC); None without
    any. `below` is the next id under it, None when there is none.
    """

    counted: tuple[Counted, ...]
    newest_at: dt.datetime | None
    edge_at: dt.datetime | None
    below: int | None


def _bounds(rows: Rows) -> Bounds:
    (row,) = rows
    return Bounds(row["read_at"], row["highest"] or 0, row["lowest"] or 0, row["first_at"])


BOUNDS: Statement[Bounds] = Statement(
    "SELECT now() AS read_at, (SELECT max(id) FROM procrastinate_events) AS highest, "
    "(SELECT min(id) FROM procrastinate_events) AS lowest, (SELECT min(event.at) FROM "
    "(SELECT * FROM procrastinate_events ORDER BY id LIMIT 100) AS event "
    f"WHERE {IS_WRITTEN}) AS first_at",
    _bounds,
)


def is_failed_end(capabilities: Capabilities) -> str:
    """The SQL of whether `event` ends a failed run."""
    return _is_one_of(capabilities, FAILED_ENDS)


def is_end(capabilities: Capabilities) -> str:
    """The SQL of whether `event` ends a run."""
    return _is_one_of(capabilities, (*FAILED_ENDS, *OTHER_ENDS))


def _is_one_of(capabilities: Capabilities, kinds: Sequence[str]) -> str:
    # Labels as they are compare as numbers; one that the release lacks cannot be read as one.
    return f"event.type IN ({', '.join(repr(kind) for kind in kinds if kind in capabilities.event_types)})"


def count(capabilities: Capabilities, job_filter: JobFilter, low: int, high: int, window: Window) -> Statement[Stretch]:
    """Count what ended in the events with low < id <= high, of jobs that meet the filter."""
    condition, parameters = job_filter.condition(capabilities)
    worker = "job.worker_id" if capabilities.has_worker_id else "NULL::bigint"
    jobs = jobs_table(capabilities) if job_filter.tokens else "procrastinate_jobs AS job"
    text = (
        "WITH stretch AS MATERIALIZED (SELECT event.id, event.job_id, event.at, event.type::text AS type, "
        f"{is_end(capabilities)} AS is_end, {is_failed_end(capabilities)} AS is_failed "
        "FROM procrastinate_events AS event WHERE event.id > %(low)s AND event.id <= %(high)s "
        f"AND {IS_WRITTEN}), "
        f"ended AS (SELECT coalesce(job.task_name, '') AS task_name, coalesce(job.queue_name, '') AS queue_name, "
        f"{worker} AS worker, event.is_failed, "
        f"CASE WHEN event.at < to_timestamp(%(oldest)s) THEN {LONG_BEFORE} "
        f"WHEN event.at < to_timestamp(%(start)s) THEN {BEFORE} WHEN event.is_failed "
        "THEN floor((extract(epoch FROM event.at)::float8 - %(start)s) / %(bucket_s)s)::integer ELSE 0 END AS place, "
        "event.at, job.id, "
        "event.type = 'failed' AND job.status = 'failed' AND NOT EXISTS (SELECT FROM procrastinate_events AS later "
        "WHERE later.job_id = job.id AND later.id > event.id AND later.type = 'failed') AS is_still_failed "
        f"FROM stretch AS event JOIN {jobs} ON job.id = event.job_id "
        f"WHERE event.is_end AND ({condition})) "
        "SELECT about.*, counted.* FROM (SELECT max(at) AS newest_at, "
        "(SELECT at FROM stretch ORDER BY id LIMIT 1) AS edge_at, "
        "(SELECT max(id) FROM procrastinate_events WHERE id <= %(low)s) AS below FROM stretch) AS about "
        "LEFT JOIN (SELECT task_name, queue_name, worker, is_failed, place, count(*)::bigint AS runs, "
        "(count(*) FILTER (WHERE is_still_failed))::bigint AS still_failed, min(at) AS first, max(at) AS last, "
        "min(id) AS first_job FROM ended GROUP BY 1, 2, 3, 4, 5) AS counted ON true"
    )
    bounds = {"low": low, "high": high, "start": window.start, "bucket_s": window.bucket_s, "oldest": window.oldest}
    return Statement(text, _stretch, parameters | bounds)


def _stretch(rows: Rows) -> Stretch:
    counted = tuple(
        Counted(
            row["task_name"],
            row["queue_name"],
            row["worker"],
            row["is_failed"],
            row["place"],
            row["runs"],
            row["still_failed"],
            row["first"],
            row["last"],
            row["first_job"],
        )
        for row in rows
        if row["runs"] is not None
    )
    first = rows[0]
    return Stretch(counted, first["newest_at"], first["edge_at"], first["below"])


@dataclass(frozen=True, slots=True)
class Earlier:
    """Of some tasks that a stretch of ids holds: when each last failed there (UTC), and which ran at all.

    `below` is the next id under the stretch, None when there is none.
    """

    last_failed: dict[str, dt.datetime]
    ran: frozenset[str]
    below: int | None


def earlier(
    capabilities: Capabilities, low: int, high: int, failing: Sequence[str], new: Sequence[str]
) -> Statement[Earlier]:
    """Look in the events with low < id <= high for failed runs of `failing`, and for any ended run of `new` tasks."""
    # What failed is little: without new tasks the other events lead to no job.
    kinds = is_end(capabilities) if new else is_failed_end(capabilities)

    def decode(rows: Rows) -> Earlier:
        found = [row for row in rows if row["task_name"] is not None]
        failed = {row["task_name"]: row["last_failed"] for row in found if row["last_failed"] is not None}
        return Earlier(failed, frozenset(row["task_name"] for row in found), rows[0]["below"])

    return Statement(
        "SELECT about.below, counted.* FROM (SELECT max(id) AS below FROM procrastinate_events WHERE id <= %(low)s) "
        "AS about LEFT JOIN (SELECT job.task_name, "
        f"max(event.at) FILTER (WHERE {is_failed_end(capabilities)}) AS last_failed "
        "FROM procrastinate_events AS event JOIN procrastinate_jobs AS job ON job.id = event.job_id "
        f"WHERE event.id > %(low)s AND event.id <= %(high)s AND {kinds} AND {_IS_TOLD} "
        "AND job.task_name = ANY (%(tasks)s::text[]) GROUP BY 1) AS counted ON true",
        decode,
        {"low": low, "high": high, "tasks": sorted({*failing, *new})},
    )


def first_events(job_ids: Sequence[int], kinds: Sequence[str]) -> Statement[dict[int, dt.datetime]]:
    """When the first event of these kinds of each of these jobs was written (UTC)."""
    return Statement(
        "SELECT event.job_id, min(event.at) AS at FROM procrastinate_events AS event "
        f"WHERE event.job_id = ANY (%(ids)s) AND event.type::text = ANY (%(kinds)s) AND {_IS_TOLD} GROUP BY 1",
        lambda rows: {row["job_id"]: row["at"] for row in rows},
        {"ids": list(job_ids), "kinds": list(kinds)},
    )
