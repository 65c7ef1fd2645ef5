"""Why a job is where it is, in words, from the exact rule by which workers fetch (highest priority, then
lowest id, due; a lock belongs to its running job or else to the first of its waiting ones).

The words are of one moment, and need nothing but what was read: whoever shows them has them made anew as time goes by.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Literal

from jobdesk_core.database.rows import EventRow, JobRow, WorkerRow
from jobdesk_core.durations import so_far
from jobdesk_core.job import why_reported
from jobdesk_core.job.queue_context import Ahead, Holder, Situation
from jobdesk_core.jobs import EventType, Status
from jobdesk_core.moments import FarTime
from jobdesk_core.reported.around import Around

Tone = Literal["neutral", "good", "warning", "bad"]
#: A queue in which nothing has been started for so many seconds is worth a word: a worker looks every 5 s by default.
QUIET_S = 15
UNKNOWN_STATUS = "Its status is none of Procrastinate's."
NOT_ACTED_ON = "Whoever added that status knows what it means. Jobdesk does not, and leaves the job alone."
UNKNOWN_RULE = (
    "This database's rule for taking jobs is newer than this Jobdesk knows, so workers may go by another one."
)


@dataclass(frozen=True, slots=True)
class Explanation:
    """A headline, sentences below it, and the other jobs they name. `mend` is the action that would help."""

    headline: str
    sentences: list[str] = field(default_factory=list)
    tone: Tone = "neutral"
    job_ids: list[int] = field(default_factory=list)
    mend: Literal["retry", "again"] | None = None


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What must be known of a job's neighbours to explain it.

    `holder` has the job's lock, if another job does. `situation` is None when it could not be read in time.
    """

    holder: Holder | None = None
    queueing_lock_holder: JobRow | None = None
    worker: WorkerRow | None = None
    situation: Situation | None = field(default_factory=Situation)
    has_workers_table: bool = True
    can_retry_failed: bool = True
    #: What the job's result column holds, on schemas that have one.
    result: str | None = None
    #: Whether the database's rule of fetching is one that this program does not know.
    is_rule_unknown: bool = False
    #: What workers have reported of the job and of themselves.
    reports: Around = field(default_factory=Around)

    def heard_of(self, workers: Iterable[WorkerRow], now: dt.datetime) -> Surroundings:
        """The same with the heartbeats that were read since; `workers` are all that are registered."""
        latest = {worker.id: worker for worker in workers}
        holder, situation = self.holder, self.situation
        if holder is not None:
            holder = replace(holder, worker=_fresher(holder.worker, latest))
        if situation is not None and latest:
            alive = sum(worker.is_alive(now) for worker in latest.values())
            situation = replace(situation, live_workers=alive)
        return replace(self, worker=_fresher(self.worker, latest), holder=holder, situation=situation)


def _fresher(worker: WorkerRow | None, latest: dict[int, WorkerRow]) -> WorkerRow | None:
    heard = latest.get(worker.id) if worker is not None else None
    is_newer = worker is not None and heard is not None and heard.last_heartbeat > worker.last_heartbeat
    return heard if is_newer else worker


def explain(row: JobRow, events: list[EventRow], around: Surroundings, now: dt.datetime) -> Explanation:
    """Explain a job."""
    if row.status is Status.TODO:
        told = _waiting(row, events, around, now)
        return replace(told, sentences=[*told.sentences, UNKNOWN_RULE]) if around.is_rule_unknown else told
    if row.status in (Status.DOING, Status.ABORTING):
        return _running(row, events, around, now)
    if row.status is Status.FAILED:
        return _failed(row, events, around)
    if row.status is Status.ABORTED:
        return Explanation("Stopped while it was running.", [*_runs(events), _outcome(around)])
    if row.status is Status.CANCELLED:
        return Explanation("Cancelled before a worker started it.", _runs(events))
    if not row.status.is_known:
        return Explanation(UNKNOWN_STATUS, [*_runs(events), NOT_ACTED_ON], "warning")
    returned = [] if around.result is None else [_outcome(around)]
    return Explanation("It ran and succeeded.", [*_runs(events), *returned], "good")


