"""The dialog that advises an index: it shows, it copies, and only its verb creates."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest
from database import connected, run_sql
from jobdesk.jobs.index_advice import IndexAdviceDialog
from jobdesk.window.desk_view import DeskView
from jobdesk_core import PsycopgConnector
from jobdesk_core.filters.language import JobFilter
from jobdesk_core.indexes.advice import advise, create, leftovers
from named import unnamed
from opened import closed, desk_of, dialog_of, live
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QDialog
from waiting import until

FILTER = 'task:"<b>other</b>"'
EXISTS = "SELECT indisvalid FROM pg_index WHERE indexrelid::regclass::text LIKE 'jobdesk%'"


@contextlib.asynccontextmanager
async def advised(dsn: str, refusal: bool = False) -> AsyncIterator[tuple[IndexAdviceDialog, PsycopgConnector]]:
    """The dialog, open on real advice for a table of some thousand jobs."""
    run_sql(
        dsn,
        "SET session_replication_role = replica; INSERT INTO procrastinate_jobs (queue_name, task_name) "
        "SELECT 'q', 't' FROM generate_series(1, 5000); RESET session_replication_role; ANALYZE procrastinate_jobs",
    )
    async with connected(dsn, max_size=3) as (connector, able):
        advice = await advise(connector, able, JobFilter.parse(FILTER), slow_cost=0.0)
        assert advice is not None
        dialog = IndexAdviceDialog(
            None,
            advice=advice,
            filter_text=FILTER,
            create=lambda: create(connector, advice),
            leftovers=lambda: leftovers(connector),
        )
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose, False)
        dialog.open()
        try:
            yield dialog, connector
        finally:
            dialog.done(0)
            dialog.deleteLater()


async def test_the_advice_is_shown_and_copied_and_nothing_is_created_by_itself(dsn: str) -> None:
    async with advised(dsn) as (dialog, _):
        assert not list(unnamed(dialog))
        assert dialog.fields.value("filter") == FILTER
        assert "MB" in dialog.fields.value("size") and "deferred" in dialog.fields.value("cost to writers")
        assert dialog.sql.toPlainText().startswith("CREATE INDEX CONCURRENTLY") and dialog.sql.isReadOnly()
        QTest.mouseClick(dialog.copy_button, Qt.MouseButton.LeftButton)
        assert QApplication.clipboard().text() == dialog.sql.toPlainText()
        dialog.reject()
        assert run_sql(dsn, EXISTS) == []


async def test_the_verb_creates_the_index_and_closes_the_dialog(dsn: str) -> None:
    async with advised(dsn) as (dialog, _):
        QTest.mouseClick(dialog.verb, Qt.MouseButton.LeftButton)
        await until(lambda: dialog.result() == QDialog.DialogCode.Accepted, what="the dialog to close")
        assert run_sql(dsn, EXISTS) == [True]


@pytest.mark.parametrize("by", ["cancel", "failure"])
async def test_a_creation_that_is_not_finished_tells_what_is_left(dsn: str, by: str) -> None:
    async with advised(dsn) as (dialog, connector):
        with psycopg.connect(dsn) as writer:
            writer.execute("UPDATE procrastinate_jobs SET attempts = 1 WHERE id = 1")
            QTest.mouseClick(dialog.verb, Qt.MouseButton.LeftButton)
            waits = "SELECT pid FROM pg_stat_activity WHERE query LIKE 'CREATE INDEX%' AND wait_event_type = 'Lock'"
            (pid,) = await until(lambda: run_sql(dsn, waits), what="the creation to wait")
            assert not dialog.verb.isEnabled()
            if by == "cancel":
                QTest.mouseClick(dialog.cancel_button, Qt.MouseButton.LeftButton)
            else:
                run_sql(dsn, "SELECT pg_cancel_backend(%s)", pid)
            await until(lambda: "DROP INDEX CONCURRENTLY" in dialog.message.text, what="what is left to be told")
        assert dialog.isVisible() and dialog.verb.isEnabled()
        assert run_sql(dsn, EXISTS) == [False]
        (left,) = await leftovers(connector)
        assert left.drop_sql in dialog.message.text


@contextlib.asynccontextmanager
async def searching(dsn: str, folder: Path) -> AsyncIterator[DeskView]:
    """A window on a table that is large enough for an index to count."""
    run_sql(
        dsn,
        "SET session_replication_role = replica; INSERT INTO procrastinate_jobs (queue_name, task_name, lock) "
        "SELECT 'q', 't', 'lock-' || n FROM generate_series(1, 50000) AS n; RESET session_replication_role; "
        "ANALYZE procrastinate_jobs",
    )
    async with live(folder, dsn) as window:
        yield window


async def test_a_search_that_becomes_slow_offers_the_index_and_a_click_shows_it(dsn: str, tmp_path: Path) -> None:
    async with searching(dsn, tmp_path) as window:
        window.jobs.index_offer.slow_s = 0.0
        window.header.filter_bar.set_text("lock:lock-77")
        await until(window.jobs.toolbar.faster.isVisible, what="the offer")
        QTest.mouseClick(window.jobs.toolbar.faster, Qt.MouseButton.LeftButton)
        dialog = await dialog_of(window, IndexAdviceDialog)
        assert "(lock, id)" in dialog.sql.toPlainText() and dialog.verb.isEnabled()
        QTest.mouseClick(dialog.verb, Qt.MouseButton.LeftButton)
        await closed(window)
        assert run_sql(dsn, EXISTS) == [True] and not window.jobs.toolbar.faster.isVisible()
        window.header.filter_bar.set_text("lock:lock-78")
        await until(lambda: window.jobs.model.is_complete and not window.jobs.reading.is_reading)
        assert not window.jobs.toolbar.faster.isVisible()


@pytest.mark.parametrize("is_read_only", [False, True])
async def test_advice_is_there_from_the_menu_for_any_filter(dsn: str, tmp_path: Path, is_read_only: bool) -> None:
    async with searching(dsn, tmp_path) as window:
        desk_of(window).profile = replace(desk_of(window).profile, is_read_only=is_read_only)
        action = window.all_actions["view.index"]
        assert not action.isEnabled() and "filter" in action.toolTip()
        window.header.filter_bar.set_text("queueing_lock:x")
        action.trigger()
        await until(lambda: "no index" in window.message.sentence, what="the sentence")
        window.jobs.index_offer.slow_s = 0.0
        window.header.filter_bar.set_text("queueing_lock:y")
        await until(window.jobs.toolbar.faster.isVisible, what="the offer")
        action.trigger()
        dialog = await dialog_of(window, IndexAdviceDialog)
        assert dialog.verb.isEnabled() is not is_read_only
