"""Deferring a new job, told in a sentence."""

from __future__ import annotations

from dataclasses import dataclass

from jobdesk_core.connectors.statement import Statement
from jobdesk_core.database import statements
from jobdesk_core.database.capabilities import Capabilities
from jobdesk_core.exceptions import AlreadyEnqueued, CapabilityMissing, UniqueViolation
from jobdesk_core.jobs import Job
from jobdesk_core.moments import safe_local
from jobdesk_core.operations.changes import Action
from jobdesk_core.operations.rules import impossible
from jobdesk_core.operations.steps import Steps
from jobdesk_core.troubles import check_queue_name, explain


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one new job: deferred or not, in a sentence. `again_of` is the job that it repeats, if any."""

    job_id: int | None
    is_done: bool
    sentence: str
    again_of: int | None = None


def defer(
    job: Job, capabilities: Capabilities, *, is_read_only: bool = False, again_of: int | None = None
) -> Steps[Outcome]:
    """Defer a new job. What is expected to happen is an outcome; a database error is a ConnectorException.

    The schema has no place for which job a new one repeats, and arguments are the task's own: the outcome tells
    `again_of`, and nothing is written of it into the database.
    """
    problem = impossible(Action.DEFER, capabilities, is_read_only=is_read_only) or check_queue_name(
        job.queue, capabilities.queue_name_limit_bytes
    )
    if problem is not None:
        return Outcome(None, False, problem)
    try:
        job_id = (yield statements.defer(capabilities, [job]))[0]
    except UniqueViolation as error:
        taken = statements.already_enqueued(error, [job])
        if taken is None:
            raise
        return Outcome(None, False, (yield from _who_holds(job.queueing_lock, taken)))
    except CapabilityMissing as error:
        return Outcome(None, False, str(error))
    when = ""
    if job.scheduled_at is not None:
        when = f" for {safe_local(job.scheduled_at, None):%Y-%m-%d %H:%M:%S %Z}"
    of_job = f", again after job #{again_of:,}" if again_of is not None else ""
    sentence = f"Deferred job #{job_id:,}{when}: {job.task_name} in queue {job.queue}{of_job}."
    return Outcome(job_id, True, sentence, again_of)


def _who_holds(queueing_lock: str | None, taken: AlreadyEnqueued) -> Steps[str]:
    holder = yield Statement(
        "SELECT id FROM procrastinate_jobs WHERE queueing_lock = %(lock)s AND status = 'todo'",
        lambda rows: rows[0]["id"] if rows else None,
        {"lock": queueing_lock},
    )
    if holder is None:
        return explain(taken).sentence
    return (
        f"The queueing lock {queueing_lock} was taken by job #{holder:,}, which is waiting. "
        "Cancel that one first, or choose another queueing lock."
    )
