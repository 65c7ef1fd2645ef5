"""The pages of queues, tasks and workers, and the overview, in the real window."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest
from jobdesk.deferring.dialog import DeferDialog
from jobdesk.kit.cells import PADDING
from jobdesk.kit.roles import CELL_ROLE
from jobdesk.kit.theme import theme
from jobdesk.queues.columns import COLUMNS, INDEX_OF
from jobdesk.queues.model import NamesModel
from jobdesk.queues.page import NamesPage
from jobdesk.window.desk_view import DeskView
from jobdesk.workers.prune import PruneDialog
from jobdesk_core.jobs import EventType, Status
from jobdesk_core.journal import Search
from jobdesk_core.number import clock_time
from jobdesk_core.reading.job_counts import QueueCounts
from jobdesk_core.reading.name_rows import NameRow, name_row
from jobdesk_core.reading.open_jobs import OpenGroup
from jobdesk_core.reading.pace import Pace
from opened import Others, closed, desk_of, dialog_of, live
from PySide6.QtCore import QObject, Qt
from PySide6.QtGui import QFontMetrics
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QMenu, QToolButton
from pytestqt.modeltest import ModelTester
from waiting import until

NOW = dt.datetime(2026, 5, 4, 12, 30, tzinfo=dt.UTC)
NASTY = ["<b>bold</b>", '100 % "sure", isn\'t it', "\u202eright to left", "😀 😀", "a,b", "none"]


def names(page: NamesPage) -> list[str]:
    return [page.model.key_at(position) for position in range(page.model.rowCount())]


def text(page: NamesPage, name: str, column: str) -> str:
    place = page.model.position(name)
    assert place is not None
    return str(page.model.index(place, INDEX_OF[column]).data())


async def shown(window: DeskView, key: str, count: int) -> NamesPage:
    window.show_page(key)
    page: NamesPage = window.pages.get(key)
    await until(lambda: page.model.rowCount() == count, what=f"{count} rows of {key}")
    return page


def rows(*counts: tuple[str, int]) -> dict[str, NameRow]:
    return {name: name_row(QueueCounts(name, {Status.TODO: n}), OpenGroup(due=n), Pace(), NOW) for name, n in counts}


# The model


def test_the_model_keeps_qts_contract(qtmodeltester: ModelTester) -> None:
    parent = QObject()
    model = NamesModel("queue", parent)
    qtmodeltester.check(model)
    held = rows(*((f"q{number}", number % 7) for number in range(50)))
    model.apply(set(held), held)
    model.arrange()
    model.sort(1, Qt.SortOrder.DescendingOrder)
    model.apply({"q3", "gone"}, {**rows(("q3", 90))})
    model.apply({"q4"}, {})
    qtmodeltester.check(model)
    model.arrange()
    qtmodeltester.check(model)
    assert (model.rowCount(), model.key_at(0)) == (49, "q3")


@pytest.mark.parametrize("column", range(len(COLUMNS)), ids=[column.key for column in COLUMNS])
def test_sorting_puts_what_is_unknown_last_both_ways(column: int) -> None:
    model, pace = NamesModel("queue"), Pace()
    held = rows(("a", 0), ("b", 5))
    pace.add_waited("c", [(NOW.timestamp(), 3.0)])
    pace.add_ran("c", [(NOW.timestamp(), 3.0)])
    for kind in (EventType.STARTED, EventType.SUCCEEDED):
        pace.count(int(NOW.timestamp()) // 60 - 1, "c", kind, 9)
    pace.add_start("c", NOW)
    counts = QueueCounts("c", dict.fromkeys(Status, 7))
    held["c"] = name_row(counts, OpenGroup(due=7, scheduled=7, running=7, oldest=NOW), pace, NOW)
    model.apply(set(held), held)
    model.sort(column, Qt.SortOrder.AscendingOrder)
    up = [model.key_at(place) for place in range(3)]
    model.sort(column, Qt.SortOrder.DescendingOrder)
    down = [model.key_at(place) for place in range(3)]
    unknown = [name for name in up if COLUMNS[column].sort_key(held[name]) is None]
    assert up[len(up) - len(unknown) :] == down[len(down) - len(unknown) :] == unknown
    assert sorted(up) == sorted(down) == ["a", "b", "c"]
    if COLUMNS[column].key != "course":
        assert down[0] == "c"


def test_only_the_counts_that_changed_are_marked() -> None:
    model = NamesModel("queue")
    model.apply({"a"}, rows(("a", 1)))
    model.arrange()
    heard: list[tuple[int, int]] = []
    model.dataChanged.connect(lambda first, last: heard.append((first.row(), last.row())))
    model.apply({"a"}, rows(("a", 2)))
    marked = [column for column in range(len(COLUMNS)) if model.index(0, column).data(CELL_ROLE).changed_at]
    assert (heard, marked) == ([(0, 0)], [INDEX_OF["due"]])


# The pages


@pytest.mark.parametrize("name", NASTY)
async def test_any_name_is_shown_as_it_is_and_leads_to_its_jobs(dsn: str, tmp_path: Path, name: str) -> None:
    with Others(dsn) as others:
        job_id = others.defer(name, name)
        others.defer("other", "other")
        async with live(tmp_path, dsn) as window:
            for key in ("queues", "tasks"):
                page = await shown(window, key, 2)
                assert name in names(page)
                page.select(name)
                QTest.keyClick(page.table, Qt.Key.Key_Return)
                assert window.navigation.current == "jobs"
                await until(lambda: not window.jobs.reading.is_reading and window.jobs.model.ids() == [job_id])


async def test_selection_and_order_stay_while_everything_moves(dsn: str, tmp_path: Path) -> None:
    with Others(dsn) as others:
        for number in range(30):
            others.defer("t", f"q{number:02}")
        async with live(tmp_path, dsn) as window:
            page = await shown(window, "queues", 30)
            page.table.sortByColumn(INDEX_OF["due"], Qt.SortOrder.DescendingOrder)
            page.select("q07")
            for _ in range(3):
                others.defer("t", "q29")
            await until(lambda: text(page, "q29", "due") == "4", what="the count")
            page._sorted_at = 0.0  # as if the last sorting were long ago
            page.refresh()
            assert page.selected_names() == ["q07"]
            assert page.model.position("q29") == 29, "nothing moves under a selection"
            others.defer("t", "a new one")
            others.run("DELETE FROM procrastinate_jobs WHERE queue_name = 'q03'")
            await until(lambda: "a new one" in names(page) and "q03" not in names(page), timeout_s=30)
            assert page.selected_names() == ["q07"]
            assert names(page)[0] == "q29"
            others.run(
                "INSERT INTO procrastinate_jobs (task_name, queue_name) SELECT 't', 'q11' FROM generate_series(1, 9)"
            )
            await until(lambda: text(page, "q11", "due") == "10", what="the count")
            page.table.clearSelection()
            page._sorted_at = 0.0
            page.refresh()
            assert names(page)[:2] == ["q11", "q29"], "without one the order follows"


async def test_find_shows_what_has_the_text_in_its_name(dsn: str, tmp_path: Path) -> None:
    with Others(dsn) as others:
        for name in ("Mail.send", "mail.digest", "billing"):
            others.defer(name, name)
        async with live(tmp_path, dsn) as window:
            page = await shown(window, "tasks", 3)
            assert page.table.hasFocus()
            QTest.keyClick(page.table, Qt.Key.Key_Slash)
            assert page.find_field.hasFocus()
            QTest.keyClicks(page.find_field, "MAIL")
            assert names(page) == ["Mail.send", "mail.digest"]
            assert page.note.text().startswith("2 of 3")
            page.find_field.clear()
            assert len(names(page)) == 3


async def test_numbers_that_are_not_exact_say_so(dsn: str, tmp_path: Path) -> None:
    with Others(dsn) as others:
        job_id = others.defer()
        others.start(job_id)
        others.finish(job_id)
        async with live(tmp_path, dsn) as window:
            page = await shown(window, "queues", 1)
            counts = desk_of(window).monitor.counts
            await until(lambda: counts.is_exact and text(page, "mail", "succeeded") == "1")
            counts.doubt([job_id])
            page.refresh()
            assert text(page, "mail", "succeeded") == "1"
            assert page.model.index(0, INDEX_OF["succeeded"]).data(CELL_ROLE).tone == "secondary"
            assert text(page, "mail", "due") == "0", "what is open is counted exactly"
            tip = page.model.index(0, INDEX_OF["succeeded"]).data(Qt.ItemDataRole.ToolTipRole)
            assert tip == f"As of {clock_time(counts.as_of)}; it may have changed since."
            assert page.note.text().endswith(f"counts of ended jobs as of {clock_time(counts.as_of)}")
            await until(lambda: text(page, "mail", "succeeded") == "1", what="the count to be exact again")


async def test_the_side_tells_pace_and_usual_arguments_and_hides_secrets(dsn: str, tmp_path: Path) -> None:
    with Others(dsn) as others:
        for number in range(6):
            others.defer("t", "q", args=f'{{"user_id": {number}, "kind": "welcome", "api_token": "hush"}}')
        async with live(tmp_path, dsn) as window:
            page = await shown(window, "tasks", 1)
            assert not page.side.isVisible()
            page.select("t")
            assert page.side.isVisible()
            await until(lambda: "From the latest 6 jobs" in page._names_side.usual_text, what="the arguments")
            said = page._names_side.usual_text
            assert 'kind  text\n    "welcome"  ×6' in said
            assert "user_id  number" in said
            assert "hush" not in said and "hidden" in said
            window.all_actions["task.defer"].trigger()
            dialog = await dialog_of(window, DeferDialog)
            assert (dialog.task.text(), dialog.queue.text()) == ("t", "q"), "its usual queue"


@pytest.mark.parametrize("noun", ["queue", "task"])
async def test_acts_say_why_they_are_not_possible(dsn: str, tmp_path: Path, noun: str) -> None:
    with Others(dsn) as others:
        others.defer("x", "x")
        async with live(tmp_path, dsn) as window:
            page = await shown(window, f"{noun}s", 1)
            verbs = ("show", "cancel", "retry", "purge", "defer")
            assert not any(window.all_actions[f"{noun}.{verb}"].isEnabled() for verb in verbs)
            assert "Select a" in window.all_actions[f"{noun}.cancel"].toolTip()
            page.select("x")
            assert window.all_actions[f"{noun}.defer"].isEnabled() and window.all_actions[f"{noun}.show"].isEnabled()
            assert "has failed" in window.all_actions[f"{noun}.retry"].toolTip()
            buttons = {button.defaultAction().objectName() for button in page.findChildren(QToolButton)}
            menus = {action.objectName() for menu in page.findChildren(QMenu) for action in menu.actions()}
            assert {f"{noun}.{verb}" for verb in verbs} <= buttons & menus


async def test_the_filter_of_several_names_means_all_of_them(dsn: str, tmp_path: Path) -> None:
    with Others(dsn) as others:
        ids = [others.defer("t", name) for name in ("a,b", "none", "plain")]
        others.defer("t", "other")
        async with live(tmp_path, dsn) as window:
            page = await shown(window, "queues", 4)
            page.table.selectAll()
            page.table.selectionModel().select(
                page.model.index(page.model.position("other"), 0),  # type: ignore[arg-type]
                page.table.selectionModel().SelectionFlag.Deselect | page.table.selectionModel().SelectionFlag.Rows,
            )
            window.all_actions["queue.show"].trigger()
            await until(lambda: sorted(window.jobs.model.ids()) == ids, what="the jobs of the three")
            assert not window.header.filter_bar.problem


@pytest.mark.parametrize(
    ("status", "text"),
    [
        ("due", "999,999"),
        ("succeeded", "99,999,999+"),
        ("failed", "999,999+"),
        ("cancelled", "999,999+"),
        ("running", "2, 1 stalled"),
    ],
)
def test_counts_of_a_large_table_are_not_cut(qapp: QApplication, status: str, text: str) -> None:
    theme().install(qapp)
    column, wide = COLUMNS[INDEX_OF[status]], QFontMetrics(theme().font(13)).horizontalAdvance
    assert max(column.width, wide(column.sample) + 2 * PADDING) >= wide(text) + 2 * PADDING


# Workers and the overview


async def test_workers_show_what_they_run_and_silent_ones_are_pruned(dsn: str, tmp_path: Path) -> None:
    with Others(dsn) as others:
        worker, job_id = others.register_worker(), others.defer("mail.send")
        others.start(job_id, worker)
        async with live(tmp_path, dsn) as window:
            window.show_page("workers")
            page = window.pages.get("workers")
            await until(lambda: page.model.rowCount() == 1, what="the worker")
            page.table.selectRow(0)
            await until(lambda: f"#{job_id}" in page._worker_side.text, what="its jobs")
            assert "mail.send" in page._worker_side.text.replace("\u200b", "")
            assert "No worker is unresponsive" in window.all_actions["worker.prune"].toolTip()
            others.run("UPDATE procrastinate_workers SET last_heartbeat = now() - interval '5 minutes'")
            await until(window.all_actions["worker.prune"].isEnabled, what="the worker to be silent")
            window.all_actions["worker.prune"].trigger()
            dialog = await dialog_of(window, PruneDialog)
            assert not dialog.verb.isEnabled(), "it may still run its job: not by a click alone"
            dialog.safety.force.click()
            dialog.verb.click()
            await closed(window)
            assert others.run("SELECT count(*) FROM procrastinate_workers") == 0
            (entry,) = await window.session.journal.entries(Search())
            assert (entry.header.action, entry.header.profile, entry.done) == ("prune", "test", 1)
            assert "prune_stalled_workers" in entry.header.sql or "procrastinate_workers" in entry.header.sql
            (record,) = await window.session.journal.records(entry.id)
            assert record.sentence == f"Removed worker #{worker}."
            window.show_page("journal")
            window.pages.get("journal").table.selectRow(0)
            await until(lambda: window.pages.get("journal").detail.model.rowCount() == 1, what="its record")
            assert (
                not window.pages.get("journal").detail.go.isEnabled()
                and not window.pages.get("journal").detail.undo.isEnabled()
            )
            window.show_page("workers")
            await until(lambda: page.model.rowCount() and page.model.key_at(0) == "none", what="the orphan")
            assert "no longer registered" in page.model.index(0, 1).data()
            QTest.keyClick(page.table, Qt.Key.Key_Down)
            page.table.selectRow(0)
            await until(lambda: f"#{job_id}" in page._worker_side.text, what="the job without a worker")
            page._worker_side._block.linked.emit(str(job_id))
            assert window.header.filter_bar.text() == f"id:{job_id}"


async def test_the_overview_leads_to_what_is_wrong(dsn: str, tmp_path: Path) -> None:
    with Others(dsn) as others:
        for number in range(12):
            others.defer("t", f"q{number:02}")
        for _ in range(6):
            job_id = others.defer("t", "q11")
            others.start(job_id)
            others.finish(job_id, "failed")
        orphan = others.defer("t", "q00")
        others.run("UPDATE procrastinate_jobs SET status = 'doing' WHERE id = %s", orphan)
        others.run("UPDATE procrastinate_events SET at = at - interval '2 minutes'")
        async with live(tmp_path, dsn) as window:
            window.show_page("overview")
            page = window.pages.get("overview")
            await until(lambda: page.model.rowCount() == 11 and page.model.key_at(0) == "q00", what="the worst first")
            await until(lambda: page.cards.failed.value == "6", what="the hour")
            assert [page.model.index(10, place).data() for place in (0, 1, 2, 3, 4)] == [
                "12 queues",
                "12",
                "0",
                "1",
                "6",
            ]
            assert page.queues.more.plain_text == "2 more queues"
            await until(lambda: "1 stalled" in page.cards.running.note, what="the stalled job")
            await until(lambda: "t: 6 failures in " in page.attention.text, what="the rise")
            lines = page.attention.text.split("\n")
            assert lines[0].startswith("q00: 1 job due, none started for ")
            assert lines[0].endswith(". The worker is no longer registered.")
            assert lines[1].startswith("t: 6 failures in ")
            assert lines[2].startswith("q01: 1 job due, none started for ")
            assert page.attention.note.plain_text == "13, worst first · 10 more"
            note = "100 % of 6 · 6 failed now"
            await until(lambda: page.cards.failed.note == note, what="how many are failed now")
            assert "oldest 2 min" in page.cards.due.note or "oldest 1" in page.cards.due.note
            assert page.cards.running.note == "6 workers alive · 1 stalled"
            QTest.mouseClick(page.cards.running, Qt.MouseButton.LeftButton)
            await until(lambda: window.jobs.model.ids() == [orphan], what="the stalled job")
            window.show_page("overview")
            QTest.keyClick(page.cards.failed, Qt.Key.Key_Return)
            found = window.header.filter_bar.text()
            assert found.startswith("ended:") and found.endswith(" status:failed"), found
            page.queues.more.linked.emit("queues")
            assert window.navigation.current == "queues"


async def test_what_the_overview_says_of_the_waiting_is_whole_on_a_small_screen(dsn: str, tmp_path: Path) -> None:
    with Others(dsn) as others:
        others.defer()
        others.run("UPDATE procrastinate_events SET at = now() - interval '12 hours'")
        async with live(tmp_path, dsn) as window:
            window.window().resize(1024, 700)
            window.show_page("overview")
            note = window.pages.get("overview").cards.due._note
            await until(lambda: note.whole == "oldest 12 h · no progress", what="how long the oldest has waited")
            assert note.text() == note.whole
