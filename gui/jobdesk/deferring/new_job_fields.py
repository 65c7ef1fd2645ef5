"""The fields of a new job beside its arguments; what is known of its task helps to fill them."""

from __future__ import annotations

from collections.abc import Sequence

from jobdesk_core.jobs import Job
from jobdesk_core.operations.deferring.known_task import KnownTask
from jobdesk_core.operations.deferring.new_jobs import TASK_CHARACTERS
from jobdesk_core.troubles import check_queue_name
from PySide6.QtCore import QTimer, Signal
from PySide6.QtWidgets import QHBoxLayout, QLineEdit, QVBoxLayout, QWidget

from jobdesk.deferring.known_tasks import KnownTasks
from jobdesk.kit import clock
from jobdesk.kit.completing_edit import CompletingEdit
from jobdesk.kit.dialog_frame import field, note
from jobdesk.kit.number_edit import NumberEdit
from jobdesk.kit.schedule_field import ScheduleField
from jobdesk.kit.work import Work

#: Milliseconds of rest before what is known of a task is read.
_TYPING_MS = 300


class NewJobFields(QWidget):
    """`known` is emitted with the KnownTask of the name, or None; `told` when the application has, or has not."""

    changed = Signal()
    known = Signal(object)  # KnownTask | None
    told = Signal()

    def __init__(
        self,
        *,
        task_names: Sequence[str],
        queues: Sequence[str],
        start: Job,
        queue_limit_bytes: int,
        tasks: KnownTasks | None,
        is_queue_given: bool,
    ) -> None:
        super().__init__()
        self._limit, self._tasks = queue_limit_bytes, tasks
        self._work = Work(self)
        #: Whether the queue may be filled in: nobody has chosen it.
        self._is_queue_free = not is_queue_given
        self.task = CompletingEdit(task_names, self.tr("module.task"))
        self.task.setText(start.task_name)
        self.queue = CompletingEdit(queues)
        self.queue.setText(start.queue)
        self.priority = NumberEdit()
        self.priority.setRange(-(2**31), 2**31 - 1)
        self.priority.setValue(start.priority)
        self.lock, self.queueing_lock = QLineEdit(start.lock or ""), QLineEdit(start.queueing_lock or "")
        self.schedule = ScheduleField()
        self._queue_note, self._locks_note = note("bad"), note()
        self._typing = QTimer(self)
        self._lay_out()
        self._connect()

    def set_locks_note(self, text: str) -> None:
        """Say something below the locks."""
        self._locks_note.setText(text)
        self._locks_note.setVisible(bool(text))

    def start(self) -> None:
        """Begin to ask what is known."""
        if self._tasks is not None:
            self._look()
            self._work.start(self._tasks.read_code(), name="code", then=self._code_read)

    def job(self) -> Job:
        """The job as typed, without arguments. Ask only when `problem` finds none."""
        return Job(
            task_name=self.task.text().strip(),
            queue=self.queue.text() or "default",
            priority=self.priority.value(),
            lock=self.lock.text() or None,
            queueing_lock=self.queueing_lock.text() or None,
            scheduled_at=self.schedule.moment(clock.now()),
        )

    def problem(self) -> str | None:
        """What is wrong with what was typed, or None."""
        name = self.task.text().strip()
        if not name:
            return self.tr("Which task? Type its name.")
        if len(name) > TASK_CHARACTERS:
            said = self.tr("This task name has {count} characters; {most} fit.")
            return said.format(count=len(name), most=TASK_CHARACTERS)
        return check_queue_name(self.queue.text() or "default", self._limit) or self.schedule.problem()

    def _look(self) -> None:
        self._typing.stop()
        name = self.task.text().strip()
        if self._tasks is None:
            return
        if not name or len(name) > TASK_CHARACTERS:
            self._work.cancel("known")
            self.known.emit(None)
            return
        self._work.start(self._tasks.of(name), name="known", then=self._take, replaces=True)

    def _take(self, known: KnownTask) -> None:
        if self._is_queue_free and known.queue:
            self.queue.setText(known.queue)
        self.known.emit(known)

    def _code_read(self, _: None) -> None:
        if self._tasks is not None:
            self.task.set_names(self._tasks.names())
            self.told.emit()
            self._look()

    def _check(self) -> None:
        problem = check_queue_name(self.queue.text() or "default", self._limit)
        self._queue_note.setText(problem or "")
        self._queue_note.setVisible(problem is not None)
        self.changed.emit()

    def _queue_chosen(self) -> None:
        self._is_queue_free = False

    def _connect(self) -> None:
        self._typing.setSingleShot(True)
        self._typing.setInterval(_TYPING_MS)
        self._typing.timeout.connect(self._look)
        self.task.textChanged.connect(lambda: self._typing.start())
        self.queue.textEdited.connect(self._queue_chosen)
        for edit in (self.task, self.queue, self.lock, self.queueing_lock):
            edit.textChanged.connect(self._check)
        self.priority.valueChanged.connect(self._check)
        self.schedule.changed.connect(self._check)

    def _lay_out(self) -> None:
        for edit in (self.lock, self.queueing_lock):
            edit.setPlaceholderText(self.tr("none"))
        self._queue_note.hide()
        self._locks_note.hide()
        first, second = QHBoxLayout(), QHBoxLayout()
        first.setSpacing(12)
        first.addLayout(field(self.tr("Task"), self.task), 3)
        first.addLayout(field(self.tr("Queue"), self.queue), 2)
        first.addLayout(field(self.tr("Priority, higher first"), self.priority), 1)
        second.setSpacing(12)
        second.addLayout(field(self.tr("Lock (runs one at a time)"), self.lock))
        second.addLayout(field(self.tr("Queueing lock (one may wait)"), self.queueing_lock))
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(12)
        column.addLayout(first)
        column.addWidget(self._queue_note)
        column.addLayout(second)
        column.addWidget(self._locks_note)
        column.addLayout(field(self.tr("Run"), self.schedule))
