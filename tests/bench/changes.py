"""Changes to the jobs of a large database: defers, starts and finishes, as other people's processes make them.

As a program it makes them at a steady rate and tells when: `changes.py DSN RATE SECONDS LOG`. A line of the log is a
job's id, the event's type, and the clock (time.perf_counter, one for all processes) just before its commit was sent.
"""

from __future__ import annotations

import itertools
import sys
import time
from collections import deque
from collections.abc import Iterator
from pathlib import Path

import psycopg

#: Changes in one transaction, from this many changes per second on.
MANY, TOGETHER = 1_000, 10

_DEFER = """
INSERT INTO procrastinate_jobs (queue_name, task_name, priority, lock, args)
SELECT (ARRAY['billing', 'mail', 'media', 'etl'])[1 + number %% 4], 'app.tasks.task_' || number %% 60,
    CASE WHEN number %% 10 = 0 THEN 5 ELSE 0 END, 'order-' || pg_backend_pid() || '-' || number, '{"user_id": 7}'
FROM generate_series(%(number)s::bigint, %(number)s::bigint + %(count)s - 1) AS number RETURNING id
"""
_MOVE = "UPDATE procrastinate_jobs SET status = %(status)s WHERE id = ANY (%(ids)s) RETURNING id"


class Changes:
    """Jobs that are deferred, started and finished in turns, each change of `together` jobs one transaction."""

    def __init__(self, connection: psycopg.Connection, together: int) -> None:
        self._connection = connection
        self._together = together
        self._numbers = itertools.count(0, together)
        self._turns = self._take_turns()

    def make(self) -> tuple[str, list[int]]:
        """Make one transaction's worth of changes. Returns the events' type and the jobs."""
        return next(self._turns)

    def _take_turns(self) -> Iterator[tuple[str, list[int]]]:
        waiting: deque[list[int]] = deque()
        for number in self._numbers:
            waiting.append(self._run(_DEFER, number=number, count=self._together))
            yield "deferred", waiting[-1]
            # A job waits for ten turns: waiting, running and ended jobs are all in sight.
            if len(waiting) > 10:
                moved = waiting.popleft()
                yield "started", self._run(_MOVE, status="doing", ids=moved)
                end = "failed" if number % 7 == 0 else "succeeded"
                yield end, self._run(_MOVE, status=end, ids=moved)

    def _run(self, query: str, **parameters: object) -> list[int]:
        return [job_id for (job_id,) in self._connection.execute(query.encode(), parameters)]


def make_steadily(dsn: str, rate: int, seconds: float, log: Path) -> None:
    """Make `rate` changes per second, or as many as the server takes."""
    together = TOGETHER if rate >= MANY else 1
    lines: list[str] = []
    with psycopg.connect(dsn, autocommit=True) as connection:
        changes = Changes(connection, together)
        started = time.perf_counter()
        for turn in range(round(seconds * rate / together)):
            due = started + turn * together / rate
            time.sleep(max(0.0, due - time.perf_counter()))
            if due > started + seconds:
                break
            sent = time.perf_counter()
            kind, job_ids = changes.make()
            lines += [f"{job_id} {kind} {sent}" for job_id in job_ids]
    log.write_text("\n".join(lines))


if __name__ == "__main__":
    make_steadily(sys.argv[1], int(sys.argv[2]), float(sys.argv[3]), Path(sys.argv[4]))
