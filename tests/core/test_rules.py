"""The rules of attention, each by a table of situations: what is told, and what is not, because it is usual."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import pytest
from jobdesk_core.database.rows import WorkerRow
from jobdesk_core.jobs import EventType
from jobdesk_core.reading.open_jobs import NONE_OPEN, OpenGroup, OpenJobs
from jobdesk_core.reading.pace import Pace, minute_of
from jobdesk_core.reading.progress import Progress
from jobdesk_core.reading.rise import Rise, has_risen, rise_of
from jobdesk_core.reading.series import Series
from jobdesk_core.reported.records import ReportedTask, ReportedWorker
from jobdesk_core.schedules.schedule import Schedule
from jobdesk_core.watching.attention import RULES, attention, keys
from jobdesk_core.watching.facts import served_by
from jobdesk_core.watching.growth import growths
from jobdesk_core.watching.latencies import BLOCK, Latencies
from jobdesk_core.watching.lines import Attention, RuleKey, Thresholds
from jobdesk_core.watching.rules.database import unreachable
from jobdesk_core.watching.situation import Cause, Growth, Latency, LockLine, LongRun, Served, Situation
from jobdesk_core.watching.watch import rises as rises_of

NOW = dt.datetime(2026, 5, 4, 12, 30, 20, tzinfo=dt.UTC)


def ago(seconds: float) -> dt.datetime:
    return NOW - dt.timedelta(seconds=seconds)


def alive(number: int = 1, running: int = 0) -> WorkerRow:
    return WorkerRow(number, ago(3), running)


def jobs(*workers: WorkerRow, paused: str = "", **queues: OpenGroup) -> OpenJobs:
    marks = {paused: ago(600)} if paused else {}
    return OpenJobs(NOW, {}, queues, {}, sum(queues.values(), NONE_OPEN), workers or (alive(),), marks)


@dataclass(frozen=True)
class Known:
    """What history knows."""

    idle: float | None = None
    failed: float | None = None
    run: tuple[float, int] | None = None
    came: float | None = None

    def idle_s(self, queue: str, now: dt.datetime) -> float | None:
        return self.idle

    def failures(self, task: str, minutes: int, now: dt.datetime) -> float | None:
        return self.failed

    def run_s(self, task: str, now: dt.datetime) -> tuple[float, int] | None:
        return self.run

    def arrivals(self, queue: str, minutes: int, now: dt.datetime) -> float | None:
        return self.came


def every_line(situation: Situation) -> list[Attention]:
    """What the rules are sure of, rule by rule, also what follows from something else that is said: as alerts ask."""
    told = (line for rule in RULES.values() for line in rule(situation, Thresholds()))
    return [line for line in told if not line.is_inferred]


def said(rule: RuleKey, situation: Situation, limits: Thresholds | None = None) -> list[str]:
    return [line.text for line in RULES[rule](situation, limits or Thresholds())]


MAIL = OpenGroup(due=44, oldest=ago(41))
STUCK = Progress("stalled", None, ago(41))
IDLE = "mail: 44 jobs due, none started for 41 s."
GOING = Progress("clears", 60, ago(1), going_since=ago(800))


@pytest.mark.parametrize(
    ("situation", "line"),
    [
        # A worker that starts nothing, of which there is but one: is it of this queue?
        (
            Situation(NOW, jobs(mail=MAIL), {"mail": STUCK}),
            "mail: 44 jobs due, none started for 41 s. 1 worker is alive: does it serve this queue?",
        ),
        (
            Situation(NOW, jobs(mail=MAIL), {"mail": STUCK}, served=Served(frozenset({"etl"}), None)),
            "mail: 44 jobs due, none started for 41 s. No live worker serves this queue.",
        ),
        (
            Situation(NOW, jobs(alive(1, 2), mail=MAIL), {"mail": STUCK}, started_at=ago(2)),
            f"{IDLE} Jobs of other queues are started: does a worker serve this queue?",
        ),
        # The worker that has died, or one of those that have, may have been the one that served it.
        (
            Situation(NOW, jobs(alive(1), WorkerRow(3, ago(45), 0), mail=MAIL), {"mail": STUCK}, started_at=ago(2)),
            f"{IDLE} Worker #3 is unresponsive: did it serve this queue?",
        ),
        (
            Situation(
                NOW,
                jobs(alive(1), *(WorkerRow(number, ago(45), 0) for number in (3, 4)), mail=MAIL),
                {"mail": STUCK},
                started_at=ago(2),
            ),
            f"{IDLE} 2 workers are unresponsive: did one serve this queue?",
        ),
        (
            Situation(NOW, jobs(alive(1), WorkerRow(3, ago(9_000), 0), mail=MAIL), {"mail": STUCK}, started_at=ago(2)),
            f"{IDLE} Jobs of other queues are started: does a worker serve this queue?",
        ),
        # All workers are busy with something else: that takes longer to be remarkable.
        (Situation(NOW, jobs(alive(1, 2), mail=MAIL), {"mail": STUCK}, started_at=ago(200)), None),
        (
            Situation(
                NOW,
                jobs(alive(1, 2), mail=replace(MAIL, oldest=ago(190))),
                {"mail": Progress("stalled", None, ago(190))},
                started_at=ago(200),
            ),
            "mail: 44 jobs due, none started for 3 min 10 s. The one live worker is busy.",
        ),
        # Workers take the oldest job first, of whatever queue.
        (
            Situation(
                NOW,
                jobs(mail=MAIL, etl=OpenGroup(due=900, oldest=ago(800))),
                {"mail": STUCK, "etl": GOING},
                started_at=ago(1),
            ),
            None,
        ),
        # Its long runs have all places of the worker, and none of it is started either.
        (
            Situation(
                NOW,
                jobs(alive(1, 8), alive(2), mail=MAIL, etl=OpenGroup(due=4, oldest=ago(90), running=8)),
                {"mail": STUCK, "etl": Progress("clears", 60, ago(35), is_busy=True, going_since=ago(80))},
                started_at=ago(1),
            ),
            None,
        ),
        # But not those that a lock keeps: what is started there is younger.
        (
            Situation(
                NOW,
                jobs(mail=MAIL, etl=OpenGroup(due=9, held=2, oldest=ago(800))),
                {"mail": STUCK, "etl": replace(GOING, going_since=ago(4))},
                started_at=ago(1),
            ),
            f"{IDLE} Jobs of other queues are started: does a worker serve this queue?",
        ),
        # Usually it starts nothing for longer: a worker that a timer starts.
        (Situation(NOW, jobs(mail=MAIL), {"mail": STUCK}, usual=Known(idle=30)), None),
        (Situation(NOW, jobs(mail=MAIL, paused="mail"), {"mail": STUCK}), None),
        (
            Situation(NOW, jobs(mail=OpenGroup(due=4, held=4, running=1)), {"mail": Progress("held", None, ago(99))}),
            None,
        ),
        (
            Situation(NOW, jobs(mail=MAIL), {"mail": STUCK}, blocker="9 sessions wait for a lock."),
            "mail: 44 jobs due, none started for 41 s. 9 sessions wait for a lock.",
        ),
        (
            Situation(
                NOW,
                jobs(alive(1, 2), mail=replace(MAIL, running=2)),
                {"mail": replace(STUCK, is_busy=True)},
                blocker="9 sessions wait for a lock.",
            ),
            "mail: 44 jobs due, none started for 41 s; 2 jobs are running. 9 sessions wait for a lock.",
        ),
    ],
)
def test_a_queue_stands_still(situation: Situation, line: str | None) -> None:
    assert said("idle_queue", situation) == ([line] if line else [])


@pytest.mark.parametrize(
    ("workers", "seen", "line"),
    [
        ([], None, "No worker is alive. 44 jobs are due."),
        # One that is started anew is not registered for a moment.
        ([], ago(4), None),
        ([], ago(16), "No worker is alive. 44 jobs are due."),
        ([WorkerRow(1, ago(31), 0)], ago(1), "No worker is alive. 44 jobs are due."),
        # The server's clock was a day ahead, and has just been set right.
        ([WorkerRow(1, ago(-86_400), 0)], ago(4), None),
        ([WorkerRow(1, ago(-86_400), 0)], ago(40), "No worker is alive. 44 jobs are due."),
        ([WorkerRow(1, ago(-20), 0)], None, None),
    ],
)
def test_no_worker_is_alive(workers: list[WorkerRow], seen: dt.datetime | None, line: str | None) -> None:
    open_jobs = OpenJobs(NOW, {}, {"mail": MAIL}, {}, MAIL, tuple(workers))
    assert said("no_worker", Situation(NOW, open_jobs, worker_seen_at=seen)) == ([line] if line else [])


@pytest.mark.parametrize("group", [OpenGroup(due=3), OpenGroup(), OpenGroup(scheduled=1, next_due=NOW)])
def test_where_no_worker_is_heard_of_the_session_in_the_way_is_named(group: OpenGroup) -> None:
    blocker = "9 sessions wait for a lock that the session with pid 7 holds (active)."
    (line,) = said("no_worker", Situation(NOW, jobs(WorkerRow(3, ago(55), 0), mail=group), blocker=blocker))
    assert line.startswith("No worker is alive. ") and line.endswith(f" {blocker}")


def test_what_nobody_serves() -> None:
    found = replace(jobs(mail=MAIL, new=OpenGroup(due=2, oldest=ago(3))), tasks={"a.b": MAIL, "builtin:x": MAIL})
    seen = Situation(NOW, found, served=Served(frozenset({"etl"}), frozenset({"c.d"})))
    assert said("unserved", seen) == [
        "mail: 44 jobs due, and no live worker serves this queue.",
        "a.b: 44 jobs due, and no live worker knows this task: a run of it will fail.",
    ]
    assert (
        said("unserved", replace(seen, served=None)) == said("unserved", replace(seen, served=Served(None, None))) == []
    )


def test_what_live_workers_serve_is_known_where_all_of_them_tell() -> None:
    def reported(number: int, *queues: str) -> ReportedWorker:
        names = queues or None
        return ReportedWorker(
            __import__("uuid").uuid4(), number, "shop", "h", 1, "", names, 1, {}, NOW, NOW, None, None, None, (), 0
        )

    task = ReportedTask("shop", "a.b", "", None, None, None, ("old.b",), NOW)
    both = [alive(1), alive(2)]
    assert served_by(both, [reported(1, "mail")], [task]) is None
    served = Served(frozenset({"mail", "etl"}), frozenset({"a.b", "old.b"}))
    assert served_by(both, [reported(1, "mail"), reported(2, "etl")], [task]) == served
    assert served_by(both, [reported(1, "mail"), reported(2)], None) == Served(None, None)


@pytest.mark.parametrize(
    ("per_minute", "rise"),
    [
        # The burst of this minute is told before the minute is over.
        ([0] * 59 + [5], (5, 0.0, 1)),
        ([0] * 59 + [4], None),
        ([0] * 56 + [10, 10, 10, 8], (38, 0.0, 4)),
        # As ever.
        ([3] * 60, None),
        ([1] * 54 + [4] * 6, (24, 6.0, 6)),
        # Once in four minutes: five within six, or six, is what chance brings every other day.
        ([1, 0, 0, 0] * 13 + [0, 1] + [1, 1, 1, 0, 1, 1], None),
        ([1, 0, 0, 0] * 13 + [0, 1] + [1, 2, 2, 1, 2, 1], (9, 14 / 9, 6)),
        # One failure now and then.
        ([1 if minute % 15 == 0 else 0 for minute in range(60)], None),
    ],
)
def test_failures_rise(per_minute: list[int], rise: tuple[int, float, int] | None) -> None:
    ended = [30] * 60
    assert has_risen(per_minute, ended) is (rise is not None)
    if rise is not None:
        found = rise_of("task", "t", per_minute, ended, NOW)
        assert (found.failures, found.usual, found.minutes) == (rise[0], pytest.approx(rise[1]), rise[2])
        assert found.since == NOW.replace(second=0) - dt.timedelta(minutes=rise[2] - 1)


@pytest.mark.parametrize(
    ("failed", "ended", "has"),
    [
        # Four minutes old: that some of hundreds fail is no rise; that all do is.
        ([2, 1, 0, 2], [120] * 4, False),
        ([2, 1, 0, 2], [2, 1, 0, 2], True),
        # Twenty minutes old, and failing all the time: nothing was there to fail before.
        ([1, 2, 0, 1] * 5, [120] * 20, False),
        ([1, 2, 0, 1] * 4 + [9, 9], [120] * 18, True),
    ],
)
def test_of_the_time_before_the_first_run_nothing_is_usual(failed: list[int], ended: list[int], has: bool) -> None:
    def hour(counts: list[int]) -> list[int]:
        return [0] * (60 - len(counts)) + counts

    assert has_risen(hour(failed), hour(ended)) is has


@pytest.mark.parametrize(
    ("retried", "others", "failed", "told"),
    [
        # All attempts of the last minutes; or half of them.
        ([0] * 56 + [10, 10, 10, 8], [0] * 60, [0] * 60, [(38, True)]),
        ([0] * 56 + [10, 10, 10, 8], [9] * 56 + [10, 9, 9, 4], [0] * 60, [(38, True)]),
        # A third; as ever; stalled jobs that were set back, all at once; a few.
        ([0] * 56 + [10, 10, 10, 8], [20] * 60, [0] * 60, []),
        ([10] * 60, [0] * 60, [0] * 60, []),
        ([0] * 58 + [40, 0], [0] * 60, [0] * 60, []),
        ([0] * 58 + [2, 2], [0] * 60, [0] * 60, []),
        # Some fail in the end: that is told.
        ([0] * 56 + [10, 10, 10, 8], [0] * 60, [0] * 56 + [2, 2, 2, 2], [(8, False)]),
    ],
)
def test_attempts_that_fail_and_are_retried_rise(
    retried: list[int], others: list[int], failed: list[int], told: list[tuple[int, bool]]
) -> None:
    series, first = Series(), minute_of(NOW) - 59
    kinds = {EventType.DEFERRED_FOR_RETRY: retried, EventType.SUCCEEDED: others, EventType.FAILED: failed}
    for kind, counts in kinds.items():
        series.add_history((first + place, "q", "t", kind, count) for place, count in enumerate(counts))
    series.is_whole = True
    found = [rise for rise in rises_of(series, NOW) if rise is not None and rise.kind == "task"]
    assert [(rise.failures, rise.is_retried) for rise in found] == told


RISE = Rise("task", "invoices.render", 38, 1.0, 5, ago(240))


@pytest.mark.parametrize(
    ("rises", "cause", "usual", "lines"),
    [
        ([RISE], None, None, ["invoices.render: 38 failures in 5 min, usually 1."]),
        (
            [RISE],
            Cause("ConnectTimeout", 35, 38, 36),
            None,
            ["invoices.render: 38 failures in 5 min, usually 1. ConnectTimeout 35 of 38."],
        ),
        (
            [RISE],
            Cause("KeyError", 3, 4),
            None,
            ["invoices.render: 38 failures in 5 min, usually 1. KeyError 3 of 4 reported."],
        ),
        (
            [replace(RISE, is_retried=True)],
            Cause("ConnectTimeout", 35, 38),
            # It knows those alone that failed in the end.
            Known(failed=40),
            ["invoices.render: 38 attempts failed and were retried in 5 min, usually 1. ConnectTimeout 35 of 38."],
        ),
        # On Mondays at this hour it always does.
        ([RISE], None, Known(failed=13), []),
        ([RISE], None, Known(failed=4), ["invoices.render: 38 failures in 5 min, usually 4."]),
        # The queue says nothing more; many tasks together do.
        (
            [RISE, Rise("queue", "billing", 41, 1.0, 5, ago(240))],
            None,
            Known(),
            ["invoices.render: 38 failures in 5 min, usually 1."],
        ),
        ([Rise("queue", "billing", 41, 1.0, 5, ago(240))], None, None, ["billing: 41 failures in 5 min, usually 1."]),
    ],
)
def test_failures_above_the_usual(
    rises: Sequence[Rise], cause: Cause | None, usual: Known | None, lines: list[str]
) -> None:
    causes: Any = {("task", "invoices.render"): cause} if cause is not None else {}
    assert said("failures", Situation(NOW, jobs(), {}, rises, causes=causes, usual=usual)) == lines


def line_of(**changes: Any) -> LockLine:
    return replace(LockLine("smtp", "mail", 17, "its worker is gone", 12, 5, ago(400), ago(200)), **changes)


@pytest.mark.parametrize(
    ("line", "told"),
    [
        (line_of(), "lock smtp: 12 jobs, 7 more than before, wait behind #17, which cannot run: its worker is gone."),
        (line_of(waiting=4), None),
        # Of a dead worker it is told without growing; one scheduled for later is meant to hold them.
        (line_of(waiting_before=12), "lock smtp: 12 jobs wait behind #17, which cannot run: its worker is gone."),
        (line_of(waiting_before=12, is_scheduled=True, reason="it is scheduled for later"), None),
        # It certainly cannot run: nothing has to be waited for.
        (
            line_of(waiting_before=None, since=ago(20)),
            "lock smtp: 12 jobs wait behind #17, which cannot run: its worker is gone.",
        ),
        # A head that runs: only once it has run for long, and the line grows.
        (line_of(reason=""), "lock smtp: 12 jobs, 7 more than before, wait behind #17, which has run for 3 min 20 s."),
        (line_of(reason="", head_since=ago(20)), None),
        (line_of(reason="", waiting_before=12), None),
        (line_of(reason="", waiting_before=None), None),
        # Far beyond its usual time it needs no three minutes; within that more than these.
        (
            line_of(reason="", head_since=ago(35), usual_s=3, runs=40),
            "lock smtp: 12 jobs, 7 more than before, wait behind #17, which has run for 35 s, usually 3 s at most.",
        ),
        (line_of(reason="", head_since=ago(25), usual_s=3, runs=40), None),
        (line_of(reason="", head_since=ago(35), usual_s=8, runs=40), None),
        (line_of(reason="", head_since=ago(35), usual_s=3, runs=9), None),
        (line_of(reason="", head_since=ago(35), usual_s=3, runs=40, waiting_before=12), None),
        (line_of(reason="", head_since=ago(200), usual_s=600, runs=40), None),
    ],
)
def test_a_line_at_a_lock(line: LockLine, told: str | None) -> None:
    assert said("lock", Situation(NOW, jobs(), lock_lines=[line])) == ([told] if told else [])


OUTGROWN = "mail: 620 jobs due, 29 more each minute: 60 come and 31 are started; one that comes now waits 20 min."


@pytest.mark.parametrize(
    ("growth", "usual", "told"),
    [
        (
            Growth("mail", 620, 60, 31, ago(1_200), 20),
            None,
            OUTGROWN,
        ),
        (
            Growth("mail", 620, 60, 0, ago(1_200), 20),
            None,
            "mail: 620 jobs due; 60 come each minute and none is started.",
        ),
        # Too few to matter; served soon; as long as jobs always wait; as many as always come at this hour.
        (Growth("mail", 40, 60, 31, ago(1_200), 20), None, None),
        (Growth("mail", 60, 60, 31, ago(1_200), 20), None, None),
        (Growth("mail", 620, 60, 31, ago(1_200), 20, usual_wait_s=900), None, None),
        (Growth("mail", 620, 60, 31, ago(1_200), 20), Known(came=300), None),
        (Growth("mail", 620, 60, 31, ago(1_200), 20), Known(came=90), OUTGROWN),
    ],
)
def test_a_backlog(growth: Growth, usual: Known | None, told: str | None) -> None:
    assert said("backlog", Situation(NOW, jobs(), growths=[growth], usual=usual)) == ([told] if told else [])


def test_since_when_it_grows_no_job_came_before() -> None:
    pace, first = Pace(), minute_of(NOW) - 4
    for place in range(4):
        pace.count(first + place, "mail", EventType.DEFERRED, 60)
        pace.count(first + place, "mail", EventType.STARTED, 20)
    (found,) = growths(pace, jobs(mail=OpenGroup(due=160)), NOW)
    assert (found.since, found.before) == (NOW.replace(second=0) - dt.timedelta(minutes=4), 0)


@pytest.mark.parametrize(
    ("came", "left", "is_growing"),
    [
        ([0] * 50 + [60] * 9, [0] * 50 + [20] * 9, True),
        # A batch at once, which is worked off; one minute more than the others; as much as comes is started.
        ([0] * 58 + [500], [0] * 58 + [20], False),
        ([0] * 56 + [500, 0, 0], [0] * 56 + [20, 60, 60], False),
        ([30] * 59, [30] * 59, False),
        # A large old backlog of which hardly more is added.
        ([0] * 54 + [21] * 5, [0] * 54 + [20] * 5, False),
    ],
)
def test_what_grows(came: list[int], left: list[int], is_growing: bool) -> None:
    pace, first = Pace(), minute_of(NOW) - 59
    for place, (more, fewer) in enumerate(zip(came, left, strict=True)):
        pace.count(first + place, "mail", EventType.DEFERRED, more)
        pace.count(first + place, "mail", EventType.STARTED, fewer)
    found = list(growths(pace, jobs(mail=OpenGroup(due=360)), NOW))
    assert [growth.queue for growth in found] == (["mail"] if is_growing else [])
    if is_growing:
        assert (found[0].came, found[0].left, found[0].before) == (60, 20, 0)
        assert found[0].since == NOW.replace(second=0) - dt.timedelta(minutes=9)


@pytest.mark.parametrize(
    ("runs", "usual", "told"),
    [
        ([LongRun(5, "t", "q", ago(840), 12, 40)], None, "t: #5 has run for 14 min, usually 12 s at most."),
        (
            [LongRun(5, "t", "q", ago(840), 12, 40), LongRun(6, "t", "q", ago(100), 12, 40)],
            None,
            "t: #5 has run for 14 min, usually 12 s at most, 1 more beyond the usual.",
        ),
        # Of a few runs nothing is usual; within five times; a quick task within a minute; history knows better.
        ([LongRun(5, "t", "q", ago(840), 12, 9)], None, None),
        ([LongRun(5, "t", "q", ago(840), 170, 40)], None, None),
        ([LongRun(5, "t", "q", ago(50), 0.1, 40)], None, None),
        ([LongRun(5, "t", "q", ago(840), 12, 40)], Known(run=(600, 90)), None),
        (
            [LongRun(5, "t", "q", ago(840), 0, 0)],
            Known(run=(12, 90)),
            "t: #5 has run for 14 min, usually 12 s at most.",
        ),
    ],
)
def test_a_run_beyond_its_usual_time(runs: list[LongRun], usual: Known | None, told: str | None) -> None:
    assert said("long_run", Situation(NOW, jobs(), long_runs=runs, usual=usual)) == ([told] if told else [])


NIGHTLY = Schedule("reports.nightly", "", "q", "0 2 * * *", None, 86_400, False, "missed", None, None, ago(37_820), 1)


@pytest.mark.parametrize(
    ("schedule", "told"),
    [
        (NIGHTLY, "reports.nightly: expected 02:00, not deferred."),
        (replace(NIGHTLY, missed=3), "reports.nightly: expected 02:00, not deferred, 3 times in a row."),
        (
            replace(NIGHTLY, state="late", expected_at=ago(70), reason="No worker was alive."),
            "reports.nightly: expected 12:29, not yet deferred. No worker was alive.",
        ),
        (replace(NIGHTLY, state="late", expected_at=ago(50)), None),
        (replace(NIGHTLY, state="abandoned"), None),
        (replace(NIGHTLY, state="on time", expected_at=None), None),
        (replace(NIGHTLY, state="overlapping"), "reports.nightly: a run began before the one before it had ended."),
        # A cadence that is only inferred: late when a whole period more has gone by, and never an alert.
        (replace(NIGHTLY, state="late", is_inferred=True), None),
        (
            replace(NIGHTLY, state="late", is_inferred=True, every_s=3_600),
            "reports.nightly: expected about 02:00 by its past runs, not deferred for 10 h 30 min.",
        ),
        (replace(NIGHTLY, state="overlapping", is_inferred=True), None),
    ],
)
def test_a_schedule(schedule: Schedule, told: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jobdesk_core.watching.words.here", lambda moment: moment)
    situation = Situation(NOW, jobs(), schedules=[schedule])
    assert said("schedule", situation) == ([told] if told else [])
    alerts = [line.rule for line in every_line(situation)]
    assert alerts == (["schedule"] if told and not schedule.is_inferred else [])


def test_a_database_that_answers_slowly() -> None:
    latencies = Latencies()
    assert latencies.seen(NOW) is None
    for _ in range(2 * BLOCK):
        latencies.note(0.012, NOW)
    assert latencies.seen(NOW) == Latency(0.012, 0.012, None)
    latencies.note(3.0, NOW)  # one alone is none
    assert said("slow_database", Situation(NOW, jobs(), latency=latencies.seen(NOW))) == []
    latencies.note(2.0, NOW)
    situation = Situation(NOW, jobs(), latency=latencies.seen(NOW), blocker="9 sessions wait for a lock.")
    (line,) = RULES["slow_database"](situation, Thresholds())
    assert line.text == "The database takes 2 s to answer, usually 12 ms. 9 sessions wait for a lock."
    assert line.since == ago(3)
    # Far away it is always as slow.
    assert said("slow_database", Situation(NOW, jobs(), latency=Latency(0.9, 0.15, None))) == []


@pytest.mark.parametrize(("why", "told"), [(None, []), ("", []), ("There is no room.", ["There is no room."])])
def test_what_happens_is_not_recorded_here(why: str | None, told: list[str]) -> None:
    assert said("unrecorded", Situation(NOW, jobs(), unrecorded=why, unrecorded_since=ago(60))) == told


def test_each_trouble_is_told_once_and_alerts_hear_of_all() -> None:
    stalled = OpenGroup(due=44, running=2, stalled=2, dead_worker=3, oldest=ago(400))
    found = jobs(alive(), WorkerRow(3, ago(55), 2), mail=stalled)
    situation = Situation(
        NOW, found, {"mail": STUCK}, lock_lines=[line_of()], served=Served(frozenset(), None),
        growths=[Growth("mail", 620, 60, 0, ago(900), 2)],
    )  # fmt: skip
    assert [line.rule for line in attention(situation)] == ["idle_queue"]
    rules = ["idle_queue", "unserved", "stalled_jobs", "lock", "backlog", "unresponsive_worker", "oldest_due"]
    assert [line.rule for line in every_line(situation)] == rules


@pytest.mark.parametrize(
    ("workers", "group", "line", "rules"),
    [
        # No worker is alive: no lock's head can run, whatever keeps it.
        ((), OpenGroup(due=12), line_of(), ["no_worker"]),
        ((), OpenGroup(due=12), line_of(is_scheduled=True), ["no_worker", "lock"]),
        ((), OpenGroup(due=12), line_of(reason=""), ["no_worker", "lock"]),
        # A worker has died: its jobs, and how many wait for their locks, are one line.
        ((1,), OpenGroup(due=13, held=12, held_by_stalled=12, running=2, stalled=1), line_of(is_stalled=True),
         ["stalled_jobs"]),
        ((1,), OpenGroup(running=2, stalled=1), line_of(is_stalled=True), ["stalled_jobs", "lock"]),
        # Nobody serves the queue of the heads.
        ((1,), OpenGroup(due=12, oldest=ago(41)), line_of(), ["unserved"]),
        ((1,), OpenGroup(due=12, oldest=ago(41)), line_of(reason=""), ["unserved", "lock"]),
    ],
)  # fmt: skip
def test_a_lock_is_not_told_where_a_worse_line_explains_it(
    workers: tuple[int, ...], group: OpenGroup, line: LockLine, rules: list[RuleKey]
) -> None:
    dead_or_alive = [alive(number) for number in workers] or [WorkerRow(3, ago(55), 0)]
    situation = Situation(
        NOW, jobs(*dead_or_alive, mail=group), lock_lines=[line], served=Served(frozenset({"etl"}), None)
    )
    if group.stalled:
        situation = replace(situation, served=None)
    assert [each.rule for each in attention(situation)] == rules
    assert "lock" in [each.rule for each in every_line(situation)]


@pytest.mark.parametrize("queues", [3, 40])
def test_without_a_worker_the_stalled_jobs_of_many_queues_are_one_line(queues: int) -> None:
    group = OpenGroup(due=19, held=19, held_by_stalled=19, running=1, stalled=1, orphans=1)
    names = [f"q{number}" for number in range(queues)]
    lines = [line_of(lock=name, queue=name, is_stalled=True) for name in names]
    situation = Situation(NOW, jobs(WorkerRow(3, ago(55), 0), **dict.fromkeys(names, group)), lock_lines=lines)
    told = attention(situation)
    if queues == 3:
        assert [line.subject for line in told] == ["", "q0", "q1", "q2"]
        return
    assert [line.text for line in told] == [
        "No worker is alive. 760 jobs are due.",
        "40 running jobs of 40 queues have stalled, and 760 jobs wait for their locks. "
        "Their workers are unresponsive or no longer registered.",
    ]
    assert (told[1].filter_text, told[1].remedy, told[1].count) == ("is:stalled", "rescue", 40)
    assert told[1].was == "Jobs had stalled"
    back = replace(situation, open=jobs(alive(), **dict.fromkeys(names, group)))
    assert told[1].key in keys(back) and told[0].key not in keys(back), "it is not over when a worker is back"
    assert sum(line.rule == "stalled_jobs" for line in every_line(situation)) == 40, "alerts hear of each"


def test_stalled_jobs_tell_who_waits_for_their_locks() -> None:
    group = OpenGroup(due=20, held=19, held_by_stalled=19, running=3, stalled=1, dead_worker=3)
    dead = WorkerRow(3, ago(55), 1)
    assert said("stalled_jobs", Situation(NOW, jobs(alive(), dead, mail=group))) == [
        "mail: 1 running job has stalled, and 19 jobs wait for its lock. "
        "Worker #3 is unresponsive: last heartbeat 55 s ago."
    ]


def test_what_was_so_is_told_in_the_past() -> None:
    gone = unreachable("timed out", ago(50), NOW)
    titles = [
        gone,
        *(Attention("idle_queue", "", f"mail {words}", "", None, "bad") for words in ("stands still", "fails")),
    ]
    assert [line.was for line in titles] == ["The database did not answer", "mail stood still", "mail failed"]
