"""What an operator does to jobs: every rule in every status, and every act on a real database."""

from __future__ import annotations

import dataclasses
import datetime as dt
import re
from typing import Any

import psycopg
import pytest
from acting import ABLE, KINDS, acting, outcome_of
from database import defer, finish, picture, role, run_sql, start
from jobdesk_core import Job, Status
from jobdesk_core.database.capabilities import FUNCTIONS, Capabilities, Rights
from jobdesk_core.database.rows import JobRow
from jobdesk_core.operations import (
    Action,
    Cancel,
    Change,
    Fail,
    Outcome,
    Purge,
    Reprioritise,
    Reschedule,
    Result,
    Retry,
    refusal,
    sample_rows,
)
from jobdesk_core.operations import defer as deferring
from jobdesk_core.operations.change.rules import Facts, verdict
from psycopg.conninfo import conninfo_to_dict

ROW = JobRow(7, "t", "q", Status.TODO, 0, 0, None, None, None, None, False, None)
LATER = dt.datetime(2090, 1, 2, tzinfo=dt.UTC)
CHANGES: dict[Action, Change] = {
    change.action: change
    for change in (
        Cancel(),
        Cancel(abort=True),
        Cancel(delete=True),
        Retry(),
        Retry(only_stalled=True),
        Fail(),
        Reschedule(),
        Reschedule(LATER),
        Reprioritise(3),
        Purge(),
    )
}
COLUMNS = "status::text, priority, queue_name, lock, attempts, abort_requested"


async def told(dsn: str, job: Job, **options: Any) -> Outcome:
    """The outcome of a new job."""
    async with acting(dsn) as actor:
        outcome: Outcome = await actor.run(deferring(job, actor.able, **options))
    return outcome


def without(operation: str, **changes: Any) -> Capabilities:
    """An older schema: none of the functions of an operation."""
    names = {f"{name}({types})" for name, types in FUNCTIONS[operation]}
    return dataclasses.replace(ABLE, functions=ABLE.functions - names, **changes)


# The rules


RULES = {
    Action.CANCEL: dict.fromkeys(Status, "has finished") | {Status.TODO: None},
    Action.DELETE: dict.fromkeys(Status, "Only waiting jobs can be") | {Status.TODO: None},
    Action.ABORT: dict.fromkeys(Status, "has finished") | {Status.DOING: None, Status.TODO: "Use Cancel"},
    Action.RETRY: dict.fromkeys(Status, "Only failed and stalled") | {Status.DOING: None, Status.FAILED: None},
}
_WAITING = dict.fromkeys(Status, "has finished") | dict.fromkeys((Status.DOING, Status.ABORTING), "Only waiting jobs")
RULES |= {action: _WAITING | {Status.TODO: None} for action in (Action.RESCHEDULE, Action.REPRIORITISE)}
RULES[Action.RUN_NOW] = _WAITING | {Status.TODO: "is due already"}
RULES[Action.PURGE] = dict.fromkeys(Status) | dict.fromkeys(
    (Status.TODO, Status.DOING, Status.ABORTING), "has not finished"
)
RULES[Action.FAIL] = dict.fromkeys(Status, "is not running") | dict.fromkeys((Status.DOING, Status.ABORTING))
RULES[Action.RESCUE] = dict.fromkeys(Status, "is not running") | {Status.DOING: None, Status.ABORTING: "was asked"}
RULES[Action.CANCEL] |= dict.fromkeys((Status.DOING, Status.ABORTING), "Use Abort")
RULES[Action.DELETE] |= dict.fromkeys((Status.DOING, Status.ABORTING), "Use Abort")
RULES[Action.ABORT] |= {Status.ABORTING: "asked to abort already"}
RULES[Action.RETRY] |= {Status.TODO: "waiting already", Status.ABORTING: "was asked to abort"}


@pytest.mark.parametrize(
    ("action", "status", "words"),
    [(action, status, words) for action, by_status in RULES.items() for status, words in by_status.items()],
    ids=lambda part: part.value if isinstance(part, Action | Status) else "",
)
def test_each_action_is_possible_in_its_statuses_only(action: Action, status: Status, words: str | None) -> None:
    reason = refusal(action, ROW._replace(status=status, worker_id=3), ABLE)
    assert (reason is None) if words is None else (reason is not None and words in reason and "Job 7" in reason)


