"""Retry: now or later, as it is or with another priority, queue or lock."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence

from jobdesk_core.monitor.rows import JobRow
from jobdesk_core.operations import Request, Retry
from jobdesk_core.troubles import check_queue_name
from PySide6.QtCore import QCoreApplication
from PySide6.QtGui import QIntValidator
from PySide6.QtWidgets import QHBoxLayout, QLineEdit, QWidget

from jobdesk.dialogs.act import PreflightDialog
from jobdesk.dialogs.defer import Submit
from jobdesk.dialogs.frame import field, note
from jobdesk.widgets.completing_edit import CompletingEdit
from jobdesk.widgets.schedule_field import ScheduleField


class RetryDialog(PreflightDialog):
    """What is left empty stays as it is."""

    def __init__(
        self,
        parent: QWidget | None,
        *,
        rows: Sequence[JobRow],
        reasons: Mapping[int, str],
        submit: Submit,
        queues: Sequence[str] = (),
        can_change: bool = True,
        queue_limit_bytes: int = 40,
    ) -> None:
        super().__init__(
            parent,
            title=_tr("Retry"),
            sentence=_tr("The same job runs again; its attempts go on counting. Waiting workers are woken."),
            verb=_tr("Retry"),
            rows=rows,
            reasons=reasons,
            will=_tr("will run again"),
            request=self.request,
            submit=submit,
        )
        self._limit = queue_limit_bytes
        self.schedule = ScheduleField()
        self.priority = QLineEdit()
        self.priority.setValidator(QIntValidator(self))
        self.priority.setPlaceholderText(_common([str(row.priority) for row in rows]))
        self.queue = CompletingEdit(queues, _common([row.queue_name for row in rows]))
        self.lock = QLineEdit()
        self.lock.setPlaceholderText(_common([row.lock or self.tr("none") for row in rows]))
        self._note = note("bad")
        self._note.hide()
        changes = QHBoxLayout()
        changes.setSpacing(12)
        changes.addLayout(field(self.tr("Priority"), self.priority), 1)
        changes.addLayout(field(self.tr("Queue"), self.queue), 2)
        changes.addLayout(field(self.tr("Lock"), self.lock), 2)
        self.content.addLayout(field(self.tr("Run"), self.schedule))
        self.content.addLayout(changes)
        self.content.addWidget(self._note)
        for edit in (self.priority, self.queue, self.lock):
            edit.setEnabled(can_change)
            if not can_change:
                edit.setToolTip(self.tr("This database's release cannot change it on a retry."))
        self.queue.textChanged.connect(self._check)

    def request(self) -> Request:
        """The retry of the jobs that are ready for it."""
        return Retry(
            job_ids=self.ready,
            at=self.schedule.moment(dt.datetime.now(dt.UTC)),
            priority=int(self.priority.text()) if self.priority.text().strip("-") else None,
            queue=self.queue.text() or None,
            lock=self.lock.text() or None,
        )

    def _check(self, queue: str) -> None:
        problem = check_queue_name(queue, self._limit) if queue else None
        self._note.setText(problem or "")
        self._note.setVisible(problem is not None)
        self.verb.setEnabled(problem is None and bool(self.ready))


def _common(values: Sequence[str]) -> str:
    return values[0] if len(set(values)) == 1 else _tr("unchanged")


def _tr(text: str) -> str:
    return QCoreApplication.translate("RetryDialog", text)
