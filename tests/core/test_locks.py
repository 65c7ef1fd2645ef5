"""Locks and queueing locks: who holds, who waits, what blocks, and in which order; on every release."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import replace

import pytest
from database import connected, run_sql
from jobdesk_core import JobManager, Status
from jobdesk_core.database.capabilities import Capabilities
from jobdesk_core.database.rows import JobRow
from jobdesk_core.locks import statements as lock_statements
from jobdesk_core.locks.locks import Chain, LockKind, LockList, LockRow, Locks
from jobdesk_core.locks.reasons import LockState, Serving
from managing import SOON, bring_to, defer, execute, fetched, managing, now
from releases import STATES, level

each_state = pytest.mark.parametrize("state", STATES)
EARLIER = "UPDATE procrastinate_events SET at = at - interval '10 minutes'"


async def read(manager: JobManager, kind: LockKind = LockKind.LOCK, text: str = "") -> LockList:
    """The locks, and that nothing is left out of them."""
    return await Locks(manager.connector, await manager.capabilities_async()).read(kind, text)


async def only(manager: JobManager, kind: LockKind = LockKind.LOCK) -> LockRow:
    found = await read(manager, kind)
    assert found.total == len(found.rows) == 1 and found.is_whole
    return found.rows[0]


async def chain(manager: JobManager, lock: LockRow) -> Chain:
    return await Locks(manager.connector, await manager.capabilities_async()).chain(lock)


async def ids(manager: JobManager, lock: LockRow) -> list[int]:
    return [link.row.id for link in (await chain(manager, lock)).links]


@each_state
async def test_a_chain_is_in_the_order_in_which_workers_take_it(released_dsn: str, state: str) -> None:
    async with managing(released_dsn) as manager:
        has_priority = level(state) >= (2, 5)
        urgent = {"priority": 5} if has_priority else {}
        await defer(manager, {"lock": "l"}, {"lock": "l", **urgent}, {"lock": "l"}, {"lock": "other"})
        lock = await only(manager)
        assert (lock.name, lock.waiting, lock.later) == ("l", 2, 0)
        foreseen = await ids(manager, lock)
        assert lock.head.id == foreseen[0]
        await execute(manager, "DELETE FROM procrastinate_jobs WHERE lock = 'other'")
        assert foreseen == await fetched(manager), "what workers were given"
        assert foreseen == ([2, 1, 3] if level(state) >= (3, 3) else [1, 2, 3])


@each_state
async def test_a_running_job_holds_its_lock_and_the_others_wait_for_it(released_dsn: str, state: str) -> None:
    async with managing(released_dsn) as manager:
        holder = await bring_to(manager, Status.DOING, lock="l")
        await defer(manager, {"lock": "l"}, {"lock": "l", "scheduled_at": now() + SOON})
        lock = await only(manager)
        assert (lock.head.id, lock.state, lock.waiting, lock.later) == (holder, LockState.HELD, 1, 1)
        assert lock.waiting_since is not None and lock.head_since is not None
        first, second, third = (link.why for link in (await chain(manager, lock)).links)
        assert "holds the lock" in first
        assert second == f"Waiting for #{holder:,}, which is running."
        assert "due in 59 min" in third and "comes after #2" in third


@each_state
async def test_a_head_scheduled_for_later_blocks_those_behind_it_and_comes_first(released_dsn: str, state: str) -> None:
    async with managing(released_dsn) as manager:
        await defer(manager, {"lock": "free"}, {"lock": "free"}, {"lock": "l", "scheduled_at": now() + SOON})
        await defer(manager, {"lock": "l"})
        found = await read(manager)
        assert [lock.name for lock in found.rows] == ["l", "free"] and found.blocked == 1
        lock = found.rows[0]
        assert (lock.state, lock.waiting) == (LockState.SCHEDULED, 1)
        links = (await chain(manager, lock)).links
        assert "blocks those behind it" in links[0].why and links[1].why.startswith("Waiting for #3")
        assert await fetched(manager) == [1, 2], "the rule itself"


@pytest.mark.parametrize("state", [state for state in STATES if (2, 7) <= level(state) < (3, 0)])
async def test_a_job_in_the_older_status_aborting_still_holds_its_lock(released_dsn: str, state: str) -> None:
    async with managing(released_dsn) as manager:
        holder = await bring_to(manager, Status.DOING, lock="l")
        await defer(manager, lock="l")
        await manager.cancel_job_by_id_async(holder, abort=True)
        lock = await only(manager)
        assert (lock.head.id, lock.head.status, lock.waiting) == (holder, Status.ABORTING, 1)
        assert "Abort requested" in (await chain(manager, lock)).links[0].why


@each_state
async def test_a_head_in_a_queue_that_nobody_serves_is_told(released_dsn: str, state: str) -> None:
    async with managing(released_dsn) as manager:
        await defer(manager, {"lock": "l", "queue": "lonely"}, {"lock": "l", "queue": "served"})
        assert (await only(manager)).state is LockState.READY, "not yet waiting for long"
        await execute(manager, EARLIER)
        await bring_to(manager, Status.SUCCEEDED, queue="served-too")
        lock = await only(manager)
        assert lock.state is LockState.UNSERVED
        assert "Does a worker serve it" in (await chain(manager, lock)).links[0].why
        assert await fetched(manager, queues=["served"]) == [], "the rule itself"
        busy = await bring_to(manager, Status.DOING, queue="busy")
        await execute(manager, f"UPDATE procrastinate_jobs SET queue_name = 'lonely' WHERE id = {busy}")
        assert (await only(manager)).state is LockState.READY, "someone serves it"


async def test_a_lock_held_by_a_job_whose_worker_is_gone_is_told(dsn: str) -> None:
    async with managing(dsn) as manager:
        holder = await bring_to(manager, Status.DOING, lock="l")
        await defer(manager, lock="l")
        await execute(manager, "UPDATE procrastinate_workers SET last_heartbeat = now() - interval '1 minute'")
        lock = await only(manager)
        assert (lock.head.id, lock.state) == (holder, LockState.STALLED)
        assert "A retry would free the lock" in (await chain(manager, lock)).links[0].why


async def test_with_no_worker_alive_a_head_that_has_been_due_for_long_says_so(dsn: str) -> None:
    async with managing(dsn) as manager:
        await defer(manager, {"lock": "l"}, {"lock": "l"})
        await execute(manager, EARLIER)
        lock = await only(manager)
        assert lock.state is LockState.UNSERVED
        assert "no worker is alive" in (await chain(manager, lock)).links[0].why


@each_state
async def test_a_queueing_lock_that_was_taken_again_comes_first(released_dsn: str, state: str) -> None:
    async with managing(released_dsn) as manager:
        await defer(manager, {"queueing_lock": "calm"})
        failed = await bring_to(manager, Status.FAILED, queueing_lock="ql", queue="own")
        running = await bring_to(manager, Status.DOING, queueing_lock="ql", queue="own")
        (holder,) = await defer(manager, queueing_lock="ql")
        found = await read(manager, LockKind.QUEUEING_LOCK)
        assert [(lock.name, lock.waiting) for lock in found.rows] == [("ql", 2), ("calm", 0)]
        assert (found.total, found.blocked) == (2, 1)
        lock = found.rows[0]
        assert lock.state is LockState.TAKEN_AGAIN and lock.head.id == holder
        links = (await chain(manager, lock)).links
        assert [link.row.id for link in links] == [holder, running, failed]
        assert f"taken by #{holder}" in links[2].why and "If it asks for a retry" in links[1].why
        await execute(manager, f"DELETE FROM procrastinate_jobs WHERE id = {failed}")
        assert await ids(manager, lock) == [holder, running]


@pytest.mark.parametrize("kind", LockKind)
async def test_a_text_finds_locks_by_a_part_of_their_name_and_lone_ones_too(dsn: str, kind: LockKind) -> None:
    names = ["Acct-7", "acct-8", "o'neill %s", "50%"]
    async with managing(dsn) as manager:
        await defer(manager, *({"lock": name, "queueing_lock": name} for name in names))
        for text, expected in {"ACCT": names[:2], "%": names[2:], "'": names[2:3], "nothing": []}.items():
            assert [lock.name for lock in (await read(manager, kind, text)).rows] == expected, text
        if kind is LockKind.LOCK:
            assert (await read(manager)).rows == [], "one waiting job each: nobody waits for another"


async def test_an_empty_database_has_no_locks(dsn: str) -> None:
    async with managing(dsn) as manager:
        for kind in LockKind:
            assert await read(manager, kind) == LockList([], 0, 0, 0, True)


@pytest.mark.parametrize("kind", LockKind)
async def test_what_is_listed_and_looked_at_is_limited_and_said(
    dsn: str, kind: LockKind, many_locks: Callable[[int], None]
) -> None:
    many_locks(300)
    async with managing(dsn) as manager:
        found = await read(manager, kind)
        assert (len(found.rows), found.total, found.looked_jobs) == (lock_statements.LISTED_LOCKS, 300, 600)
        assert found.rows[0].head.id == (1 if kind is LockKind.LOCK else 301), "the longest wait first"
        assert not (await chain(manager, found.rows[0])).has_more


@pytest.fixture
def many_locks(dsn: str) -> Callable[[int], None]:
    def make(count: int) -> None:
        text = (
            "INSERT INTO procrastinate_jobs (queue_name, task_name, lock, queueing_lock) SELECT 'q', 't', 'l' || n, {} "
            f"FROM generate_series(1, {count}) AS n"
        )
        run_sql(dsn, text.format("NULL"))
        run_sql(dsn, text.format("'l' || n"))

    return make


async def test_of_a_long_chain_the_first_hundred_are_listed(dsn: str) -> None:
    async with managing(dsn) as manager:
        await defer(manager, *({"lock": "l"} for _ in range(150)))
        lock = await only(manager)
        found = await chain(manager, lock)
        assert lock.waiting == 149 and found.has_more
        assert [link.row.id for link in found.links] == list(range(1, lock_statements.CHAIN_JOBS + 1))


@pytest.mark.parametrize("statement", [lock_statements.locks, lock_statements.queueing_locks])
async def test_no_statement_reads_the_whole_table(dsn: str, statement: Callable[..., object]) -> None:
    """Among 20,000 ended jobs the open ones are found by an index."""
    run_sql(
        dsn,
        "INSERT INTO procrastinate_jobs (queue_name, task_name, lock, queueing_lock, status) SELECT 'q', 't', 'l' || n "
        "% 50, 'ql' || n, (CASE WHEN n % 200 = 0 THEN 'todo' ELSE 'succeeded' END)::procrastinate_job_status "
        "FROM generate_series(1, 20000) AS n",
    )
    run_sql(dsn, "ANALYZE")
    async with connected(dsn) as (connector, able):
        plan = await _plan(connector, able, statement)
    assert "Seq Scan on procrastinate_jobs" not in plan and "procrastinate_jobs_id_lock_idx_v1" in plan, plan


async def _plan(connector: object, able: Capabilities, statement: Callable[..., object]) -> str:
    asked = statement(able, "")
    explained = replace(asked, sql=f"EXPLAIN {asked.sql}", decode=lambda rows: rows)  # type: ignore[type-var, attr-defined]
    return "\n".join(row["QUERY PLAN"] for row in await connector.run_async(explained))  # type: ignore[attr-defined]


def test_too_few_events_to_tell_are_not_taken_for_an_unserved_queue() -> None:
    at = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    head = JobRow(7, "t", "q", Status.TODO, 0, 0, None, None, None, None, False, at)
    later = at + dt.timedelta(minutes=10)
    assert Serving(frozenset({"other"}), None, 1).leaves_alone(head, later)
    assert not Serving(frozenset({"other"}), later - dt.timedelta(seconds=20), 1).leaves_alone(head, later)
    assert not Serving(frozenset({"q"}), None, 1).leaves_alone(head, later)
    assert not Serving(frozenset(), None, 0).leaves_alone(head, at + dt.timedelta(seconds=5))
