"""Defers jobs again on another profile's database. Nothing is changed where they come from."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from jobdesk_core.operations import DeferPlan, TooManyNewJobs, TooManyStaged, first_defer
from jobdesk_core.operations.confirmation import Other
from jobdesk_core.operations.deferring.many import JOB
from jobdesk_core.operations.deferring.replay import MOST_JOBS
from jobdesk_core.profiles import Profile
from jobdesk_core.troubles import explain
from PySide6.QtWidgets import QCheckBox, QComboBox, QWidget

from jobdesk.acting.act import Errand
from jobdesk.acting.errands import act_on_new_jobs
from jobdesk.acting.preflight_words import Words, jobs
from jobdesk.acting.safety import Safety
from jobdesk.acting.staged_changes import StagedChanges
from jobdesk.connection.desk import Desk
from jobdesk.connection.session import Session, Unreached
from jobdesk.deferring.defers_panel import DefersPanel
from jobdesk.kit import formats
from jobdesk.kit.dialog_frame import DialogFrame, field
from jobdesk.kit.sql_view import ShownSql
from jobdesk.kit.target_banner import TargetBanner
from jobdesk.kit.theme import theme

LOOK = "look"


class ReplayDialog(DialogFrame):
    """Opens a connection of its own to the target, and lets go of it in the end.

    `act` is handed the act, `done` told of what was staged.
    """

    help_place = ("acting", "deferring-on-another-connection")

    def __init__(
        self,
        parent: QWidget | None,
        *,
        session: Session,
        source: Desk,
        job_ids: Sequence[int],
        profiles: Sequence[Profile],
        act: Callable[[Errand], object],
        done: Callable[[str], None],
        staged: StagedChanges,
    ) -> None:
        super().__init__(parent, title="", sentence="", verb=" ", width=760)
        self._session, self._source, self._staged = session, source, staged
        self._act, self._done = act, done
        self._job_ids, self._profiles = list(job_ids)[:MOST_JOBS], list(profiles)
        self._target: Desk | None = None
        self.plan: DeferPlan | None = None
        self.profile = QComboBox()
        self.profile.addItem(self.tr("Choose a connection"))
        self.profile.addItems([formats.cut(profile.name, 80) for profile in self._profiles])
        self.banner = TargetBanner()
        self.panel = DefersPanel(self.tr("Job"), source.profile.secret_keys)
        self.panel.set_empty(self.tr("What would be deferred there appears here first."))
        self.sql = ShownSql()
        self.leave_out = QCheckBox()
        self.safety: Safety | None = None
        self._lay_out()
        self._say_what()
        self.profile.currentIndexChanged.connect(self._choose)
        self.leave_out.toggled.connect(self._check)
        self.finished.connect(self._let_go)
        self._check()
        self.profile.setFocus()

    def submit(self) -> None:
        """Defer them there, all in one transaction."""
        target, plan = self._target, self.plan
        if target is None or plan is None or not self.verb.isEnabled():
            return
        # The connection goes with the act, and is let go of when that has ended.
        self._target = None
        self._act(
            act_on_new_jobs(
                target,
                plan,
                is_one_transaction=True,
                source=self._source.profile.name,
                stage=self._staged.keep_rest(target.profile, self._done),
                release=lambda: self._session.release(target),
            )
        )
        self.accept()

    def stage(self) -> None:
        """Add them to the staged changes of the target, to be applied when it is connected."""
        if self.plan is None or not self.second.isEnabled():
            return
        profile = self._profiles[self.profile.currentIndex() - 1]
        try:
            self._staged.add_defers(profile, self.plan)
        except (TooManyStaged, TooManyNewJobs) as error:
            self.message.show_message("bad", str(error))
            return
        said = self.tr("Staged for {profile}. Connect to it to apply them; nothing has been changed yet.")
        self._done(said.format(profile=formats.cut(profile.name, 80)))
        self.accept()

    def reject(self) -> None:
        """Close, and look no further."""
        self.work.cancel(LOOK)
        super().reject()

    # Choosing the target

    def _choose(self, position: int) -> None:
        self.work.cancel(LOOK)
        self._let_go()
        self.plan = None
        self.message.clear()
        self.panel.clear()
        self.panel.pace.hide()
        self.banner.setVisible(position > 0)
        if self.safety is not None:
            self.safety.hide()
            self.safety.deleteLater()
            self.safety = None
        if position > 0:
            profile = self._profiles[position - 1]
            where = formats.visible(profile.display_dsn)
            name = formats.visible(profile.name)
            self.banner.show_target(formats.visible(profile.environment), name, where, profile.colour)
            self.safety = Safety(_words(self), profile)
            self.safety.hide_how()
            self.safety.changed.connect(self._check)
            self.content.addWidget(self.safety)
            self.message.show_message("info", self.tr("Connecting to {name}…").format(name=name))
            self.work.start(self._look(profile), name=LOOK, then=self._looked, failed=self._look_failed, replaces=True)
        self._check()

    async def _look(self, profile: Profile) -> DeferPlan:
        self._target = await self._session.reach(profile)
        if await self._target.has_the_jobs_of(self._source):
            said = self.tr("This is the same database as {source}: the jobs are there already.")
            problem = said.format(source=formats.cut(self._source.profile.name, 80))
            return DeferPlan([], self._target.capabilities, problem=problem)
        self.panel.pace.start(self.tr("Reading the jobs: {at} of {of}"))
        new = await self._source.read_jobs(self._job_ids, self.panel.pace.step)
        return await self._target.plan_defers(new, self.panel.pace.step, origin=JOB)

    def _looked(self, plan: DeferPlan) -> None:
        self.panel.pace.hide()
        self.message.clear()
        if plan.problem is not None:
            self._let_go()
            self.message.show_message("bad", plan.problem, self.tr("Choose another connection."))
        elif not plan.is_complete or len(plan.jobs) < len(self._job_ids):
            again = [(self.tr("Check again"), lambda: self._choose(self.profile.currentIndex()))]
            self.message.show_message("info", self.tr("Stopped before every job was checked."), "", again)
        else:
            self.plan = plan
            self.panel.show_plan(plan)
        self._check()

    def _look_failed(self, error: Exception) -> None:
        self.panel.pace.hide()
        trouble = error.trouble if isinstance(error, Unreached) else explain(error)
        self.message.show_message("bad", trouble.sentence, trouble.way_out)

    def _check(self) -> None:
        plan = self.plan
        refused, ready = (len(plan.refusals), plan.ready) if plan is not None else (0, 0)
        self.leave_out.setVisible(bool(refused) and bool(ready))
        self.leave_out.setText(
            self.tr("Exclude the {count} that cannot be deferred").format(count=formats.number(refused))
        )
        if self.safety is not None:
            self.safety.show_new(ready, Other.REPLAY)
            self.safety.setVisible(bool(ready))
        problem = self._missing()
        self.second.setEnabled(problem is None)
        self.second.setToolTip(problem or self.tr("Stage them there, to be applied together with other changes"))
        problem = self.problem()
        self.verb.setEnabled(problem is None)
        self.verb.setToolTip(problem or "")
        self.sql.show_statement(
            first_defer(plan, self._source.profile.secret_keys) if plan is not None and ready else None
        )
        self.verb.setText(self._verb(ready))

    def problem(self) -> str | None:
        """What is still missing, or None."""
        missing = self._missing()
        return missing or (self.safety.problem() if self.safety is not None else None)

    def _missing(self) -> str | None:
        """What is missing for the jobs to be known."""
        if self.profile.currentIndex() == 0:
            return self.tr("Choose a connection.")
        if self.plan is None:
            return self.tr("The target has not been checked yet.")
        if not self.plan.ready:
            return self.tr("None of these jobs can be deferred there.")
        if self.plan.refusals and not self.leave_out.isChecked():
            return self.tr("Some cannot be deferred there: exclude them, or choose another connection.")
        return None

    def _verb(self, ready: int) -> str:
        if not ready:
            return self.tr("Replay")
        name = formats.cut(self._profiles[self.profile.currentIndex() - 1].name, 40)
        return self.tr("Defer {jobs} on {profile}").format(jobs=jobs(ready), profile=name)

    def _let_go(self, *_: object) -> None:
        target, self._target = self._target, None
        if target is not None:
            self._session.release(target)

    # Building

    def _say_what(self) -> None:
        count = len(self._job_ids)
        one = self.tr("Replay job {job} elsewhere").format(job=formats.job_number(self._job_ids[0]) if count else "")
        self.title.setText(one if count == 1 else self.tr("Replay {jobs} elsewhere").format(jobs=jobs(count)))
        self.setWindowTitle(self.title.text())
        self.sentence.setText(
            self.tr(
                "New jobs with the same task, queue, priority, locks and arguments, on another connection. A "
                "scheduled time in the past is dropped. Nothing changes on {source}."
            ).format(source=formats.cut(self._source.profile.name, 80))
        )
        self.sentence.show()
        if not self._profiles:
            said = self.tr("No other connection is saved. Save one first (Connections).")
            self.message.show_message("info", said)

    def _lay_out(self) -> None:
        self.leave_out.hide()
        self.second.setText(self.tr("Add to staged changes"))
        self.second.clicked.connect(self.stage)
        self.second.show()
        self.banner.hide()
        self.links.addWidget(self.sql.button)
        self.content.addLayout(field(self.tr("Replay on"), self.profile))
        self.content.addWidget(self.banner)
        self.content.addWidget(self.panel, 1)
        self.content.addWidget(self.sql)
        self.content.addWidget(self.leave_out)
        self.resize(theme().grown(1000), theme().grown(600))


def _words(dialog: QWidget) -> Words:
    return Words(dialog.tr("Replay"), "", "", "")
