"""The Journal page in the real window: what was done shows, is found, exported and undone."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

import pytest
from jobdesk.acting.undo import UndoDialog
from jobdesk.window.desk_view import DeskView
from jobdesk_core.database.marks import read_server
from jobdesk_core.journal import Header, Record
from jobdesk_core.journal.record import Planned
from jobdesk_core.operations.commits import committing
from jobdesk_core.operations.outcomes import Outcomes
from journals import write
from opened import Others, closed, dialog_of, live, opened
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QDialog, QFileDialog
from waiting import until


async def act(window: DeskView, key: str, job_id: int) -> None:
    """Do it as an operator does: select the job, and take the action's dialog."""
    window.show_page("jobs")
    await until(lambda: window.jobs.inspect(job_id), what="the job to show")
    await until(window.all_actions[key].isEnabled)
    window.all_actions[key].trigger()
    dialog = await until(lambda: next((each for each in window.findChildren(QDialog) if each.isVisible()), None))
    await until(dialog.verb.isEnabled)
    dialog.verb.click()
    await until(lambda: not dialog.verb.isEnabled() or not dialog.isVisible())
    await _close(dialog, window)


async def _close(dialog: QDialog, window: DeskView) -> None:
    await closed(window)


async def show(window: DeskView, entries: int) -> None:
    window.show_page("journal")
    await until(lambda: window.pages.get("journal").model.rowCount() == entries, what=f"{entries} entries")


def sentences(window: DeskView) -> list[str]:
    model = window.pages.get("journal").model
    return [model.index(row, 0).data() for row in range(model.rowCount())]


async def wrote(window: DeskView, **changes: object) -> int:
    """An entry by another window."""
    header = {"action": "retry", "sentence": "Retry", "profile": "p", "place": "d", "role": "r", "sql": ""} | changes
    record = Record(4_711, "done", str(header["sentence"]))
    return await write(window.session.journal, Header(**header), [record])  # type: ignore[arg-type]


@pytest.mark.parametrize("key", ["job.cancel", "job.delete"])
async def test_what_was_cancelled_is_deferred_again_from_the_journal(dsn: str, tmp_path: Path, key: str) -> None:
    with Others(dsn) as others:
        job_id = others.defer(args='{"a": 1}', lock="l")
        async with live(tmp_path, dsn) as window:
            await act(window, key, job_id)
            await show(window, 1)
            window.pages.get("journal").table.selectRow(0)
            page = window.pages.get("journal")
            await until(lambda: page.detail.model.rowCount() == 1, what="its jobs")
            assert "procrastinate_jobs" in page.detail.sql.plain_text
            assert page.detail.undo.isEnabled(), page.detail.undo.toolTip()
            page.detail.undo.click()
            dialog = await dialog_of(window, UndoDialog)
            await until(dialog.verb.isEnabled, what="the preflight")
            assert dialog.verb.text() == "Undo 1 job"
            dialog.verb.click()
            await closed(window)
            await show(window, 2)
            assert others.run("SELECT args->>'a' FROM procrastinate_jobs WHERE status = 'todo' AND lock = 'l'") == "1"
            await until(lambda: "Undid 1 job" in window.banners.sentence, what="the banner")
            await until(lambda: "undone" in page.model.index(1, 2).data(), what="the entry to be marked")
            page.table.selectRow(1)
            assert not page.detail.undo.isEnabled() and "has been undone" in page.detail.undo.toolTip()


async def test_an_undo_that_is_no_longer_possible_says_why_and_does_nothing(dsn: str, tmp_path: Path) -> None:
    with Others(dsn) as others:
        job_id = others.defer()
        async with live(tmp_path, dsn) as window:
            await act(window, "job.cancel", job_id)
            others.run("DELETE FROM procrastinate_jobs")
            await show(window, 1)
            window.pages.get("journal").table.selectRow(0)
            window.pages.get("journal").detail.undo.click()
            dialog = await dialog_of(window, UndoDialog)
            await until(lambda: "no longer there" in dialog.sentence.text(), what="the preflight")
            assert not dialog.verb.isEnabled()


async def test_the_journal_is_searched(dsn: str, tmp_path: Path) -> None:
    async with live(tmp_path, dsn) as window:
        await wrote(window, sentence="Retry one", profile="staging")
        await wrote(window, sentence="Cancel two", action="cancel", sql="SELECT 100%")
        await show(window, 2)
        bar = window.pages.get("journal").toolbar
        for text, expected in {"100%": ["Cancel two"], "#4,711": ["Cancel two", "Retry one"], "nothing": []}.items():
            bar.text.clear()
            QTest.keyClicks(bar.text, text)
            await until(lambda expected=expected: sentences(window) == expected, what=text)
        assert window.pages.get("journal")._empty.title == "No entry matches this search"
        bar.text.clear()
        await show(window, 2)
        bar.action.setCurrentIndex(bar.action.findData("cancel"))
        await until(lambda: sentences(window) == ["Cancel two"])
        bar.action.setCurrentIndex(0)
        bar.profile.setCurrentIndex(bar.profile.findData("staging"))
        await until(lambda: sentences(window) == ["Retry one"])
        bar.profile.setCurrentIndex(0)
        bar.outcome.setCurrentIndex(bar.outcome.findData("unknown"))
        await until(lambda: sentences(window) == [])


