"""Defers jobs again on another profile's database. Nothing is changed where they come from."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from jobdesk_core.operations import DeferPlan, where_it_leads
from jobdesk_core.operations.confirmation import Other
from jobdesk_core.operations.deferring.many import JOB
from jobdesk_core.operations.deferring.replay import MOST_JOBS
from jobdesk_core.profiles import Profile
from jobdesk_core.troubles import explain
from PySide6.QtWidgets import QComboBox, QWidget

from jobdesk.acting.act import Errand
from jobdesk.acting.errands import act_on_new_jobs
from jobdesk.acting.plan_dialog import Act
from jobdesk.acting.safety import Safety
from jobdesk.acting.staged_changes import StagedChanges
from jobdesk.acting.words import jobs
from jobdesk.connection.desk import Desk
from jobdesk.connection.session import Session, Unreached
from jobdesk.deferring.defers_panel import DefersPanel
from jobdesk.deferring.new_jobs_dialog import NewJobsDialog
from jobdesk.kit import formats
from jobdesk.kit.dialog_frame import field
from jobdesk.kit.target_banner import TargetBanner
from jobdesk.kit.theme import theme


class ReplayDialog(NewJobsDialog):
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
        act: Act,
        done: Callable[[str], None],
        staged: StagedChanges,
    ) -> None:
        super().__init__(parent, desk=source, act=act, width=760)
        self._session, self._staged = session, staged
        self._job_ids, self._profiles = list(job_ids)[:MOST_JOBS], list(profiles)
        self._target: Desk | None = None
        self.secret_keys = source.profile.hidden_keys
        self.profile = QComboBox()
        self.profile.addItem(self.tr("Choose a connection"))
        self.profile.addItems([formats.cut(profile.name, 80) for profile in self._profiles])
        self.banner = TargetBanner()
        panel = DefersPanel(self.tr("Job"), self.secret_keys)
        self.lay_panel(panel, self.tr("What would be deferred there appears here first."))
        self.offer_staging(done)
        self._lay_out()
        self._say_what()
        self.profile.currentIndexChanged.connect(self.start_look)
        self.finished.connect(self._let_go)
        self.check()
        self.profile.setFocus()

    def errand(self, plan: DeferPlan) -> Errand:
        """Defers them there, all in one transaction. The connection goes with it, and is let go of in its end."""
        target, self._target = self._target, None
        assert target is not None
        return act_on_new_jobs(
            target,
            plan,
            is_one_transaction=True,
            source=self._desk.profile.name,
            stage=self._staged.keep_rest(target.profile, self._done),
            release=partial(self._session.release, target),
        )

    def put_aside(self, plan: DeferPlan) -> str:
        """To be applied when the target is connected."""
        profile = self._chosen()
        assert profile is not None
        self._staged.add_defers(profile, plan)
        said = self.tr("Staged for {profile}. Connect to it to apply them; nothing has been changed yet.")
        return said.format(profile=formats.cut(profile.name, 80))

    def _chosen(self) -> Profile | None:
        position = self.profile.currentIndex()
        return self._profiles[position - 1] if position > 0 else None

    # Looking

    def start_look(self) -> None:
        """Leave the former target, and look what would be deferred on the chosen one."""
        self.stop_look()
        self._let_go()
        self.message.clear()
        self.panel.clear()
        if self.safety is not None:
            self.safety.hide()
            self.safety.deleteLater()
            self.safety = None
        profile = self._chosen()
        self.banner.setVisible(profile is not None)
        if profile is not None:
            name, where = formats.visible(profile.name), formats.visible(profile.display_dsn)
            self.banner.show_target(formats.visible(profile.environment), name, where, profile.colour)
            safety = self.set_safety(Safety(profile))
            safety.hide_how()
            self.content.addWidget(safety)
            self.message.show_message("info", self.tr("Connecting to {name}…").format(name=name))
        super().start_look()

    def look(self) -> Coroutine[Any, Any, DeferPlan] | None:
        profile = self._chosen()
        return self._looking(profile) if profile is not None else None

    async def _looking(self, profile: Profile) -> DeferPlan:
        self._target = await self._session.reach(profile)
        here, there = [await desk.connector.run_async(where_it_leads()) for desk in (self._desk, self._target)]
        if here == there:
            said = self.tr("This is the same database as {source}: the jobs are there already.")
            problem = said.format(source=formats.cut(self._desk.profile.name, 80))
            return DeferPlan([], self._target.capabilities, problem=problem)
        self.pace.start(self.tr("Reading the jobs: {at} of {of}"))
        new = await self._desk.read_jobs(self._job_ids, self.pace.step)
        plan = await self._target.plan_defers(new, self.pace.step, origin=JOB)
        return replace(plan, is_complete=plan.is_complete and len(plan.jobs) == len(self._job_ids))

    def refuse(self, problem: str) -> None:
        self._let_go()
        self.message.show_message("bad", problem, self.tr("Choose another connection."))

    def look_failed(self, error: Exception) -> None:
        self.pace.hide()
        self.say(error.trouble if isinstance(error, Unreached) else explain(error))

    def ask_for(self, ready: int) -> None:
        if self.safety is not None:
            self.safety.show_new(ready, Other.REPLAY)
            self.safety.setVisible(bool(ready))

    def words_of_staging(self) -> str:
        return self.tr("Stage them there, to be applied together with other changes")

    def missing(self) -> str | None:
        if self._chosen() is None:
            return self.tr("Choose a connection.")
        if self.plan is None:
            return self.tr("The target has not been checked yet.")
        if not self.plan.ready:
            return self.tr("None of these jobs can be deferred there.")
        if self.has_refused():
            return self.tr("Some cannot be deferred there: exclude them, or choose another connection.")
        return None

    def words_of_verb(self, ready: int) -> str:
        profile = self._chosen()
        if profile is None or not ready:
            return self.tr("Replay")
        name = formats.cut(profile.name, 40)
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
            ).format(source=formats.cut(self._desk.profile.name, 80))
        )
        self.sentence.show()
        if not self._profiles:
            said = self.tr("No other connection is saved. Save one first (Connections).")
            self.message.show_message("info", said)

    def _lay_out(self) -> None:
        self.banner.hide()
        self.content.addLayout(field(self.tr("Replay on"), self.profile))
        self.content.addWidget(self.banner)
        self.content.addWidget(self.panel, 1)
        self.content.addWidget(self.sql)
        self.content.addWidget(self.leave_out)
        self.resize(theme().grown(1000), theme().grown(600))
