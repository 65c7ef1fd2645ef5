"""Keeps what stands beside the list true for the selected group: reads it when it settles, and again when it grows."""

from __future__ import annotations

import time
from typing import NamedTuple

from jobdesk_core.failures.records import Contrast, FailureGroup, Failures
from PySide6.QtCore import QObject, QTimer, Signal

from jobdesk.connection.desk import Desk
from jobdesk.failures.beside import Newest, compared, contrast_of, newest_of
from jobdesk.failures.rows import Key, Row
from jobdesk.failures.side import MOST_JOBS, FailuresSide
from jobdesk.kit.work import Work

READ, COMPARE = "read beside failures", "compare failures"
#: Milliseconds for which a group is selected before anything is read of it.
SETTLE_MS = 200
#: Seconds after which a group that has changed is read again, and so many times what comparing took.
AGAIN_S, SHARE = 5.0, 20


class Asked(NamedTuple):
    """What was read last: a group as it was."""

    key: Key
    failed: int
    still_failed: int
    queue: str | None


class SelectedGroup(QObject):
    """Shows in the side what it has read. `changed` when a traceback came or went."""

    changed = Signal()

    def __init__(self, side: FailuresSide, parent: QObject) -> None:
        super().__init__(parent)
        self._side = side
        self._desk: Desk | None = None
        self._row: Row | None = None
        self._found: Failures | None = None
        self._queue: str | None = None
        self._newest: Newest | None = None
        self._asked: Asked | None = None
        self._compared: Asked | None = None
        self._asked_at, self._compared_at, self._took_s = 0.0, 0.0, 0.0
        self._work = Work(self)
        self._settling = QTimer(self, singleShot=True, interval=SETTLE_MS)
        self._settling.timeout.connect(self._read)

    def show(self, desk: Desk | None, row: Row | None, found: Failures | None, queue: str | None) -> None:
        """Show this group, or none; nothing is read while the link is lost."""
        before, self._row, self._found, self._queue = self._row, row, found, queue
        is_other_desk, self._desk = desk is not self._desk, desk
        if row is None or is_other_desk or before is None or before.key != row.key:
            self._begin()
        if row is None or desk is None or found is None or desk.state.mode not in ("live", "polling"):
            return
        asked = Asked(row.key, row.group.failed, row.group.still_failed, queue)
        is_due = self._asked is None or (asked != self._asked and time.monotonic() - self._asked_at >= AGAIN_S)
        if is_due and found.is_counted and not self._settling.isActive() and not self._work.is_running(READ):
            self._settling.start()

    def read_again(self) -> None:
        """Read it again with the next showing."""
        self._asked = self._compared = None

    def stop(self) -> None:
        """Read no further."""
        self._settling.stop()
        for name in (READ, COMPARE):
            self._work.cancel(name)
        if self._newest is None:
            self._asked = None
        self._compared = None

    def _begin(self) -> None:
        self.stop()
        self._newest = self._asked = self._compared = None
        self._took_s = 0.0
        self._side.traceback.show_nothing()
        reading = self.tr("reading …") if self._row is not None else ""
        self._side.show_contrast(None, reading)
        if self._desk is not None:
            self._side.show_jobs([], 0, self._desk.monitor.now(), reading)

    def _read(self) -> None:
        row, desk, found = self._row, self._desk, self._found
        if row is None or desk is None or found is None:
            return
        self._asked = Asked(row.key, row.group.failed, row.group.still_failed, self._queue)
        self._asked_at = time.monotonic()
        newest = newest_of(desk, row.group)
        self._work.start(newest, name=READ, then=self._take, failed=self._unread, replaces=True)
        self._compare(desk, found, row.group)

    def _take(self, newest: Newest) -> None:
        self._newest = newest
        row, desk = self._row, self._desk
        if row is None or desk is None:
            return
        group, now = row.group, desk.monitor.now()
        none = self.tr("None of these jobs is failed now: they were retried, or deleted.")
        more = group.still_failed - len(newest.jobs[:MOST_JOBS])
        self._side.show_jobs(newest.jobs, more, now, "" if newest.jobs or group.still_failed else none)
        self._show_error(newest, group)
        self.changed.emit()

    def _show_error(self, newest: Newest, group: FailureGroup) -> None:
        view, error = self._side.traceback, newest.error
        if error is None:
            sentence = newest.refusal or self.tr("No error of these jobs was reported.")
            view.show_note(sentence, leads_to_help=True)
        elif not error.traceback:
            view.show_note(f"{error.type}: {error.message}")
        else:
            parts = [each for each in group.children or (group,) if each.error is not None]
            alike = sum(each.failed for each in parts if each.error and each.error.fingerprint == error.fingerprint)
            view.show_traceback(error.traceback, alike, group.failed)

    def _unread(self, error: Exception) -> None:
        if self._desk is not None:
            sentence = self.tr("These jobs could not be read.")
            self._side.show_jobs([], 0, self._desk.monitor.now(), sentence)

    # Comparing

    def _compare(self, desk: Desk, found: Failures, whole: FailureGroup) -> None:
        """Compare the group's jobs, unless it is as it was, or that took long and was lately."""
        group = compared(whole)
        if group is None:
            self._side.show_contrast(None, self.tr("Open the group to compare the jobs of one task."))
            return
        is_new = self._compared is None
        if is_new or (self._compared != self._asked and self._rested(SHARE * self._took_s)):
            self._compared, self._compared_at = self._asked, time.monotonic()
            comparing = contrast_of(desk, found, group, self._queue, self._show_first if is_new else self._show_whole)
            self._work.start(comparing, name=COMPARE, failed=self._not_compared, replaces=True)

    def _rested(self, rest_s: float) -> bool:
        return time.monotonic() - self._compared_at >= rest_s

    def _show_first(self, contrast: Contrast) -> None:
        self._took_s = time.monotonic() - self._compared_at
        self._side.show_contrast(contrast)

    def _show_whole(self, contrast: Contrast) -> None:
        """What was compared before stays until it has been compared again as a whole."""
        if contrast.is_whole:
            self._show_first(contrast)

    def _not_compared(self, error: Exception) -> None:
        self._side.show_contrast(None, self.tr("These jobs could not be compared."))
