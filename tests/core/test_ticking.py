"""What is said of time is of the moment at which it is said: durations, every sentence of WHY, every lock's reason."""

from __future__ import annotations

import dataclasses
import datetime as dt
import inspect
import re

import pytest
from jobdesk_core import Status, durations
from jobdesk_core.database.rows import EventRow, JobRow, WorkerRow
from jobdesk_core.job import why as explaining
from jobdesk_core.job.queue_context import Ahead, Holder, Situation
from jobdesk_core.job.why import Surroundings, explain, running_until
from jobdesk_core.jobs import EventType
from jobdesk_core.locks.reasons import LockState, Serving
from jobdesk_core.locks.reasons import reason as lock_reason

NOW = dt.datetime(2026, 11, 27, 12, tzinfo=dt.UTC)
LATER = dt.timedelta(seconds=100)
DURATION = re.compile(r"\d[\d,]* (?:ms|s|min|h|d)\b")


def ago(seconds: float) -> dt.datetime:
    return NOW - dt.timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("seconds", "text", "so_far", "roughly"),
    [
        (-3, "0 s", "0 s", "0 s"),
        (0, "0 s", "0 s", "0 s"),
        (0.361, "361 ms", "0 s", "0 s"),
        (0.9999, "999 ms", "0 s", "0 s"),
        (7.39, "7.3 s", "7 s", "7 s"),
        (9.99, "9.9 s", "9 s", "9 s"),
        (59.9, "59 s", "59 s", "59 s"),
        (60, "1 min", "1 min", "1 min"),
        (72, "1 min 12 s", "1 min 12 s", "1 min"),
        (119, "1 min 59 s", "1 min 59 s", "1 min"),
        (3599, "59 min 59 s", "59 min 59 s", "59 min"),
        (5400, "1 h 30 min", "1 h 30 min", "1 h 30 min"),
        (11_640, "3 h 14 min", "3 h 14 min", "3 h 14 min"),
        (86_400, "1 d", "1 d", "1 d"),
        (3 * 86_400 + 7 * 3_600 + 59, "3 d 7 h", "3 d 7 h", "3 d 7 h"),
        (4_000 * 86_400, "4,000 d", "4,000 d", "4,000 d"),
    ],
)
def test_a_duration_is_told_in_one_way(seconds: float, text: str, so_far: str, roughly: str) -> None:
    assert durations.in_words(seconds) == durations.in_words(dt.timedelta(seconds=seconds)) == text
    assert durations.so_far(seconds) == so_far
    assert durations.roughly(seconds) == roughly


def job(job_id: int = 5, status: Status = Status.TODO, **columns: object) -> JobRow:
    row = JobRow(job_id, "t", "mail", status, 0, 1, None, None, None, None, False, ago(4000))
    return row._replace(**columns)  # type: ignore[arg-type]


STARTED = [EventRow(1, 5, EventType.DEFERRED, ago(4000)), EventRow(2, 5, EventType.STARTED, ago(500))]
ASKED = [*STARTED, EventRow(3, 5, EventType.ABORT_REQUESTED, ago(90))]
ALIVE, SILENT = WorkerRow(3, NOW + LATER, 1), WorkerRow(3, ago(200), 1)
DOING = job(status=Status.DOING, worker_id=3)
ABORTING = DOING._replace(abort_requested=True)
LOCKED = job(lock="l")
RUNS = Holder(job(4, Status.DOING, lock="l", worker_id=3), ago(300), ALIVE)
SERVED = Situation(1, 1, Ahead(), {"mail": ago(700)})

