"""Reads the failures of a range for the page, and again when something has changed; never while it is not in sight."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, replace

from jobdesk_core.database.limited import StatementTooLong
from jobdesk_core.exceptions import CapabilityMissing, ConnectorException, cause_text
from jobdesk_core.failures.groups import FailuresReader
from jobdesk_core.failures.records import By, FailureGroup, Failures, Range
from jobdesk_core.filters.language import JobFilter, term
from PySide6.QtCore import QObject, Signal

from jobdesk.connection.desk import Desk
from jobdesk.failures.aside import run_aside
from jobdesk.failures.rows import Key, all_groups, key_of
from jobdesk.kit.work import Work

READ = "read failures"
#: Seconds between two readings: after a change, and when only time has passed.
CHANGED_S, UNCHANGED_S = 2.0, 15.0
#: A reading is not repeated before so many times what it took: a twentieth of the server's time at most.
SHARE = 20
#: Seconds between two showings of what is counted so far, and after which what is usual and new is looked up again.
SHOWN_S, WHOLE_S = 0.2, 600.0
#: The part of the time in which nothing is asked between two stretches of one reading.
REST = 0.5


@dataclass(frozen=True, slots=True)
class Question:
    """Which failures are asked for."""

    span: Range = Range.HOUR
    by: By = By.TASK
    queue: str | None = None


class FailuresReading(QObject):
    """Keeps the answer to one question true. What is known stays until something newer is."""

    changed = Signal()
    failed = Signal(Exception)

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self.question = Question()
        #: The newest answer, with `usual` and what is new as far as known; None before the first.
        self.found: Failures | None = None
        #: Why the answer is not newer, or there is none; empty when nothing is wrong.
        self.problem = ""
        self._desk: Desk | None = None
        self._is_dirty = False
        self._read_at = self._took_s = self._whole_at = self._whole_s = 0.0
        self._known: Failures | None = None
        self._work = Work(self)

    @property
    def is_reading(self) -> bool:
        """Whether a reading is under way."""
        return self._work.is_running(READ)

    def show_desk(self, desk: Desk | None) -> None:
        """Read from another connection, or from none."""
        self._desk = desk
        self.ask(self.question)

    def ask(self, question: Question) -> None:
        """Answer another question; nothing is read yet."""
        self.stop()
        self.question = question
        self.found, self._known, self.problem = None, None, ""
        self._read_at, self._took_s = 0.0, 0.0
        self.changed.emit()

    def touch(self) -> None:
        """Something has changed in the database."""
        self._is_dirty = True

    def stop(self) -> None:
        """Read no further."""
        if self.is_reading:
            self._work.cancel(READ)
            self._read_at = 0.0

    def read_when_due(self) -> None:
        """Read anew when something has changed, or time has passed, and the last reading was long enough ago."""
        rest_s = max(CHANGED_S if self._is_dirty else UNCHANGED_S, SHARE * self._took_s)
        if not self.is_reading and (not self._read_at or time.monotonic() - self._read_at >= rest_s):
            self.read_now()

    def read_now(self) -> None:
        """Read anew, unless the link is broken or it is being read."""
        desk = self._desk
        if desk is None or self.is_reading or desk.state.mode not in ("live", "polling"):
            return
        # From the beginning: a reading that a person stops does not start again at once.
        self._read_at = time.monotonic()
        self._work.start(
            self._read(desk, self.question),
            name=READ,
            failed=self._failed,
            says=self.tr("Reading the failures…"),
        )

    async def _read(self, desk: Desk, question: Question) -> None:
        self._is_dirty = False
        job_filter = JobFilter.parse(term("queue", question.queue)) if question.queue is not None else None
        reader = FailuresReader(desk.capabilities, question.span, job_filter=job_filter, by=question.by)
        is_first = self.found is None
        took_s = whole_s = shown_at = 0.0
        while True:
            started = time.monotonic()
            found = await run_aside(reader.more(), desk)
            took = time.monotonic() - started
            whole_s += took
            if found.is_whole:
                self._known, self._whole_at, self._whole_s = found, time.monotonic(), whole_s
                break
            # Of counting alone: what is usual and what is new is known by then, as a rule.
            took_s = whole_s if not found.is_counted else took_s or whole_s
            known = self._from_known(found) if found.is_counted else None
            if known is not None:
                found = known
                break
            if (is_first or found.is_counted) and time.monotonic() - shown_at >= SHOWN_S:
                shown_at = time.monotonic()
                self._show(self._as_far_as_known(found))
            await asyncio.sleep(took * REST)
        self._read_at, self._took_s = time.monotonic(), took_s or whole_s
        self.problem = ""
        self._show(found)

    def _show(self, found: Failures) -> None:
        self.found = found
        self.changed.emit()

    def _from_known(self, found: Failures) -> Failures | None:
        """What was counted anew with what is known of before; None when something new fails, or that is too old."""
        known = self._known
        if known is None or time.monotonic() - self._whole_at > max(WHOLE_S, SHARE * self._whole_s):
            return None
        before = dict(all_groups(known))
        if any(key not in before for key, _ in all_groups(found)):
            return None
        return replace(self._as_far_as_known(found), is_whole=True, marks=known.marks, bursts=found.bursts)

    def _as_far_as_known(self, found: Failures) -> Failures:
        known = self._known
        if known is None:
            return found
        before = dict(all_groups(known))

        def fill(group: FailureGroup, parent: Key) -> FailureGroup:
            key = key_of(group, found.by, parent)
            old = before.get(key)
            children = tuple(fill(child, key) for child in group.children)
            if old is None:
                return replace(group, children=children)
            usual, new, back = old.usual, old.new_since, old.back_after
            return replace(group, usual=usual, new_since=new, back_after=back, children=children)

        return replace(found, groups=tuple(fill(group, ()) for group in found.groups))

    def _failed(self, error: Exception) -> None:
        self._read_at = time.monotonic()
        if isinstance(error, StatementTooLong):
            self._took_s = UNCHANGED_S
            self.problem = self.tr("Reading the failures is taking too long on this database.")
        elif isinstance(error, CapabilityMissing):
            self.problem = str(error)
        elif isinstance(error, ConnectorException) and error.sqlstate is not None and not error.is_passing:
            self.problem = self.tr("The failures cannot be read: {reason}").format(reason=cause_text(error))
        elif not isinstance(error, ConnectorException):  # a broken link is told by the feed
            self.failed.emit(error)
        self.changed.emit()
