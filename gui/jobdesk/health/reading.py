"""Reads how the tables fare, part by part, and keeps what came last; only when somebody asks."""

from __future__ import annotations

from jobdesk_core.database.limited import ask_limited_async
from jobdesk_core.exceptions import ConnectorException
from jobdesk_core.health import LIMIT_S, Health, advice, read
from jobdesk_core.jobs import Status
from PySide6.QtCore import QObject, Signal

from jobdesk.connection.desk import Desk
from jobdesk.kit.work import Work

READ = "read health"


class HealthReading(QObject):
    """What was read of one desk. A part that comes later takes its place in what is there."""

    changed = Signal()
    failed = Signal(Exception)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        #: What is known, of the reading under way or of the last one; None before the first part.
        self.found: Health | None = None
        #: Why the last reading came to no end; empty when it did.
        self.problem = ""
        self._work = Work(self)

    @property
    def is_reading(self) -> bool:
        """Whether parts are still to come."""
        return self._work.is_running(READ)

    def forget(self) -> None:
        """Another connection: nothing is known of it."""
        self._work.cancel(READ)
        self.found, self.problem = None, ""
        self.changed.emit()

    def stop(self) -> None:
        """Ask no more."""
        self._work.cancel(READ)

    def read(self, desk: Desk) -> None:
        """Read all of it anew."""
        self._work.start(
            self._read(desk),
            name=READ,
            then=self._take,
            failed=self._failed,
            replaces=True,
            says=self.tr("Reading sizes and ages…"),
        )
        self.changed.emit()

    async def _read(self, desk: Desk) -> Health:
        is_first = self.found is None

        def tell(health: Health) -> None:
            # What was read before stays whole until all is read anew.
            if is_first:
                self.found = health
                self.changed.emit()

        steps = read(desk.capabilities, totals=_totals(desk), tell=tell)
        return await ask_limited_async(steps, desk.connector, LIMIT_S)

    def _take(self, found: Health) -> None:
        self.found, self.problem = found, ""
        self.changed.emit()

    def _failed(self, error: Exception) -> None:
        self.problem = self.tr("It could not be read to the end.")
        self.changed.emit()
        if not isinstance(error, ConnectorException):  # a broken link is told by the feed
            self.failed.emit(error)


async def look(desk: Desk) -> None:
    """Note on the desk how many faults are to be mended, for as long as the page has not been opened."""
    desk.advised = faults(await ask_limited_async(read(desk.capabilities), desk.connector, LIMIT_S))


def faults(found: Health | None) -> int:
    """How many things are to be done about a fault."""
    return sum(each.tone != "info" for each in advice(found)) if found is not None else 0


def _totals(desk: Desk) -> dict[Status, int] | None:
    """The number of each status, where the feed has counted all jobs."""
    counts = desk.monitor.counts
    return {status: counts.total(status) for status in Status} if counts.is_exact else None
