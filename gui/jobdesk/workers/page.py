"""The Workers page: who is registered, when each was heard of, and what it is running."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Sequence
from dataclasses import replace

from jobdesk_core.database.rows import WorkerRow
from jobdesk_core.filters.syntax import term
from jobdesk_core.reading.moment import Moment
from jobdesk_core.reading.running import MOST_JOBS, RunningJob
from jobdesk_core.reported.reading import Answer
from jobdesk_core.reported.records import ReportedWorker
from jobdesk_core.reported.serving import by_number, unserved
from PySide6.QtCore import QCoreApplication, Signal
from PySide6.QtWidgets import QWidget

from jobdesk.connection.broken_link import leave_to_feed
from jobdesk.connection.desk import Desk
from jobdesk.connection.list_page import ListPage
from jobdesk.kit import clock, formats
from jobdesk.kit.empty_state import EmptyState
from jobdesk.kit.labels import caption
from jobdesk.kit.layouts import in_column
from jobdesk.kit.text_block import Run, TextBlock
from jobdesk.kit.values_model import Cell, Title, ValuesModel
from jobdesk.kit.work import Work
from jobdesk.workers import reported

#: The key of the row of running jobs that have no worker.
NO_WORKER = "none"
#: The keys of the columns that only workers that report can fill.
REPORTED = ("host", "queues", "slots", "load")
#: Seconds between two looks at what workers tell of themselves, and what that reading is called.
REPORTS_S, REPORTS = 5.0, "reports"


class WorkersPage(ListPage):
    """The workers as last read, and those jobs that run without one."""

    def __init__(self) -> None:
        self._desk: Desk | None = None
        #: The key of a row and its jobs, as last read.
        self._jobs_of: tuple[str, list[RunningJob]] | None = None
        titles = [
            Title(_tr("worker"), 96),
            Title(_tr("state"), 180, is_right=False),
            *reported.titles(),
            Title(_tr("running"), 96),
            Title(_tr("last heartbeat"), 130, sample="00 min 00 s ago"),
        ]
        self.model = ValuesModel(titles)
        self._worker_side = WorkerSide()
        super().__init__("workers", _tr("Workers"), self.model, EmptyState("workers", "", ""), self._worker_side)
        self.model.setParent(self)
        self.table.lay_columns(titles)
        keys = ["worker", "state", *REPORTED, "running", "heartbeat"]
        self.table.name_columns("workers", keys, growing="state", optional=("load", "slots", "queues", "host"))
        self._work = Work(self)
        #: What workers tell of themselves, as last read, and when it was asked for (`time.monotonic`).
        self._reported: Answer[list[ReportedWorker]] = Answer([])
        self._asked_at = float("-inf")
        self._worker_side.help_asked_for.connect(lambda: self.help_asked_for.emit("reporting"))
        self._worker_side.job_chosen.connect(lambda job_id: self.filter_asked_for.emit(f"id:{job_id}"))
        self.selection_changed.connect(self._show_side)

    def show_desk(self, desk: Desk | None) -> None:
        """Show another connection's workers."""
        self._desk, self._jobs_of = desk, None
        self._reported, self._asked_at = Answer([]), float("-inf")
        self._work.cancel(REPORTS)
        if desk is not None:
            desk.workers_changed.connect(self.refresh)
        self.refresh()

    def refresh(self) -> None:
        """Show the workers as last read."""
        desk = self._desk
        if desk is not None and desk.capabilities.has_schema and desk.monitor.moment is None:
            self.note.setText(_tr("reading …"))
            self.show_empty(False)
            return
        self._read_reports()
        is_stale = desk is not None and desk.state.mode == "stale"
        moment = desk.monitor.moment if desk is not None else None
        workers = moment.open.workers or () if moment is not None else ()
        now = clock.now()
        if desk is not None and moment is not None:
            # What is of the past does not age: nobody knows what has become of it.
            now = moment.open.read_at if is_stale else desk.monitor.now()
        reports = self._reported.value or []
        if desk is not None and not desk.capabilities.has_workers:
            alone = [each for each in reports if each.is_alive(now)]
            live = total = len(alone)
            rows = [(str(report.id), _reported_cells(report, now)) for report in alone]
        else:
            live, total = sum(worker.is_alive(now) for worker in workers), len(workers)
            rows = _rows(workers, reports, now)
        note = _tr("{live} of {all} alive").format(live=formats.number(live), all=formats.number(total))
        if desk is not None and desk.orphans:
            rows.insert(0, (NO_WORKER, _orphan_cells(desk.orphans)))
        if desk is not None and desk.stalled:
            one, more = _tr(" · one stalled job"), _tr(" · {count} stalled jobs")
            note += one if desk.stalled == 1 else more.format(count=formats.number(desk.stalled))
        note += self._reports_note(workers, now, moment)
        if is_stale:
            note += _tr(" · as of {time}").format(time=formats.local(now))
            rows = [(key, [replace(cell, tone="secondary") for cell in cells]) for key, cells in rows]
        self.note.setText(note)
        kept = self._selected_key()
        self.model.set_rows(rows)
        self._select(kept)
        self.show_empty(not rows)
        if desk is not None and not rows:
            self._show_why_none(desk)
        self._show_side()

    def filter_at(self, position: int) -> str:
        key = self.model.key_at(position)
        if key != NO_WORKER and not key.isdecimal():
            host = next((each.host for each in self._reported.value or [] if str(each.id) == key), "")
            return f"status:doing {term('host', host)}"
        return f"status:doing worker:{key}"

    def _read_reports(self) -> None:
        """Ask what workers tell of themselves, now and then and only while the page is in sight."""
        desk = self._desk
        is_due = time.monotonic() - self._asked_at >= REPORTS_S
        if desk is None or not self.isVisible() or not is_due or self._work.is_running(REPORTS):
            return
        self._asked_at = time.monotonic()
        self._work.start(desk.monitor.reports.workers(), name=REPORTS, then=self._take_reports, failed=leave_to_feed)

    def _take_reports(self, found: Answer[list[ReportedWorker]]) -> None:
        if found != self._reported:
            self._reported = found
            self.refresh()

    def _reports_note(self, workers: Sequence[WorkerRow], now: dt.datetime, moment: Moment | None) -> str:
        """Which queues nobody serves, or that this is not known."""
        reports = self._reported.value
        if reports is None or not reports:
            return _tr(" · hosts and queues are not reported") if workers else ""
        if moment is None:
            return ""
        due = {name: group.due for name, group in moment.open.queues.items()}
        names = unserved(due, workers, reports, now)
        if not names:
            return ""
        listed = ", ".join(formats.visible(formats.cut(name, 40)) for name in names[:3])
        more = _tr(" and {n} more").format(n=len(names) - 3) if len(names) > 3 else ""
        return _tr(" · no live worker serves {queues}").format(queues=listed + more)

    def _selected_key(self) -> str | None:
        positions = self.selected_positions()
        return self.model.key_at(positions[0]) if len(positions) == 1 else None

    def _select(self, key: str | None) -> None:
        if key is not None and key != self._selected_key():
            for position in range(self.model.rowCount()):
                if self.model.key_at(position) == key:
                    self.table.selectRow(position)

    def _show_side(self) -> None:
        key, desk = self._selected_key(), self._desk
        self.show_side(key is not None)
        if key is None or desk is None:
            return
        known = self._jobs_of[1] if self._jobs_of is not None and self._jobs_of[0] == key else None
        now = desk.monitor.now()
        reports = self._reported.value or []
        worker = next((each for each in reports if key in (str(each.id), str(each.worker_id))), None)
        self._worker_side.show_facts(worker, self._reported.refusal, now)
        if worker is not None and not key.isdecimal() and key != NO_WORKER:
            self._worker_side.show_numbers(worker)
            return
        self._worker_side.show_jobs(key, known, now)
        if not self._work.is_running(f"jobs of {key}"):
            self._work.start(
                desk.monitor.running_jobs(None if key == NO_WORKER else int(key)),
                name=f"jobs of {key}",
                then=lambda jobs: self._take(key, jobs),
                failed=leave_to_feed,
            )

    def _take(self, key: str, jobs: list[RunningJob]) -> None:
        if key == self._selected_key() and self._desk is not None:
            self._jobs_of = key, jobs
            self._worker_side.show_jobs(key, jobs, self._desk.monitor.now())

    def _show_why_none(self, desk: Desk) -> None:
        if desk.capabilities.has_workers:
            self.empty.set_content(
                "workers",
                _tr("No worker is registered"),
                _tr("Jobs that are due stay where they are until one starts: procrastinate worker"),
                [(_tr("Show the waiting jobs"), lambda: self.filter_asked_for.emit("status:todo"))],
            )
        else:
            release = desk.capabilities.release
            self.empty.set_content(
                "workers",
                _tr("This release keeps no record of its workers"),
                _tr("Procrastinate {release}: releases from 3.1 on register them.").format(release=release),
                [(_tr("Show the running jobs"), lambda: self.filter_asked_for.emit("status:doing"))],
            )


