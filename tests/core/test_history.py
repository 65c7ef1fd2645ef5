"""The history's file: what is read is what was kept, whoever wrote it, however it ended, and within its bounds."""

from __future__ import annotations

import datetime as dt
import os
import random
import sqlite3
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest
from jobdesk_core import EventType
from jobdesk_core.history.histogram import Histogram
from jobdesk_core.history.history import History
from jobdesk_core.history.minutes import FILLED, RECORDED, Minute
from jobdesk_core.history.place import drop_old
from jobdesk_core.history.tidying import Limits
from jobdesk_core.history.usual import RecordedUsual

HOUR, DAY = 60, 24 * 60
#: A Monday at noon, in minutes since 1970.
NOON = int(dt.datetime(2026, 5, 4, 12, 0, tzinfo=dt.UTC).timestamp()) // 60


def minute_of(
    succeeded: int, failed: int = 0, *, queue: str = "mail", task: str = "send", quality: int = RECORDED
) -> Minute:
    """One in which so many runs ended, each of which had waited for a second and run for two."""
    minute = Minute(quality)
    cell = minute.cell(queue, task)
    for kind, number in ((EventType.SUCCEEDED, succeeded), (EventType.FAILED, failed)):
        cell.add(kind, number)
        for bucket, each in Histogram.of([2.0] * number).counts.items():
            cell.add_duration(kind, bucket, each)
    cell.add(EventType.STARTED, succeeded + failed)
    for bucket, each in Histogram.of([1.0] * (succeeded + failed)).counts.items():
        cell.add_duration(EventType.STARTED, bucket, each)
    return minute


def succeeded(history: History, first: int, end: int, step: int = 1, **of: str) -> list[int | None]:
    columns = history.read(first, end, step, **of).columns  # type: ignore[arg-type]
    return [column.counts[EventType.SUCCEEDED] if column.recorded else None for column in columns]


def tidied(history: History, now: int) -> None:
    """Save until there is nothing more to be done."""
    for _ in range(50):
        if not history.save(now):
            return
    raise AssertionError("there is always more to be done")


@pytest.mark.parametrize("written", [True, False], ids=["on disk", "in memory"])
def test_what_is_read_is_what_was_kept(tmp_path: Path, written: bool) -> None:
    history = History(tmp_path / "new" / "h.sqlite")
    both = minute_of(5, 1).merged(minute_of(2, queue="mail", task="bounce")).merged(minute_of(3, queue="slow"))
    history.keep({NOON: both, NOON + 1: Minute(), NOON + 3: minute_of(7, quality=FILLED)})
    if written:
        assert not history.save(NOON + 5)
        history = History(history.path)
        assert history.path is not None
        assert history.path.stat().st_mode & 0o077 == 0
    end = NOON + 5
    assert succeeded(history, NOON, end) == [10, 0, None, 7, None]
    assert succeeded(history, NOON, end, 2) == [10, 7, None]
    assert succeeded(history, NOON, end, queue="slow") == [3, 0, None, 0, None]
    assert succeeded(history, NOON, end, task="send") == [8, 0, None, 7, None]
    assert succeeded(history, NOON, end, task="send", queue="mail") == [5, 0, None, 7, None]
    whole = history.read(NOON, end, 3)
    assert [(column.recorded, column.filled) for column in whole.columns] == [(2, 0), (1, 1)]
    assert (whole.recorded, whole.filled, whole.counts[EventType.FAILED]) == (3, 1, 1)
    assert whole.ran.count == 18
    assert whole.waited.percentile(0.5) == pytest.approx(1.0, rel=0.045)
    assert whole.ran == history.read(NOON, end, 1).ran
    assert [(name.name, name.total) for name in history.names(NOON, end, of="queue")] == [("mail", 15), ("slow", 3)]
    assert [name.name for name in history.names(NOON, end, of="task", queue="mail")] == ["send", "bounce"]
    assert history.recorded_since == NOON
    assert history.known(NOON, end) == {NOON, NOON + 1, NOON + 3}


