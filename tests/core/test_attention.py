"""What needs attention and how due jobs get on, by a table of situations."""

from __future__ import annotations

import datetime as dt
import sys
from dataclasses import replace
from typing import Any

import pytest
from jobdesk_core.database.rows import WorkerRow
from jobdesk_core.jobs import EventType
from jobdesk_core.reading.open_jobs import NONE_OPEN, OpenGroup, OpenJobs
from jobdesk_core.reading.pace import PUT_OFF, Pace, minute_of
from jobdesk_core.reading.progress import Progress, progress
from jobdesk_core.reading.rise import Rise
from jobdesk_core.watching.attention import attention
from jobdesk_core.watching.situation import LockLine, Served, Situation

NOW = dt.datetime(2026, 5, 4, 12, 30, 20, tzinfo=dt.UTC)


def ago(seconds: float) -> dt.datetime:
    return NOW - dt.timedelta(seconds=seconds)


def alive(number: int = 1, running: int = 0) -> WorkerRow:
    return WorkerRow(number, ago(3), running)


def dead(number: int = 3, running: int = 0, seconds: float = 55) -> WorkerRow:
    return WorkerRow(number, ago(seconds), running)


def pace(started: int = 0, came: int = 0, put_off: int = 0, cancelled: int = 0, last: float | None = None) -> Pace:
    """So many of each within the last five whole minutes, and the last start so many seconds ago."""
    found, minute = Pace(), minute_of(NOW) - 2
    kinds = {EventType.STARTED: started, EventType.DEFERRED: came, PUT_OFF: put_off, EventType.CANCELLED: cancelled}
    for kind, number in kinds.items():
        found.count(minute, "q", kind, number)
    if last is not None:
        found.add_start("q", ago(last))
    return found


@pytest.mark.parametrize(
    ("group", "seen", "course", "clears_s", "idle_s"),
    [
        (NONE_OPEN, pace(), "none", None, 0),
        # Scheduled for later: nothing is due, whatever the pace.
        (OpenGroup(scheduled=6), pace(started=158, last=400), "none", None, 0),
        (
            OpenGroup(due=1, scheduled=6, oldest=ago(2)),
            pace(started=165, came=171, put_off=6, last=1),
            "steady",
            None,
            1,
        ),
        (OpenGroup(due=60, oldest=ago(90)), pace(started=150, came=50, last=1), "clears", 180, 1),
        (OpenGroup(due=60, oldest=ago(90)), pace(started=100, came=50, cancelled=50, last=1), "clears", 180, 1),
        (OpenGroup(due=60, held=20, oldest=ago(90)), pace(started=150, came=50, last=1), "clears", 120, 1),
        (OpenGroup(due=60, oldest=ago(90)), pace(started=150, came=151, last=1), "growing", None, 1),
        # Behind a held lock nothing clears, however fast others of the queue go.
        (OpenGroup(due=12, held=12, running=1, oldest=ago(44)), pace(started=150, last=44), "held", None, 44),
        (OpenGroup(due=12, held=12, running=1, oldest=ago(44)), pace(started=150, last=1), "held", None, 1),
        # None started for a while: since the later of the last start and the oldest due job.
        (OpenGroup(due=44, oldest=ago(41)), pace(last=500), "stalled", None, 41),
        (OpenGroup(due=44, oldest=ago(500)), pace(started=99, last=41), "stalled", None, 41),
        (OpenGroup(due=44, oldest=ago(29)), pace(last=500), "unknown", None, 29),
        (OpenGroup(due=44, oldest=ago(9_000)), pace(), "stalled", None, 3_600),
        (OpenGroup(due=44, oldest=ago(41)), pace(), "stalled", None, 41),
        (OpenGroup(due=4, oldest=None), pace(), "unknown", None, 0),
        # A worker may be busy with a long one: that takes longer to be remarkable.
        (OpenGroup(due=4, running=1, oldest=ago(100)), pace(last=100), "unknown", None, 100),
        (OpenGroup(due=4, running=1, oldest=ago(190)), pace(last=190), "stalled", None, 190),
        (OpenGroup(due=4, running=1, stalled=1, oldest=ago(40)), pace(last=40), "stalled", None, 40),
    ],
)
def test_progress_is_of_due_jobs_that_can_start(
    group: OpenGroup, seen: Pace, course: str, clears_s: float | None, idle_s: float
) -> None:
    found = progress(group, seen, NOW, "q")
    assert (found.course, found.clears_in_s, found.idle_s(NOW)) == (course, clears_s, idle_s)
    assert found.is_at_least is (idle_s == 3_600)


