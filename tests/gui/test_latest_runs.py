"""The strip of the latest runs in the inspector: what it tells by eye, by key and in words, and where it leads."""

from __future__ import annotations

import datetime as dt
import itertools
from pathlib import Path

import pytest
from jobdesk.inspector.run_strip import BARS_HEIGHT, FOOT_HEIGHT, MARK_HEIGHT, RunStrip
from jobdesk.inspector.runs_panel import RunsPanel
from jobdesk.kit.formats import duration
from jobdesk.kit.theme import theme
from jobdesk.kit.theme.theme import Mode
from jobdesk.window.desk_view import DeskView
from jobdesk_core.job.related_jobs import LATEST_RUNS, RUN_ENDS, LatestRun
from jobdesk_core.jobs import EventType
from opened import Others, desk_of, live
from PySide6.QtCore import QPointF, Qt
from PySide6.QtGui import QColor
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QToolTip
from waiting import until

NOW = dt.datetime(2026, 11, 21, 12, tzinfo=dt.UTC)
BELOW = MARK_HEIGHT + BARS_HEIGHT + 4


def run(others: Others, end: str = "succeeded", *, task: str = "mail.send", seconds: int = 4) -> int:
    """A job of a task that ran for so many seconds."""
    job_id = others.defer(task)
    others.start(job_id)
    others.finish(job_id, end)
    back = "UPDATE procrastinate_events SET at = at - make_interval(secs => %s) WHERE job_id = %s AND type = 'started'"
    others.run(back, seconds, job_id)
    return job_id


async def told(window: DeskView, job_id: int) -> RunsPanel:
    """The panel, once everything round this job has been read."""
    inspector = window.jobs.inspector
    window.jobs.inspect(job_id)
    await until(lambda: inspector.detail is not None and inspector.detail.row.id == job_id, what=f"job {job_id}")
    await until(lambda: inspector.others.note.text() and not inspector._work.is_running("round"), what="the runs")
    return inspector.runs


def pixel(strip: RunStrip, x: float, y: float) -> QColor:
    return strip.grab().toImage().pixelColor(round(x * strip.devicePixelRatioF()), round(y * strip.devicePixelRatioF()))


async def test_the_runs_are_told_in_words_and_by_key_and_lead_to_their_jobs(dsn: str, tmp_path: Path) -> None:
    with Others(dsn) as others:
        ids = [run(others, "failed" if n in (2, 5) else "succeeded", seconds=4 + n) for n in range(8)]
        run(others, task="other")
        async with live(tmp_path, dsn) as window:
            strip = (await told(window, ids[3])).strip
            assert strip.isVisible() and window.jobs.inspector.runs.words.text() == "8 runs, 2 failed, median 7.5 s"
            strip.setFocus(Qt.FocusReason.TabFocusReason)
            assert f"#{ids[3]} (this job) · succeeded" in strip.accessibleDescription()
            QTest.keyClick(strip, Qt.Key.Key_Home)
            QTest.keyClick(strip, Qt.Key.Key_Right)
            QTest.keyClick(strip, Qt.Key.Key_Right)
            said = strip.accessibleDescription()
            assert said.startswith(f"#{ids[2]} · failed, ran 6 s, ") and f"#{ids[2]} · failed" in QToolTip.text()
            assert "square-root scale" in QToolTip.text() and "ran 11 s" in QToolTip.text()
            QTest.keyClick(strip, Qt.Key.Key_End)
            QTest.keyClick(strip, Qt.Key.Key_Return)
            await until(lambda: window.jobs.inspector.job_id == ids[-1], what="the newest run's job")


async def test_the_median_told_is_of_the_runs_told_and_is_that_of_sql(dsn: str, tmp_path: Path) -> None:
    with Others(dsn) as others:
        # The older ones, which are not told, are much slower; what is aborted is cut short.
        ids = [run(others, seconds=500) for _ in range(LATEST_RUNS)]
        ids += [run(others, "aborted" if n % 7 == 0 else "failed", seconds=3 + n) for n in range(LATEST_RUNS)]
        ran = others.run(
            "SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM b.at - a.at))::float8 FROM ("
            "SELECT * FROM procrastinate_events WHERE type IN ('failed', 'succeeded', 'aborted') "
            "ORDER BY id DESC LIMIT %s) AS b "
            "JOIN procrastinate_events AS a ON a.job_id = b.job_id AND a.type = 'started' WHERE b.type <> 'aborted'",
            LATEST_RUNS,
        )
        async with live(tmp_path, dsn) as window:
            words = (await told(window, ids[-1])).words.text()
            assert words == f"60 runs, 51 failed, 9 aborted, median of those that succeeded or failed {duration(ran)}"