# Waiting


def _waiting(row: JobRow, events: list[EventRow], around: Surroundings, now: dt.datetime) -> Explanation:
    others = [around.holder.row.id] if around.holder is not None else []
    lock = _lock_sentences(row, around, now)
    paused = _paused(row, around, now)
    if row.scheduled_at is not None and row.scheduled_at > now:
        sentences = ["It is to be retried then.", *why_reported.retried(around.reports)] if row.attempts else []
        sentences += paused
        if lock:
            sentences += ["Its lock may hold it back even then.", *lock]
        if isinstance(row.scheduled_at, FarTime):
            return Explanation(_parked(row.scheduled_at), sentences, "warning", job_ids=others)
        headline = f"Scheduled to start in {so_far(row.scheduled_at - now)}."
        return Explanation(headline, sentences, job_ids=others)
    situation = around.situation
    if paused and situation is not None:
        return Explanation("Its queue is paused.", [*paused, *lock, *_ahead(row, situation.ahead)], "warning", others)
    nobody = situation is not None and around.has_workers_table and not situation.live_workers
    before = why_reported.retried(around.reports) if row.attempts else []
    unserved = why_reported.unserved(around.reports, row.queue_name)
    if unserved is not None and not nobody:
        return Explanation(unserved[0], [*unserved[1], *lock, *before], "bad", others)
    if lock:
        alive = ["No worker is alive, either."] if nobody else []
        return Explanation("Waiting for its lock.", [*lock, *alive], "warning", others)
    if situation is None:
        unread = "The jobs ahead of it could not be counted in time."
        return Explanation("Waiting for a worker.", [unread, *before])
    served = [*why_reported.served(around.reports, row.queue_name), *before]
    ahead, quiet = _ahead(row, situation.ahead), _quiet(row, events, situation, now)
    if nobody:
        sentence = "No worker has sent a heartbeat in the last 30 seconds."
        return Explanation("No worker is alive.", [sentence, *ahead, *before], "bad")
    if quiet and not situation.running:
        return Explanation(
            "Waiting for a worker.", [*quiet, *(served or ["Does a worker serve it?"]), *ahead], "warning"
        )
    if situation.ahead.count:
        return Explanation("Waiting for its turn.", [*ahead, *quiet, *_busy(row, situation), *served])
    return Explanation("Waiting for a free worker.", [*ahead, *quiet, *_busy(row, situation), *served])


def _paused(row: JobRow, around: Surroundings, now: dt.datetime) -> list[str]:
    if around.situation is None or around.situation.paused_at is None:
        return []
    since = so_far(now - around.situation.paused_at)
    return [f"Queue {named(row.queue_name)} has been paused for {since}: no worker takes its jobs until it is resumed."]


def _parked(at: FarTime) -> str:
    never = " No worker will ever start it." if at.is_infinite else ""
    return f"It is parked: scheduled for {at.text}.{never}"


def _lock_sentences(row: JobRow, around: Surroundings, now: dt.datetime) -> list[str]:
    holder, lock = around.holder, named(row.lock)
    if holder is None:
        return []
    it = f"job #{holder.row.id:,}"
    if holder.row.status is not Status.TODO:
        return _held(lock, it, holder, around, now)
    if holder.row.scheduled_at is not None and holder.row.scheduled_at > now:
        when = due(holder.row.scheduled_at, now)
        return [f"The lock {lock} belongs to {it}, which is scheduled to start {when} and blocks it until then."]
    is_first = holder.row.priority > row.priority
    why = "has a higher priority" if is_first else "was deferred earlier"
    sentences = [f"The lock {lock} belongs to {it}, which {why} and still waits."]
    queue = holder.row.queue_name
    if queue != row.queue_name and around.situation is not None:
        start = _last_start(queue, around.situation, now)
        sentences.append(f"That job is in another queue. {start}")
    return sentences


