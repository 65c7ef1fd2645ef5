"""What workers have reported stands where one looks for it: beside the job, and on the page of workers."""

from __future__ import annotations

from pathlib import Path
from uuid import UUID, uuid4

import psycopg
import pytest
from database import defer, finish, run_sql, start
from jobdesk.window.desk_view import DeskView
from jobdesk_core.profiles import editors
from jobdesk_core.reported import ddl
from opened import live
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QApplication
from waiting import until

TRACEBACK = """Traceback (most recent call last):
  File "/usr/lib/python3.11/asyncio/runners.py", line 190, in run
    return runner.run(main)
  File "/srv/shop/billing/tasks/invoices.py", line 88, in render
    pdf = client.render(html, tmpl)
  File "/srv/app/.venv/lib/python3.11/site-packages/httpx/_client.py", line 118, in post
    raise mapped
httpx.ConnectTimeout: pdf.internal:443 <b>no connection</b>
"""


def install(dsn: str) -> None:
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(ddl.schema_sql().encode())


def worker(dsn: str, number: int | None, **columns: object) -> UUID:
    """A worker that reports."""
    key = uuid4()
    given = {"app": "shop", "host": "render-2", "pid": 41772, "name": "w", "concurrency": 10} | columns
    names = ", ".join(given)
    places = ", ".join(["%s"] * len(given))
    run_sql(
        dsn,
        f"INSERT INTO jobdesk.workers (id, worker_id, started_at, beat_at, memory_bytes, cpu_share, versions, {names}) "
        f"VALUES (%s, %s, now(), now(), 104857600, 0.25, '{{\"python\": \"3.12.1\"}}', {places}) RETURNING id",
        key, number, *given.values(),
    )  # fmt: skip
    return key


def error(dsn: str, job_id: int, attempt: int, of: UUID, **columns: object) -> None:
    """A report of a run that failed."""
    given = {"type": "httpx.ConnectTimeout", "message": "pdf.internal:443 <b>no</b>", "outcome": "failed"} | columns
    names, places = ", ".join(given), ", ".join(["%s"] * len(given))
    run_sql(
        dsn,
        "INSERT INTO jobdesk.errors (job_id, attempt, at, app, task_name, queue_name, fingerprint, worker, "
        f"{names}) VALUES (%s, %s, now(), 'shop', 't', 'q', 'f', %s, {places}) RETURNING id",
        job_id, attempt, of, *given.values(),
    )  # fmt: skip


async def inspected(window: DeskView, job_id: int) -> None:
    window.finding.show_job(job_id)
    await until(lambda: window.jobs.inspector.detail is not None, what="the job")


