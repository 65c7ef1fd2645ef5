"""One handle for both implementations and both connectors, and the list of what is meant to differ."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import jobdesk_core
import procrastinate
import psycopg
from database import run_sql
from psycopg import sql

#: Every intended difference between jobdesk_core and Procrastinate 3.10, and why there is one.
DIFFERENCES = {
    "an unknown option is refused": "A misspelt lock would silently be no lock.",
    "a retry wakes the workers": "The schema notifies on INSERT only: the job would wait for the next poll.",
    "a retry clears a stuck abort flag": "The CHECK of the table refuses the retry of such a job for ever.",
    "an unreachable server is told at once": "Theirs waits for the pool's timeout and raises it unwrapped.",
    "an abort by a user ends aborted": "A retry strategy turns theirs into a failed job that cannot be retried.",
    "the successor of a lock is woken": "The schema does not notify on an end: it would wait for the next poll.",
    "each running synchronous job has a thread": "The loop's own threads are few: cpu count and four.",
    "the rescued run is not ended by the old one": "Both runs of a rescued job end the same row there.",
    "tasks of a new app use its connector": "Theirs go on deferring through the first app.",
    "a time without a zone is refused": "The server would read it in a zone of its own.",
    "a queue's name that is too long is refused before it is sent": "The caller's transaction stays whole.",
    "a number that JSON lacks is refused before it is sent": "The caller's transaction stays whole.",
    "a job that is not there has one answer everywhere": "Theirs has three: NoResult, TypeError and KeyError.",
    "a closed connector says that it is not open": "Theirs on psycopg2 hands on an error of the pool.",
    "a session inherits nothing that changes what is read": "Times would come in the zone of the server or the role.",
    "there are no migrations": "Jobdesk works with every schema; the library's own files migrate one.",
    "a schedule that cannot be is refused where it is written": "It would end the worker, or silently never come.",
    "the builtin task has the same name in every app": "Theirs gets another `builtin:` with each app of a process.",
    "a job is told in short": "Arguments may be of a hundred megabytes; a line of a log is not.",
    "a status that a database has added is a Status": "The job could not be read at all.",
}


@dataclass(frozen=True, slots=True)
class Twin:
    """An open app of one implementation on one connector, on the database of a connection string."""

    module: ModuleType
    is_sync: bool
    app: Any
    dsn: str

    @property
    def exceptions(self) -> Any:
        """The implementation's exceptions."""
        return self.module.exceptions

    def differs(self, name: str) -> bool:
        """Whether this is the implementation that is meant to behave otherwise, for a reason in DIFFERENCES."""
        assert name in DIFFERENCES
        return self.module is jobdesk_core

    async def do(self, target: Any, method: str, *arguments: Any, **options: Any) -> Any:
        """Call `method`, or its asynchronous twin where the connector is asynchronous."""
        if self.is_sync:
            return await asyncio.to_thread(getattr(target, method), *arguments, **options)
        return await getattr(target, f"{method}_async")(*arguments, **options)

    async def defer(self, task: str = "t", arguments: dict[str, Any] | None = None, **options: Any) -> int:
        """Defer a job of a task that only its name is known of."""
        job_id: int = await self.do(self.app.configure_task(task, **options), "defer", **(arguments or {}))
        return job_id

    async def act(self, method: str, *arguments: Any, **options: Any) -> Any:
        """Call a method of the job manager that exists in both forms."""
        return await self.do(self.app.job_manager, method, *arguments, **options)

    def rows(self, columns: str = "status::text") -> list[Any]:
        """These columns of every job."""
        return run_sql(self.dsn, f"SELECT {columns} FROM procrastinate_jobs ORDER BY id")

    def events(self, job_id: int) -> list[str]:
        """The types of a job's events, in order."""
        return run_sql(self.dsn, "SELECT type::text FROM procrastinate_events WHERE job_id = %s ORDER BY id", job_id)


MODULES = {"ours": jobdesk_core, "theirs": procrastinate}


def closed_app(module: ModuleType, is_sync: bool, **pool_arguments: Any) -> Any:
    """An app on psycopg's asynchronous or synchronous connector."""
    connector = module.SyncPsycopgConnector if is_sync else module.PsycopgConnector
    return module.App(connector=connector(**pool_arguments))


@contextlib.asynccontextmanager
async def twin_of(module: ModuleType, dsn: str, *, is_sync: bool = False) -> AsyncIterator[Twin]:
    """One of the twins, open."""
    app = closed_app(module, is_sync, conninfo=dsn)
    if not is_sync:
        async with app.open_async():
            yield Twin(module, is_sync, app, dsn)
        return
    await asyncio.to_thread(app.open)
    try:
        yield Twin(module, is_sync, app, dsn)
    finally:
        await asyncio.to_thread(app.close)


class Ear:
    """Hears every notification of some queues."""

    def __init__(self, dsn: str, *queues: str) -> None:
        self._connection = psycopg.connect(dsn, autocommit=True)
        for channel in ("procrastinate_any_queue_v1", *(f"procrastinate_queue_v1#{queue}" for queue in queues)):
            self._connection.execute(sql.SQL("LISTEN {}").format(sql.Identifier(channel)))

    def __enter__(self) -> Ear:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def heard(self) -> list[tuple[str, str, int]]:
        """What came since the last time: channel, type and job."""
        self._connection.execute("SELECT pg_notify('procrastinate_any_queue_v1', 'now')")
        heard = []
        for each in self._connection.notifies(timeout=5):
            if each.payload == "now":
                return heard
            payload = json.loads(each.payload)
            heard.append((each.channel.removeprefix("procrastinate_"), payload["type"], payload["job_id"]))
        raise AssertionError("The server did not answer.")
