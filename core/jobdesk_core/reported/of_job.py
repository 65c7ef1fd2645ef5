"""The runs of one job as its workers reported them: how each failed, and its last log lines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from jobdesk_core.database.asking import Asking
from jobdesk_core.database.reported import Reported
from jobdesk_core.reported.attempts import attempt
from jobdesk_core.reported.reading import errors_of, log_of
from jobdesk_core.reported.records import Error, LogTail


@dataclass(frozen=True, slots=True)
class ReportedRun:
    """What is known of one run of a job: how it failed, and its last lines. `attempt` counts from 1."""

    attempt: int
    error: Error | None
    log: LogTail | None


@dataclass(frozen=True, slots=True)
class JobReports:
    """The runs of a job of which anything was reported, the oldest first.

    `refusal` is why no error can be read, `log_refusal` why no log lines can: sentences, or None.
    """

    runs: tuple[ReportedRun, ...] = ()
    refusal: str | None = None
    log_refusal: str | None = None


def reports_of(reported: Reported, job_id: int) -> Asking[JobReports]:
    """Read what workers have reported of a job's runs, as far as this role may. Raises only a lost link."""
    failed = yield from attempt(reported, "errors", lambda found: errors_of(found, [job_id]))
    if failed.value is None:
        return JobReports(refusal=failed.refusal)
    tails = yield from attempt(reported, "logs", lambda _: log_of(job_id))
    return JobReports(tuple(_runs(failed.value, tails.value or [])), log_refusal=tails.refusal)


def _runs(failed: Sequence[Error], tails: Sequence[LogTail]) -> list[ReportedRun]:
    """The attempts in their order; a log belongs to the last error of its attempt."""
    log_by = {tail.attempt: tail for tail in tails}
    last_of = {error.attempt: error for error in failed}
    runs = [
        ReportedRun(error.attempt, error, log_by.get(error.attempt) if last_of[error.attempt] is error else None)
        for error in failed
    ]
    runs += [ReportedRun(tail.attempt, None, tail) for tail in tails if tail.attempt not in last_of]
    return sorted(runs, key=lambda run: run.attempt)
