"""Exporting from the window: the whole list and the selected jobs, while jobs change; its stop and its failures."""

from __future__ import annotations

import asyncio
import csv
import errno
import json
from pathlib import Path

import pytest
from jobdesk.exporting import export
from jobdesk.exporting.dialog import ExportDialog
from jobdesk.exporting.leaving import ExportLeaveDialog
from jobdesk.window.desk_view import DeskView
from jobdesk_core.database.limited import StatementTooLong
from jobdesk_core.exceptions import ConnectorException
from jobdesk_core.reading.export import ExportIncomplete
from opened import Others, closed, dialog_of, live
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QFileDialog, QPushButton
from waiting import until

JOBS = 12_121


def fill(dsn: str, jobs: int) -> None:
    with Others(dsn) as others:
        others.run("SET session_replication_role = replica")
        others.run(
            "INSERT INTO procrastinate_jobs (task_name, queue_name, args) "
            "SELECT 'mail.send', CASE WHEN n %% 2 = 0 THEN 'mail' ELSE 'other' END, "
            "jsonb_build_object('n', n, 'password', 'geheim') "
            f"FROM generate_series(1, {jobs}) AS n"
        )


def files(folder: Path) -> list[str]:
    return sorted(each.name for each in folder.iterdir())


async def counted(window: DeskView) -> None:
    def is_exact() -> bool:
        count = window.jobs.reading.whole_count()
        return count is not None and count.is_exact

    await until(is_exact, timeout_s=30, what="the count")


async def export_dialog(window: DeskView) -> ExportDialog:
    window.all_actions["list.export"].trigger()
    return await dialog_of(window, ExportDialog)


def names(dialog: ExportDialog) -> list[str]:
    """The choices of jobs."""
    return [button.text() for button in dialog.what.findChildren(QPushButton)]


async def test_the_whole_list_goes_into_a_file_while_jobs_change(dsn: str, tmp_path: Path) -> None:
    fill(dsn, JOBS)
    path = tmp_path / "jobs.csv"
    with Others(dsn) as others:
        async with live(tmp_path, dsn) as window:
            await counted(window)
            dialog = await export_dialog(window)
            assert names(dialog) == ["All 12,121"] and window.jobs.model.rowCount() < JOBS
            QTest.mouseClick(dialog.verb, Qt.MouseButton.LeftButton)
            chooser = await dialog_of(window, QFileDialog)
            chooser.fileSelected.emit(str(path))
            chooser.done(0)
            await closed(window)
            while not window.banners.sentence:
                # Someone else's jobs come, go and change all the while.
                others.run(
                    "WITH gone AS (DELETE FROM procrastinate_jobs WHERE id = (SELECT min(id) FROM procrastinate_jobs)) "
                    "INSERT INTO procrastinate_jobs (task_name, queue_name) VALUES ('late', 'late')"
                )
                others.run("UPDATE procrastinate_jobs SET queue_name = 'x' WHERE id = %s", 6_000)
                await asyncio.sleep(0.01)
            assert window.banners.sentence.startswith(f"Exported 12,121 jobs to {path}, as of ")
    lines = list(csv.DictReader(path.read_text("utf-8").splitlines()))
    ids = [int(line["id"]) for line in lines]
    assert ids == sorted(set(ids), reverse=True) and len(ids) == JOBS
    assert "geheim" not in path.read_text("utf-8") and json.loads(lines[-1]["args"])["password"] == "••••••"
    assert path.stat().st_mode & 0o777 == 0o600


async def test_the_filtered_list_and_the_selected_jobs_in_every_format(dsn: str, tmp_path: Path) -> None:
    fill(dsn, 900)
    with Others(dsn) as others:
        async with live(tmp_path, dsn) as window:
            window.ask_for("queue:mail")
            await until(lambda: window.jobs.model.rowCount() and not window.jobs.reading.is_reading)
            await counted(window)
            window.jobs.table.select([900, 898, 896])
            await until(lambda: len(window.selected_rows()) == 3)
            dialog = await export_dialog(window)
            assert names(dialog) == ["All 450 that match", "3 selected"]
            dialog.kind.choose(2)
            assert not dialog.bom.isEnabled()
            dialog.secrets.setChecked(True)
            dialog.write_to(tmp_path / "all.ndjson")
            await until(lambda: window.banners.sentence.startswith("Exported 450 jobs"), what="the end")
            lines = [json.loads(line) for line in (tmp_path / "all.ndjson").read_text("utf-8").splitlines()]
            assert [line["id"] for line in lines] == list(range(900, 0, -2))
            assert lines[0]["args"] == {"n": 900, "password": "geheim"}

            dialog = await export_dialog(window)
            dialog.what.choose(1)
            dialog.kind.choose(1)
            others.run("DELETE FROM procrastinate_jobs WHERE id = 898")
            dialog.write_to(tmp_path / "some.json")
            await until(lambda: "1 selected job is no longer there." in window.banners.sentence, what="the end")
            assert window.banners.sentence.startswith("Exported 2 jobs")
            assert [job["id"] for job in json.loads((tmp_path / "some.json").read_text("utf-8"))] == [900, 896]

            window.jobs.table.select([900])
            dialog = await export_dialog(window)
            dialog.what.choose(1)
            dialog.bom.setChecked(True)
            dialog.write_to(tmp_path / "one.csv")
            await until(lambda: window.banners.sentence.startswith("Exported 1 job to"), what="the end")
            assert (tmp_path / "one.csv").read_bytes().startswith(b"\xef\xbb\xbfid,")


async def lock_events(others: Others) -> None:
    """Beside the loop: what the desk is reading must end there before the lock can come."""
    await asyncio.to_thread(others.run, "LOCK TABLE procrastinate_events IN ACCESS EXCLUSIVE MODE")