def _held(lock: str, it: str, holder: Holder, around: Surroundings, now: dt.datetime) -> list[str]:
    """That a job which runs, or is thought to, has the lock."""
    started, worker = holder.started_at, holder.worker
    if not around.has_workers_table or (worker is not None and worker.is_alive(now)):
        running = f", which has been running for {so_far(now - started)}." if started else ", which is running."
        return [f"The lock {lock} is held by {it}{running}"]
    since = f", which started {so_far(now - started)} ago." if started else "."
    held = f"The lock {lock} is held by {it}{since}"
    if worker is None:
        return [held, "Its worker no longer exists: nothing will end it until it is retried."]
    return [held, f"{_last_heartbeat(worker, now)} The worker may still be running it."]


def _ahead(row: JobRow, ahead: Ahead) -> list[str]:
    queue, least = named(row.queue_name), "At least " if ahead.is_more else ""
    if ahead.count:
        jobs = "job is" if ahead.count == 1 else "jobs are"
        sentences = [f"{least}{ahead.count:,} {jobs} ahead of it in queue {queue}."]
    else:
        sentences = [f"It is next in its queue{', as far as was searched' if ahead.is_more else ''}."]
    if ahead.blocked:
        sentences.append(
            f"{ahead.blocked:,} of them {'is waiting for its lock' if ahead.blocked == 1 else 'are waiting for locks'}."
        )
    if ahead.elsewhere:
        jobs = "job of another queue comes" if ahead.elsewhere == 1 else "jobs of other queues come"
        sentences.append(f"{least}{ahead.elsewhere:,} {jobs} first where a worker serves all queues.")
    return sentences


def _quiet(row: JobRow, events: list[EventRow], situation: Situation, now: dt.datetime) -> list[str]:
    """That no job of its queue has started, when that has been so for a while that it has waited too."""
    happened = [event.at for event in events if event.type is not EventType.SCHEDULED]
    due_at = max([*happened, *([row.scheduled_at] if row.scheduled_at else [])], default=None)
    last = situation.last_starts.get(row.queue_name)
    since = max((at for at in (due_at, last) if at is not None), default=None)
    if since is not None and (now - since).total_seconds() < QUIET_S:
        return []
    return [_last_start(row.queue_name, situation, now)]


def _last_start(queue: str, situation: Situation, now: dt.datetime) -> str:
    last = situation.last_starts.get(queue)
    if last is not None:
        return f"No job in queue {named(queue)} has started for {so_far(now - last)}."
    if situation.looked_back_to is None:
        return f"No job in queue {named(queue)} has ever started."
    return f"No job in queue {named(queue)} has started for at least {so_far(now - situation.looked_back_to)}."


def _busy(row: JobRow, situation: Situation) -> list[str]:
    if not situation.running:
        return []
    jobs = "1 job" if situation.running == 1 else f"{situation.running:,} jobs"
    return [f"{jobs} in queue {named(row.queue_name)} {'is' if situation.running == 1 else 'are'} running."]


# Running


def _running(row: JobRow, events: list[EventRow], around: Surroundings, now: dt.datetime) -> Explanation:
    started, before = _latest(events, EventType.STARTED), _runs(events, before=True)
    is_asked = row.abort_requested or row.status is Status.ABORTING
    asked = _latest(events, EventType.ABORT_REQUESTED)
    abort = f"Abort requested {so_far(now - asked)} ago" if asked else "Abort requested"
    lost = _lost(row, around, started, now)
    if lost is not None:
        headline, sentences = lost
        sentences += why_reported.running(around.reports, now)
        if is_asked:
            stuck = "No worker is left to honour it. A retry would end the job as failed."
            return Explanation(headline, [*sentences, f"{abort}.", stuck], "bad")
        return Explanation(headline, [*sentences, "A retry puts it back in its queue."], "bad", mend="retry")
    running = f"Running for {so_far(now - started)}." if started else "It is running."
    before = [*why_reported.running(around.reports, now), *before]
    if is_asked:
        by_itself = "A synchronous task must look for the request itself."
        return Explanation(f"{abort}; still running.", [running, by_itself, *before], "warning")
    return Explanation(running, before)


