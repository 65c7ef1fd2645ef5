"""The window beside a server whose clock differs from this machine's."""

from __future__ import annotations

from pathlib import Path

import pytest
from jobdesk.kit import formats
from opened import Others, desk_of, live
from shifted import shifted
from waiting import until

DAY = 86_400


@pytest.mark.parametrize(("wrong", "told"), [(40, ""), (-DAY, "24 h behind")])
async def test_the_window_tells_times_by_the_servers_clock(
    dsn: str, tmp_path: Path, caplog: pytest.LogCaptureFixture, wrong: int, told: str
) -> None:
    with Others(dsn) as others, shifted(wrong):
        fresh, silent = others.register_worker(), others.register_worker()
        others.run("UPDATE procrastinate_workers SET last_heartbeat = now() - interval '5 min' WHERE id = %s", silent)
        others.start(others.defer(), fresh)
        job_id = others.run(
            "INSERT INTO procrastinate_jobs (task_name, queue_name, scheduled_at) "
            "VALUES ('t', 'q', now() + interval '1 h') RETURNING id"
        )
        async with live(tmp_path, dsn) as window:
            desk = desk_of(window)
            assert desk.live_worker_ids == {fresh}
            position = window.jobs.model.ids().index(job_id)
            model = window.jobs.model
            texts = [str(model.index(position, column).data()) for column in range(model.columnCount())]
            assert any("59 min" in text for text in texts), texts
            clock = desk.connector.clock.difference()
            await until(lambda: "This machine's clock is" in caplog.text, what="the log")
            window._show_footnote()
            assert (f"This machine's clock is {told}" in window.footer._right.text()) is bool(told), clock
            server_now = others.run("SELECT now()")
            assert formats.local(server_now) == formats.time_of_day(server_now), "today is the server's"
