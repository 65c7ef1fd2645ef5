"""What the overview and the pages beside it say at the start, with nothing there, when it burns, and while stale."""

from __future__ import annotations

import asyncio
import datetime as dt
import re
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from jobdesk.acting.preflight import PreflightDialog
from jobdesk.kit import formats
from jobdesk.overview.page import OverviewPage
from jobdesk_core.feed.feed import Feed
from opened import Others, desk_of, dialog_of, live
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from waiting import until

HORIZONTAL = Qt.Orientation.Horizontal


def cells(page: OverviewPage, name: str) -> list[str]:
    places = [place for place in range(page.model.rowCount()) if page.model.key_at(place) == name]
    return [str(page.model.index(place, column).data()) for place in places for column in range(10)]


async def test_before_the_first_read_nothing_is_said_to_be_so(
    dsn: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Others(dsn) as others:
        others.defer()
        async with live(tmp_path, dsn) as window:
            window.show_page("overview")
            page, feed = window.pages.get("overview"), desk_of(window).monitor._feed
            await until(lambda: page.cards.due.value == "1", what="the first read")
            known, monitor = feed.moment, desk_of(window).monitor
            monkeypatch.setattr(Feed, "read", Feed.has_news)  # it reads no more
            feed.moment, monitor._overview = None, None
            for key in ("queues", "tasks", "workers", "overview"):
                window.show_page(key)
            assert page.attention.text == "reading …"
            assert [card.value for card in page.cards.all] == ["reading …"] * 4
            assert not any(card.note for card in page.cards.all)
            notes = [window.pages.get(key).note.text() for key in ("queues", "tasks", "workers")]
            assert notes == ["reading …"] * 3
            assert not any(window.pages.get(key).empty.isVisibleTo(window) for key in ("queues", "tasks", "workers"))
            feed.moment = known


async def test_while_the_last_hour_is_read_it_is_not_said_to_be_unknown(
    dsn: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reading = asyncio.Event()
    fill = Feed.fill_history

    async def slowly(feed: Feed) -> None:
        await reading.wait()
        await fill(feed)

    monkeypatch.setattr(Feed, "fill_history", slowly)
    with Others(dsn) as others:
        others.register_worker()
        others.defer()
        others.run("UPDATE procrastinate_events SET at = at - interval '2 minutes'")
    async with live(tmp_path, dsn) as window:
        window.show_page("overview")
        page = window.pages.get("overview")
        await until(lambda: page._asked is not None and not page._work.is_running("history"), what="a read")
        assert (page.cards.due.value, page.cards.finished.value) == ("1", "reading …")
        assert page.attention.text == "reading …", "that nothing is wrong is not known yet"
        assert page.history.chart._words == "reading …" and page.span is None
        reading.set()
        await until(lambda: page.cards.finished.value == "0", what="the hour")
        await until(lambda: page.attention.text.startswith("mail: 1 job due, none started"), what="what is wrong")


async def test_an_empty_database_is_no_alarm(dsn: str, tmp_path: Path) -> None:
    async with live(tmp_path, dsn) as window:
        window.show_page("overview")
        page = window.pages.get("overview")
        await until(lambda: page.attention.text.startswith("No jobs yet."), what="the words")
        assert (page.cards.due.value, page.cards.due.note, page.cards.running.note) == (
            "0",
            "none due",
            "no worker alive",
        )
        await until(lambda: page.cards.failed.value == "0", what="the hour")
        assert page.cards.failed.note == "0 failed now"


async def test_no_living_worker_is_said_first_at_once_and_in_red(dsn: str, tmp_path: Path) -> None:
    with Others(dsn) as others:
        for _ in range(55):
            others.defer("t", "mail")
        async with live(tmp_path, dsn) as window:
            window.show_page("overview")
            page = window.pages.get("overview")
            await until(lambda: page.attention.text == "No worker is alive. 55 jobs are due.", what="the alarm")
            line = page.attention.lines[0]
            assert line.shape.text_tone() == "bad" and line.button("workers").text() == "Show workers"
            assert window.navigation._item("workers").data(Qt.ItemDataRole.AccessibleTextRole) == "Workers, none"
            assert page.cards.running._note.property("tone") == "bad"
            QTest.mouseClick(line.button("workers"), Qt.MouseButton.LeftButton)
            assert window.navigation.current == "workers"
            window.show_page("overview")
            others.register_worker()
            await until(lambda: "No worker" not in page.attention.text, what="the all-clear")


async def test_scheduled_jobs_are_not_due_and_held_ones_do_not_clear(dsn: str, tmp_path: Path) -> None:
    with Others(dsn) as others:
        worker = others.register_worker()
        for number in range(6):
            others.defer("t", "billing", scheduled_at=dt.datetime.now(dt.UTC) + dt.timedelta(hours=5 + number))
        held = [others.defer("t", "smtp", lock="smtp") for _ in range(13)]
        others.start(held[0], worker)
        # A pace is there: but not for these.
        for _ in range(20):
            job_id = others.defer("t", "smtp")
            others.start(job_id, worker)
            others.finish(job_id)
        others.run("UPDATE procrastinate_events SET at = at - interval '2 minutes'")
        async with live(tmp_path, dsn) as window:
            window.show_page("overview")
            page = window.pages.get("overview")
            await until(lambda: page.cards.finished.value == "20", what="the hour")
            assert "smtp" not in page.attention.text and "billing" not in page.attention.text, "held is not stalled"
            billing, smtp = cells(page, "billing"), cells(page, "smtp")
            assert (billing[1:3], billing[5], billing[8]) == (["0", "6"], "–", "–")
            assert (smtp[1:4], smtp[8]) == (["12", "0", "1"], "held by locks")
            assert page.cards.due.note == "oldest 2 min · held by locks · 6 scheduled"
            others.defer("t", "soon", scheduled_at=dt.datetime.now(dt.UTC) + dt.timedelta(seconds=2))
            await until(lambda: cells(page, "soon")[1:3] == ["0", "1"], what="the scheduled one")
            await until(lambda: cells(page, "soon")[1:3] == ["1", "0"], what="it to be due, though nothing happened")


async def test_a_queue_that_stands_says_so_with_what_helps_and_goes_on_counting(dsn: str, tmp_path: Path) -> None:
    with Others(dsn) as others:
        living, dead = others.register_worker(), others.register_worker()
        job_ids = [others.defer("t", "mail") for _ in range(6)]
        for job_id in job_ids[:2]:
            others.start(job_id, dead)
        others.run("UPDATE procrastinate_events SET at = at - interval '41 seconds'")
        others.run("UPDATE procrastinate_workers SET last_heartbeat = now() - interval '50 s' WHERE id = %s", dead)
        async with live(tmp_path, dsn) as window:
            window.show_page("overview")
            page = window.pages.get("overview")
            await until(lambda: page.attention.text.startswith("mail: 4 jobs due, none started for 4"), what="the line")
            first = page.attention.text
            assert f"Worker #{dead} is unresponsive: last heartbeat 5" in first
            assert cells(page, "mail")[3] == "2 stalled" and cells(page, "mail")[8] == "no progress"
            await until(lambda: page.attention.text != first, what="the sentence to tick", timeout_s=60)
            line = page.attention.lines[0]
            overview = desk_of(window).monitor.overview()
            assert overview is not None
            earlier = overview.now - dt.timedelta(seconds=30)
            page._show(replace(overview, now=earlier))
            since = overview.attention[0].since
            assert line.age.text() == formats.age(since, earlier), "all of the page is of the moment of its sentences"
            assert line.button("rescue").text() == "Rescue 2 jobs…"
            QTest.mouseClick(line.button("rescue"), Qt.MouseButton.LeftButton)
            dialog = await dialog_of(window, PreflightDialog)
            dialog.reject()
            others.run("UPDATE procrastinate_workers SET last_heartbeat = now() WHERE id = %s", living)


async def test_while_stale_numbers_say_as_of_when_they_are(dsn: str, tmp_path: Path) -> None:
    with Others(dsn) as others:
        others.register_worker()
        others.defer("t", "mail")
        async with live(tmp_path, dsn) as window:
            page: Any = None
            for key in ("queues", "workers", "overview"):
                window.show_page(key)
            page = window.pages.get("overview")
            await until(lambda: page.cards.due.value == "1" and page.cards.finished.value == "0", what="the first read")
            monitor = desk_of(window).monitor
            stale = monitor.state.into("stale", "gone", monitor.now)
            monitor._tell = lambda state: None  # type: ignore[method-assign]
            monitor.state = stale
            await until(lambda: "as of" in page.attention.text, what="as of when")
            assert page.cards.due._value.property("tone") == "secondary"
            for key in ("queues", "workers"):
                window.show_page(key)
                assert "as of" in window.pages.get(key).note.text()


async def test_cards_chart_and_table_add_up_lead_to_the_jobs_and_come_back(dsn: str, tmp_path: Path) -> None:
    with Others(dsn) as others:
        worker = others.register_worker()
        ended: dict[str, list[int]] = {}
        for queue, status, count in (("mail", "failed", 3), ("mail", "succeeded", 4), ("etl", "succeeded", 2)):
            for _ in range(count):
                job_id = others.defer(f"{queue}.task", queue)
                others.start(job_id, worker)
                others.finish(job_id, status)
                ended.setdefault(f"{queue} {status}", []).append(job_id)
        others.run("UPDATE procrastinate_events SET at = date_trunc('minute', now()) - interval '179 seconds'")
        async with live(tmp_path, dsn) as window:
            window.show_page("overview")
            page = window.pages.get("overview")
            await until(lambda: page.cards.finished.value == "9", what="the hour")
            await until(lambda: (cells(page, "mail") or [""] * 5)[4] == "3", what="the queues, once they are counted")
            data, last = page.history.chart.data, page.model.rowCount() - 1
            assert {layer.key: sum(layer.values) for layer in data.layers} == {
                "succeeded": 6,
                "failed": 3,
                "aborted": 0,
            }
            assert page.cards.failed.value == "3" == page.model.index(last, 4).data() == cells(page, "mail")[4]
            assert page.cards.failed.note == "33.3 % of 9 · 3 failed now" and cells(page, "etl")[4] == "0"
            assert data.end == page.span.whole.end and len(data) == 60, "without the running minute"
            # Another range, of one queue; the cards stay those of all.
            page.history.ranges.choose(0)
            page.history.choice._chosen("queue", "mail")
            await until(lambda: sum(page.history.chart.data.layers[0].values) == 4, what="the queue alone")
            assert len(page.history.chart.data) == 15 and page.cards.finished.title == "finished, last 15 min"
            assert page.cards.finished.value == "9" and page.model.headerData(4, HORIZONTAL) == "failed, 15 min"
            # By the keys alone, in the window with its own: a range and back.
            chart = page.history.chart
            chart.setFocus()
            for _ in range(3):
                QTest.keyClick(chart, Qt.Key.Key_Left, Qt.KeyboardModifier.ShiftModifier)
            QTest.keyClick(chart, Qt.Key.Key_Return)
            await until(lambda: len(chart.data) == 3, what="the range")
            assert page.cards.finished.title.startswith("finished, ") and "–" in page.cards.finished.title
            QTest.keyClick(chart, Qt.Key.Key_Escape)
            await until(lambda: len(chart.data) == 15, what="the range before")
            assert window.navigation.current == "overview" and chart.hasFocus()
            kept = window.arrangement.taken()
            column = next(place for place, count in enumerate(page.history.chart.data.layers[1].values) if count)
            page.history.chart.column_chosen.emit(*page.history.chart.data.span(column), "failed")
            await until(lambda: set(window.jobs.model.ids()) == set(ended["mail failed"]), what="the failed jobs")
            assert window.header.filter_bar.text().endswith(" status:failed queue:mail")
            # As it is put back with the connection.
            window.arrangement.put({})
            assert (page.history.minutes, page.history.choice.name) == (60, None)
            window.arrangement.put(kept)
            assert (page.history.minutes, page.history.choice.name) == (15, "mail")


async def test_each_number_leads_to_as_many_jobs_or_says_why_not(dsn: str, tmp_path: Path) -> None:
    with Others(dsn) as others:
        worker = others.register_worker()
        for queue, status, count in (
            ("mail", "failed", 3), ("mail", "succeeded", 4), ("mail", "aborted", 1), ("a b, c", "failed", 2),
            ("", "failed", 1),
        ):  # fmt: skip
            for _ in range(count):
                others.start(job_id := others.defer("t", queue), worker)
                others.finish(job_id, status)
        for queue in ("mail", "mail", "a b, c"):
            others.start(others.defer("t", queue), worker)
            others.defer("t", queue)
            others.run("SELECT procrastinate_cancel_job_v1(%s, false, false)", others.defer("t", queue))
            others.defer("t", queue, scheduled_at=dt.datetime.now(dt.UTC) + dt.timedelta(hours=1))
        others.defer("t", "mail", scheduled_at=dt.datetime.now(dt.UTC) - dt.timedelta(hours=1))
        others.run("UPDATE procrastinate_jobs SET worker_id = NULL WHERE status = 'doing' AND queue_name <> 'mail'")
        others.run("UPDATE procrastinate_events SET at = date_trunc('minute', now()) - interval '179 seconds'")
        async with live(tmp_path, dsn) as window:
            window.show_page("overview")
            page, clicked = window.pages.get("overview"), list[str]()
            await until(lambda: cells(page, "mail")[1:5] == ["3", "2", "2", "3"], what="the queues")
            await until(lambda: page.cards.finished.value == "11", what="the hour")

            def is_whole() -> bool:
                """A queue with no open job has its row from the hour, as the others have what failed."""
                failed = [page.model.index(row, 4).data() for row in range(page.model.rowCount())]
                return len(failed) == 4 and "–" not in failed

            # The rows before that are not those that are clicked.
            await until(is_whole, what="three queues and their sum")
            data = page.history.chart.data
            column = next(place for place, count in enumerate(data.layers[1].values) if count)
            numbers: list[tuple[int, Any]] = [(int(card.value), card.chosen.emit) for card in page.cards.all]
            for place, layer in enumerate(data.layers):
                chosen = partial(page.history.chart.column_chosen.emit, *data.span(column), layer.key)
                numbers.append(((6, 4, 1)[(1, 0, 2)[place]], chosen))
            numbers.append((11, partial(page.history.chart.column_chosen.emit, *data.span(column), "")))
            for row in range(page.model.rowCount()):
                for place in (1, 2, 3, 4):
                    index = page.model.index(row, place)
                    numbers.append((int(index.data().split()[0]), partial(page.table.activated.emit, index)))
            for number, click in numbers:
                click()
                # The last hour goes on by a minute now and then.
                clicked.append(re.sub(r"ended:\S+\.\.\S+", "ended:hour", window.header.filter_bar.text()))
                assert window.navigation.current == "jobs"
                await until(
                    lambda number=number: (
                        not window.jobs.reading.is_reading
                        and window.jobs.model.is_complete
                        and len(window.jobs.model.ids()) == number
                    ),
                    what=f"{number} jobs of {clicked[-1]}",
                )
                window.show_page("overview")
            assert len(set(clicked)) == 4 + 4 + 3 * 4 + 1, "the sums are those of the cards, but for the scheduled"
            assert not window.message.isVisible(), window.message.text
            others.run("DELETE FROM procrastinate_jobs WHERE status = 'failed' AND queue_name = 'mail'")
            page.cards.failed.chosen.emit()
            words = "6 runs were counted, 3 jobs are listed: the others were tried again or deleted since."
            await until(lambda: words in window.message.text, what="why")


async def test_while_nothing_is_heard_the_chart_goes_on_as_not_recorded(
    dsn: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Others(dsn) as others:
        others.defer("t", "mail")
        async with live(tmp_path, dsn) as window:
            window.show_page("overview")
            page, monitor = window.pages.get("overview"), desk_of(window).monitor
            await until(lambda: page.cards.finished.value == "0", what="the hour")
            stale, later = monitor.state.into("stale", "gone", monitor.now()), monitor.now() + dt.timedelta(minutes=7)
            monitor._tell = lambda state: None  # type: ignore[method-assign]
            monitor.state = stale
            monitor.overview = lambda: monitor._overview  # type: ignore[method-assign]
            monkeypatch.setattr(monitor, "now", lambda: later)
            await until(lambda: page.history.chart.data.recorded[-3:] == [0, 0, 0], what="what is not known")
            assert page.history.chart.data.recorded[0] == 1 and "recorded" in page.history.note.whole
            assert page.cards.finished._value.property("tone") == "secondary"
