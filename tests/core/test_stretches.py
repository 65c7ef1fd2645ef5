"""A filter that matches little is looked for in stretches: nothing missed, no gap walked through, stopped at once."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator

import psycopg
import pytest
from database import connected, run_sql
from jobdesk_core.database.limited import StatementTooLong
from jobdesk_core.filters.language import JobFilter
from jobdesk_core.operations import Cancel, Matching, Progress, plan, run_async
from jobdesk_core.reading.pages import JobPages, Order, PageKey
from psycopg.conninfo import make_conninfo
from waiting import until

RARE = "lock:rare"
NAME = "jobdesk_stretches"


def insert(dsn: str, ids: str, columns: str = "", values: str = "") -> None:
    """Jobs of these ids (SQL), past the triggers: events are of no matter here."""
    run_sql(
        dsn,
        "SET session_replication_role = replica; "
        f"INSERT INTO procrastinate_jobs (id, queue_name, task_name{columns}) "
        f"SELECT id, 'q', 't'{values} FROM {ids} AS id; "
        "RESET session_replication_role; ANALYZE procrastinate_jobs",
    )


@contextlib.asynccontextmanager
async def pages_of(dsn: str, limit_s: float = 5.0) -> AsyncIterator[JobPages]:
    async with connected(make_conninfo(dsn, application_name=NAME)) as (connector, able):
        yield JobPages(connector, able, limit_s=limit_s)


async def search(
    pages: JobPages, text: str, order: Order, *, after: PageKey | None = None, backwards: bool = False
) -> tuple[list[int], int]:
    """The ids found as far as the end in that direction, in reading order, and the number of reads."""
    found: list[int] = []
    reads = 0
    while True:
        page = await pages.read(JobFilter.parse(text), order, after=after, limit=3, backwards=backwards)
        ids, reads, after = [row.id for row in page.rows], reads + 1, page.next_key
        found = [*ids, *found] if backwards else [*found, *ids]
        if page.is_last:
            return found, reads


def busy(dsn: str) -> list[str]:
    return run_sql(dsn, f"SELECT query FROM pg_stat_activity WHERE application_name = '{NAME}' AND state <> 'idle'")


@contextlib.contextmanager
def locked(dsn: str) -> Iterator[None]:
    """The jobs table locked: every statement on it waits."""
    with psycopg.connect(dsn) as connection:
        connection.execute("LOCK TABLE procrastinate_jobs IN ACCESS EXCLUSIVE MODE")
        yield


@pytest.mark.parametrize("order", list(Order))
async def test_many_stretches_find_each_match_once_and_in_order_both_ways(dsn: str, order: Order) -> None:
    insert(
        dsn,
        "generate_series(1, 120000)",
        ", priority, lock",
        ", (id % 5 / 4) * (id % 3 - 1) * 7, CASE WHEN id % 7919 = 0 OR id IN (1, 2, 120000) THEN 'rare' END",
    )
    by = {Order.NEWEST: "id DESC", Order.OLDEST: "id", Order.NEXT_TO_RUN: "priority DESC, id"}[order]
    jobs = run_sql(dsn, f"SELECT id, priority FROM procrastinate_jobs WHERE lock = 'rare' ORDER BY {by}")
    assert len({priority for _, priority in jobs}) == 3
    async with pages_of(dsn) as pages:
        found, reads = await search(pages, RARE, order)
        assert found == [job_id for job_id, _ in jobs] and reads > 5
        last = PageKey(*jobs[-1])
        found, _ = await search(pages, RARE, order, after=last, backwards=True)
        assert found == [job_id for job_id, _ in jobs[:-1]]


@pytest.mark.parametrize("order", [Order.NEWEST, Order.OLDEST])
async def test_ids_far_apart_are_not_walked_through(dsn: str, order: Order) -> None:
    ids = [1, 2, 3, 2**40, 2**53 + 1, 2**53 + 2, 2**63 - 2]
    insert(dsn, f"unnest(ARRAY{ids})")
    async with pages_of(dsn) as pages:
        found, reads = await search(pages, "task:t -id:3", order)
        assert found == sorted(set(ids) - {3}, reverse=order is Order.NEWEST) and reads <= len(ids)
        page = await pages.read(JobFilter.parse("task:other"), order, after=PageKey(2**53))
        assert page.bounds == (1, 2**63 - 2)


async def test_a_search_in_a_range_of_ids_reads_nothing_else(dsn: str) -> None:
    insert(dsn, "generate_series(1, 100000)")
    async with pages_of(dsn) as pages:
        for text, reads in (("id:500..502", 2), ("id:<0", 1), ("#70000", 1), (f"id:>{2**70}", 1)):
            assert (await search(pages, text, Order.NEWEST))[1] == reads, text


@pytest.mark.parametrize("order", [Order.NEWEST, Order.OLDEST])
@pytest.mark.parametrize(
    "text", ["id:1..3 or id:4999901..5000000", "id:1,4999901,2", "(id:<4 or id:>4999900) lock:rare or id:2"]
)
async def test_ids_that_the_filter_leaves_out_are_not_walked_through(dsn: str, order: Order, text: str) -> None:
    insert(dsn, "generate_series(1, 5000000, 100)", ", lock", ", CASE WHEN id IN (1, 4999901) THEN 'rare' END")
    async with pages_of(dsn) as pages:
        found, reads = await search(pages, text, order)
        assert found == sorted((1, 4999901), reverse=order is Order.NEWEST) and reads <= 3
        found, reads = await search(pages, text, order, after=PageKey(2_500_000), backwards=True)
        assert len(found) == 1 and reads <= 2


async def test_a_preflight_does_not_look_through_them_either(dsn: str) -> None:
    insert(dsn, "generate_series(1, 5000000, 100)")
    looks = []

    async def note(progress: Progress) -> bool:
        looks.append(progress)
        return True

    async with connected(dsn) as (connector, able):
        target = Matching(JobFilter.parse("id:1..300 or id:4999901..5000000"))
        made = await run_async(plan(target, Cancel(), able), connector, on_progress=note)
        assert made.ready == 4 and len(looks) <= 3


async def test_a_cancelled_read_ends_on_the_server_too(dsn: str) -> None:
    insert(dsn, "generate_series(1, 10)")
    async with pages_of(dsn) as pages:
        with locked(dsn):
            read = asyncio.ensure_future(pages.read(JobFilter.parse(RARE), Order.NEWEST))
            await until(lambda: busy(dsn), what="the query to run")
            read.cancel()
            with pytest.raises(asyncio.CancelledError):
                await read
            assert busy(dsn) == []
        assert (await search(pages, RARE, Order.NEWEST))[0] == []


async def test_a_read_that_waits_for_a_connection_is_cancelled_whenever_that_comes(dsn: str) -> None:
    insert(dsn, "generate_series(1, 10)")
    async with connected(dsn, max_size=1) as (connector, able):
        pages = JobPages(connector, able)
        for turn in range(200):
            first, second = (asyncio.ensure_future(pages.read(JobFilter.parse(""), Order.NEWEST)) for _ in range(2))
            for _ in range(turn):
                await asyncio.sleep(0)
            is_late = second.done()
            second.cancel()
            await asyncio.wait({first, second}, timeout=60)
            assert second.cancelled() or is_late


@pytest.mark.parametrize("text", ["", RARE])
async def test_no_statement_runs_longer_than_the_limit(dsn: str, text: str) -> None:
    insert(dsn, "generate_series(1, 10)")
    async with pages_of(dsn, limit_s=0.2) as pages:
        with locked(dsn):
            with pytest.raises(StatementTooLong):
                await pages.read(JobFilter.parse(text), Order.NEWEST)
            assert busy(dsn) == []


async def test_a_stretch_that_takes_too_long_is_tried_again_narrower(dsn: str) -> None:
    insert(dsn, "generate_series(1, 20000)", ", args", ", jsonb_build_object('text', repeat('x', 20000) || id)")
    async with pages_of(dsn, limit_s=0.4) as pages:
        page = await pages.read(JobFilter.parse("args:x20000 -args:x1999*"), Order.NEWEST)
    assert [row.id for row in page.rows] == [20000]
    assert page.looked_to_id is not None and 1 < page.looked_to_id < 20_000
