"""Whether periodic tasks are on time: cadences by cron and by past runs, on clocks that change, and what is said."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Sequence
from itertools import islice
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from jobdesk_core import moments
from jobdesk_core.jobs import Status
from jobdesk_core.schedules.cadence import Cadence, inferred, told
from jobdesk_core.schedules.judging import Around, Deferral, Known, Told, behind, explained, judge
from jobdesk_core.schedules.schedule import Run, Schedule
from jobdesk_core.schedules.spans import expected_within, gaps, next_hour
from jobdesk_core.schedules.words import in_words

BERLIN = ZoneInfo("Europe/Berlin")
MINUTE, HOUR, DAY = 60, 3_600, 86_400


@pytest.fixture(autouse=True)
def _in_utc() -> Any:
    moments.tell_in(dt.UTC)
    yield
    moments.tell_in(None)


def at(text: str, zone: dt.tzinfo = dt.UTC) -> float:
    return dt.datetime.fromisoformat(text).replace(tzinfo=zone).timestamp()


def shown(seconds: float, zone: dt.tzinfo = dt.UTC) -> str:
    return dt.datetime.fromtimestamp(seconds, zone).strftime("%m-%d %H:%M")


WORDS = {
    "0 2 * * *": "every day at 02:00",
    "0 7 * * 1-5": "weekdays at 07:00",
    "0 7 * * mon-fri": "weekdays at 07:00",
    "30 6 * * 1": "Mondays at 06:30",
    "30 6 * * 7": "Sundays at 06:30",
    "0 0 * * 6,0": "weekends at 00:00",
    "5 * * * *": "5 min past each hour",
    "10,40 * * * *": "10 and 40 min past each hour",
    "0 4 1 * *": "on the 1st at 04:00",
    "0 0 1,15 * *": "on the 1st and 15th at 00:00",
    "0 3 22,23,11 * *": "on the 11th, 22nd and 23rd at 03:00",
    "0 0 31 * *": "on the 31st at 00:00",
    "0 0 l * *": "on the last day of the month at 00:00",
    "0 0 29 2 *": "every 29 February at 00:00",
    "0 12 * jan,jul 1": "Mondays in January and July at 12:00",
    "* * * * *": "every minute",
    "*/15 * * * *": "every 15 min",
    "*/15 8-17 * * 1-5": "every 15 min from 08:00 to 17:45, weekdays",
    "0 9-17 * * mon-fri": "every hour from 09:00 to 17:00, weekdays",
    "0 */6 * * *": "every 6 h",
    "15 */6 * * *": "every 6 h, 15 min past",
    "0 6,18 * * *": "every day at 06:00 and 18:00",
    "@hourly": "every hour",
    "@daily": "every day at 00:00",
    "@weekly": "Sundays at 00:00",
    "@monthly": "on the 1st at 00:00",
    "@yearly": "every 1 January at 00:00",
    "* * * * * */10": "every 10 s",
    "* * * * * *": "every second",
    # What words would not tell exactly stays what it is: 60 is no multiple of 7, and of two days either counts.
    "*/7 * * * *": "*/7 * * * *",
    "0 0 1 * 3": "0 0 1 * 3",
    "0 0 * * 5#3": "0 0 * * 5#3",
    "0 2 * * * 30": "0 2 * * * 30",
    "R * * * *": "R * * * *",
    "0 0 1 */3 *": "0 0 1 */3 *",
    "": "",
    "no cron at all": "no cron at all",
}


def test_a_cron_is_told_in_words_or_as_it_is() -> None:
    assert {cron: in_words(cron) for cron in WORDS} == WORDS


def test_times_follow_the_clocks_of_the_zone_and_the_calendar() -> None:
    cases: list[tuple[str, str | None, str, list[str]]] = [
        ("30 2 * * *", "Europe/Berlin", "2026-03-28", ["03-28 02:30", "03-29 03:00", "03-30 02:30"]),
        ("30 2 * * *", "Europe/Berlin", "2026-10-24", ["10-24 02:30", "10-25 02:30", "10-25 02:30", "10-26 02:30"]),
        ("0 7 * * 1-5", "Europe/Berlin", "2026-03-27", ["03-27 07:00", "03-30 07:00", "03-31 07:00"]),
        ("0 4 31 * *", None, "2026-01-01", ["01-31 04:00", "03-31 04:00", "05-31 04:00", "07-31 04:00"]),
        ("0 4 29 2 *", None, "2026-01-01", ["02-29 04:00", "02-29 04:00"]),
        ("0 0 l * *", None, "2028-01-15", ["01-31 00:00", "02-29 00:00", "03-31 00:00"]),
        ("@weekly", None, "2026-11-27", ["11-29 00:00", "12-06 00:00"]),
    ]
    for cron, zone, start, expected in cases:
        clocks = BERLIN if zone else dt.UTC
        cadence = told(cron, zone)
        assert cadence is not None
        begin = at(start, clocks) - 1
        times = list(islice(cadence.between(begin, math.inf), len(expected)))
        assert [shown(each, clocks) for each in times] == expected, cron
        # Backwards they are the same, and each is its own last.
        assert list(cadence.back(times[-1], begin)) == times[::-1], cron
        assert all(cadence.is_time(each) and not cadence.is_time(each + 1) for each in times)


def test_what_names_no_times_is_no_cadence() -> None:
    for cron in ("0 0 31 2 *", "@reboot", "R * * * *", "H * * * *", "", "sometimes", "61 * * * *"):
        cadence = told(cron, None)
        assert cadence is None or cadence.after(0) == math.inf, cron
    unknown = told("0 2 * * *", "Atlantis/Capital")
    assert unknown is not None and shown(unknown.after(0)) == "01-01 02:00", "in UTC"


def every(step: float, count: int, start: str = "2026-03-02 02:00") -> list[float]:
    return [at(start) + step * n for n in range(count)]


def local(hour: int, days: Sequence[int], start: str = "2026-03-02") -> list[float]:
    """A time of the day in Berlin, over the change of its clocks, on some days from a Monday on."""
    first = dt.date.fromisoformat(start)
    return [dt.datetime.combine(first + dt.timedelta(days=n), dt.time(hour), BERLIN).timestamp() for n in days]


WEEKDAYS = [n for n in range(40) if n % 7 < 5]
MONTHLY = [at(f"2026-{month:02}-03 04:00") for month in range(1, 9)]
LAST_DAYS = [at(f"2026-{month:02}-01 00:00") - DAY for month in range(2, 9)]


def test_a_cadence_is_inferred_from_past_runs() -> None:
    gap = every(20 * MINUTE, 40)
    cases: dict[str, tuple[list[float], str | None]] = {
        "constant": (gap, "about every 20 min"),
        "with a gap": (gap[:10] + gap[17:], "about every 20 min"),
        "with many gaps": ([each for n, each in enumerate(gap) if n % 4], "about every 20 min"),
        "seconds": (every(10, 8), "about every 10 s"),
        "daily": (every(DAY, 5), "about every day at 02:00"),
        "daily with a gap": (every(DAY, 9)[:4] + every(DAY, 9)[6:], "about every day at 02:00"),
        "daily over a change of clocks": (local(3, range(40)), "about every day at 01:00"),
        "weekdays": (
            every(DAY, 40, "2026-03-02 07:00")[:5] + every(DAY, 5, "2026-03-09 07:00"),
            "about weekdays at 07:00",
        ),
        "weekdays over a change of clocks": (local(7, WEEKDAYS), "about weekdays at 05:00"),
        "weekly": (every(7 * DAY, 6), "about Mondays at 02:00"),
        "weekly over a change of clocks": (local(3, range(0, 70, 7)), "about Mondays at 01:00"),
        "monthly": (MONTHLY, "about on the 3rd at 04:00"),
        "last of the month": (LAST_DAYS, "about on the last day of the month at 00:00"),
        "twice a day": (
            [at(f"2026-03-{day:02} {hour}:13") for day in range(2, 6) for hour in ("05", "19")],
            "about every day at 05:13 and 19:13",
        ),
        "on the 1st and 15th": (
            [at(f"2026-{month:02}-{day} 04:00") for month in range(1, 5) for day in ("01", "15")],
            "about on the 1st and 15th at 04:00",
        ),
        "every two weeks": (every(14 * DAY, 5), "about every 14 d"),
        "too few": (every(DAY, 2), None),
        "one": (every(DAY, 1), None),
        "none": ([], None),
        "by hand": ([at("2026-03-02") + n**3 * 97 + n * 13 for n in range(12)], None),
    }
    now = dt.datetime(2026, 7, 1, tzinfo=dt.UTC)
    for name, (times, words) in cases.items():
        found = inferred(times)
        assert (found.words(now, dt.UTC) if found else None) == words, name
        if found is not None:
            assert found.is_inferred and found.until(times[-1]) == times[-1], f"{name}: on the grid"


def test_words_name_the_zone_only_where_clocks_differ() -> None:
    winter, summer = dt.datetime(2026, 1, 1, tzinfo=dt.UTC), dt.datetime(2026, 7, 1, tzinfo=dt.UTC)
    daily = Cadence("0 2 * * *")
    assert daily.words(winter, dt.UTC) == "every day at 02:00"
    assert daily.words(winter, BERLIN) == "every day at 02:00 UTC"
    assert Cadence("0 2 * * *", "Europe/London").words(winter, dt.UTC) == "every day at 02:00"
    assert Cadence("0 2 * * *", "Europe/London").words(summer, dt.UTC) == "every day at 02:00 Europe/London"
    assert Cadence("*/5 * * * *").words(winter, BERLIN) == "every 5 min"


NOW = at("2026-11-26 22:45:29")


def ran(expected: float, status: Status = Status.SUCCEEDED, took: float | None = 38, job_id: int = 7) -> Run:
    begun = dt.datetime.fromtimestamp(expected + 1, dt.UTC)
    ended = begun + dt.timedelta(seconds=took) if took is not None and status.is_final else None
    started = begun if status is not Status.TODO else None
    return Run(dt.datetime.fromtimestamp(expected, dt.UTC), begun, job_id, status, started, ended)


def known(cron: str | None, *runs: Run, deferral: float | None = None, **more: Any) -> Known:
    said = Told("t", "", cron, more.pop("zone", None), "q", "app", **more.pop("said", {})) if cron else None
    latest = runs[-1].expected_at.timestamp() if deferral is None and runs else deferral
    return Known("t", "", said, Deferral("t", "", latest, 7) if latest is not None else None, runs, "q", **more)


def judged(what: Known, now: float = NOW, **around: Any) -> Schedule:
    return judge(what, Around(now, **around))


DAILY = [ran(at(f"2026-11-{day} 02:00")) for day in range(20, 26)]
TODAY = ran(at("2026-11-26 02:00"))
MINUTES = [ran(at("2026-11-26 22:45") - n * MINUTE, took=10) for n in range(9, -1, -1)]
TWENTY = [ran(at("2026-11-26 22:23:12") - n * 20 * MINUTE) for n in range(9, -1, -1)]


def summary(found: Schedule) -> tuple[Any, ...]:
    next_at = found.next_at.strftime("%m-%d %H:%M:%S") if found.next_at else None
    return found.state, found.missed, next_at


def test_what_is_on_time_late_missed_overlapping_abandoned() -> None:
    fourth = at("2026-11-26 22:40")
    long_ago = ran(at("2026-11-20 02:00"))
    two_hours = {"told_at": NOW - 2 * HOUR, "newest_at": NOW}
    cases: dict[str, tuple[Schedule, tuple[Any, ...]]] = {
        "today's is there": (judged(known("0 2 * * *", *DAILY, TODAY)), ("on time", 0, "11-27 02:00:00")),
        "today's is not": (judged(known("0 2 * * *", *DAILY)), ("missed", 1, "11-27 02:00:00")),
        "due for a moment": (
            judged(known("0 2 * * *", *DAILY), at("2026-11-26 02:00:20")),
            ("on time", 0, "11-27 02:00:00"),
        ),
        "late": (judged(known("0 2 * * *", *DAILY), at("2026-11-26 02:09")), ("late", 0, "11-26 02:00:00")),
        "missed after ten minutes": (
            judged(known("0 2 * * *", *DAILY), at("2026-11-26 02:10:01")),
            ("missed", 1, "11-27 02:00:00"),
        ),
        "half a period is shorter": (
            judged(known("* * * * *", *MINUTES), at("2026-11-26 22:46:31")),
            ("missed", 1, "11-26 22:47:00"),
        ),
        "late within half a period": (
            judged(known("* * * * *", *MINUTES), at("2026-11-26 22:46:29")),
            ("late", 0, "11-26 22:46:00"),
        ),
        "each second is no cause for alarm": (
            judged(known("* * * * * *", ran(NOW - 2))),
            ("on time", 0, "11-26 22:45:30"),
        ),
        "of a stopped worker": (judged(known("0 2 * * *", long_ago)), ("missed", 6, "11-27 02:00:00")),
        "of a restored database": (judged(known("* * * * *", long_ago)), ("missed", 100, "11-26 22:46:00")),
        "inferred": (judged(known(None, *TWENTY)), ("late", 0, "11-26 22:43:12")),
        "inferred, never missed": (judged(known(None, *TWENTY), NOW + 30 * HOUR), ("late", 0, "11-28 04:43:12")),
        "inferred, others go on": (
            judged(known(None, *TWENTY), NOW + 30 * HOUR, latest_s=NOW + 30 * HOUR),
            ("abandoned", 0, None),
        ),
        "inferred, others go on for a moment": (
            judged(known(None, *TWENTY), latest_s=NOW),
            ("late", 0, "11-26 22:43:12"),
        ),
        "withdrawn": (judged(known("0 * * * *", long_ago, said=two_hours), latest_s=NOW), ("abandoned", 0, None)),
        "told, others go on": (judged(known("0 2 * * *", *DAILY), latest_s=NOW), ("missed", 1, "11-27 02:00:00")),
        "new": (
            judged(known("0 2 * * *", said={"told_at": NOW - HOUR, "newest_at": NOW - HOUR})),
            ("on time", 0, "11-27 02:00:00"),
        ),
        "never deferred": (judged(known("0 2 * * *", said={"told_at": NOW - DAY})), ("missed", 1, "11-27 02:00:00")),
        "never deferred by workers that know it": (
            judged(known("0 2 * * *", said={"told_at": NOW, "since": NOW - 2 * DAY})),
            ("missed", 2, "11-27 02:00:00"),
        ),
        "told here, never deferred": (judged(known("0 2 * * *")), ("on time", 0, "11-27 02:00:00")),
        "nobody knows when": (judged(known(None, *DAILY[:2])), ("unknown", 0, None)),
        "left to chance": (judged(known("R * * * *", *DAILY[:2])), ("unknown", 0, None)),
        "overlapping": (
            judged(known("*/5 * * * *", ran(fourth - 300, Status.DOING), ran(fourth, Status.DOING)), fourth + 60),
            ("overlapping", 0, "11-26 22:45:00"),
        ),
        "one after the other": (
            judged(known("*/5 * * * *", ran(fourth - 300), ran(fourth, Status.DOING)), fourth + 60),
            ("on time", 0, "11-26 22:45:00"),
        ),
        "never again": (judged(known("0 0 31 2 *", *DAILY)), ("on time", 0, None)),
        "a month has no 31st": (
            judged(known("0 4 31 * *", ran(at("2026-10-31 04:00")))),
            ("on time", 0, "12-31 04:00:00"),
        ),
        "nor most years a 29th": (
            judged(known("0 4 29 2 *", ran(at("2024-02-29 04:00")))),
            ("on time", 0, "02-29 04:00:00"),
        ),
    }
    assert {name: summary(found) for name, (found, _) in cases.items()} == {
        name: expected for name, (_, expected) in cases.items()
    }
    overlapping = cases["overlapping"][0]
    assert overlapping.last == overlapping.runs[-1] and overlapping.last.is_overlapping


def test_what_was_deferred_by_hand_for_another_time_hides_nothing() -> None:
    nightly, yesterday = "0 2 * * *", at("2026-11-25 02:00")
    for other in ("2026-11-26 22:40", "2100-01-01 02:00", "2026-11-26 01:59"):
        found = judged(known(nightly, *DAILY, ran(at(other)), deferral=yesterday))
        assert summary(found) == ("missed", 1, "11-27 02:00:00") and found.last is not None, other
        assert found.last.expected_at.timestamp() == yesterday, other
    made_up_for = judged(known(nightly, *DAILY, TODAY, deferral=yesterday))
    assert summary(made_up_for) == ("on time", 0, "11-27 02:00:00")
    never = Known("t", "", Told("t", "", nightly, None, "q", told_at=NOW - MINUTE), None, (ran(at("2100-01-01")),))
    assert judged(never).last is None
    inferred = known(None, *MINUTES, ran(at("2100-01-01")), deferral=at("2026-11-26 22:45"))
    assert judged(inferred, at("2026-11-26 22:50")).state == "late"


def test_an_inferred_cadence_may_pause_as_it_has_before() -> None:
    # Every 15 min from 08:00 to 17:45, Monday to Friday; nobody tells.
    monday = at("2026-11-16 08:00")
    times = [monday + day * DAY + n * 15 * MINUTE for day in (0, 1, 2, 3, 4, 7, 8) for n in range(40)]

    def state(now: str) -> str:
        runs = [ran(each, took=1) for each in times if each <= at(now)][-41:]
        return judged(known(None, *runs), at(now)).state

    assert {
        now: state(now) for now in ("2026-11-19 18:30", "2026-11-20 07:59", "2026-11-21 12:00", "2026-11-22 23:00")
    } == {
        "2026-11-19 18:30": "on time",
        "2026-11-20 07:59": "on time",
        "2026-11-21 12:00": "on time",  # a Saturday
        "2026-11-22 23:00": "on time",
    }
    times = [each for each in times if each < monday + 3 * DAY + 3 * HOUR]
    assert state("2026-11-19 11:30") == "late", "it has never paused at that time of the day"
    # One that has never paused is late soon.
    assert judged(known(None, *MINUTES), at("2026-11-26 22:50")).state == "late"


def test_clocks_of_workers_and_server_differ() -> None:
    for off in (-DAY, DAY, -90):
        # The server's clock is `off` ahead of the workers', which defer in time.
        written = [off + 0.5, off + 2.0]
        behind_s = behind(written)
        assert behind_s == off + 0.5
        found = judged(known("0 2 * * *", *DAILY, TODAY), NOW + off, behind_s=behind_s)
        assert (found.state, found.missed) == ("on time", 0)
    assert behind([0.4, 3.0]) == behind([599.0]) == behind([]) == 0.0, "what is caught up tells nothing of clocks"


def test_why_a_run_is_not_there() -> None:
    two = at("2026-11-26 02:00")
    lives = [(two - DAY, two - 8 * MINUTE), (two + 11 * MINUTE, None)]
    since = {"lives_since": two - 7 * DAY}
    waiting = ran(at("2026-11-25 02:00"), Status.TODO, job_id=4711)
    cases = {
        "No worker was alive from 01:52 to 02:11, and missed runs are only caught up within 10 min.": judged(
            known("0 2 * * *", *DAILY), lives=lives, **since
        ),
        "No worker has been alive since 01:52.": judged(known("0 2 * * *", *DAILY), lives=lives[:1], **since),
        # One that was killed has deferred after its last heartbeat.
        "No worker has been alive since 01:57.": judged(
            known("0 2 * * *", *DAILY), lives=lives[:1], latest_s=two - 3 * MINUTE, **since
        ),
        "No worker is alive. The last heartbeat was at 2026-11-25 23:59.": judged(
            known("0 2 * * *", *DAILY), is_any_alive=False, silent_since=two - 121 * MINUTE + 30
        ),
        "Job #4,711 of the run before still waits, and its queueing lock nightly lets no other in.": judged(
            known("0 2 * * *", *DAILY[:-1], waiting, queueing_lock="nightly")
        ),
        "It has never been deferred. No worker is alive.": judged(
            known("0 2 * * *", said={"told_at": NOW - DAY}), is_any_alive=False
        ),
        # Beyond what is told of workers' lives nothing is claimed, and a life over the whole of it is no gap.
        "": judged(known("0 2 * * *", *DAILY), lives=lives, lives_since=two),
    }
    assert {reason: found.reason for reason, found in cases.items()} == {reason: reason for reason in cases}
    alive = [(two - DAY, None)]
    assert judged(known("0 2 * * *", *DAILY), lives=alive, **since).reason == ""
    assert judged(known("0 2 * * *", *DAILY, TODAY), is_any_alive=False).reason == "", "nothing is late"


def test_the_other_schedules_tell_of_the_time_that_was_missed() -> None:
    two = at("2026-11-26 02:00")
    now = two + 2 * HOUR
    nightly = judged(known("0 2 * * *", *DAILY), now)

    def told(*expected: float, cron: str = "*/5 * * * *") -> str:
        what = Known("o", "", Told("o", "", cron, None, "q"), None, tuple(ran(each) for each in expected))
        return explained(nightly, [nightly, judge(what, Around(now))]).reason

    steps = [two + n * 5 * MINUTE for n in range(-5, 24)]
    gap = [each for each in steps if not two - 6 * MINUTE < each < two + 12 * MINUTE]
    short = [each for each in steps if not two - 6 * MINUTE < each < two + 4 * MINUTE]
    known_then = (
        "Other schedules were deferred at that time, so a worker was alive. It may not have known this schedule."
    )
    assert told(*steps) == told(*short) == known_then
    assert told(*gap) == (
        "No schedule was deferred from 01:50 to 02:15: no worker seems to have been alive, "
        "and missed runs are only caught up within 10 min."
    )
    stopped = told(*[each for each in steps if each < two])
    assert stopped == "No schedule has been deferred since 01:55: no worker seems to be alive."
    # Of one that has run often since, nothing is known of that time; nor is by one that was not expected then.
    often = [ran(now - n * MINUTE) for n in range(40, 0, -1)]
    busy = judge(Known("busy", "", Told("busy", "", "* * * * *", None, "q"), None, tuple(often)), Around(now))
    rare = judge(Known("o", "", Told("o", "", "0 2 * * *", None, "q"), None, (DAILY[-1],)), Around(now))
    assert "later" in explained(nightly, [nightly, rare, busy]).reason
    assert "No schedule has been deferred since 2026-11-25 02:00" in explained(nightly, [nightly, rare]).reason
    later = told(two + HOUR, cron="0 * * * *")
    assert later == "Other schedules were deferred later, so a worker is alive now. Nothing tells of that time."
    assert told() == ""
    fine = judged(known("0 2 * * *", *DAILY, TODAY))
    assert explained(fine, [nightly, fine]) == fine


def test_the_strip_shows_what_is_not_there() -> None:
    found = judged(known("0 2 * * *", *DAILY[:2], *DAILY[3:]))
    assert [(run.expected_at.day, run.is_missed, run.is_job_gone) for run in found.runs] == [
        (20, False, False), (21, False, False), (22, True, False), (23, False, False),
        (24, False, False), (25, False, False), (26, True, False),
    ]  # fmt: skip
    # A job that is gone may have been deleted: by what deletes jobs that succeeded, where no older one is there.
    failed = [ran(at(f"2026-11-{day} 02:00"), Status.FAILED) for day in (20, 23)]
    found = judged(known("0 2 * * *", *failed, deferral=at("2026-11-26 02:00")))
    assert [run.is_job_gone for run in found.runs] == [False, True, True, False, True, True, True]
    assert found.last is not None and found.last.is_job_gone and found.state == "on time"
    # Where jobs that succeeded are kept, one that is gone was lost, and workers will not defer its run again.
    assert found.reason == ""
    lost = judged(known("0 2 * * *", *DAILY, deferral=at("2026-11-26 02:00")))
    assert (lost.state, lost.missed) == ("on time", 0) and "will not defer it again" in lost.reason
    assert len(judged(known("* * * * *", *MINUTES)).runs) == 10 and len(judged(known("* * * * *", *DAILY)).runs) == 40


def test_what_comes_within_the_hour_and_when_nobody_was_alive() -> None:
    def of(task: str, cron: str, periodic_id: str = "") -> Schedule:
        return judge(Known(task, periodic_id, Told(task, periodic_id, cron, None, "q")), Around(NOW))

    found = next_hour(
        [
            of("sync", "*/15 * * * *", "a"),
            of("sync", "*/30 * * * *", "b"),
            of("daily", "0 2 * * *"),
            of("each", "* * * * * *"),
            judged(known(None, *TWENTY)),
        ],
        dt.datetime.fromtimestamp(NOW, dt.UTC),
    )
    told = [(each.name, each.runs, each.is_inferred, each.are_many, each.late) for each in found]
    assert told == [
        ("each", 240, False, True, 0),
        ("sync · 2 ids", 6, False, False, 0),
        ("t", 3, True, False, 1),
    ]
    assert sorted(found[1].times.values()) == [1, 1, 2, 2], "what comes at once is told as that"
    nightly = judged(known("0 2 * * *", *DAILY))
    assert expected_within(nightly, NOW - 2 * DAY, NOW) == (at("2026-11-25 02:00"), at("2026-11-26 02:00"))
    assert expected_within(of("each", "* * * * * *"), NOW - DAY, NOW) is None, "too many to be told one by one"
    young = judged(known(None, *TWENTY))
    expected = expected_within(young, NOW - 30 * DAY, NOW)
    assert expected is not None and expected[0] == young.runs[0].expected_at.timestamp(), "not before its first run"
    assert gaps([(10, 20), (30, None)], 0, 100) == [(0, 10), (20, 30)]
    assert gaps([(0, 50), (20, 60)], 0, 100) == [(60, 100)] and gaps([], 5, 9) == [(5, 9)]