def test_since_when_what_is_started_now_has_waited() -> None:
    held, young = OpenGroup(due=9, held=1, oldest=ago(3_600)), pace(started=1, last=1)
    many = replace(held, due=90)
    assert progress(held, young, NOW, "q").going_since is None, "the oldest may be the one that is held"
    assert progress(replace(held, held=0), young, NOW, "q").going_since == ago(3_600)
    assert progress(many, young, NOW, "q").going_since == ago(3_600)
    started = [(ago(90), 900.0), (ago(9), 40.0), (ago(2), 0.5)]
    young.add_waited("q", [(at.timestamp(), waited_s) for at, waited_s in started])
    assert progress(many, young, NOW, "q").going_since == ago(49), "of those started lately"


def jobs(workers: tuple[WorkerRow, ...] | None = (alive(),), **queues: OpenGroup) -> OpenJobs:
    return OpenJobs(NOW, {}, queues, {}, sum(queues.values(), NONE_OPEN), workers)


STUCK = Progress("stalled", None, ago(41))
MAIL = OpenGroup(due=44, oldest=ago(41))
RISE = Rise("task", "invoices.render", 38, 1.0, 5, ago(240))


@pytest.mark.parametrize(
    ("found", "courses", "rises", "lines"),
    [
        (jobs(), {}, [], []),
        (jobs(q=OpenGroup(due=3, scheduled=9)), {"q": Progress("clears", 5)}, [], []),
        # No worker is alive: first, at once, and the queues need not say it again.
        (
            jobs((dead(),), mail=OpenGroup(due=55)),
            {"mail": STUCK},
            [],
            [("bad", "No worker is alive. 55 jobs are due.", "workers", 0, "status:todo -is:scheduled")],
        ),
        (
            jobs((), q=OpenGroup(due=1)),
            {},
            [],
            [("bad", "No worker is alive. 1 job is due.", "workers", 0, "status:todo -is:scheduled")],
        ),
        (
            jobs((dead(3, 1),), q=OpenGroup(running=1, stalled=1, dead_worker=3)),
            {},
            [],
            [
                ("bad", "No worker is alive. No job is due.", "workers", 0, "status:doing"),
                (
                    "bad",
                    "q: 1 running job has stalled. Worker #3 is unresponsive: last heartbeat 55 s ago.",
                    "rescue",
                    1,
                    "is:stalled queue:q",
                ),
            ],
        ),
        # They have all ended in good order: at night that is usual, until the next job is due soon.
        (jobs((), q=OpenGroup(scheduled=2, next_due=NOW + dt.timedelta(hours=5))), {}, [], []),
        (
            jobs((), q=OpenGroup(scheduled=2, next_due=NOW + dt.timedelta(minutes=50))),
            {},
            [],
            [("warning", "No worker is alive. The next job is due in 50 min.", "workers", 0, "status:todo")],
        ),
        (
            jobs((dead(),), q=OpenGroup(scheduled=2, next_due=NOW + dt.timedelta(hours=5))),
            {},
            [],
            [("warning", "No worker is alive. The next job is due in 5 h.", "workers", 0, "status:todo")],
        ),
        (jobs(()), {}, [], []),
        (jobs((dead(),)), {}, [], [("warning", "No worker is alive. No job is waiting.", "workers", 0, "")]),
        # Releases without a record of workers: only what can be known.
        (jobs(None, q=OpenGroup(due=5, running=2)), {}, [], []),
        (
            jobs(None, mail=MAIL),
            {"mail": STUCK},
            [],
            [("bad", "mail: 44 jobs due, none started for 41 s.", "", 0, "queue:mail status:todo -is:scheduled")],
        ),
        # A queue that stands while others go on.
        (
            jobs((alive(), dead(3, 2)), mail=OpenGroup(due=44, running=2, stalled=2, dead_worker=3)),
            {"mail": STUCK},
            [],
            [
                (
                    "bad",
                    "mail: 44 jobs due, none started for 41 s. Worker #3 is unresponsive: last heartbeat 55 s ago.",
                    "rescue",
                    2,
                    "is:stalled queue:mail",
                )
            ],
        ),
        (
            jobs(mail=OpenGroup(due=12, held=12, held_by_stalled=12, running=1, stalled=1, orphans=1)),
            {"mail": Progress("held", None, ago(44))},
            [],
            [
                (
                    "bad",
                    "mail: 12 jobs due, none started for 44 s. Their lock is held by a stalled job. "
                    "The worker is no longer registered.",
                    "rescue",
                    1,
                    "is:stalled queue:mail",
                )
            ],
        ),
        (jobs(mail=OpenGroup(due=12, held=12, running=1)), {"mail": Progress("held", None, ago(44))}, [], []),
        (
            jobs(q=MAIL),
            {"q": Progress("stalled", None, ago(3_600), is_at_least=True)},
            [],
            [
                (
                    "bad",
                    "q: 44 jobs due, none started for more than 1 h. 1 worker is alive: does it serve this queue?",
                    "workers",
                    0,
                    "queue:q status:todo -is:scheduled",
                )
            ],
        ),
        (
            jobs(q=OpenGroup(due=1, running=1)),
            {"q": Progress("stalled", None, ago(200), is_busy=True)},
            [],
            [
                (
                    "warning",
                    "q: 1 job due, none started for 3 min 20 s; 1 job is running.",
                    "",
                    0,
                    "queue:q status:todo -is:scheduled",
                )
            ],
        ),
        (
            jobs((alive(), dead())),
            {},
            [RISE],
            [
                (
                    "bad",
                    "invoices.render: 38 failures in 5 min, usually 1.",
                    "failures",
                    0,
                    "task:invoices.render status:failed ended:>-4m",
                ),
                ("warning", "Worker #3: unresponsive, last heartbeat 55 s ago. It runs no job.", "workers", 0, ""),
            ],
        ),
    ],
)
def test_attention_says_the_worst_first(
    found: OpenJobs, courses: dict[str, Progress], rises: list[Rise], lines: list[Any]
) -> None:
    told = attention(Situation(NOW, found, courses, rises))
    assert [(each.tone, each.text, each.remedy, each.count, each.filter_text) for each in told] == lines


