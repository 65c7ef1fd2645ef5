"""The tour's way through staged changes: collected, refused because a job has changed, mended and applied."""

from __future__ import annotations

from jobdesk.acting.options import ReprioritiseOptions
from jobdesk.acting.preflight import PreflightDialog
from jobdesk.deferring.dialog import DeferDialog
from jobdesk.staging.dialog import StagedDialog
from jobdesk.staging.discard import DiscardDialog
from jobdesk.window.desk_view import DeskView
from jobdesk_core.connectors.statement import Statement, nothing

from tour.walker import Walker


async def walk(walker: Walker, job_ids: list[int]) -> None:
    """Stage changes of these waiting jobs and a new one, change one of them meanwhile, and apply what is left."""
    window = walker.window
    await _stage(walker, "job.cancel", job_ids[:2])
    await _stage(walker, "job.reprioritise", job_ids[2:])
    walker.trigger("job.defer")
    form = await walker.until(lambda: window.findChild(DeferDialog), "the form of a new job")
    form.task.setText("mail.digest")
    form.queue.setText("mail")
    form.queueing_lock.setText("digest-tour")
    walker.click(form.second)
    await walker.until(lambda: window.footer.staged.text().startswith("3"), "three staged changes")
    await walker.picture("staged-footer")
    walker.click(window.footer.staged)
    dialog = await walker.until(lambda: window.findChild(StagedDialog), "the staged changes")
    await walker.until(dialog.verb.isEnabled, "the preflight of the staged changes")
    await walker.picture("staged")
    await _change(walker, job_ids[1])
    walker.click(dialog.verb)
    acts = window.acting.acts
    await walker.until(lambda: acts.listed and acts.listed[-1].is_over, "the refusal")
    await walker.picture("staged-refused")
    walker.click(walker.button(window.banners, "Check again…"))
    dialog = await walker.until(lambda: window.findChildren(StagedDialog)[-1], "the staged changes")
    await walker.until(lambda: dialog.plan is not None, "another look")
    await walker.picture("staged-in-the-way")
    walker.click(dialog.discard_button)
    ask = await walker.until(lambda: window.findChild(DiscardDialog), "the question")
    await walker.picture("staged-discard")
    ask.reject()
    walker.click(walker.button(dialog, "Keep what can be done"))
    await walker.until(dialog.verb.isEnabled, "the preflight of what is left")
    walker.click(dialog.verb)
    await walker.until(lambda: not window.footer.staged.isVisible(), "the staged changes to be applied")
    await walker.picture("staged-applied")


async def _stage(walker: Walker, key: str, job_ids: list[int]) -> None:
    window = walker.window
    window.jobs.table.select(job_ids)
    await walker.until(window.all_actions[key].isEnabled, f"{key} to be possible")
    walker.trigger(key)
    dialog = await walker.until(lambda: _shown(window), "the preflight's dialog")
    if key == "job.reprioritise":
        assert isinstance(dialog.options, ReprioritiseOptions)
        dialog.options.priority.setValue(5)
    await walker.until(lambda: dialog.plan is not None and dialog.second.isEnabled(), "the preflight")
    walker.click(dialog.second)


def _shown(window: DeskView) -> PreflightDialog | None:
    return next((each for each in window.findChildren(PreflightDialog) if each.isVisible()), None)


async def _change(walker: Walker, job_id: int) -> None:
    """As someone else would, meanwhile."""
    desk = walker.window.session.desk
    assert desk is not None
    sql = "UPDATE procrastinate_jobs SET scheduled_at = scheduled_at + interval '1 hour' WHERE id = %(id)s"
    await desk.connector.run_async(Statement(sql, nothing, {"id": job_id}))
