"""New jobs: one, many from a file, and the selected ones again, here with changes or elsewhere."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial

from jobdesk_core.jobs import Job
from jobdesk_core.operations import Action, NewJob, Outcome
from jobdesk_core.profiles import UnreadableProfiles
from jobdesk_core.troubles import Trouble

from jobdesk.acting.control import Acting
from jobdesk.acting.errands import deferring_in_doubt
from jobdesk.connection.command_group import CommandGroup, Reasons
from jobdesk.connection.desk import Desk
from jobdesk.connection.session import Session
from jobdesk.kit import formats
from jobdesk.kit.action_spec import Needs, Spec
from jobdesk.kit.window import Window


class NewJobCommands(CommandGroup):
    """Jobs that there are not yet."""

    def __init__(self, window: Window, session: Session, acting: Acting) -> None:
        super().__init__(window, session)
        self._acting = acting

    def _reasons_on(self, desk: Desk) -> Reasons:
        return dict.fromkeys(("defer", "defer_many"), desk.refusal(Action.DEFER, None))

    def defer(self) -> None:
        """Ask for a new job."""
        self.open_defer(None)

    def defer_many(self) -> None:
        """Ask for many new jobs."""
        from jobdesk.deferring.known_tasks import KnownTasks
        from jobdesk.deferring.many_dialog import DeferManyDialog

        desk = self._desk
        if desk is not None:
            start = Job(task_name="")
            tasks = KnownTasks(desk)
            DeferManyDialog(
                self._window.frame,
                desk=desk,
                tasks=tasks,
                start=start,
                act=self._acting.start,
                done=self._window.tell,
                staged=self._acting.staged,
            ).open()

    specs = (
        Spec("job.defer", "&Defer…", "job", defer, "defer", "Ctrl+N", "Defer a new job", Needs.DESK),
        Spec(
            "job.defer_many",
            "Defer &many…",
            "job",
            defer_many,
            "queues",
            "Ctrl+Shift+N",
            "Defer one job for each row of CSV or NDJSON",
            Needs.DESK,
        ),
    )

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
                self._window.frame,
                task_names=desk.task_names(),
                queues=desk.queue_names(),
                prefill=prefill,
                submit=lambda job: self._submit(job, again_of),
                known=partial(self._known, desk),
                queue_limit_bytes=desk.capabilities.queue_name_limit_bytes,
                tasks=KnownTasks(desk),
                again_of=again_of,
                secret_keys=desk.profile.hidden_keys,
                sql_of=desk.defer_sql,
                stage=stage,
                is_staged=is_staged,
            ).open()

    def _stage(self, desk: Desk, job: Job, again_of: int | None) -> None:
        self._acting.staged.add_defer(desk.profile, job, again_of=again_of)
        self._window.tell(self.tr("Staged. Nothing has been changed yet."))

    async def _known(self, desk: Desk, job: Job, outcome: Outcome) -> Outcome:
        """What has become of a job that nobody knows of. A banner tells it, too, whatever becomes of the dialog."""
        known: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        self._acting.start(deferring_in_doubt(desk, job, outcome, known.set_result))
        return await asyncio.shield(known)

    async def _submit(self, job: Job, again_of: int | None) -> Outcome:
        desk = self._session.desk
        if desk is None:
            raise ConnectionError(self.tr("The connection was closed meanwhile."))
        outcome = await desk.defer(job, again_of=again_of)
        if outcome.is_done and outcome.job_id is not None:
            self._acting.tell_deferred(outcome.sentence, outcome.job_id)
        return outcome


class AgainCommands(CommandGroup):
    """The selected jobs again, as new ones."""

    def __init__(self, window: Window, session: Session, acting: Acting, new_jobs: NewJobCommands) -> None:
        super().__init__(window, session)
        self._acting, self._new_jobs = acting, new_jobs

    def _reasons_on(self, desk: Desk) -> Reasons:
        rows = self._window.selected_rows()
        none = None if rows else self.tr("Select a job first.")
        several = self.tr("Select just one job.") if len(rows) > 1 else None
        refusal = none or several or desk.refusal(Action.DEFER, rows[0])
        # What may be done here does not matter to a replay: nothing is done here.
        return {"again": refusal, "replay": none}

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
            self._new_jobs.open_defer(new.job, again_of=new.origin)
            return
        said = self.tr("Job {job} cannot be deferred again with changes.")
        self._window.show_trouble(Trouble("bad_input", said.format(job=formats.job_number(new.origin)), new.problem))

    def replay(self) -> None:
        """Ask where to defer the selected jobs again."""
        from jobdesk.deferring.replay import ReplayDialog

        desk, rows = self._desk, self._window.selected_rows()
        if desk is None or not rows:
            return
        try:
            profiles = [profile for profile in self._session.store.all() if profile.name != desk.profile.name]
        except UnreadableProfiles as error:
            self._window.show_trouble(Trouble("unknown", str(error)))
            return
        ids = [row.id for row in rows]
        ReplayDialog(
            self._window.frame,
            session=self._session,
            source=desk,
            job_ids=ids,
            profiles=profiles,
            act=self._acting.start,
            done=self._window.tell,
            staged=self._acting.staged,
        ).open()

    specs = (
        Spec(
            "job.again",
            "Defer aga&in with changes…",
            "job",
            again,
            tip="A new job with this one's task and arguments",
            needs=Needs.JOBS,
            starts_group=True,
            after="job.fail",
        ),
        Spec(
            "job.replay",
            "Repla&y elsewhere…",
            "job",
            replay,
            "play",
            "Ctrl+Shift+Y",
            "Defer the selected jobs again on another connection",
            Needs.JOBS,
        ),
    )
