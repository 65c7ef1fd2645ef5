"""A cadence that is inferred from the runs of real crons: late when a run is not there, and never otherwise."""

from __future__ import annotations

import datetime as dt
from bisect import bisect_right
from collections.abc import Sequence
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from croniter import croniter
from jobdesk_core import moments
from jobdesk_core.jobs import Status
from jobdesk_core.schedules.judging import MOST_RUNS, Around, Deferral, Known, Told, judge
from jobdesk_core.schedules.schedule import Run, Schedule
from jobdesk_core.schedules.usual import add
from procrastinate.periodic import PeriodicDeferrer, PeriodicRegistry, PeriodicTask

HOUR, DAY = 3_600, 86_400


@pytest.fixture(autouse=True)
def _in_utc() -> object:
    moments.tell_in(dt.UTC)
    yield
    moments.tell_in(None)


def at(text: str) -> float:
    return dt.datetime.fromisoformat(text).replace(tzinfo=dt.UTC).timestamp()


def due(cron: str, begin: str, end: str, zone: str | None = None) -> list[float]:
    """The times between two moments as the library has them; by the clocks of a zone as its croniter has them."""
    start, stop = at(begin), at(end)
    if zone is None:
        task = PeriodicTask(None, cron, "", {})  # type: ignore[arg-type, var-annotated]
        return [float(each) for each in PeriodicDeferrer(PeriodicRegistry()).get_timestamps(task, int(start), stop)]
    times = croniter(cron, dt.datetime.fromtimestamp(start, ZoneInfo(zone)), float)
    found = []
    while (each := float(times.get_next())) <= stop:
        found.append(each)
    return found


def seen(times: Sequence[float], now: float, *, told: Told | None = None) -> Schedule:
    """As it is judged by the jobs that are there at a moment."""
    there = times[: bisect_right(times, now)]
    hours: dict[int, int] = {}
    for each in there:
        add(hours, each)
    runs = tuple(ran(each) for each in there[-MOST_RUNS:])
    latest = Deferral("t", "", there[-1], 7) if there else None
    return judge(Known("t", "", told, latest, runs, "q", None, hours), Around(now, latest_s=now))


def ran(expected: float) -> Run:
    begun = dt.datetime.fromtimestamp(expected, dt.UTC)
    return Run(begun, begun, 7, Status.SUCCEEDED, begun, begun + dt.timedelta(seconds=1))


def without(times: Sequence[float], begin: str, end: str) -> list[float]:
    return [each for each in times if not at(begin) <= each < at(end)]


#: What ran, by the cron, from when until when, and in which zone; the days on which it is looked at.
CASES: dict[str, tuple[list[float], str, str]] = {
    "office hours, first day": (due("* 9-17 * * *", "2026-11-02 11:00", "2026-11-04"), "2026-11-02", "2026-11-04"),
    "office hours": (due("* 9-17 * * *", "2026-11-02", "2026-11-10"), "2026-11-08", "2026-11-09 12:00"),
    "office hours on weekdays": (due("*/15 9-17 * * 1-5", "2026-11-03", "2026-11-24"), "2026-11-03", "2026-11-24"),
    "twice in office hours": (due("20,50 8-16 * * mon-fri", "2026-11-03", "2026-11-24"), "2026-11-03", "2026-11-24"),
    "with a break at noon": (due("*/10 8-11,14-17 * * *", "2026-11-03", "2026-11-14"), "2026-11-03", "2026-11-14"),
    "weekdays": (due("0 7 * * 1-5", "2026-10-01", "2026-11-24"), "2026-10-01", "2026-11-24"),
    "weekends": (due("0 */2 * * 6,0", "2026-10-01", "2026-11-24"), "2026-10-01", "2026-11-24"),
    "the last day of the month": (due("0 4 l * *", "2026-01-01", "2026-11-24"), "2026-03-01", "2026-11-24"),
    "all day on the last of the month": (due("0 * l * *", "2026-07-01", "2026-11-24"), "2026-07-30", "2026-11-24"),
    "all day on the first": (due("*/30 * 1 * *", "2026-07-01", "2026-11-24"), "2026-07-01", "2026-11-24"),
    "the 1st and the 15th": (due("0 4 1,15 * *", "2025-12-01", "2026-11-24"), "2026-01-01", "2026-11-24"),
    "twice a day": (due("13 5,19 * * *", "2026-10-01", "2026-10-20"), "2026-10-01", "2026-10-20"),
    "every seven minutes of the hour": (due("*/7 * * * *", "2026-11-02", "2026-11-04"), "2026-11-02", "2026-11-04"),
    "at odd minutes": (due("0,10,50 * * * *", "2026-11-02", "2026-11-04"), "2026-11-02", "2026-11-04"),
    "every 90 minutes": ([at("2026-11-02") + n * 5_400 for n in range(64)], "2026-11-02", "2026-11-06"),
    "every 50 minutes": ([at("2026-11-02") + n * 3_000 for n in range(90)], "2026-11-02", "2026-11-05"),
    "changed last week, to run more often": (
        due("0 */6 * * *", "2026-10-20", "2026-11-03") + due("0 * * * *", "2026-11-03 00:30", "2026-11-10"),
        "2026-11-03 00:30",
        "2026-11-10",
    ),
    "changed last week, to run less often": (
        due("0 * * * *", "2026-10-20", "2026-11-03 00:30") + due("0 */6 * * *", "2026-11-03 05:00", "2026-11-13"),
        "2026-11-03 06:00",
        "2026-11-13",
    ),
    "changed last week, to nights": (
        due("*/5 * * * *", "2026-10-20", "2026-11-03 07:00") + due("*/5 0-6 * * *", "2026-11-04", "2026-11-13"),
        "2026-11-05",
        "2026-11-13",
    ),
    "by the clocks of Berlin, in autumn": (
        due("*/30 9-17 * * *", "2026-10-12", "2026-11-02", "Europe/Berlin"),
        "2026-10-23",
        "2026-11-02",
    ),
    "by the clocks of Berlin, in spring": (
        due("0 9-17 * * 1-5", "2026-03-12", "2026-04-12", "Europe/Berlin"),
        "2026-03-26",
        "2026-04-12",
    ),
    "by the clocks of New York, in autumn": (
        due("*/30 9-17 * * *", "2026-10-12", "2026-11-09", "America/New_York"),
        "2026-10-30",
        "2026-11-09",
    ),
    "by the clocks of New York, in spring": (
        due("30 2 * * *", "2026-02-12", "2026-03-20", "America/New_York"),
        "2026-03-06",
        "2026-03-20",
    ),
    "a worker that stopped for three hours": (
        without(due("*/10 * * * *", "2026-11-02", "2026-11-08"), "2026-11-05 14:00", "2026-11-05 17:00"),
        "2026-11-05 17:00",
        "2026-11-08",
    ),
}


