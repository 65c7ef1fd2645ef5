"""Writes the reports: a thread with a connection of its own, and a bounded queue before it.

Nothing that goes wrong here is anybody else's concern. What cannot be written waits for a while, then it is dropped and
counted, and the log says so once.
"""

from __future__ import annotations

import contextlib
import logging
import os
import threading
import time
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import psycopg

from jobdesk_core.connectors import limits
from jobdesk_core.reporting.batches import Batch, Refused, Settings, Store
from jobdesk_core.reporting.runs import CurrentRun
from jobdesk_core.reporting.sessions import Failure, Session
from jobdesk_core.reporting.texts import Texts

if TYPE_CHECKING:
    from jobdesk_core.reporting.targets import Target

logger = logging.getLogger("jobdesk_core.reporting")

#: What may wait to be written: failures, their bytes, and jobs with progress.
MOST_WAITING, MOST_BYTES, MOST_PROGRESS = 1_000, 8_000_000, 1_000
#: Failures that are written at once.
MOST_AT_ONCE = 100
#: Seconds: until what has come is written, and until a server that was away, or refused, is tried again.
GATHER_S = 0.5
FIRST_PAUSE_S, LONGEST_PAUSE_S, REFUSED_PAUSE_S = 1.0, 30.0, 60.0
#: Seconds that one answer of the server's may take.
ANSWER_S = 5.0
#: A worker that is asked for its last words gives so many seconds for them.
CLOSING_S = 2.0


@dataclass(slots=True)
class _Told:
    """How far a run has come, as it said last."""

    run: CurrentRun
    done: float
    total: float | None
    note: str
    noticed: float