def test_columns_of_any_width_are_the_sums_of_their_minutes_on_disk_in_memory_and_in_both(tmp_path: Path) -> None:
    chance, history, minutes = random.Random(7), History(tmp_path / "h.sqlite"), dict[int, Minute]()
    for place in range(200):
        minute = Minute(chance.choice((FILLED, RECORDED)))
        for name in chance.sample("abcde", 3):
            cell = minute.cell(f"q{name < 'c'}", name)
            for kind in (EventType.STARTED, EventType.SUCCEEDED, EventType.FAILED):
                # Packed, these have bytes of every kind: zeros, letters, and those that begin no letter.
                bucket, number = chance.choice((0, 1, 65, 127, 128, 195, 255)), chance.choice((1, 5, 127, 128, 20_000))
                cell.add(kind, number)
                cell.add_duration(kind, bucket, number)
        if chance.random() < 0.9:
            minutes[NOON + place] = minute
    history.keep({minute: each for minute, each in minutes.items() if minute < NOON + 180})
    history.save(NOON + 200)
    history.keep({minute: each for minute, each in minutes.items() if minute >= NOON + 150})
    history.add_late(NOON + 160, minute_of(3))
    minutes[NOON + 160] = minutes[NOON + 160].merged(minute_of(3))
    of: dict[str, str | None]
    for of in ({}, {"queue": "q1"}, {"task": "d"}, {"queue": "q0", "task": "a"}):
        for step in (1, 7, 60, 200, 999):
            for column in history.read(NOON, NOON + 200, step, **of).columns:
                known = [each for at, each in minutes.items() if column.minute <= at < column.minute + step]
                whole = Minute()
                for each in known:
                    whole = whole.merged(each)
                cell = whole.of(of.get("queue"), of.get("task"))
                assert column.counts == cell.counts and (column.waited, column.ran) == cell.histograms
                filled = sum(each.quality == FILLED for each in known)
                assert (column.recorded, column.filled) == (len(known), filled)


def test_of_two_records_of_a_minute_the_one_that_knows_more_stays(tmp_path: Path) -> None:
    """Two windows of one database write each minute once; filling in spoils nothing; what comes late is added."""
    path = tmp_path / "h.sqlite"
    one, other = History(path), History(path)
    for number, quality in ((3, FILLED), (5, RECORDED), (5, RECORDED), (900, FILLED), (4, RECORDED)):
        history = History(path)
        history.keep({NOON: minute_of(number, quality=quality)})
        history.save(NOON + 1)
    assert succeeded(History(path), NOON, NOON + 1) == [5]
    for history in (one, other):
        history.keep({NOON: minute_of(5)})
    one.add_late(NOON, minute_of(2))
    one.save(NOON + 1)
    other.save(NOON + 1)
    for history in (one, other, History(one.path)):
        assert succeeded(history, NOON, NOON + 1) == [7]
        assert succeeded(history, NOON, NOON + 1, task="send") == [7]


