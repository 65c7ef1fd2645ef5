"""The pulse: what one cheap question tells of every release, bounded, kept over questions, and the same both ways."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import time

import psycopg
import pytest
from database import connected, defer, finish, role, run_sql, start
from jobdesk_core.connectors.sync_psycopg import SyncPsycopgConnector
from jobdesk_core.exceptions import ConnectorException
from jobdesk_core.jobs import EventType, Status
from jobdesk_core.watching import pulse_question
from jobdesk_core.watching.attention import attention
from jobdesk_core.watching.pulse import Pulse
from managing import bring_all, managing
from psycopg import _queries
from releases import STATES, level

MANY = (
    "INSERT INTO procrastinate_jobs (queue_name, task_name) "
    "SELECT CASE WHEN n < 12000 THEN 'old' ELSE 'new' END, 't' FROM generate_series(1, 12500) AS n"
)
#: What ran every minute of the last hour and a quarter: one that failed to forty that did not.
HOUR = (
    "WITH job AS (INSERT INTO procrastinate_jobs (queue_name, task_name, status) VALUES ('q', 't', 'succeeded') "
    "RETURNING id) INSERT INTO procrastinate_events (job_id, type, at) SELECT job.id, type, now() - n * "
    "interval '1 minute' FROM job, generate_series(1, 75) AS n, (SELECT 'succeeded'::procrastinate_job_event_type "
    "AS type FROM generate_series(1, 40) UNION ALL SELECT 'failed') AS kinds"
)


@pytest.mark.parametrize("state", STATES)
async def test_it_tells_the_same_of_every_release_both_ways(released_dsn: str, state: str) -> None:
    pulse, twin = Pulse(), Pulse()
    async with managing(released_dsn) as manager:
        first = await pulse.ask(manager.connector)
        assert (first.all.due, first.all.running, first.ended_per_minute) == (0, 0, 0)
        before = await bring_all(manager)
        look = await pulse.ask(manager.connector)
        run_sql(released_dsn, "UPDATE procrastinate_events SET at = at - interval '1 minute' WHERE type <> 'scheduled'")
        with contextlib.closing(SyncPsycopgConnector(conninfo=released_dsn)) as connector:
            connector.open()
            seen = await asyncio.to_thread(twin.ask_now, connector)
    able = look.capabilities
    assert able.release == look.release
    assert (look.all.due, look.all.held) == (seen.all.due, seen.all.held) == (1, 1)  # its lock is a running job's
    assert (
        look.all.running
        == seen.all.running
        == sum(each in before for each in (Status.DOING, Status.ABORTING))
        - (able.abort_model == "status" and Status.ABORTING in before)
    )
    assert (look.workers is None) is (level(state) < (3, 1))
    assert not look.is_at_least and not look.is_rate_at_least and not look.is_pooled and look.can_listen
    # Of one minute, or of two at its turn.
    assert sum(seen.failed[-2:]) == 1 and seen.failed_per_minute == pytest.approx(0.1)
    assert sum(seen.ended[-2:]) == sum(each in before for each in (Status.SUCCEEDED, Status.FAILED, Status.ABORTED))
    assert abs((look.server_time - dt.datetime.now(dt.UTC)).total_seconds()) < 60
    assert 0 < look.cost_ms < 60_000 and look.latency_ms > 0


async def test_the_driver_keeps_what_it_makes_of_the_question(dsn: str) -> None:
    async with connected(dsn) as (_, capabilities):
        asked = pulse_question.question(capabilities, 1, [2])
    assert len(asked.sql) <= _queries.MAX_CACHED_STATEMENT_LENGTH


async def test_what_happens_between_two_questions_is_counted_once_and_what_was_left_out_later(dsn: str) -> None:
    async with connected(dsn) as (connector, _):
        pulse = Pulse()
        await pulse.ask(connector)
        held = await asyncio.to_thread(psycopg.connect, dsn)
        try:
            insert = b"INSERT INTO procrastinate_jobs (queue_name, task_name) VALUES ('late', 't')"
            await asyncio.to_thread(held.execute, insert)
            for _ in range(2):
                await asyncio.to_thread(defer, dsn)
                job, _ = await asyncio.to_thread(start, dsn)
                await asyncio.to_thread(finish, dsn, job, "failed")
                look = await pulse.ask(connector)
            assert "late" not in look.situation.open.queues
            assert _counted(pulse) == {"q": (2, 2, 2)}
            await asyncio.to_thread(held.commit)
            for _ in range(3):
                look = await pulse.ask(connector)
            assert look.situation.open.queues["late"].due == 1
            assert _counted(pulse) == {"q": (2, 2, 2), "late": (1, 0, 0)}
        finally:
            await asyncio.to_thread(held.close)


def _counted(pulse: Pulse) -> dict[str, tuple[int, int, int]]:
    kinds = (EventType.DEFERRED, EventType.STARTED, EventType.FAILED)
    series, now = pulse._series, pulse.clock.now()
    deferred, started, failed = ({q: sum(series.last((kind,), now, q)) for q in ("q", "late")} for kind in kinds)
    return {q: (deferred[q], started[q], failed[q]) for q in ("q", "late") if deferred[q]}


async def test_many_open_jobs_are_told_as_at_least_and_asked_for_more_rarely(dsn: str) -> None:
    run_sql(dsn, MANY)
    async with connected(dsn) as (connector, _):
        pulse = Pulse()
        look = await pulse.ask(connector)
        assert look.is_at_least and look.all.due == pulse_question.MOST
        assert look.situation.open.queues.keys() == {"old"}  # the oldest are looked at
        assert attention(look.situation)[0].sentence == "No worker is alive. 10,000+ jobs are due."
        # More events than are read at once: what was before is not known, and is not told as none.
        assert look.ended[0] is None and look.ended_per_minute is None
        run_sql(dsn, MANY)
        look = await pulse.ask(connector)
        assert look.is_rate_at_least
        assert not (await pulse.ask(connector)).situation.rises
        await pulse.ask(connector)
        assert pulse.wait_s(0.001) > 0.001  # each takes the server some milliseconds, of which it is given a hundredth
        assert pulse.wait_s(3600) == 3600


async def test_the_hour_is_known_at_once_where_the_events_tell_and_a_rise_needs_a_before(dsn: str) -> None:
    run_sql(dsn, HOUR)
    async with connected(dsn) as (connector, _):
        look = await Pulse().ask(connector)
        assert look.ended == (41,) * 60 and look.failed == (1,) * 60
        assert (look.ended_per_minute, look.failed_per_minute) == (41, 1)
        assert look.situation.rises == []  # one a minute is its usual
        await asyncio.to_thread(run_sql, dsn, HOUR.replace("75", "4").replace("'q', 't'", "'q', 'worse'"))
        look = await Pulse().ask(connector)
        assert look.situation.rises == []  # four are too few
        await asyncio.to_thread(run_sql, dsn, HOUR.replace("75", "4").replace("'q', 't'", "'q2', 'worse'"))
        look = await Pulse().ask(connector)
        assert {(rise.kind, rise.name, rise.failures) for rise in look.situation.rises} == {("task", "worse", 8)}
        # All attempts of a task fail and are retried.
        storm = HOUR.replace("75", "4").replace("'q', 't'", "'q', 'storm'")
        storm = storm.replace("'failed'", "'deferred_for_retry'").replace("'succeeded'::", "'deferred_for_retry'::")
        await asyncio.to_thread(run_sql, dsn, storm)
        look = await Pulse().ask(connector)
        (rise,) = (rise for rise in look.situation.rises if rise.is_retried)
        assert (rise.kind, rise.name, rise.failures) == ("task", "storm", 164)
        # A busy database, of which the events of the last minutes alone are read: nothing is unusual yet.
        many = (
            HOUR.replace("40)", "4000)")
            .replace("75", "3")
            .replace("SELECT 'failed'", "SELECT 'failed' FROM generate_series(1, 9)")
        )
        run_sql(dsn, many)
        look = await Pulse().ask(connector)
        assert look.situation.rises == []


async def test_it_says_what_needs_attention_as_the_overview_does(dsn: str) -> None:
    async with connected(dsn) as (connector, _):
        pulse = Pulse()
        await asyncio.to_thread(defer, dsn)
        await asyncio.to_thread(start, dsn, heartbeat="now() - interval '5 minutes'")
        look = await pulse.ask(connector)
        assert attention(look.situation)[0].rule == "no_worker"
        assert look.workers == (0, 1) and look.all.stalled == 1


async def test_it_finds_a_migration_a_missing_schema_and_missing_rights(dsn: str) -> None:
    async with connected(dsn) as (connector, _):
        pulse = Pulse()
        await pulse.ask(connector)
        run_sql(dsn, "ALTER TABLE procrastinate_jobs RENAME COLUMN worker_id TO former")
        with pytest.raises(ConnectorException):
            await pulse.ask(connector)
        look = await pulse.ask(connector)
        assert not look.capabilities.has_worker_id and look.workers is None
        run_sql(dsn, "DROP TABLE procrastinate_jobs CASCADE")
        with pytest.raises(ConnectorException):
            await pulse.ask(connector)
        with pytest.raises(ConnectorException, match="no Procrastinate schema"):
            await pulse.ask(connector)


async def test_a_role_without_rights_is_told_so(dsn: str) -> None:
    with role(dsn, "USAGE ON SCHEMA public") as limited:
        async with connected(limited) as (connector, _):
            with pytest.raises(ConnectorException):
                await Pulse().ask(connector)


async def test_a_question_that_is_not_answered_ends_at_its_limit_and_the_next_one_goes_on(dsn: str) -> None:
    async with connected(dsn) as (connector, _):
        pulse = Pulse()
        await pulse.ask(connector)
        locked = await asyncio.to_thread(psycopg.connect, dsn)
        try:
            await asyncio.to_thread(locked.execute, b"LOCK TABLE procrastinate_jobs")
            began = time.monotonic()
            with pytest.raises(ConnectorException):
                await pulse.ask(connector, limit_s=0.3)
            assert time.monotonic() - began < 30
        finally:
            await asyncio.to_thread(locked.close)
        assert (await pulse.ask(connector)).all.due == 0
