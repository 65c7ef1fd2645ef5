"""What an operator should look at first: failures that rise, queues that stand still, workers gone silent."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from jobdesk_core.jobs import EventType, Status
from jobdesk_core.monitor.counts import Counts
from jobdesk_core.monitor.filters import term
from jobdesk_core.monitor.rows import WorkerRow
from jobdesk_core.monitor.series import Series

#: Whole minutes that count as now; what came before them is what is usual.
RECENT_MINUTES = 5
#: Failures within them that are worth a sentence, and how many times the usual pace.
FEWEST_FAILURES, TIMES_USUAL = 5, 3.0
#: Minutes without a start after which a queue that has due jobs stands still.
STILL_MINUTES = 3


@dataclass(frozen=True, slots=True)
class News:
    """One sentence, since when it is so (UTC-aware), and the filter that shows the jobs it is about."""

    sentence: str
    since: dt.datetime
    tone: Literal["bad", "warning"]
    filter_text: str


def news(
    counts: Counts,
    series: Series,
    oldest_waiting: Mapping[str, dt.datetime],
    workers: Iterable[WorkerRow],
    now: dt.datetime,
) -> list[News]:
    """What is unusual now, the worst first; empty when nothing is."""
    found = [*_silent_workers(workers, now)]
    for queue in counts.queues():
        found += _rising_failures(series, queue.name, now)
        if queue.count(Status.TODO) and queue.name in oldest_waiting:
            found += _standing_still(series, queue.name, oldest_waiting[queue.name], now)
    return sorted(found, key=lambda each: each.tone)


def _silent_workers(workers: Iterable[WorkerRow], now: dt.datetime) -> list[News]:
    return [
        News(
            f"Worker #{worker.id:,} has sent no heartbeat since then, with {_jobs(worker.running)} running.",
            worker.last_heartbeat,
            "bad" if worker.running else "warning",
            f"worker:{worker.id}",
        )
        for worker in workers
        if not worker.is_alive(now)
    ]


def _rising_failures(series: Series, queue: str, now: dt.datetime) -> list[News]:
    # The running minute is not over: it is in neither part.
    minutes = series.per_minute(EventType.FAILED, now, queue)[:-1]
    recent, before = minutes[-RECENT_MINUTES:], minutes[:-RECENT_MINUTES]
    pace, usual = sum(recent) / len(recent), sum(before) / len(before)
    if sum(recent) < FEWEST_FAILURES or pace < TIMES_USUAL * usual:
        return []
    first = next(place for place, count in enumerate(recent) if count > usual)
    since = now - dt.timedelta(minutes=RECENT_MINUTES - first)
    sentence = f"Failures in {queue} have risen from {usual:.1f} to {pace:.1f} per minute."
    return [News(sentence, since, "bad", f"{term('queue', queue)} status:failed")]


def _standing_still(series: Series, queue: str, oldest: dt.datetime, now: dt.datetime) -> list[News]:
    if (now - oldest).total_seconds() < 60 * STILL_MINUTES:
        return []
    if any(series.per_minute(EventType.STARTED, now, queue)[-STILL_MINUTES:]):
        return []
    sentence = f"Nothing has started in {queue} for {STILL_MINUTES} minutes, although jobs are due."
    return [News(sentence, oldest, "bad", f"{term('queue', queue)} status:todo")]


def _jobs(count: int) -> str:
    return "1 job" if count == 1 else f"{count:,} jobs"
