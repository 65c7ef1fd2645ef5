"""Tables that are other than any release makes them: every page, and the inspector, show every row."""

from __future__ import annotations

from pathlib import Path

import pytest
from database import run_sql
from jobdesk.kit.text_block import TextBlock
from odd_tables import ODD, make_odd
from opened import live
from PySide6.QtWidgets import QLabel
from waiting import until

MINUTE = 60
#: Characters that no label has to wrap.
LONGEST = 10_000


@pytest.mark.parametrize("odd", ODD)
async def test_every_page_shows_every_row(dsn: str, tmp_path: Path, odd: str) -> None:
    jobs = make_odd(dsn, odd)
    async with live(tmp_path, dsn) as window:
        await until(lambda: sorted(window.jobs.model.ids()) == jobs, timeout_s=MINUTE, what="every job")
        for job_id in jobs:
            window.jobs.inspect(job_id)
            await until(
                lambda job_id=job_id: (detail := window.jobs.inspector.detail) and detail.row.id == job_id,
                timeout_s=MINUTE,
                what=f"the details of {job_id}",
            )
            # The window stood still for seconds while a name of a megabyte was wrapped.
            assert all(len(label.text()) < LONGEST for label in window.findChildren(QLabel))
            assert all(block.document().characterCount() < LONGEST for block in window.findChildren(TextBlock))
        for page in ("overview", "queues", "tasks", "workers", "locks"):
            window.show_page(page)
            if page != "overview":
                model = getattr(window.pages.get(page), "model", None) or window.pages.get(page).table.model()
                await until(lambda model=model: model.rowCount() > 0, timeout_s=MINUTE, what=f"the {page}")
        window.show_page("jobs")
        table = "kept" if odd.startswith("a view") else "procrastinate_jobs"
        run_sql(dsn, f"INSERT INTO {table} (task_name, queue_name) VALUES ('t', 'q')")
        await until(lambda: len(window.jobs.model.ids()) == len(jobs) + 1, timeout_s=MINUTE, what="a later job")
        await until(lambda: window.header.live.mode == "live", timeout_s=MINUTE, what="the feed to be live")
        assert not window.message.sentence, window.message.text
