"""Fills the series with the last hour before the feed began, newest first, in short stretches of event ids."""

from __future__ import annotations

import asyncio
import datetime as dt
import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from jobdesk_core.chunk_size import ChunkSize
from jobdesk_core.connectors.psycopg import PsycopgConnector
from jobdesk_core.connectors.statement import Rows, Statement
from jobdesk_core.database.asking import Asking, ask_async
from jobdesk_core.exceptions import ConnectorException
from jobdesk_core.jobs import EventType
from jobdesk_core.reading.pace import ARRIVALS, ENDS, KINDS, PUT_OFF, SAMPLES
from jobdesk_core.reading.series import DurationRow, HistoryRow, Series

#: Events per stretch: the first one, and what it is adapted to so that a stretch takes about so many seconds.
FIRST_STRETCH, SHORTEST_STRETCH, LONGEST_STRETCH = 20_000, 2_000, 200_000
STRETCH_AIM_S = 0.15
#: Between two attempts at the same stretch.
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.5, 30.0

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Stretch:
    """What happened within a stretch of ids. `is_old`: most of it more than an hour ago."""

    counts: list[HistoryRow]
    is_old: bool
    #: Queue, task and the latest start of each (UTC).
    starts: list[tuple[str, str, dt.datetime]]


@dataclass(frozen=True, slots=True)
class Durations:
    """Waiting and running times by queue and task: when (seconds since 1970), seconds; the newest first."""

    waited: list[DurationRow]
    ran: list[DurationRow]


class HistoryReader:
    """Reads backwards from an event. Call `read` until `is_done`."""

    def __init__(self, series: Series, highest_id: int, without: Sequence[int] = ()) -> None:
        self.is_done = highest_id <= 0
        self._series = series
        self._high = highest_id
        self._without = list(without)
        self._width = ChunkSize(FIRST_STRETCH, SHORTEST_STRETCH, LONGEST_STRETCH, STRETCH_AIM_S)

    async def read_all(self, connector: PsycopgConnector, begin: Statement[Any]) -> None:
        """Read stretch by stretch, each in a snapshot whose first statement is `begin`; it sets the limit.

        What goes wrong is tried again after a while, with a shorter stretch: of a table that was just loaded the
        planner knows too little. So this may go on until it is cancelled.
        """
        pause = FIRST_PAUSE_S
        while not self.is_done:
            try:
                async with connector.transaction(snapshot=True) as connection:
                    await connector.run_async(begin, connection=connection)
                    await self.read(connector, connection)
            except ConnectorException as error:
                logger.warning("The last hour could not be read, and is tried again: %s", error)
                self._width.shrink(4)
                await asyncio.sleep(pause)
                pause = min(2 * pause, LONGEST_PAUSE_S)
            else:
                pause = FIRST_PAUSE_S

    async def read(self, connector: PsycopgConnector, connection: Any) -> None:
        """Read one stretch."""
        await ask_async(self.stretch(), lambda statement: connector.run_async(statement, connection=connection))

    def stretch(self) -> Asking[None]:
        """The statements that read one stretch."""
        started = time.monotonic()
        low = max(0, self._high - self._width.size)
        stretch: Stretch = yield history(low, self._high, self._without)
        durations: Durations = yield _durations(low, self._high, self._without)
        lowest: int | None = yield _LOWEST
        # Only now, so that nothing is counted twice when something went wrong.
        self._series.add_history(stretch.counts)
        for queue, task, at in stretch.starts:
            self._series.add_started(queue, task, at)
        self._series.add_older(durations.waited, durations.ran)
        self._high = low
        self.is_done = stretch.is_old or lowest is None or low < lowest
        self._width.note(time.monotonic() - started)


_LOWEST: Statement[int | None] = Statement("SELECT min(id) AS id FROM procrastinate_events", lambda rows: rows[0]["id"])
#: Times that can be subtracted, and told in minutes: not infinity, nor years that have five digits. The hour before the
#: running minute is in it whole.
_LATELY = "BETWEEN now() - interval '61 minutes' AND now() + interval '1 day'"
_IN_STRETCH = (
    "event.id > %(low)s AND event.id <= %(high)s "
    "AND NOT EXISTS (SELECT FROM unnest(%(without)s::bigint[]) AS missing (id) WHERE missing.id = event.id)"
)


