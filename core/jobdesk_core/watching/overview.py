"""All that the overview shows, made in one go of one moment, so that its cards, its table and its sentences agree."""

from __future__ import annotations

import datetime as dt
import heapq
from collections.abc import Mapping
from dataclasses import dataclass

from jobdesk_core.jobs import EventType, Status
from jobdesk_core.number import Number
from jobdesk_core.reading.moment import Moment
from jobdesk_core.reading.name_rows import Board, NameRow, name_row
from jobdesk_core.reading.open_jobs import NONE_OPEN, OpenGroup
from jobdesk_core.reading.pace import ENDS
from jobdesk_core.reading.progress import Progress, progress
from jobdesk_core.reading.series import Series
from jobdesk_core.watching.attention import Attention, attention
from jobdesk_core.watching.situation import Situation
from jobdesk_core.watching.watch import Past

#: Queues shown: those in trouble, then those with the most to do.
SHOWN = 10
#: What the chart shows of each minute, from the bottom up.
CHARTED = (EventType.SUCCEEDED, EventType.FAILED, EventType.ABORTED)


@dataclass(frozen=True, slots=True)
class Hour:
    """The last hour by the clock's minutes, oldest first, the running one last (minutes since 1970).

    `ended` are all runs that ended, those to be retried included; `rate` how many of these per minute lately.
    """

    minutes: list[int]
    charted: Mapping[EventType, list[int]]
    ended: int
    failed: int
    rate: float
    ran_s: float | None
    worst_queue: str
    failed_in_worst: int


@dataclass(frozen=True, slots=True)
class Overview:
    """`read_at` is the server's time (UTC) of the snapshot. `hour` is None until the whole hour has been read.

    `more` queues are beyond the `queues` shown. `failed_now` counts the jobs that are failed now.
    """

    read_at: dt.datetime
    now: dt.datetime
    open: OpenGroup
    progress: Progress
    live_workers: int | None
    dead_workers: int
    failed_now: Number
    is_exact: bool
    hour: Hour | None
    queues: list[NameRow]
    more: int
    attention: list[Attention]
    #: What needed attention and does no more; None while nothing has.
    last: Past | None = None


def overview(moment: Moment, series: Series, queues: Board, situation: Situation) -> Overview:
    """What there is to see at this moment; the board says which queues are worth a look."""
    jobs, now = moment.open, situation.now
    workers = jobs.workers
    live = None if workers is None else sum(worker.is_alive(now) for worker in workers)
    is_known = series.is_whole
    shown = _shown(moment, series, queues, now)
    return Overview(
        jobs.read_at,
        now,
        jobs.all,
        progress(jobs.all, series, now),
        live,
        0 if workers is None or live is None else len(workers) - live,
        moment.ended(Status.FAILED),
        moment.is_exact,
        _hour(series, queues, now) if is_known else None,
        shown,
        len(moment.queues) - len(shown),
        attention(situation),
    )


def _shown(moment: Moment, series: Series, board: Board, now: dt.datetime) -> list[NameRow]:
    groups = moment.open.queues

    def weight(counts: object) -> tuple[bool, int, int]:
        name = getattr(counts, "name", "")
        group, row = groups.get(name, NONE_OPEN), board.rows.get(name)
        return name in board.troubled, group.due + group.running, row.ended_in_hour if row is not None else 0

    chosen = heapq.nlargest(SHOWN, moment.queues, key=weight)
    rows = [name_row(each, groups.get(each.name, NONE_OPEN), series, now) for each in chosen]
    return sorted(rows, key=lambda row: (not row.trouble, row.name))


def _hour(series: Series, board: Board, now: dt.datetime) -> Hour:
    charted = {kind: series.per_minute(kind, now) for kind in CHARTED}
    worst = max(board.rows, key=lambda name: board.rows[name].failed_in_hour, default="")
    return Hour(
        series.minutes(now),
        charted,
        sum(series.last(ENDS, now)),
        sum(charted[EventType.FAILED]),
        series.rate(ENDS, now),
        series.ran_s(None, now),
        worst,
        series.total(EventType.FAILED, now, worst) if worst else 0,
    )
