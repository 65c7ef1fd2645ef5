"""What an operator should look at first: failures that rise, queues that stand still, workers gone silent."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from jobdesk_core.monitor.board import STILL_MINUTES, NameRow
from jobdesk_core.monitor.filters import term
from jobdesk_core.monitor.pace import PACE_MINUTES
from jobdesk_core.monitor.rows import WorkerRow

#: Queues, tasks and workers told of each at most: an operator reads a few sentences, and 10,000 may be in trouble.
MOST_OF_A_KIND = 20


@dataclass(frozen=True, slots=True)
class News:
    """One sentence, since when it is so (UTC-aware), and the filter that shows the jobs it is about."""

    sentence: str
    since: dt.datetime
    tone: Literal["bad", "warning"]
    filter_text: str


def news(
    queues: Iterable[NameRow], tasks: Iterable[NameRow], workers: Iterable[WorkerRow], orphans: int, now: dt.datetime
) -> list[News]:
    """What is unusual now, the worst first; empty when nothing is.

    `queues` and `tasks` are those in trouble; `orphans` is the number of jobs that run without any worker.
    """
    found = _silent_workers(workers, now)[:MOST_OF_A_KIND]
    if orphans:
        verb, them = ("counts", "it") if orphans == 1 else ("count", "them")
        sentence = f"{_jobs(orphans)} {verb} as running, but no worker has {them}."
        found.append(News(sentence, now, "bad", "status:doing worker:none"))
    rows = list(queues)
    found += [_failing("queue", row, now) for row in _worst(rows, "failing")]
    # The queue of a task that stands still says it already.
    found += [_failing("task", row, now) for row in _worst(tasks, "failing")]
    found += [_standing_still(row) for row in _worst(rows, "still")]
    return sorted(found, key=lambda each: each.tone)


def _silent_workers(workers: Iterable[WorkerRow], now: dt.datetime) -> list[News]:
    return [
        News(
            f"Worker #{worker.id:,} has sent no heartbeat since then, with {_jobs(worker.running)} running.",
            worker.last_heartbeat,
            "bad" if worker.running else "warning",
            f"worker:{worker.id}",
        )
        for worker in sorted(workers, key=lambda worker: -worker.running)
        if not worker.is_alive(now)
    ]


def _worst(rows: Iterable[NameRow], trouble: str) -> list[NameRow]:
    """Those with the most failures, or that have stood still for longest."""
    found = [row for row in rows if row.trouble == trouble]
    if trouble == "failing":
        found.sort(key=lambda row: -sum(row.failed[-PACE_MINUTES - 1 :]))
    else:
        found.sort(key=lambda row: row.oldest.timestamp() if row.oldest else 0.0)
    return found[:MOST_OF_A_KIND]


def _failing(kind: Literal["queue", "task"], row: NameRow, now: dt.datetime) -> News:
    recent, before = row.failed[-PACE_MINUTES - 1 : -1], row.failed[: -PACE_MINUTES - 1]
    pace, usual = sum(recent) / len(recent), sum(before) / len(before)
    first = next((place for place, count in enumerate(recent) if count > usual), 0)
    since = now - dt.timedelta(minutes=PACE_MINUTES - first)
    sentence = f"Failures {'in' if kind == 'queue' else 'of'} {row.name} have risen from {usual:.1f} to {pace:.1f}"
    return News(f"{sentence} per minute.", since, "bad", f"{term(kind, row.name)} status:failed")


def _standing_still(row: NameRow) -> News:
    sentence = f"Nothing has started in {row.name} for {STILL_MINUTES} minutes, although jobs are due."
    since = row.oldest or dt.datetime.now(dt.UTC)
    return News(sentence, since, "bad", f"{term('queue', row.name)} status:todo")


def _jobs(count: int) -> str:
    return "1 job" if count == 1 else f"{count:,} jobs"
