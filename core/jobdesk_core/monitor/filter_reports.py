"""Conditions on what workers report: `error:ConnectTimeout`, `error:"timed out"`, `host:worker-3`.

Only the database can say: a row holds neither. What is reported of one job is found by the job's id.
"""

from __future__ import annotations

from jobdesk_core.database.capabilities import Capabilities
from jobdesk_core.exceptions import NothingReported
from jobdesk_core.monitor.filter_condition import Condition
from jobdesk_core.monitor.filter_text import Token, Value

#: As free text is compared: only A to Z have another case, on every server alike.
_LIKE = 'COLLATE "C" ILIKE ANY'


def error_condition(token: Token, name: str) -> Condition:
    """That an attempt has failed with such an error: its type (with or without its module), or a part of its message.

    What stands in quotation marks is looked for in the messages; a whole type or fingerprint is found by it, too.
    `none` is met by jobs without a reported error.
    """
    has_none, values = _none_and_others(token)
    texts = [value for value in values if value.starts_quoted]
    names = [value for value in values if not value.starts_quoted]
    exact = [value.text for value in values if not value.is_pattern]
    pieces, parameters = [], {}
    if names:
        # Also behind the last dot of a module's name.
        patterns = [value.like for value in names if value.like != "%"]
        everything = len(patterns) < len(names)
        parameters[f"{name}n"] = ["%"] if everything else [*patterns, *(f"%.{pattern}" for pattern in patterns)]
        pieces.append(f"error.type {_LIKE} (%({name}n)s::text[])")
    if texts:
        parameters[f"{name}m"] = [value.contained.like for value in texts]
        pieces.append(f"error.message {_LIKE} (%({name}m)s::text[])")
    if exact:
        parameters[f"{name}e"] = exact
        pieces.append(f"error.fingerprint = ANY (%({name}e)s::text[]) OR error.type = ANY (%({name}e)s::text[])")
    of_job = "SELECT FROM jobdesk.errors AS error WHERE error.job_id = job.id"
    found = [f"EXISTS ({of_job} AND ({' OR '.join(pieces)}))"] if pieces else []
    if has_none:
        found.append(f"NOT EXISTS ({of_job})")
    sql = " OR ".join(found)

    def checked(able: Capabilities) -> str:
        check(able, "errors")
        return sql

    return Condition(checked, parameters)


def host_condition(token: Token, name: str) -> Condition:
    """That a worker of such a host has the job, is running it, or has reported an error of it."""
    has_none, values = _none_and_others(token)
    named = f"worker.host {_LIKE} (%({name})s::text[])"
    parameters = {name: [value.like for value in values]}

    def sql(able: Capabilities) -> str:
        check(able, "workers")
        found = [_of_host(able, named)] if values else []
        if has_none:
            found.append(f"NOT ({_of_host(able, 'true')})")
        return " OR ".join(found)

    return Condition(sql, parameters if values else {})


def _of_host(able: Capabilities, condition: str) -> str:
    """That the job has to do with a reported worker that meets a condition."""
    workers = f"FROM jobdesk.workers AS worker WHERE {condition}"
    pieces = [f"job.status = 'doing' AND job.id IN (SELECT unnest(worker.running) {workers})"]
    if able.has_worker_id:
        pieces.append(
            f"coalesce(job.worker_id IN (SELECT worker.worker_id {workers} AND worker.worker_id IS NOT NULL), false)"
        )
    if able.reported.refusal("errors") is None:
        pieces.append(
            "EXISTS (SELECT FROM jobdesk.errors AS error WHERE error.job_id = job.id "
            f"AND error.worker IN (SELECT worker.id {workers}))"
        )
    return " OR ".join(f"({piece})" for piece in pieces)


def check(able: Capabilities, table: str) -> None:
    """Raise NothingReported when a table of the reports cannot be read."""
    refusal = able.reported.refusal(table)
    if refusal is not None:
        raise NothingReported(refusal)


def _none_and_others(token: Token) -> tuple[bool, list[Value]]:
    return any(value.is_none for value in token.values), [value for value in token.values if not value.is_none]
