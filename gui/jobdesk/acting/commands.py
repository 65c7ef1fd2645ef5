"""Acting on jobs."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING

from jobdesk_core.database.rows import JobRow
from jobdesk_core.filters.language import JobFilter
from jobdesk_core.jobs import Job
from jobdesk_core.operations import Action, Chosen, Matching, NewJob, Outcome
from jobdesk_core.profiles import UnreadableProfiles
from jobdesk_core.troubles import Trouble

from jobdesk.acting.errands import deferring_in_doubt
from jobdesk.acting.opening import matching_target, open_preflight
from jobdesk.connection.desk import Desk
from jobdesk.jobs.copying import Copying
from jobdesk.kit import formats
from jobdesk.kit.command_group import Noun

if TYPE_CHECKING:
    from jobdesk.acting.options import Options
    from jobdesk.window.main_window import MainWindow

#: The action of the core behind each verb.
ACTIONS = {
    "defer": Action.DEFER,
    "defer_many": Action.DEFER,
    "retry": Action.RETRY,
    "cancel": Action.CANCEL,
    "abort": Action.ABORT,
    "fail": Action.FAIL,
    "delete": Action.DELETE,
    "run_now": Action.RUN_NOW,
    "reschedule": Action.RESCHEDULE,
    "reprioritise": Action.REPRIORITISE,
    "purge": Action.PURGE,
    "again": Action.DEFER,
}
COPIES = ("copy_rows", "copy_ids", "copy_json", "copy_link")


class JobCommands(Noun):
    """New jobs, and the selected ones."""

    def __init__(self, window: MainWindow) -> None:
        super().__init__(window)
        self._copying = Copying(window, self._work)
        self._copying.copied.connect(self.done)

    def reasons(self) -> dict[str, str | None]:
        desk = self._desk
        if desk is None:
            return dict.fromkeys([*ACTIONS, "replay", "rescue", *COPIES], self._no_desk())
        rows = self._window.selected_rows()
        reasons = {verb: self._reason(desk, action, rows) for verb, action in ACTIONS.items()}
        reasons["defer"] = reasons["defer_many"] = desk.refusal(Action.DEFER, None)
        # What may be done here does not matter: nothing is done here.
        reasons["replay"] = None if rows else self.tr("Select a job first.")
        reasons["rescue"] = desk.impossible(Action.RESCUE)
        reasons |= dict.fromkeys(COPIES, None if rows else self.tr("Select a job first."))
        is_saved = self._session.profile is not None and bool(self._session.profile.saved_as)
        reasons["copy_link"] = None if is_saved else self.tr("Save this connection first: a link names it.")
        if len(rows) > 1:
            reasons["again"] = self.tr("Select just one job.")
        return reasons

    def _reason(self, desk: Desk, action: Action, rows: Sequence[JobRow]) -> str | None:
        if not rows:
            return self.tr("Select a job first.")
        refusals = [desk.refusal(action, row) for row in rows]
        # Of several jobs the dialog acts on those it can and says why not on the others.
        return None if None in refusals else refusals[0]

    def defer(self) -> None:
        """Ask for a new job."""
        self.open_defer(None)

    def again(self) -> None:
        """Ask for a new job that starts out as the selected one."""
        desk, rows = self._session.desk, self._window.selected_rows()
        if desk is None or len(rows) != 1:
            return
        self._work.start(
            desk.read_to_edit(rows[0].id),
            name="job.again",
            then=self._open_again,
            replaces=True,
            says=self.tr("Reading the arguments…"),
        )

    def _open_again(self, new: NewJob) -> None:
        if new.problem is None:
            self.open_defer(new.job, again_of=new.origin)
            return
        said = self.tr("Job {job} cannot be deferred again with changes.")
        self._window.show_trouble(Trouble("bad_input", said.format(job=formats.job_number(new.origin)), new.problem))

    def defer_many(self) -> None:
        """Ask for many new jobs."""
        from jobdesk.deferring.known_tasks import KnownTasks
        from jobdesk.deferring.many_dialog import DeferManyDialog

        desk = self._desk
        if desk is not None:
            start = Job(task_name="")
            tasks = KnownTasks(desk)
            DeferManyDialog(
                self._window,
                desk=desk,
                tasks=tasks,
                start=start,
                act=self.act,
                done=self.done.emit,
                staged=self.staged,
            ).open()

    def replay(self) -> None:
        """Ask where to defer the selected jobs again."""
        from jobdesk.deferring.replay import ReplayDialog

        desk, rows = self._desk, self._window.jobs.selected_rows()
        if desk is None or not rows:
            return
        try:
            profiles = [profile for profile in self._session.store.all() if profile.name != desk.profile.name]
        except UnreadableProfiles as error:
            self._window.show_trouble(Trouble("unknown", str(error)))
            return
        ids = [row.id for row in rows]
        ReplayDialog(
            self._window,
            session=self._session,
            source=desk,
            job_ids=ids,
            profiles=profiles,
            act=self.act,
            done=self.done.emit,
            staged=self.staged,
        ).open()

    def retry(self) -> None:
        """Ask when and how to retry the selected jobs."""
        self._act(Action.RETRY)

    def cancel(self) -> None:
        """Cancel the selected jobs."""
        self._act(Action.CANCEL)

    def abort(self) -> None:
        """Ask the selected running jobs to stop."""
        self._act(Action.ABORT)

    def delete(self) -> None:
        """Cancel and delete the selected jobs."""
        self._act(Action.DELETE)

    def run_now(self) -> None:
        """Let the selected jobs no longer wait for their time."""
        self._act(Action.RUN_NOW)

    def reschedule(self) -> None:
        """Ask for another time for the selected jobs."""
        self._act(Action.RESCHEDULE)

    def reprioritise(self) -> None:
        """Ask for another priority for the selected jobs."""
        from jobdesk.acting.options import ReprioritiseOptions

        rows = self._window.selected_rows()
        self._act(Action.REPRIORITISE, ReprioritiseOptions(rows[0].priority if rows else 0))

    def purge(self) -> None:
        """Delete the selected jobs that have ended."""
        from jobdesk.acting.options import PurgeOptions

        self._act(Action.PURGE, PurgeOptions.of_any_age())

    def rescue(self) -> None:
        """Retry the running jobs that no live worker has."""
        self._act_on_stalled(Action.RESCUE)

    def rescue_matching(self, filter_text: str) -> None:
        """Retry the stalled jobs of a filter."""
        desk = self._desk
        if desk is not None:
            target = matching_target(JobFilter.parse(filter_text))
            open_preflight(self, self._window, desk, Action.RESCUE, [target])

    def fail(self) -> None:
        """Mark the selected running jobs as failed, which no living worker has."""
        self._act(Action.FAIL)

    def fail_stalled(self) -> None:
        """Mark all running jobs as failed that no living worker has."""
        self._act_on_stalled(Action.FAIL)

    def _act_on_stalled(self, action: Action) -> None:
        desk = self._desk
        if desk is not None:
            target = Matching(JobFilter.parse("is:stalled"))
            open_preflight(self, self._window, desk, action, [(self.tr("all stalled jobs"), target)])

    def copy_rows(self) -> None:
        """Copy the selected rows as the table shows them."""
        self._copying.rows()

    def copy_ids(self) -> None:
        """Copy the ids of the selected jobs."""
        self._copying.ids()

    def copy_link(self) -> None:
        """Copy a link to the selected job, or to the page on show."""
        self._copying.link()

    def copy_json(self) -> None:
        """Copy all that is known of the selected jobs; what looks secret stays hidden."""
        self._copying.json()

    def _act(self, action: Action, options: Options | None = None) -> None:
        desk, rows = self._desk, self._window.selected_rows()
        if rows and desk is not None:
            target = Chosen(tuple(row.id for row in rows))
            name = self.tr("{count} selected").format(count=formats.number(len(rows)))
            targets = [(name, target), matching_target(self._window.jobs.model.job_filter)]
            edit = self.again if action is Action.RETRY and len(rows) == 1 else None
            open_preflight(self, self._window, desk, action, targets, options, edit=edit)

    def open_defer(self, prefill: Job | None, *, again_of: int | None = None) -> None:
        """Ask for a new job that starts out as this one, and may repeat another."""
        desk = self._session.desk
        if desk is not None:
            self._open_defer(prefill, lambda job: self._stage(desk, job, again_of), again_of=again_of)

    def open_staged(self, job: Job, keep: Callable[[Job], None], *, again_of: int | None = None) -> None:
        """Edit a new job that is staged."""
        self._open_defer(job, keep, again_of=again_of, is_staged=True)

    def _open_defer(
        self,
        prefill: Job | None,
        stage: Callable[[Job], None],
        *,
        again_of: int | None = None,
        is_staged: bool = False,
    ) -> None:
        from jobdesk.deferring.dialog import DeferDialog
        from jobdesk.deferring.known_tasks import KnownTasks

        desk = self._session.desk
        if desk is not None:
            DeferDialog(
                self._window,
                task_names=desk.task_names(),
                queues=desk.queue_names(),
                prefill=prefill,
                submit=lambda job: self._submit(job, again_of),
                known=partial(self._known, desk),
                queue_limit_bytes=desk.capabilities.queue_name_limit_bytes,
                tasks=KnownTasks(desk),
                again_of=again_of,
                secret_keys=desk.profile.secret_keys,
                sql_of=desk.defer_sql,
                stage=stage,
                is_staged=is_staged,
            ).open()

    def _stage(self, desk: Desk, job: Job, again_of: int | None) -> None:
        self.staged.add_defer(desk.profile, job, again_of=again_of)
        self.done.emit(self.tr("Staged. Nothing has been changed yet."))

    async def _known(self, desk: Desk, job: Job, outcome: Outcome) -> Outcome:
        """What has become of a job that nobody knows of. A banner tells it, too, whatever becomes of the dialog."""
        known: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        self._window.acting.start(deferring_in_doubt(desk, job, outcome, known.set_result))
        return await asyncio.shield(known)

    async def _submit(self, job: Job, again_of: int | None) -> Outcome:
        desk = self._session.desk
        if desk is None:
            raise ConnectionError(self.tr("The connection was closed meanwhile."))
        outcome = await desk.defer(job, again_of=again_of)
        if outcome.is_done and outcome.job_id is not None:
            self._window.acting.tell_deferred(outcome.sentence, outcome.job_id)
        return outcome
