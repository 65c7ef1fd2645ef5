"""The Locks page in the real window: what it shows, when it reads, and what can be done from it."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest
from jobdesk.kit import formats
from jobdesk.locks.words import columns_of
from jobdesk.window.desk_view import DeskView
from jobdesk_core.locks.locks import LockKind
from jobdesk_core.locks.reasons import LockState
from jobdesk_core.locks.statements import LOOKED_EVENTS
from opened import Others, desk_of, live
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QKeySequence
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QDialog, QPushButton, QTableView
from waiting import until

HOSTILE = "<b>x</b> \u202e\0".replace("\0", "\x01") + "😀" + "y" * 100_000


async def show(window: DeskView, position: int = 0) -> None:
    window.show_page("locks")
    window.pages.get("locks").kinds.choose(position)
    await until(lambda: window.pages.get("locks").table.model().rowCount(), what="locks to show")


def column(table: QTableView, position: int) -> list[str]:
    model = table.model()
    return [model.index(row, position).data() for row in range(model.rowCount())]


async def choose(window: DeskView, row: int) -> None:
    window.pages.get("locks").table.selectRow(row)
    await until(lambda: window.pages.get("locks").chain.selected_rows(), what="the lock's jobs")


async def test_locks_show_their_state_and_the_jobs_of_the_selected_one(dsn: str, tmp_path: Path) -> None:
    with Others(dsn) as others:
        running = others.defer(lock="acct-7")
        others.start(running)
        waiting = [others.defer(lock="acct-7") for _ in range(2)]
        head = others.defer(lock="later", scheduled_at="2090-01-01")
        others.defer(lock="later")
        async with live(tmp_path, dsn) as window:
            await show(window)
            page = window.pages.get("locks")
            assert column(page.table, 0) == ["later", "acct-7"]
            assert column(page.table, 1) == ["blocked: scheduled later", "held by a running job"]
            assert page.note.whole == "1 blocked · 2 locks"
            await choose(window, 1)
            assert column(page.chain.table, 0) == [f"#{job_id}" for job_id in (running, *waiting)]
            assert column(page.chain.table, 4)[1] == f"Waiting for #{running}, which is running."
            await choose(window, 0)
            await until(lambda: [row.id for row in page.selected_rows()] == [head], what="the head to be selected")
            assert "blocks those behind it" in column(page.chain.table, 4)[0]


async def test_the_head_that_blocks_is_cancelled_from_here_and_the_list_follows(dsn: str, tmp_path: Path) -> None:
    with Others(dsn) as others:
        head = others.defer(lock="l", scheduled_at="2090-01-01")
        for _ in range(2):
            others.defer(lock="l")
        async with live(tmp_path, dsn) as window:
            await show(window)
            assert window.all_actions["job.cancel"].toolTip() == "Select a job first."
            await choose(window, 0)
            assert window.all_actions["job.cancel"].isEnabled() and not window.all_actions["job.retry"].isEnabled()
            window.window().activateWindow()
            QTest.keySequence(window.pages.get("locks").chain.table, QKeySequence("Del"))
            dialog = await until(
                lambda: next((each for each in window.findChildren(QDialog) if each.isVisible()), None), what="a dialog"
            )
            verb: QPushButton = dialog.verb
            await until(verb.isEnabled)
            verb.click()
            await until(lambda: others.status(head) == "cancelled", what="the head to be cancelled")
            state = "free: next waits for a worker"
            await until(lambda: column(window.pages.get("locks").table, 1) == [state], what="the list to follow")
            assert window.pages.get("locks").selected_locks(), "the lock stays selected"


@pytest.mark.parametrize(("position", "expected"), [(0, "lock:l"), (1, "queueing_lock:l")])
async def test_a_lock_leads_to_its_jobs(dsn: str, tmp_path: Path, position: int, expected: str) -> None:
    with Others(dsn) as others:
        first = others.defer(lock="l", queueing_lock="l")
        second = others.defer(lock="l")
        async with live(tmp_path, dsn) as window:
            await show(window, position)
            await choose(window, 0)
            QTest.keyClick(window.pages.get("locks").table, Qt.Key.Key_Return)
            await until(lambda: window.pages.get("jobs").isVisible() and window.jobs.model.rowCount())
            assert window.jobs.model.job_filter.text == expected
            await show(window, position)
            await choose(window, 0)
            if position == 0:
                window.pages.get("locks").chain.table.selectAll()
            window.pages.get("locks").chain.go.click()
            wanted = {first, second} if position == 0 else {first}
            await until(lambda: set(window.jobs.model.ids()) == wanted, what="the jobs by their numbers")


async def test_a_failed_job_whose_queueing_lock_was_taken_again_is_shown(dsn: str, tmp_path: Path) -> None:
    with Others(dsn) as others:
        failed = others.defer(queueing_lock="digest")
        others.start(failed)
        others.finish(failed, "failed")
        holder = others.defer(queueing_lock="digest")
        async with live(tmp_path, dsn) as window:
            await show(window, 1)
            await choose(window, 0)
            assert window.pages.get("locks").selected_locks()[0].state is LockState.TAKEN_AGAIN
            assert column(window.pages.get("locks").chain.table, 0) == [f"#{holder}", f"#{failed}"]
            assert "a retry would be refused" in column(window.pages.get("locks").chain.table, 4)[1]


async def test_new_waiters_show_by_themselves_and_the_selection_stays(dsn: str, tmp_path: Path) -> None:
    with Others(dsn) as others:
        for lock in ("a", "a", "b", "b"):
            others.defer(lock=lock)
        async with live(tmp_path, dsn) as window:
            await show(window)
            await choose(window, 1)
            others.run("UPDATE procrastinate_jobs SET lock = 'c' WHERE lock = 'a'")
            others.defer(lock="b")
            await until(lambda: column(window.pages.get("locks").table, 2) == ["1", "2"], what="the new waiter")
            assert [lock.name for lock in window.pages.get("locks").selected_locks()] == ["b"]
            assert window.pages.get("locks").chain.title.whole == "b"


async def test_a_hidden_page_reads_nothing(dsn: str, tmp_path: Path) -> None:
    with Others(dsn) as others:
        others.defer(lock="l")
        others.defer(lock="l")
        async with live(tmp_path, dsn) as window:
            window.pages.get("locks").read_again()
            assert not window.pages.get("locks")._work.is_running("read locks")
            await show(window)
            window.pages.get("locks").read_again()
            window.show_page("jobs")
            await until(
                lambda: not window.pages.get("locks")._work.is_running("read locks"), what="the read to be cancelled"
            )


async def test_a_search_finds_a_lone_lock_and_says_when_there_is_none(dsn: str, tmp_path: Path) -> None:
    with Others(dsn) as others:
        others.defer(lock="Lonely")
        async with live(tmp_path, dsn) as window:
            window.show_page("locks")
            page = window.pages.get("locks")
            await until(lambda: page.empty.isVisible() and page.empty.title == "No job holds a lock or waits for one")
            QTest.keyClicks(page.search, "lone")
            await until(lambda: column(page.table, 0) == ["Lonely"])
            QTest.keyClicks(page.search, "x")
            await until(lambda: page.empty.isVisible() and page.empty.title == "No lock name contains this")


async def test_a_lock_of_hostile_text_is_shown_as_it_is(dsn: str, tmp_path: Path) -> None:
    with Others(dsn) as others:
        # An index takes no row of 100,000 characters unless they compress well.
        for _ in range(2):
            others.defer("<i>task</i>", lock=HOSTILE)
        async with live(tmp_path, dsn) as window:
            await show(window)
            await choose(window, 0)
            shown = column(window.pages.get("locks").table, 0)[0]
            assert HOSTILE.startswith(shown[:-1]) and len(shown) < 300
            assert window.pages.get("locks").chain.title.textFormat() is Qt.TextFormat.PlainText
            assert window.pages.get("locks").grab().width() > 0
            window.pages.get("locks").table.customContextMenuRequested.emit(QPoint(5, 5))
            await until(lambda: window.pages.get("locks")._menu.isVisible())
            window.pages.get("locks")._menu.close()


async def test_several_locks_act_on_their_heads(dsn: str, tmp_path: Path) -> None:
    with Others(dsn) as others:
        ids = [others.defer(lock=lock) for lock in ("a", "a", "b", "b")]
        async with live(tmp_path, dsn) as window:
            await show(window)
            window.pages.get("locks").table.selectAll()
            assert [row.id for row in window.selected_rows()] == [ids[0], ids[2]]
            assert "2 locks selected" in window.pages.get("locks").chain.title.whole
            window.show_page("jobs")
            assert window.selected_rows() == window.jobs.selected_rows()


async def test_a_lost_connection_leaves_the_locks_as_they_were(dsn: str, tmp_path: Path) -> None:
    with Others(dsn) as others:
        others.defer(lock="l")
        others.defer(lock="l")
        async with live(tmp_path, dsn) as window:
            await show(window)
            await desk_of(window).connector.close_async()
            window.pages.get("locks").read_again()
            await until(lambda: not window.pages.get("locks")._work.is_running("read locks"))
            assert column(window.pages.get("locks").table, 0) == ["l"]


@pytest.mark.parametrize("width", [1024, 1280])
async def test_a_long_name_leaves_every_other_column_in_sight(dsn: str, tmp_path: Path, width: int) -> None:
    with Others(dsn) as others:
        for _ in range(2):
            others.defer("t" * 128, lock=HOSTILE)
        others.defer("t" * 128, queueing_lock=HOSTILE)
        async with live(tmp_path, dsn) as window:
            window.window().resize(width, 700)
            for position in (0, 1):
                await show(window, position)
                await choose(window, 0)
                for table in (window.pages.get("locks").table, window.pages.get("locks").chain.table):
                    assert table.horizontalHeader().length() == table.viewport().width()


@pytest.mark.parametrize("width", [1024, 1280])
async def test_what_is_said_of_the_jobs_of_a_lock_has_room(dsn: str, tmp_path: Path, width: int) -> None:
    with Others(dsn) as others:
        for _ in range(3):
            others.defer(lock="acct-7")
        async with live(tmp_path, dsn) as window:
            window.window().resize(width, 700)
            await show(window)
            chain = window.pages.get("locks").chain
            assert chain.title.text() == chain.title.whole
            await choose(window, 0)
            assert chain.note.whole == "3 jobs, in the order workers take them"
            await until(lambda: chain.note.text() == chain.note.whole, what="all of it to be in sight")


async def test_each_list_of_locks_keeps_its_own_columns(dsn: str, tmp_path: Path) -> None:
    with Others(dsn) as others:
        for _ in range(2):
            others.defer(lock="l", queueing_lock=None)
        others.defer(queueing_lock="q")
        async with live(tmp_path, dsn) as window:
            await show(window)
            locks = window.pages.get("locks").table
            assert locks.columns is not None
            locks.columns.show_column("task", False)
            await show(window, 1)
            others_columns = window.pages.get("locks").table.columns
            assert others_columns is not None and not others_columns.choice()
            taken = window.arrangement.taken()
            assert list(taken["columns"]) == ["locks"] and "task" in taken["columns"]["locks"]["hidden"]
            locks.columns.reset()
            window.arrangement.put(taken)
            await show(window)
            assert window.pages.get("locks").table.isColumnHidden(list(columns_of(LockKind.LOCK)).index("task"))


async def test_it_is_said_since_when_failed_jobs_are_looked_for(dsn: str, tmp_path: Path) -> None:
    with Others(dsn) as others:
        failed = others.defer(queueing_lock="q")
        others.start(failed)
        others.finish(failed, "failed")
        others.defer(queueing_lock="q")
        async with live(tmp_path, dsn) as window:
            await show(window, 1)
            assert window.pages.get("locks").note.whole == "1 taken again · 1 queueing lock"
            since = "2001-02-03 04:05:06+00"
            others.run(
                "INSERT INTO procrastinate_events (job_id, type, at) SELECT %s, 'started', %s::timestamptz "
                "FROM generate_series(1, %s)",
                failed,
                since,
                LOOKED_EVENTS,
            )
            window.pages.get("locks").read_again()
            words = f"Failed jobs since {formats.local(dt.datetime.fromisoformat(since))} are included."
            await until(lambda: words in window.pages.get("locks").note.whole, what="the limit to be told")
