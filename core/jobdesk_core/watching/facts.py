"""What the rules need beside the feed, in a few bounded statements: lines at locks, long runs, who serves what, causes.

Asked every so often and not each second. What cannot be read, or takes too long, is not known, and nothing is said
of it.
"""

from __future__ import annotations

import contextlib
import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from jobdesk_core.connectors.statement import Row, Rows, Statement
from jobdesk_core.database.asking import Asking
from jobdesk_core.database.capabilities import Capabilities
from jobdesk_core.database.limited import StatementTooLong
from jobdesk_core.database.rows import WorkerRow, is_heard_from
from jobdesk_core.locks.locks import LockRow, read_locks
from jobdesk_core.reading.open_jobs import OpenJobs
from jobdesk_core.reading.rise import Rise
from jobdesk_core.reported import reading
from jobdesk_core.reported.attempts import attempt
from jobdesk_core.reported.records import ReportedTask, ReportedWorker
from jobdesk_core.reported.serving import by_number
from jobdesk_core.watching.situation import Cause, Failing, Served

#: Running jobs looked at, the oldest first; rises whose cause is asked for; errors and events that are looked at.
MOST_RUNNING, MOST_RISES, MOST_ERRORS, MOST_EVENTS = 500, 5, 2_000, 20_000
#: Waiting jobs looked at, the oldest, for a session that holds their row.
MOST_WAITING = 1_000
#: A transaction that has gone on for so many seconds is no worker's that is fetching.
HELD_S = 5.0


@dataclass(frozen=True, slots=True)
class Running:
    """A job that a live worker runs, and since when (UTC)."""

    job_id: int
    task: str
    queue: str
    since: dt.datetime


@dataclass(frozen=True, slots=True)
class Facts:
    """What was found. `locks` and `running` are None where they could not be read.

    `holders`: of waiting jobs with a lock whose row a session holds, that session, in words, by their ids.
    """

    locks: Sequence[LockRow] | None = None
    running: Sequence[Running] | None = None
    served: Served | None = None
    causes: Mapping[Failing, Cause] = field(default_factory=dict)
    holders: Mapping[int, str] = field(default_factory=dict)


def read_facts(capabilities: Capabilities, jobs: OpenJobs, rises: Sequence[Rise]) -> Asking[Facts]:
    """Read all of it. Raises ConnectorException when the link is lost."""
    locks: Sequence[LockRow] | None = []
    holders: dict[int, str] = {}
    if jobs.all.due:
        with contextlib.suppress(StatementTooLong):
            holders = yield row_holders()
    # Whoever waits behind a head that could run waits for a worker: of that the queue tells.
    if jobs.all.held or holders:
        try:
            locks = (yield from read_locks(capabilities)).rows
        except StatementTooLong:
            locks = None
    running: list[Running] | None = []
    if jobs.all.running:
        try:
            running = yield longest_running(capabilities)
        except StatementTooLong:
            running = None
    served = yield from _served(capabilities, jobs)
    causes: dict[Failing, Cause] = {}
    for rise in sorted(rises, key=lambda each: -each.failures)[:MOST_RISES]:
        causes[rise.kind, rise.name] = yield from _cause(capabilities, rise)
    return Facts(locks, running, served, causes, holders)


def longest_running(capabilities: Capabilities) -> Statement[list[Running]]:
    """The running jobs of the lowest ids, which mostly are the longest, without those that have stalled."""
    alive = "true"
    if capabilities.has_workers and capabilities.has_worker_id:
        alive = (
            "EXISTS (SELECT FROM procrastinate_workers AS worker WHERE worker.id = job.worker_id "
            f"AND {is_heard_from('worker')})"
        )
    return Statement(
        "SELECT running.*, started.at FROM (SELECT job.id, job.task_name, job.queue_name "
        f"FROM procrastinate_jobs AS job WHERE job.status = 'doing' AND {alive} "
        f"ORDER BY job.id LIMIT {MOST_RUNNING}) AS running "
        "CROSS JOIN LATERAL (SELECT max(event.at) AS at FROM procrastinate_events AS event "
        "WHERE event.job_id = running.id AND event.type = 'started' AND isfinite(event.at)) AS started "
        "WHERE started.at IS NOT NULL",
        lambda rows: [Running(row["id"], row["task_name"], row["queue_name"], row["at"]) for row in rows],
    )


# Who serves what


def _served(capabilities: Capabilities, jobs: OpenJobs) -> Asking[Served | None]:
    """What the live workers serve; None unless every one of them reports it."""
    live = [worker for worker in jobs.workers or () if worker.is_alive(jobs.read_at)]
    if not live or capabilities.reported.refusal("workers") is not None:
        return None
    told = yield from attempt(capabilities.reported, "workers", lambda _: reading.living_workers())
    tasks = yield from attempt(capabilities.reported, "tasks", lambda _: reading.tasks())
    return served_by(live, told.value or [], tasks.value)


def served_by(
    live: Sequence[WorkerRow], told: Sequence[ReportedWorker], tasks: Sequence[ReportedTask] | None
) -> Served | None:
    """What these live workers serve, by what workers and applications have reported."""
    known = by_number(told)
    if not live or any(worker.id not in known for worker in live):
        return None
    serving = [known[worker.id] for worker in live] + [worker for worker in told if worker.worker_id is None]
    queues: set[str] | None = set()
    for worker in serving:
        queues = None if queues is None or worker.queues is None else queues | set(worker.queues)
    names: dict[str, set[str]] = {}
    for task in tasks or ():
        names.setdefault(task.app, set()).update((task.name, *task.aliases))
    apps = {worker.app for worker in serving}
    is_told = tasks is not None and len(tasks) < reading.MOST_TASKS and apps <= names.keys()
    all_names = frozenset().union(*(names[app] for app in apps)) if is_told else None
    return Served(frozenset(queues) if queues is not None else None, all_names)


