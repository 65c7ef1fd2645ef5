"""Alerts from their beginning to their end: by tables, by any sequence of looks, and through restarts."""

from __future__ import annotations

import datetime as dt
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jobdesk_core.alerts.alert import CALM_S, Alert, moved_on
from jobdesk_core.alerts.alerting import Alerting
from jobdesk_core.alerts.history import LEASE_S, AlertHistory
from jobdesk_core.alerts.lines import Unreachable, lines
from jobdesk_core.alerts.past import Past, past
from jobdesk_core.alerts.quiet import DAYS, NEVER, QuietHours
from jobdesk_core.alerts.rule import DEFAULT_RULES, KINDS, AlertRule, Value, named, read_value
from jobdesk_core.alerts.telling import GROUPED_S, Grouping, Mute, Telling, headline
from jobdesk_core.database.rows import WorkerRow
from jobdesk_core.reading.open_jobs import OpenGroup, OpenJobs
from jobdesk_core.reading.progress import Progress
from jobdesk_core.watching.attention import Attention
from jobdesk_core.watching.situation import Situation

NOW = dt.datetime(2026, 5, 4, 12, 30, 20, tzinfo=dt.UTC)
OLD = (AlertRule("oldest_due", values={"oldest_due_s": 60}),)
GONE = AlertRule("unreachable", values={"for_s": 60})


def later(seconds: float) -> dt.datetime:
    return NOW + dt.timedelta(seconds=seconds)


def situation(at: dt.datetime, oldest_s: float | None, queue: str = "etl", ahead_s: float = 0) -> Situation:
    """One queue whose oldest due job waits for so many seconds; None: nothing is due."""
    server = at + dt.timedelta(seconds=ahead_s)
    group = OpenGroup() if oldest_s is None else OpenGroup(due=3, oldest=server - dt.timedelta(seconds=oldest_s))
    return Situation(server, OpenJobs(server, queues={queue: group}, all=group, workers=(WorkerRow(1, server, 0),)))


class Desk:
    """An `Alerting` and what it has told, by seconds after NOW."""

    def __init__(self, path: Path, rules: tuple[AlertRule, ...] = OLD, quiet: QuietHours = NEVER) -> None:
        self.alerting = Alerting(AlertHistory(path), dt.UTC)
        self.rules, self.quiet = rules, quiet
        self.told: list[tuple[float, str, str]] = []

    def look(self, second: float, oldest_s: float | str | None, queue: str = "etl") -> list[Alert]:
        at = later(second)
        seen = Unreachable(NOW) if isinstance(oldest_s, str) else situation(at, oldest_s, queue)
        found = self.alerting.look("billing", self.rules, self.quiet, seen, at)
        self.told += [(second, each.event, each.alert.subject) for each in found.told]
        return found.alerts


BAD, GOOD, DARK = 600.0, None, "no answer"


@pytest.mark.parametrize(
    ("looks", "told"),
    [
        # Once each, however often it is looked at.
        ([(0, BAD), (2, BAD), (4, GOOD), (6, GOOD), (70, GOOD), (80, GOOD)], [(0, "began"), (70, "over")]),
        # What comes and goes within a minute is one alert; and each time has to be calm for twice as long.
        ([(0, BAD), (10, GOOD), (40, BAD), (50, GOOD), (115, GOOD), (175, GOOD)], [(0, "began"), (175, "over")]),
        # Unknown is not over, for however long.
        ([(0, BAD), (10, DARK), (4_000, DARK)], [(0, "began")]),
        ([(0, BAD), (10, DARK), (4_000, GOOD), (4_050, GOOD)], [(0, "began")]),
        ([(0, BAD), (10, DARK), (4_000, GOOD), (4_070, GOOD)], [(0, "began"), (4_070, "over")]),
        ([(0, BAD), (10, DARK), (4_000, BAD), (4_010, BAD)], [(0, "began")]),
        # Below the threshold there is nothing.
        ([(0, 59.0), (2, 60.0)], []),
        ([(0, GOOD), (100, DARK), (200, GOOD)], []),
    ],
)
def test_told_once_each(tmp_path: Path, looks: list[tuple[float, float | str | None]], told: list[object]) -> None:
    """Through one program, and through one that is started anew before each look."""
    whole, path = Desk(tmp_path / "whole.sqlite"), tmp_path / "anew.sqlite"
    anew: list[tuple[float, str, str]] = []
    for second, oldest_s in looks:
        whole.look(second, oldest_s)
        restarted = Desk(path)
        restarted.look(second, oldest_s)
        restarted.alerting.release()
        anew += restarted.told
    assert [(second, event) for second, event, _ in whole.told] == told
    assert anew == whole.told