class WorkerSide(QWidget):
    """The jobs that one worker is running, each of which leads to it; and what the worker tells of itself."""

    help_asked_for = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("panel")
        self._title = TextBlock(size_px=15)
        self._block = TextBlock()
        self.job_chosen = self._block.linked
        layout = in_column(self._title, self._block, within=self, margins=(16, 14, 16, 16), spacing=8)
        self._facts_caption = caption(_tr("AS IT REPORTS"))
        self._facts = TextBlock()
        self._facts.linked.connect(lambda _: self.help_asked_for.emit())
        layout.addWidget(self._facts_caption)
        layout.addWidget(self._facts)
        layout.addStretch()

    @property
    def text(self) -> str:
        """What it says of the jobs."""
        return self._block.plain_text

    @property
    def facts(self) -> str:
        """What it says of the worker itself."""
        return self._facts.plain_text

    def show_facts(self, worker: ReportedWorker | None, refusal: str | None, now: dt.datetime) -> None:
        """Show what the worker tells of itself, or that it does not, and why."""
        if worker is not None:
            self._facts.set_runs(reported.facts(worker, now))
            return
        sentence = refusal or _tr("This worker does not report.")
        self._facts.set_runs([Run(f"{sentence} ", "secondary"), Run(_tr("How to have workers report"), link="help")])

    def show_numbers(self, worker: ReportedWorker) -> None:
        """Show which jobs a worker says that it runs, where the release keeps no record of that."""
        self._title.set_runs([Run(_tr("It is running"), is_strong=True)])
        runs = [Run(f"{formats.job_number(job)}\n", link=str(job)) for job in worker.running[:MOST_JOBS]]
        self._block.set_runs(runs or [Run(_tr("No job at the moment."), "secondary")])

    def show_jobs(self, key: str, jobs: list[RunningJob] | None, now: dt.datetime) -> None:
        """Show these as of now (UTC); None while they are being read."""
        title = (
            _tr("Without a worker") if key == NO_WORKER else _tr("Worker #{id} is running").format(id=f"{int(key):,}")
        )
        self._title.set_runs([Run(title, is_strong=True)])
        if not jobs:
            sentence = _tr("Reading its jobs…") if jobs is None else _tr("No job at the moment.")
            self._block.set_runs([Run(sentence, "secondary")])
            return
        runs = []
        for job in jobs:
            since = _tr("for {age}").format(age=formats.age(job.started_at, now))
            runs += [Run(formats.job_number(job.id), link=str(job.id)), Run(f"  {since}\n", "secondary")]
            runs += [Run(job.task_name), Run(f"  {job.queue_name}\n", "secondary")]
        if len(jobs) == MOST_JOBS:
            runs.append(Run(_tr("These are the {count} oldest; there are more.").format(count=MOST_JOBS), "secondary"))
        self._block.set_runs(runs)


