"""Acts on jobs: which ones, and what will become of them. The verb hands the act over, to be done in the background."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from typing import Any

from jobdesk_core.operations import (
    Action,
    Change,
    Chosen,
    IdsNotUnderstood,
    Plan,
    Risk,
    Target,
    first_statement,
    look_at_risk,
    parse_ids,
    run_async,
)
from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QPlainTextEdit, QWidget

from jobdesk.acting.act import Errand
from jobdesk.acting.errands import act_on_jobs
from jobdesk.acting.options import Options
from jobdesk.acting.outcome_lines import plan_lines
from jobdesk.acting.outcome_list import OutcomeList, keep_numbers, reader
from jobdesk.acting.plan_dialog import Act, PlanDialog
from jobdesk.acting.safety import Safety
from jobdesk.acting.staged_changes import StagedChanges
from jobdesk.acting.words import jobs, words_of
from jobdesk.connection.desk import Desk
from jobdesk.kit import formats
from jobdesk.kit.layouts import scrolling
from jobdesk.kit.segmented import Segmented
from jobdesk.kit.theme import theme

RISK = "risk"
#: Milliseconds of rest after typing before the jobs are looked at anew.
_TYPING_MS = 350
#: Qt's QWIDGETSIZE_MAX.
NO_LIMIT = 2**24 - 1


class PreflightDialog(PlanDialog[Plan]):
    """`targets` are offered by their names; a pasted list of ids is one more. `act` is
    handed the act, `done` told of what was staged.

    `edit` makes a new job of the one that is meant, to be changed before it is deferred.
    """

    help_place = ("acting", "the-preflight")

    def __init__(
        self,
        parent: QWidget | None,
        *,
        desk: Desk,
        action: Action,
        options: Options,
        targets: Sequence[tuple[str, Target]],
        act: Act,
        done: Callable[[str], None],
        staged: StagedChanges,
        edit: Callable[[], object] | None = None,
    ) -> None:
        words = self.words = words_of(action)
        super().__init__(
            parent, desk=desk, act=act, title=words.verb, sentence=words.meaning, verb=words.verb, width=680
        )
        self.options, self._targets, self._staged, self._edit = options, targets, staged, edit
        self.choice = Segmented([*(name for name, _ in targets), self.tr("a list of ids")])
        self.ids = QPlainTextEdit()
        self.outcomes = OutcomeList(reader(desk, self.work, self._fit_soon))
        self.safety: Safety = self.set_safety(Safety(desk.profile, words))
        self._typing = QTimer(self)
        self.edit_button = self.link(self.tr("With other arguments…"), self._edit_instead)
        self.edit_button.setToolTip(self.tr("Defer a new job with its task and arguments, which can be edited first"))
        self.offer_staging(done)
        # Beside “Cancel 3 jobs” a button “Cancel” would be taken for it.
        is_cancelling = action in (Action.CANCEL, Action.DELETE)
        self.cancel_button.setText(self.tr("Keep jobs") if is_cancelling else self.tr("Cancel"))
        self._lay_out()
        self._connect()
        self.start_look()

    def errand(self, plan: Plan) -> Errand:
        safety = self.safety
        whole, rate, brake = safety.is_one_transaction, safety.rate(), safety.brake()
        return act_on_jobs(self._desk, plan, is_one_transaction=whole, rate=rate, brake=brake)

    def put_aside(self, plan: Plan) -> str:
        self._staged.add_plan(self._desk.profile, plan)
        return self.tr("Staged. Nothing has been changed yet.")

    # Looking

    def look(self) -> Coroutine[Any, Any, Plan] | None:
        self._typing.stop()
        target = self._target()
        if target is None or self.options.problem() is not None:
            return None
        self.pace.start(self.tr("Checking the jobs: {at} of {of}"))
        return self._desk.plan(target, self._change(), self.pace.step)

    def take_look(self, plan: Plan) -> None:
        super().take_look(plan)
        if plan.is_complete:
            self._reconsider()
            self.safety.show_risk(())
            if plan.endangered or plan.at_risk:
                reading = run_async(look_at_risk(plan), self._desk.connector, limit_s=self._desk.monitor.limit_s)
                self.work.start(reading, name=RISK, then=self._show_risk, failed=keep_numbers, replaces=True)

    def say_stopped(self, sentence: str, remedy: str = "") -> None:
        super().say_stopped(sentence, self.tr("Nothing has been changed."))

    def _show_risk(self, risk: Risk | None) -> None:
        self.safety.show_risk(risk.sentences() if risk is not None else ())
        self._fit_soon()

    def _reconsider(self) -> None:
        """Other options: often the jobs that have been looked at will do."""
        if self.options.problem() is None and self.plan is not None:
            self.plan = self.plan.with_change(self._change())
            if self.plan is None:
                self._typing.start(_TYPING_MS)
        self.show_plan()

    def _change(self) -> Change:
        return self.safety.forced(self.options.change())

    def _target(self) -> Target | None:
        if self.choice.current() < len(self._targets):
            return self._targets[self.choice.current()][1]
        try:
            ids = parse_ids(self.ids.toPlainText())
        except IdsNotUnderstood as error:
            self.message.show_message("bad", str(error))
            return None
        return Chosen(ids) if ids else None

    # Showing

    def show_plan(self) -> None:
        plan, problem = self.plan, self.options.problem()
        self.message.clear()
        if problem is not None or (plan is not None and plan.problem is not None):
            self.message.show_message("bad", problem or (plan.problem if plan else None) or "")
        ready = plan.ready if plan is not None and problem is None and plan.problem is None else 0
        self.outcomes.setVisible(plan is not None and plan.problem is None and bool(plan.total))
        if plan is not None and plan.problem is None and not plan.total:
            self.message.show_message("info", self.tr("There is no such job, so there is nothing to do."))
        if plan is not None:
            self.outcomes.show_lines(plan_lines(plan, self.words))
        self.safety.show_plan(plan, ready)
        self.title.setText(self._title(plan, ready))
        self.sentence.setText(self._as_of(plan))
        self.verb.setText(self.words.acting_on(jobs(ready)) if plan is not None else self.words.verb)
        self.check()
        self._fit_soon()

    def missing(self) -> str | None:
        return None if self._ready() else self.tr("None of these jobs can be acted upon.")

    def check(self) -> None:
        super().check()
        plan = self.plan if self._ready() else None
        self.sql.show_statement(first_statement(plan, rate=self.safety.rate()) if plan is not None else None)
        self._check_second()

    def _ready(self) -> int:
        return self.plan.ready if self.plan is not None and self.options.problem() is None else 0

    def _check_second(self) -> None:
        """What can be staged need not be possible at once: an earlier staged change may make room for it."""
        count = 0
        if self.plan is not None and self.options.problem() is None:
            count = self._staged.of(self._desk.profile).stageable(self.plan)
        self.second.setEnabled(bool(count))
        self.second.setToolTip(
            self.tr("Stage it for {jobs}, to be applied together with others").format(jobs=jobs(count))
            if count
            else self.tr("None of these jobs can be acted upon.")
        )

    def _title(self, plan: Plan | None, ready: int) -> str:
        if plan is None or plan.total == ready:
            counted = self.words.verb if plan is None else self.words.acting_on(jobs(ready))
        else:
            some, all_ = formats.number(ready), jobs(plan.total)
            counted = self.words.acting_on(self.tr("{some} of {all}").format(some=some, all=all_))
        return self.tr("{what} on {profile}").format(what=counted, profile=self._desk.profile.name)

    def _as_of(self, plan: Plan | None) -> str:
        if plan is None or plan.as_of is None:
            return self.words.meaning
        as_of = formats.time_of_day(plan.as_of)
        told = self.tr("As of {time}; nothing has been changed yet.").format(time=as_of)
        return f"{self.words.meaning} {told}"

    def _fit_soon(self) -> None:
        """When the layout has settled."""
        QTimer.singleShot(0, self, self._fit)

    def _fit(self) -> None:
        """Be as high as what is shown, within the window; never lower than before."""
        shown, inner = self._scroll.viewport(), self._scroll.widget()
        assert inner is not None
        # Words that are wrapped are higher than a size hint knows.
        wanted = max(inner.sizeHint().height(), inner.heightForWidth(shown.width()))
        missing = wanted - shown.height()
        parent = self.parentWidget()
        most = parent.height() - 40 if parent is not None else self.height()
        if missing > 0 and self.height() < most:
            self.resize(self.width(), min(most, self.height() + missing))
        if self.sql.isVisible():
            # When the layout has settled on the new size.
            QTimer.singleShot(0, self, self._show_bottom)

    def _show_bottom(self) -> None:
        bar = self._scroll.verticalScrollBar()
        bar.setValue(bar.maximum())

    def _edit_instead(self) -> None:
        self.reject()
        if self._edit is not None:
            self._edit()

    # Building

    def _lay_out(self) -> None:
        if self.words.is_destructive:
            self.warn_of_verb()
        self.ids.setPlaceholderText(self.tr("Paste ids: 4711, 4712, or one per line"))
        self.ids.setAccessibleName(self.tr("Ids of jobs"))
        self.ids.setTabChangesFocus(True)
        self.ids.setFixedHeight(theme().grown(84))
        self.ids.hide()
        self.sql.setAccessibleName(self.tr("SQL of the first chunk"))
        self.sql.setPlaceholderText(self.tr("Nothing would be done, so there is no SQL."))
        self.sql.setMinimumHeight(140)
        self.sql.setMaximumHeight(NO_LIMIT)
        self.links.addWidget(self.edit_button)
        self.links.addWidget(self.sql.button)
        self.edit_button.setVisible(self._edit is not None)
        self._scroll = scrolling(self.choice, self.ids, self.outcomes, self.options, self.safety, self.sql)
        self.content.addWidget(self._scroll, 1)
        self.content.addWidget(self.pace)
        self.resize(theme().grown(720), theme().grown(440))

    def _connect(self) -> None:
        self._typing.setSingleShot(True)
        self._typing.timeout.connect(self.start_look)
        self.choice.changed.connect(self._change_target)
        self.ids.textChanged.connect(lambda: self._typing.start(_TYPING_MS))
        self.options.changed.connect(self._reconsider)
        self.safety.forced_changed.connect(self._reconsider)
        self.sql.button.clicked.connect(self._fit_soon)

    def _change_target(self, position: int) -> None:
        self.ids.setVisible(position == len(self._targets))
        self.edit_button.setVisible(self._edit is not None and position == 0)
        if self.ids.isVisible():
            self.ids.setFocus()
        self.start_look()
