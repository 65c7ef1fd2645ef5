"""The tour's way through deferring: what is known of a task, many rows with mistakes, a replay on production."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace

from jobdesk.deferring.dialog import DeferDialog
from jobdesk.deferring.many_dialog import DeferManyDialog
from jobdesk.deferring.replay import ReplayDialog
from jobdesk_core.demo import elsewhere

from tour.walker import Walker

ROWS = "user_id,period,amount\n40,2026-10,12.5\n41,2026-10,7\n42,2026-10,7,8\n43,2026-10,99\n"
_TRIES = 100


async def walk(walker: Walker) -> None:
    """Open each dialog, fill it, take its picture and close it. Nothing is deferred."""
    walker.trigger("job.defer")
    form = walker.window.findChildren(DeferDialog)[-1]
    form.task.setText("invoices.send_invoice")
    await _until(lambda: form.known is not None)
    form.arguments.set_text('{"user_id": "42"}')
    await walker.picture("defer-known")
    walker.close_dialog()
    await _many(walker)
    walker.close_dialog()
    await _replay(walker)
    walker.close_dialog()


async def _many(walker: Walker) -> None:
    walker.trigger("job.defer_many")
    many = walker.window.findChildren(DeferManyDialog)[-1]
    await walker.picture("defer-many-empty")
    many.fields.task.setText("invoices.send_invoice")
    many.fields.queueing_lock.setText("user-{user_id}")
    many.rows.edit.setPlainText(ROWS)
    await _until(lambda: many.plan is not None and bool(many.plan.jobs))
    await walker.picture("defer-many")


async def _replay(walker: Walker) -> None:
    window = walker.window
    desk, rows = window.session.desk, window.jobs.selected_rows()
    if desk is None or not rows:
        return
    # The demo's second database stands for production: only the preview is shown.
    there = elsewhere(desk.profile.dsn)
    target = replace(desk.profile, name="billing-eu", environment="production", colour="#d92d2d", dsn=there)
    replay = ReplayDialog(
        window,
        session=window.session,
        source=desk,
        job_ids=[row.id for row in rows],
        profiles=[target],
        act=window.acting.start,
        done=window.message.show_good_news,
        staged=window.commands.staged.changes,
    )
    replay.open()
    await walker.picture("replay-empty")
    replay.profile.setCurrentIndex(1)
    await _until(lambda: replay.plan is not None)
    await walker.picture("replay")


async def _until(condition: Callable[[], bool]) -> None:
    """Until it is so, or for a few seconds: the picture shows what is missing."""
    for _ in range(_TRIES):
        if condition():
            break
        await asyncio.sleep(0.05)
