"""All that the overview shows, made in one go of one moment, so that its cards, its table and its sentences agree."""

from __future__ import annotations

import datetime as dt
import heapq
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from jobdesk_core.jobs import EventType, Status
from jobdesk_core.number import Number
from jobdesk_core.reading.moment import Moment
from jobdesk_core.reading.name_rows import Board, NameRow, name_row
from jobdesk_core.reading.open_jobs import NONE_OPEN, OpenGroup
from jobdesk_core.reading.pace import ARRIVALS, DEPARTURES, ENDS, PUT_OFF
from jobdesk_core.reading.progress import Progress, progress
from jobdesk_core.reading.series import Series
from jobdesk_core.watching.attention import Attention, attention
from jobdesk_core.watching.situation import Situation
from jobdesk_core.watching.watch import Past

#: Queues shown: those in trouble, then those with the most to do.
SHOWN = 10


@dataclass(frozen=True, slots=True)
class Overview:
    """`read_at` is the server's time (UTC) of the snapshot.

    `more` queues are beyond the `queues` shown. `failed_now` counts the jobs that are failed now. `was_due` and
    `were_running` tell of the last hour by minute, the running one last, reckoned back from now by what came and went,
    in all and of each queue shown; empty until that hour has been read.
    """

    read_at: dt.datetime
    now: dt.datetime
    open: OpenGroup
    progress: Progress
    live_workers: int | None
    dead_workers: int
    failed_now: Number
    queues: list[NameRow]
    more: int
    attention: list[Attention]
    was_due: Mapping[str | None, Sequence[int]]
    were_running: Sequence[int]
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
        shown,
        len(moment.queues) - len(shown),
        attention(situation),
        _was_due(moment, shown, series, now) if is_known else {},
        _before(jobs.all.running, series.last((EventType.STARTED,), now), series.last(ENDS, now)) if is_known else (),
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


def _was_due(
    moment: Moment, shown: Sequence[NameRow], series: Series, now: dt.datetime
) -> dict[str | None, Sequence[int]]:
    due: dict[str | None, int] = {None: moment.open.all.due} | {row.name: row.open.due for row in shown}
    found: dict[str | None, Sequence[int]] = {}
    for name, count in due.items():
        came, put_off = series.last(ARRIVALS, now, name), series.last((PUT_OFF,), now, name)
        at_once = [max(0, more - later) for more, later in zip(came, put_off, strict=True)]
        found[name] = _before(count, at_once, series.last(DEPARTURES, now, name))
    return found


def _before(count: int, came: Sequence[int], left: Sequence[int]) -> list[int]:
    """How many there were at the end of each minute, reckoned back from those of now."""
    found = [count]
    for more, fewer in zip(came[:0:-1], left[:0:-1], strict=True):
        found.append(max(0, found[-1] - more + fewer))
    return found[::-1]