RUNNING = ROW._replace(status=Status.DOING, worker_id=3)


@pytest.mark.parametrize(
    ("action", "row", "able", "words"),
    [
        (Action.ABORT, RUNNING._replace(abort_requested=True), ABLE, "asked to abort already"),
        (Action.RESCUE, RUNNING, ABLE, "its worker is alive"),
        (Action.RESCUE, RUNNING, dataclasses.replace(ABLE, has_workers=False), "does not record"),
        (Action.REPRIORITISE, ROW, dataclasses.replace(ABLE, has_priority=False), "no priorities"),
        (Action.PURGE, ROW, dataclasses.replace(ABLE, rights=Rights(delete="No DELETE.")), "No DELETE."),
        (Action.RETRY, RUNNING._replace(worker_id=4, abort_requested=True), ABLE, "asked to abort"),
        (Action.RETRY, ROW._replace(status=Status.FAILED), without("retry"), "cannot retry failed"),
        (Action.CANCEL, ROW, without("cancel"), "cannot cancel"),
        (Action.DELETE, ROW, dataclasses.replace(ABLE, rights=Rights(delete="No DELETE.")), "No DELETE."),
        (Action.DELETE, ROW, dataclasses.replace(ABLE, rights=Rights(cancel="No UPDATE.")), "No UPDATE."),
        (Action.RETRY, ROW, dataclasses.replace(ABLE, rights=Rights(retry="No UPDATE.")), "No UPDATE."),
        (Action.DEFER, None, dataclasses.replace(ABLE, rights=Rights(defer="No INSERT.")), "No INSERT."),
        (Action.DEFER, None, dataclasses.replace(ABLE, is_standby=True), "standby"),
    ],
)
def test_what_stands_in_the_way_is_said(action: Action, row: JobRow | None, able: Capabilities, words: str) -> None:
    assert words in (refusal(action, row, able, live_worker_ids=frozenset({3})) or "")


@pytest.mark.parametrize("able", [ABLE, dataclasses.replace(ABLE, has_workers=False)], ids=["alive", "unrecorded"])
def test_what_can_be_forced_is_possible_and_the_preflight_shows_the_danger(able: Capabilities) -> None:
    assert refusal(Action.RETRY, RUNNING, able, live_worker_ids=frozenset({3})) is None
    facts = Facts(Status.DOING, is_worker_alive=True)
    reason = verdict(Action.RETRY, facts, able, change=Retry())
    assert reason is not None and reason.kind == "danger"
    assert verdict(Action.RETRY, facts, able, change=Retry(is_forced=True)) is None


# The acts


async def test_a_deferred_job_is_there_as_it_was_asked_for(dsn: str) -> None:
    at = dt.datetime(2090, 1, 2, 3, 4, 5, tzinfo=dt.UTC)
    job = Job(task_name="mail.send", queue="ü" * 20, priority=3, lock="l", task_kwargs={"a": [1]}, scheduled_at=at)
    outcome = await told(dsn, job)
    assert outcome.is_done
    assert "2090-01-0" in outcome.sentence
    found = run_sql(dsn, "SELECT id, task_name, queue_name, priority, lock, args, scheduled_at FROM procrastinate_jobs")
    assert found == [(outcome.job_id, "mail.send", "ü" * 20, 3, "l", {"a": [1]}, at)]


@pytest.mark.parametrize(("queue", "words"), [("", "needs a name"), ("ü" * 21, "42 bytes"), ("a\0b", "NUL")])
async def test_a_queue_name_that_the_database_refuses_is_refused_before(dsn: str, queue: str, words: str) -> None:
    defer(dsn)
    finish(dsn, start(dsn)[0], "failed")
    before = picture(dsn)
    outcome = await told(dsn, Job(task_name="t", queue=queue))
    assert not outcome.is_done and words in outcome.sentence
    async with acting(dsn) as actor:
        made = await actor.plan(Retry(queue=queue), 1)
        assert words in (made.problem or "") and made.acted() == []
        assert (await actor.apply(made)).counts[Result.DONE] == 0
    assert picture(dsn) == before


each_kind = pytest.mark.parametrize("kind", KINDS)


