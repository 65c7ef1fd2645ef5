"""The tour's acts: what each did is told as before and after, by what the table shows."""

from __future__ import annotations

import asyncio
import re

from jobdesk.acting.preflight import PreflightDialog
from jobdesk.deferring.dialog import DeferDialog
from jobdesk_core.connectors.statement import Statement
from jobdesk_core.jobs import Status
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from tour import records, staging
from tour.walker import StepFailed, Walker, say

_NEWEST: Statement[int] = Statement(
    "SELECT coalesce(max(id), 0) AS id FROM procrastinate_jobs", lambda rows: rows[0]["id"]
)


async def walk(walker: Walker) -> None:
    """Defer, cancel and undo it, abort, retry, delete, and stage several changes."""
    await _defer(walker)
    await _cancel(walker)
    await records.undo(walker)
    walker.window.show_page("jobs")
    await _abort(walker)
    await _retry(walker)
    await _delete_and_copy(walker)
    await _staged(walker)


async def _defer(walker: Walker) -> None:
    say("\nDefer")
    desk = walker.window.session.desk
    assert desk is not None
    before = await desk.connector.run_async(_NEWEST)
    job_id = await _defer_by_dialog(
        walker, "mail.deliver", "mail", '{"to": "tour@example.org", "template": "welcome"}', picture="defer"
    )
    say(f"  before: the newest job was #{before:,}")
    await walker.until(lambda: walker.status(job_id) in (Status.SUCCEEDED, Status.FAILED), "the job to run")
    say(f"  after:  job #{job_id:,} {walker.status_word(job_id)}, run by a worker")


async def _cancel(walker: Walker) -> None:
    say("\nCancel")
    job_id = await _defer_by_dialog(walker, "mail.digest", "mail", '{"list_id": 99}', in_minutes=15)
    await walker.select(job_id)
    await walker.until(lambda: walker.window.jobs.inspector.detail is not None, "the inspector to fill")
    await walker.picture("why-scheduled")
    say(f"  before: job #{job_id:,} {walker.status_word(job_id)}")
    await _act(walker, "job.cancel", "cancel")
    await walker.until(lambda: walker.status(job_id) is Status.CANCELLED, "the job to be cancelled")
    say(f"  after:  job #{job_id:,} {walker.status_word(job_id)}")


async def _abort(walker: Walker) -> None:
    say("\nAbort")
    job_id = await _defer_by_dialog(walker, "media.transcode", "media", '{"path": "/films/tour.mov"}', priority=99)
    await walker.until(lambda: walker.status(job_id) is Status.DOING, "a worker to start the job", 60)
    await walker.select(job_id)
    await asyncio.sleep(1.2)
    await walker.picture("running")
    say(f"  before: job #{job_id:,} {walker.status_word(job_id)}")
    await _act(walker, "job.abort", "abort")
    await walker.until(lambda: walker.status(job_id) is Status.ABORTED, "the job to be aborted")
    say(f"  after:  job #{job_id:,} {walker.status_word(job_id)}")


async def _retry(walker: Walker) -> None:
    say("\nRetry")
    model = walker.window.jobs.model
    await walker.type_filter("status:failed task:ledger.reconcile")
    job_id = await walker.until(lambda: walker.first_job(Status.FAILED), "a failed job")
    walker.clear_filter()
    await walker.type_filter(f"id:{job_id}")
    row = await walker.until(lambda: model.row(job_id), "the failed job")
    say(f"  before: job #{job_id:,} {row.status.value}, attempts {row.attempts}")
    await walker.select(job_id)
    await _act(walker, "job.retry", "retry")

    def has_run_again() -> bool:
        now = model.row(job_id)
        return now is not None and now.status is Status.FAILED and now.attempts >= row.attempts + 2

    await walker.until(has_run_again, "the job to run again", 40)
    after = model.row(job_id)
    assert after is not None
    say(f"  after:  job #{job_id:,} {after.status.value} again, attempts {after.attempts}")
    await walker.picture("retried")
    walker.clear_filter()


async def _delete_and_copy(walker: Walker) -> None:
    say("\nCancel and delete")
    job_id = await _defer_by_dialog(walker, "mail.digest", "mail", '{"list_id": 98}', in_minutes=15)
    await walker.select(job_id)
    walker.trigger("job.copy_json")
    await walker.until(lambda: f'"id": {job_id}' in QApplication.clipboard().text(), "the JSON to be copied")
    say(f"  before: job #{job_id:,} {walker.status_word(job_id)}, copied as JSON")
    await _act(walker, "job.delete", "delete")
    await walker.until(lambda: walker.window.jobs.model.position(job_id) is None, "the job to be gone")
    say("  after:  it is gone")
    await walker.picture("deleted")


async def _staged(walker: Walker) -> None:
    say("\nStaged changes")
    job_ids = [
        await _defer_by_dialog(walker, "mail.digest", "mail", f'{{"list_id": {90 + number}}}', in_minutes=30)
        for number in range(4)
    ]
    await staging.walk(walker, job_ids)
    say("  applied together, with the job that had changed as it is now")


async def _act(walker: Walker, key: str, picture: str) -> None:
    walker.click_action(key)
    dialog = await walker.dialog(PreflightDialog)
    await walker.until(dialog.verb.isEnabled, "the preflight")
    await walker.picture(picture)
    walker.click(dialog.verb)
    await walker.dialog_gone(f"the dialog of {key}")


async def _defer_by_dialog(
    walker: Walker,
    task: str,
    queue: str,
    arguments: str,
    *,
    in_minutes: int = 0,
    priority: int = 0,
    picture: str = "",
) -> int:
    """Defer a job and return its id, once the table shows it."""
    walker.click_action("job.defer")
    dialog = await walker.dialog(DeferDialog)
    QTest.keyClicks(dialog.task, task)
    popup = dialog.task.completer().popup()
    assert popup is not None
    popup.hide()
    dialog.queue.setText(queue)
    dialog.priority.setValue(priority)
    if picture:
        await _mistakes(walker, dialog, picture)
        dialog.queue.setText(queue)
    dialog.arguments.set_text(arguments)
    if in_minutes:
        dialog.schedule.choose_after(in_minutes, "minutes")
    if picture:
        await walker.picture(picture)
    if not dialog.verb.isEnabled():
        raise StepFailed(f"the defer dialog refuses {task}: {dialog.problem()}")
    walker.click(dialog.verb)
    await walker.dialog_gone("the defer dialog")
    sentence = walker.window.banners.sentence
    deferred = re.search(r"Deferred job #([\d,]+)", sentence)
    if deferred is None:
        raise StepFailed(f"the window does not say which job it deferred: {sentence}")
    job_id = int(deferred[1].replace(",", ""))
    await walker.until(lambda: walker.status(job_id), f"job #{job_id:,} to show")
    return job_id


async def _mistakes(walker: Walker, dialog: DeferDialog, picture: str) -> None:
    dialog.arguments.set_text('{"to": "tour@example.org" "template": 1}')
    dialog.queue.setText("a-name-that-is-too-long-for-the-notification-channel")
    await walker.picture(f"{picture}-mistakes")
