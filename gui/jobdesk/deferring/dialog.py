"""Asks for a new job."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import Any

from jobdesk_core.connectors.statement import Statement
from jobdesk_core.jobs import Job
from jobdesk_core.operations import Outcome, TooManyStaged
from jobdesk_core.operations.deferring.known_task import KnownTask
from jobdesk_core.profiles.secret_keys import HIDDEN, masked, restored, still_hidden
from PySide6.QtWidgets import QVBoxLayout, QWidget

from jobdesk.deferring.known_tasks import KnownTasks
from jobdesk.deferring.new_job_fields import NewJobFields
from jobdesk.deferring.task_hints import TaskHints
from jobdesk.kit import formats
from jobdesk.kit.dialog_frame import DialogFrame, field, note
from jobdesk.kit.json_editor import JsonEditor
from jobdesk.kit.layouts import in_row
from jobdesk.kit.sql_view import ShownSql
from jobdesk.kit.theme import theme

Submit = Callable[[Job], Awaitable[Outcome]]
#: Remarks about the arguments that are shown.
_REMARKS = 3


class DeferDialog(DialogFrame):
    """Task, queue, priority, locks, schedule and arguments; each is checked while it is typed.

    `known` waits for what has become of a job that nobody knows of. `again_of` is the job that this one repeats, which
    is only said: the schema has no place for it. `stage` takes the job to be deferred with others later; `is_staged`:
    it has been staged before, and is edited.
    """

    help_place = ("acting", "deferring")

    def __init__(
        self,
        parent: QWidget | None,
        *,
        task_names: Sequence[str],
        queues: Sequence[str],
        prefill: Job | None,
        submit: Submit,
        known: Callable[[Job, Outcome], Awaitable[Outcome]] | None = None,
        queue_limit_bytes: int = 40,
        tasks: KnownTasks | None = None,
        again_of: int | None = None,
        secret_keys: str = "",
        sql_of: Callable[[Job], Statement[Any] | None] = lambda job: None,
        stage: Callable[[Job], None] | None = None,
        is_staged: bool = False,
    ) -> None:
        super().__init__(parent, title="", sentence="", verb="", width=620)
        self._start, self._again_of, self._is_staged = prefill or Job(task_name=""), again_of, is_staged
        self._say_what()
        self.verb.show()
        self._submit_job, self._known_of, self._stage = submit, known, stage
        self.second.setVisible(stage is not None and not is_staged)
        self.known: KnownTask | None = None
        self.fields = NewJobFields(
            task_names=task_names,
            queues=queues,
            start=self._start,
            queue_limit_bytes=queue_limit_bytes,
            tasks=tasks,
            is_queue_given=self._start.queue != "default" or again_of is not None,
        )
        self.task, self.queue, self.priority = self.fields.task, self.fields.queue, self.fields.priority
        self.lock, self.queueing_lock = self.fields.lock, self.fields.queueing_lock
        self.schedule = self.fields.schedule
        self._original, self._secret_keys = dict(self._start.task_kwargs), secret_keys
        self.arguments = JsonEditor(masked(self._original, secret_keys))
        self._sql_of, self.sql = sql_of, ShownSql()
        self.hints = TaskHints(tasks) if tasks is not None else None
        self._remarks = note("warning")
        self._build_form()
        self.fields.changed.connect(self._check)
        self.arguments.changed.connect(self._check)
        self._check()
        self.fields.start()
        if is_staged and self._start.scheduled_at is not None:
            self.schedule.choose_at(self._start.scheduled_at)
        # Of a job that is there, the arguments are what is most often changed.
        (self.arguments if prefill is not None and prefill.task_name else self.task).setFocus()

    def submit(self) -> None:
        """Defer the job; a refusal leaves everything as it was typed."""
        if self.is_busy:
            return
        problem = self.problem()
        if problem is not None:
            self.message.show_message("bad", problem)
            return
        if self._is_staged:
            self.stage()
            return
        self.run(self._ask(self.job()), self._show)

    def stage(self) -> None:
        """Hand the job on to be deferred later, together with others."""
        if self._stage is None or self.problem() is not None:
            return
        try:
            self._stage(self.job())
        except TooManyStaged as error:
            self.message.show_message("bad", str(error))
            return
        self.accept()

    def job(self) -> Job:
        """The job as it was typed. Ask only when `problem` finds none."""
        return replace(self.fields.job(), task_kwargs=self._value() or {})

    def problem(self) -> str | None:
        """What is wrong with what was typed, or None."""
        problem = self.fields.problem() or self.arguments.problem()
        if problem is None and still_hidden(self._value()):
            return self.tr("{dots} is a placeholder, not a value. Type the value.").format(dots=HIDDEN)
        return problem

    def _value(self) -> dict[str, Any] | None:
        """The arguments, with what was hidden and not touched as it was."""
        value: dict[str, Any] | None = restored(self.arguments.value(), self._original, self._secret_keys)
        return value

    async def _ask(self, job: Job) -> Outcome:
        outcome = await self._submit_job(job)
        if outcome.is_unknown and not outcome.reason and self._known_of is not None:
            self.tell_doubt(outcome.sentence)
            self._check()
            outcome = await self._known_of(job, outcome)
        return outcome

    def _set_busy(self, is_busy: bool) -> None:
        super()._set_busy(is_busy)
        self._check()

    def _show(self, outcome: Outcome) -> None:
        if outcome.is_done:
            self.accept()
        elif outcome.is_unknown:
            remedy = self.tr("Look for the job before you defer it again.")
            self.message.show_message("warning", outcome.sentence, remedy)
        else:
            self.message.show_message("bad", outcome.sentence)

    def _check(self) -> None:
        problem = self.problem()
        if self.is_in_doubt:
            problem = self.message.sentence
        elif self.is_busy:
            problem = self.tr("The job is being deferred.")
        self.verb.setEnabled(problem is None)
        self.verb.setToolTip(problem or "")
        self.second.setEnabled(problem is None)
        self.second.setToolTip(problem or self.tr("Stage it, to be deferred together with other changes"))
        words = self.schedule.words()
        self.verb.setText(f"{self.tr('Defer job')} {words}".strip())
        if self._is_staged:
            self.verb.setText(self.tr("Keep in staged changes"))
        self.sql.show_statement(self._sql_of(self.job()) if problem is None else None)
        value = self._value()
        remarks = self.known.remarks(value) if self.known is not None and value is not None else []
        if value is not None and still_hidden(self.arguments.value()):
            remarks.insert(0, self.tr("{dots} looks secret, and is copied unchanged.").format(dots=HIDDEN))
        self._remarks.setText(formats.visible_lines("\n".join(remarks[:_REMARKS])))
        self._remarks.setVisible(bool(remarks))

    def _take_known(self, known: KnownTask | None) -> None:
        self.known = known
        if self.hints is not None:
            self.hints.show_known(known)
        self._check()

    def _fill_in(self) -> None:
        """The arguments that the task needs; what was typed of them stays."""
        if self.known is not None:
            typed = self.arguments.value() or {}
            self.arguments.set_value(self.known.template() | typed)

    def _say_what(self) -> None:
        self.title.setText(self.tr("Defer a job"))
        if self._again_of is not None:
            number = formats.job_number(self._again_of)
            self.title.setText(self.tr("Defer job {job} again, with changes").format(job=number))
            self.sentence.setText(
                self.tr("A new job; {job} stays as it is. The new job is not linked to {job} in the database.").format(
                    job=number
                )
            )
            self.sentence.show()
        if self._is_staged:
            self.title.setText(self.tr("Edit a staged job"))
        self.setWindowTitle(self.title.text())

    def _build_form(self) -> None:
        left = QVBoxLayout()
        left.setSpacing(12)
        self.second.setText(self.tr("Add to staged changes"))
        self.second.clicked.connect(self.stage)
        self.links.addWidget(self.sql.button)
        left.addWidget(self.fields)
        left.addLayout(field(self.tr("Arguments"), self.arguments, self._remarks, grows=True), 1)
        self._remarks.hide()
        left.addWidget(self.sql)
        both = in_row((left, 3), spacing=16)
        self.resize(theme().grown(640), theme().grown(560))
        if self.hints is not None:
            both.addWidget(self.hints, 2)
            self.fields.known.connect(self._take_known)
            self.fields.told.connect(self.hints.show_problem)
            self.hints.template_asked_for.connect(self._fill_in)
            self.resize(theme().grown(940), theme().grown(600))
        self.content.addLayout(both, 1)
