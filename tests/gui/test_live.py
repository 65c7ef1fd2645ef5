"""What anyone does to the jobs shows by itself, and the reader's place is kept."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from jobdesk.jobs.job_columns import STATUS_COLUMN
from jobdesk.kit.roles import CELL_ROLE
from jobdesk.window.desk_view import DeskView
from jobdesk_core.feed.state import Changes
from jobdesk_core.filters.language import JobFilter
from jobdesk_core.reading.pages import Order
from opened import Others, live
from PySide6.QtCore import Qt
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


def shown_status(window: DeskView, job_id: int) -> str | None:
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
                lambda: (
                    window.jobs.toolbar.arrived.isVisible() and "7 new" in window.jobs.toolbar.arrived.accessibleName()
                )
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
            assert "no longer exists" in window.jobs.inspector._why.text
            assert window.jobs.table.selected_ids() == []


async def test_a_deleted_jobs_neighbour_is_not_selected_in_its_place(dsn: str, tmp_path: Path) -> None:
    with Others(dsn) as others:
        ids = [others.defer() for _ in range(5)]
        async with live(tmp_path, dsn) as window:
            window.jobs.inspect(ids[2])
            await until(window.all_actions["job.cancel"].isEnabled)
            others.run("DELETE FROM procrastinate_jobs WHERE id = %s", ids[2])
            await until(lambda: window.jobs.model.rowCount() == 4, what="the deleted job to go")
            await until(lambda: not window.all_actions["job.cancel"].isEnabled(), what="the actions to follow")
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
                wanted = [name, "1", "0", "0", "0", "1"]

                def cells(model: object = model) -> list[str]:
                    return [model.index(0, column).data() for column in range(6)]  # type: ignore[attr-defined]

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
            assert "onnection lost" in window.message.sentence
            assert window.jobs.model.rowCount() == 1, "what was read stays on show"
            others.start(job_id)
            await until(lambda: window.header.live.mode == "live", timeout_s=60, what="the feed to be live again")
            await until(lambda: shown_status(window, job_id) == "doing", what="what was missed")


async def test_the_overview_says_what_changed(dsn: str, tmp_path: Path) -> None:
    with Others(dsn) as others:
        worker = others.register_worker()
        others.start(others.defer(), worker)
        others.run("UPDATE procrastinate_workers SET last_heartbeat = now() - interval '5 minutes'")
        async with live(tmp_path, dsn) as window:
            window.show_page("overview")
            card = window.pages.get("overview").attention
            await until(lambda: f"Worker #{worker} is unresponsive" in card.text, what="the unresponsive worker")
            line = next(line for line in card.lines if f"Worker #{worker}" in line.text)
            line.button("jobs").click()
            assert "mail" in window.header.filter_bar.text()


@pytest.mark.parametrize("text", ["", "task:t", "status:todo"])
@pytest.mark.parametrize("order", list(Order))
async def test_a_page_is_whole_although_the_feed_tells_of_all_its_jobs_while_it_is_read(
    dsn: str, tmp_path: Path, order: Order, text: str
) -> None:
    with Others(dsn) as others:
        ids = [others.defer("t") for _ in range(4)]
        async with live(tmp_path, dsn) as window:
            await until(lambda: len(window.jobs.model.ids()) == 4)
            rows = {job_id: window.jobs.model.row(job_id) for job_id in ids}
            others.run("DELETE FROM procrastinate_jobs WHERE id = %s", ids[1])
            others.run("UPDATE procrastinate_jobs SET priority = 5 WHERE id = %s", ids[2])
            reading = window.jobs.reading
            reading.restart(order, JobFilter.parse(text))
            reading.apply(Changes(rows, [], frozenset()), ())
            assert reading.is_reading
            await until(lambda: not reading.is_reading)
            left = [ids[0], ids[2], ids[3]]
            wanted = {Order.NEWEST: left[::-1], Order.OLDEST: left, Order.NEXT_TO_RUN: [ids[2], ids[0], ids[3]]}
            assert window.jobs.model.ids() == wanted[order]
            assert window.jobs.model.row(ids[2]).priority == 5  # type: ignore[union-attr]


async def test_after_an_act_on_selected_rows_the_page_says_what_is_so_now(dsn: str, tmp_path: Path) -> None:
    """With a filter that rows decide, and with one that only the database can (`ended:`)."""
    with Others(dsn) as others:
        ids = [others.defer() for _ in range(6)]
        for each in ids:
            others.start(each)
            others.finish(each, "failed")
        async with live(tmp_path, dsn) as window:
            page = window.jobs
            window.window().resize(1280, 800)
            for text in ("status:failed", "status:failed ended:>-10m", "status:failed -args.x:1"):
                window.header.filter_bar.set_text(text)
                await until(lambda: page.reading.found == 6 and not page.reading.is_reading, what=text)
                page.table.select(ids[:4])
                await until(lambda: page.inspector.comparison.title.text() == "4 jobs selected")
                await until(
                    lambda: page.inspector.comparison.shared.value("status") == "failed", what="what they share"
                )
                for each in ids[:4]:
                    others.run("SELECT procrastinate_retry_job_v2(%s, now(), NULL, NULL, NULL)", each)
                await until(lambda: page.model.lost == 4 and page.reading.found == 2, what=f"{text}: 4 to be greyed")
                lost, order = page.toolbar.lost, page.toolbar._order
                assert lost.isVisible() and lost.accessibleName() == "4 no longer match · Refresh"
                page.toolbar.layout().activate()  # type: ignore[union-attr]
                assert lost.geometry().right() < order.geometry().left(), "it lies over the order"
                await until(lambda: page.inspector.comparison.shared.value("status") == "todo", what="what they share")
                await until(lambda: "2 match" in page.toolbar._count.whole, what="the count")
                await until(lambda: not window.all_actions["job.retry"].isEnabled(), what="retry to be impossible")
                assert page.model.data(page.model.index(page.model.position(ids[0]) or 0, 1), CELL_ROLE).tone == "faint"
                assert "No longer matches" in page.model.data(page.model.index(5, 1), Qt.ItemDataRole.ToolTipRole)
                if text == "status:failed":
                    page.table.select(ids[4:])
                else:
                    window.all_actions["view.refresh"].trigger()
                await until(lambda: page.model.rowCount() == 2 and page.model.lost == 0, what="them to leave")
                assert not page.toolbar.lost.isVisible()
                for each in ids[:4]:
                    others.start(each)
                    others.finish(each, "failed")


async def test_the_inspector_shows_no_job_that_a_new_filter_leaves_out(dsn: str, tmp_path: Path) -> None:
    with Others(dsn) as others:
        job_id, other = others.defer("one"), others.defer("two")
        async with live(tmp_path, dsn) as window:
            page = window.jobs
            page.inspect(job_id)
            await until(lambda: page.inspector.job_id == job_id)
            window.header.filter_bar.set_text("task:one")
            await until(lambda: page.model.rowCount() == 1 and not page.reading.is_reading)
            await until(lambda: page.table.selected_ids() == [job_id], what="it to stay selected")
            window.header.filter_bar.set_text("task:two")
            await until(lambda: page.model.ids() == [other] and page.inspector.job_id is None, what="the job to go")


async def test_an_abort_request_shows_in_the_table(dsn: str, tmp_path: Path) -> None:
    with Others(dsn) as others:
        job_id = others.defer()
        others.start(job_id)
        async with live(tmp_path, dsn) as window:
            others.run("SELECT procrastinate_cancel_job_v1(%s, true, false)", job_id)
            cell = window.jobs.model.index(0, STATUS_COLUMN)
            await until(lambda: window.jobs.model.data(cell) == "doing · abort requested", what="the request")
            window.jobs.inspect(job_id)
            why = window.jobs.inspector._why
            await until(lambda: why.headline.startswith("Abort requested"), what="why")
            first = why.text
            reads = window.jobs.inspector._detail
            assert reads is not None
            await until(lambda: why.text != first, what="the words to go on by themselves")
