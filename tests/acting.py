"""How tests act on jobs: by a plan that is carried out at once, on either kind of connector."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from typing import Any, TypeVar

from database import connected
from jobdesk_core import PsycopgConnector, SyncPsycopgConnector
from jobdesk_core.database.capabilities import DETECT, FUNCTIONS, Capabilities
from jobdesk_core.filters.language import JobFilter
from jobdesk_core.jobs import EventType, Status
from jobdesk_core.operations import (
    Change,
    Chosen,
    JobOutcome,
    Ledger,
    Matching,
    Plan,
    Progress,
    Steps,
    apply,
    plan,
    run,
    run_async,
)

T = TypeVar("T")
KINDS = ("async", "sync")
#: What the newest release offers to a role that may do everything.
ABLE = Capabilities(
    role="r",
    database="d",
    server_version=180000,
    is_standby=False,
    has_schema=True,
    has_remains=True,
    has_workers=True,
    has_priority=True,
    has_abort_requested=True,
    has_worker_id=True,
    has_priority_locks=True,
    statuses=tuple(status.value for status in Status),
    event_types=tuple(kind.value for kind in EventType),
    functions=frozenset("{}({})".format(*versions[0]) for versions in FUNCTIONS.values()),
    channels=("procrastinate_any_queue_v1",),
)


class Actor:
    """Runs operations on one database, asynchronously or synchronously."""

    def __init__(self, connector: Any, capabilities: Capabilities) -> None:
        self.connector = connector
        self.able = capabilities

    async def run(
        self, steps: Steps[T], *, whole: bool = False, watch: Callable[[Progress], bool] = lambda progress: True
    ) -> T:
        """Run an operation; `watch` returns whether to go on."""
        if isinstance(self.connector, PsycopgConnector):

            async def watched(progress: Progress) -> bool:
                return await asyncio.to_thread(watch, progress)

            return await run_async(steps, self.connector, is_one_transaction=whole, on_progress=watched)
        return await asyncio.to_thread(lambda: run(steps, self.connector, is_one_transaction=whole, on_progress=watch))

    async def plan(self, change: Change, *ids: int, text: str | None = None, **options: Any) -> Plan:
        """Look at the jobs of these ids, or at those that match the text of a filter."""
        target = Chosen(ids) if text is None else Matching(JobFilter.parse(text))
        return await self.run(plan(target, change, self.able, **options))

    async def apply(self, made: Plan, **options: Any) -> Ledger:
        """Carry a plan out."""
        run_options = {name: options.pop(name) for name in ("whole", "watch") if name in options}
        steps = apply(made, is_one_transaction=bool(run_options.get("whole")), **options)
        return await self.run(steps, **run_options)

    async def act(self, change: Change, *ids: int) -> list[JobOutcome]:
        """Act on these jobs; the outcomes in the order of the ids."""
        ledger = await self.apply(await self.plan(change, *ids))
        entries = {entry.job_id: entry for entry in ledger.entries()}
        return [entries[job_id] for job_id in ids]


@contextlib.asynccontextmanager
async def acting(dsn: str, kind: str = "async") -> AsyncIterator[Actor]:
    """An actor on the database."""
    if kind == "async":
        async with connected(dsn) as (connector, able):
            yield Actor(connector, able)
        return
    own = SyncPsycopgConnector(conninfo=dsn)
    await asyncio.to_thread(own.open)
    try:
        yield Actor(own, await asyncio.to_thread(own.run, DETECT))
    finally:
        await asyncio.to_thread(own.close)


async def outcome_of(dsn: str, change: Change, job_id: int, *, kind: str = "async") -> JobOutcome:
    """The outcome for one job."""
    async with acting(dsn, kind) as actor:
        (entry,) = await actor.act(change, job_id)
    return entry