def test_every_duration_goes_on_with_the_clock_and_a_kind_has_few_lines() -> None:
    for later, words in ((0, "41 s"), (60, "1 min 41 s"), (12 * 60, "12 min 41 s"), (3_559, "1 h"), (5 * 3_600, "5 h")):
        now = NOW + dt.timedelta(seconds=later)
        found = jobs((WorkerRow(1, now, 0),), mail=MAIL)
        (line,) = attention(Situation(now, found, {"mail": STUCK}))
        assert line.text.startswith(f"mail: 44 jobs due, none started for {words}. ")
    many = jobs(**{f"q{number}": MAIL for number in range(500)})
    assert len(attention(Situation(NOW, many, dict.fromkeys(many.queues, STUCK)))) == 20


def calls_of(situation: Situation) -> int:
    """How much work it is to tell what needs attention: calls of Python functions, each turn of a generator one."""
    calls = 0

    def count(frame: object, event: str, arg: object) -> None:
        nonlocal calls
        calls += event == "call"

    sys.setprofile(count)
    try:
        attention(situation)
    finally:
        sys.setprofile(None)
    return calls


STALLED = OpenGroup(due=5, held=5, held_by_stalled=5, running=1, stalled=1, dead_worker=3, oldest=ago(41))
GOES = Progress("clears", 5, ago(1), going_since=ago(800))


@pytest.mark.parametrize(
    ("live", "group", "course"),
    [
        # All goes on, or nothing does, or it waits for the locks of stalled jobs.
        ((alive(),), MAIL, GOES),
        ((alive(),), MAIL, STUCK),
        ((alive(),), STALLED, Progress("held", None, ago(41))),
        # Without a worker it is one line, or two, and nothing else is worked out.
        ((), MAIL, STUCK),
        ((), STALLED, STUCK),
    ],
)
def test_of_thousands_of_queues_no_more_is_worked_out_than_is_told(
    live: tuple[WorkerRow, ...], group: OpenGroup, course: Progress
) -> None:
    count = 2_000
    found = jobs((*live, *(dead(number, 1) for number in range(3, 103))), **{f"q{n}": group for n in range(count)})
    found = replace(found, tasks={f"t{n}": group for n in range(count)})
    served = Served(frozenset({"other"}), frozenset({"other"}))
    lines = [LockLine(f"l{n}", f"q{n}", n, "its worker is gone", 9, 9, ago(400), is_stalled=True) for n in range(200)]
    situation = Situation(NOW, found, dict.fromkeys(found.queues, course), served=served, lock_lines=lines)
    assert calls_of(situation) < 5 * count
