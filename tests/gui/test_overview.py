"""What the overview and the pages beside it say at the start, with nothing there, when it burns, and while stale."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import pytest
from jobdesk.acting.preflight import PreflightDialog
from jobdesk.overview.page import OverviewPage
from jobdesk_core.feed.feed import Feed
from opened import Others, desk_of, dialog_of, live
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from waiting import until


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
