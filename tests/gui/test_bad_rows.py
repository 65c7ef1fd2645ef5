"""Rows that nobody expects: every text, every number at its limit, arguments too deep and too large."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from jobdesk_core.filters.language import term
from jobdesk_core.job.arguments import WHOLE_JOBS
from opened import Others, desk_of, live
from PySide6.QtCore import QModelIndex
from PySide6.QtWidgets import QApplication
from waiting import until

DEEP = '{"a": ' * 1_000 + "1" + "}" * 1_000
TEXTS = ['a"b', "100% %s", "a,b * c", "\u202eright to left", "x" * 128, "  spaces  ", "<b>", "back\\slash", "new\nline"]


@pytest.mark.parametrize("text", TEXTS)
async def test_any_name_is_shown_and_can_be_filtered_for(dsn: str, tmp_path: Path, text: str) -> None:
    with Others(dsn) as others:
        job_id = others.defer(text, "mail", lock=text, queueing_lock=text)
        others.defer()
        async with live(tmp_path, dsn) as window:
            assert window.jobs.model.row(job_id).task_name == text  # type: ignore[union-attr]
            window.jobs.inspect(job_id)
            await until(lambda: window.jobs.inspector.detail is not None)
            window.header.filter_bar.set_text(term("task", text))
            await until(lambda: window.jobs.model.ids() == [job_id], what="that job alone")


async def test_numbers_and_dates_at_their_limits(dsn: str, tmp_path: Path) -> None:
    with Others(dsn) as others:
        first = others.defer(priority=2**31 - 1, scheduled_at="9999-12-31 23:59:59+00")
        second = others.defer(priority=-(2**31), scheduled_at="0001-01-01 00:00:00+00", attempts=2**31 - 1)
        third = others.defer(id=2**53 + 5)
        async with live(tmp_path, dsn) as window:
            await until(lambda: window.jobs.model.rowCount() == 3)
            for job_id in (first, second, third):
                window.jobs.inspect(job_id)
                await until(lambda job_id=job_id: (detail := window.jobs.inspector.detail) and detail.row.id == job_id)
            assert window.jobs.model.index(0, 0).data() == f"{2**53 + 5:,}"
            for order in window.jobs.model.order.__class__:
                window.jobs.set_order(order)
                await until(lambda: window.jobs.model.rowCount() == 3 and not window.jobs.reading.is_reading)


async def test_arguments_a_thousand_levels_deep(dsn: str, tmp_path: Path) -> None:
    with Others(dsn) as others:
        job_id = others.defer(args=DEEP)
        async with live(tmp_path, dsn) as window:
            window.jobs.inspect(job_id)
            await until(lambda: window.jobs.inspector.detail is not None)
            window.jobs.inspector.arguments.load.click()
            tree = window.jobs.inspector.arguments.tree
            model, holder = tree.model(), QModelIndex()
            for _ in range(30):
                await until(lambda holder=holder: model.rowCount(holder) == 1, what="the next level")
                holder = model.index(0, 0, holder)
                assert model.data(holder) == "a: { 1 key }"
                tree.expand(holder)
            for action, why in (("job.copy_json", "nested more deeply"), ("job.again", "nested too deeply")):
                window.message.clear()
                window.all_actions[action].trigger()
                await until(lambda why=why: why in window.message.text, what=f"why {action} cannot")


async def test_a_hundred_megabytes_of_arguments_are_not_fetched_before_they_are_asked_for(
    dsn: str, tmp_path: Path
) -> None:
    with Others(dsn) as others:
        job_id = others.defer()
        large = "jsonb_build_object('text', repeat(md5(id::text), 3200000))"
        others.run(f"UPDATE procrastinate_jobs SET args = {large} WHERE id = %s", job_id)
        async with live(tmp_path, dsn) as window:
            window.jobs.inspect(job_id)
            await until(lambda: window.jobs.inspector.detail is not None, timeout_s=60)
            assert window.jobs.inspector.detail.args is None  # type: ignore[union-attr]
            assert window.jobs.inspector.arguments.load.isVisible()


PACKED = "repeat(md5(id::text), 3200000)"
UNPACKED = "(SELECT string_agg(md5(n::text), '') FROM generate_series(1, 300000) AS n)"


@pytest.mark.parametrize("text", [PACKED, UNPACKED])
async def test_large_arguments_are_neither_copied_nor_edited_whole(dsn: str, tmp_path: Path, text: str) -> None:
    with Others(dsn) as others:
        small, large, fine = others.defer(args='{"user": 42}'), others.defer(), others.defer(args='{"user": 43}')
        others.run(f"UPDATE procrastinate_jobs SET args = jsonb_build_object('text', {text}) WHERE id = %s", large)
        async with live(tmp_path, dsn) as window:
            window.jobs.table.select([small, large, fine])
            await until(window.all_actions["job.copy_json"].isEnabled)
            window.all_actions["job.copy_json"].trigger()
            await until(lambda: "1 of them without arguments" in window.message.sentence, what="the copy")
            copied = {job["id"]: job.get("args") for job in json.loads(QApplication.clipboard().text())}
            assert copied == {small: {"user": 42}, large: None, fine: {"user": 43}}
            window.jobs.table.select([large])
            await until(window.all_actions["job.again"].isEnabled)
            window.all_actions["job.again"].trigger()
            await until(lambda: "larger than 1 MB" in window.message.text, what="why not")


async def test_no_more_than_so_many_bytes_of_arguments_are_read_for_several_jobs(dsn: str, tmp_path: Path) -> None:
    with Others(dsn) as others:
        args = json.dumps({"a": "x" * 90})
        ids = [others.defer(args=args) for _ in range(WHOLE_JOBS + 20)]
        async with live(tmp_path, dsn) as window:
            found = await desk_of(window).monitor.arguments(ids, len(args) * (WHOLE_JOBS + 10))
            assert [found[job_id] is not None for job_id in ids] == [True] * (WHOLE_JOBS + 10) + [False] * 10


async def test_ten_thousand_queues_and_tasks(dsn: str, tmp_path: Path) -> None:
    with Others(dsn) as others:
        others.run(
            "INSERT INTO procrastinate_jobs (task_name, queue_name) "
            "SELECT 'task.' || n, 'queue-' || n FROM generate_series(1, 10000) AS n"
        )
        async with live(tmp_path, dsn) as window:
            for page, count in {"queues": 10_000, "tasks": 10_000, "overview": 11}.items():
                window.show_page(page)
                model = window.pages.get(page).model
                await until(lambda model=model, count=count: model.rowCount() == count, timeout_s=60)