@each_kind
async def test_a_waiting_job_is_cancelled_or_deleted(dsn: str, kind: str) -> None:
    first, second = defer(dsn), defer(dsn, lock="l", args='{"a": 12345678901234567890.5}')
    cancelled = await outcome_of(dsn, Cancel(), first, kind=kind)
    deleted = await outcome_of(dsn, Cancel(delete=True), second, kind=kind)
    assert (cancelled.result, cancelled.status, deleted.result) == (Result.DONE, Status.TODO, Result.DONE)
    assert deleted.before is not None and deleted.before["lock"] == "l"
    assert deleted.before["args"] == '{"a": 12345678901234567890.5}', "to the last digit"
    assert run_sql(dsn, "SELECT id, status::text FROM procrastinate_jobs") == [(first, "cancelled")]


@each_kind
async def test_a_running_job_is_asked_to_abort_once(dsn: str, kind: str) -> None:
    defer(dsn)
    job_id, _ = start(dsn)
    assert (await outcome_of(dsn, Cancel(abort=True), job_id, kind=kind)).result is Result.DONE
    again = await outcome_of(dsn, Cancel(abort=True), job_id, kind=kind)
    assert (again.result, again.status) == (Result.SKIPPED, Status.DOING)
    assert run_sql(dsn, "SELECT status::text, abort_requested FROM procrastinate_jobs") == [("doing", True)]
    asked = "SELECT count(*) FROM procrastinate_events WHERE type = 'abort_requested'"
    assert run_sql(dsn, asked) == [1]


@each_kind
async def test_a_retry_takes_another_time_priority_queue_and_lock(dsn: str, kind: str) -> None:
    job_id = defer(dsn, priority=2)
    finish(dsn, start(dsn)[0], "failed")
    entry = await outcome_of(dsn, Retry(at=LATER, priority=9, queue="other", lock="new"), job_id, kind=kind)
    assert (entry.result, entry.status) == (Result.DONE, Status.FAILED)
    assert entry.before is not None and (entry.before["priority"], entry.before["queue_name"]) == (2, "q")
    found = run_sql(dsn, f"SELECT {COLUMNS}, scheduled_at FROM procrastinate_jobs")
    assert found == [("todo", 9, "other", "new", 2, False, LATER)]


@each_kind
async def test_a_job_that_failed_while_it_was_asked_to_abort_can_be_retried_now(dsn: str, kind: str) -> None:
    defer(dsn, lock="l")
    job_id, _ = start(dsn)
    await outcome_of(dsn, Cancel(abort=True), job_id, kind=kind)
    run_sql(dsn, "SELECT procrastinate_retry_job_v2(%s, now(), NULL, NULL, NULL)", job_id)
    assert run_sql(dsn, "SELECT status::text, abort_requested FROM procrastinate_jobs") == [("failed", True)]
    assert (await outcome_of(dsn, Retry(), job_id, kind=kind)).result is Result.DONE
    assert run_sql(dsn, "SELECT status::text, abort_requested, lock FROM procrastinate_jobs") == [("todo", False, "l")]
    assert start(dsn)[0] == job_id, "it is due"


#: By the worker's state: whether a retry, a rescue and marking as failed are done, and whether they are by force.
BY_WORKER = {
    "alive": ("now()", {Retry: (False, True), "rescue": (False, False), Fail: (False, False)}),
    "unresponsive": ("now() - interval '1 minute'", dict.fromkeys((Retry, "rescue", Fail), (False, True))),
    "gone": (None, dict.fromkeys((Retry, "rescue", Fail), (True, True))),
}