def test_a_duration_counts_from_the_first_and_is_not_broken_by_what_nobody_knows() -> None:
    line = Attention("unreachable", "", "No answer", "No answer.", None, "bad")
    rules = [("unreachable", GONE)]
    at: list[Alert] = []
    for second, found in ((0, {"": line}), (30, None), (59, {"": line})):
        at, _ = moved_on(at, rules, {"unreachable": found}, later(second), database="d")
        assert not at[0].is_active
    at, _ = moved_on(at, rules, {"unreachable": {"": line}}, later(60), database="d")
    assert at[0].active_at == later(60)
    assert at[0].since == NOW
    # Of what goes before its time nobody hears.
    fresh, _ = moved_on([], rules, {"unreachable": {"": line}}, NOW, database="d")
    assert moved_on(fresh, rules, {"unreachable": {}}, later(5), database="d")[0] == []


@given(st.lists(st.tuples(st.integers(1, 90), st.sampled_from([BAD, GOOD, DARK])), max_size=40))
def test_beginnings_and_ends_take_turns(looks: list[tuple[int, float | str | None]]) -> None:
    """Whatever comes: told at most once each, never over without a look that says so, and never over while it is so."""
    alerts: list[Alert] = []
    second, events, known_good = 0, [], False
    line = Attention("oldest_due", "etl", "etl fell behind", "…", None, "warning", 600)
    for step, state in looks:
        second += step
        found = None if state == DARK else {"etl": line} if state == BAD else {}
        before = {each.place: each for each in alerts}
        alerts, _ = moved_on(alerts, named(OLD), {"oldest_due": found}, later(second), database="d")
        known_good = state is GOOD
        for each in alerts:
            was = before.get(each.place)
            if each.over_at is not None:
                events.append("over")
                assert known_good
                assert each.over_at <= later(second - CALM_S)
            elif each.active_at is not None and (was is None or was.active_at is None):
                events.append("began")
        alerts = [each for each in alerts if each.over_at is None]
    assert events == [("began", "over")[place % 2] for place in range(len(events))]


def test_a_clock_a_day_off_changes_nothing(tmp_path: Path) -> None:
    desk = Desk(tmp_path / "a.sqlite")
    found = desk.alerting.look("billing", OLD, NEVER, situation(NOW, 90, ahead_s=86_400), NOW)
    assert [each.since for each in found.alerts] == [NOW - dt.timedelta(seconds=30)]
    # What was read three seconds ago began no later for that.
    found = desk.alerting.look("other", OLD, NEVER, situation(later(-3), 90), NOW)
    assert [each.since for each in found.alerts] == [later(-33)]


def test_muted_ones_are_not_told_and_a_snooze_ends(tmp_path: Path) -> None:
    desk = Desk(tmp_path / "a.sqlite")
    desk.look(0, BAD)
    desk.alerting.history.mute(Mute("billing", "oldest_due", "etl", until=later(3_600), by="anna"))
    assert [each.muted for each in desk.look(10, BAD)] == ["Muted by anna."]
    desk.look(3_599, BAD)
    assert desk.told == [(0, "began", "etl")]
    assert [each.muted for each in desk.look(3_600, BAD)] == [""]
    desk.look(3_700, BAD)
    assert desk.told[1:] == [(3_600, "still", "etl")]


