"""The Workers page: who is registered, when each was heard of, and what it is running."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

from jobdesk_core.exceptions import ConnectorException
from jobdesk_core.monitor.rows import WorkerRow
from jobdesk_core.monitor.running import MOST_JOBS, RunningJob
from PySide6.QtCore import QCoreApplication
from PySide6.QtWidgets import QVBoxLayout, QWidget

from jobdesk import clock, formats
from jobdesk.desk import Desk
from jobdesk.models.values import Cell, Title, ValuesModel
from jobdesk.pages.list_page import ListPage
from jobdesk.widgets.empty_state import EmptyState
from jobdesk.widgets.text_block import Run, TextBlock
from jobdesk.work import Work

#: The key of the row of running jobs that have no worker.
NO_WORKER = "none"


class WorkersPage(ListPage):
    """The workers as last read, and those jobs that run without one."""

    def __init__(self) -> None:
        self._desk: Desk | None = None
        self._read: tuple[str, list[RunningJob]] | None = None
        titles = [
            Title(_tr("worker"), 96),
            Title(_tr("state"), 180, is_right=False),
            Title(_tr("running"), 96),
            Title(_tr("last heartbeat"), 130, sample="00 min 00 s ago"),
        ]
        self.model = ValuesModel(titles)
        self._jobs = WorkerSide()
        super().__init__("workers", _tr("Workers"), self.model, EmptyState("workers", "", ""), self._jobs)
        self.model.setParent(self)
        self.table.lay_columns(titles)
        self.table.name_columns("workers", ["worker", "state", "running", "heartbeat"], growing="state")
        self._work = Work(self)
        self._jobs.job_chosen.connect(lambda job_id: self.filter_asked_for.emit(f"id:{job_id}"))
        self.selection_changed.connect(self._show_side)

    def show_desk(self, desk: Desk | None) -> None:
        """Show another connection's workers."""
        self._desk, self._read = desk, None
        self.refresh()

    def refresh(self) -> None:
        """Show the workers as last read."""
        desk = self._desk
        if desk is not None and desk.capabilities.has_schema and desk.monitor.moment is None:
            self.note.setText(_tr("reading …"))
            self.show_empty(False)
            return
        is_stale = desk is not None and desk.state.mode == "stale"
        moment = desk.monitor.moment if desk is not None else None
        workers = moment.open.workers or () if moment is not None else ()
        now = clock.now()
        if desk is not None and moment is not None:
            # What is of the past does not age: nobody knows what has become of it.
            now = moment.open.read_at if is_stale else desk.monitor.now()
        live = sum(worker.is_alive(now) for worker in workers)
        # The worst first: what is unresponsive and runs something, then what is unresponsive.
        ordered = sorted(workers, key=lambda each: (each.is_alive(now), -each.running if not each.is_alive(now) else 0))
        rows = [(str(worker.id), _cells(worker, now)) for worker in ordered]
        note = _tr("{live} of {all} alive").format(live=formats.number(live), all=formats.number(len(workers)))
        if desk is not None and desk.orphans:
            rows.insert(0, (NO_WORKER, _orphan_cells(desk.orphans)))
        if desk is not None and desk.stalled:
            one, more = _tr(" · one stalled job"), _tr(" · {count} stalled jobs")
            note += one if desk.stalled == 1 else more.format(count=formats.number(desk.stalled))
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
        return f"status:doing worker:{self.model.key_at(position)}"

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
        known = self._read[1] if self._read is not None and self._read[0] == key else None
        self._jobs.show_jobs(key, known, desk.monitor.now())
        if not self._work.is_running(f"jobs of {key}"):
            self._work.start(
                desk.monitor.running_jobs(None if key == NO_WORKER else int(key)),
                name=f"jobs of {key}",
                then=lambda jobs: self._take(key, jobs),
                failed=_told_by_the_feed,
            )

    def _take(self, key: str, jobs: list[RunningJob]) -> None:
        if key == self._selected_key() and self._desk is not None:
            self._read = key, jobs
            self._jobs.show_jobs(key, jobs, self._desk.monitor.now())

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
    """The jobs that one worker is running; each leads to it."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("panel")
        self._title = TextBlock(size_px=15)
        self._block = TextBlock()
        self.job_chosen = self._block.linked
        layout = QVBoxLayout(self)
        layout.setContentsMargins(16, 14, 16, 16)
        layout.setSpacing(8)
        layout.addWidget(self._title)
        layout.addWidget(self._block)
        layout.addStretch()

    @property
    def text(self) -> str:
        """What it says of the jobs."""
        return self._block.plain_text

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


def _cells(worker: WorkerRow, now: dt.datetime) -> list[Cell]:
    state = Cell(_tr("alive"), "good")
    if not worker.is_alive(now):
        state = Cell(_tr("unresponsive: its jobs have stalled"), "bad")
        if not worker.running:
            state = Cell(_tr("unresponsive"), "warning")
    return [
        Cell(f"#{worker.id:,}", is_mono=True),
        state,
        Cell(formats.number(worker.running), "" if worker.running else "secondary"),
        Cell(formats.relative(worker.last_heartbeat, now), "secondary"),
    ]


def _orphan_cells(orphans: int) -> list[Cell]:
    state = Cell(_tr("orphaned: the worker is no longer registered"), "bad")
    return [Cell(_tr("none"), "secondary"), state, Cell(formats.number(orphans)), Cell(formats.DASH, "secondary")]


def _told_by_the_feed(error: Exception) -> None:
    """A broken link is told once, by the feed; anything else is a fault of ours."""
    if not isinstance(error, ConnectorException):
        raise error


def _tr(text: str) -> str:
    return QCoreApplication.translate("WorkersPage", text)
