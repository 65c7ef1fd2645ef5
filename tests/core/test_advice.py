"""Advice on indexes: given where one would help and none is there, true about its size, created without blocking."""

from __future__ import annotations

import asyncio
import re

import psycopg
import pytest
from database import connected, role, run_sql
from jobdesk_core import PsycopgConnector
from jobdesk_core.database.capabilities import Capabilities
from jobdesk_core.database.rows import jobs_table
from jobdesk_core.exceptions import IndexLeftInvalid
from jobdesk_core.filters.language import JobFilter, argument_term
from jobdesk_core.indexes.advice import IndexAdvice, advise, create, leftovers
from jobdesk_core.reading.pages import Order
from jobdesk_core.troubles import explain
from waiting import until

JOBS = 60_000
#: So much that the planner wants is slow here, as the table is small.
SLOW = 500.0
PATH = ['it\'s "a" \\ (b)', "50%"]


def fill(dsn: str, jobs: int = JOBS) -> None:
    run_sql(
        dsn,
        "SET session_replication_role = replica; INSERT INTO procrastinate_jobs "
        "(queue_name, task_name, status, priority, lock, args, scheduled_at, abort_requested) "
        "SELECT 'queue ' || n % 5, 'app.tasks.task ' || n % 97, CASE WHEN n % 50 = 0 THEN 'failed' ELSE 'succeeded' "
        "END::procrastinate_job_status, n % 3, CASE WHEN n % 4 = 0 THEN 'lock ' || n % 997 END, "
        "jsonb_build_object('user_id', n % 9973, 'amount', n, 'it''s \"a\" \\ (b)', jsonb_build_object('50%', n)), "
        "CASE WHEN n % 10 = 0 THEN now() + n * interval '1 s' END, n % 5000 = 0 "
        f"FROM generate_series(1, {jobs}) AS n; RESET session_replication_role; ANALYZE procrastinate_jobs",
    )


async def advised(connector: PsycopgConnector, able: Capabilities, text: str, **kwargs: float) -> IndexAdvice | None:
    return await advise(connector, able, JobFilter.parse(text), slow_cost=kwargs.pop("slow_cost", SLOW), **kwargs)


def plan(dsn: str, able: Capabilities, text: str) -> str:
    """How the server finds a page of this filter."""
    condition, parameters = JobFilter.parse(text).condition(able)
    sql = f"EXPLAIN SELECT job.id FROM {jobs_table(able)} WHERE {condition} ORDER BY job.id DESC LIMIT 200"
    with psycopg.connect(dsn) as connection:
        # A small sample may miss how rare a value is.
        connection.execute("SET default_statistics_target = 1000")
        connection.execute("ANALYZE procrastinate_jobs")
        return "\n".join(row[0] for row in connection.execute(sql.encode(), parameters))


@pytest.mark.parametrize(
    ("text", "keys"),
    [
        ('task:"app.tasks.task 3" queue:"queue 3"', "(queue_name, task_name, id)"),
        ('task:"app.tasks.task 3" status:failed', "(task_name, status, id)"),
        ('queue:"queue 3" status:failed -task:x', "(queue_name, status, id)"),
        ("task:other priority:1", "(task_name, priority, id)"),
        ('lock:"lock 12" status:succeeded', "(lock, id) WHERE lock IS NOT NULL"),
        ("worker:77", "(worker_id, id) WHERE worker_id IS NOT NULL"),
        ("args.user_id:77", "((args #>> '{user_id}'::text[]), id) WHERE (args #>> '{user_id}'::text[]) IS NOT NULL"),
        (argument_term(PATH, "77"), "text[]), id) WHERE (args #>> "),
        ('args:{"user_id": 77}', "USING gin (args jsonb_path_ops)"),
        ("is:abort_requested", "(id) WHERE abort_requested"),
        ("scheduled:<-1h", "(scheduled_at, id) WHERE scheduled_at IS NOT NULL"),
    ],
)
async def test_the_index_that_is_advised_serves_and_is_as_large_as_was_said(dsn: str, text: str, keys: str) -> None:
    fill(dsn)
    async with connected(dsn, max_size=3) as (connector, able):
        advice = await advised(connector, able, text, matched=0.0)
        assert advice is not None and keys in advice.sql and advice.refusal is None
        assert advice.sql.startswith(f"CREATE INDEX CONCURRENTLY {advice.name} ON public.procrastinate_jobs ")
        await create(connector, advice)
        assert advice.name in plan(dsn, able, text)
        size = run_sql(dsn, f"SELECT pg_relation_size('{advice.name}')")[0]
        assert size / 2 < advice.size_bytes < size * 2 or size < 50_000
        assert await advised(connector, able, text, matched=0.0) is None
        assert await leftovers(connector) == []
        run_sql(dsn, advice.drop_sql)
        again = await advised(connector, able, text, matched=0.0)
        assert again is not None and (again.sql, again.drop_sql) == (advice.sql, advice.drop_sql)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "status:succeeded",
        'queue:"queue 1"',
        "queue:other",
        "id:5..9 task:other",
        "status:todo args.user_id:1",
        "is:stalled",
        "-task:other",
        "task:oth*",
        "lock:none",
        "args.user_id:none",
        "age:>1h",
        "words",
    ],
)
async def test_nothing_is_advised_where_an_index_serves_or_could_not(dsn: str, text: str) -> None:
    fill(dsn)
    async with connected(dsn, max_size=3) as (connector, able):
        assert await advised(connector, able, text) is None


