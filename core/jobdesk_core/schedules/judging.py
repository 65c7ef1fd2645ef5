"""Whether a periodic task is on time: pure, of what was read at one moment. Times are seconds since 1970, but in runs.

A run that has not come is late from a few seconds on, and missed after ten minutes or half a period, whichever is
shorter: workers make up for no more when they start. One whose cadence is only inferred is never called missed.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice, pairwise

from jobdesk_core.jobs import Status
from jobdesk_core.schedules import why
from jobdesk_core.schedules.cadence import Cadence, inferred, latest, told
from jobdesk_core.schedules.schedule import MOST_MISSED, Run, Schedule, Source, State
from jobdesk_core.schedules.usual import Usual

#: Runs that are told of each task.
MOST_RUNS = 40
#: Late after a quarter of a period, within these; missed after half of one, at most so many seconds.
LEAST_LATE_S, MOST_LATE_S = 2.0, 30.0
#: Periods, and seconds, for which one that nobody tells of is quiet before it counts as abandoned.
ABANDONED_PERIODS, ABANDONED_S = 5, 600.0
#: How far ahead the next time of one is looked for whose cadence is inferred: beyond a weekend, and a day off.
AHEAD_S = 5 * 86_400.0
#: An application tells anew every hour what it has: what it has not told for so long, while it told others, is gone.
TOLD_ANEW_S = 3_900.0


@dataclass(frozen=True, slots=True)
class Told:
    """What an application tells of one of its periodic tasks. `told_at`: when; None: just now.

    `newest_at`: when it told any of them last. `since`: from when on it has known this one, as far as anything tells.
    """

    task: str
    periodic_id: str
    cron: str
    zone: str | None
    queue: str | None
    app: str = ""
    told_at: float | None = None
    newest_at: float | None = None
    since: float | None = None
    source: Source = "reported"

    @property
    def key(self) -> tuple[str, str]:
        """The task and the periodic id."""
        return self.task, self.periodic_id

    @property
    def is_withdrawn(self) -> bool:
        """Whether its application has told of others since, and not of it."""
        if self.told_at is None or self.newest_at is None:
            return False
        return self.newest_at - self.told_at > TOLD_ANEW_S


@dataclass(frozen=True, slots=True)
class Deferral:
    """What the table of deferrals holds of a periodic task: the latest time, and the job if it is there."""

    task: str
    periodic_id: str
    timestamp: float
    job_id: int | None


@dataclass(frozen=True, slots=True)
class Known:
    """All that was read of one periodic task. `runs` are those whose jobs were found, the oldest first.

    `queueing_lock` is that of its latest job. `hours`: when it was run, as `usual.add` notes it, also
    before `runs`.
    """

    task: str
    periodic_id: str
    told: Told | None = None
    deferral: Deferral | None = None
    runs: tuple[Run, ...] = ()
    queue: str = ""
    queueing_lock: str | None = None
    hours: Mapping[int, int] = field(default_factory=dict)

    @property
    def times(self) -> list[float]:
        """Those of its runs, and of its latest deferral."""
        found = [_second(run.expected_at) for run in self.runs]
        return found if self.deferral is None else [*found, self.deferral.timestamp]


@dataclass(frozen=True, slots=True)
class Around:
    """What is known of the moment. `now` is by the server's clock, `behind_s` how far the workers' clock is behind it.

    `lives` are the spans in which workers were alive, the end None of one that lives, and from `lives_since` on nothing
    is missing in them; None where nobody reports. `is_any_alive` None: this release keeps no record of its workers.
    `latest_s` is the time of the newest deferral of any periodic task.
    """

    now: float
    behind_s: float = 0.0
    lives: Sequence[tuple[float, float | None]] | None = None
    lives_since: float = math.inf
    is_any_alive: bool | None = None
    silent_since: float | None = None
    latest_s: float | None = None


def judge(known: Known, around: Around) -> Schedule:
    """What is to be said of one periodic task."""
    known = replace(known, runs=_own(known, around.now - around.behind_s))
    found = _judged(known, around)
    is_lost = found.last is not None and found.last.is_job_gone and found.last.job_id is None
    # What deletes jobs that succeeded, or old ones, would have taken the earlier ones.
    if is_lost and not found.reason and any(run.status is Status.SUCCEEDED for run in known.runs):
        return replace(found, reason=why.job_gone())
    return found


def _own(known: Known, now: float) -> tuple[Run, ...]:
    """Its runs, without jobs of its task that somebody has deferred for another time than one of its own.

    What workers defer is in the table of deferrals. A run that they missed may have been made up for by hand.
    """
    cadence = told(known.told.cron, known.told.zone) if known.told else None
    latest_s = known.deferral.timestamp if known.deferral is not None else -math.inf

    def is_own(at: float) -> bool:
        return at <= latest_s or (cadence is not None and at <= now and cadence.is_time(at))

    return tuple(run for run in known.runs if is_own(_second(run.expected_at)))


def _judged(known: Known, around: Around) -> Schedule:
    cadence, source = _cadence(known)
    now = around.now - around.behind_s
    last = _last(known)
    usual = Usual(known.hours, known.times) if cadence is not None and cadence.is_inferred else None
    runs = _runs(known, cadence, now, last, usual)
    if last is not None:
        last = next((run for run in runs if run.expected_at == last.expected_at), last)
    found = Schedule(
        known.task,
        known.periodic_id,
        known.queue or (known.told.queue if known.told else None) or "",
        known.told.cron if known.told else None,
        known.told.zone if known.told else None,
        cadence.every_s if cadence else None,
        cadence is not None and cadence.is_inferred,
        "unknown",
        last,
        None,
        app=known.told.app if known.told else "",
        cadence=cadence,
        source=source,
        runs=runs,
    )
    return found if cadence is None else _timed(known, around, found, cadence, usual)


def _timed(known: Known, around: Around, found: Schedule, cadence: Cadence, usual: Usual | None) -> Schedule:
    """With whether it is on time, by what was expected since its last run. `usual` where that is only inferred."""
    now, last = around.now - around.behind_s, found.last
    # One that was never deferred is expected from when its application told of it.
    since = _second(last.expected_at) if last is not None else _known_since(known.told)
    pending = list(islice(cadence.between(since, now), MOST_MISSED)) if since is not None else []
    found = replace(found, next_at=_moment(cadence.after(now)), state=_overlap(found.runs))
    if not pending:
        return replace(found, next_at=_moment(cadence.after(max(now, since if since is not None else now))))
    missed = sum(now - at > _missed_after(cadence, at) for at in pending)
    first, late_after = pending[0], _late_after(cadence, pending[0])
    is_late = now - first > late_after
    if is_late and usual is not None:
        surely = usual.first(cadence, since or first, now - late_after)
        if surely is None:
            ahead = next(usual.within(cadence, now, now + AHEAD_S), None)
            return replace(found, next_at=_moment(ahead) if ahead is not None else None)
        first = surely
    found = replace(found, expected_at=_moment(first) if is_late else None)
    if is_late and _is_abandoned(known, around, cadence, first, now):
        return replace(found, state="abandoned", next_at=None, reason=why.abandoned(known.told is not None))
    if missed and not cadence.is_inferred:
        found = replace(found, state="missed", missed=missed)
    elif is_late:
        found = replace(found, state="late", next_at=_moment(max(first, pending[-1])))
    if found.expected_at is None:
        return found
    return replace(found, reason=_reason(known, around, found, first))


def _cadence(known: Known) -> tuple[Cadence | None, Source]:
    """As it is told, unless that has been withdrawn; otherwise by the past runs."""
    if known.told is not None:
        found = told(known.told.cron, known.told.zone)
        if found is not None:
            return found, known.told.source
    found = inferred(known.times)
    return found, "nobody" if found is None else "runs"


def _known_since(told: Told | None) -> float | None:
    return min((at for at in (told.since, told.told_at) if at is not None), default=None) if told else None


def _last(known: Known) -> Run | None:
    """The latest time at which it was deferred, whether or not its job is there."""
    latest = known.runs[-1] if known.runs else None
    if known.deferral is not None:
        at = _moment(known.deferral.timestamp)
        if at is not None and (latest is None or latest.expected_at < at):
            return Run(at, job_id=None, is_job_gone=True)
    return latest


def _late_after(cadence: Cadence, at: float) -> float:
    return max(LEAST_LATE_S, min(MOST_LATE_S, cadence.period(at) / 4))


def _missed_after(cadence: Cadence, at: float) -> float:
    return max(_late_after(cadence, at), min(why.CAUGHT_UP_S, cadence.period(at) / 2))


def _is_abandoned(known: Known, around: Around, cadence: Cadence, first: float, now: float) -> bool:
    """Whether nobody defers it any more while others are deferred: so workers live, and do not know it."""
    if known.told is not None and not known.told.is_withdrawn:
        return False
    are_others_deferred = around.latest_s is not None and around.latest_s > first
    if known.told is not None:
        return are_others_deferred or (known.told.newest_at or 0.0) > first
    return are_others_deferred and now - first > max(ABANDONED_S, ABANDONED_PERIODS * cadence.period(first))


def _overlap(runs: Sequence[Run]) -> State:
    real = [run for run in runs if run.job_id is not None]
    return "overlapping" if real and real[-1].is_overlapping else "on time"


def _runs(known: Known, cadence: Cadence | None, now: float, last: Run | None, usual: Usual | None) -> tuple[Run, ...]:
    """The latest runs, those among them that are not there, and whether each began before the one before had ended."""
    real = {run.expected_at: run for run in known.runs}
    if last is not None:
        real.setdefault(last.expected_at, last)
    ordered = [real[at] for at in sorted(real)]
    marked = ordered[:1] + [
        replace(run, is_overlapping=_overlaps(before, run)) if run.started_at is not None else run
        for before, run in pairwise(ordered)
    ]
    if not ordered or cadence is None:
        return tuple(marked[-MOST_RUNS:])
    absent = _absent(cadence, real, ordered, now, usual)
    return tuple(sorted([*marked, *absent], key=lambda run: run.expected_at)[-MOST_RUNS:])


def _overlaps(before: Run, run: Run) -> bool:
    if before.started_at is None or run.started_at is None:
        return False
    return (
        before.ended_at is None
        if before.status is Status.DOING
        else (before.ended_at or run.started_at) > (run.started_at)
    )


def _absent(
    cadence: Cadence, real: dict[dt.datetime, Run], ordered: Sequence[Run], now: float, usual: Usual | None
) -> list[Run]:
    """The expected times of which there is no job.

    After the last deferral nobody has deferred them; what may still come, and what is only inferred, is not among them.
    Between two runs their jobs may have been deleted, unless an older one that succeeded is still there: what deletes
    jobs when they succeed, or when they are old, would have taken it.
    """
    first, last = _second(ordered[0].expected_at), _second(ordered[-1].expected_at)
    succeeded = next((_second(run.expected_at) for run in ordered if run.status is Status.SUCCEEDED), math.inf)
    found = []
    for at in latest(cadence, cadence.until(now), MOST_RUNS):
        moment = _moment(at) if at >= first else None
        may_come = at > last and (cadence.is_inferred or now - at <= _missed_after(cadence, at))
        if moment is None or moment in real or may_come:
            continue
        if usual is None or usual.is_usual(at):
            found.append(Run(moment, is_job_gone=at < last and (at < succeeded or cadence.is_inferred)))
    return found


def _reason(known: Known, around: Around, found: Schedule, first: float) -> str:
    if found.last is None:
        is_new = known.told is not None and known.told.told_at is not None
        return why.never_deferred(around.is_any_alive) if is_new else ""
    held = found.last.status is Status.TODO and known.queueing_lock
    if held and found.last.job_id is not None:
        return why.queueing_lock(found.last.job_id, known.queueing_lock or "")
    # Workers' lives are told by the server's clock, and the expected times by theirs.
    start = first + around.behind_s
    gap = why.gap(around.lives, around.lives_since, start) if around.lives is not None else None
    if gap is not None:
        begin, end = gap
        # Of one that was killed the last heartbeat is known: what it still deferred after that tells more.
        deferred = around.latest_s + around.behind_s if around.latest_s is not None else -math.inf
        return why.nobody_alive((max(begin, deferred) if deferred < start else begin, end), start)
    if around.is_any_alive is False:
        return why.none_alive(around.silent_since)
    return ""


def explained(schedule: Schedule, others: Sequence[Schedule], behind_s: float = 0.0) -> Schedule:
    """With what the other schedules tell of the time at which it was not deferred, where nothing else told anything."""
    if schedule.reason or schedule.expected_at is None or schedule.state == "abandoned":
        return schedule
    at = _second(schedule.expected_at) + behind_s
    theirs = [run for each in others if each.key != schedule.key for run in each.runs]
    deferred = [_second(run.deferred_at) for run in theirs if run.deferred_at is not None]
    missed = [_second(run.expected_at) + behind_s for run in theirs if run.is_missed]
    before = max((moment for moment in deferred if moment < at), default=None)
    after = min((moment for moment in deferred if moment >= at), default=None)
    if after is not None and after - at <= why.CAUGHT_UP_S:
        reason = why.others_then(schedule.missed > 0)
    elif (
        before is not None
        and any(before < moment < (after or math.inf) for moment in missed)
        # Of one that ran often since, only the latest runs are known: it may have been deferred in between.
        and all(len(each.runs) < MOST_RUNS or _second(each.runs[0].expected_at) <= before for each in others)
    ):
        reason = why.nothing_deferred(before, after, at)
    else:
        reason = why.others_since(schedule.missed > 0) if after is not None else ""
    return replace(schedule, reason=reason)


def behind(offsets: Sequence[float]) -> float:
    """How far the workers' clocks are behind the server's, in seconds, by the newest deferrals.

    `offsets` are the seconds by which each was written after the time it was for. Within what a worker makes up for
    they tell nothing of clocks, and the answer is 0.
    """
    if not offsets:
        return 0.0
    least = min(offsets)
    return least if least < -LEAST_LATE_S or least > why.CAUGHT_UP_S + MOST_LATE_S else 0.0


def _second(at: dt.datetime) -> float:
    return at.timestamp()


def _moment(seconds: float) -> dt.datetime | None:
    """In UTC; None for what no clock will show."""
    try:
        return dt.datetime.fromtimestamp(seconds, dt.UTC)
    except (OverflowError, ValueError, OSError):
        return None
