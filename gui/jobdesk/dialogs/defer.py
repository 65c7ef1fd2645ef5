"""Asks for a new job."""

from __future__ import annotations

import datetime as dt
from collections.abc import Awaitable, Callable, Sequence

from jobdesk_core.jobs import Job
from jobdesk_core.operations import Outcome
from jobdesk_core.troubles import check_queue_name
from PySide6.QtWidgets import QHBoxLayout, QLineEdit, QSpinBox, QWidget

from jobdesk.dialogs.frame import DialogFrame, field, note
from jobdesk.widgets.completing_edit import CompletingEdit
from jobdesk.widgets.json_editor import JsonEditor
from jobdesk.widgets.schedule_field import ScheduleField

Submit = Callable[[Job], Awaitable[Outcome]]


class DeferDialog(DialogFrame):
    """Task, queue, priority, locks, schedule and arguments; each is checked while it is typed."""

    def __init__(
        self,
        parent: QWidget | None,
        *,
        task_names: Sequence[str],
        queues: Sequence[str],
        prefill: Job | None,
        submit: Submit,
        queue_limit_bytes: int = 40,
    ) -> None:
        super().__init__(parent, title="", sentence="", verb="", width=620)
        self.title.setText(self.tr("Defer a job"))
        self.setWindowTitle(self.title.text())
        self.verb.show()
        self._submit_job = submit
        self._limit = queue_limit_bytes
        start = prefill or Job(task_name="")
        self.task = CompletingEdit(task_names, self.tr("module.task"))
        self.task.setText(start.task_name)
        self.queue = CompletingEdit(queues)
        self.queue.setText(start.queue)
        self.priority = QSpinBox()
        self.priority.setRange(-(2**31), 2**31 - 1)
        self.priority.setValue(start.priority)
        self.lock = QLineEdit(start.lock or "")
        self.lock.setPlaceholderText(self.tr("none"))
        self.queueing_lock = QLineEdit(start.queueing_lock or "")
        self.queueing_lock.setPlaceholderText(self.tr("none"))
        self.schedule = ScheduleField()
        self.arguments = JsonEditor(dict(start.task_kwargs))
        self._queue_note = note("bad")
        self._queue_note.hide()
        self._build_form()
        for edit in (self.task, self.queue, self.lock, self.queueing_lock):
            edit.textChanged.connect(self._check)
        self.schedule.changed.connect(self._check)
        self.arguments.changed.connect(self._check)
        self._check()
        self.task.setFocus()

    def submit(self) -> None:
        """Defer the job; a refusal leaves everything as it was typed."""
        problem = self.problem()
        if problem is not None:
            self.message.show_message("bad", problem)
            return
        self.run(self._ask(self.job()), self._show)

    def job(self) -> Job:
        """The job as it was typed. Ask only when `problem` finds none."""
        return Job(
            task_name=self.task.text().strip(),
            queue=self.queue.text() or "default",
            priority=self.priority.value(),
            lock=self.lock.text() or None,
            queueing_lock=self.queueing_lock.text() or None,
            task_kwargs=self.arguments.value() or {},
            scheduled_at=self.schedule.moment(dt.datetime.now(dt.UTC)),
        )

    def problem(self) -> str | None:
        """What is wrong with what was typed, or None."""
        name = self.task.text().strip()
        if not name:
            return self.tr("Which task? Type its name.")
        if len(name) > 128:
            return self.tr("This task name has {count} characters; 128 fit.").format(count=len(name))
        return check_queue_name(self.queue.text() or "default", self._limit) or self.arguments.problem()

    async def _ask(self, job: Job) -> Outcome:
        return await self._submit_job(job)

    def _show(self, outcome: Outcome) -> None:
        if outcome.is_done:
            self.accept()
        else:
            self.message.show_message("bad", outcome.sentence)

    def _check(self) -> None:
        queue_problem = check_queue_name(self.queue.text() or "default", self._limit)
        self._queue_note.setText(queue_problem or "")
        self._queue_note.setVisible(queue_problem is not None)
        problem = self.problem()
        self.verb.setEnabled(problem is None)
        self.verb.setToolTip(problem or "")
        words = self.schedule.words()
        self.verb.setText(f"{self.tr('Defer job')} {words}".strip())

    def _build_form(self) -> None:
        first = QHBoxLayout()
        first.setSpacing(12)
        first.addLayout(field(self.tr("Task"), self.task), 3)
        first.addLayout(field(self.tr("Queue"), self.queue), 2)
        first.addLayout(field(self.tr("Priority, higher first"), self.priority), 1)
        second = QHBoxLayout()
        second.setSpacing(12)
        second.addLayout(field(self.tr("Lock: one at a time"), self.lock))
        second.addLayout(field(self.tr("Queueing lock: one waiting"), self.queueing_lock))
        self.content.addLayout(first)
        self.content.addWidget(self._queue_note)
        self.content.addLayout(second)
        self.content.addLayout(field(self.tr("Run"), self.schedule))
        self.content.addLayout(field(self.tr("Arguments"), self.arguments, grows=True), 1)
        self.resize(640, 560)
