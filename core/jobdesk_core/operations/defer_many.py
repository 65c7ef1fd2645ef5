"""Deferring many new jobs: a batch in one statement; when the database refuses it, each by itself."""

from __future__ import annotations

from collections.abc import Sequence

from jobdesk_core.database import statements
from jobdesk_core.database.capabilities import Capabilities
from jobdesk_core.exceptions import CapabilityMissing, QueueNameTooLong, UniqueViolation
from jobdesk_core.jobs import Job
from jobdesk_core.operations.defer import Outcome, defer, deferred
from jobdesk_core.operations.steps import Steps

#: Jobs in one statement.
BATCH_JOBS = 500


def defer_many(jobs: Sequence[Job], capabilities: Capabilities) -> Steps[list[Outcome]]:
    """Defer jobs, at most BATCH_JOBS of them, and tell of each in their order.

    A database error that is not about one of the jobs is a ConnectorException; then none of them was deferred.
    """
    try:
        if len(jobs) == 1:
            return [(yield from defer(jobs[0], capabilities))]
        ids = yield statements.defer(capabilities, jobs)
    except (UniqueViolation, CapabilityMissing, QueueNameTooLong):
        outcomes = []
        for job in jobs:
            outcomes.append((yield from defer(job, capabilities)))
        return outcomes
    return [deferred(job, job_id) for job, job_id in zip(jobs, ids, strict=True)]
