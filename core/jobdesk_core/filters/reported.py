"""Conditions on what workers report: `error:ConnectTimeout`, `error:"timed out"`, `host:worker-3`.

Only the database can say: a row holds neither. What is reported of one job is found by the job's id.
"""

from __future__ import annotations

from typing import Any

from jobdesk_core.connectors.statement import Rows, Statement
from jobdesk_core.database.capabilities import Capabilities
from jobdesk_core.exceptions import NothingReported
from jobdesk_core.filters.condition import Condition
from jobdesk_core.filters.syntax import Token, Value

#: As free text is compared: only A to Z have another case, on every server alike.
_LIKE = 'COLLATE "C" ILIKE ANY'
#: When no more reports than these match, only their jobs are looked at.
MOST_CANDIDATES = 5_000


def error_condition(token: Token, name: str) -> Condition:
    """That an attempt has failed with such an error: its type (with or without its module), or a part of its message.

    What stands in quotation marks is looked for in the messages; a whole type or fingerprint is found by it, too.
    `none` is met by jobs without a reported error.
    """
    has_none, values = _none_and_others(token)
    matched, parameters = _error_sql(values, name)
    # OFFSET 0: for each job that is looked at its own few errors are, not all there are for each stretch of jobs.
    of_job = "SELECT FROM jobdesk.errors AS error WHERE error.job_id = job.id"
    found = [f"EXISTS ({of_job} AND ({matched}) OFFSET 0)"] if values else []
    if has_none:
        found.append(f"NOT EXISTS ({of_job} OFFSET 0)")
    sql = " OR ".join(found)

    def checked(capabilities: Capabilities) -> str:
        check(capabilities, "errors")
        return sql

    return Condition(checked, parameters)


def _error_sql(values: list[Value], name: str) -> tuple[str, dict[str, Any]]:
    """That an error is one of these."""
    texts = [value for value in values if value.starts_quoted]
    names = [value for value in values if not value.starts_quoted]
    exact = [value.text for value in values if not value.is_pattern]
    pieces: list[str] = []
    parameters: dict[str, Any] = {}
    if names:
        # Also behind the last dot of a module's name.
        patterns = [value.like for value in names]
        parameters[f"{name}n"] = [*patterns, *(f"%.{pattern}" for pattern in patterns)]
        pieces.append(f"error.type {_LIKE} (%({name}n)s::text[])")
    if texts:
        parameters[f"{name}m"] = [value.contained.like for value in texts]
        pieces.append(f"error.message {_LIKE} (%({name}m)s::text[])")
    if exact:
        parameters[f"{name}e"] = exact
        pieces.append(f"error.fingerprint = ANY (%({name}e)s::text[]) OR error.type = ANY (%({name}e)s::text[])")
    return " OR ".join(pieces), parameters


def host_condition(token: Token, name: str) -> Condition:
    """That a worker of such a host is running the job, or has reported an error of it."""
    has_none, values = _none_and_others(token)

    def sql(capabilities: Capabilities) -> str:
        check(capabilities, "workers")
        found = [_of_host(capabilities, _host_sql(name))] if values else []
        if has_none:
            found.append(f"NOT ({_of_host(capabilities, 'true')})")
        return " OR ".join(found)

    return Condition(sql, {name: [value.like for value in values]} if values else {})


def _host_sql(name: str) -> str:
    return f"worker.host {_LIKE} (%({name})s::text[])"


def _of_host(capabilities: Capabilities, condition: str) -> str:
    """That the job has to do with a reported worker that meets a condition."""
    workers = f"FROM jobdesk.workers AS worker WHERE {condition}"
    running = f"job.id IN (SELECT unnest(worker.running) {workers})"
    if capabilities.has_worker_id:
        running += f" OR job.worker_id IN (SELECT worker.worker_id {workers} AND worker.worker_id IS NOT NULL)"
    found = f"(job.status = 'doing' AND coalesce({running}, false))"
    if capabilities.reported.refusal("errors") is None:
        found += (
            " OR EXISTS (SELECT FROM jobdesk.errors AS error WHERE error.job_id = job.id "
            f"AND error.worker IN (SELECT worker.id {workers}) OFFSET 0)"
        )
    return found


# Which jobs these can be


def is_narrowing(token: Token) -> bool:
    """Whether only jobs of which something is reported can meet a condition."""
    return token.key in ("error", "host") and not token.is_negated and not any(value.is_none for value in token.values)


def candidates(capabilities: Capabilities, token: Token) -> Statement[list[int] | None]:
    """The jobs that can meet a condition that `is_narrowing`; None when they are more than MOST_CANDIDATES.

    Raises NothingReported.
    """
    if token.key == "error":
        check(capabilities, "errors")
        matched, parameters = _error_sql(list(token.values), "c")
        sources = [f"SELECT error.job_id AS id FROM jobdesk.errors AS error WHERE {matched}"]
    else:
        check(capabilities, "workers")
        workers = f"FROM jobdesk.workers AS worker WHERE {_host_sql('c')}"
        parameters = {"c": [value.like for value in token.values]}
        sources = [f"SELECT unnest(worker.running) AS id {workers}"]
        if capabilities.has_worker_id:
            sources.append(
                "SELECT job.id FROM procrastinate_jobs AS job WHERE job.status = 'doing' "
                f"AND job.worker_id IN (SELECT worker.worker_id {workers} AND worker.worker_id IS NOT NULL)"
            )
        if capabilities.reported.refusal("errors") is None:
            hosts = f"SELECT worker.id {workers}"
            sources.append(f"SELECT error.job_id AS id FROM jobdesk.errors AS error WHERE error.worker IN ({hosts})")
    each = " UNION ALL ".join(f"(SELECT id FROM ({sql}) AS source LIMIT {MOST_CANDIDATES + 1})" for sql in sources)

    def decode(rows: Rows) -> list[int] | None:
        return None if rows[0]["number"] > MOST_CANDIDATES else sorted(rows[0]["ids"] or [])

    return Statement(
        f"SELECT count(*) AS number, array_agg(DISTINCT id) AS ids FROM ({each}) AS found WHERE id IS NOT NULL",
        decode,
        parameters,
    )


def check(capabilities: Capabilities, table: str) -> None:
    """Raise NothingReported when a table of the reports cannot be read."""
    refusal = capabilities.reported.refusal(table)
    if refusal is not None:
        raise NothingReported(refusal)


def _none_and_others(token: Token) -> tuple[bool, list[Value]]:
    return any(value.is_none for value in token.values), [value for value in token.values if not value.is_none]
