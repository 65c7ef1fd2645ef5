"""Since when the oldest waiting job of each queue and task waits, looked for in short stretches of ids.

Waiting jobs are walked through in the order of their ids, by the index of the open ones. A look takes a part of a
second at most; with more waiting jobs than that, the next look goes on where it ended.
"""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Mapping
from dataclasses import dataclass

from jobdesk_core.connectors.psycopg import PsycopgConnector
from jobdesk_core.connectors.statement import Rows, Statement
from jobdesk_core.monitor.pages import StatementTooLong, limited

#: Open jobs per stretch (some 15 ms), and how long one look may go on to the next stretch.
STRETCH_JOBS, LOOK_S = 20_000, 0.2
#: Jobs whose time of deferring is asked for at once; the rest is asked for by the next looks.
DEFERRED_AT_ONCE = 2_000


@dataclass(frozen=True, slots=True)
class _Head:
    """The due jobs of one queue and task within a stretch: the first id of those not scheduled, the first schedule."""

    queue: str
    task: str
    job_id: int | None
    scheduled_at: dt.datetime | None


@dataclass(frozen=True, slots=True)
class _Stretch:
    heads: list[_Head]
    last_id: int | None
    is_last: bool


class OldestWaiting:
    """`queues` and `tasks` map names to the time (UTC) since when their oldest due job waits.

    `as_of` is when the last whole walk began (None: none has ended yet). Names whose jobs lie beyond what has been
    walked through are missing, or are those of the walk before.
    """

    def __init__(self) -> None:
        self.queues: Mapping[str, dt.datetime] = {}
        self.tasks: Mapping[str, dt.datetime] = {}
        self.as_of: dt.datetime | None = None
        self._began_at = dt.datetime.now(dt.UTC)
        self._after = 0
        self._found: tuple[dict[str, dt.datetime], dict[str, dt.datetime]] = ({}, {})
        self._deferred_at: dict[int, dt.datetime] = {}
        self._seen: set[int] = set()

    async def look(self, connector: PsycopgConnector, limit_s: float) -> None:
        """Walk on for a part of a second. A stretch that is beyond the limit ends the look, and tells nothing."""
        started, is_last = time.monotonic(), False
        while not is_last and time.monotonic() - started < LOOK_S:
            try:
                stretch = await limited(connector, _stretch(self._after), limit_s)
                await self._read_deferred(connector, stretch, limit_s)
            except StatementTooLong:
                return
            self._take(stretch)
            is_last = stretch.is_last
            self._after = stretch.last_id or self._after
        if is_last:
            self._end_walk()
        else:
            self.queues = {**self.queues, **self._found[0]}
            self.tasks = {**self.tasks, **self._found[1]}

    async def _read_deferred(self, connector: PsycopgConnector, stretch: _Stretch, limit_s: float) -> None:
        wanted = [head.job_id for head in stretch.heads if head.job_id is not None]
        self._seen.update(wanted)
        asked = [job_id for job_id in wanted if job_id not in self._deferred_at][:DEFERRED_AT_ONCE]
        if asked:
            found = await limited(connector, _deferred(asked), limit_s)
            self._deferred_at.update(found)

    def _take(self, stretch: _Stretch) -> None:
        for head in stretch.heads:
            deferred_at = self._deferred_at.get(head.job_id) if head.job_id is not None else None
            known = [at for at in (deferred_at, head.scheduled_at) if at is not None]
            for name, found in zip((head.queue, head.task), self._found, strict=True):
                if known:
                    found[name] = min(*known, found.get(name, known[0]))

    def _end_walk(self) -> None:
        self.queues, self.tasks = self._found
        self.as_of, self._began_at = self._began_at, dt.datetime.now(dt.UTC)
        self._deferred_at = {job_id: self._deferred_at[job_id] for job_id in self._seen & self._deferred_at.keys()}
        self._after, self._found, self._seen = 0, ({}, {}), set()


def _stretch(after: int) -> Statement[_Stretch]:
    """The next open jobs by id: where they end, and the heads of those that wait and are due."""

    def decode(rows: Rows) -> _Stretch:
        end, *heads = rows
        return _Stretch(
            [_Head(row["queue_name"], row["task_name"], row["id"], row["scheduled_at"]) for row in heads],
            end["id"],
            end["number"] < STRETCH_JOBS,
        )

    return Statement(
        "WITH stretch AS MATERIALIZED (SELECT id, queue_name, task_name, scheduled_at, status FROM procrastinate_jobs "
        "WHERE status IN ('todo', 'doing') AND id > %(after)s::bigint ORDER BY id LIMIT %(jobs)s) "
        "SELECT 0 AS part, count(*) AS number, max(id) AS id, NULL AS queue_name, NULL AS task_name, "
        "NULL::timestamptz AS scheduled_at FROM stretch "
        "UNION ALL SELECT 1, count(*), min(id) FILTER (WHERE scheduled_at IS NULL), queue_name, task_name, "
        "min(scheduled_at) FROM stretch WHERE status = 'todo' AND (scheduled_at IS NULL OR scheduled_at <= now()) "
        "GROUP BY queue_name, task_name ORDER BY 1",
        decode,
        {"after": after, "jobs": STRETCH_JOBS},
    )


def _deferred(job_ids: list[int]) -> Statement[dict[int, dt.datetime]]:
    return Statement(
        "SELECT job_id, min(at) AS at FROM procrastinate_events "
        "WHERE job_id = ANY (%(ids)s) AND type = 'deferred' GROUP BY job_id",
        lambda rows: {row["job_id"]: row["at"] for row in rows},
        {"ids": job_ids},
    )