def test_muted_until_it_is_over_and_for_ever(tmp_path: Path) -> None:
    desk = Desk(tmp_path / "a.sqlite")
    desk.alerting.history.mute(Mute("billing", "oldest_due", "etl", until_over=True, by="anna"))
    for second, oldest_s in ((0, BAD), (10, GOOD), (80, GOOD)):
        desk.look(second, oldest_s)
    assert desk.told == []
    assert [each.muted for each in desk.alerting.history.earlier(NOW)] == ["Muted by anna until it is over."]
    desk.look(100, BAD)  # the next time is told
    assert desk.told == [(100, "began", "etl")]
    desk.alerting.history.mute(Mute("", "", None, by="anna"))
    for second, oldest_s in ((110, GOOD), (999, GOOD), (10_000, BAD)):
        desk.look(second, oldest_s)
    assert desk.told == [(100, "began", "etl")]


def test_quiet_hours_hold_back_and_do_not_drop(tmp_path: Path) -> None:
    quiet = QuietHours(dt.time(12, 0), dt.time(13, 0), frozenset(DAYS))
    desk = Desk(tmp_path / "a.sqlite", quiet=quiet)
    for second in (0, 600, 1_779):
        desk.look(second, BAD)
        desk.look(second, GOOD, "mail")
    assert desk.told == []
    desk.look(1_780, BAD)  # 13:00:00
    assert desk.told == [(1_780, "began", "etl")]
    loud = Desk(tmp_path / "b.sqlite", (AlertRule("oldest_due", is_in_quiet_hours=True),), quiet)
    loud.look(0, BAD)
    assert loud.told == [(0, "began", "etl")]


BERLIN = ZoneInfo("Europe/Berlin")


@pytest.mark.parametrize(
    ("start", "end", "days", "local", "fold", "is_quiet"),
    [
        ("23:00", "07:00", DAYS, "2026-11-26 22:59", 0, False),
        ("23:00", "07:00", DAYS, "2026-11-26 23:00", 0, True),
        ("23:00", "07:00", DAYS, "2026-11-27 06:59", 0, True),
        ("23:00", "07:00", DAYS, "2026-11-27 07:00", 0, False),
        # The days are those on which they begin: Friday's last into Saturday, Sunday's are none.
        ("23:00", "07:00", DAYS[:5], "2026-11-28 06:00", 0, True),
        ("23:00", "07:00", DAYS[:5], "2026-11-28 23:30", 0, False),
        ("23:00", "07:00", DAYS[:5], "2026-11-30 06:00", 0, False),
        ("12:00", "13:00", DAYS, "2026-11-27 12:30", 0, True),
        ("12:00", "13:00", DAYS, "2026-11-27 13:00", 0, False),
        ("08:00", "08:00", DAYS, "2026-11-27 20:00", 0, True),
        ("23:00", "07:00", (), "2026-11-27 02:00", 0, False),
        # The hour that comes twice is quiet twice, and ends once.
        ("23:00", "02:30", DAYS, "2026-10-25 02:29", 0, True),
        ("23:00", "02:30", DAYS, "2026-10-25 02:29", 1, True),
        ("23:00", "02:30", DAYS, "2026-10-25 02:31", 1, False),
        # Of the hour that is skipped there is nothing.
        ("02:15", "02:45", DAYS, "2026-03-29 01:59", 0, False),
        ("02:15", "02:45", DAYS, "2026-03-29 03:00", 0, False),
        ("23:00", "07:00", DAYS, "2026-03-29 03:00", 0, True),
    ],
)
def test_quiet_by_the_clock_on_the_wall(
    start: str, end: str, days: tuple[str, ...], local: str, fold: int, is_quiet: bool
) -> None:
    hours = QuietHours(dt.time.fromisoformat(start), dt.time.fromisoformat(end), frozenset(days))
    moment = dt.datetime.fromisoformat(local).replace(tzinfo=BERLIN, fold=fold)
    assert hours.holds(moment.astimezone(dt.UTC), BERLIN) is is_quiet


