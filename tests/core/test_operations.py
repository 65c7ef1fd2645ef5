"""What an operator does to jobs: every rule in every status, and every act on a real database."""

from __future__ import annotations

import asyncio
import dataclasses
import datetime as dt
import re
from typing import Any

import psycopg
import pytest
from database import connected, defer, finish, picture, role, run_sql, start
from jobdesk_core import Job, Status
from jobdesk_core.database.capabilities import FUNCTIONS, Capabilities, Rights
from jobdesk_core.jobs import EventType
from jobdesk_core.monitor.rows import JobRow
from jobdesk_core.operations import Action, Cancel, Defer, Outcome, Request, Retry, perform, refusal
from psycopg.conninfo import conninfo_to_dict
from waiting import until

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
ROW = JobRow(7, "t", "q", Status.TODO, 0, 0, None, None, None, None, False, None)
REQUESTS: dict[Action, Request] = {
    Action.DEFER: Defer(Job(task_name="t")),
    Action.CANCEL: Cancel((1,)),
    Action.ABORT: Cancel((1,), abort=True),
    Action.DELETE: Cancel((1,), delete=True),
    Action.RETRY: Retry(job_ids=(1,)),
}
COLUMNS = "status::text, priority, queue_name, lock, attempts, abort_requested"


async def act(dsn: str, request: Request, **options: Any) -> Outcome:
    """The outcome for one job."""
    async with connected(dsn) as (connector, able):
        (outcome,) = await perform(request, connector, able, **options)
    return outcome


def without(operation: str, **changes: Any) -> Capabilities:
    """An older schema: none of the functions of an operation."""
    names = {f"{name}({types})" for name, types in FUNCTIONS[operation]}
    return dataclasses.replace(ABLE, functions=ABLE.functions - names, **changes)


# The rules


RULES = {
    Action.CANCEL: dict.fromkeys(Status, "is over") | {Status.TODO: None},
    Action.DELETE: dict.fromkeys(Status, "Only waiting jobs can be") | {Status.TODO: None},
    Action.ABORT: dict.fromkeys(Status, "is over") | {Status.DOING: None, Status.TODO: "Use Cancel"},
    Action.RETRY: dict.fromkeys(Status, "Only failed and stalled") | {Status.DOING: None, Status.FAILED: None},
}
RULES[Action.CANCEL] |= dict.fromkeys((Status.DOING, Status.ABORTING), "Use Abort")
RULES[Action.DELETE] |= dict.fromkeys((Status.DOING, Status.ABORTING), "Use Abort")
RULES[Action.ABORT] |= {Status.ABORTING: "asked to abort already"}
RULES[Action.RETRY] |= {Status.TODO: "waiting already", Status.ABORTING: "is aborting"}


@pytest.mark.parametrize(
    ("action", "status", "words"),
    [(action, status, words) for action, by_status in RULES.items() for status, words in by_status.items()],
    ids=lambda part: part.value if isinstance(part, Action | Status) else "",
)
def test_each_action_is_possible_in_its_statuses_only(action: Action, status: Status, words: str | None) -> None:
    reason = refusal(action, dataclasses.replace(ROW, status=status, worker_id=3), ABLE)
    assert (reason is None) if words is None else (reason is not None and words in reason and "Job 7" in reason)


RUNNING = dataclasses.replace(ROW, status=Status.DOING, worker_id=3)


