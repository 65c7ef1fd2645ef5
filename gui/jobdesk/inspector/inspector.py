"""Everything about the selected job: its state and why, its history, its arguments, its columns."""

from __future__ import annotations

import asyncio
import datetime as dt
import json

from jobdesk_core.exceptions import ArgumentsTooDeep
from jobdesk_core.jobs import Status
from jobdesk_core.monitor.feed import Changes
from jobdesk_core.monitor.monitor import JobDetail
from jobdesk_core.monitor.rows import JobRow
from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QLabel,
    QPlainTextEdit,
    QPushButton,
    QScrollArea,
    QSizePolicy,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from jobdesk import formats
from jobdesk.desk import Desk
from jobdesk.inspector.job_fields import job_fields
from jobdesk.theme import theme
from jobdesk.widgets.empty_state import EmptyState
from jobdesk.widgets.fields import FieldList
from jobdesk.widgets.json_tree import JsonTree
from jobdesk.widgets.segmented import Segmented
from jobdesk.widgets.status_label import StatusLabel
from jobdesk.widgets.timeline import EventList, Timeline
from jobdesk.widgets.why_card import WhyCard
from jobdesk.work import Work

#: The tallest that the arguments grow; beyond it they scroll.
TALLEST = 360


class Inspector(QFrame):
    """Shows one job of the desk and follows it while it changes."""

    job_asked_for = Signal(int)  # a link to another job was followed

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("inspector")
        self.setAccessibleName(self.tr("Inspector of the selected job"))
        self.setMinimumWidth(300)
        self._desk: Desk | None = None
        self._detail: JobDetail | None = None
        self._job_id: int | None = None
        self._work = Work(self)
        self.failed = self._work.failed

        self._number = QLabel()
        self._number.setObjectName("jobNumber")
        self._number.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self._status = StatusLabel()
        self._name = _plain_label("secondary")
        self._why = WhyCard()
        self._why.job_clicked.connect(self.job_asked_for)
        self._timeline = Timeline()
        self._events = EventList()
        self._tree = JsonTree()
        self._json = QPlainTextEdit(readOnly=True)
        self._json.setObjectName("code")
        self._json.setAccessibleName(self.tr("Arguments as JSON"))
        self._large = QPushButton(self.tr("Load the arguments"))
        self._large.clicked.connect(self._load_large)
        self._none = _plain_label("secondary")
        self._none.setText(self.tr("none"))
        self._forms = (self._tree, self._json, self._large, self._none)
        self._form = Segmented([self.tr("Tree"), self.tr("JSON")])
        self._form.setAccessibleName(self.tr("Show the arguments as"))
        self._form.changed.connect(self._show_form)
        self._fields = FieldList()
        self._nothing = EmptyState(
            "jobs",
            self.tr("No job selected"),
            self.tr("Select a job to see why it is where it is, its history and its arguments."),
        )
        self._stack = QStackedWidget()
        self._stack.addWidget(self._nothing)
        self._stack.addWidget(self._scrolled(self._build()))
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._stack)

    @property
    def job_id(self) -> int | None:
        """The job on show."""
        return self._job_id

    @property
    def detail(self) -> JobDetail | None:
        """What is known of the job on show."""
        return self._detail

    def show_desk(self, desk: Desk | None) -> None:
        """Forget the job and look at another connection."""
        self._desk = desk
        self.show_job(None)

    def show_job(self, row: JobRow | None) -> None:
        """Show this job: what the row says at once, the rest as soon as it has been read."""
        if row is None:
            self._job_id = self._detail = None
            self._work.cancel("detail")
            self._stack.setCurrentIndex(0)
            return
        is_other = row.id != self._job_id
        self._job_id = row.id
        self._show_row(row)
        if is_other:
            self._detail = None
            self._why.clear()
            self._timeline.set_events([], row.status, dt.datetime.now(dt.UTC))
            self._events.set_events([])
            self._set_arguments({})
            self._fields.set_fields([])
        self._stack.setCurrentIndex(1)
        self._read()

    def apply(self, changes: Changes) -> None:
        """Follow the job, and whoever holds its locks."""
        if self._job_id is None:
            return
        if self._job_id in changes.removed:
            self._show_gone()
        elif changes.is_refresh or self._concerns(changes):
            row = changes.rows.get(self._job_id)
            if row is not None:
                self._show_row(row)
            self._read(delay_s=0.1)

    def tick(self) -> None:
        """Let time pass: a running job's timeline grows."""
        if self._detail is not None and not self._detail.row.status.is_final:
            self._show_timeline(self._detail)

    def _concerns(self, changes: Changes) -> bool:
        # Any change may alter why a waiting job waits: what is ahead of it, who holds its lock.
        is_waiting = self._detail is not None and self._detail.row.status is Status.TODO
        return self._job_id in changes.rows or (is_waiting and bool(changes.rows or changes.removed))

    def _read(self, *, delay_s: float = 0.0) -> None:
        desk, job_id = self._desk, self._job_id
        if desk is None or job_id is None:
            return
        if delay_s and self._work.is_running("detail"):
            return

        async def read() -> JobDetail | None:
            await asyncio.sleep(delay_s)
            return await desk.monitor.detail(job_id)

        self._work.start(read(), name="detail", then=self._show_detail, replaces=True)

    def _show_row(self, row: JobRow) -> None:
        self._number.setText(formats.job_number(row.id))
        self._status.set_status(row.status)
        self._name.setText(formats.breakable(f"{row.task_name} · {row.queue_name}"))

    def _show_detail(self, detail: JobDetail | None) -> None:
        if detail is None:
            self._show_gone()
            return
        before, self._detail = self._detail, detail
        self._show_row(detail.row)
        reason = detail.reason
        self._why.set_explanation(reason.headline, reason.sentences, reason.tone, reason.job_ids)
        self._show_timeline(detail)
        if before is None or before.args != detail.args:
            self._show_arguments(detail)
        self._fields.set_fields(job_fields(detail, dt.datetime.now(dt.UTC)))

    def _show_timeline(self, detail: JobDetail) -> None:
        events = [(event.type.value, event.type, event.at) for event in detail.events]
        now = dt.datetime.now(dt.UTC)
        self._timeline.set_events(events, detail.row.status, now)
        self._events.set_events(events)

    def _show_arguments(self, detail: JobDetail) -> None:
        if detail.args is None:
            kilobytes = detail.args_bytes / 1024
            self._large.setText(self.tr("Load the arguments ({size} kB)").format(size=f"{kilobytes:,.0f}"))
        else:
            self._set_arguments(detail.args)
        self._show_form()

    def _show_form(self, *_: object) -> None:
        is_large = self._detail is not None and self._detail.args is None
        is_empty = self._detail is not None and self._detail.args == {}
        self._show_only(2 if is_large else 3 if is_empty else self._form.current())

    def _show_only(self, position: int) -> None:
        # Not a stack: it would be as tall as its tallest page.
        for number, widget in enumerate(self._forms):
            widget.setVisible(number == position)

    def _set_arguments(self, value: object) -> None:
        self._tree.set_value(value)
        text = json.dumps(value, indent=2, ensure_ascii=False)
        self._json.setPlainText(text)
        lines = text.count("\n") + 1
        self._json.setFixedHeight(min(TALLEST, lines * self._json.fontMetrics().lineSpacing() + 20))

    def _load_large(self) -> None:
        desk, job_id = self._desk, self._job_id
        if desk is not None and job_id is not None:
            self._work.start(
                desk.monitor.arguments(job_id),
                name="arguments",
                then=self._show_large,
                failed=self._show_as_text,
                replaces=True,
            )

    def _show_as_text(self, error: Exception) -> None:
        if not isinstance(error, ArgumentsTooDeep):
            self.failed.emit(error)
            return
        self._json.setPlainText(error.text)
        self._json.setFixedHeight(TALLEST)
        self._show_only(1)

    def _show_large(self, arguments: dict[str, object] | None) -> None:
        if arguments is not None:
            self._set_arguments(arguments)
            self._show_only(self._form.current())

    def _show_gone(self) -> None:
        self._work.cancel("detail")
        self._why.set_explanation(
            self.tr("This job is no longer there."),
            [self.tr("Someone deleted it. What stands below is what it was when it was last read.")],
            "warning",
            [],
        )

    def _build(self) -> QWidget:
        content = QWidget()
        content.setObjectName("inspectorContent")
        layout = QVBoxLayout(content)
        layout.setContentsMargins(16, 12, 16, 16)
        layout.setSpacing(4)
        head = QHBoxLayout()
        self._number.setFont(theme().mono_font(13))
        head.addWidget(self._number)
        head.addStretch()
        head.addWidget(self._status)
        layout.addLayout(head)
        layout.addWidget(self._name)
        layout.addWidget(_caption(self.tr("WHY")))
        layout.addWidget(self._why)
        layout.addWidget(_caption(self.tr("TIMELINE")))
        layout.addWidget(self._timeline)
        layout.addWidget(self._events)
        arguments = QHBoxLayout()
        arguments.addWidget(_caption(self.tr("ARGUMENTS")), 1)
        arguments.addWidget(self._form, 0, Qt.AlignmentFlag.AlignBottom)
        layout.addLayout(arguments)
        layout.addWidget(self._tree)
        layout.addWidget(self._json)
        layout.addWidget(self._large, 0, Qt.AlignmentFlag.AlignLeft)
        layout.addWidget(self._none)
        self._show_only(0)
        layout.addWidget(_caption(self.tr("JOB")))
        layout.addWidget(self._fields)
        layout.addStretch()
        return content

    def _scrolled(self, content: QWidget) -> QScrollArea:
        area = QScrollArea()
        area.setWidgetResizable(True)
        area.setFrameShape(QFrame.Shape.NoFrame)
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        area.setWidget(content)
        return area


def _plain_label(tone: str) -> QLabel:
    label = QLabel()
    label.setTextFormat(Qt.TextFormat.PlainText)
    label.setProperty("tone", tone)
    label.setWordWrap(True)
    label.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
    return label


def _caption(text: str) -> QLabel:
    label = QLabel(text)
    label.setObjectName("caption")
    label.setContentsMargins(0, 14, 0, 4)
    return label