def test_minutes_become_hours_and_then_go_and_nothing_is_lost_before(tmp_path: Path) -> None:
    history = History(tmp_path / "h.sqlite", Limits(minute_days=1, days=3))
    first = NOON - 5 * DAY
    for minute in range(first, NOON, 7):
        history.keep({minute: minute_of(1, queue=f"q{minute % 3}")})
        if minute % 50 == 0:
            history.save(NOON - 5 * DAY + 1)
    tidied(history, NOON)
    whole = history.read(NOON - 3 * DAY, NOON, DAY)
    assert whole.recorded == whole.counts[EventType.SUCCEEDED] == sum(column.recorded for column in whole.columns)
    assert abs(whole.recorded - 3 * DAY // 7) <= 1
    assert whole.ran.count == whole.recorded
    fine = history.read(NOON - 10 * HOUR, NOON, 1)
    assert (fine.step, fine.first, len(fine.columns)) == (1, NOON - 10 * HOUR, 10 * HOUR)
    old = history.read(NOON - 2 * DAY + 5, NOON - 2 * DAY + 70, 1, queue="q1")
    assert (old.step, old.first, len(old.columns)) == (60, NOON - 2 * DAY, 2)
    assert all(column.recorded in (8, 9) and column.counts[EventType.SUCCEEDED] in (2, 3) for column in old.columns)
    assert history.read(first, first + DAY, HOUR).recorded == 0
    assert sum(name.total for name in history.names(NOON - 3 * DAY, NOON, of="queue")) == whole.recorded
    # What is filled in later goes into the hours, once.
    missing = (
        NOON - 2 * DAY + next(n for n in range(7) if not history.known(NOON - 2 * DAY + n, NOON - 2 * DAY + n + 1))
    )
    for number in (100, 100, 150):
        history.keep({missing: minute_of(number, quality=FILLED)})
        history.save(NOON)
    again = History(history.path).read(NOON - 2 * DAY, NOON - 2 * DAY + HOUR, HOUR).columns[0]
    assert 100 < again.counts[EventType.SUCCEEDED] < 110


def test_thousands_of_tasks_stay_within_the_bound_and_what_is_gone_is_no_zero(tmp_path: Path) -> None:
    limit = 10_000_000
    history = History(tmp_path / "h.sqlite", Limits(bytes=limit))
    minutes = [Minute() for _ in range(3)]
    for place, minute in enumerate(minutes):
        for number in range(1500):
            cell = minute.cell(f"q{number % 50}", f"task{number}")
            cell.add(EventType.SUCCEEDED, 1 + place)
            cell.add_duration(EventType.SUCCEEDED, number % 200, 1)
    first, end = NOON - 24 * HOUR, NOON
    for place, minute in enumerate(range(first, end, 30)):
        history.keep({minute: minutes[place % 3]})
        history.save(minute)
        size = sum(path.stat().st_size for path in tmp_path.iterdir())
        assert size <= limit, f"{size:,} bytes"
    tidied(history, end)
    assert history.trouble is None
    assert history.recorded_since == first
    whole = history.read(first, end, HOUR)
    assert whole.counts[EventType.SUCCEEDED] == 16 * (1 + 2 + 3) * 1500
    task = history.read(first, end, HOUR, task="task7")
    known = [column for column in task.columns if column.recorded]
    assert 0 < len(known) < len(task.columns)
    of_hours = {first + HOUR * hour: (1 + 2 * hour % 3) + (1 + (2 * hour + 1) % 3) for hour in range(24)}
    assert all(column.counts[EventType.SUCCEEDED] == of_hours[column.minute] for column in known)


def test_a_week_of_minutes_is_read_whole(tmp_path: Path) -> None:
    history = History(tmp_path / "h.sqlite")
    first = NOON - 7 * DAY
    for start in range(first, NOON, 1000):
        history.keep({minute: minute_of(3, 1) for minute in range(start, min(start + 1000, NOON))})
        history.save(NOON)
    found = history.read(first, NOON, 1)
    assert found.recorded == 7 * DAY
    assert found.counts[EventType.SUCCEEDED] == 3 * 7 * DAY


def test_what_is_forgotten_is_gone_while_another_window_goes_on(tmp_path: Path) -> None:
    one, other = History(tmp_path / "h.sqlite"), History(tmp_path / "h.sqlite")
    one.keep({NOON: minute_of(1)})
    one.save(NOON + 1)
    other.forget()
    assert other.recorded_since is None
    other.keep({NOON + 5: minute_of(2)})
    other.save(NOON + 6)
    one.keep({NOON + 7: minute_of(3)})
    one.save(NOON + 8)
    assert succeeded(History(one.path), NOON, NOON + 8) == [None] * 5 + [2, None, 3]


def test_the_files_of_databases_that_nobody_watches_any_more_go(tmp_path: Path) -> None:
    for name, days in (("old", 91), ("new", 89), ("old-unreadable-1", 91)):
        for ending in (".sqlite", ".sqlite-wal"):
            (tmp_path / f"{name}{ending}").touch()
            at = time.time() - days * 86_400
            os.utime(tmp_path / f"{name}{ending}", (at, at))
    drop_old(tmp_path, 90)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["new.sqlite", "new.sqlite-wal"]


# What can happen to the file

WRITER = textwrap.dedent(
    """
    import sys
    sys.path[:0] = {paths!r}
    from test_history import NOON, minute_of
    from pathlib import Path
    from jobdesk_core.history.history import History
    history = History(Path(sys.argv[1]))
    first, step = int(sys.argv[2]), int(sys.argv[3])
    minute = first
    while minute < first + 100_000:
        history.keep({{minute: minute_of(3).merged(minute_of(4, queue="slow"))}})
        history.save(minute + 1)
        if history.is_written:
            print(minute, flush=True)
            minute += step
        if minute >= int(sys.argv[4]):
            break
    """
)


def writer(path: Path, first: int, step: int, end: int) -> subprocess.Popen[str]:
    text = WRITER.format(paths=[str(Path(__file__).parent), str(Path(__file__).parents[1])])
    return subprocess.Popen(
        [sys.executable, "-c", text, str(path), str(first), str(step), str(end)], stdout=subprocess.PIPE, text=True
    )


def test_killed_at_any_moment_every_minute_is_whole_or_not_there(tmp_path: Path) -> None:
    path, chance, told = tmp_path / "h.sqlite", random.Random(5), NOON
    for _ in range(4):
        program = writer(path, told + 1, 1, NOON + 1_000_000)
        assert program.stdout is not None
        program.stdout.readline()
        time.sleep(chance.uniform(0.0, 0.3))
        program.kill()
        lines = [line for line in program.communicate(timeout=30)[0].split("\n") if line.strip()]
        told = max(told + 1, *(int(line) for line in lines[:-1])) if len(lines) > 1 else told + 1
        found = History(path).read(NOON + 1, told + 1, 1)
        assert all(column.counts[EventType.SUCCEEDED] == 7 for column in found.columns), "what was told is there"
        assert found.recorded == told - NOON
        with sqlite3.connect(path) as file:
            (wrong,) = file.execute(
                "SELECT count(*) FROM known WHERE total <> coalesce((SELECT sum(succeeded + started) FROM minutes "
                "JOIN series ON id = series WHERE level = 2 AND minutes.minute = known.minute), 0)"
            ).fetchone()
            assert wrong == 0
            assert file.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        file.close()


def test_two_programs_write_one_file_and_each_minute_is_there_once(tmp_path: Path) -> None:
    path, end = tmp_path / "h.sqlite", NOON + 150
    both = [writer(path, NOON, 1, end), writer(path, NOON, 1, end)]
    try:
        for each in both:
            each.communicate(timeout=60)
            assert each.returncode == 0
    finally:
        for each in both:
            each.kill()
    found = History(path).read(NOON, end, 1)
    assert [column.counts[EventType.SUCCEEDED] for column in found.columns] == [7] * 150
    assert {name.name: name.total for name in History(path).names(NOON, end, of="queue")} == {"mail": 450, "slow": 600}


FULL = textwrap.dedent(
    """
    import resource, signal, sys
    sys.path[:0] = {paths!r}
    from test_history import NOON, minute_of, succeeded
    from pathlib import Path
    from jobdesk_core.history.history import History
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    history = History(Path(sys.argv[1]))
    history.keep({{NOON: minute_of(1)}})
    history.save(NOON + 1)
    assert history.is_written and history.trouble is None, history.trouble
    size = Path(sys.argv[1] + "-wal").stat().st_size
    resource.setrlimit(resource.RLIMIT_FSIZE, (size + 5_000, resource.RLIM_INFINITY))
    for minute in range(NOON + 1, NOON + 60):
        history.keep({{minute: minute_of(1)}})
        history.save(minute + 1)
    assert not history.is_written
    print(history.trouble, flush=True)
    assert succeeded(history, NOON, NOON + 60) == [1] * 60
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    history.save(NOON + 60)
    assert history.is_written and history.trouble is None, history.trouble
    assert succeeded(History(history.path), NOON, NOON + 60) == [1] * 60
    """
)


@pytest.mark.skipif(sys.platform == "win32", reason="there are no such limits")
def test_on_a_full_disk_it_goes_on_in_memory_says_so_and_resumes(tmp_path: Path) -> None:
    text = FULL.format(paths=[str(Path(__file__).parent), str(Path(__file__).parents[1])])
    done = subprocess.run(
        [sys.executable, "-c", text, str(tmp_path / "h.sqlite")],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "there is no room left for" in done.stdout
    assert "It goes on in memory" in done.stdout


def test_what_cannot_be_written_for_long_is_bounded_in_memory(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    history = History(tmp_path / "file" / "h.sqlite")
    for minute in range(NOON - 2 * DAY, NOON):
        history.keep({minute: minute_of(1)})
    history.save(NOON)
    assert history.trouble is not None
    assert len(history.known(0, NOON)) == DAY
    many = Minute()
    for number in range(5_000):
        many.cell("q", f"t{number}").add(EventType.SUCCEEDED)
    for minute in range(NOON, NOON + 40):
        history.keep({minute: many})
    assert len(history._held) <= 30


def test_a_folder_that_is_read_only_is_told_and_what_is_there_is_read(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "h.sqlite"
    history = History(path)
    history.keep({NOON: minute_of(1)})
    history.save(NOON + 1)
    history.close()
    if os.getuid() == 0:
        # Nothing is forbidden to root: the file is a folder's, where no file can be.
        path = tmp_path / "folder" / "h.sqlite" / "h.sqlite"
    else:
        path.chmod(0o400)
        path.parent.chmod(0o500)
    try:
        history = History(path)
        history.keep({NOON + 1: minute_of(2)})
        history.save(NOON + 2)
        assert history.trouble is not None
        assert "The history" in str(history.trouble)
        assert succeeded(history, NOON, NOON + 2) == [None if os.getuid() == 0 else 1, 2]
    finally:
        path.parent.chmod(0o700) if os.getuid() else None


def test_a_file_that_cannot_be_read_is_put_aside_and_one_of_a_later_release_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "h.sqlite"
    path.write_bytes(b"no database" * 1000)
    history = History(path)
    assert succeeded(history, NOON, NOON + 1) == [None]
    history.keep({NOON: minute_of(1)})
    history.save(NOON + 1)
    assert history.trouble is None
    assert history.put_aside is not None
    assert history.put_aside.read_bytes().startswith(b"no database")
    assert succeeded(History(path), NOON, NOON + 1) == [1]
    history.close()
    with sqlite3.connect(path) as file:
        file.execute("PRAGMA user_version = 99")
    file.close()
    before = path.read_bytes()
    later = History(path)
    later.keep({NOON + 1: minute_of(2)})
    later.save(NOON + 2)
    assert "newer Jobdesk" in str(later.trouble)
    assert succeeded(later, NOON, NOON + 2) == [None, 2]
    assert path.read_bytes() == before


# What was usual


def test_the_usual_is_of_this_hour_of_the_weekday_and_nothing_is_told_of_too_little(tmp_path: Path) -> None:
    history, usual = History(tmp_path / "h.sqlite"), RecordedUsual()
    now = dt.datetime.fromtimestamp(NOON * 60, dt.UTC)
    usual.make(history, now)
    assert (usual.failures("send", 10, now), usual.run_s("send", now), usual.idle_s("mail", now)) == (None, None, None)

    def keep(hour: int, failed: int, quality: int = RECORDED) -> None:
        history.keep(
            {
                minute: minute_of(1 if minute % 15 == 0 else 0, failed, quality=quality)
                for minute in range(hour, hour + 60)
            }
        )
        history.save(NOON)

    for hours in range(1, 7):
        keep(NOON - hours * HOUR, 1)
    usual.make(history, now)
    assert usual.failures("send", 10, now) == pytest.approx(10)
    for days in (1, 2, 3):
        keep(NOON - days * DAY, 2)
    usual.make(history, now)
    assert usual.failures("send", 10, now) == pytest.approx(20), (
        "the same hour of other days goes before the last hours"
    )
    for weeks in (1, 2):
        keep(NOON - weeks * 7 * DAY, 3 if weeks == 1 else 0, FILLED)
    usual.make(history, now)
    assert usual.failures("send", 10, now) == pytest.approx(20), "what was filled in is at least so many"
    for weeks in (1, 2):
        keep(NOON - weeks * 7 * DAY, 0)
    usual.make(history, now)
    assert usual.failures("send", 10, now) == 0
    assert usual.failures("other", 10, now) is None
    assert usual.arrivals("mail", 10, now) == 0
    run = usual.run_s("send", now)
    assert run is None, "eight runs are too few for a percentile"
    assert usual.failures("send", 10, now + dt.timedelta(hours=1)) is None, "it was made for one hour"


def test_a_queue_is_usually_idle_no_longer_than_its_jobs_have_waited() -> None:
    history, usual = History(), RecordedUsual()
    now = dt.datetime.fromtimestamp(NOON * 60, dt.UTC)
    for minute in range(NOON - 8 * HOUR, NOON):
        history.keep({minute: minute_of(1 if minute % 10 == 0 else 0)})
    usual.make(history, now)
    assert usual.idle_s("mail", now) == pytest.approx(1.0, rel=0.05)
    outage, waited = History(), Histogram.of([3_000.0] * 9)
    for minute in range(NOON - 8 * HOUR, NOON):
        stands_still = NOON - 3 * HOUR <= minute < NOON - 2 * HOUR
        kept = minute_of(1 if minute % 10 == 0 and not stands_still else 0)
        if minute == NOON - 2 * HOUR - 1:
            for bucket, each in waited.counts.items():
                kept.cell("mail", "send").add_duration(EventType.STARTED, bucket, each)
        outage.keep({minute: kept})
    of_outage = RecordedUsual()
    of_outage.make(outage, now)
    assert of_outage.idle_s("mail", now) == pytest.approx(1.0, rel=0.05), "an hour of standing still is not the usual"
    run = usual.run_s("send", now)
    assert run is not None
    assert run[0] == pytest.approx(2.0, rel=0.05)
    assert run[1] == 48
