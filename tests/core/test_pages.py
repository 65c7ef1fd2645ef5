"""Pages by key and filters: what the SQL finds is what the value says, in order, without gaps or repeats."""

from __future__ import annotations

import contextlib
import datetime as dt
from collections.abc import AsyncIterator

import pytest
from database import run_sql
from jobdesk_core import Job, JobManager, PsycopgConnector, Status
from jobdesk_core.database.capabilities import DETECT
from jobdesk_core.database.rows import JobRow
from jobdesk_core.filters.language import FilterError, JobFilter
from jobdesk_core.reading.pages import JobPages, Order, PageKey
from managing import ids_of


@contextlib.asynccontextmanager
async def pages_of(dsn: str) -> AsyncIterator[tuple[JobPages, JobManager]]:
    connector = PsycopgConnector(conninfo=dsn)
    await connector.open_async()
    able = await connector.run_async(DETECT)
    try:
        yield JobPages(connector, able), JobManager(connector)
    finally:
        await connector.close_async()


async def read_all(pages: JobPages, text: str, order: Order, limit: int = 7) -> list[JobRow]:
    found: list[JobRow] = []
    after = None
    while True:
        page = await pages.read(JobFilter.parse(text), order, after=after, limit=limit)
        found += page.rows
        after = page.next_key
        if page.is_last:
            return found


async def fill(manager: JobManager) -> None:
    soon = dt.datetime.now(dt.UTC) + dt.timedelta(hours=1)
    jobs = [
        Job(
            task_name=["mail.send", "mail.digest", "invoice_pdf"][n % 3],
            queue=["mail", "billing"][n % 2],
            priority=n % 5,
            lock=[None, "acct-7", "acct_8"][n % 3],
            queueing_lock=f"q{n}" if n % 7 == 0 else None,
            task_kwargs={"user_id": n % 4, "deep": {"x": "y" if n % 2 else "z"}},
            scheduled_at=soon if n % 10 == 0 else None,
        )
        for n in range(60)
    ]
    ids = ids_of(await manager.batch_defer_jobs_async(jobs))
    worker_id = await manager.register_worker()
    for end in (Status.SUCCEEDED, Status.FAILED, Status.ABORTED, None, None):
        job = await manager.fetch_job(None, worker_id)
        assert job is not None
        if end is not None:
            await manager.finish_job(job, end, False)
    await manager.cancel_job_by_id_async(ids[5])


@pytest.mark.parametrize("order", list(Order))
async def test_pages_show_every_job_once_and_in_order(dsn: str, order: Order) -> None:
    async with pages_of(dsn) as (pages, manager):
        await fill(manager)
        rows = await read_all(pages, "", order)
    ids = [row.id for row in rows]
    if order is Order.NEXT_TO_RUN:
        assert all(row.status is Status.TODO for row in rows)
        assert [(-row.priority, row.id) for row in rows] == sorted((-row.priority, row.id) for row in rows)
        assert len(ids) == len(set(ids)) == 60 - 6
    else:
        assert ids == sorted(range(1, 61), reverse=order is Order.NEWEST)


FILTERS = [
    "",
    "status:todo",
    "status:failed,succeeded",
    "-status:todo",
    "queue:mail",
    "task:mail.*",
    "-task:mail.*",
    "task:invoice_pdf",
    "lock:acct_8",
    "lock:acct_*",
    "lock:none",
    "-lock:acct-7",
    "queueing_lock:q*",
    "priority:>2",
    "priority:1..3",
    "priority:0,4",
    "id:10..20",
    "id:>50",
    "#12",
    "age:<1h",
    "age:>1h",
    "worker:none",
    "-worker:none",
    "is:scheduled",
    "mail",
    '"acct-7" status:todo queue:billing',
    "status:todo priority:>=2 -queue:mail",
]


@pytest.mark.parametrize("text", FILTERS)
async def test_a_filter_means_the_same_in_sql_and_for_a_row(dsn: str, text: str) -> None:
    async with pages_of(dsn) as (pages, manager):
        await fill(manager)
        every = await read_all(pages, "", Order.NEWEST)
        found = await read_all(pages, text, Order.NEWEST)
    now = dt.datetime.now(dt.UTC)
    job_filter = JobFilter.parse(text)
    assert [row.id for row in found] == [row.id for row in every if job_filter.matches(row, now)]
    assert JobFilter.parse(job_filter.text).text == job_filter.text


async def test_arguments_are_matched_by_the_database(dsn: str) -> None:
    async with pages_of(dsn) as (pages, manager):
        await fill(manager)
        rows = await read_all(pages, "args.user_id:2 args.deep.x:z", Order.OLDEST)
    assert [row.id for row in rows] == [n + 1 for n in range(60) if n % 4 == 2 and n % 2 == 0]
    assert JobFilter.parse("args.user_id:2").matches(rows[0], dt.datetime.now(dt.UTC)) is None


@pytest.mark.parametrize(
    ("text", "position", "words"),
    [
        ("status:nope", 7, "no status nope"),
        ("queue:a status:", 8, "What should status be"),
        ("priority:high", 9, "takes a number"),
        ("colour:red", 0, "no filter colour"),
        ('task:a "open', 7, "not closed"),
        ("age:1h", 4, "takes a bound"),
    ],
)
def test_a_mistake_in_a_filter_is_told_with_its_place(text: str, position: int, words: str) -> None:
    with pytest.raises(FilterError, match=words) as caught:
        JobFilter.parse(text)
    assert caught.value.position == position


@pytest.mark.parametrize("order", list(Order))
@pytest.mark.parametrize("text", ["", "queue:mail", "args.user_id:1"])
async def test_reading_backwards_from_the_end_finds_the_same_in_the_same_order(
    dsn: str, order: Order, text: str
) -> None:
    async with pages_of(dsn) as (pages, manager):
        await fill(manager)
        forwards = await read_all(pages, text, order)
        last = forwards[-1]
        found, before, is_last = [last], PageKey(last.id, last.priority), False
        while not is_last:
            page = await pages.read(JobFilter.parse(text), order, after=before, limit=7, backwards=True)
            found = [*page.rows, *found]
            assert page.next_key is not None
            before, is_last = page.next_key, page.is_last
        assert found == forwards


async def test_a_page_tells_the_ids_between_which_the_table_lies(dsn: str) -> None:
    async with pages_of(dsn) as (pages, manager):
        empty = await pages.read(JobFilter.parse(""), Order.NEWEST)
        assert empty.bounds is None
        await fill(manager)
        page = await pages.read(JobFilter.parse("queue:mail"), Order.OLDEST, limit=3)
        assert page.bounds == (1, 60)


async def test_a_page_is_read_although_the_connection_has_died_since_the_last_one(dsn: str) -> None:
    async with pages_of(dsn) as (pages, manager):
        await fill(manager)
        first = await pages.read(JobFilter.parse(""), Order.NEWEST)
        run_sql(
            dsn,
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()",
        )
        assert await pages.read(JobFilter.parse(""), Order.NEWEST) == first
