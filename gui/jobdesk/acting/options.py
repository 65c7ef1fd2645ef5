"""The options of an action, as fields: they make the change that the preflight looks at."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Sequence

from jobdesk_core.jobs import Status
from jobdesk_core.operations import Action, Cancel, Change, Fail, Purge, Reprioritise, Reschedule, Retry
from jobdesk_core.troubles import check_queue_name
from PySide6.QtCore import Signal
from PySide6.QtGui import QIntValidator
from PySide6.QtWidgets import QCheckBox, QComboBox, QHBoxLayout, QLineEdit, QVBoxLayout, QWidget

from jobdesk.kit import clock
from jobdesk.kit.completing_edit import CompletingEdit
from jobdesk.kit.dialog_frame import field
from jobdesk.kit.layouts import STRETCH, in_row
from jobdesk.kit.number_edit import NumberEdit
from jobdesk.kit.schedule_field import ScheduleField

_UNITS = (("hours", 1), ("days", 24), ("weeks", 24 * 7))
_ENDS = (Status.SUCCEEDED, Status.FAILED, Status.CANCELLED, Status.ABORTED)


class Options(QWidget):
    """The fields of one action; those without any are hidden."""

    changed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.form = QVBoxLayout(self)
        self.form.setContentsMargins(0, 0, 0, 0)
        self.form.setSpacing(12)

    def change(self) -> Change:
        """What the fields say. Ask only when `problem` finds none."""
        raise NotImplementedError

    def problem(self) -> str | None:
        """What is wrong with the fields, or None."""
        return None


class NoOptions(Options):
    """An action that has nothing to choose."""

    def __init__(self, change: Change) -> None:
        super().__init__()
        self._change = change
        self.hide()

    def change(self) -> Change:
        return self._change


class RetryOptions(Options):
    """What is left empty stays as it is."""

    def __init__(self, *, queues: Sequence[str], can_change: bool, limit_bytes: int, only_stalled: bool) -> None:
        super().__init__()
        self._limit_bytes = limit_bytes
        self._only_stalled = only_stalled
        self.schedule = ScheduleField()
        self.priority = QLineEdit()
        self.priority.setValidator(QIntValidator(self))
        self.queue = CompletingEdit(queues)
        self.lock = QLineEdit()
        changes = QHBoxLayout()
        changes.setSpacing(12)
        changes.addLayout(field(self.tr("Priority"), self.priority), 1)
        changes.addLayout(field(self.tr("Queue"), self.queue), 2)
        changes.addLayout(field(self.tr("Lock"), self.lock), 2)
        self.form.addLayout(field(self.tr("Run"), self.schedule))
        self.form.addLayout(changes)
        for edit in (self.priority, self.queue, self.lock):
            edit.setPlaceholderText(self.tr("unchanged"))
            edit.setEnabled(can_change)
            if not can_change:
                edit.setToolTip(self.tr("This database's Procrastinate release cannot change it on a retry."))
            edit.textChanged.connect(self.changed)
        self.schedule.changed.connect(self.changed)

    def change(self) -> Change:
        return Retry(
            at=self.schedule.moment(clock.now()),
            priority=int(self.priority.text()) if self.priority.text().strip("+-") else None,
            queue=self.queue.text() or None,
            lock=self.lock.text() or None,
            only_stalled=self._only_stalled,
        )

    def problem(self) -> str | None:
        queue = check_queue_name(self.queue.text(), self._limit_bytes) if self.queue.text() else None
        return self.schedule.problem() or queue


class RescheduleOptions(Options):
    """A moment to come."""

    def __init__(self) -> None:
        super().__init__()
        self.schedule = ScheduleField()
        self.schedule.choose_after(1, "hours")
        self.form.addLayout(field(self.tr("Run"), self.schedule))
        self.schedule.changed.connect(self.changed)

    def change(self) -> Change:
        moment = self.schedule.moment(clock.now())
        return Reschedule(moment.replace(microsecond=0) if moment else None)

    def problem(self) -> str | None:
        return self.schedule.problem()


class ReprioritiseOptions(Options):
    """A priority."""

    def __init__(self, priority: int) -> None:
        super().__init__()
        self.priority = NumberEdit()
        self.priority.setRange(-(2**31), 2**31 - 1)
        self.priority.setValue(priority)
        self.priority.setKeyboardTracking(False)
        self.form.addLayout(field(self.tr("Priority, higher first"), self.priority))
        self.priority.valueChanged.connect(self.changed)

    def change(self) -> Change:
        return Reprioritise(self.priority.value())


class PurgeOptions(Options):
    """Statuses and an age."""

    def __init__(self) -> None:
        super().__init__()
        self.statuses = {status: QCheckBox(status.value) for status in _ENDS}
        ends = QHBoxLayout()
        ends.setSpacing(16)
        for status, box in self.statuses.items():
            box.setChecked(status is Status.SUCCEEDED)
            box.toggled.connect(self.changed)
            ends.addWidget(box)
        ends.addStretch()
        self.amount = NumberEdit()
        self.amount.setRange(0, 100_000)
        self.amount.setValue(30)
        self.amount.setKeyboardTracking(False)
        self.amount.setAccessibleName(self.tr("How many"))
        self.unit = QComboBox()
        self.unit.setAccessibleName(self.tr("Unit of time"))
        for name, hours in _UNITS:
            self.unit.addItem(self.tr(name), hours)
        self.unit.setCurrentIndex(1)
        age = in_row(self.amount, self.unit, STRETCH, margins=0)
        self._age = QWidget()
        self._age.setLayout(age)
        self._ends = QWidget()
        ends.setContentsMargins(0, 0, 0, 0)
        self._ends.setLayout(ends)
        self.form.addLayout(field(self.tr("With status"), self._ends))
        self.form.addLayout(field(self.tr("Ended more than … ago"), self._age))
        self.amount.valueChanged.connect(self.changed)
        self.unit.currentIndexChanged.connect(self.changed)

    @classmethod
    def of_any_age(cls) -> PurgeOptions:
        """Begins with every status and any age: for jobs that are meant one by one."""
        made = cls()
        made.amount.setValue(0)
        for box in made.statuses.values():
            box.setChecked(True)
        return made

    @classmethod
    def of(cls, statuses: Collection[Status], days: int) -> PurgeOptions:
        """Begins with these statuses and so many days."""
        made = cls()
        made.amount.setValue(days)
        for status, box in made.statuses.items():
            box.setChecked(status in statuses)
        return made

    def change(self) -> Change:
        chosen = frozenset(status for status, box in self.statuses.items() if box.isChecked())
        return Purge(chosen, dt.timedelta(hours=self.amount.value() * int(self.unit.currentData())))

    def problem(self) -> str | None:
        if not any(box.isChecked() for box in self.statuses.values()):
            return self.tr("Choose at least one status.")
        return None


def options_of(
    action: Action,
    *,
    queues: Sequence[str] = (),
    can_change: bool = True,
    limit_bytes: int = 40,
    priority: int = 0,
) -> Options:
    """The fields of an action. `priority` is where reprioritising starts."""
    if action in (Action.RETRY, Action.RESCUE):
        only_stalled = action is Action.RESCUE
        return RetryOptions(queues=queues, can_change=can_change, limit_bytes=limit_bytes, only_stalled=only_stalled)
    if action is Action.RESCHEDULE:
        return RescheduleOptions()
    if action is Action.REPRIORITISE:
        return ReprioritiseOptions(priority)
    if action is Action.PURGE:
        return PurgeOptions()
    if action is Action.FAIL:
        return NoOptions(Fail())
    if action is Action.RUN_NOW:
        return NoOptions(Reschedule())
    return NoOptions(Cancel(abort=action is Action.ABORT, delete=action is Action.DELETE))
