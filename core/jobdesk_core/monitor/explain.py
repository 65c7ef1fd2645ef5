"""Why a job is where it is, in words, from the exact rule by which workers fetch (highest priority, then
lowest id, due; a lock belongs to its running job or else to the first of its waiting ones)."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from typing import Literal

from jobdesk_core.jobs import EventType, Status
from jobdesk_core.monitor.rows import EventRow, JobRow, WorkerRow

Tone = Literal["neutral", "good", "warning", "bad"]
#: Jobs ahead are counted up to this number.
AHEAD_LIMIT = 1_000


@dataclass(frozen=True, slots=True)
class Explanation:
    """A headline, sentences below it, and the other jobs they name."""

    headline: str
    sentences: list[str] = field(default_factory=list)
    tone: Tone = "neutral"
    job_ids: list[int] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What must be known of a job's neighbours to explain it. `ahead` stops at AHEAD_LIMIT."""

    lock_holder: JobRow | None = None
    queueing_lock_holder: JobRow | None = None
    worker: WorkerRow | None = None
    live_workers: int = 0
    ahead: int = 0
    last_start: dt.datetime | None = None
    has_workers_table: bool = True


def explain(row: JobRow, events: list[EventRow], around: Surroundings, now: dt.datetime) -> Explanation:
    """Explain a job."""
    if row.status is Status.TODO:
        return _waiting(row, around, now)
    if row.status in (Status.DOING, Status.ABORTING):
        return _running(row, events, around, now)
    if row.status is Status.FAILED:
        return _failed(row, events, around)
    ends = {
        Status.SUCCEEDED: ("It ran and succeeded.", "good"),
        Status.CANCELLED: ("It was cancelled before a worker started it.", "neutral"),
        Status.ABORTED: ("It was stopped while it ran.", "neutral"),
    }
    headline, tone = ends[row.status]
    return Explanation(headline, _runs(events), tone)  # type: ignore[arg-type]


def _waiting(row: JobRow, around: Surroundings, now: dt.datetime) -> Explanation:
    if row.scheduled_at is not None and row.scheduled_at > now:
        return Explanation(
            f"It is scheduled to start in {duration(row.scheduled_at - now)}.",
            ["A retry was put off until then."] if row.attempts else [],
        )
    holder = around.lock_holder
    if holder is not None and holder.id != row.id:
        if holder.status is Status.TODO:
            why = "waits ahead of it"
            if holder.scheduled_at is not None and holder.scheduled_at > now:
                why = f"is scheduled for in {duration(holder.scheduled_at - now)} and blocks it until then"
            sentence = f"The lock {row.lock} belongs to job #{holder.id:,}, which {why}."
        else:
            sentence = f"The lock {row.lock} is held by job #{holder.id:,}, which is running."
        return Explanation("It waits for its lock.", [sentence], "warning", [holder.id])
    if around.has_workers_table and not around.live_workers:
        sentence = "No worker has sent a heartbeat in the last 30 seconds."
        return Explanation("No worker is alive.", [sentence], "bad")
    if around.ahead:
        count = f"{around.ahead:,}" if around.ahead < AHEAD_LIMIT else f"at least {AHEAD_LIMIT:,}"
        jobs = "job is" if around.ahead == 1 else "jobs are"
        return Explanation("It waits for its turn.", [f"{count} {jobs} ahead of it in queue {row.queue_name}."])
    sentence = "It is the next of its queue."
    if around.last_start is None:
        unseen = f"No job of queue {row.queue_name} has been started lately: does a worker serve it?"
        return Explanation("It waits for a worker.", [sentence, unseen], "warning")
    return Explanation("It waits for a free worker.", [sentence])


def _running(row: JobRow, events: list[EventRow], around: Surroundings, now: dt.datetime) -> Explanation:
    started = next((event.at for event in reversed(events) if event.type is EventType.STARTED), None)
    running = f"It has been running for {duration(now - started)}." if started else "It is running."
    if row.abort_requested or row.status is Status.ABORTING:
        asked = next((event.at for event in reversed(events) if event.type is EventType.ABORT_REQUESTED), None)
        since = f" for {duration(now - asked)}" if asked else ""
        return Explanation(
            "It was asked to abort.",
            [f"The request has not been honoured{since}.", "A synchronous task must look for it itself.", running],
            "warning",
        )
    if around.has_workers_table and around.worker is None:
        return Explanation(
            "Its worker is gone.",
            [running, "Nothing will end it. Retry puts it back in its queue."],
            "bad",
        )
    if around.worker is not None and not around.worker.is_alive(now):
        silent = duration(now - around.worker.last_heartbeat)
        return Explanation(
            "It has stalled.",
            [f"Its worker #{around.worker.id} has been silent for {silent}.", "Retry puts it back in its queue."],
            "bad",
        )
    return Explanation(running, _runs(events, before=True))


def _failed(row: JobRow, events: list[EventRow], around: Surroundings) -> Explanation:
    holder = around.queueing_lock_holder
    if holder is not None and holder.id != row.id:
        return Explanation(
            "A retry would be refused.",
            [
                f"Its queueing lock {row.queueing_lock} was taken by job #{holder.id:,}, which is waiting.",
                "Cancel that one first, or let it run.",
            ],
            "warning",
            [holder.id],
        )
    sentences = [*_runs(events), "The database keeps no traceback: look in the worker's log."]
    if row.abort_requested:
        sentences.append("An abort request is still set on it; Retry clears that.")
    return Explanation("It failed.", sentences, "bad")


def _runs(events: list[EventRow], *, before: bool = False) -> list[str]:
    # The attempts do not tell: a retry counts as one too.
    number = sum(event.type is EventType.STARTED for event in events) - before
    if number <= 0:
        return []
    times = "once" if number == 1 else f"{number} times"
    return [f"It has run {times}{' before' if before else ''}."]


def duration(span: dt.timedelta) -> str:
    """A time span in its leading units."""
    seconds = max(0, int(span.total_seconds()))
    if seconds < 120:
        return f"{seconds} s"
    minutes, seconds = divmod(seconds, 60)
    if minutes < 120:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    if hours < 48:
        return f"{hours} h {minutes} min" if minutes else f"{hours} h"
    return f"{hours // 24} days"
