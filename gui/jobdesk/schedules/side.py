"""What stands beside the list: one schedule, why it is not on time, its course, and its last run with its arguments."""

from __future__ import annotations

import datetime as dt
from typing import Any

from jobdesk_core import durations
from jobdesk_core.job.details import JobDetail
from jobdesk_core.schedules.schedule import Run, Schedule
from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QHBoxLayout, QPushButton, QSizePolicy, QVBoxLayout, QWidget

from jobdesk.inspector.why_card import WhyCard
from jobdesk.kit import formats
from jobdesk.kit.actions import Actions
from jobdesk.kit.fields import Field, FieldList
from jobdesk.kit.flow import Flow
from jobdesk.kit.json_tree import JsonTree
from jobdesk.kit.labels import caption, plain_label
from jobdesk.kit.one_line import OneLine
from jobdesk.kit.segmented import Segmented
from jobdesk.kit.shape_label import ShapeLabel
from jobdesk.kit.text_block import Run as Text
from jobdesk.kit.text_block import TextBlock
from jobdesk.schedules import words
from jobdesk.schedules.course import MOST_BARS, CourseView, RunBars, usual

#: The stretches of time that can be shown, in seconds.
SPANS_S = (86_400.0, 7 * 86_400.0, 30 * 86_400.0)


