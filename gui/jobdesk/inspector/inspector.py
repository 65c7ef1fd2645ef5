"""Everything about the selected job: its state and why, its history, its arguments, its columns."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Sequence

from jobdesk_core.database.limited import StatementTooLong
from jobdesk_core.database.rows import JobRow
from jobdesk_core.feed.state import Changes
from jobdesk_core.job.details import JobDetail
from jobdesk_core.job.related_jobs import UsualTimes
from jobdesk_core.job.why import running_until
from jobdesk_core.jobs import Status
from jobdesk_core.profiles.secret_keys import Path
from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QStackedWidget, QVBoxLayout, QWidget

from jobdesk.connection.desk import Desk
from jobdesk.inspector.arguments_panel import ArgumentsPanel
from jobdesk.inspector.attempts_panel import AttemptsPanel
from jobdesk.inspector.comparison_panel import ComparisonPanel
from jobdesk.inspector.job_fields import job_fields
from jobdesk.inspector.links_panel import LinksPanel
from jobdesk.inspector.related_jobs_panel import OthersPanel
from jobdesk.inspector.runs_panel import RunsPanel
from jobdesk.inspector.timeline import EventList, Timeline
from jobdesk.inspector.why_card import WhyCard
from jobdesk.kit import clock, formats
from jobdesk.kit.actions import Actions
from jobdesk.kit.empty_state import EmptyState
from jobdesk.kit.fields import FieldList
from jobdesk.kit.growing import keep_sizes
from jobdesk.kit.json_tree import JsonTree
from jobdesk.kit.labels import caption, plain_label
from jobdesk.kit.layouts import in_column, scrolled
from jobdesk.kit.status_label import StatusLabel
from jobdesk.kit.theme import theme
from jobdesk.kit.work import Work

#: Seconds before the job is read again when it changed itself, and when others did.
OWN_CHANGE_S, OTHERS_CHANGE_S = 0.1, 1.0
#: Seconds for which what is usual for a task is believed, and of how many tasks.
USUAL_S, MOST_TASKS = 60.0, 200
NOTHING, JOB, SEVERAL = 0, 1, 2


class Inspector(QFrame):
    """Shows one job of the desk and follows it while it changes; of several, what they share."""

    job_asked_for = Signal(int)  # a link to another job was followed
    filter_asked_for = Signal(str)  # a link to jobs that share something was
    help_asked_for = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("inspector")
        self.setProperty("pane", True)
        self.setAccessibleName(self.tr("Inspector of the selected job"))
        keep_sizes(self, least_width=300, least_height=110)
        self._desk: Desk | None = None
        self._actions: Actions | None = None
        self._detail: JobDetail | None = None
        self._job_id: int | None = None
        self._usual: dict[str, tuple[float, UsualTimes | None]] = {}
        self._work = Work(self)
        self.failed = self._work.failed

        self._number = QLabel()
        self._number.setObjectName("jobNumber")
        self._number.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self._status = StatusLabel()
        self._name = plain_label("secondary")
        self._why = WhyCard()
        self._timeline = Timeline()
        self._events = EventList()
        self.attempts = AttemptsPanel()
        self.runs = RunsPanel()
        self.arguments = ArgumentsPanel()
        self._fields = FieldList()
        self._added_caption = caption(self.tr("COLUMNS ADDED HERE"))
        self._added = JsonTree()
        self._added.setAccessibleName(self.tr("Columns that were added to the table of jobs"))
        self.others = OthersPanel()
        self.links = LinksPanel()
        self.comparison = ComparisonPanel()
        self._nothing = EmptyState(
            "jobs",
            self.tr("No job selected"),
            self.tr("Select a job to see why it is where it is, its history and its arguments."),
        )
        self._stack = QStackedWidget()
        parts = self._build(), self.comparison
        for part in parts:
            part.setObjectName("inspectorContent")
        for page in (self._nothing, *map(scrolled, parts)):
            self._stack.addWidget(page)
        in_column(self._stack, within=self, margins=0)
        for part in (self._why, self.runs):
            part.job_clicked.connect(self.job_asked_for)
        self.others.filter_asked_for.connect(self.filter_asked_for)
        self.attempts.help_asked_for.connect(self.help_asked_for)
        self.arguments.failed.connect(self.failed)

    @property
    def job_id(self) -> int | None:
        """The job on show."""
        return self._job_id

    @property
    def detail(self) -> JobDetail | None:
        """What is known of the job on show."""
        return self._detail

    def revealed_paths(self, job_id: int) -> set[Path]:
        """The paths to those secret arguments of a job that were shown by a click."""
        return self.arguments.revealed_paths if job_id == self._job_id else set()

    def set_actions(self, actions: Actions) -> None:
        """Offer these actions where they would help."""
        self._actions = actions

    def show_desk(self, desk: Desk | None) -> None:
        """Forget the job and look at another connection."""
        self._desk = desk
        self._usual.clear()
        self.arguments.show_desk(desk)
        self.comparison.show_desk(desk)
        self.show_job(None)

    def show_rows(self, rows: Sequence[JobRow], selected: int) -> None:
        """Compare several jobs, `selected` of which some may not be loaded."""
        self._forget()
        self.comparison.show_rows(rows, selected)
        self._stack.setCurrentIndex(SEVERAL)

    def show_job(self, row: JobRow | None) -> None:
        """Show this job: what the row says at once, the rest as soon as it has been read."""
        if row is None:
            self._forget()
            self._stack.setCurrentIndex(NOTHING)
            return
        if row.id != self._job_id:
            self._forget()
            self._job_id = row.id
            self._why.clear()
            self._timeline.set_events([], row.status, clock.now())
            self._show_usual(self._known_usual(row.task_name))
            self._events.set_events([])
            self._fields.set_fields([])
            self._show_added(())
            self.attempts.clear()
            self.others.clear()
            self.links.hide()
        self._show_row(row)
        self._stack.setCurrentIndex(JOB)
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
            self._read(delay_s=OTHERS_CHANGE_S if row is None else OWN_CHANGE_S)

    def tick(self) -> None:
        """Let time pass: the words and the timeline of a job that is not over are of now. Nothing is read for that."""
        if self._detail is not None and self._desk is not None and not self._detail.row.status.is_final:
            self._detail = self._detail.as_of(clock.now(), self._desk.workers)
            self._show_moment(self._detail)

    def retell(self) -> None:
        """Moments are told in another zone."""
        if self._detail is not None:
            self._show_moment(self._detail)

    def _forget(self) -> None:
        self._job_id = self._detail = None
        for name in ("detail", "round", "reports"):
            self._work.cancel(name)
        self.arguments.show_nothing()

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
        self._name.setText(formats.breakable(f"{formats.cut(row.task_name)} · {formats.cut(row.queue_name)}"))

    def _show_detail(self, detail: JobDetail | None) -> None:
        if detail is None:
            self._show_gone()
            return
        before, self._detail = self._detail, detail
        self._show_row(detail.row)
        self._show_moment(detail)
        if before is None or (before.args, before.args_bytes) != (detail.args, detail.args_bytes):
            self.arguments.show_arguments(detail.row.id, detail.args, detail.args_bytes)
        if before is None or before.added != detail.added:
            self._show_added(detail.added)
        if self._desk is not None:
            self.links.show_detail(detail, self._desk.profile.links)
            self.links.show()
        if before is None or before.row != detail.row:
            self._read_reports(detail.row)
        if before is None:
            self._read_round(detail.row)

    def _read_reports(self, row: JobRow) -> None:
        """Read what workers have told of the job's runs: of each state of the job once."""
        desk = self._desk
        if desk is None:
            return
        has_failed, editor = row.status is Status.FAILED, desk.profile.editor
        self._work.start(
            desk.monitor.reports.of_job(row.id),
            name="reports",
            then=lambda found: self.attempts.show_reports(found, has_failed=has_failed, editor=editor),
            replaces=True,
        )

    def _read_round(self, row: JobRow) -> None:
        """Read what tells of other jobs: once per selection, for it is not followed."""
        desk = self._desk
        if desk is None:
            return

        # One after the other: both at once would take half of the pool.
        async def read() -> None:
            try:
                self.others.show_others(await desk.monitor.others(row))
            except StatementTooLong:
                self.others.show_failure()
            self._show_usual(await self._usual_of(desk, row.task_name))

        self._work.start(read(), name="round", replaces=True)

    async def _usual_of(self, desk: Desk, task_name: str) -> UsualTimes | None:
        """What is usual for the task; asked once a minute at most, also when the answer would take too long."""
        at, _ = self._usual.get(task_name, (0.0, None))
        if not at or time.monotonic() - at > USUAL_S:
            usual: UsualTimes | None = None
            with contextlib.suppress(StatementTooLong):
                usual = await desk.monitor.usual_times(task_name)
            if len(self._usual) >= MOST_TASKS:
                self._usual.clear()
            self._usual[task_name] = (time.monotonic(), usual)
        return self._known_usual(task_name)

    def _known_usual(self, task_name: str) -> UsualTimes | None:
        return self._usual.get(task_name, (0.0, None))[1]

    def _show_usual(self, usual: UsualTimes | None) -> None:
        self._timeline.set_usual(usual)
        self.runs.show_usual(usual, self._job_id or 0)

    def _show_added(self, added: Sequence[tuple[str, str | None]]) -> None:
        self._added.set_value(dict(added), self._desk.profile.hidden_keys if self._desk is not None else "")
        for widget in (self._added_caption, self._added):
            widget.setVisible(bool(added))

    def _show_moment(self, detail: JobDetail) -> None:
        """Show what depends on what time it is."""
        reason = detail.reason
        self._why.set_explanation(reason.headline, reason.sentences, reason.tone, reason.job_ids)
        fix = f"job.{reason.mend}"
        self._why.set_fix(self._actions[fix] if self._actions is not None and reason.mend is not None else None)
        events = [(event.type.value, event.type, event.at) for event in detail.events]
        now = clock.now()
        known_until = running_until(detail.row, detail.events, detail.around, now)
        self._timeline.set_events(events, detail.row.status, now, known_until)
        self._events.set_events(events)
        self._fields.set_fields(job_fields(detail, now))

    def _show_gone(self) -> None:
        self._work.cancel("detail")
        self._why.set_fix(None)
        self._why.set_explanation(
            self.tr("This job no longer exists."),
            [self.tr("Someone deleted it. Below is what was last read of it.")],
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
        layout.addWidget(caption(self.tr("WHY")))
        layout.addWidget(self._why)
        layout.addWidget(self.attempts)
        layout.addWidget(caption(self.tr("TIMELINE")))
        layout.addWidget(self._timeline)
        layout.addWidget(self._events)
        layout.addWidget(self.runs)
        layout.addWidget(self.arguments)
        layout.addWidget(caption(self.tr("JOB")))
        layout.addWidget(self._fields)
        layout.addWidget(self._added_caption)
        layout.addWidget(self._added)
        layout.addWidget(self.others)
        layout.addWidget(self.links)
        layout.addStretch()
        return content
