"""Sends what is told by its ways, each way in a thread of its own: one that hangs delays no other, and nobody waits."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Mapping

from jobdesk_core.alerts.rule import DESKTOP
from jobdesk_core.alerts.sending import PAUSE_S, Sent, send
from jobdesk_core.alerts.telling import Telling
from jobdesk_core.alerts.ways import MOST_TIMEOUT_S, Way

#: What waits for one way at most: beyond that it is told that it was dropped.
MOST_WAITING = 100


class WaysQueue:
    """`ways` gives those of now by their names; `sent` is called in the thread of the way."""

    def __init__(self, ways: Callable[[], Mapping[str, Way]], sent: Callable[[Telling, Sent], object]) -> None:
        self._ways, self._sent = ways, sent
        self._queues: dict[str, queue.Queue[tuple[Way, Telling] | None]] = {}
        self._threads: list[threading.Thread] = []

    def add(self, told: Telling) -> None:
        """Send it by the ways of its rule. Returns at once."""
        known = self._ways()
        for name in told.rule.ways:
            if name != DESKTOP and name in known:
                self.add_to(known[name], told)

    def add_to(self, way: Way, told: Telling) -> None:
        """Send it by this way. Returns at once."""
        if way.name not in self._queues:
            waiting = self._queues[way.name] = queue.Queue(MOST_WAITING)
            thread = threading.Thread(target=self._work, args=(waiting,), daemon=True, name=f"way {way.name}")
            self._threads.append(thread)
            thread.start()
        try:
            self._queues[way.name].put_nowait((way, told))
        except queue.Full:
            self._sent(told, Sent(way.name, told.alert.since, f"{way.name}: more than {MOST_WAITING} wait to be sent."))

    def end(self, limit_s: float = MOST_TIMEOUT_S + PAUSE_S) -> None:
        """Wait until all that waits has been sent, at most so many seconds."""
        ends_at = time.monotonic() + limit_s
        for waiting in self._queues.values():
            waiting.put(None)
        for thread in self._threads:
            thread.join(max(0.0, ends_at - time.monotonic()))
        self._queues.clear()
        self._threads.clear()

    def _work(self, waiting: queue.Queue[tuple[Way, Telling] | None]) -> None:
        while (item := waiting.get()) is not None:
            way, told = item
            self._sent(told, send(way, told))