@pytest.mark.parametrize(
    ("action", "row", "able", "words"),
    [
        (Action.ABORT, dataclasses.replace(RUNNING, abort_requested=True), ABLE, "asked to abort already"),
        (Action.RETRY, RUNNING, ABLE, "its worker is alive"),
        (Action.RETRY, dataclasses.replace(RUNNING, worker_id=4, abort_requested=True), ABLE, "asked to abort"),
        (Action.RETRY, RUNNING, dataclasses.replace(ABLE, has_workers=False), "does not record"),
        (Action.RETRY, dataclasses.replace(ROW, status=Status.FAILED), without("retry"), "cannot retry failed"),
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


def test_a_running_job_whose_worker_is_another_than_the_living_can_be_retried() -> None:
    assert refusal(Action.RETRY, RUNNING, ABLE, live_worker_ids=frozenset({4})) is None


# The acts


async def test_a_deferred_job_is_there_as_it_was_asked_for(dsn: str) -> None:
    at = dt.datetime(2090, 1, 2, 3, 4, 5, tzinfo=dt.UTC)
    job = Job(task_name="mail.send", queue="ü" * 20, priority=3, lock="l", task_kwargs={"a": [1]}, scheduled_at=at)
    outcome = await act(dsn, Defer(job))
    assert outcome.is_done
    assert "2090-01-0" in outcome.sentence
    found = run_sql(dsn, "SELECT id, task_name, queue_name, priority, lock, args, scheduled_at FROM procrastinate_jobs")
    assert found == [(outcome.job_id, "mail.send", "ü" * 20, 3, "l", {"a": [1]}, at)]


@pytest.mark.parametrize(("queue", "words"), [("", "needs a name"), ("ü" * 21, "42 bytes"), ("a\0b", "NUL")])
async def test_a_queue_name_that_the_database_refuses_is_refused_before(dsn: str, queue: str, words: str) -> None:
    defer(dsn)
    finish(dsn, start(dsn)[0], "failed")
    before = picture(dsn)
    for request in (Defer(Job(task_name="t", queue=queue)), Retry(job_ids=(1,), queue=queue)):
        outcome = await act(dsn, request)
        assert not outcome.is_done
        assert words in outcome.sentence
    assert picture(dsn) == before


async def test_a_waiting_job_is_cancelled_or_deleted(dsn: str) -> None:
    first, second = defer(dsn), defer(dsn)
    cancelled = await act(dsn, Cancel((first,)))
    deleted = await act(dsn, Cancel((second,), delete=True))
    assert (cancelled.is_done, cancelled.before, deleted.is_done) == (True, Status.TODO, True)
    assert run_sql(dsn, "SELECT id, status::text FROM procrastinate_jobs") == [(first, "cancelled")]


async def test_a_running_job_is_asked_to_abort_once(dsn: str) -> None:
    defer(dsn)
    job_id, _ = start(dsn)
    assert (await act(dsn, Cancel((job_id,), abort=True))).is_done
    again = await act(dsn, Cancel((job_id,), abort=True))
    assert (again.is_done, again.before) == (False, Status.DOING)
    assert run_sql(dsn, "SELECT status::text, abort_requested FROM procrastinate_jobs") == [("doing", True)]
    asked = "SELECT count(*) FROM procrastinate_events WHERE type = 'abort_requested'"
    assert run_sql(dsn, asked) == [1]


async def test_a_failed_job_is_retried_now(dsn: str) -> None:
    job_id = defer(dsn, priority=2, lock="l")
    finish(dsn, start(dsn)[0], "failed")
    outcome = await act(dsn, Retry(job_ids=(job_id,)))
    assert (outcome.is_done, outcome.before) == (True, Status.FAILED)
    assert run_sql(dsn, f"SELECT {COLUMNS} FROM procrastinate_jobs") == [("todo", 2, "q", "l", 2, False)]
    assert start(dsn)[0] == job_id


async def test_a_retry_takes_another_time_priority_queue_and_lock(dsn: str) -> None:
    job_id = defer(dsn)
    finish(dsn, start(dsn)[0], "failed")
    at = dt.datetime(2090, 1, 2, tzinfo=dt.UTC)
    assert (await act(dsn, Retry(job_ids=(job_id,), at=at, priority=9, queue="other", lock="new"))).is_done
    found = run_sql(dsn, f"SELECT {COLUMNS}, scheduled_at FROM procrastinate_jobs")
    assert found == [("todo", 9, "other", "new", 2, False, at)]


async def test_a_job_that_failed_while_it_was_asked_to_abort_can_be_retried(dsn: str) -> None:
    defer(dsn)
    job_id, _ = start(dsn)
    await act(dsn, Cancel((job_id,), abort=True))
    run_sql(dsn, "SELECT procrastinate_retry_job_v2(%s, now(), NULL, NULL, NULL)", job_id)
    assert run_sql(dsn, "SELECT status::text, abort_requested FROM procrastinate_jobs") == [("failed", True)]
    assert (await act(dsn, Retry(job_ids=(job_id,)))).is_done
    assert run_sql(dsn, "SELECT status::text, abort_requested FROM procrastinate_jobs") == [("todo", False)]


@pytest.mark.parametrize(
    ("heartbeat", "is_done"), [("now()", False), ("now() - interval '1 minute'", True)], ids=["alive", "silent"]
)
async def test_a_running_job_is_retried_only_when_its_worker_is_silent(dsn: str, heartbeat: str, is_done: bool) -> None:
    defer(dsn)
    job_id, _ = start(dsn, heartbeat=heartbeat)
    outcome = await act(dsn, Retry(job_ids=(job_id,)))
    assert outcome.is_done is is_done
    assert run_sql(dsn, "SELECT status::text FROM procrastinate_jobs") == ["todo" if is_done else "doing"]


async def test_a_taken_queueing_lock_names_the_job_that_has_it(dsn: str) -> None:
    failed = defer(dsn, queueing_lock="one")
    finish(dsn, start(dsn)[0], "failed")
    holder = defer(dsn, queueing_lock="one")
    before = picture(dsn)
    for request in (Retry(job_ids=(failed,)), Defer(Job(task_name="t", queueing_lock="one"))):
        outcome = await act(dsn, request)
        assert not outcome.is_done
        assert f"job #{holder}" in outcome.sentence
        assert "queueing lock one" in outcome.sentence
    assert picture(dsn) == before


async def test_of_many_jobs_each_has_its_own_outcome(dsn: str) -> None:
    waiting, running, gone = defer(dsn), defer(dsn, priority=1), 99
    start(dsn)
    async with connected(dsn) as (connector, able):
        outcomes = await perform(Cancel((waiting, running, gone)), connector, able)
    assert [(outcome.job_id, outcome.is_done) for outcome in outcomes] == [(1, True), (2, False), (99, False)]
    assert "no longer there" in outcomes[2].sentence


# Between the look and the act


CHANGES = {
    "changed": ("UPDATE procrastinate_jobs SET status = 'doing' WHERE id = 1", "is running", Status.DOING),
    "vanished": ("DELETE FROM procrastinate_jobs WHERE id = 1", "no longer there", None),
}


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("delete", [False, True], ids=["cancel", "delete"])
async def test_a_job_that_others_are_just_changing_is_left_as_they_leave_it(
    dsn: str, change: str, delete: bool
) -> None:
    job_id = defer(dsn)
    text, words, status = CHANGES[change]
    async with await psycopg.AsyncConnection.connect(dsn) as other:
        await other.execute(text.encode())
        acting = asyncio.create_task(act(dsn, Cancel((job_id,), delete=delete)))
        await until(lambda: run_sql(dsn, "SELECT pid FROM pg_locks WHERE NOT granted"), what="the act to wait")
        await other.commit()
        before = picture(dsn)
        outcome = await acting
    assert (outcome.is_done, outcome.before) == (False, status)
    assert words in outcome.sentence
    assert picture(dsn) == before


# Rights


@pytest.mark.parametrize("action", list(Action))
async def test_a_read_only_profile_does_nothing(dsn: str, action: Action) -> None:
    defer(dsn)
    before = picture(dsn)
    outcome = await act(dsn, REQUESTS[action], is_read_only=True)
    assert not outcome.is_done
    assert "read-only" in outcome.sentence
    assert refusal(action, ROW, ABLE, is_read_only=True) == outcome.sentence
    assert picture(dsn) == before


@pytest.mark.parametrize("action", list(Action))
async def test_a_role_without_rights_is_told_what_to_ask_for_and_with_it_the_act_works(
    dsn: str, action: Action
) -> None:
    defer(dsn)
    if action in (Action.ABORT, Action.RETRY):
        start(dsn, heartbeat="now() - interval '1 minute'")
    before = picture(dsn)
    with role(dsn) as role_dsn:
        outcome = await act(role_dsn, REQUESTS[action])
        assert not outcome.is_done
        assert str(conninfo_to_dict(role_dsn)["user"]) in outcome.sentence
        assert picture(dsn) == before
        for _ in range(3):
            grants = re.findall("GRANT [^;]+;", outcome.sentence)
            run_sql(dsn, " ".join(grants))
            outcome = await act(role_dsn, REQUESTS[action])
            if outcome.is_done:
                break
    assert outcome.is_done