async def test_each_attempt_stands_beside_the_job_with_its_traceback_and_its_log(
    dsn: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(dsn)
    job_id = defer(dsn)
    _, number = start(dsn)
    finish(dsn, job_id, "failed")
    key = worker(dsn, number)
    error(dsn, job_id, 1, key, outcome="retried", type="ValueError", message="first", traceback=None)
    error(dsn, job_id, 2, key, traceback=TRACEBACK)
    run_sql(dsn, "INSERT INTO jobdesk.logs VALUES (%s, 2, now(), 'asking\nno answer') RETURNING job_id", job_id)
    opened: list[str] = []
    monkeypatch.setattr(QDesktopServices, "openUrl", lambda url: opened.append(url.toString()))
    async with live(tmp_path, dsn, editor="vscode://file/home/me/{path:/srv/shop/}:{line}") as window:
        await inspected(window, job_id)
        panel = window.jobs.inspector.attempts
        await until(lambda: panel.attempts.plain_text, what="the attempts")
        first, second = panel.attempts.plain_text.split("Attempt ")[1:]
        assert "ValueError  retried\n" in first and " · render-2 · 41772\nfirst" in first
        assert "ConnectTimeout  failed" in second and "<b>no</b>" in second
        shown = panel.traceback.block.plain_text
        assert "invoices.py:88 in render" in shown and "pdf = client.render(html, tmpl)" in shown
        assert "1 frame in httpx" in shown and "runner.run(main)" not in shown
        assert panel.log.plain_text == "asking\nno answer"
        panel.traceback.block.linked.emit("frame:1")
        assert opened == ["vscode://file/home/me/billing/tasks/invoices.py:88"]
        panel.traceback.copy.click()
        assert QApplication.clipboard().text() == TRACEBACK
        panel.attempts.linked.emit("0")
        assert not panel.traceback.block.isVisible()
        assert "not reported" in panel.traceback.note.plain_text
        assert panel.log.plain_text == ""


async def test_of_a_failed_job_it_is_said_that_nothing_is_reported_and_of_others_nothing(
    dsn: str, tmp_path: Path
) -> None:
    failed, waiting = defer(dsn), 0
    start(dsn)
    finish(dsn, failed, "failed")
    waiting = defer(dsn)
    async with live(tmp_path, dsn) as window:
        await inspected(window, failed)
        panel = window.jobs.inspector.attempts
        await until(panel.isVisible, what="the note")
        assert "schema jobdesk is not installed" in panel.traceback.note.plain_text
        panel.traceback.note.linked.emit("help")
        await until(lambda: window.commands.help._help is not None, what="the help")
        await inspected(window, waiting)
        await until(lambda: not panel.isVisible(), what="the panel to go")


async def test_the_page_of_workers_shows_what_they_tell_and_which_queues_nobody_serves(
    dsn: str, tmp_path: Path
) -> None:
    install(dsn)
    defer(dsn, queue_name="mail")
    defer(dsn, queue_name="etl")
    _, number = start(dsn)
    async with live(tmp_path, dsn) as window:
        window.show_page("workers")
        page = window.pages.get("workers")
        await until(lambda: page.model.rowCount() == 1, what="the worker")
        await until(lambda: "not reported" in page.note.text(), what="that nothing is reported")
        worker(dsn, number, queues=["mail", "sms"], running=[1, 2], name="mailer")

        def texts() -> list[str]:
            return [page.model.index(0, place).data() or "" for place in range(page.model.columnCount())]

        await until(lambda: "render-2 · 41772" in texts(), what="the host")
        assert texts()[2:6] == ["render-2 · 41772", "mail, sms", "2 of 10", "0.25 · 100 MB"]
        await until(lambda: "no live worker serves etl" in page.note.text(), what="the queue that nobody serves")
        page.table.selectRow(0)
        await until(lambda: "python 3.12.1" in page.side.facts, what="the versions")
        assert "mailer" in page.side.facts


@pytest.mark.parametrize(
    ("template", "address"),
    [
        ("vscode://file{path}:{line}", "vscode://file/srv/a%20b/x.py:7"),
        ("idea://open?file=/home/me/{path:/srv/}&line={line}", "idea://open?file=/home/me/a%20b/x.py&line=7"),
        ("vscode://file{path:/elsewhere/}:{line}", None),
        ("https://h/{path}", None),
        ("file://{path}", None),
        ("{path}", None),
        ("vscode://file:{line}", None),
        ("", None),
    ],
)
def test_a_place_in_the_code_has_an_address_by_the_template(template: str, address: str | None) -> None:
    assert editors.filled(template, "/srv/a b/x.py", 7) == address
    assert (editors.problem(template) is None) == (address is not None or "elsewhere" in template or not template)


def test_a_path_that_leads_elsewhere_has_no_address() -> None:
    assert editors.filled("vscode://file{path}", "/srv/../etc/x.py", 1) is None
    assert editors.filled("vscode://file{path}", "/srv/x\n.py", 1) is None


async def test_the_columns_error_and_progress_tell_what_is_reported_and_follow_a_run(dsn: str, tmp_path: Path) -> None:
    install(dsn)
    failed = defer(dsn)
    _, number = start(dsn)
    finish(dsn, failed, "failed")
    key = worker(dsn, number)
    error(dsn, failed, 1, key)
    running = defer(dsn)
    start(dsn)
    columns = "job_id, attempt, done, total, note, at"
    told = f"INSERT INTO jobdesk.progress ({columns}) VALUES (%s, 1, 20, 80, '', now()) RETURNING 1"
    run_sql(dsn, told, running)
    async with live(tmp_path, dsn) as window:
        model, table = window.jobs.model, window.jobs.table
        keys = [column.key for column in model.columns]

        def text(job_id: int, key: str) -> str:
            return str(model.index(model.ids().index(job_id), keys.index(key)).data())

        await until(lambda: len(model.ids()) == 2, what="the jobs")
        for name in ("error", "progress"):
            table.choice.show_column(name, True)
        await until(lambda: text(failed, "error") == "ConnectTimeout: pdf.internal:443 <b>no</b>", what="the error")
        await until(lambda: text(running, "progress") == "25 % · 20", what="the progress")
        assert text(running, "error") == "–"
        run_sql(dsn, "UPDATE jobdesk.progress SET done = 60 RETURNING 1")
        await until(lambda: text(running, "progress") == "75 % · 60", what="the progress")


async def test_beside_a_task_stands_what_its_application_says_of_it_and_its_cron(dsn: str, tmp_path: Path) -> None:
    defer(dsn, task_name="reports.nightly")
    async with live(tmp_path, dsn) as window:
        window.show_page("tasks")
        page = window.pages.get("tasks")
        await until(lambda: page.model.rowCount() == 1, what="the task")
        page.table.selectRow(0)
        await until(
            lambda: "schema jobdesk is not installed" in page._names_side.reported_text, what="that it is not told"
        )
    install(dsn)
    signature = '[{"name": "day", "kind": "keyword only", "annotation": "str", "default": null}]'
    run_sql(
        dsn,
        "INSERT INTO jobdesk.tasks (app, name, doc, signature, queue, retry, aliases, reported_at) "
        "VALUES ('shop', 'reports.nightly', 'Sends the report.', %s, 'reports', NULL, '{}', now()) RETURNING 1",
        signature,
    )
    run_sql(
        dsn,
        "INSERT INTO jobdesk.schedules (app, task_name, periodic_id, cron, zone, arguments, queue, reported_at) "
        "VALUES ('shop', 'reports.nightly', '', '0 3 * * *', NULL, '{}', NULL, now()) RETURNING 1",
    )
    async with live(tmp_path, dsn) as window:
        window.show_page("tasks")
        page = window.pages.get("tasks")
        await until(lambda: page.model.rowCount() == 1, what="the task")
        page.table.selectRow(0)
        await until(lambda: "0 3 * * *" in page._names_side.reported_text, what="the cron")
        assert "Sends the report." in page._names_side.reported_text
        assert "(day: str)" in page._names_side.reported_text
