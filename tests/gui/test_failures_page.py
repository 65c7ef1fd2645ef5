"""The Failures page in the real window on a real database: what it lists, when it reads, what it leads to."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from jobdesk.acting.preflight import PreflightDialog
from jobdesk.failures.page import FailuresPage
from jobdesk.kit.theme import theme
from jobdesk.window.desk_view import DeskView
from jobdesk_core.reported.ddl import schema_sql
from opened import Others, desk_of, dialog_of, live
from psycopg.types.json import Jsonb
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from reports import add_error, ago
from waiting import until


def run(others: Others, task: str, queue: str, end: str, worker: int, minutes: float = 5, **columns: Any) -> int:
    """A job that ended so many minutes ago."""
    job_id = others.defer(task, queue, **columns)
    others.start(job_id, worker)
    others.finish(job_id, end)
    sql = "UPDATE procrastinate_events SET at = at - %s * interval '1 minute' WHERE job_id = %s"
    others.run(sql, minutes, job_id)
    return job_id


async def shown(window: DeskView) -> FailuresPage:
    """The page, when it has counted everything."""
    window.show_page("failures")
    page: FailuresPage = window.pages.get("failures")
    await until(lambda: page.reading.found is not None and page.reading.found.is_whole, timeout_s=60, what="the counts")
    return page


def lines(page: FailuresPage) -> list[list[str]]:
    model = page.model
    rows, columns = range(model.rowCount()), range(model.columnCount())
    return [[str(model.index(row, column).data()) for column in columns] for row in rows]


async def test_groups_tell_how_many_failed_of_how_many_and_how_many_still_are(dsn: str, tmp_path: Path) -> None:
    with Others(dsn) as others:
        worker = others.register_worker()
        failed = [run(others, "invoices.render", "billing", "failed", worker) for _ in range(3)]
        for _ in range(9):
            run(others, "invoices.render", "billing", "succeeded", worker)
        run(others, "mail.send", "mail", "failed", worker)
        run(others, "fine", "mail", "succeeded", worker)
        others.run("UPDATE procrastinate_jobs SET status = 'todo' WHERE id = %s", failed[0])
        async with live(tmp_path, dsn) as window:
            page = await shown(window)
            cells = [[row[0], row[2], row[3], row[7]] for row in lines(page)]
            assert cells == [
                ["invoices.render", "3", "25 %", "2"],
                ["mail.send", "1", "100 %", "1"],
                ["2 groups", "4", "29 %", "3"],
            ]
            assert page.toolbar.note.whole == "4 failures in 2 groups, 3 jobs still failed"
            badge = window.navigation._item("failures")
            spoken = Qt.ItemDataRole.AccessibleTextRole
            await until(lambda: badge.data(spoken) == "Failures, 4", timeout_s=60, what="the number beside its name")
            assert page.selected_row() is page.model.rows[0], "the worst one is selected at first"
            assert page.side.retry.text() == "Retry 2…"
            assert page.side.about.plain_text.startswith("25 % of 12 runs")
            await until(lambda: page.side._job_model.rowCount() == 2, timeout_s=60, what="the jobs")


async def test_the_list_follows_the_database_and_keeps_what_is_selected(dsn: str, tmp_path: Path) -> None:
    with Others(dsn) as others:
        worker = others.register_worker()
        for _ in range(2):
            run(others, "many", "q", "failed", worker)
        run(others, "few", "q", "failed", worker)
        async with live(tmp_path, dsn) as window:
            page = await shown(window)
            page.table.selectRow(1)
            row = page.selected_row()
            assert row is not None and row.group.task == "few"
            for _ in range(3):
                run(others, "few", "q", "failed", worker, 1)
            await until(lambda: lines(page)[0][:1] == ["few"], timeout_s=60, what="the list to follow")
            row = page.selected_row()
            assert row is not None and (row.group.task, row.group.failed) == ("few", 4)
            assert page.table.currentIndex().row() == 0


async def test_long_names_have_more_room_in_a_wide_window(dsn: str, tmp_path: Path) -> None:
    with Others(dsn) as others:
        run(others, "a" * 60, "q", "failed", others.register_worker())
        async with live(tmp_path, dsn) as window:
            page = await shown(window)
            window.window().resize(1_280, 800)
            await until(lambda: page.width() < 1_200, timeout_s=60, what="the narrow page")
            narrow = page.table.columnWidth(0)
            window.window().resize(2_560, 1_440)
            await until(lambda: page.table.columnWidth(0) > 1.8 * narrow, timeout_s=60, what="the room")
            window.window().resize(1_280, 800)
            await until(lambda: page.table.columnWidth(0) == narrow, timeout_s=60, what="as before")


async def test_nothing_is_read_while_the_page_is_not_in_sight(dsn: str, tmp_path: Path) -> None:
    with Others(dsn) as others:
        worker = others.register_worker()
        run(others, "t", "q", "failed", worker)
        async with live(tmp_path, dsn) as window:
            page = await shown(window)
            window.show_page("jobs")
            before = page.reading.found
            job_id = run(others, "t", "q", "failed", worker)
            await until(lambda: job_id in window.jobs.model.ids(), timeout_s=60, what="the feed to tell")
            window._tick()
            assert not page.reading.is_reading and page.reading.found is before
            window.show_page("failures")
            await until(lambda: lines(page)[0][2] == "2", timeout_s=60, what="the new failure")


async def test_retry_leads_through_the_preflight_to_the_jobs_still_failed(dsn: str, tmp_path: Path) -> None:
    with Others(dsn) as others:
        worker = others.register_worker()
        failed = [run(others, "a", "q", "failed", worker) for _ in range(2)]
        other = run(others, "b", "q", "failed", worker)
        async with live(tmp_path, dsn) as window:
            page = await shown(window)
            await until(page.side.retry.isEnabled, timeout_s=60, what="the button")
            page.side.retry.click()
            dialog = await dialog_of(window, PreflightDialog)
            await until(dialog.verb.isEnabled, timeout_s=60, what="the preflight")
            assert dialog.verb.text() == "Retry 2 jobs"
            dialog.verb.click()
            await until(lambda: {others.status(each) for each in failed} == {"todo"}, timeout_s=60, what="the retry")
            assert others.status(other) == "failed"
            await until(lambda: page.side.retry.text() == "Retry 0…", timeout_s=60, what="the page to follow")
            assert not page.side.retry.isEnabled()
            assert page.side.retry.toolTip() == "None of its jobs is failed now."


async def test_a_muted_group_is_last_and_quiet_until_it_grows(dsn: str, tmp_path: Path) -> None:
    with Others(dsn) as others:
        worker = others.register_worker()
        for _ in range(2):
            run(others, "loud", "q", "failed", worker)
        run(others, "other", "q", "failed", worker)
        async with live(tmp_path, dsn) as window:
            page = await shown(window)
            window.all_actions["failure.mute"].trigger()
            assert [row[0] for row in lines(page)] == ["other", "loud muted", "2 groups"]
            assert "Muted at 2" in page.side.about.plain_text and page.side.mute.text() == "Unmute"
            kept = window.arrangement.taken()
            assert [each["key"] for each in kept["muted"]] == [["task", "=loud"]]
            window.arrangement.put({})
            assert lines(page)[0][0] == "loud"
            window.arrangement.put(kept)
            assert lines(page)[1][0] == "loud muted"
            run(others, "loud", "q", "failed", worker, 1)
            await until(lambda: lines(page)[0][0] == "loud", timeout_s=60, what="it to come back")
            assert lines(page)[0][2] == "3" and not window.arrangement.taken()["muted"]


async def test_queues_ranges_and_the_time_line_lead_to_what_they_name(dsn: str, tmp_path: Path) -> None:
    with Others(dsn) as others:
        worker = others.register_worker()
        run(others, "a", "mail", "failed", worker)
        run(others, "b", "billing", "failed", worker)
        old = run(others, "c", "mail", "failed", worker, 300)
        async with live(tmp_path, dsn) as window:
            page = await shown(window)
            assert {row[0] for row in lines(page)} == {"a new", "b new", "2 groups"}
            chip = next(each for name, each in page.chips._queue_chips.items() if name == "mail")
            assert chip.text() == "mail 1"
            chip.click()
            await until(lambda: [row[0] for row in lines(page)] == ["a new", "1 group"], timeout_s=60, what="one queue")
            page.toolbar.span.choose(2)
            await until(lambda: {row[0] for row in lines(page)[:2]} == {"a", "c"}, timeout_s=60, what="six hours")
            await until(lambda: page.reading.found.is_whole, timeout_s=60, what="the whole range")
            line = page.time_line
            place = next(at for at, failed in enumerate(page.reading.found.trend) if failed)
            line.setFocus()
            line.hovered = place
            assert "failed 1" in line.lines_of(place) or "others 1" in line.lines_of(place)
            QTest.keyClick(line, Qt.Key.Key_Return)
            assert window.navigation.current == "jobs"
            await until(lambda: window.jobs.model.ids() == [old], timeout_s=60, what="the job of that time")


async def test_nothing_failed_is_said_with_how_much_ran_and_a_lost_link_greys_what_is_known(
    dsn: str, tmp_path: Path
) -> None:
    with Others(dsn) as others:
        worker = others.register_worker()
        run(others, "a", "q", "succeeded", worker)
        async with live(tmp_path, dsn) as window:
            page = await shown(window)
            assert page.empty.isVisible() and page.empty.title == "No failures in the last hour"
            assert page.empty.accessibleDescription() == "1 run."
            run(others, "a", "q", "failed", worker)
            await until(lambda: page.model.rowCount() == 2, timeout_s=60, what="the failure")
            monitor = desk_of(window).monitor
            stale = monitor.state.into("stale", "gone", monitor.now())
            monitor._tell = lambda state: None  # type: ignore[method-assign]
            monitor.state = stale
            await until(lambda: "as of" in page.toolbar.note.whole, timeout_s=60, what="as of when")
            assert page.model._cell(page.model.rows[0], 2).tone == "secondary"


@pytest.mark.parametrize("key", [Qt.Key.Key_Return, Qt.Key.Key_Enter])
async def test_return_leads_to_the_jobs_of_the_group(dsn: str, tmp_path: Path, key: Qt.Key) -> None:
    with Others(dsn) as others:
        worker = others.register_worker()
        wanted = run(others, "a b:c", "q", "failed", worker)
        run(others, "a b:c", "q", "succeeded", worker)
        run(others, "z", "q", "failed", worker)
        async with live(tmp_path, dsn) as window:
            page = await shown(window)
            place = next(at for at, row in enumerate(page.model.rows) if row.group.task == "a b:c")
            page.table.selectRow(place)
            QTest.keyClick(page.table, key)
            assert window.navigation.current == "jobs"
            await until(lambda: window.jobs.model.ids() == [wanted], timeout_s=60, what="its job")


async def test_groups_of_workers_open_into_their_tasks_by_the_arrows(dsn: str, tmp_path: Path) -> None:
    with Others(dsn) as others:
        worker = others.register_worker()
        run(others, "a", "q", "failed", worker)
        run(others, "b", "q", "failed", worker)
        async with live(tmp_path, dsn) as window:
            page = await shown(window)
            page.toolbar.by.choose(2)
            await until(lambda: page.model.rowCount() == 2, timeout_s=60, what="one group")
            assert lines(page)[0][:2] == [f"#{worker}", "2 tasks"]
            page.table.setFocus()
            QTest.keyClick(page.table, Qt.Key.Key_Right)
            assert {row[1] for row in lines(page)[1:3]} == {"a", "b"}
            QTest.keyClick(page.table, Qt.Key.Key_Right)
            assert page.table.currentIndex().row() == 1
            QTest.keyClick(page.table, Qt.Key.Key_Left)
            assert page.table.currentIndex().row() == 0
            QTest.keyClick(page.table, Qt.Key.Key_Left)
            assert page.model.rowCount() == 2


async def test_what_the_failed_have_in_common_leads_to_the_jobs_that_have_it(dsn: str, tmp_path: Path) -> None:
    with Others(dsn) as others:
        worker = others.register_worker()
        common = [
            run(others, "t", "q", "failed", worker, args=Jsonb({"template": "eu", "password": f"pw-{number}"}))
            for number in range(8)
        ]
        run(others, "t", "q", "failed", worker, args=Jsonb({"template": "us"}))
        for _ in range(20):
            run(others, "t", "q", "succeeded", worker, args=Jsonb({"template": "us"}))
        async with live(tmp_path, dsn) as window:
            page = await shown(window)
            values = page.side.common.values
            await until(lambda: [each.value for each in values.values][:1] == ['"eu"'], timeout_s=60, what="the value")
            assert page.side.common_note.text().startswith("9 failed beside 20 succeeded jobs")
            cells = [str(values.index(0, column).data()) for column in range(5)]
            assert cells == ["template", '"eu"', "8 89 %", "0 0 %", "only failed"]
            assert "pw-" not in " ".join(
                str(values.index(0, column).data(role)) for column in range(5) for role in (0, 3)
            )
            page.side.common.clicked.emit(values.index(0, 0))
            assert window.navigation.current == "jobs"
            await until(lambda: sorted(window.jobs.model.ids()) == common, timeout_s=60, what="the jobs")


async def test_too_few_to_compare_is_said_instead_of_a_table(dsn: str, tmp_path: Path) -> None:
    with Others(dsn) as others:
        worker = others.register_worker()
        run(others, "t", "q", "failed", worker)
        async with live(tmp_path, dsn) as window:
            page = await shown(window)
            note = page.side.common_note
            await until(lambda: note.text().startswith("Too few to compare."), timeout_s=60, what="the sentence")
            assert not page.side.common.isVisible()
            await until(lambda: "not installed" in page.side.traceback.note.plain_text, timeout_s=60, what="the reason")


TRACEBACK = """Traceback (most recent call last):
  File "/srv/app/tasks.py", line 8, in render
    client.render()
  File "/venv/lib/python3.12/site-packages/httpx/_client.py", line 1145, in post
    return self.request(
  File "/venv/lib/python3.12/site-packages/httpcore/connection.py", line 9, in request
    raise exc
httpx.ConnectTimeout: <b>no</b> connection
"""


async def test_a_reported_traceback_is_shown_with_libraries_folded_and_copied_whole(dsn: str, tmp_path: Path) -> None:
    with Others(dsn) as others:
        worker = others.register_worker()
        failed = run(others, "t", "q", "failed", worker)
        others.run(schema_sql())
        others.run(
            "INSERT INTO jobdesk.errors (job_id, attempt, at, app, task_name, queue_name, type, message, traceback, "
            "fingerprint, outcome) VALUES (%s, 1, now(), 'a', 't', 'q', 'ConnectTimeout', 'no', %s, 'f', 'failed')",
            failed,
            TRACEBACK,
        )
        async with live(tmp_path, dsn) as window:
            page = await shown(window)
            await until(lambda: page.traceback == TRACEBACK, timeout_s=60, what="the traceback")
            block = page.side.traceback.block
            assert block.plain_text.splitlines() == [
                "srv/app/tasks.py:8 in render",
                "    client.render()",
                "  … 2 frames in httpx, httpcore",
                "httpx.ConnectTimeout: <b>no</b> connection",
            ]
            page.side.traceback.which.choose(1)
            assert "httpx/_client.py:1145" in block.plain_text
            await until(window.all_actions["failure.copy"].isEnabled, timeout_s=60, what="the action")
            window.all_actions["failure.copy"].trigger()
            assert QApplication.clipboard().text() == TRACEBACK


async def test_without_reported_errors_grouping_by_error_says_so_and_leads_back(dsn: str, tmp_path: Path) -> None:
    with Others(dsn) as others:
        worker = others.register_worker()
        run(others, "t", "q", "failed", worker)
        async with live(tmp_path, dsn) as window:
            page = await shown(window)
            assert lines(page)[0][1] == "–"
            page.toolbar.by.choose(1)
            await until(lambda: page.empty.title == "No errors are reported", timeout_s=60, what="the sentence")
            told = page.empty.accessibleDescription
            await until(lambda: "not installed" in told(), timeout_s=60, what="why")
            page.empty._acts[0]()
            await until(lambda: page.model.rowCount() == 2, timeout_s=60, what="the groups of tasks")
            assert page.toolbar.by.current() == 0


async def test_a_group_opens_into_its_errors_and_each_leads_to_its_own_jobs(dsn: str, tmp_path: Path) -> None:
    with Others(dsn) as others:
        worker = others.register_worker()
        others.run(schema_sql())
        failed = [run(others, "t", "q", "failed", worker) for _ in range(4)]
        for job_id, kind in zip(failed, ("lib.Timeout", "lib.Timeout", "KeyError"), strict=False):
            others.run(
                "INSERT INTO jobdesk.errors (job_id, attempt, at, app, task_name, queue_name, type, message, "
                "fingerprint, outcome) VALUES (%s, 1, now() - interval '5 min', 'a', 't', 'q', %s, 'no', %s, 'failed')",
                job_id,
                kind,
                kind,
            )
        async with live(tmp_path, dsn) as window:
            page = await shown(window)
            assert lines(page)[0][1] == "Timeout 2 of 4, 3 kinds"
            page.table.setFocus()
            QTest.keyClick(page.table, Qt.Key.Key_Right)
            found = {row[1]: row[2] for row in lines(page)[1:4]}
            assert found == {
                "Timeout no new": "2",
                "KeyError no new": "1",
                "not reported by this worker": "1",
            } or found == {
                "Timeout no": "2",
                "KeyError no": "1",
                "not reported by this worker": "1",
            }
            seen: list[int] = []
            page.reading.changed.connect(lambda: seen.append(sum(row.is_child for row in page.model.rows)))
            run(others, "t", "q", "failed", worker)
            await until(lambda: lines(page)[0][2] == "5", timeout_s=60, what="one more")
            assert seen and set(seen) == {3}, "what is counted again has its errors at once"
            place = next(at for at, row in enumerate(lines(page)) if row[1].startswith("KeyError"))
            page.table.selectRow(place)
            QTest.keyClick(page.table, Qt.Key.Key_Return)
            await until(lambda: window.jobs.model.ids() == [failed[2]], timeout_s=60, what="its job")


async def test_the_side_names_what_is_selected_and_counts_only_runs_known_to_be_alike(dsn: str, tmp_path: Path) -> None:
    with Others(dsn) as others:
        worker = others.register_worker()
        failed = [run(others, task, "q", "failed", worker) for task in ("t", "t", "u", "v")]
        for job_id, task, kind in zip(failed, "ttuv", ("lib.Gone", "lib.Gone", "lib.Gone", "KeyError"), strict=True):
            columns = {"task_name": task, "traceback": TRACEBACK, "at": ago(300)}
            add_error(dsn, job_id, kind, "no", **columns)
        others.run("UPDATE procrastinate_jobs SET worker_id = NULL")
        async with live(tmp_path, dsn) as window:
            page = await shown(window)
            by_words = {
                0: ("t", "2 of 2 failed like this"),
                1: ("Gone", "3 of 3 failed like this"),
                2: ("worker not known", "The newest error of these jobs"),
            }
            for by, (name, said) in by_words.items():
                page.toolbar.by.choose(by)
                await until(lambda name=name: page.side.name.plain_text == name, what=name)
                note = page.side.traceback.note
                await until(lambda note=note, said=said: note.plain_text.startswith(said), what=said)
                assert any(line.startswith(f"{name} ") for line in page.time_line._legend(page.reading.found))


async def test_no_column_rises_above_all_that_failed(dsn: str, tmp_path: Path) -> None:
    with Others(dsn) as others:
        worker = others.register_worker()
        # Reported, as by a clock that differs, within one minute.
        for minutes in range(2, 10):
            add_error(dsn, run(others, "t", "q", "failed", worker, minutes), "Gone", task_name="t", at=ago(150))
        async with live(tmp_path, dsn) as window:
            page = await shown(window)
            page.toolbar.by.choose(1)
            await until(lambda: page.side.name.plain_text == "Gone · t", what="the error")
            line = page.time_line
            image = line.grab().toImage()
            heading = range(int(line._plot().top() * image.devicePixelRatio()) - 2)
            bad = theme().colour("bad").rgb()
            tall = [x for x in range(image.width()) if all(image.pixel(x, y) == bad for y in heading)]
            assert not tall
