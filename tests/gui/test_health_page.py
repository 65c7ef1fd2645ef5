"""The Health page: what was read, what to do with its SQL, and a purge by the preflight; read only when it is shown."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import psycopg
from aged import fill
from database import role, run_sql
from jobdesk.acting.preflight import PreflightDialog
from jobdesk.health import commands
from jobdesk.health.differences import DifferencesDialog
from jobdesk.health.page import HealthPage
from jobdesk.kit.roles import AnyIndex
from jobdesk.window.desk_view import DeskView
from jobdesk_core.health import ages
from opened import desk_of, dialog_of, ended, live
from PySide6.QtCore import Qt
from PySide6.QtGui import QFontMetrics
from PySide6.QtWidgets import QApplication, QPushButton
from waiting import until


async def shown(window: DeskView) -> HealthPage:
    """The page, once all of it has been read."""
    window.show_page("health")
    page = window.pages.get_as("health", HealthPage)
    await until(lambda: page.found is not None and page.found.is_whole, what="health to be read")
    return page


def texts(page: HealthPage, table: str) -> dict[str, list[str]]:
    """The cells of a table by its first one."""
    model = getattr(page, table).values
    rows = [[model.index(row, at).data() for at in range(model.columnCount())] for row in range(model.rowCount())]
    return {row[0]: row[1:] for row in rows}


def badge(window: DeskView) -> str:
    """The page's name with the number beside it."""
    return str(window.navigation._item("health").data(Qt.ItemDataRole.AccessibleTextRole) or "Health")


def tip(index: AnyIndex) -> str:
    return str(index.data(Qt.ItemDataRole.ToolTipRole) or "")


async def test_it_shows_what_is_and_leads_into_the_purge(dsn: str, tmp_path: Path) -> None:
    fill(dsn, ("succeeded", "1 hour", 5), ("succeeded", "40 days", 30), ("failed", "40 days", 4), ("todo", "1 hour", 2))
    async with live(tmp_path, dsn) as window:
        desk = desk_of(window)
        page = await shown(window)
        rows = texts(page, "ages")
        assert rows["succeeded"][:5] == ["5", "0", "0", "30", "35"] and rows["all"][:5] == ["7", "0", "0", "34", "41"]
        assert list(texts(page, "tables")) == ["jobs", "events", "periodic_defers", "workers"]
        assert page.side.well.text == "Schema as released in 3.4–3.10. Nothing to do." and not page.side.rows
        assert page.side.well.isVisible() and not page.side.differences.isVisible()
        assert not window.all_actions["health.differences"].isEnabled()
        assert badge(window) == "Health" and desk.advised == 0
        assert page.note.whole.startswith("schema public · read ")
        # The cells that the purge would empty.
        assert page.ages.emptied == {(2, 4), (3, 4)}
        page.side.retention.of.setCurrentIndex(1)
        assert page.ages.emptied == {(2, 4)} and "30 jobs" in page.side.retention.estimate.text()
        page.side.retention.preview.click()
        dialog = await dialog_of(window, PreflightDialog)
        await until(lambda: dialog.verb.isEnabled() and "30" in dialog.verb.text(), what="the preflight")
        dialog.verb.click()
        await ended(window)
        assert run_sql(dsn, "SELECT count(*) FROM procrastinate_jobs") == [11]
        # Their events are gone with them.
        assert run_sql(dsn, "SELECT count(*) FROM procrastinate_events") == [22]
        page.again.click()
        await until(lambda: texts(page, "ages")["succeeded"][3] == "0", what="the page to be read again")
        # No number of the sums, which are in bold, is cut.
        bold = page.ages.font()
        bold.setBold(True)
        widths = [page.ages.columnWidth(column) for column in (5, 6)]
        assert all(
            QFontMetrics(bold).horizontalAdvance(text) + 16 <= width
            for text, width in zip(("11,891,570", "152 MB"), widths, strict=True)
        ), widths
        run_sql(dsn, "DELETE FROM procrastinate_jobs WHERE id > 1")
        page.again.click()
        note = page._notes[page.ages]
        await until(lambda: note.whole.startswith("1 job; ") and "its events" in note.whole, what="one job")
        assert page.side.retention.sentence.plain_text == "No succeeded job is older than 30 days."
        run_sql(dsn, "DELETE FROM procrastinate_events")
        page.again.click()
        unknown = "No succeeded job is known to be older than 30 days."
        await until(
            lambda: page.side.retention.sentence.plain_text == unknown, what="one of which nothing tells its age"
        )