def test_two_desks_on_one_file_tell_once(tmp_path: Path) -> None:
    """The first looks; the other shows the same, and goes on once the first one has gone without a word."""
    one, two = Desk(tmp_path / "a.sqlite"), Desk(tmp_path / "a.sqlite")
    for second in (0, 5, 10):
        one.look(second, BAD)
        assert [each.subject for each in two.look(second + 1, BAD)] == ["etl"]
    two.look(10 + LEASE_S / 2, GOOD)
    two.look(11 + LEASE_S, GOOD)
    # What the second saw while the first was looking does not count.
    two.look(15 + LEASE_S / 2 + CALM_S, GOOD)
    two.look(11 + LEASE_S + CALM_S, GOOD)
    assert (one.told, two.told) == ([(0, "began", "etl")], [(11 + LEASE_S + CALM_S, "over", "etl")])


_KILLED = """
import datetime as dt, os, signal, sys
sys.path.insert(0, sys.argv[2])
from test_alerts import BAD, Desk
from pathlib import Path
desk = Desk(Path(sys.argv[1]))
desk.look(0, BAD)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_what_was_told_outlives_a_kill(tmp_path: Path) -> None:
    path = tmp_path / "a.sqlite"
    ended = subprocess.run([sys.executable, "-c", _KILLED, path, Path(__file__).parent], timeout=60, check=False)
    assert ended.returncode == -9
    desk = Desk(path)
    desk.look(LEASE_S + 1, BAD)
    assert desk.told == []
    assert [each.told_at for each in desk.alerting.history.open_alerts("billing")] == [NOW]


def test_history_is_bounded_and_a_damaged_file_is_put_aside(tmp_path: Path) -> None:
    desk = Desk(tmp_path / "a.sqlite")
    for second, oldest_s in ((0, BAD), (10, GOOD), (80, GOOD)):
        desk.look(second, oldest_s)
    month = 30 * 86_400
    assert len(desk.alerting.history.earlier(NOW)) == 1
    desk.look(month + 20, GOOD)
    assert desk.alerting.history.earlier(NOW) == []
    desk.alerting.history.close()
    (tmp_path / "a.sqlite").write_bytes(b"no database" * 1_000)
    desk.look(month + 30, BAD)
    assert [event for _, event, _ in desk.told] == ["began", "over", "began"]
    assert len(list(tmp_path.glob("a-unreadable-*.sqlite"))) == 1


def test_without_a_disk_it_goes_on_and_tells_once(tmp_path: Path) -> None:
    """And catches up on disk, once there is one."""
    folder = tmp_path / "state"
    folder.write_text("a file where the folder should be")
    desk = Desk(folder / "a.sqlite")
    for second, oldest_s in ((0, BAD), (5, BAD), (6, GOOD), (70, GOOD), (71, GOOD), (200, BAD)):
        desk.look(second, oldest_s)
    told = [(0, "began", "etl"), (70, "over", "etl"), (200, "began", "etl")]
    assert desk.told == told
    assert "cannot be written" in desk.alerting.trouble
    folder.unlink()
    desk.look(210, BAD)
    assert (desk.alerting.trouble, desk.told) == ("", told)
    assert [each.told_at for each in desk.alerting.history.open_alerts("billing")] == [later(200)]


def test_a_rule_that_is_off_tells_nothing_more(tmp_path: Path) -> None:
    desk = Desk(tmp_path / "a.sqlite")
    desk.look(0, BAD)
    desk.rules = (AlertRule("oldest_due", is_on=False),)
    assert desk.look(10, BAD) == []
    assert desk.told == [(0, "began", "etl")]
    assert [each.ending for each in desk.alerting.history.earlier(NOW)] == ["The rule was switched off."]
    desk.rules = ()
    desk.look(20, BAD)
    assert len(desk.told) == 1


@pytest.mark.parametrize(
    ("rules", "seconds", "told", "ending"),
    [
        # A threshold that it does not reach: over at once, and not because it caught up.
        ((AlertRule("oldest_due", values={"oldest_due_s": 700}),), [10, 100], [(10, "over")], "The rule was changed."),
        # One that it does reach, another subject that it matches, another place in the list: the same alert.
        ((AlertRule("oldest_due", values={"oldest_due_s": 90}),), [10, 100], [], ""),
        ((AlertRule("oldest_due", "et*", OLD[0].values),), [10, 100], [], ""),
        ((AlertRule("oldest_due", "mail"), AlertRule("oldest_due", "etl", OLD[0].values)), [10, 100], [], ""),
        ((AlertRule("oldest_due", "mail", OLD[0].values),), [10], [], "The rule was removed."),
        ((), [10], [], "The rule was removed."),
    ],
)
def test_a_rule_is_changed_while_its_alert_is_active(
    tmp_path: Path, rules: tuple[AlertRule, ...], seconds: list[float], told: list[tuple[float, str]], ending: str
) -> None:
    desk = Desk(tmp_path / "a.sqlite")
    desk.look(0, BAD)
    desk.rules = rules
    for second in seconds:
        desk.look(second, BAD)
    assert [(second, event) for second, event, _ in desk.told] == [(0, "began"), *told]
    assert [each.ending for each in desk.alerting.history.earlier(NOW)] == [ending] * bool(ending)
    # A restart later it is the same.
    again = Desk(tmp_path / "a.sqlite", rules)
    again.look(seconds[-1] + LEASE_S + 1, BAD)
    assert again.told == []


def test_a_rule_is_about_its_subject_alone(tmp_path: Path) -> None:
    def told(subject: str, queue: str) -> int:
        desk = Desk(tmp_path / f"{len(list(tmp_path.iterdir()))}.sqlite", (AlertRule("oldest_due", subject),))
        desk.look(0, BAD, queue)
        return len(desk.told)

    cases = [("*", "etl", 1), ("etl", "etl", 1), ("etl", "etl2", 0), ("etl*", "etl2", 1), ("e[t]l", "etl", 0)]
    assert [told(subject, queue) for subject, queue, _ in cases] == [expected for _, _, expected in cases]


def test_what_a_rule_would_have_told(tmp_path: Path) -> None:
    """For the value that was watched, and for larger ones; for a smaller one nobody knows."""
    desk = Desk(tmp_path / "a.sqlite")
    day = 86_400.0
    for number, peak in enumerate((100.0, 300.0, 500.0)):
        desk.look(number * day, peak)
        desk.look(number * day + 10, GOOD)
        desk.look(number * day + 100, GOOD)

    def would(value: float, days: float = 3.5) -> Past | None:
        rule = AlertRule("oldest_due", values={"oldest_due_s": value})
        return past(desk.alerting.history, "billing", "oldest_due", rule, later(days * day))

    assert [would(value) for value in (60, 200, 400, 9_000)] == [Past(times, 3) for times in (2, 2, 1, 0)]
    assert would(60, 7.9) == Past(2, 7)
    assert would(60, 2.9) == Past(3, 2) or would(60, 2.9) == Past(2, 2)
    assert would(30) is None
    assert would(60, 0.5) is None
    assert Past(2, 7).sentence == "would have told you twice in 7 days"
    assert Past(3, 1).sentence == "would have told you 3 times in 1 day"


def test_at_most_one_notification_a_minute() -> None:
    def telling(subject: str, event: str = "began", number: int = 0) -> Telling:
        alert = Alert("billing", "r", subject, "idle_queue", f"{subject} stands still", "…", "bad", NOW, id=number)
        return Telling(event, alert, OLD[0])  # type: ignore[arg-type]

    grouping = Grouping()
    assert len(grouping.offer([telling("mail")], 0)) == 1
    assert grouping.offer([telling("etl", number=1), telling("a")], 10) == []
    assert grouping.offer([telling("etl", "over", number=1)], 20) == []
    assert grouping.waiting == 3
    shown = grouping.offer([telling("b"), telling("mail", "over")], GROUPED_S)
    assert headline(shown) == (
        "2 alerts, 1 over",
        "a stands still (billing)\nb stands still (billing)\nOver: mail stands still (billing)",
    )
    assert grouping.offer([], 10 * GROUPED_S) == []


def test_every_kind_of_rule_has_a_sentence_with_its_values() -> None:
    for key, kind in KINDS.items():
        rule = AlertRule(key)
        named_parts = [part.name for part in rule.parts() if part.name]
        assert named_parts == [*(["subject"] if kind.anything else []), *(each.name for each in kind.values)], key
        assert "{" not in rule.sentence
        rule.thresholds  # noqa: B018 - its values are those of the engine
    sentences = [rule.sentence for rule in DEFAULT_RULES]
    assert sentences == [
        "no worker is alive for 30 s",
        "any queue has jobs due and none started for 30 s",
        "any task fails 10× its usual, at least 5 in 10 min",
        "any queue has a job due for more than 5 min",
        "any schedule with a known cadence is 5 min late",
        "no answer, or nothing but refusals, for 1 min",
    ]


@pytest.mark.parametrize(
    ("typed", "unit", "value"),
    [
        ("90", "s", 90),
        ("1 min 30 s", "s", 90),
        ("2h", "s", 7_200),
        ("10×", "times", 10),
        ("1.5", "times", 1.5),
        ("5", "count", 5),
        ("10 min", "min", 10),
        ("", "s", None),
        ("soon", "s", None),
        ("1.5", "count", None),
        ("0", "s", None),
        ("-3", "s", None),
        ("400 d", "s", None),
        ("5 min", "count", None),
    ],
)
def test_typed_values(typed: str, unit: str, value: float | None) -> None:
    wanted = Value("x", unit, 1, 1, 30 * 86_400)  # type: ignore[arg-type]
    if value is None:
        with pytest.raises(ValueError, match=r"^[AI]"):
            read_value(typed, wanted)
    else:
        assert read_value(typed, wanted) == value


def test_another_program_has_the_file_for_long(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jobdesk_core.alerts.history.AlertHistory.busy_s", 0.1)
    desk = Desk(tmp_path / "a.sqlite")
    desk.look(0, GOOD)
    with sqlite3.connect(tmp_path / "a.sqlite", isolation_level=None) as other:
        other.execute("BEGIN IMMEDIATE")
        desk.look(10, BAD)
        desk.look(12, BAD)
        other.execute("ROLLBACK")
    other.close()
    desk.look(14, BAD)
    assert desk.told == [(10, "began", "etl")]


def test_what_follows_from_another_trouble_begins_no_alert_and_ends_none() -> None:
    """No worker at all: its queues stand still, of course. One that stood still before is not over by that."""

    def seen(worker_age_s: float) -> Situation:
        worker = WorkerRow(1, NOW - dt.timedelta(seconds=worker_age_s), 0)
        group = OpenGroup(due=3, oldest=NOW - dt.timedelta(seconds=900))
        course = Progress("stalled", idle_since=NOW - dt.timedelta(seconds=900))
        return Situation(NOW, OpenJobs(NOW, queues={"etl": group}, all=group, workers=(worker,)), {"etl": course})

    rules = named(DEFAULT_RULES)
    alive, dead = lines(rules, seen(3), NOW), lines(rules, seen(900), NOW)
    assert list(alive["idle_queue"] or ()) == ["etl"] and alive["no_worker"] == {}
    # It is told once that it stands still, and not also that it has fallen behind.
    assert alive["oldest_due"] == {"etl": None}
    assert list(dead["no_worker"] or ()) == [""] and dead["idle_queue"] is None
    before, _ = moved_on([], rules, alive, NOW, database="d")
    after, dropped = moved_on(before, rules, dead, later(600), database="d")
    assert {each.key: each.gone_at for each in after} == {"no_worker": None, "idle_queue": None}
    assert dropped == []
    # Nobody has asked for the schedules: that rule is neither so nor over.
    assert alive["schedule"] is None


def _served(at: dt.datetime, worker_age_s: float, due_s: float | None, idle_s: float = 0) -> Situation:
    """One worker's last heartbeat, and a queue whose oldest due job waits so long, none started for `idle_s`."""
    worker = WorkerRow(1, at - dt.timedelta(seconds=worker_age_s), 0)
    group = OpenGroup() if due_s is None else OpenGroup(due=3, oldest=at - dt.timedelta(seconds=due_s))
    course = Progress("stalled" if idle_s else "moving", idle_since=at - dt.timedelta(seconds=idle_s))
    return Situation(at, OpenJobs(at, queues={"etl": group}, all=group, workers=(worker,)), {"etl": course})


