"""The jobs behind an alert, with their arguments: for the commands and webhooks of a rule that is to send them.

Arguments may hold what is private: they are read for such a rule alone, and neither kept, printed nor logged. What the
window hides of them, and passwords that this program has in hand, are hidden here, too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from jobdesk_core import exact_json
from jobdesk_core.alerts.rule import DESKTOP
from jobdesk_core.alerts.telling import BehindJob, Telling
from jobdesk_core.connectors.statement import Statement
from jobdesk_core.database.asking import Asking
from jobdesk_core.database.capabilities import Capabilities
from jobdesk_core.database.limited import StatementTooLong
from jobdesk_core.database.rows import jobs_table
from jobdesk_core.exceptions import JobdeskException
from jobdesk_core.filters.language import FilterError, JobFilter
from jobdesk_core.masking import masked
from jobdesk_core.profiles import secret_keys
from jobdesk_core.troubles import explain

#: The latest jobs of an alert that are sent at most, and the alerts of one look whose jobs are read.
MOST_JOBS, MOST_ALERTS = 5, 10
#: Seconds that reading those of one alert may take.
LIMIT_S = 2.0
#: Characters of a job's arguments at most; longer ones are left out.
LONGEST_ARGS = 4_000
TOO_MANY = f"The jobs were not read: more than {MOST_ALERTS} alerts were told at once."


def wants_jobs(told: Telling) -> bool:
    """Whether jobs are to be sent with it: its rule says so, somebody is sent them, and it is not over."""
    is_sent = any(way != DESKTOP for way in told.rule.ways)
    return told.rule.sends_jobs and is_sent and told.event != "over" and bool(told.alert.filter_text)


def with_jobs(told: Sequence[Telling], capabilities: Capabilities, secret_pattern: str) -> Asking[list[Telling]]:
    """The same, each with its jobs where it wants them, or with why they are missing: after a failure no more is read.

    Values below keys that match `secret_pattern` are hidden. See `LIMIT_S`.
    """
    found: list[Telling] = []
    trouble, count = "", 0
    for each in told:
        if wants_jobs(each):
            count += 1
            if count > MOST_ALERTS:
                trouble = trouble or TOO_MANY
            if not trouble:
                try:
                    rows: list[dict[str, Any]] = yield latest_jobs(each.alert.filter_text, capabilities)
                    each = replace(each, jobs=tuple(_job(row, secret_pattern) for row in rows))
                except (JobdeskException, FilterError) as error:
                    trouble = why_missing(error)
            each = replace(each, jobs_trouble=trouble) if each.jobs is None else each
        found.append(each)
    return found


def why_missing(error: Exception) -> str:
    """What is sent instead of the jobs that could not be read."""
    if isinstance(error, StatementTooLong):
        return "The jobs were not read: it would have taken too long."
    said = str(error) if isinstance(error, FilterError) else explain(error).sentence
    return masked(f"The jobs could not be read: {said}")


def without_jobs(told: Sequence[Telling], why: str) -> list[Telling]:
    """The same, with why those that want jobs have none."""
    return [replace(each, jobs_trouble=why) if wants_jobs(each) else each for each in told]


def latest_jobs(filter_text: str, capabilities: Capabilities) -> Statement[list[dict[str, Any]]]:
    """The latest jobs of a filter, with their arguments as JSON texts unless these are long.

    Raises FilterError and CapabilityMissing.
    """
    condition, parameters = JobFilter.parse(filter_text).condition(capabilities)
    return Statement(
        "SELECT job.id, job.task_name, job.queue_name, job.status::text AS status, job.attempts, "
        f"length(job.args::text) AS size, CASE WHEN length(job.args::text) <= {LONGEST_ARGS} "
        f"THEN job.args::text END AS args FROM {jobs_table(capabilities)} WHERE {condition} "
        f"ORDER BY job.id DESC LIMIT {MOST_JOBS}",
        lambda rows: [dict(row) for row in rows],
        parameters,
    )


def _job(row: dict[str, Any], secret_pattern: str) -> BehindJob:
    left_out, args = "", None
    if row["args"] is None and row["size"]:
        left_out = f"The arguments are {row['size']:,} characters long."
    elif row["args"] is not None:
        try:
            args = _blotted(secret_keys.masked(exact_json.loads(row["args"]), secret_pattern))
        except (ValueError, RecursionError):
            left_out = "The arguments cannot be read."
    return BehindJob(row["id"], row["task_name"], row["queue_name"], row["status"], row["attempts"], args, left_out)


def _blotted(value: Any) -> Any:
    """A JSON value without any password that is in hand."""
    if isinstance(value, dict):
        return {masked(key): _blotted(child) for key, child in value.items()}
    if isinstance(value, list):
        return [_blotted(child) for child in value]
    return masked(value) if isinstance(value, str) else value