def _reported_cells(worker: ReportedWorker, now: dt.datetime) -> list[Cell]:
    """The row of a worker that is not registered, for the release keeps no record of them."""
    return [
        Cell(formats.DASH, "secondary"),
        Cell(_tr("alive"), "good"),
        *reported.cells(worker),
        Cell(formats.number(len(worker.running)), "" if worker.running else "secondary"),
        Cell(formats.relative(worker.beat_at, now), "secondary", value=worker.beat_at),
    ]


def _rows(
    workers: Sequence[WorkerRow], reports: Sequence[ReportedWorker], now: dt.datetime
) -> list[tuple[str, list[Cell]]]:
    """The worst first: what is unresponsive and runs something, then what is unresponsive."""
    known = by_number(reports)
    ordered = sorted(workers, key=lambda each: (each.is_alive(now), 0 if each.is_alive(now) else -each.running))
    return [(str(worker.id), _cells(worker, known.get(worker.id), now)) for worker in ordered]


def _cells(worker: WorkerRow, report: ReportedWorker | None, now: dt.datetime) -> list[Cell]:
    state = Cell(_tr("alive"), "good")
    if not worker.is_alive(now):
        state = Cell(_tr("unresponsive: its jobs have stalled"), "bad")
        if not worker.running:
            state = Cell(_tr("unresponsive"), "warning")
    return [
        Cell(f"#{worker.id:,}", is_mono=True, value=worker.id),
        state,
        *reported.cells(report),
        Cell(formats.number(worker.running), "" if worker.running else "secondary"),
        Cell(formats.relative(worker.last_heartbeat, now), "secondary", value=worker.last_heartbeat),
    ]


def _orphan_cells(orphans: int) -> list[Cell]:
    state = Cell(_tr("orphaned: the worker is no longer registered"), "bad")
    return [
        Cell(_tr("none"), "secondary"),
        state,
        *reported.cells(None),
        Cell(formats.number(orphans)),
        Cell(formats.DASH, "secondary"),
    ]


def _tr(text: str) -> str:
    return QCoreApplication.translate("WorkersPage", text)