class Writer:
    """The reports of one application in this process. In a forked child there is another one: see `own`."""

    def __init__(self, target: Target, settings: Settings) -> None:
        self.target = target
        self.settings = settings
        self._begin()

    def _begin(self) -> None:
        self._pid = os.getpid()
        self.texts = Texts()
        self.sessions: dict[Any, Session] = {}
        self.dropped = 0
        self._waiting: deque[Failure] = deque()
        self._bytes = 0
        self._progress: dict[int, _Told] = {}
        self._lock = threading.Lock()
        self._wake = threading.Event()
        #: Set while a worker ends: it waits for nothing.
        self._hurry = threading.Event()
        self._closing: list[tuple[Session, threading.Event]] = []
        self._thread: threading.Thread | None = None
        self._store = Store(self.settings)
        self._is_refused = self._has_news = False
        self._said: set[str] = set()
        self._pause_s = 0.0
        self._try_at = 0.0

    def own(self) -> Writer:
        """This writer; in a child that was forked it begins anew, with nothing and nobody of its parent's."""
        if self._pid != os.getpid():
            self._begin()
        return self

    # What workers call

    def open(self, session: Session) -> None:
        """A worker has started."""
        with self._lock:
            self.sessions[session.id] = session
            self._has_news = True
        self._start()
        self._wake.set()

    def close(self, session: Session) -> threading.Event:
        """A worker has ended; the event is set once that, and all before it, is written or given up."""
        is_written = threading.Event()
        if self._pid != os.getpid():
            is_written.set()
            return is_written
        with self._lock:
            self._closing.append((session, is_written))
        self._hurry.set()
        self._wake.set()
        return is_written

    def put(self, failure: Failure) -> None:
        """Have a failure written, or drop it. Never waits."""
        size = failure.size
        with self._lock:
            is_full = len(self._waiting) >= MOST_WAITING or self._bytes + size > MOST_BYTES
            if not is_full and not self._is_refused:
                self._waiting.append(failure)
                self._bytes += size
        if is_full:
            self.drop("Reports come faster than they can be written.")
        elif self._is_refused:
            self.dropped += 1
        else:
            self._start()
            self._wake.set()

    def put_progress(self, run: CurrentRun, done: float, total: float | None, note: str) -> None:
        """Have the progress of a run written, unless more of it comes before that. Never waits."""
        told = _Told(run, done, total, note, time.monotonic())
        with self._lock:
            if self._is_refused:
                return
            if run.job_id not in self._progress and len(self._progress) >= MOST_PROGRESS:
                self.dropped += 1
                return
            self._progress[run.job_id] = told
        self._start()
        self._wake.set()

    def drop(self, why: str, count: int = 1) -> None:
        """Count reports that will not be written, and say why, once."""
        self.dropped += count
        self._say(why)

    def _say(self, what: str) -> None:
        if what not in self._said and len(self._said) < 50:
            self._said.add(what)
            # Never with the exception: its text may hold more than is good for a log.
            logger.warning("%s Reports are dropped; the jobs run on as ever.", what)

    # The thread

    def _start(self) -> None:
        if self._thread is None or not self._thread.is_alive():
            with self._lock:
                if self._thread is not None and self._thread.is_alive():
                    return
                self._thread = threading.Thread(target=self._work, name="jobdesk-reporting", daemon=True)
                self._thread.start()

    def _work(self) -> None:
        beat_at = 0.0
        while True:
            self._wake.wait(max(0.0, beat_at - time.monotonic()))
            if not self._closing and not self._has_news and time.monotonic() < beat_at:
                # Gather what comes together.
                self._hurry.wait(GATHER_S)
            self._wake.clear()
            with self._lock:
                self._hurry.clear()
                closing, self._closing = self._closing, []
                is_due, self._has_news = self._has_news or time.monotonic() >= beat_at, False
            if is_due:
                beat_at = time.monotonic() + self.settings.beat_s
            if closing or time.monotonic() >= self._try_at:
                self._turn(is_due or bool(closing), closing)
            else:
                self._wake.wait(min(GATHER_S, self._try_at - time.monotonic()))
            for session, is_written in closing:
                with self._lock:
                    self.sessions.pop(session.id, None)
                is_written.set()
            if self._has_ended():
                return

    def _has_ended(self) -> bool:
        """Whether there is nothing left to do: then this thread ends, and the next report starts another one."""
        with self._lock:
            if self.sessions or self._closing or ((self._waiting or self._progress) and not self._try_at):
                return False
            self._thread = None
        self._store.close()
        return True

    def _turn(self, is_beat: bool, closing: list[tuple[Session, threading.Event]]) -> None:
        """Write all there is. What goes wrong decides only when the next turn is."""
        until = time.monotonic() + (CLOSING_S if closing else 10 * ANSWER_S)
        try:
            with limits.patience(CLOSING_S if closing else ANSWER_S):
                while True:
                    batch = self._taken(is_beat)
                    is_beat = False
                    self._write(batch)
                    with self._lock:
                        is_more = bool(self._waiting)
                    if not is_more or time.monotonic() > until:
                        break
        except BaseException as error:  # noqa: BLE001 - whatever it is, this thread goes on
            self._failed(error)

    def _taken(self, is_beat: bool) -> Batch:
        with self._lock:
            failures = [self._waiting.popleft() for _ in range(min(MOST_AT_ONCE, len(self._waiting)))]
            progress, self._progress = self._progress, {}
            self._bytes = sum(each.size for each in self._waiting) if self._waiting else 0
            sessions = list(self.sessions.values()) if is_beat else []
        return Batch(failures, list(progress.values()), sessions, self.dropped)

    def _write(self, batch: Batch) -> None:
        if batch.failures:
            self.texts.settle()
        try:
            self._store.connect(self.target)
            self._store.write(batch)
        except (psycopg.DataError, psycopg.IntegrityError, psycopg.NotSupportedError):
            # One of them the database does not take, for example in its encoding.
            self._store.close()
            self._one_by_one(batch)
        except BaseException:
            self._put_back(batch)
            raise
        self._is_refused, self._pause_s, self._try_at = False, 0.0, 0.0

    def _one_by_one(self, batch: Batch) -> None:
        self._store.connect(self.target)
        singles: list[Batch] = [Batch([each], [], [], self.dropped) for each in batch.failures]
        singles += [Batch([], [each], [], self.dropped) for each in batch.progress]
        singles += [Batch([], [], [each], self.dropped) for each in batch.sessions]
        for single in singles:
            try:
                self._store.connect(self.target)
                self._store.write(single)
            except psycopg.DatabaseError:
                self._store.close()
                with contextlib.suppress(psycopg.DatabaseError):
                    self._store.connect(self.target)
                    self._store.write(single.in_ascii())
                    continue
                self._store.close()
                self.drop("The database does not take a report.")

    def _put_back(self, batch: Batch) -> None:
        """What could not be written waits again, before all that has come since."""
        with self._lock:
            room = MOST_WAITING - len(self._waiting)
            kept = batch.failures[:room] if room > 0 else []
            self._waiting.extendleft(reversed(kept))
            self._bytes += sum(each.size for each in kept)
            for told in batch.progress:
                if len(self._progress) < MOST_PROGRESS:
                    self._progress.setdefault(told.run.job_id, told)
        if len(kept) < len(batch.failures):
            self.drop("Reports come faster than they can be written.", len(batch.failures) - len(kept))

    def _failed(self, error: BaseException) -> None:
        self._store.close()
        if isinstance(error, Refused):
            with self._lock:
                self._is_refused = True
                lost = len(self._waiting)
                self._waiting.clear()
                self._progress.clear()
                self._bytes = 0
            self.drop(str(error), lost)
            self._try_at = time.monotonic() + REFUSED_PAUSE_S
            return
        if not isinstance(error, psycopg.Error):
            logger.debug("Reporting failed.", exc_info=error)
        self._pause_s = min(LONGEST_PAUSE_S, 2 * self._pause_s or FIRST_PAUSE_S)
        self._try_at = time.monotonic() + self._pause_s
        self._say(
            f"Reports cannot be written now ({type(error).__name__}): up to {MOST_WAITING} wait, and if there are more:"
        )
