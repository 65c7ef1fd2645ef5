"""What anyone does to the jobs shows by itself, and the reader's place is kept."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from jobdesk.main_window import MainWindow
from opened import Others, live
from waiting import until

#: What is done to a running or waiting job, and the status that shows afterwards (None: gone).
CHANGES: dict[str, tuple[Callable[[Others, int], object], str | None]] = {
    "started": (lambda others, job: others.start(job), "doing"),
    "succeeded": (lambda others, job: (others.start(job), others.finish(job)), "succeeded"),
    "failed": (lambda others, job: (others.start(job), others.finish(job, "failed")), "failed"),
    "aborted": (lambda others, job: (others.start(job), others.finish(job, "aborted")), "aborted"),
    "cancelled": (
        lambda others, job: others.run("SELECT procrastinate_cancel_job_v1(%s, false, false)", job),
        "cancelled",
    ),
    "deleted": (lambda others, job: others.run("DELETE FROM procrastinate_jobs WHERE id = %s", job), None),
}


def shown_status(window: MainWindow, job_id: int) -> str | None:
    row = window.jobs.model.row(job_id)
    return row.status.value if row is not None else None


@pytest.mark.parametrize("change", CHANGES)
async def test_what_others_do_shows_by_itself(dsn: str, tmp_path: Path, change: str) -> None:
    act, status = CHANGES[change]
    with Others(dsn) as others:
        async with live(tmp_path, dsn) as window:
            job_id = others.defer()
            await until(lambda: shown_status(window, job_id) == "todo", what="the new job")
            act(others, job_id)
            await until(lambda: shown_status(window, job_id) == status, what=f"the job to be {change}")


async def test_a_retry_and_another_priority_show_by_themselves(dsn: str, tmp_path: Path) -> None:
    with Others(dsn) as others:
        job_id = others.defer()
        others.start(job_id)
        others.finish(job_id, "failed")
        async with live(tmp_path, dsn) as window:
            assert shown_status(window, job_id) == "failed"
            others.run("SELECT procrastinate_retry_job_v2(%s, now(), NULL, NULL, NULL)", job_id)
            await until(lambda: shown_status(window, job_id) == "todo", what="the retry")
            others.run("UPDATE procrastinate_jobs SET priority = 7 WHERE id = %s", job_id)
            await until(lambda: window.jobs.model.row(job_id).priority == 7, what="the priority")  # type: ignore[union-attr]


async def test_new_rows_leave_selection_and_scroll_position_where_they_are(dsn: str, tmp_path: Path) -> None:
    with Others(dsn) as others:
        for _ in range(150):
            others.defer()
        async with live(tmp_path, dsn) as window:
            table = window.jobs.table
            await until(lambda: window.jobs.model.rowCount() == 150)
            table.show_job(60)
            table.scrollTo(window.jobs.model.index(100, 0))
            seen = window.jobs.model.row_at(table.rowAt(0)).id
            for _ in range(7):
                others.defer()
            await until(lambda: window.jobs.model.rowCount() == 157)
            assert table.selected_ids() == [60]
            assert window.jobs.model.row_at(table.rowAt(0)).id == seen
            await until(
                lambda: window.jobs.toolbar.arrived.isVisible() and "7 new" in window.jobs.toolbar.arrived.text()
            )
            window.jobs.toolbar.arrived.click()
            assert table.rowAt(0) == 0


async def test_a_selected_job_that_stops_matching_stays_and_one_that_is_deleted_goes(dsn: str, tmp_path: Path) -> None:
    with Others(dsn) as others:
        job_id, other = others.defer(), others.defer()
        async with live(tmp_path, dsn) as window:
            window.header.filter_bar.set_text("status:todo")
            await until(lambda: window.jobs.model.rowCount() == 2 and not window.jobs.reading.is_reading)
            window.jobs.inspect(job_id)
            for each in (job_id, other):
                others.start(each)
            await until(lambda: window.jobs.model.position(other) is None, what="the other job to leave")
            assert shown_status(window, job_id) == "doing"
            others.run("DELETE FROM procrastinate_jobs WHERE id = %s", job_id)
            await until(lambda: window.jobs.model.position(job_id) is None, what="the deleted job to go")
            assert "no longer there" in window.jobs.inspector._why.text
            assert window.jobs.table.selected_ids() == []


async def test_a_deleted_jobs_neighbour_is_not_selected_in_its_place(dsn: str, tmp_path: Path) -> None:
    with Others(dsn) as others:
        ids = [others.defer() for _ in range(5)]
        async with live(tmp_path, dsn) as window:
            window.jobs.inspect(ids[2])
            await until(window.actions["job.cancel"].isEnabled)
            others.run("DELETE FROM procrastinate_jobs WHERE id = %s", ids[2])
            await until(lambda: window.jobs.model.rowCount() == 4, what="the deleted job to go")
            await until(lambda: not window.actions["job.cancel"].isEnabled(), what="the actions to follow")
            assert window.jobs.table.selected_ids() == []


async def test_counts_of_queues_and_tasks_follow(dsn: str, tmp_path: Path) -> None:
    with Others(dsn) as others:
        async with live(tmp_path, dsn) as window:
            job_id = others.defer("billing.send", "billing")
            others.start(job_id)
            others.finish(job_id, "failed")
            others.defer("billing.send", "billing")
            for page, name in (("queues", "billing"), ("tasks", "billing.send")):
                window.show_page(page)
                model = window.pages.get(page).model
                wanted = [name, "1", "0", "0", "1"]

                def cells(model: object = model) -> list[str]:
                    return [model.index(0, column).data() for column in range(5)]  # type: ignore[attr-defined]

                await until(lambda cells=cells, wanted=wanted: cells() == wanted, what=f"the counts of {page}")


async def test_a_broken_connection_is_told_at_once_and_mends_itself(dsn: str, tmp_path: Path) -> None:
    with Others(dsn) as others:
        job_id = others.defer()
        async with live(tmp_path, dsn) as window:
            others.run(
                "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
            await until(lambda: window.header.live.mode == "stale", what="the feed to be stale")
            assert "connection is lost" in window.message.sentence
            assert window.jobs.model.rowCount() == 1, "what was read stays on show"
            others.start(job_id)
            await until(lambda: window.header.live.mode == "live", timeout_s=15, what="the feed to be live again")
            await until(lambda: shown_status(window, job_id) == "doing", what="what was missed")


async def test_the_overview_says_what_changed(dsn: str, tmp_path: Path) -> None:
    with Others(dsn) as others:
        worker = others.register_worker()
        others.start(others.defer(), worker)
        others.run("UPDATE procrastinate_workers SET last_heartbeat = now() - interval '5 minutes'")
        async with live(tmp_path, dsn) as window:
            window.show_page("overview")
            card = window.pages.get("overview").changed
            await until(lambda: "no heartbeat" in card._block.plain_text, what="the silent worker")
            card._follow("0")
            assert window.header.filter_bar.text() == f"worker:{worker}"
