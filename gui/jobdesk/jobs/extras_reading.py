"""Reads what the extra columns of the table of jobs show, for the jobs in sight alone and only while one is shown."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence

from jobdesk_core.database.limited import StatementTooLong
from jobdesk_core.database.rows import JobRow
from jobdesk_core.feed.state import Changes
from jobdesk_core.reading.records import JobTimes
from jobdesk_core.reported.shown import Shown
from PySide6.QtCore import QObject, QTimer

from jobdesk.connection.desk import Desk
from jobdesk.jobs.table import JobsTable
from jobdesk.kit import clock
from jobdesk.kit.work import Work

READ = "read extra columns"
#: Rows read beyond those in sight at either end, and milliseconds between a change and the reading.
BESIDE, REST_MS = 50, 100


class ExtrasReading(QObject):
    """One statement at a time, for at most the monitor's limit. What could not be read in it shows as not known."""

    def __init__(self, table: JobsTable, parent: QObject) -> None:
        super().__init__(parent)
        self._table, self._model = table, table.jobs
        self._desk: Desk | None = None
        self._work = Work(self)
        self._rest = QTimer(self, singleShot=True, interval=REST_MS)
        self._rest.timeout.connect(self._read)
        for signal in (table.sight_changed, table.choice.changed, self._model.rowsInserted, self._model.modelReset):
            signal.connect(self._follow)
        self._model.dataChanged.connect(self._follow)

    def show_desk(self, desk: Desk | None) -> None:
        """Read from another connection, or from none."""
        self._work.cancel(READ)
        self._desk = desk if desk is not None and desk.capabilities.has_schema else None
        self._model.extras.secret_keys = desk.profile.hidden_keys if desk is not None else ""
        self._model.extras.clear()

    def apply(self, changes: Changes) -> None:
        """What the feed says has changed is asked for again."""
        self._model.extras.doubt(None if changes.is_refresh else {*changes.rows, *changes.removed})
        self._follow()

    def doubt(self) -> None:
        """Ask for everything again."""
        self._model.extras.doubt()
        self._follow()

    def tick(self) -> None:
        """Let time pass in what is in sight."""
        if self._table.shows_extras():
            first, last = self._table.sight()
            self._model.tell_extras(self._model.extras.refresh(self._model.ids_between(first, last)))
            self._follow()

    def _follow(self, *_: object) -> None:
        if not self._rest.isActive():
            self._rest.start()

    def _read(self) -> None:
        desk = self._desk
        if desk is None or not self._table.shows_extras() or self._work.is_running(READ):
            return
        shows_reported = self._table.shows_reported()
        if shows_reported and not self._model.extras.follows_progress:
            self._model.extras.doubt()  # what was read before is without it
        self._model.extras.follows_progress = shows_reported
        first, last = self._table.sight()
        ids = self._model.ids_between(first - BESIDE, last + BESIDE) if last >= first else []
        rows = [row for row in map(self._model.row, ids) if row is not None]
        asked, paths = self._model.extras.ask(rows, clock.now()), self._model.extras.asked_paths()
        if not asked:
            return

        async def read() -> tuple[dict[int, JobTimes], dict[int, Shown]]:
            ids, times = [row.id for row in asked], {}
            with contextlib.suppress(StatementTooLong):
                times = await desk.monitor.shown_times(ids, paths)
            return times, ((await desk.monitor.reports.shown(ids)).value or {}) if shows_reported else {}

        def take(found: tuple[dict[int, JobTimes], dict[int, Shown]]) -> None:
            self._model.tell_extras(self._model.extras.take(asked, *found, paths))
            self._follow()

        self._work.start(read(), name=READ, then=take, failed=lambda _: self._failed(asked))

    def _failed(self, asked: Sequence[JobRow]) -> None:
        """The feed tells of a connection that is lost; what was asked is asked again at the next occasion."""
        self._model.extras.doubt(row.id for row in asked)