async def test_advice_has_its_sql_and_nothing_is_run(dsn: str, tmp_path: Path) -> None:
    fill(dsn, ("succeeded", "1 hour", 5))
    run_sql(dsn, "DROP INDEX procrastinate_jobs_priority_idx_v1")
    run_sql(dsn, "DROP INDEX procrastinate_jobs_lock_idx_v1")
    run_sql(dsn, "CREATE INDEX procrastinate_jobs_lock_idx_v1 ON procrastinate_jobs (lock) WHERE status = 'doing'")
    run_sql(dsn, "UPDATE procrastinate_jobs SET status = 'doing', lock = 'a' WHERE id < 3")
    run_sql(dsn, "CREATE INDEX mine ON procrastinate_jobs (attempts)")
    async with live(tmp_path, dsn) as window:
        page = await shown(window)
        assert [row.advice.title for row in page.side.rows] == ["An index is missing", "An index is altered"]
        await until(lambda: badge(window) == "Health, 2", what="the badge")
        missing, altered = page.side.rows
        assert missing.sql.isHidden()
        missing.show_button.click()
        assert missing.sql.isVisible() and missing.sql.toPlainText().startswith("CREATE INDEX CONCURRENTLY")
        next(button for button in missing.buttons if button.text() == "Copy").click()
        assert QApplication.clipboard().text() == missing.advice.sql
        states = {name: cells[0] for name, cells in texts(page, "indexes").items()}
        assert list(states.values())[:3] == ["missing", "altered", "extra"] and states["mine"] == "extra"
        assert page._notes[page.indexes].whole == "12 known, 1 missing, 1 extra, 1 altered"
        # Known ones beyond the first fold.
        assert "6 more" in states and len(states) == 10
        page.indexes.activated.emit(page.indexes.values.index(9, 0))
        assert page.indexes.values.rowCount() == 16
        page.side.differences.click()
        dialog = await dialog_of(window, DifferencesDialog)
        assert dialog.model.rowCount() == 3 and "(not there)" in dialog.text.toPlainText()
        dialog.table.selectRow(1)
        shown_text = dialog.text.toPlainText()
        assert "CREATE INDEX procrastinate_jobs_lock_idx_v1" in shown_text and "RENAME TO" in shown_text
        dialog.reject()
        next(button for button in altered.findChildren(QPushButton) if button.text() == "Find such jobs").click()
        await until(lambda: window.page_key == "jobs" and window.jobs.model.rowCount() == 2, what="the two jobs")
    assert len(run_sql(dsn, "SELECT FROM pg_class WHERE relname = 'procrastinate_jobs_priority_idx_v1'")) == 0


async def test_what_is_to_be_mended_is_counted_beside_its_name_before_it_is_opened(
    dsn: str, tmp_path: Path, monkeypatch: Any
) -> None:
    monkeypatch.setattr(commands, "LOOK_S", 0.1)
    run_sql(dsn, "DROP INDEX procrastinate_jobs_priority_idx_v1")
    async with live(tmp_path, dsn) as window:
        await until(lambda: badge(window) == "Health, 1", what="the number beside its name")
        run_sql(dsn, "DROP INDEX procrastinate_jobs_queue_name_idx_v1")
        await shown(window)
        await until(lambda: badge(window) == "Health, 2", what="the number that the page has found")


async def test_it_reads_when_shown_and_says_what_it_may_not_read(dsn: str, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr(ages, "SAMPLE_PAGES", 1)
    fill(dsn, ("succeeded", "40 days", 200))
    run_sql(dsn, "REVOKE SELECT ON pg_catalog.pg_stat_user_tables FROM PUBLIC")
    grants = [f"SELECT ON procrastinate_{name}" for name in ("jobs", "events", "workers", "periodic_defers")]
    with role(dsn, *grants) as poor:
        async with live(tmp_path, poor) as window:
            page = window.pages.get_as("health", HealthPage)
            window._tick()
            assert page.found is None and not page.reading.is_reading
            page = await shown(window)
            role_name = desk_of(window).capabilities.role
            assert f"pg_stat_user_tables is not readable by {role_name}." in page.side.number.plain_text
            assert texts(page, "tables")["jobs"][3:] == ["–", "–", "–"]
            assert page.side.number.plain_text.startswith("Nothing, as far as it could be read.")
            assert page.side.well.isHidden()
            assert not page.side.retention.preview.isEnabled()
            assert "rows by age estimated" in page.note.whole
            cell = page.ages.values.index(2, 4)
            assert tip(cell).startswith("<qt>≈")


async def test_a_lost_link_greys_it_and_it_reads_no_more(dsn: str, tmp_path: Path) -> None:
    fill(dsn, ("succeeded", "1 hour", 5))
    async with live(tmp_path, dsn) as window:
        page = await shown(window)
        first = page.found
        with psycopg.connect(dsn, dbname="postgres", autocommit=True) as other:
            name = psycopg.conninfo.conninfo_to_dict(dsn)["dbname"]
            other.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false".encode())
            try:
                other.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name])
                await until(lambda: desk_of(window).state.mode == "stale", what="the link to be lost")
                await until(lambda: page.ages.is_faded, what="the tables to be greyed")
                page.refresh()
                assert "the link to the database is lost" in page.note.whole and page.found is first
                purge = window.all_actions["health.purge"]
                await until(lambda: not purge.isEnabled(), what="the purge to be off")
                page.read_again()
                assert not page.reading.is_reading
            finally:
                other.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true".encode())
