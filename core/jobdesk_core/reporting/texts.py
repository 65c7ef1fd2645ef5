"""Asks exceptions for their texts in a thread of its own: what a stranger's `__str__` does holds up nobody else."""

from __future__ import annotations

import queue
import threading
import time

from jobdesk_core.reporting.faults import Fault, text_of

#: So many exceptions are kept, with all that they hold alive, until they have been asked.
MOST_WAITING = 16
#: Seconds that a text is waited for.
PATIENCE_S = 1.0
#: Seconds without a question after which the thread ends.
IDLE_S = 10.0


class Texts:
    """Gives faults their texts, one after the other. A text that does not come stays None."""

    def __init__(self) -> None:
        self._waiting: queue.SimpleQueue[tuple[BaseException, Fault]] = queue.SimpleQueue()
        self._count = 0
        self._lock = threading.Lock()
        self._busy_since: float | None = None
        self._thread: threading.Thread | None = None

    def ask(self, error: BaseException, fault: Fault) -> None:
        """Give the fault its exception's text soon. Never waits."""
        with self._lock:
            if self._count >= MOST_WAITING or self._is_stuck():
                return
            self._count += 1
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="jobdesk-reporting-texts", daemon=True)
                self._thread.start()
        self._waiting.put((error, fault))

    def settle(self) -> None:
        """Wait until every text that was asked for is there, or will not come."""
        until = time.monotonic() + PATIENCE_S
        while self._count and time.monotonic() < until and not self._is_stuck():
            time.sleep(0.005)

    def _is_stuck(self) -> bool:
        since = self._busy_since
        return since is not None and time.monotonic() - since > PATIENCE_S

    def _work(self) -> None:
        while self._one():
            pass

    def _one(self) -> bool:
        # A function of its own: at its end nothing refers to the exception any more.
        try:
            error, fault = self._waiting.get(timeout=IDLE_S)
        except queue.Empty:
            with self._lock:
                if self._count:
                    return True
                self._thread = None
            return False
        self._busy_since = time.monotonic()
        fault.text = text_of(error)
        self._busy_since = None
        with self._lock:
            self._count -= 1
        return True