async def test_nothing_is_advised_for_what_is_fast_or_matches_often(dsn: str) -> None:
    fill(dsn)
    async with connected(dsn, max_size=3) as (connector, able):
        assert await advised(connector, able, "args.user_id:77", slow_cost=10_000.0) is None
        assert await advised(connector, able, "args.user_id:77", matched=0.5) is None
        assert await advised(connector, able, "args.user_id:77") is not None
        next_to_run = await advise(
            connector, able, JobFilter.parse("args.user_id:77"), Order.NEXT_TO_RUN, slow_cost=SLOW
        )
        assert next_to_run is None


async def test_a_name_that_is_taken_is_not_used_again_and_a_long_one_is_cut(dsn: str) -> None:
    fill(dsn, 20_000)
    async with connected(dsn, max_size=3) as (connector, able):
        first = await advised(connector, able, "task:other", matched=0.0)
        assert first is not None
        run_sql(dsn, f"CREATE INDEX {first.name} ON procrastinate_jobs (attempts)")
        second = await advised(connector, able, "task:other", matched=0.0)
        assert second is not None and second.name != first.name
        await create(connector, second)
        long = await advised(connector, able, argument_term(["é" * 300, "x" * 300], "1"), matched=0.0)
        assert long is not None and re.fullmatch(r"[a-z][a-z0-9_]{1,62}", long.name)
        await create(connector, long)


async def test_a_role_that_does_not_own_the_table_is_told_whom_to_ask(dsn: str) -> None:
    fill(dsn, 20_000)
    owner = run_sql(dsn, "SELECT current_user::text")[0]
    grants = ("SELECT ON procrastinate_jobs", "SELECT ON procrastinate_events", "SELECT ON procrastinate_workers")
    with role(dsn, *grants) as poor:
        async with connected(poor) as (connector, able):
            advice = await advised(connector, able, "task:other", matched=0.0)
            assert advice is not None and advice.refusal is not None and owner in advice.refusal


async def begun(dsn: str, connector: PsycopgConnector, able: Capabilities) -> tuple[IndexAdvice, asyncio.Future[None]]:
    """A creation that waits for someone's transaction."""
    advice = await advised(connector, able, "task:other", matched=0.0)
    assert advice is not None
    creation = asyncio.ensure_future(create(connector, advice))
    waits = "SELECT 1 FROM pg_stat_activity WHERE query LIKE 'CREATE INDEX%' AND wait_event_type = 'Lock'"
    await until(lambda: run_sql(dsn, waits), what="the creation to wait")
    return advice, creation


async def test_an_index_being_built_blocks_no_writer_and_is_no_leftover(dsn: str) -> None:
    fill(dsn, 20_000)
    async with connected(dsn, max_size=3) as (connector, able):
        with psycopg.connect(dsn) as writer:
            writer.execute("UPDATE procrastinate_jobs SET attempts = 1 WHERE id = 1")
            _, creation = await begun(dsn, connector, able)
            run_sql(dsn, "UPDATE procrastinate_jobs SET attempts = 1 WHERE id = 2")
            assert await leftovers(connector) == []
        await creation
        assert await leftovers(connector) == []


async def test_a_creation_that_fails_tells_what_is_left_and_how_to_drop_it(dsn: str) -> None:
    fill(dsn, 20_000)
    async with connected(dsn, max_size=3) as (connector, able):
        with psycopg.connect(dsn) as writer:
            writer.execute("UPDATE procrastinate_jobs SET attempts = 1 WHERE id = 1")
            advice, creation = await begun(dsn, connector, able)
            run_sql(dsn, "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE query LIKE 'CREATE INDEX%'")
            with pytest.raises(IndexLeftInvalid, match=advice.name) as caught:
                await creation
        assert advice.drop_sql in explain(caught.value).remedy
        run_sql(dsn, caught.value.drop_sql)
        assert await leftovers(connector) == []


async def test_a_cancelled_creation_ends_on_the_server_and_is_a_leftover(dsn: str) -> None:
    fill(dsn, 20_000)
    async with connected(dsn, max_size=3) as (connector, able):
        with psycopg.connect(dsn) as writer:
            writer.execute("UPDATE procrastinate_jobs SET attempts = 1 WHERE id = 1")
            advice, creation = await begun(dsn, connector, able)
            creation.cancel()
            with pytest.raises(asyncio.CancelledError):
                await creation
        (left,) = await leftovers(connector)
        assert (left.name, left.drop_sql) == (advice.name, advice.drop_sql)
        assert await advised(connector, able, "task:other", matched=0.0) is not None


@pytest.mark.parametrize("state", ["1.1.2", "2.8.0", "3.0.2"])
async def test_older_releases_are_advised_on_what_they_have(released_dsn: str, state: str) -> None:
    async with connected(released_dsn) as (connector, able):
        for text in (
            "task:other",
            "priority:3 task:other",
            "worker:1",
            "is:abort_requested",
            "args.a:1",
            'args:{"a":1}',
        ):
            advice = await advised(connector, able, text, matched=0.0, slow_cost=0.0)
            if advice is not None:
                await create(connector, advice)
                run_sql(released_dsn, advice.drop_sql)
        assert (await advised(connector, able, "task:other", slow_cost=0.0)) is not None
