"""Jobs that ran at given times, written as they are: no trigger adds an event."""

from __future__ import annotations

import contextlib
import datetime as dt
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import psycopg
from jobdesk_core import SyncPsycopgConnector
from jobdesk_core.database.capabilities import DETECT, Capabilities
from jobdesk_core.failures.contrast import ContrastReader
from jobdesk_core.failures.groups import FailuresReader
from jobdesk_core.failures.records import By, Contrast, FailureGroup, Failures, Range
from jobdesk_core.filters.language import JobFilter
from jobdesk_core.operations.steps import run
from jobdesk_core.reported.detection import detect
from psycopg.types.json import Jsonb

#: Ends of runs after which a job is not over.
_GOES_ON = ("deferred_for_retry",)


@dataclass(frozen=True)
class Ran:
    """A job with its runs: how each ended, and how many seconds ago. `status`: as the last end says."""

    task: str
    ends: Sequence[tuple[str, float]]
    queue: str = "q"
    worker: int | None = None
    args: dict[str, Any] = field(default_factory=dict)
    status: str = ""
    lock: str | None = None
    waited_s: float = 1.0


def write(dsn: str, jobs: Iterable[Ran]) -> list[int]:
    """Write the jobs and their events, the events in the order of their times; the ids of the jobs."""
    now = dt.datetime.now(dt.UTC)
    ids, events = [], []
    with psycopg.connect(dsn) as connection:
        connection.execute("SET session_replication_role = replica")
        for job in jobs:
            last = job.ends[-1][0] if job.ends else "todo"
            status = job.status or ("todo" if last in _GOES_ON else last)
            row = connection.execute(
                "INSERT INTO procrastinate_jobs (queue_name, task_name, args, status, attempts, worker_id, lock) "
                "VALUES (%s, %s, %s, %s, %s, %s, %s) RETURNING id",
                [job.queue, job.task, Jsonb(job.args), status, len(job.ends), job.worker, job.lock],
            ).fetchone()
            assert row is not None
            ids.append(row[0])
            for number, (end, ago) in enumerate(job.ends):
                at = now - dt.timedelta(seconds=ago)
                if not number:
                    events.append((at - dt.timedelta(seconds=1 + job.waited_s), row[0], "deferred"))
                events += [(at - dt.timedelta(seconds=1), row[0], "started"), (at, row[0], end)]
        with connection.cursor() as cursor:
            cursor.executemany(
                "INSERT INTO procrastinate_events (at, job_id, type) VALUES (%s, %s, %s)",
                sorted(events, key=lambda event: event[0]),
            )
    return ids


def read(dsn: str, wanted: Range = Range.HOUR, text: str = "", by: By = By.TASK) -> Failures:
    """Read to the end, as a command does."""
    return answers(dsn, wanted, text, by)[-1]


def answers(dsn: str, wanted: Range = Range.HOUR, text: str = "", by: By = By.TASK) -> list[Failures]:
    """Every answer until the whole one."""
    with connected_now(dsn) as connector:
        reader = FailuresReader(_able(connector), wanted, job_filter=JobFilter.parse(text), by=by)
        found = [run(reader.more(), connector, limit_s=30)]
        while not found[-1].is_whole:
            found.append(run(reader.more(), connector, limit_s=30))
        return found


def contrasts(
    dsn: str, wanted: Range = Range.HOUR, text: str = "", group: FailureGroup | None = None, **options: Any
) -> list[Contrast]:
    """Every answer about a group, or the first one, until the whole one."""
    failures = read(dsn, wanted, text)
    with connected_now(dsn) as connector:
        reader = ContrastReader(
            able_of(dsn), failures, group or failures.groups[0], job_filter=JobFilter.parse(text), **options
        )
        found = [run(reader.more(), connector, limit_s=30)]
        while not found[-1].is_whole:
            found.append(run(reader.more(), connector, limit_s=30))
    return found


@contextlib.contextmanager
def connected_now(dsn: str) -> Iterator[SyncPsycopgConnector]:
    """An open connector without a loop."""
    connector = SyncPsycopgConnector(conninfo=dsn)
    connector.open()
    try:
        yield connector
    finally:
        connector.close()


def able_of(dsn: str) -> Capabilities:
    """What a database can do."""
    with connected_now(dsn) as connector:
        return _able(connector)


def _able(connector: SyncPsycopgConnector) -> Capabilities:
    return replace(connector.run(DETECT), reported=connector.run(detect()))