def moments_of(times: Sequence[float], begin: str, end: str) -> list[float]:
    """When a run may seem to be left out: a little after each, in the middle, and before the next, of some of them."""
    within = [pair for pair in pairwise(times) if at(begin) <= pair[0] and pair[1] <= at(end)]
    if not within:
        return [at(begin), at(end)]
    shortest = min(late - early for early, late in within)
    longer = [pair for pair in within if pair[1] - pair[0] > shortest] or within
    chosen = longer[:: max(1, len(longer) // 15)]
    return [
        now for early, late in chosen for now in (early + shortest + 45, (early + late) / 2, late - 1) if now < late
    ]


@pytest.mark.parametrize("name", CASES)
def test_what_was_never_to_run_at_that_time_is_not_late(name: str) -> None:
    times, begin, end = CASES[name]
    wrong = {}
    for now in moments_of(times, begin, end):
        found = seen(times, now)
        if found.state not in ("on time", "unknown"):
            expected = f"{found.expected_at:%a %m-%d %H:%M}" if found.expected_at else ""
            wrong[f"{dt.datetime.fromtimestamp(now, dt.UTC):%a %m-%d %H:%M}"] = found.state, expected
    assert not wrong


#: What ran until its worker stopped, and when it is late at the latest.
STOPPED: dict[str, tuple[list[float], str]] = {
    "for two hours only": (due("* * * * *", "2026-11-02 14:00", "2026-11-02 16:07"), "2026-11-02 16:09"),
    "in office hours": (due("* 9-17 * * *", "2026-11-02", "2026-11-10 14:30"), "2026-11-10 14:32"),
    "at the end of office hours": (due("* 9-17 * * *", "2026-11-02", "2026-11-10 18:00"), "2026-11-11 09:01"),
    "on Friday evening": (due("*/15 9-17 * * 1-5", "2026-11-02", "2026-11-13 18:00"), "2026-11-16 09:01"),
    "on the hour": (due("* * * * *", "2026-11-02", "2026-11-04 16:00"), "2026-11-04 16:02"),
    "a weekday's": (due("0 7 * * 1-5", "2026-11-02", "2026-11-17 12:00"), "2026-11-18 07:01"),
    "that of each day": (due("30 2 * * *", "2026-11-02", "2026-11-12 12:00"), "2026-11-13 02:31"),
    "the second of each day": (due("13 5,19 * * *", "2026-10-01", "2026-10-12 12:00"), "2026-10-12 19:14"),
    "that of the 15th": (due("0 4 1,15 * *", "2026-01-01", "2026-09-05"), "2026-09-15 04:01"),
    "that of each month": (due("0 4 3 * *", "2026-01-01", "2026-09-05"), "2026-10-03 04:01"),
    "the last of each month": (due("0 4 l * *", "2026-01-01", "2026-09-05"), "2026-09-30 04:01"),
    "after an hour of Berlin has gone": (
        due("*/30 9-17 * * *", "2026-10-12", "2026-10-27 10:40", "Europe/Berlin"),
        "2026-10-27 11:01",
    ),
    "for good": (due("* * * * *", "2026-11-02 14:00", "2026-11-02 16:00"), "2027-01-02"),
}


@pytest.mark.parametrize("name", STOPPED)
def test_what_has_stopped_is_late_soon(name: str) -> None:
    times, until = STOPPED[name]
    assert seen(times, times[-1] + 1).state == "on time"
    found = seen(times, at(until))
    # Nothing else was deferred meanwhile than by the moment itself: what is silent for long counts as given up.
    assert found.state in ("late", "abandoned") and found.expected_at is not None
    assert found.missed == 0, "nobody told its cron"


def test_a_told_cron_is_judged_by_the_clocks_of_its_zone() -> None:
    wrong = []
    for zone, since, begin, end in (
        ("Europe/Berlin", "2026-02-27", "2026-03-27", "2026-03-31"),
        ("Europe/Berlin", "2026-09-29", "2026-10-23", "2026-10-27"),
        ("America/New_York", "2026-02-27", "2026-03-06", "2026-03-10"),
        ("America/New_York", "2026-10-29", "2026-10-30", "2026-11-03"),
    ):
        for cron in ("30 2 * * *", "30 1 * * *", "0 9-17 * * *", "*/20 * * * *", "0 0 l * *", "0 3 1,29 * *"):
            times = due(cron, since, end, zone)
            said = Told("t", "", cron, zone, "q", "app")
            for now in moments_of(times, begin, end):
                found = seen(times, now, told=said)
                if found.state != "on time":
                    wrong.append((zone, cron, dt.datetime.fromtimestamp(now, dt.UTC).isoformat(), found.state))
    assert not wrong