async def test_a_bar_is_pointed_at_and_clicked(dsn: str, tmp_path: Path) -> None:
    with Others(dsn) as others:
        ids = [run(others) for _ in range(3)]
        async with live(tmp_path, dsn) as window:
            strip = (await told(window, ids[0])).strip
            place = strip.box_of(2).center().toPoint()
            QTest.mouseMove(strip, place)
            await until(lambda: f"#{ids[2]} · succeeded\nran 4 s\n" in QToolTip.text(), what="the tooltip")
            QTest.mouseClick(strip, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, place)
            await until(lambda: window.jobs.inspector.job_id == ids[2], what="that job")


async def test_a_task_without_runs_shows_nothing_and_another_is_read_once_a_minute(dsn: str, tmp_path: Path) -> None:
    with Others(dsn) as others:
        ids = [run(others) for _ in range(6)]
        alone = others.defer("alone")
        async with live(tmp_path, dsn) as window:
            runs = await told(window, ids[0])
            assert runs.words.text().startswith("6 runs, none failed")
            await told(window, alone)
            assert runs.isHidden()
            later = run(others)
            await until(lambda: later in window.jobs.model.ids(), what="the new job")
            window.jobs.inspect(later)
            await until(lambda: window.jobs.inspector.job_id == later, what="the new job on show")
            assert not runs.isHidden(), "what is known is shown at once"
            await told(window, later)
            assert runs.words.text().startswith("6 runs"), "it was read a moment ago"


async def test_a_read_that_takes_too_long_shows_nothing_and_is_not_repeated_at_once(dsn: str, tmp_path: Path) -> None:
    with Others(dsn) as others:
        ids = [run(others) for _ in range(6)]
        alone = others.defer("alone")
        async with live(tmp_path, dsn) as window:
            await told(window, alone)
            inspector, monitor = window.jobs.inspector, desk_of(window).monitor
            row = (await monitor.pages.rows(ids))[ids[0]]
            usual_s, monitor.limit_s = monitor.limit_s, 1e-6
            inspector._read_round(row)
            await until(lambda: not inspector._work.is_running("round"), what="the read to be given up")
            monitor.limit_s = usual_s
            runs = await told(window, ids[1])
            assert runs.isHidden() and "usual" not in inspector._timeline.summary()


@pytest.mark.parametrize("mode", ["light", "dark"])
@pytest.mark.parametrize("width", [268, 330, 900])
@pytest.mark.parametrize("count", [1, 7, LATEST_RUNS])
def test_each_bar_is_within_the_strip_and_failed_and_own_runs_are_marked(
    qapp: QApplication, width: int, count: int, mode: Mode
) -> None:
    theme().install(qapp, mode)
    seconds = [0.0, 1e-6, 1, 3_600, 86_400 * 365]
    ends = [RUN_ENDS[n % len(RUN_ENDS)] for n in range(count)]
    runs = [LatestRun(n, end, NOW, NOW + dt.timedelta(seconds=seconds[n % 5])) for n, end in enumerate(ends)]
    strip = RunStrip()
    strip.resize(width, strip.sizeHint().height())
    ground = pixel(strip, width - 1, 1)
    strip.set_runs(runs, count - 1, "words")
    boxes = [strip.box_of(n) for n in range(count)]
    assert all(0 <= box.left() < box.right() <= width and box.bottom() == BELOW - 4 for box in boxes)
    assert all(box.top() >= MARK_HEIGHT and box.width() >= 2 for box in boxes)
    assert all(one.right() <= other.left() for one, other in itertools.pairwise(boxes))
    for box, end in zip(boxes, ends, strict=True):
        assert (pixel(strip, box.left() + 1, BELOW) != ground) == (end is EventType.FAILED)
    assert pixel(strip, boxes[-1].center().x(), 1) != ground
    assert strip.height() == MARK_HEIGHT + BARS_HEIGHT + FOOT_HEIGHT
    assert strip._place_at(QPointF(boxes[-1].center().x(), 3)) == count - 1


def test_no_runs_at_all_are_no_trouble(qapp: QApplication) -> None:
    theme().install(qapp)
    strip = RunStrip()
    for key in (Qt.Key.Key_Left, Qt.Key.Key_End, Qt.Key.Key_Return):
        QTest.keyClick(strip, key)
    strip.grab()
    assert strip._place_at(QPointF(3, 3)) is None