@pytest.mark.parametrize("worker", BY_WORKER)
@pytest.mark.parametrize("kind", [Retry, "rescue", Fail], ids=["retry", "rescue", "fail"])
@pytest.mark.parametrize("is_forced", [False, True], ids=["careful", "forced"])
async def test_a_running_job_that_a_worker_may_have_is_acted_upon_by_force_only(
    dsn: str, worker: str, kind: Any, is_forced: bool
) -> None:
    defer(dsn)
    heartbeat, expected = BY_WORKER[worker]
    job_id, worker_id = start(dsn, heartbeat=heartbeat or "now()")
    if heartbeat is None:
        run_sql(dsn, "DELETE FROM procrastinate_workers WHERE id = %s", worker_id)
    change = Fail(is_forced) if kind is Fail else Retry(only_stalled=kind == "rescue", is_forced=is_forced)
    async with acting(dsn) as actor:
        made = await actor.plan(change, job_id)
        is_done = expected[kind][is_forced]
        assert (made.ready, made.at_risk) == (int(is_done), int(is_done and worker != "gone"))
        assert made.endangered == int(not is_forced and expected[kind][True] and not is_done)
        ledger = await actor.apply(made)
    assert ledger.counts[Result.DONE] == int(is_done)
    after = ("failed" if kind is Fail else "todo") if is_done else "doing"
    assert run_sql(dsn, "SELECT status::text FROM procrastinate_jobs") == [after]


async def test_a_worker_that_is_heard_of_again_keeps_its_job(dsn: str) -> None:
    defer(dsn)
    job_id, worker_id = start(dsn, heartbeat="now() - interval '1 minute'")
    for change in (Retry(only_stalled=True, is_forced=True), Fail(is_forced=True)):
        async with acting(dsn) as actor:
            made = await actor.plan(change, job_id)
            assert made.ready == 1
            run_sql(dsn, "UPDATE procrastinate_workers SET last_heartbeat = now() WHERE id = %s", worker_id)
            entry = next((await actor.apply(made)).entries())
        run_sql(dsn, "UPDATE procrastinate_workers SET last_heartbeat = now() - interval '1 minute'")
        assert entry.result is Result.SKIPPED and "its worker is alive" in entry.sentence, entry
    assert run_sql(dsn, "SELECT status::text FROM procrastinate_jobs") == ["doing"]


@each_kind
async def test_a_stalled_job_is_marked_as_failed_by_the_function_of_the_library(dsn: str, kind: str) -> None:
    defer(dsn, lock="l")
    job_id, worker_id = start(dsn)
    run_sql(dsn, "DELETE FROM procrastinate_workers WHERE id = %s", worker_id)
    entry = await outcome_of(dsn, Fail(), job_id, kind=kind)
    assert (entry.result, entry.status, entry.before) == (Result.DONE, Status.DOING, {"attempts": 0})
    assert run_sql(dsn, f"SELECT {COLUMNS} FROM procrastinate_jobs") == [("failed", 0, "q", "l", 1, False)]
    last = "SELECT type::text FROM procrastinate_events ORDER BY id DESC LIMIT 1"
    assert run_sql(dsn, last) == ["failed"]


@each_kind
async def test_a_waiting_job_gets_another_time_and_priority_and_nothing_else(dsn: str, kind: str) -> None:
    job_id, bystander = defer(dsn, scheduled_at=LATER), defer(dsn)
    for change, column, value in (
        (Reprioritise(5), "priority", 5),
        (Reschedule(LATER.replace(year=2091)), "scheduled_at", LATER.replace(year=2091)),
    ):
        entry = await outcome_of(dsn, change, job_id, kind=kind)
        assert entry.result is Result.DONE and entry.before is not None and column in entry.before
        assert run_sql(dsn, f"SELECT {column} FROM procrastinate_jobs WHERE id = %s", job_id) == [value]
        again = await outcome_of(dsn, change, job_id, kind=kind)
        assert again.result is Result.SKIPPED and "already" in again.sentence
    assert (await outcome_of(dsn, Reschedule(), job_id, kind=kind)).result is Result.DONE
    assert run_sql(dsn, "SELECT scheduled_at <= now() FROM procrastinate_jobs WHERE id = %s", job_id) == [True]
    assert run_sql(dsn, "SELECT priority FROM procrastinate_jobs WHERE id = %s", bystander) == [0]


@each_kind
async def test_a_purge_takes_what_ended_long_ago_in_the_statuses_asked_for(dsn: str, kind: str) -> None:
    for status in ("succeeded", "failed", "succeeded"):
        defer(dsn)
        finish(dsn, start(dsn)[0], status)
    waiting = defer(dsn)
    run_sql(dsn, "UPDATE procrastinate_events SET at = at - interval '2 days' WHERE job_id < 3")
    change = Purge(frozenset({Status.SUCCEEDED}), dt.timedelta(days=1))
    async with acting(dsn, kind) as actor:
        entries = await actor.act(change, 1, 2, 3, waiting)
    assert [entry.result for entry in entries] == [Result.DONE] + [Result.SKIPPED] * 3
    for entry, words in zip(entries[1:], ("not asked for", "too recently", "has not finished"), strict=True):
        assert words in entry.sentence
    assert run_sql(dsn, "SELECT id FROM procrastinate_jobs ORDER BY id") == [2, 3, waiting]
    assert run_sql(dsn, "SELECT count(*) FROM procrastinate_events WHERE job_id = 1") == [0]