async def test_what_another_window_does_shows_by_itself(dsn: str, tmp_path: Path) -> None:
    async with live(tmp_path, dsn) as window:
        window.show_page("journal")
        await until(lambda: window.pages.get("journal")._empty.isVisible(), what="the empty state")
        first = await wrote(window, sentence="First")
        await until(lambda: sentences(window) == ["First"])
        window.pages.get("journal").table.selectRow(0)
        await wrote(window, sentence="Second")
        await until(lambda: sentences(window) == ["Second", "First"])
        chosen = window.pages.get("journal").selected()
        assert chosen is not None and chosen.id == first, "the selection moves with its entry"


async def test_the_journal_is_read_without_a_connection_and_cannot_be_undone_there(tmp_path: Path) -> None:
    async with opened(tmp_path) as window:
        await wrote(window, action="cancel", sentence="<b>Cancel</b>\n" + "x" * 100_000 + "\u202e😀")
        await show(window, 1)
        window.pages.get("journal").table.selectRow(0)
        assert not window.pages.get("journal").detail.undo.isEnabled()
        assert "Connect to p first" in window.pages.get("journal").detail.undo.toolTip()
        assert window.window().grab().width() > 0


@pytest.mark.parametrize("name", ["journal.csv", "journal.ndjson"])
async def test_what_was_found_is_exported(dsn: str, tmp_path: Path, name: str) -> None:
    async with live(tmp_path, dsn) as window:
        await wrote(window, sentence="Retry one")
        await show(window, 1)
        window.pages.get("journal").toolbar.export.click()
        dialog = await dialog_of(window, QFileDialog)
        dialog.reject()
        path = tmp_path / name
        window.pages.get("journal").export(path)
        await until(lambda: "Exported 1 lines" in window.message.sentence, what="the export")
        content = path.read_text("utf-8")
        assert "Retry one" in content
        if name.endswith("ndjson"):
            assert json.loads(content)["job_id"] == 4_711


async def test_a_journal_that_cannot_be_written_is_told_and_the_action_is_done(dsn: str, tmp_path: Path) -> None:
    with Others(dsn) as others:
        job_id = others.defer()
        (tmp_path / "journal.sqlite").mkdir()
        async with live(tmp_path, dsn) as window:
            await act(window, "job.cancel", job_id)
            await until(lambda: others.status(job_id) == "cancelled")
            window.show_page("journal")
            await until(lambda: "cannot be" in window.pages.get("journal").toolbar.note, what="the reason")


async def test_a_long_journal_grows_as_it_is_scrolled(dsn: str, tmp_path: Path) -> None:
    async with live(tmp_path, dsn) as window:
        for _ in range(205):
            await write(window.session.journal, Header(action="a", sentence="s", profile="p", place="d", role="r"))
        await show(window, 200)
        bar = window.pages.get("journal").table.verticalScrollBar()
        bar.setValue(bar.maximum())
        await until(lambda: window.pages.get("journal").model.rowCount() == 205, what="the rest")


@pytest.mark.parametrize("width", [1024, 1280])
async def test_every_column_that_is_shown_is_in_sight(tmp_path: Path, width: int) -> None:
    async with opened(tmp_path) as window:
        window.window().resize(width, 700)
        await wrote(window, sentence="Retry " + "x" * 300, profile="p" * 100)
        await show(window, 1)
        page = window.pages.get("journal")
        page.table.selectRow(0)
        await until(lambda: page.detail.model.rowCount() == 1, what="its jobs")
        for table in (page.table, page.detail.table):
            assert table.horizontalHeader().length() == table.viewport().width()


async def test_what_is_in_doubt_is_looked_up_when_the_window_is_connected(dsn: str, tmp_path: Path) -> None:
    with Others(dsn) as others:
        job_id = others.defer()
        async with live(tmp_path, dsn) as window:
            desk = window.session.desk
            assert desk is not None
            journal, server = desk.journal, await read_server(desk.connector.run_async)
            async with committing(desk.connector) as own:
                mark = await desk.connector.run_async(server.mark, connection=own.connection)
            header = Header(action="cancel", sentence="Cancel", profile="p", place="elsewhere", role="r")
            number = journal.begin_now(header, Planned([job_id], server=server.name))
            journal.stage_now(number, mark, [Outcomes([job_id], "done", "Cancelled job #{job}.")])
            journal.finish_now(number, "", [])
            entry = await journal.entry(number)
            assert entry is not None and entry.in_doubt == 1
            window.session.reopen()

            async def is_known() -> bool:
                known = await journal.entry(number)
                return known is not None and (known.in_doubt, known.done) == (0, 1)

            await until(is_known, what="the server to be asked")


KILLED = """
import os, pathlib, sys
from jobdesk_core.journal import Header, Journal
from jobdesk_core.journal.record import Planned
header = Header(action="cancel", sentence="Cancel 2 jobs", profile="p", place="q", role="r")
Journal(pathlib.Path(sys.argv[1])).begin_now(header, Planned([1, 2]))
os._exit(9)
"""


async def test_what_a_killed_window_left_is_told_where_nothing_is_connected_to(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite"
    killed = await asyncio.create_subprocess_exec(sys.executable, "-c", KILLED, str(path))
    assert await asyncio.wait_for(killed.wait(), 60) == 9
    async with opened(tmp_path) as window:
        await show(window, 1)
        model = window.pages.get("journal").model
        await until(lambda: "none of 2 done" in model.index(0, 2).data(), timeout_s=30, what="the end")