# Why something fails


def _cause(capabilities: Capabilities, rise: Rise) -> Asking[Cause]:
    """The most frequent error among the failures of a rise, where workers report, and how many are failed still."""
    found = yield from attempt(capabilities.reported, "errors", lambda _: _errors(rise))
    try:
        still_failed = (yield _still_failed(rise)) if not rise.is_retried else None
    except StatementTooLong:
        still_failed = None
    kinds = found.value or {}
    error = max(kinds, key=lambda name: kinds[name], default="")
    return Cause(error, kinds.get(error, 0), sum(kinds.values()), still_failed)


def _errors(rise: Rise) -> Statement[dict[str, int]]:
    """How often each type of error was reported of failed runs since a rise began."""
    return Statement(
        "SELECT left(regexp_replace(type, '^.*\\.', ''), 200) AS name, count(*)::integer AS count FROM ("
        f"SELECT type FROM jobdesk.errors WHERE {rise.kind}_name = %(name)s::text AND at >= %(since)s::timestamptz "
        f"AND outcome = %(outcome)s::text ORDER BY at DESC LIMIT {MOST_ERRORS}) AS error GROUP BY 1",
        lambda rows: {row["name"]: row["count"] for row in rows},
        {"name": rise.name, "since": rise.since, "outcome": "retried" if rise.is_retried else "failed"},
    )


def _still_failed(rise: Rise) -> Statement[int]:
    """How many of the jobs that have failed since then are failed now, among the latest events."""
    return Statement(
        "SELECT count(*)::integer AS count FROM (SELECT DISTINCT job_id FROM (SELECT job_id, type, at "
        f"FROM procrastinate_events ORDER BY id DESC LIMIT {MOST_EVENTS}) AS latest "
        "WHERE type = 'failed' AND at >= %(since)s::timestamptz) AS event "
        "JOIN procrastinate_jobs AS job ON job.id = event.job_id "
        f"WHERE job.status = 'failed' AND job.{rise.kind}_name = %(name)s::text",
        lambda rows: int(rows[0]["count"]),
        {"name": rise.name, "since": rise.since},
    )


# Who is in the way of whom


def row_holders() -> Statement[dict[int, str]]:
    """The sessions whose transactions have held the row of a waiting job with a lock for long, by the job's id.

    Workers pass over such a job, and so over those behind it. Whoever locked or changed a row last stands in it, and
    whether that goes on, the server's locks tell.
    """
    return Statement(
        "WITH holder AS MATERIALIZED (SELECT held.transactionid, activity.pid, activity.state, "
        "left(activity.application_name, 60) AS application FROM pg_stat_activity AS activity "
        "JOIN pg_locks AS held ON held.pid = activity.pid AND held.locktype = 'transactionid' AND held.granted "
        "AND held.mode = 'ExclusiveLock' WHERE activity.datname = current_database() "
        "AND activity.xact_start < now() - %(held_s)s * interval '1 second' LIMIT 1000) "
        "SELECT job.id, holder.* FROM holder JOIN (SELECT id, lock, xmax AS changed_by FROM procrastinate_jobs "
        f"WHERE status = 'todo' ORDER BY id LIMIT {MOST_WAITING}) AS job ON job.changed_by = holder.transactionid "
        "WHERE job.lock IS NOT NULL",
        lambda rows: {row["id"]: f"{_session(row)} holds its row ({row['state'] or 'hidden'})" for row in rows},
        {"held_s": HELD_S},
    )


def _session(row: Row) -> str:
    who = f" of {row['application']}" if row["application"] else ""
    return f"the session with pid {row['pid']}{who}"


def _blocker(rows: Rows) -> str:
    """A sentence about the session for which others wait."""
    row = rows[0]
    waiting = row["waiting"] or 0
    if not waiting:
        return ""
    others = "1 session waits" if waiting == 1 else f"{waiting:,} sessions wait"
    if row["pid"] is None:
        return f"{others} for a lock."
    return f"{others} for a lock that {_session(row)} holds ({row['state'] or 'hidden'})."


#: Whether sessions of this database wait for a lock of the server's (not of Procrastinate's), and for whom.
BLOCKER: Statement[str] = Statement(
    "WITH waiting AS MATERIALIZED (SELECT pid FROM pg_stat_activity WHERE datname = current_database() "
    "AND wait_event_type = 'Lock' AND query_start < now() - interval '2 seconds' LIMIT 1000) "
    "SELECT (SELECT count(*) FROM waiting) AS waiting, holder.pid, left(holder.application_name, 60) AS application, "
    "holder.state FROM (SELECT 1) AS one LEFT JOIN LATERAL (SELECT activity.* FROM (SELECT pid FROM waiting LIMIT 5) "
    "AS asked, unnest(pg_blocking_pids(asked.pid)) AS blocking (pid) JOIN pg_stat_activity AS activity "
    "ON activity.pid = blocking.pid WHERE activity.wait_event_type IS DISTINCT FROM 'Lock' LIMIT 1) AS holder ON true",
    _blocker,
)
