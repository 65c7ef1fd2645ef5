"""Deferring a new job, told in a sentence."""

from __future__ import annotations

from dataclasses import dataclass, replace

from jobdesk_core.connectors.statement import Statement
from jobdesk_core.database import statements
from jobdesk_core.database.capabilities import Capabilities
from jobdesk_core.exceptions import AlreadyEnqueued, CapabilityMissing, InDoubt, UniqueViolation
from jobdesk_core.jobs import Job
from jobdesk_core.moments import here
from jobdesk_core.operations.change.changes import Action
from jobdesk_core.operations.change.rules import impossible
from jobdesk_core.operations.commits import Write
from jobdesk_core.operations.outcomes import Outcomes
from jobdesk_core.operations.steps import Steps
from jobdesk_core.troubles import check_queue_name, explain


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one new job: deferred or not, in a sentence. `again_of` is the job that it repeats, if any.

    With `is_unknown` nobody knows yet: the connection was lost before the server's answer came. `job_id` is then the
    number that it has if it was deferred. It must not be deferred once more before that is known.
    """

    job_id: int | None
    is_done: bool
    sentence: str
    again_of: int | None = None
    is_unknown: bool = False
    #: The number of the journal's entry that tells of it, which settling makes known; None without a journal.
    entry_id: int | None = None
    #: Why it can never be known, when that is so.
    reason: str = ""


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

    def deferred(ids: list[int]) -> Outcomes:
        return Outcomes(ids, "done", [_sentence(job, job_id, again_of) for job_id in ids])

    try:
        (job_id,) = yield Write(statements.defer(capabilities, [job]), deferred)
    except UniqueViolation as error:
        taken = statements.already_enqueued(error, [job])
        if taken is None:
            raise
        return Outcome(None, False, (yield from _who_holds(job.queueing_lock, taken)))
    except CapabilityMissing as error:
        return Outcome(None, False, str(error))
    except InDoubt as error:
        (job_id,) = error.value
        sentence = (
            f"Whether {job.task_name} was deferred as job #{job_id:,} is not known: "
            "the connection was lost before the server's answer came."
        )
        return Outcome(job_id, False, sentence, again_of, is_unknown=True)
    return Outcome(job_id, True, _sentence(job, job_id, again_of), again_of)


def settled(outcome: Outcome, job: Job, *, is_done: bool) -> Outcome:
    """What is known in the end of a job that was deferred or not."""
    if is_done and outcome.job_id is not None:
        sentence = _sentence(job, outcome.job_id, outcome.again_of)
        return replace(outcome, is_done=True, is_unknown=False, sentence=sentence)
    sentence = f"{job.task_name} was not deferred: the connection was lost before it was committed."
    return replace(outcome, job_id=None, is_unknown=False, sentence=sentence)


def _sentence(job: Job, job_id: int, again_of: int | None) -> str:
    when = ""
    if job.scheduled_at is not None:
        when = f" for {here(job.scheduled_at):%Y-%m-%d %H:%M:%S %Z}"
    of_job = f", again after job #{again_of:,}" if again_of is not None else ""
    return f"Deferred job #{job_id:,}{when}: {job.task_name} in queue {job.queue}{of_job}."


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