def _lost(
    row: JobRow, around: Surroundings, started: dt.datetime | None, now: dt.datetime
) -> tuple[str, list[str]] | None:
    """What is said of a job that counts as running while its worker is gone or unresponsive."""
    worker = around.worker
    if not around.has_workers_table or (worker is not None and worker.is_alive(now)):
        return None
    since = f"started {so_far(now - started)} ago, " if started else ""
    if worker is None:
        its = f"worker #{row.worker_id}" if row.worker_id is not None else "its worker"
        return f"Orphaned: {since}{its} no longer exists.", ["Nothing will end it."]
    headline = f"Stalled: {since}its worker is unresponsive."
    return headline, [_last_heartbeat(worker, now), "The worker may still be running it."]


def _last_heartbeat(worker: WorkerRow, now: dt.datetime) -> str:
    return f"Worker #{worker.id}: last heartbeat {so_far(now - worker.last_heartbeat)} ago."


def running_until(row: JobRow, events: list[EventRow], around: Surroundings, now: dt.datetime) -> dt.datetime | None:
    """Until when a running job is known to have run: now, its worker's last heartbeat, or else its start (UTC-aware).

    None when it is not running.
    """
    if row.status not in (Status.DOING, Status.ABORTING):
        return None
    if not around.has_workers_table or (around.worker is not None and around.worker.is_alive(now)):
        return now
    started = _latest(events, EventType.STARTED) or now
    return started if around.worker is None else max(started, around.worker.last_heartbeat)


# Over


def _failed(row: JobRow, events: list[EventRow], around: Surroundings) -> Explanation:
    told = why_reported.failed(around.reports, _latest(events, EventType.STARTED))
    failed, told_of = told if told is not None else ("It failed.", [])
    ran = [*told_of, *_runs(events), *([_outcome(around)] if told is None or around.result is not None else [])]
    holder = around.queueing_lock_holder
    if holder is not None and holder.id != row.id:
        taken = f"Its queueing lock {named(row.queueing_lock)} is taken by job #{holder.id:,}, which is waiting."
        remedy = "Cancel that one first, or let it run."
        ran = [*([failed] if told is not None else []), *ran]
        return Explanation("A retry would be refused.", [taken, remedy, *ran], "warning", [holder.id])
    if row.abort_requested:
        stuck = "An abort request is stuck on it: the database refuses to put it back while it is set."
        if around.can_retry_failed:
            sentences = [stuck, "Retry from here clears it first.", *ran]
            return Explanation(failed, sentences, "bad", mend="retry")
        return Explanation(failed, [stuck, *_no_retry(), *ran], "bad", mend="again")
    if not around.can_retry_failed:
        return Explanation(failed, [*ran, *_no_retry()], "bad", mend="again")
    return Explanation(failed, ran, "bad")


def _no_retry() -> list[str]:
    return ["This version of the schema cannot retry failed jobs: defer it again."]


def _outcome(around: Surroundings) -> str:
    return why_reported.unreported(around.reports) if around.result is None else f"Its result: {named(around.result)}"


def _runs(events: list[EventRow], *, before: bool = False) -> list[str]:
    # The attempts do not tell: a retry counts as one too.
    number = sum(event.type is EventType.STARTED for event in events) - before
    if number <= 0:
        return []
    times = "once" if number == 1 else f"{number} times"
    return [f"It has run {times}{' before' if before else ''}."]


def _latest(events: list[EventRow], kind: EventType) -> dt.datetime | None:
    # A time that is none tells nothing of how long ago it was.
    at = next((event.at for event in reversed(events) if event.type is kind), None)
    return None if isinstance(at, FarTime) and at.is_infinite else at


def named(name: str | None) -> str:
    """A name from the database within a sentence: in one line, cut, with no sign that cannot be seen."""
    return why_reported.cut(name or "")


def due(at: dt.datetime, now: dt.datetime) -> str:
    """When something to come is due: `in 3 min`, or `at infinity` and the like."""
    return f"at {at.text}" if isinstance(at, FarTime) else f"in {so_far(at - now)}"
