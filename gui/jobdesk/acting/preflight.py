"""Acts on jobs: which ones, and what will become of them. The verb hands the act over, to be done in the background."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from jobdesk_core.connectors.rendered_sql import shown_sql
from jobdesk_core.operations import (
    Action,
    Change,
    Chosen,
    Example,
    IdsNotUnderstood,
    Plan,
    Risk,
    Target,
    TooManyStaged,
    examples,
    first_statement,
    look_at_risk,
    parse_ids,
    run_async,
)
from jobdesk_core.troubles import explain
from PySide6.QtCore import Qt, QTimer
from PySide6.QtWidgets import QFrame, QPlainTextEdit, QPushButton, QScrollArea, QVBoxLayout, QWidget

from jobdesk.acting.act import Errand
from jobdesk.acting.errands import act_on_jobs
from jobdesk.acting.options import Options
from jobdesk.acting.outcome_lines import plan_lines
from jobdesk.acting.outcome_list import OutcomeList, no_examples
from jobdesk.acting.preflight_words import jobs, words_of
from jobdesk.acting.safety import Safety
from jobdesk.acting.staged_changes import StagedChanges
from jobdesk.connection.desk import Desk
from jobdesk.kit import formats
from jobdesk.kit.dialog_frame import DialogFrame
from jobdesk.kit.segmented import Segmented
from jobdesk.kit.stoppable import Pace
from jobdesk.kit.theme import theme

LOOK, EXAMPLES, RISK = "look", "examples", "risk"
#: Milliseconds of rest after typing before the jobs are looked at anew.
_TYPING_MS = 350


class PreflightDialog(DialogFrame):
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
        act: Callable[[Errand], object],
        done: Callable[[str], None],
        staged: StagedChanges,
        edit: Callable[[], object] | None = None,
    ) -> None:
        self.words = words_of(action)
        super().__init__(parent, title=self.words.verb, sentence=self.words.meaning, verb=self.words.verb, width=680)
        self.plan: Plan | None = None
        self.act, self._desk, self._action, self.options = act, desk, action, options
        self._targets, self._done, self._staged = targets, done, staged
        self.choice = Segmented([*(name for name, _ in targets), self.tr("a list of ids")])
        self.ids = QPlainTextEdit()
        self.ids.setPlaceholderText(self.tr("Paste ids: 4711, 4712, or one per line"))
        self.ids.setAccessibleName(self.tr("Ids of jobs"))
        self.ids.setTabChangesFocus(True)
        self.ids.setFixedHeight(theme().grown(84))
        self.ids.hide()
        self.outcomes = OutcomeList(self._read_examples)
        self.safety = Safety(self.words, desk.profile)
        self.pace = Pace()
        self.sql = QPlainTextEdit()
        self.sql_button = QPushButton(self.tr("Show the SQL"))
        self._typing = QTimer(self)
        self.edit_button = QPushButton(self.tr("With other arguments…"))
        self.edit_button.setToolTip(self.tr("Defer a new job with its task and arguments, which can be edited first"))
        self._edit = edit
        self._lay_out()
        self._connect()
        self._look()

    def submit(self) -> None:
        """Carry the plan out."""
        if self.plan is None or not self.verb.isEnabled():
            return
        self.act(
            act_on_jobs(
                self._desk,
                self.plan,
                is_one_transaction=self.safety.is_one_transaction,
                rate=self.safety.rate(),
                brake=self.safety.brake(),
            )
        )
        self.accept()

    def reject(self) -> None:
        """Close, and look no further."""
        self.work.cancel(LOOK)
        super().reject()

    def stage(self) -> None:
        """Add the change to the staged ones instead of carrying it out."""
        if self.plan is None or not self.second.isEnabled():
            return
        try:
            self._staged.add_plan(self._desk.profile, self.plan)
        except TooManyStaged as error:
            self.message.show_message("bad", str(error))
            return
        self._done(self.tr("Staged. Nothing has been changed yet."))
        self.accept()

    # Looking

    def _look(self) -> None:
        """Look at the jobs anew, as the target and the options say now."""
        self._typing.stop()
        self.plan = None
        self._show_plan()
        target, problem = self._target(), self.options.problem()
        if target is None or problem is not None:
            self.work.cancel(LOOK)
            self.pace.hide()
            return
        self.pace.start(self.tr("Checking the jobs: {at} of {of}"))
        looking = self._desk.plan(target, self._change(), self.pace.step)
        self.work.start(looking, name=LOOK, then=self._looked, failed=self._look_failed, replaces=True)

    def _looked(self, plan: Plan) -> None:
        self.pace.hide()
        if not plan.is_complete:
            self.message.show_message(
                "info",
                self.tr("Stopped before every job was checked."),
                self.tr("Nothing has been changed."),
                [(self.tr("Check again"), self._look)],
            )
            return
        self.plan = plan
        self._reconsider()
        self.safety.show_risk(())
        if plan.endangered or plan.at_risk:
            reading = run_async(look_at_risk(plan), self._desk.connector, limit_s=self._desk.monitor.limit_s)
            self.work.start(reading, name=RISK, then=self._show_risk, failed=no_examples, replaces=True)

    def _show_risk(self, risk: Risk | None) -> None:
        self.safety.show_risk(risk.sentences() if risk is not None else ())
        QTimer.singleShot(0, self, self._fit)

    def _look_failed(self, error: Exception) -> None:
        self.pace.hide()
        self.say(explain(error))

    def _reconsider(self) -> None:
        """Other options: often the jobs that have been looked at will do."""
        if self.options.problem() is None and self.plan is not None:
            again = self.plan.with_change(self._change())
            if again is None:
                self._typing.start(_TYPING_MS)
                self.plan = None
            else:
                self.plan = again
        self._show_plan()

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

    def _show_plan(self) -> None:
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
        self._check()
        # When the layout has settled.
        QTimer.singleShot(0, self, self._fit)

    def _check(self) -> None:
        ready = self.plan.ready if self.plan is not None and self.options.problem() is None else 0
        reason = self.tr("None of these jobs can be acted upon.") if not ready else self.safety.problem()
        self.verb.setEnabled(reason is None)
        self.verb.setToolTip(reason or "")
        self.sql_button.setEnabled(bool(ready))
        self._check_second()
        if self.sql.isVisible():
            self._write_sql()

    def _check_second(self) -> None:
        """What can be staged need not be possible at once: an earlier staged change may make room for it."""
        held, count = self._staged.of(self._desk.profile), 0
        if self.plan is not None and self.options.problem() is None:
            count = held.stageable(self.plan)
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

    def _read_examples(self, job_ids: Sequence[int], then: Callable[[list[Example]], None]) -> None:
        reading = run_async(examples(job_ids, self._desk.capabilities), self._desk.connector)

        def show(found: list[Example]) -> None:
            then(found)
            QTimer.singleShot(0, self, self._fit)

        self.work.start(reading, name=EXAMPLES, then=show, failed=no_examples)

    def _toggle_sql(self) -> None:
        self.sql.setVisible(self.sql.isHidden())
        self.sql_button.setText(self.tr("Show the SQL") if self.sql.isHidden() else self.tr("Hide the SQL"))
        self._check()
        QTimer.singleShot(0, self, self._fit)

    def _fit(self) -> None:
        """Be as high as what is shown, within the window; never lower than before."""
        shown = self._scroll.viewport()
        # Sentences that are wrapped are higher than a size hint knows.
        wanted = max(self._inner.sizeHint().height(), self._inner.heightForWidth(shown.width()))
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

    def _write_sql(self) -> None:
        statement = first_statement(self.plan, rate=self.safety.rate()) if self.plan is not None else None
        self.sql.setPlainText(shown_sql(statement) if statement is not None else "")

    def _edit_instead(self) -> None:
        self.work.cancel(LOOK)
        super().reject()
        if self._edit is not None:
            self._edit()

    # Building

    def _lay_out(self) -> None:
        # Beside “Cancel 3 jobs” a button “Cancel” would be taken for it.
        is_cancelling = self._action in (Action.CANCEL, Action.DELETE)
        self.cancel_button.setText(self.tr("Keep jobs") if is_cancelling else self.tr("Cancel"))
        self.second.setText(self.tr("Add to staged changes"))
        self.second.show()
        if self.words.is_destructive:
            self.warn_of_verb()
        self.sql.setObjectName("code")
        self.sql.setReadOnly(True)
        self.sql.setTabChangesFocus(True)
        self.sql.setAccessibleName(self.tr("SQL of the first chunk"))
        self.sql.setMinimumHeight(140)
        self.sql.setPlaceholderText(self.tr("Nothing would be done, so there is no SQL."))
        self.sql.hide()
        for button in (self.edit_button, self.sql_button):
            button.setObjectName("link")
            button.setAutoDefault(False)
            self.links.addWidget(button)
        self.edit_button.setVisible(self._edit is not None)
        self._inner = QWidget()
        column = QVBoxLayout(self._inner)
        column.setContentsMargins(0, 0, 6, 0)
        column.setSpacing(12)
        for widget in (self.choice, self.ids, self.outcomes, self.options, self.safety, self.sql):
            column.addWidget(widget)
        column.addStretch()
        self._scroll = QScrollArea()
        self._scroll.setWidgetResizable(True)
        self._scroll.setFrameShape(QFrame.Shape.NoFrame)
        self._scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._scroll.setWidget(self._inner)
        self.content.addWidget(self._scroll, 1)
        self.content.addWidget(self.pace)
        self.resize(theme().grown(720), theme().grown(440))

    def _connect(self) -> None:
        self._typing.setSingleShot(True)
        self._typing.timeout.connect(self._look)
        self.choice.changed.connect(self._change_target)
        self.ids.textChanged.connect(lambda: self._typing.start(_TYPING_MS))
        self.options.changed.connect(self._reconsider)
        self.safety.forced_changed.connect(self._reconsider)
        self.safety.changed.connect(self._check)
        self.sql_button.clicked.connect(self._toggle_sql)
        self.edit_button.clicked.connect(self._edit_instead)
        self.second.clicked.connect(self.stage)

    def _change_target(self, position: int) -> None:
        self.ids.setVisible(position == len(self._targets))
        self.edit_button.setVisible(self._edit is not None and position == 0)
        if self.ids.isVisible():
            self.ids.setFocus()
        self._look()
