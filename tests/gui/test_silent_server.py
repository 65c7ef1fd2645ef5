"""The window beside a server that takes the login, or a question, and then says nothing."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from faulty import FaultyLink
from jobdesk.acting.preflight import PreflightDialog
from jobdesk_core.operations import Result
from jobdesk_core.profiles import Profile
from opened import Others, dialog_of, live, opened
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QPushButton
from waiting import until

SLOW = "CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(0.1); RETURN NEW; END $$"
SLEEPING = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'PgSleep' "


@pytest.fixture
def link(dsn: str) -> Iterator[FaultyLink]:
    with FaultyLink(dsn) as faulty:
        yield faulty


async def test_an_opening_window_says_what_it_waits_for_and_is_stopped_at_once(dsn: str, tmp_path: Path) -> None:
    with FaultyLink(dsn, freezes_after_login=True) as link:
        async with opened(tmp_path, Profile(name="silent", method="dsn", dsn=link.dsn)) as window:
            page = window.start.state
            told = "Waiting for the server's answer for"
            await until(lambda: told in page.accessibleDescription(), what="the sentence")
            assert page.title == "Connecting to silent…"
            stop = next(each for each in page.findChildren(QPushButton) if each.text() == "Stop")
            QTest.mouseClick(stop, Qt.MouseButton.LeftButton)
            assert page.title == "Connect to your job queue"
            window.session.reopen()
            await until(lambda: page.title == "The server has not answered for 5 s.", what="the reason")


async def test_an_act_is_stopped_beside_a_silent_server_and_says_what_is_unknown(
    link: FaultyLink, dsn: str, tmp_path: Path
) -> None:
    with Others(dsn) as others:
        others.run(
            "INSERT INTO procrastinate_jobs (queue_name, task_name) SELECT 'q', 't' FROM generate_series(1, 900)"
        )
        others.run(SLOW)
        others.run("CREATE TRIGGER slow BEFORE UPDATE ON procrastinate_jobs FOR EACH ROW EXECUTE FUNCTION slow()")
        async with live(tmp_path, link.dsn) as window:
            window.header.filter_bar.set_text("queue:q")
            await until(window.all_actions["matching.cancel"].isEnabled, what="cancelling to be possible")
            window.all_actions["matching.cancel"].trigger()
            dialog = await dialog_of(window, PreflightDialog)
            await until(lambda: dialog.plan is not None, what="the preflight")
            dialog.verb.click()
            await until(lambda: window.acting.acts.running, what="the act")
            act = window.acting.acts.running[0]
            await until(lambda: others.run(SLEEPING), what="the first step to be under way")
            link.freeze()
            await until(lambda: act.state == "waiting", what="the window to say that it waits")
            assert window.header.live.text == "Waiting for the server…" or window.header.live.mode == "stale"
            began = time.monotonic()
            act.stop()
            assert act.state == "stopping" and time.monotonic() - began < 3
            await until(lambda: act.is_over, what="its end")
            ledger = act.errand.ledger
            assert ledger is not None
            # Broken off within its statement: certainly not done; with its COMMIT on the way nobody knows.
            broken = ledger.counts[Result.ROLLED_BACK] + ledger.counts[Result.UNKNOWN]
            assert broken > 0 and ledger.counts[Result.NOT_REACHED] + broken + ledger.counts[Result.DONE] == 900
            link.thaw()


async def test_escape_leaves_a_preflight_that_waits_for_a_silent_server(
    link: FaultyLink, dsn: str, tmp_path: Path
) -> None:
    with Others(dsn) as others:
        others.defer()
        async with live(tmp_path, link.dsn) as window:
            await until(window.all_actions["matching.cancel"].isEnabled, what="cancelling to be possible")
            link.freeze()
            window.all_actions["matching.cancel"].trigger()
            dialog = await dialog_of(window, PreflightDialog)
            began = time.monotonic()
            QTest.keyClick(dialog, Qt.Key.Key_Escape)
            assert not dialog.isVisible() and time.monotonic() - began < 3
            await until(lambda: window.header.live.mode == "stale", timeout_s=20, what="the window to say so")
            link.thaw()
            await until(lambda: window.header.live.mode == "live", timeout_s=40, what="the link to be back")