async def test_stop_in_the_footer_leaves_no_file_and_says_so(dsn: str, tmp_path: Path) -> None:
    fill(dsn, JOBS)
    folder = tmp_path / "out"
    folder.mkdir()
    with Others(dsn) as others:
        async with live(tmp_path, dsn) as window:
            await counted(window)
            dialog = await export_dialog(window)
            # A lock on a table that each page reads holds the export up.
            others.run("BEGIN")
            await lock_events(others)
            dialog.write_to(folder / "jobs.csv")
            await until(window.footer.stop.isVisible, what="Stop")
            assert "jobs.csv: 0 of 12,121 jobs" in window.footer.doing.text()
            assert [name[-5:] for name in files(folder)] == [".part"]
            QTest.mouseClick(window.footer.stop, Qt.MouseButton.LeftButton)
            await until(lambda: window.banners.sentence, what="the end")
            others.run("ROLLBACK")
            assert window.banners.sentence == (f"The export was stopped. Nothing was written to {folder / 'jobs.csv'}.")
            assert files(folder) == []
            await until(lambda: not window.footer.stop.isVisible())


async def test_quitting_and_disconnecting_ask_while_an_export_runs(dsn: str, tmp_path: Path) -> None:
    fill(dsn, 300)
    folder = tmp_path / "out"
    folder.mkdir()
    with Others(dsn) as others:
        async with live(tmp_path, dsn) as window:
            await counted(window)
            dialog = await export_dialog(window)
            others.run("BEGIN")
            await lock_events(others)
            dialog.write_to(folder / "jobs.csv")
            ended: list[str] = []
            window.ask_to_end(lambda: ended.append("quit"))
            asks = await dialog_of(window, ExportLeaveDialog)
            assert asks.verb.text() == "Stop it and close" and "jobs.csv: 0 of 300 jobs" in asks.sentence.text()
            QTest.keyClick(asks, Qt.Key.Key_Escape)
            await closed(window)
            await until(lambda: len(files(folder)) == 1, what="the export that goes on")
            assert not ended
            window.all_actions["connection.close"].trigger()
            asks = await dialog_of(window, ExportLeaveDialog)
            assert asks.verb.text() == "Stop it and disconnect"
            QTest.mouseClick(asks.verb, Qt.MouseButton.LeftButton)
            await until(lambda: window.session.desk is None, timeout_s=30, what="the end of the connection")
            others.run("ROLLBACK")
            assert files(folder) == []
            window.ask_to_end(lambda: ended.append("quit"))
            assert ended == ["quit"]


async def test_the_arguments_shown_as_columns_are_columns_of_the_csv(dsn: str, tmp_path: Path) -> None:
    fill(dsn, 3)
    async with live(tmp_path, dsn) as window:
        await counted(window)
        for path in (("n",), ("password",)):
            window.jobs.show_argument(path)
        dialog = await export_dialog(window)
        dialog.write_to(tmp_path / "jobs.csv")
        await until(lambda: window.banners.sentence.startswith("Exported 3 jobs"), what="the end")
        lines = list(csv.DictReader((tmp_path / "jobs.csv").read_text("utf-8").splitlines()))
        assert [(line["args.n"], line["args.password"]) for line in lines] == [(n, "••••••") for n in "321"]


async def test_a_failure_ends_in_a_sentence_with_its_remedy_and_leaves_no_file(dsn: str, tmp_path: Path) -> None:
    fill(dsn, JOBS)
    with Others(dsn) as others:
        async with live(tmp_path, dsn) as window:
            dialog = await export_dialog(window)
            dialog.write_to(tmp_path / "away" / "jobs.csv")
            await until(lambda: window.banners.bars, what="the end")
            assert window.banners.bars[0].text == (
                f"Nothing was written to {tmp_path / 'away' / 'jobs.csv'}: the folder {tmp_path / 'away'} "
                "does not exist.  Export somewhere else."
            )
            window.banners.clear()
            dialog = await export_dialog(window)
            others.run("BEGIN")
            await lock_events(others)
            dialog.write_to(tmp_path / "jobs.csv")
            with Others(dsn) as third:
                # The whole link goes: everything of the window that waits now.
                lost = (
                    "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
                    "WHERE wait_event_type = 'Lock' AND datname = current_database()"
                )

                def is_told() -> bool:
                    third.run(lost)
                    return bool(window.banners.bars)

                await until(is_told, what="the end")
            others.run("ROLLBACK")
            assert window.banners.sentence.startswith("The export failed, and nothing was written. ")
            assert window.banners.bars[0].kind == "bad"
            assert not [name for name in files(tmp_path) if "jobs" in name and name != "journal.sqlite"]


@pytest.mark.parametrize(
    ("error", "said", "remedy"),
    [
        (OSError(errno.ENOSPC, "x"), "there is no space left in /a.", "Free some space, or export somewhere else."),
        (PermissionError(errno.EACCES, "x"), "you may not write to /a.", "Export somewhere else."),
        (OSError(errno.EROFS, "x"), "/a cannot be written to.", "Export somewhere else."),
        (ExportIncomplete("1 of 2."), "The export was given up: 1 of 2.", "Export again."),
        (StatementTooLong(), "more than a minute", "Narrow the filter, or look for an index that makes it fast."),
        (ConnectorException("gone"), "nothing was written", "Export again."),
    ],
)
def test_the_words_of_failures(error: Exception, said: str, remedy: str) -> None:
    sentence, remedy = export.failure_words(error, Path("/a/b.csv"))
    assert said in sentence and remedy.endswith(remedy)