@pytest.mark.parametrize(
    ("looks", "told"),
    [
        # Out of reach for ten minutes: heartbeats and starts are as old as that, and the workers come back at once.
        (
            [(0, "out"), (600, "out"), (602, (601, 600, 600)), (612, (1, 610, 0)), (663, (1, None, 0))],
            [(600, "began", "unreachable"), (663, "over", "unreachable")],
        ),
        # They do not come back: that is told, a minute later, with its true beginning.
        (
            [(0, "out"), (600, "out"), (602, (601, 600, 600)), (663, (661, 661, 661))],
            [(600, "began", "unreachable"), (663, "began", "no_worker"), (663, "over", "unreachable")],
        ),
        # An outage that was too short to be told.
        ([(0, "out"), (50, "out"), (52, (80, 60, 80)), (70, (1, 60, 0)), (130, (1, None, 0))], []),
        # A link that was lost for a moment holds nothing back.
        ([(0, "out"), (2, "out"), (4, (900, 900, 900))], [(4, "began", "no_worker")]),
        # A worker is back after an outage of workers: the jobs that wait since then are what was told already.
        (
            [(0, (900, 900, 900)), (2, (1, 900, 900)), (4, (1, 900, 0)), (62, (1, None, 0)), (70, (1, 10, 0))],
            [(0, "began", "no_worker"), (62, "over", "no_worker")],
        ),
        # And a queue that stood still; but what stays behind for longer is told.
        (
            [(0, (1, 900, 900)), (2, (1, 900, 0)), (50, (1, 900, 0)), (63, (1, 960, 0))],
            [(0, "began", "idle_queue"), (63, "began", "oldest_due"), (63, "over", "idle_queue")],
        ),
        # What had begun before goes on, and is over by itself.
        (
            [(0, (1, 400, 0)), (10, (900, 410, 900)), (20, (1, None, 0)), (81, (1, None, 0))],
            [(0, "began", "oldest_due"), (10, "began", "no_worker")]
            + [(81, "over", key) for key in ("no_worker", "oldest_due")],
        ),
    ],
)
def test_what_a_trouble_that_has_just_gone_explains_is_not_told(
    tmp_path: Path, looks: list[tuple[float, Any]], told: list[object]
) -> None:
    alerting = Alerting(AlertHistory(tmp_path / "alerts.sqlite"), dt.UTC)
    found: list[object] = []
    for second, state in looks:
        at = later(second)
        seen = Unreachable(NOW) if state == "out" else _served(at, *state)
        if second == 602:  # started anew, as by cron
            alerting.release()
            alerting = Alerting(alerting.history, dt.UTC)
        looked = alerting.look("billing", DEFAULT_RULES, NEVER, seen, at)
        found += [(second, each.event, each.alert.key) for each in looked.told]
    assert sorted(found) == sorted(told)  # type: ignore[type-var]
    assert all(each.since <= later(looks[-1][0]) for each in looked.alerts)
