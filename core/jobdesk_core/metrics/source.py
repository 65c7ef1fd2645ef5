"""One database that is asked when a scrape comes: one question at a time, in a thread of its own.

A question that goes on is never asked a second time beside itself: whoever asks meanwhile waits for the same answer,
for as long as it may. An answer that has just come, or was dear, serves the next scrape as well.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from jobdesk_core.connectors.sync_psycopg import SyncPsycopgConnector
from jobdesk_core.exceptions import JobdeskException
from jobdesk_core.watching.pulse import Look, Pulse

#: Seconds for which an answer serves every scrape.
FRESH_S = 1.0


@dataclass(frozen=True, slots=True)
class Seen:
    """What is known of a database; `look` is None while it does not answer. `age_s`: how old the answer is.

    `questions` and `failures`: how many there have been since the start.
    """

    name: str
    look: Look | None
    age_s: float
    pulse: Pulse
    questions: int
    failures: int


class Source:
    """Asks one database. `connect` signs in, and may raise: then it is tried again at the next scrape.

    `tell` hears how each question ended, None for an answer, in the thread that asked.
    """

    def __init__(
        self,
        name: str,
        connect: Callable[[], SyncPsycopgConnector],
        tell: Callable[[str, Exception | None], None] = lambda _name, _error: None,
    ) -> None:
        self.name = name
        self._tell = tell
        self.pulse = Pulse()
        #: Why the last question had no answer; None when it had one.
        self.error: Exception | None = None
        self._connect = connect
        self._connector: SyncPsycopgConnector | None = None
        self._asking = threading.Condition()
        self._is_asking = self._is_closed = False
        self._answered_at: float | None = None
        self._questions = self._failures = 0

    def ask(self) -> None:
        """Have the question asked, unless it is being asked or has just been answered."""
        with self._asking:
            if self._is_asking or self._is_closed or self._is_fresh():
                return
            self._is_asking = True
            threading.Thread(target=self._ask, name=f"metrics of {self.name}", daemon=True).start()

    def seen(self, ends_at: float) -> Seen:
        """The answer, waited for until `ends_at` (`time.monotonic`)."""
        with self._asking:
            self._asking.wait_for(lambda: not self._is_asking, max(0.0, ends_at - time.monotonic()))
            is_late = self._is_asking or self.error is not None or self._answered_at is None
            age_s = time.monotonic() - self._answered_at if self._answered_at is not None else 0.0
            look = None if is_late else self.pulse.look
            return Seen(self.name, look, age_s, self.pulse, self._questions, self._failures)

    def close(self) -> None:
        """Ask no more, and let go of the connection; one that is being asked lets go of it by itself."""
        with self._asking:
            self._is_closed = True
            if not self._is_asking:
                self._let_go()

    def _is_fresh(self) -> bool:
        # What was dear is asked again once it is a small share of the time.
        return (
            self.error is None
            and self._answered_at is not None
            and time.monotonic() - self._answered_at < self.pulse.wait_s(FRESH_S)
        )

    def _ask(self) -> None:
        error: Exception | None = None
        try:
            if self._connector is None:
                self._connector = self._connect()
            self.pulse.ask_now(self._connector)
        except Exception as caught:  # noqa: BLE001 - told as jobdesk_up 0, and tried again at the next scrape
            error = caught
        self._tell(self.name, error)
        with self._asking:
            self.error = error
            self._questions += 1
            if error is None:
                self._answered_at = time.monotonic()
            else:
                self._failures += 1
            if error is not None or self._is_closed:
                self._let_go()
            self._is_asking = False
            self._asking.notify_all()

    def _let_go(self) -> None:
        connector, self._connector = self._connector, None
        if connector is not None:
            with contextlib.suppress(JobdeskException):
                connector.close()