#: A job and what is round it, and what its explanation says with a duration in it, the digits left out.
CASES: dict[str, tuple[JobRow, list[EventRow], Surroundings, set[str]]] = {
    "scheduled": (
        job(scheduled_at=NOW + dt.timedelta(hours=3)), STARTED[:1], Surroundings(), {"Scheduled to start in N."},
    ),
    "lock, running": (
        LOCKED, STARTED[:1], Surroundings(holder=RUNS),
        {"The lock l is held by job #4, which has been running for N."},
    ),
    "lock, silent": (
        LOCKED, STARTED[:1], Surroundings(holder=dataclasses.replace(RUNS, worker=SILENT)),
        {
            "The lock l is held by job #4, which started N ago.",
            "Worker #3: last heartbeat N ago. The worker may still be running it.",
        },
    ),
    "lock, orphan": (
        LOCKED, STARTED[:1], Surroundings(holder=dataclasses.replace(RUNS, worker=None)),
        {"The lock l is held by job #4, which started N ago."},
    ),
    "lock, scheduled": (
        LOCKED, STARTED[:1],
        Surroundings(holder=Holder(job(4, lock="l", scheduled_at=NOW + dt.timedelta(hours=3)))),
        {"The lock l belongs to job #4, which is scheduled to start in N and blocks it until then."},
    ),
    "lock, other queue": (
        LOCKED, STARTED[:1],
        Surroundings(
            holder=Holder(job(4, lock="l", queue_name="slow")), situation=Situation(1, 0, looked_back_to=ago(900))
        ),
        {"That job is in another queue. No job in queue slow has started for at least N."},
    ),
    "quiet": (job(), STARTED[:1], Surroundings(situation=SERVED), {"No job in queue mail has started for N."}),
    "quiet for at least": (
        job(), STARTED[:1], Surroundings(situation=Situation(1, looked_back_to=ago(900))),
        {"No job in queue mail has started for at least N."},
    ),
    "paused": (
        job(), STARTED[:1], Surroundings(situation=Situation(1, paused_at=ago(300))),
        {"Queue mail has been paused for N: no worker takes its jobs until it is resumed."},
    ),
    "running": (DOING, STARTED, Surroundings(worker=ALIVE), {"Running for N."}),
    "aborting": (
        ABORTING, ASKED, Surroundings(worker=ALIVE), {"Abort requested N ago; still running.", "Running for N."},
    ),
    "stalled": (
        DOING, STARTED, Surroundings(worker=SILENT),
        {"Stalled: started N ago, its worker is unresponsive.", "Worker #3: last heartbeat N ago."},
    ),
    "orphaned": (DOING, STARTED, Surroundings(), {"Orphaned: started N ago, worker #3 no longer exists."}),
    "orphaned and asked": (
        ABORTING, ASKED, Surroundings(),
        {"Orphaned: started N ago, worker #3 no longer exists.", "Abort requested N ago."},
    ),
}  # fmt: skip


def said(case: str, now: dt.datetime) -> set[str]:
    row, events, around, _ = CASES[case]
    found = explain(row, events, around, now)
    return {text for text in (found.headline, *found.sentences) if DURATION.search(text)}


@pytest.mark.parametrize("case", CASES)
def test_every_duration_of_why_is_of_the_moment(case: str) -> None:
    first, later = said(case, NOW), said(case, NOW + LATER)
    assert {_without(text) for text in first} == {_without(text) for text in later} == CASES[case][3]
    assert not first & later, "a sentence that says how long must say something else 100 s later"


def _without(text: str) -> str:
    return re.sub(rf"{DURATION.pattern}(?: {DURATION.pattern})?", "N", text)


def test_no_sentence_with_a_duration_is_left_out_of_the_cases() -> None:
    calls = len(re.findall(r"so_far\(", inspect.getsource(explaining)))
    assert calls == 11, "a sentence came or went: add it to CASES"
    assert "duration(" not in inspect.getsource(explaining)


@pytest.mark.parametrize(
    ("state", "row", "before"),
    [
        (LockState.SCHEDULED, job(scheduled_at=NOW + dt.timedelta(hours=3)), None),
        (LockState.HELD, job(scheduled_at=NOW + dt.timedelta(hours=3)), job(4, Status.DOING)),
    ],
)
def test_the_reasons_of_a_locks_chain_are_of_the_moment(state: LockState, row: JobRow, before: JobRow | None) -> None:
    serving = Serving(frozenset(), None, 1)
    first, later = (lock_reason(row, before, state, serving, now) for now in (NOW, NOW + LATER))
    assert "3 h" in first and "2 h 58 min" in later


def test_a_heartbeat_that_came_since_keeps_a_running_job_running() -> None:
    row, heard = DOING, WorkerRow(3, ago(5), 1)
    around = Surroundings(worker=SILENT, holder=dataclasses.replace(RUNS, worker=SILENT))
    assert explain(row, STARTED, around, NOW).headline.startswith("Stalled")
    fresh = around.heard_of([heard, WorkerRow(9, ago(1), 0)], NOW)
    assert explain(row, STARTED, fresh, NOW).headline == "Running for 8 min 20 s."
    assert fresh.holder is not None and fresh.holder.worker == heard
    assert fresh.situation is not None and fresh.situation.live_workers == 2
    assert fresh.heard_of([SILENT], NOW).worker == heard, "an older reading takes nothing back"


@pytest.mark.parametrize(
    ("worker", "until"), [(ALIVE, NOW), (SILENT, ago(200)), (None, ago(500))], ids=["alive", "unresponsive", "gone"]
)
def test_the_time_after_the_workers_last_sign_of_life_is_not_running_time(
    worker: WorkerRow | None, until: dt.datetime
) -> None:
    assert running_until(DOING, STARTED, Surroundings(worker=worker), NOW) == until
    assert running_until(job(), STARTED[:1], Surroundings(), NOW) is None
