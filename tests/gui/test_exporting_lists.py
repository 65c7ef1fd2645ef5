"""Exporting what any table shows: every page's list, by keys and menus, with raw values that a script can use."""

from __future__ import annotations

import csv
import datetime as dt
import json
from pathlib import Path
from typing import Any

from jobdesk.exporting.dialog import ExportDialog
from jobdesk.kit.chart.chart import Chart
from jobdesk.kit.chart.data import ChartData, Curve, Layer
from jobdesk.kit.listed import Listed, listed
from jobdesk.kit.table import Table
from jobdesk.kit.values_model import SUM, Cell, Title, ValuesModel
from jobdesk.window.desk_view import DeskView
from jobdesk_core.lines import write_list
from jobdesk_core.moments import far_time
from jobdesk_core.number import exact, known_at, unknown
from opened import Others, closed, desk_of, dialog_of, live
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QApplication
from waiting import until

#: Names that would be formulas, would break lines, or could not be seen.
ODD = '=SUM(A1)\n"q";\u202e'


async def asked(window: DeskView, page: str, *, row: int | None = None) -> ExportDialog:
    """The dialog, once the page has rows."""
    window.show_page(page)
    await until(lambda: (table := window.table()) is not None and table.model().rowCount() > 0, what=page)
    table = window.table()
    assert table is not None
    if row is not None:
        table.selectRow(row)
    window.all_actions["list.export"].trigger()
    return await dialog_of(window, ExportDialog)


async def written(window: DeskView, dialog: ExportDialog, path: Path, kind: int) -> Any:
    dialog.kind.choose(kind)
    dialog.write_to(path)
    await closed(window)
    await until(lambda: str(path) in window.banners.sentence, what="the end")
    assert window.banners.sentence.startswith("Exported "), window.banners.sentence
    return contents(path, kind)


def contents(path: Path, kind: int) -> Any:
    text = path.read_text("utf-8")
    if kind == 0:
        return list(csv.DictReader(text.splitlines(keepends=True)))
    return json.loads(text) if kind == 1 else [json.loads(line) for line in text.splitlines()]


async def test_every_page_writes_its_list_with_raw_values(dsn: str, tmp_path: Path) -> None:
    with Others(dsn) as others:
        worker = others.register_worker()
        ids = [others.defer("mail.send", queue, lock=ODD) for queue in ("mail", "mail", ODD)]
        others.start(ids[0], worker)
        others.defer("mail.send", "")
        bad = others.defer("invoices.render", "bills")
        others.start(bad, worker)
        others.finish(bad, "failed")
        beat = others.run("SELECT last_heartbeat FROM procrastinate_workers")
        async with live(tmp_path, dsn) as window:
            counts = desk_of(window).monitor.counts
            await until(lambda: counts.is_exact, what="the counts")

            queues = await written(window, await asked(window, "queues"), tmp_path / "queues.json", 1)
            assert {each["queue"]: (each["due"], each["running"], each["failed"]) for each in queues} == {
                "mail": (1, 1, 0),
                ODD: (1, 0, 0),
                "bills": (0, 0, 1),
                "": (1, 0, 0),
            }
            mail = next(each for each in queues if each["queue"] == "mail")
            assert mail["oldest due"].endswith("+00:00") and len(mail["last hour"]) == 60
            assert not any(name.endswith(" is") for name in mail), "everything is exact"

            lines = await written(window, await asked(window, "tasks"), tmp_path / "tasks.csv", 0)
            assert {line["task"] for line in lines} == {"mail.send", "invoices.render"}

            (told,) = await written(window, await asked(window, "workers"), tmp_path / "workers.ndjson", 2)
            assert (told["worker"], told["running"]) == (worker, 1)
            assert dt.datetime.fromisoformat(told["last heartbeat"]) == beat

            (lock,) = await written(window, await asked(window, "locks"), tmp_path / "locks.ndjson", 2)
            assert (lock["lock"], lock["job"], lock["waiting"]) == (ODD, ids[0], 2)
            (lock,) = await written(window, await asked(window, "locks"), tmp_path / "locks.csv", 0)
            assert lock["lock"] == "'" + ODD, "no formula, and every other sign as it is"

            # Lines that only sum up are left out; a queue without a name is none of them.
            found = await written(window, await asked(window, "overview"), tmp_path / "overview.json", 1)
            assert {each["queue"]: each["due"] for each in found} == {"mail": 1, ODD: 1, "bills": 0, "": 1}
            found = await written(window, await asked(window, "health"), tmp_path / "health.json", 1)
            assert [each["status"] for each in found][-1] == "aborted" and len(found) == 6

            (group,) = await written(window, await asked(window, "failures"), tmp_path / "failures.json", 1)
            assert (group["task"], group["failed"], group["of runs"]) == ("invoices.render", 1, 1.0)


async def test_the_selected_rows_and_a_place_that_refuses(dsn: str, tmp_path: Path) -> None:
    with Others(dsn) as others:
        for queue in ("a", "b", "c"):
            others.defer("t", queue)
        async with live(tmp_path, dsn) as window:
            window.show_page("queues")
            await until(lambda: (table := window.table()) is not None and table.model().rowCount() == 3)
            dialog = await asked(window, "queues", row=1)
            dialog.what.choose(1)
            (line,) = await written(window, dialog, tmp_path / "one.csv", 0)
            assert line["queue"] == "b" and window.banners.sentence.startswith("Exported 1 row to ")
            dialog = await asked(window, "queues")
            dialog.write_to(tmp_path / "none" / "one.csv")
            await until(lambda: window.banners.sentence.startswith("Nothing was written to "), what="the refusal")
            assert "does not exist" in window.banners.sentence