async def test_a_taken_queueing_lock_names_the_job_that_has_it(dsn: str) -> None:
    failed = defer(dsn, queueing_lock="one")
    finish(dsn, start(dsn)[0], "failed")
    holder = defer(dsn, queueing_lock="one")
    before = picture(dsn)
    outcome = await told(dsn, Job(task_name="t", queueing_lock="one"))
    assert not outcome.is_done and f"job #{holder}" in outcome.sentence and "lock one" in outcome.sentence
    async with acting(dsn) as actor:
        made = await actor.plan(Retry(), failed)
        (group,) = made.groups
        assert group.reason is not None and group.reason.kind == "conflict"
        (example,) = await actor.run(sample_rows(group.first_ids(), actor.able))
        assert example.holder == holder
    assert picture(dsn) == before


async def test_a_retry_and_a_run_now_wake_the_workers_of_each_queue_once(dsn: str) -> None:
    for queue in ("a", "a", "b"):
        defer(dsn, queue_name=queue, scheduled_at=LATER)
    with psycopg.connect(dsn, autocommit=True) as ear:
        ear.execute('LISTEN "procrastinate_queue_v1#a"')
        ear.execute('LISTEN "procrastinate_queue_v1#b"')
        async with acting(dsn) as actor:
            await actor.act(Reschedule(), 1, 2, 3)
        heard = [notice.channel[-1] for notice in ear.notifies(timeout=5, stop_after=2)]
        assert sorted(heard) == ["a", "b"]
        assert list(ear.notifies(timeout=0.1)) == []


# Rights


@pytest.mark.parametrize("action", list(Action))
async def test_a_read_only_profile_does_nothing(dsn: str, action: Action) -> None:
    job_id = defer(dsn)
    before = picture(dsn)
    if action is Action.DEFER:
        problem: str | None = (await told(dsn, Job(task_name="t"), is_read_only=True)).sentence
    else:
        async with acting(dsn) as actor:
            made = await actor.plan(CHANGES[action], job_id, is_read_only=True)
            assert (await actor.apply(made)).counts[Result.DONE] == 0
            problem = made.problem
    assert problem is not None and "read-only" in problem
    assert refusal(action, ROW, ABLE, is_read_only=True) == problem
    assert picture(dsn) == before


@pytest.mark.parametrize("action", list(Action))
async def test_a_role_without_rights_is_told_what_to_ask_for_and_with_it_the_act_works(
    dsn: str, action: Action
) -> None:
    defer(dsn, scheduled_at=LATER if action is Action.RUN_NOW else None)
    if action in (Action.ABORT, Action.RETRY, Action.RESCUE, Action.FAIL, Action.PURGE):
        start(dsn)
        run_sql(dsn, "DELETE FROM procrastinate_workers")
    if action is Action.PURGE:
        finish(dsn, 1, "failed")
        run_sql(dsn, "UPDATE procrastinate_events SET at = at - interval '1 day'")
    before = picture(dsn)
    with role(dsn) as role_dsn:

        async def attempt() -> str | None:
            if action is Action.DEFER:
                outcome = await told(role_dsn, Job(task_name="t"))
                return None if outcome.is_done else outcome.sentence
            async with acting(role_dsn) as actor:
                made = await actor.plan(CHANGES[action], 1)
                return made.problem or ("" if not (await actor.apply(made)).counts[Result.DONE] else None)

        problem = await attempt()
        assert problem is not None and str(conninfo_to_dict(role_dsn)["user"]) in problem
        assert picture(dsn) == before
        for _ in range(4):
            if problem is None:
                break
            run_sql(dsn, " ".join(re.findall("GRANT [^;]+;", problem)))
            problem = await attempt()
    assert problem is None