def history(low_id: int, high_id: int, without: Sequence[int] = ()) -> Statement[Stretch]:
    """The last hour's events with low_id < id <= high_id but `without`, by minute, queue, task and kind."""

    def decode(rows: Rows) -> Stretch:
        recent = [row for row in rows if row["minute"] is not None]
        found = [
            (row["minute"], row["queue_name"], row["task_name"], kind, count)
            for row in recent
            for kind, count in ((EventType(row["type"]), row["count"]), (PUT_OFF, row["put_off"]))
            if count
        ]
        older = sum(row["count"] for row in rows if row["minute"] is None)
        started = [row for row in recent if row["type"] == EventType.STARTED.value]
        starts = [(row["queue_name"], row["task_name"], row["latest"]) for row in started]
        return Stretch(found, older > sum(row["count"] for row in recent), starts)

    # A transaction that ran for long gives its events the time of its start: one older event means nothing yet.
    return Statement(
        f"SELECT CASE WHEN event.at {_LATELY} "
        "THEN floor(extract(epoch FROM event.at) / 60)::integer END AS minute, "
        "job.queue_name, job.task_name, event.type::text AS type, count(*)::integer AS count, max(event.at) AS latest, "
        "(count(*) FILTER (WHERE event.type::text = ANY (%(arrivals)s) AND job.status = 'todo' "
        "AND job.scheduled_at > event.at AND job.scheduled_at > now()))::integer AS put_off "
        "FROM procrastinate_events AS event JOIN procrastinate_jobs AS job ON job.id = event.job_id "
        f"WHERE {_IN_STRETCH} AND event.type::text = ANY (%(kinds)s) GROUP BY 1, 2, 3, 4",
        decode,
        {
            "low": low_id,
            "high": high_id,
            "kinds": [kind.value for kind in KINDS],
            "arrivals": [kind.value for kind in ARRIVALS],
            "without": list(without),
        },
    )


def _durations(low_id: int, high_id: int, without: Sequence[int]) -> Statement[Durations]:
    """How long the jobs of the newest starts and ends of a stretch, of each queue and task, had waited and run."""

    def decode(rows: Rows) -> Durations:
        known = [row for row in rows if row["seconds"] is not None]
        waited, ran = (
            [(row["queue_name"], row["task_name"], row["at"], row["seconds"]) for row in known if row["what"] == what]
            for what in ("waited", "ran")
        )
        return Durations(waited, ran)

    # A job that has run more than once was scheduled anew: since when its first run was due is not known any more.
    is_first_run = "job.attempts = CASE WHEN job.status::text IN ('doing', 'aborting') THEN 0 ELSE 1 END"
    newest = (
        "FROM (SELECT event.id, event.job_id, event.at, job.queue_name, job.task_name, job.scheduled_at, "
        "row_number() OVER (PARTITION BY job.queue_name, job.task_name ORDER BY event.id DESC) AS place "
        "FROM procrastinate_events AS event JOIN procrastinate_jobs AS job ON job.id = event.job_id "
        f"WHERE {_IN_STRETCH} AND event.at {_LATELY} AND event.type::text = ANY (%({{kinds}})s) "
        "AND {only}) AS event WHERE event.place <= %(limit)s"
    )
    moment = (
        "(SELECT max(before.at) FROM procrastinate_events AS before WHERE before.job_id = event.job_id "
        "AND before.id < event.id AND before.at BETWEEN '1000-01-01' AND '9000-01-01' AND before.type = '{type}')"
    )
    starts = newest.format(kinds="starts", only=f"{is_first_run} AND job.status <> 'todo'")
    return Statement(
        "SELECT 'waited' AS what, event.id, event.queue_name, event.task_name, "
        "extract(epoch FROM event.at)::float AS at, greatest(0, extract(epoch FROM event.at - "
        f"greatest({moment.format(type='deferred')}, CASE WHEN event.scheduled_at "
        f"BETWEEN '1000-01-01' AND '9000-01-01' THEN event.scheduled_at END)))::float AS seconds {starts} "
        "UNION ALL SELECT 'ran', event.id, event.queue_name, event.task_name, extract(epoch FROM event.at)::float, "
        f"extract(epoch FROM event.at - {moment.format(type='started')})::float "
        f"{newest.format(kinds='ends', only='true')} ORDER BY id DESC",
        decode,
        {
            "low": low_id,
            "high": high_id,
            "without": list(without),
            "limit": SAMPLES,
            "starts": [EventType.STARTED.value],
            "ends": [kind.value for kind in ENDS],
        },
    )
