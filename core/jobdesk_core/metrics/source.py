"""One database that is asked when a scrape comes: one question at a time, in a thread of its own.

A question that goes on is never asked a second time beside itself: whoever asks meanwhile waits for the same answer,
for as long as it may, and is told the last one otherwise. An answer that has just come, or was dear, serves the next
scrape as well.
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
from jobdesk_core.watching.tally import Tally

#: Seconds for which an answer serves every scrape, and for which it is told while none follows: as long as Prometheus
#: itself goes by a number that is not told anew.
FRESH_S, KEPT_S = 1.0, 300.0
#: A database that takes its time is waited for so many times longer than it took last.
PATIENT = 3.0


@dataclass(frozen=True, slots=True)
class Seen:
    """What is known of a database. `is_up`: it has answered now; otherwise `look` is its last answer, None when that is
    too old. `age_s`: how old that is, None before the first.

    `questions` and `failures`: how many there have been since the start.
    """

    name: str
    is_up: bool
    look: Look | None
    age_s: float | None
    tally: Tally
    questions: int
    failures: int


class Source:
    """Asks one database. `connect` signs in, and may raise: then it is tried again at the next scrape.

    `tell` hears how each question ended, None for an answer, in the thread that asked. `of_before`: how long jobs
    waited and ran is also told of the hour before the first answer.
    """

    def __init__(
        self,
        name: str,
        connect: Callable[[], SyncPsycopgConnector],
        tell: Callable[[str, Exception | None], None] = lambda _name, _error: None,
        *,
        of_before: bool = False,
    ) -> None:
        self.name = name
        self._tell = tell
        self.tally = Tally(of_before=of_before)
        self.pulse = Pulse(tally=self.tally)
        #: Why the last question had no answer; None when it had one.
        self.error: Exception | None = None
        self._connect = connect
        self._connector: SyncPsycopgConnector | None = None
        self._asking = threading.Condition()
        self._is_asking = self._is_closed = False
        self._answered_at: float | None = None
        self._took_s = 0.0
        self._questions = self._failures = 0

    def ask(self) -> None:
        """Have the question asked, unless it is being asked or has just been answered."""
        with self._asking:
            if self._is_asking or self._is_closed or self._is_fresh():
                return
            self._is_asking = True
            threading.Thread(target=self._ask, name=f"metrics of {self.name}", daemon=True).start()

    def seen(self, began: float, patience_s: float, most_s: float) -> Seen:
        """What is known now, by a scrape that began then (`time.monotonic`): the answer is waited for so long.

        Longer, up to `most_s`, where the last one took its time, too.
        """
        with self._asking:
            ends_at = began + min(most_s, max(patience_s, PATIENT * self._took_s))
            self._asking.wait_for(lambda: not self._is_asking, max(0.0, ends_at - time.monotonic()))
            age_s = time.monotonic() - self._answered_at if self._answered_at is not None else None
            is_up = not self._is_asking and self.error is None and age_s is not None
            look = self.pulse.look if is_up or (age_s is not None and age_s < KEPT_S) else None
            return Seen(self.name, is_up, look, age_s, self.tally, self._questions, self._failures)

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
        took_s = 0.0
        try:
            if self._connector is None:
                self._connector = self._connect()
            began = time.monotonic()
            self.pulse.ask_now(self._connector)
            took_s = time.monotonic() - began
        except Exception as caught:  # noqa: BLE001 - told as jobdesk_up 0, and tried again at the next scrape
            error = caught
        self._tell(self.name, error)
        with self._asking:
            self.error, self._took_s = error, took_s
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
