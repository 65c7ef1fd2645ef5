"""What the monitor reads beside what its peers would ask: pages, a filter that matches little, a refresh."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import Any

import procrastinate
import psycopg
from changes import Changes
from jobdesk_core.connectors.psycopg import Connection, PsycopgConnector
from jobdesk_core.database.capabilities import DETECT, Capabilities
from jobdesk_core.feed.counts import Counts
from jobdesk_core.feed.feed import Feed
from jobdesk_core.filters.language import JobFilter
from jobdesk_core.reading.pages import JobPages, Order, PageKey
from jobdesk_core.reading.series import Series
from procrastinate.manager import JobManager
from table import Contender, Line, below, take_rounds, within

PAGE = 200
#: Beyond this many jobs nobody can ask the library for all of them: it has no pages.
MOST_LISTED = 1_000_000
RARE, RARE_SQL = "task:app.tasks.task_6 args.user_id:42", "task_name = 'app.tasks.task_6' AND args->>'user_id' = '42'"
NONE, NONE_SQL = "args.user_id:none", "args->>'user_id' = 'none'"

_COLUMNS = """
id, task_name, queue_name, status, priority, attempts, scheduled_at, lock, queueing_lock, worker_id, abort_requested,
(SELECT min(at) FROM procrastinate_events WHERE job_id = job.id AND type = 'deferred')
"""
_BARE = "SELECT {columns} FROM procrastinate_jobs AS job WHERE {where} ORDER BY id DESC LIMIT {limit}"
_LISTED = "SELECT * FROM procrastinate_jobs WHERE {where} ORDER BY id DESC LIMIT {limit} OFFSET {offset}"
_EVENTS = "SELECT id, job_id, type::text, at FROM procrastinate_events WHERE id > {newest} ORDER BY id LIMIT 5000"
_ROWS = "SELECT {columns} FROM procrastinate_jobs AS job WHERE id IN ({ids})"
_RECOUNT = "SELECT queue_name, task_name, status, count(*) FROM procrastinate_jobs GROUP BY 1, 2, 3"
_ACTIVE = """
SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state = 'active'
AND pid <> pg_backend_pid() AND query LIKE '%procrastinate_jobs%' AND backend_type = 'client backend'
"""


class Readers:
    """Everyone who reads one database: ours, the library, and one bare connection."""

    def __init__(
        self, connector: PsycopgConnector, capabilities: Capabilities, bare: psycopg.Connection, library: JobManager
    ) -> None:
        self.connector = connector
        self.capabilities = capabilities
        self.bare = bare
        self.library = library

    def pages(self) -> JobPages:
        """Ours, knowing nothing of the database yet."""
        return JobPages(self.connector, self.capabilities)

    def ask(self, query: str) -> list[tuple[Any, ...]]:
        """All rows of a query on the bare connection."""
        return self.bare.execute(query.encode()).fetchall()


@asynccontextmanager
async def readers(dsn: str) -> AsyncIterator[Readers]:
    """Open all of them."""
    connector = PsycopgConnector(conninfo=dsn)
    library = procrastinate.App(connector=procrastinate.PsycopgConnector(conninfo=dsn))
    await connector.open_async()
    try:
        async with library.open_async():
            with psycopg.connect(dsn, autocommit=True) as bare:
                yield Readers(connector, await connector.run_async(DETECT), bare, library.job_manager)
    finally:
        await connector.close_async()


def timed(ask: Callable[[], Awaitable[object] | object], *, calls: int = 1) -> Contender:
    """A contender: the milliseconds that asking takes, the median of some calls."""

    async def take() -> float:
        taken = []
        for _ in range(calls):
            started = time.perf_counter()
            answer = ask()
            if isinstance(answer, Awaitable):
                await answer
            taken.append(1000 * (time.perf_counter() - started))
        return sorted(taken)[calls // 2]

    return take


# Pages


async def page_lines(dsn: str, jobs: int, rounds: int) -> AsyncIterator[Line]:
    """First page, next page, page at the middle, newest failed."""
    async with readers(dsn) as held:
        top, middle = jobs + 1, jobs // 2
        pages = held.pages()  # as the window has them, for long
        for title, text, below_id, offset in (
            ("first page", "", top, 0),
            ("next page", "", top - PAGE, PAGE),
            ("page at the middle", "", middle, jobs - middle),
            ("newest failed", "status:failed", top, 0),
        ):
            where = "status = 'failed'" if text else "true"
            after = None if below_id == top else PageKey(below_id)
            bare = _BARE.format(columns=_COLUMNS, where=f"{where} AND id < {below_id}", limit=PAGE)
            count = f"SELECT count(*) FROM procrastinate_jobs WHERE {where}"
            listed = _LISTED.format(where=where, limit=PAGE, offset=offset)
            contenders = {
                "ours": timed(partial(_read_page, pages, text, after), calls=9),
                "bare SQL": timed(partial(held.ask, bare), calls=9),
                "change list": timed(partial(_ask_both, held, count, listed)),
            }
            if text:
                contenders["list_jobs_async"] = timed(lambda: held.library.list_jobs_async(status="failed"))
            taken = await take_rounds(contenders, rounds)
            ours = taken.pop("ours")
            aims = {"bare SQL": within(1.5), "change list": within(0.01) if offset > PAGE else None}
            for peer, theirs in taken.items():
                yield Line(title, "ms", ours, peer, theirs, aims.get(peer))
            if title == "first page" and jobs <= MOST_LISTED:
                once = await timed(held.library.list_jobs_async)()
                yield Line(title, "ms", ours, "list_jobs_async (once)", [once])


def _ask_both(held: Readers, count: str, listed: str) -> None:
    held.ask(count)
    held.ask(listed)


async def _read_page(pages: JobPages, text: str, after: PageKey | None, limit: int = PAGE) -> int:
    """Read until there are `limit` rows or the end is reached. Returns how many there are."""
    job_filter, found = JobFilter.parse(text), 0
    while found < limit:
        page = await pages.read(job_filter, Order.NEWEST, after=after, limit=limit - found)
        found += len(page.rows)
        after = page.next_key
        if page.is_last:
            break
    return found


# A filter that matches little


async def filter_lines(dsn: str, rounds: int) -> AsyncIterator[Line]:
    """The first answer to a rare filter, its end, and how soon a search stops."""
    async with readers(dsn) as held:
        bare = _BARE.format(columns=_COLUMNS, where=RARE_SQL, limit=PAGE)
        rare = JobFilter.parse(RARE)
        taken = await take_rounds(
            {
                "first answer": timed(lambda: held.pages().read(rare, Order.NEWEST)),
                "first match": timed(lambda: _read_page(held.pages(), RARE, None, 1)),
                "whole search": timed(lambda: _read_page(held.pages(), RARE, None)),
                "bare SQL": timed(lambda: held.ask(bare)),
            },
            rounds,
        )
        theirs = taken.pop("bare SQL")
        for part, ours in taken.items():
            aim = below(300) if part == "first answer" else None
            yield Line(f"rare filter, {part}", "ms", ours, "bare SQL", theirs, aim)
        stops = {"ours": lambda: _stop_ours(held), "bare SQL": lambda: _stop_bare(held, dsn)}
        stopped = await take_rounds(stops, rounds)
        yield Line("rare filter, stop", "ms", stopped["ours"], "bare SQL, cancelled", stopped["bare SQL"], below(100))


async def _stop_ours(held: Readers) -> float:
    async def search() -> None:
        pages = held.pages()
        while True:
            await _read_page(pages, NONE, None)

    return await _milliseconds_to_stop(held, asyncio.create_task(search()))


async def _stop_bare(held: Readers, dsn: str) -> float:
    query = _BARE.format(columns=_COLUMNS, where=NONE_SQL, limit=PAGE)
    async with await psycopg.AsyncConnection.connect(dsn, autocommit=True) as connection:

        async def search() -> None:
            while True:
                await connection.execute(query.encode())

        # psycopg cancels on the server what a cancelled task was waiting for.
        return await _milliseconds_to_stop(held, asyncio.create_task(search()))


async def _milliseconds_to_stop(held: Readers, search: asyncio.Task[None]) -> float:
    """Until the task is over and the server has stopped as well."""
    await asyncio.sleep(0.4)
    started = time.perf_counter()
    search.cancel()
    with suppress(asyncio.CancelledError):
        await search
    while held.ask(_ACTIVE) != [(0,)]:
        await asyncio.sleep(0.001)
    return 1000 * (time.perf_counter() - started)


# A refresh


class Follower:
    """A feed that has counted everything, and 1,000 changes to follow at a time."""

    def __init__(self, held: Readers, connection: Connection) -> None:
        self._held = held
        self._feed = Feed(held.connector, held.capabilities, Counts(), Series())
        self._feed.connection = connection  # one of its own, as the window has it
        self._changes = Changes(held.bare, together=50)

    async def start(self) -> None:
        """Count everything once."""
        await self._feed.start()
        await self._follow()

    async def refresh(self) -> float:
        """The milliseconds to follow 1,000 changes."""
        self._change()
        started = time.perf_counter()
        await self._follow()
        return 1000 * (time.perf_counter() - started)

    async def bare_reads(self) -> float:
        """The milliseconds that the two reads of a refresh take alone: the events, and the rows of their jobs."""
        ((newest,),) = self._held.ask("SELECT max(id) FROM procrastinate_events")
        self._change()
        started = time.perf_counter()
        events = self._held.ask(_EVENTS.format(newest=newest))
        self._held.ask(_ROWS.format(columns=_COLUMNS, ids=",".join({str(job_id) for _, job_id, _, _ in events})))
        taken = 1000 * (time.perf_counter() - started)
        await self._follow()  # so that the next refresh has no more to read
        return taken

    def _change(self) -> None:
        for _ in range(20):
            self._changes.make()

    async def _follow(self) -> None:
        has_more = await self._feed.has_news()
        while has_more:
            _, has_more = await self._feed.read()


async def refresh_lines(dsn: str, small_dsn: str, rounds: int) -> AsyncIterator[Line]:
    """A refresh after 1,000 changes, beside counting anew, and beside itself on a small database."""
    async with (
        readers(dsn) as held,
        readers(small_dsn) as small,
        held.connector.own_connection() as connection,
        small.connector.own_connection() as small_connection,
    ):
        follower, small_follower = Follower(held, connection), Follower(small, small_connection)
        await follower.start()
        await small_follower.start()
        taken = await take_rounds(
            {
                "ours": follower.refresh,
                "its two reads, bare SQL": follower.bare_reads,
                "ours on 100,000 jobs": small_follower.refresh,
                "full recount": timed(lambda: held.ask(_RECOUNT)),
                "list_queues_async": timed(held.library.list_queues_async),
            },
            rounds,
        )
        ours = taken.pop("ours")
        aims = {
            "its two reads, bare SQL": within(1.5),
            "ours on 100,000 jobs": within(1.25),
            "list_queues_async": within(1 / 500),
        }
        for peer, theirs in taken.items():
            yield Line("refresh after 1,000 changes", "ms", ours, peer, theirs, aims.get(peer))