def test_what_is_listed_are_values_and_what_they_are_worth(qapp: QApplication, tmp_path: Path) -> None:
    at = dt.datetime(2026, 1, 2, 3, 4, 5, tzinfo=dt.timezone(dt.timedelta(hours=2)))
    model = ValuesModel([Title("name", is_right=False), Title("count"), Title("since"), Title("hidden")])
    model.set_rows(
        [
            ("a", [Cell("a…", value="a" * 400), Cell("1,234"), Cell("3 min", value=at), Cell("x")]),
            ("b", [Cell("–"), Cell("5", value=known_at(5, at)), Cell("ever", value=far_time("infinity")), Cell("x")]),
            ("c", [Cell("c"), Cell("–", value=unknown()), Cell("2.5"), Cell("", line=([1.0, None], "todo"))]),
            (SUM, [Cell("3 rows"), Cell("9"), Cell(""), Cell("")]),
        ]
    )
    table = Table("numbers")
    table.setModel(model)
    table.setColumnHidden(3, True)
    table.horizontalHeader().moveSection(0, 1)
    assert [row[-1] for row in listed(table).rows] == ["x", "x", [1.0, None]], "with what is hidden"
    found = listed(table, is_as_shown=True)
    assert found.titles == ["count", "count is", "name", "since"]
    assert [row[:2] for row in found.rows] == [[1234, None], [5, found.rows[1][1]], [None, "not known"]]
    assert found.rows[1][1].startswith("as of 2026-01-02 ") and len(found.rows) == 3, "the sum is no row"
    path = tmp_path / "list.json"
    assert write_list(path, "json", found.titles, found.rows) == 3
    assert [line["since"] for line in json.loads(path.read_text())] == ["2026-01-02T01:04:05+00:00", "infinity", 2.5]
    assert [line["name"] for line in json.loads(path.read_text())] == ["a" * 400, None, "c"]
    model.set_rows([("a", [Cell("a"), Cell("0", value=exact(0)), Cell("–"), Cell("x")])])
    assert listed(table, is_as_shown=True) == Listed(["count", "name", "since"], [[0, "a", None]])


async def test_a_chart_is_saved_as_a_picture_and_as_its_values(dsn: str, tmp_path: Path) -> None:
    layers = [Layer("succeeded", "succeeded", [3, 0, 5], "succeeded"), Layer("failed", "failed", [1, 0, 0], "failed")]
    curves = [Curve("p50", "p50", [0.25, None, 2.0], "accent")]
    async with live(tmp_path, dsn) as window:
        chart = Chart(window)
        window.all_actions["chart.export"].trigger()
        assert "no chart here" in window.message.sentence
        chart.set_data(ChartData(29_390_400, 5, [5, 0, 3], layers, curves, "wait"))
        chart.resize(400, 300)
        chart.show()
        for kind, ending in enumerate(("png", "svg", "csv", "json")):
            path = tmp_path / f"chart.{ending}"
            window.all_actions["chart.export"].trigger()
            dialog = await dialog_of(window, ExportDialog)
            dialog.kind.choose(kind)
            dialog.write_to(path)
            await closed(window)
            await until(lambda path=path: str(path) in window.banners.sentence, what="the end")  # type: ignore[misc]
            assert window.banners.sentence == f"Exported the chart to {path}."
        window.all_actions["chart.export"].trigger()
        dialog = await dialog_of(window, ExportDialog)
        dialog.write_to(tmp_path / "none" / "chart.png")
        await until(lambda: window.banners.sentence.startswith("Nothing was written to "), what="the refusal")
    picture = QImage(str(tmp_path / "chart.png"))
    assert (
        picture.width() == 2_400
        and len({picture.pixel(x, y) for x in range(0, 2_400, 9) for y in range(0, 960, 9)}) > 5
    )
    assert "<svg" in (tmp_path / "chart.svg").read_text("utf-8")
    assert contents(tmp_path / "chart.json", 1) == [
        {
            "start": at,
            "minutes": 5,
            "recorded minutes": recorded,
            "succeeded": good,
            "failed": bad,
            "wait p50 (s)": wait,
        }
        for at, recorded, good, bad, wait in (
            ("2025-11-18T00:00:00+00:00", 5, 3, 1, 0.25),
            ("2025-11-18T00:05:00+00:00", 0, None, None, None),
            ("2025-11-18T00:10:00+00:00", 3, 5, 0, 2.0),
        )
    ]
    assert [line["failed"] for line in contents(tmp_path / "chart.csv", 0)] == ["1", "", "0"]


async def test_jobs_are_written_in_the_columns_on_show(dsn: str, tmp_path: Path) -> None:
    with Others(dsn) as others:
        others.defer("mail.send", "mail", args='{"customer": {"id": 7}, "password": "geheim"}')
        async with live(tmp_path, dsn) as window:
            window.jobs.show_argument(("customer", "id"))
            window.jobs.show_argument(("password",))
            window.jobs.table.choice.show_column("lock", False)
            dialog = await asked(window, "jobs")
            dialog.columns.choose(1)
            (job,) = await written(window, dialog, tmp_path / "jobs.json", 1)
            shown = [window.jobs.model.columns[place].title for place in range(len(window.jobs.model.columns))]
    assert {"id", "task_name", "queue_name", "status", "args.customer.id"} <= job.keys() and "lock" not in job
    assert (job["args.customer.id"], job["args.password"], job["task_name"]) == (7, "••••••", "mail.send")
    assert "args" not in job and len(job) < len(shown)
