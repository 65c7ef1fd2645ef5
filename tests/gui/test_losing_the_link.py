"""A lost link: since when what is on show is stale, in how many seconds it is tried anew, and a button for at once."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

from database import run_sql
from dropping import Dropper
from opened import Others, desk_of, live
from PySide6.QtWidgets import QPushButton
from waiting import until

MINUTE = 60
END_ALL = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database()"
END_ALL += " AND application_name = 'jobdesk'"


async def test_it_is_tried_again_by_itself_and_at_once_by_a_click(dsn: str, tmp_path: Path) -> None:
    with Others(dsn) as others, Dropper(dsn).running() as link:
        job_id = others.defer()
        async with live(tmp_path, link.dsn) as window:
            monitor = desk_of(window).monitor
            await until(lambda: job_id in window.jobs.model.ids(), what="the job")
            link.is_down = True
            await asyncio.to_thread(run_sql, dsn, END_ALL)

            def button() -> QPushButton:
                return next(each for each in window.message.findChildren(QPushButton) if not each.isHidden())

            await until(
                lambda: "what you see of test has been stale since" in window.message.sentence,
                timeout_s=MINUTE,
                what="the loss told",
            )
            assert re.search(r"stale since (?:.* )?\d\d:\d\d:\d\d", window.message.sentence)
            assert job_id in window.jobs.model.ids() and window.jobs.table.is_faded
            # Once it is tried seldom, a click is sooner.
            await until(lambda: (monitor.next_try_s or 0) > 6, timeout_s=MINUTE, what="a long rest")
            await until(lambda: re.fullmatch(r"Try now \(\d+ s\)", button().text()), what="the countdown")
            first = button()
            await until(
                lambda: re.fullmatch(r"Try now \([1-7] s\)", first.text()), timeout_s=MINUTE, what="it to count"
            )
            link.is_down = False
            before = monitor.next_try_s
            first.click()
            if before is not None and before > 2:
                assert first.text() == "trying …"
            await until(lambda: window.header.live.mode in ("live", "polling"), timeout_s=MINUTE, what="the link")
            assert monitor.next_try_s is None and not window.jobs.table.is_faded
            await until(lambda: "Reconnected" in window.message.sentence, what="the good news")