class ScheduleSide(QWidget):
    """Shows one schedule. Nothing here reads: whoever owns it says what has been read."""

    span_changed = Signal()
    job_chosen = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("panel")
        #: Which keys look secret, as the profile says.
        self.secret_keys = ""
        self.name = TextBlock(size_px=15)
        self.state = ShapeLabel()
        self.about = TextBlock(size_px=12)
        self.why = WhyCard()
        self.why.job_clicked.connect(self.job_chosen)
        self.span = Segmented([self.tr("24 h"), self.tr("7 d"), self.tr("30 d")])
        self.span.setAccessibleName(self.tr("How far back"))
        self.course = CourseView()
        self.bars_title = caption("")
        self.usual = OneLine("secondary", is_right=True)
        self.bars = RunBars()
        self.fields = FieldList()
        self.job = TextBlock()
        self.job.linked.connect(lambda link: self.job_chosen.emit(int(link)))
        self.arguments = JsonTree()
        self.copy = QPushButton(self.tr("Copy"))
        self.copy.setObjectName("plain")
        self.note = plain_label("secondary")
        self._job_id: int | None = None
        self._place()
        self.span.changed.connect(lambda _: self.span_changed.emit())
        self.copy.clicked.connect(lambda: self.arguments.copy("all"))

    def set_actions(self, actions: Actions) -> None:
        """Offer the actions on a schedule; deferring one comes first."""
        for place, key in enumerate(("defer", "show", "copy")):
            self._buttons.addWidget(_button(actions[f"schedule.{key}"], is_first=not place))

    @property
    def span_s(self) -> float:
        """How far back the course reaches, in seconds."""
        return SPANS_S[self.span.current()]

    def show_schedule(self, schedule: Schedule, now: dt.datetime) -> None:
        """Show what is known now."""
        runs = [Text(formats.visible(schedule.task), is_strong=True)]
        if schedule.periodic_id:
            runs.append(Text(f" · {formats.visible(schedule.periodic_id)}", "secondary"))
        self.name.set_runs(runs)
        state = words.state_cell(schedule, now)
        self.state.set_content(state.shape, state.text, state.tone)
        self.about.set_runs(self._about(schedule, now))
        headline, reason, tone = words.why(schedule, now)
        if headline:
            known = [schedule.last.job_id] if schedule.last is not None and schedule.last.job_id is not None else []
            self.why.set_explanation(headline, [reason] if reason else [], tone, known)
        else:
            self.why.clear()
        shown = schedule.runs[-MOST_BARS:]
        one, more = self.tr("LAST EXPECTED RUN"), self.tr("LAST {count} EXPECTED RUNS")
        self.bars_title.setText(one if len(shown) == 1 else more.format(count=len(shown)))
        self.usual.set_whole(usual(schedule.runs))
        self.bars.show_runs(schedule.runs)
        for part in (self.bars, self.bars_title, self.usual):
            part.setVisible(bool(shown))
        self._show_last(schedule.last, now, schedule.app)

    def show_detail(self, detail: JobDetail | None, said: str = "") -> None:
        """Show the job of the last run; None: nothing of it, but what is said instead."""
        self.arguments.setVisible(detail is not None and bool(detail.args))
        self.copy.setVisible(detail is not None and bool(detail.args))
        self.note.setVisible(bool(said) or (detail is not None and not detail.args))
        if detail is None:
            self.note.setText(said)
            return
        if detail.args is None:
            self.note.setText(self.tr("They are large: the job shows them."))
        elif not detail.args:
            self.note.setText(self.tr("none"))
        if self._job_id != detail.row.id:
            self._job_id = detail.row.id
            value: Any = detail.args if detail.args is not None else {}
            self.arguments.set_value(value, self.secret_keys)

    def _about(self, schedule: Schedule, now: dt.datetime) -> list[Text]:
        cadence = words.cadence_cell(schedule, now)
        runs = [Text(f"{cadence.text} {cadence.aside}".strip(), "secondary")]
        if schedule.cron:
            runs += [Text(" · ", "secondary"), Text(schedule.cron, "secondary", is_mono=True)]
        if schedule.zone and schedule.zone != "UTC":
            runs.append(Text(f" {schedule.zone}", "secondary"))
        if schedule.queue:
            runs.append(Text(self.tr(" · queue {queue}").format(queue=formats.visible(schedule.queue)), "secondary"))
        return runs

    def _show_last(self, run: Run | None, now: dt.datetime, app: str) -> None:
        fields: list[Field] = []
        job: list[Text] = [Text(self.tr("It has not been deferred yet."), "secondary")]
        if run is not None:
            job = [Text(self.tr("Its job is gone: it was deleted since, or never came to be."), "secondary")]
            fields.append((self.tr("expected"), words.when(run.expected_at, now), ""))
        if run is not None and run.job_id is not None:
            job = [Text(formats.job_number(run.job_id), link=str(run.job_id))]
            if run.status is not None:
                job.append(Text(f"  {run.status.value}", run.status.value))
            fields += _times_of(run, now, self._words)
        if app:
            fields.append((self.tr("told by"), app, ""))
        self.job.set_runs(job)
        self.fields.set_fields(fields)
        if run is None or run.job_id is None:
            self._job_id = None
            self.show_detail(None, self.tr("Without a job there are none."))

    def _place(self) -> None:
        self._words = (
            self.tr("deferred"),
            self.tr("{time}, on time"),
            self.tr("{time}, {late} late"),
            self.tr("waited, ran"),
        )
        layout = QVBoxLayout(self)
        layout.setContentsMargins(16, 14, 16, 16)
        layout.setSpacing(8)
        head = QHBoxLayout()
        head.addWidget(self.name, 1)
        head.addWidget(self.state, 0, Qt.AlignmentFlag.AlignTop)
        layout.addLayout(head)
        layout.addWidget(self.about)
        buttons = QWidget()
        self._buttons = Flow(buttons)
        policy = QSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        policy.setHeightForWidth(True)
        buttons.setSizePolicy(policy)
        layout.addWidget(buttons)
        layout.addWidget(self.why)
        for title, beside, part in (
            (caption(self.tr("EXPECTED AND REAL")), self.span, self.course),
            (self.bars_title, self.usual, self.bars),
        ):
            row = QHBoxLayout()
            row.addWidget(title, 1)
            row.addWidget(beside, 0, Qt.AlignmentFlag.AlignBottom)
            layout.addLayout(row)
            layout.addWidget(part)
        self.usual.setContentsMargins(0, 0, 0, 4)
        layout.addWidget(caption(self.tr("LAST RUN")))
        layout.addWidget(self.job)
        layout.addWidget(self.fields)
        row = QHBoxLayout()
        row.addWidget(caption(self.tr("ARGUMENTS OF THE LAST RUN")), 1)
        row.addWidget(self.copy, 0, Qt.AlignmentFlag.AlignBottom)
        layout.addLayout(row)
        layout.addWidget(self.arguments)
        layout.addWidget(self.note)
        layout.addStretch()


def _times_of(run: Run, now: dt.datetime, told: tuple[str, str, str, str]) -> list[Field]:
    deferred, on_time, late, waited_ran = told
    fields: list[Field] = []
    if run.deferred_at is not None:
        behind_s = (run.deferred_at - run.expected_at).total_seconds()
        at = words.when(run.deferred_at, now)
        said = on_time if behind_s < 30 else late
        fields.append((deferred, said.format(time=at, late=durations.in_words(behind_s)), ""))
    if run.started_at is not None and run.deferred_at is not None:
        waited = durations.in_words(run.started_at - run.deferred_at)
        ran = words.took(run, now)
        fields.append((waited_ran, f"{waited}, {ran}" if ran else waited, ""))
    return fields


def _button(action: QAction, *, is_first: bool) -> QPushButton:
    button = QPushButton()
    button.setAutoDefault(False)
    if is_first:
        button.setObjectName("primary")

    def show() -> None:
        button.setText(action.text().replace("&", ""))
        button.setEnabled(action.isEnabled())
        button.setToolTip(action.toolTip())

    action.changed.connect(show, Qt.ConnectionType.DirectConnection)
    button.clicked.connect(action.trigger)
    show()
    return button
