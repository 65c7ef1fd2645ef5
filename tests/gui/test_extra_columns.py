"""Columns that no row tells: times and arguments, read for the jobs in sight, true, and never a secret."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from jobdesk.jobs.argument_column import ArgumentColumnDialog
from jobdesk.jobs.extras import without_secrets
from jobdesk.jobs.job_columns import COLUMNS, EXTRAS
from jobdesk.kit.roles import CELL_ROLE
from jobdesk.window.desk_view import DeskView
from jobdesk_core.monitor import Monitor
from jobdesk_core.profiles.secret_keys import HIDDEN
from opened import Others, dialog_of, live
from psycopg.types.json import Jsonb
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QMenu
from waiting import until


def cell(window: DeskView, job_id: int, key: str) -> str:
    """What a column tells of a job."""
    model = window.jobs.model
    place = [column.key for column in model.columns].index(key)
    return str(model.index(model.position(job_id) or 0, place).data())


def shown(window: DeskView) -> set[str]:
    """The keys of the columns on show."""
    table = window.jobs.table
    return {column.key for place, column in enumerate(window.jobs.model.columns) if not table.isColumnHidden(place)}


def columns_menu(window: DeskView) -> QMenu:
    """The menu of the columns, as it opens."""
    menu = QMenu(window)
    window.jobs.table.choice.fill_menu(menu)
    return menu


async def test_times_show_and_stay_true_as_a_job_runs_and_ends(
    dsn: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []
    times = Monitor.shown_times

    async def counted(self: Monitor, job_ids: Any, paths: Any) -> Any:
        asked.append(len(job_ids))
        return await times(self, job_ids, paths)

    monkeypatch.setattr(Monitor, "shown_times", counted)
    with Others(dsn) as others:
        ids = [others.defer() for _ in range(400)]
        async with live(tmp_path, dsn) as window:
            job_id = ids[-1]
            await asyncio.sleep(0.5)
            assert not asked, "nothing is read while no such column is shown"
            for key in ("started", "ended", "duration", "waited"):
                window.jobs.table.choice.show_column(key, True)
            await until(lambda: cell(window, job_id, "waited") not in ("…", "–"), what="how long it has waited")
            assert all(cell(window, job_id, key) == "–" for key in ("started", "ended", "duration"))
            assert max(asked) < 200, "no more than what is in sight, and beside it"
            others.start(job_id)
            await until(lambda: cell(window, job_id, "started") != "–", what="the start")
            first = cell(window, job_id, "duration")
            await until(lambda: cell(window, job_id, "duration") != first, what="the running time to go on")
            assert cell(window, job_id, "ended") == "–"
            others.run("UPDATE procrastinate_events SET at = at - interval '90 s' WHERE type = 'started'")
            others.finish(job_id)
            await until(lambda: cell(window, job_id, "ended") != "–", what="the end")
            await until(lambda: cell(window, job_id, "duration").startswith("1 min 3"), what="all of its running time")


async def test_an_argument_is_a_column_numbers_at_the_right_secrets_hidden(dsn: str, tmp_path: Path) -> None:
    with Others(dsn) as others:
        args = {"customer": {"id": 7, "token": "s3cret"}, "password": "s3cret", "a.b": "odd", "who": "x\u202ey"}
        job_id, bare = others.defer(args=Jsonb(args)), others.defer()
        async with live(tmp_path, dsn) as window:
            [typed] = [each for each in columns_menu(window).actions() if each.text() == "Argument…"]
            typed.trigger()
            dialog = await dialog_of(window, ArgumentColumnDialog)
            dialog.path.setText("customer..id")
            assert not dialog.verb.isEnabled()
            dialog.path.setText("args.customer.id")
            dialog.verb.click()
            await until(lambda: "args.customer.id" in shown(window))
            await until(lambda: cell(window, job_id, "args.customer.id") == "7", what="the argument")
            assert cell(window, bare, "args.customer.id") == "–"
            place = [column.key for column in window.jobs.model.columns].index("args.customer.id")
            painted = window.jobs.model.index(window.jobs.model.position(job_id) or 0, place).data(CELL_ROLE)
            assert painted.is_right
            assert window.jobs.model.headerData(place, Qt.Orientation.Horizontal) == "args.customer.id"
            for path in (("customer",), ("customer", "token"), ("password",), ("a.b",), ("who",)):
                window.jobs.inspector.arguments.tree.column_asked_for.emit(path)
            await until(lambda: cell(window, job_id, 'args."a.b"') == "odd", what="the odd name")
            assert cell(window, job_id, "args.customer") == f'{{"id": 7, "token": "{HIDDEN}"}}'
            assert cell(window, job_id, "args.customer.token") == cell(window, job_id, "args.password") == HIDDEN
            assert cell(window, job_id, "args.who") == "x⟨U+202E⟩y"
            others.run("UPDATE procrastinate_jobs SET args = %s WHERE id = %s", Jsonb({"a.b": "other"}), job_id)
            others.start(job_id)
            await until(lambda: cell(window, job_id, 'args."a.b"') == "other", what="what it is now")
            assert cell(window, job_id, "args.customer.id") == "–"


async def test_chosen_columns_are_remembered_and_what_has_no_room_is_scrolled_to(dsn: str, tmp_path: Path) -> None:
    with Others(dsn) as others:
        job_id = others.defer(args=Jsonb({"customer": "acme"}))
        async with live(tmp_path, dsn) as window:
            window.window().resize(1280, 800)
            choice = window.jobs.table.choice
            assert not shown(window) & {"started", "ended", "duration", "waited"}
            for key in ("started", "ended", "duration", "waited", "attempts", "worker", "priority", "lock"):
                choice.show_column(key, True)
            window.jobs.inspect(job_id)
            window.jobs.show_argument(("customer",))
            last = window.jobs.model.index(0, window.jobs.model.columnCount() - 1)
            assert window.jobs.table.selectionModel().isSelected(last), "the selected row is so to its end"
            await until(window.jobs.table.horizontalScrollBar().isVisible, what="the scroll bar")
            kept, before = window.arrangement.taken(), shown(window)
            choice.reset()
            assert window.jobs.model.columnCount() == len(COLUMNS) + len(EXTRAS) and not shown(window) & {
                "started",
                "args.customer",
            }
            window.arrangement.put(kept)
            assert shown(window) == before and {"ended", "args.customer"} <= before
            assert cell(window, job_id, "args.customer") in ("…", "acme")
            await until(lambda: cell(window, job_id, "args.customer") == "acme", what="the argument again")
            old = {"columns": {"jobs": {"hidden": ["lock"]}}}
            window.arrangement.put(old)
            assert not shown(window) & {"started", "ended", "duration", "waited", "lock"}, (
                "chosen before there were any"
            )
            for added in (7, [7], [[]], [[1]], {"a": 1}, [["x"], ["x"]]):
                window.arrangement.put({"columns": {"jobs": {"added": added}}})
            assert window.jobs.model.extras.paths == (("x",),)
            window.jobs.show_argument(("x",))
            [ticked] = [each for each in columns_menu(window).actions() if each.text() == "args.x"]
            ticked.trigger()
            assert window.jobs.model.extras.paths == ()


@pytest.mark.parametrize(
    ("value", "pattern", "expected"),
    [
        ("plain", "", "plain"),
        ('{"a": {"token": [1]}}', "", f'{{"a": {{"token": "{HIDDEN}"}}}}'),
        ('[{"Password": 1}]', "", f'[{{"Password": "{HIDDEN}"}}]'),
        ('{"a": "token"}', "", '{"a": "token"}'),
        ('{"pin": 1, "x": "cut', "^pin$", HIDDEN),
        ('{"x": "cut', "^pin$", '{"x": "cut'),
    ],
)
def test_no_secret_within_an_object_shows(value: str, pattern: str, expected: str) -> None:
    assert without_secrets(value, pattern) == expected
