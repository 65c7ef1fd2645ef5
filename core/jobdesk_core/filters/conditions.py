"""What the conditions of a filter mean, each twice: as SQL, and as a question to a row."""

from __future__ import annotations

import datetime as dt
import string
from collections.abc import Callable
from typing import Any

from jobdesk_core.database.capabilities import Capabilities
from jobdesk_core.database.rows import IS_ABORTING, JobRow, is_heard_from
from jobdesk_core.exceptions import CapabilityMissing
from jobdesk_core.filters.arguments import args_condition, column_condition
from jobdesk_core.filters.condition import Condition, Test, Verdict, none_of, text_sql
from jobdesk_core.filters.qualifiers import NOT_KEPT
from jobdesk_core.filters.ranges import BIGINT, INTEGER, number_range
from jobdesk_core.filters.reported import error_condition, host_condition
from jobdesk_core.filters.syntax import FLAGS, Token, Value
from jobdesk_core.filters.times import span_condition, time_condition
from jobdesk_core.filters.unlikely import doubt
from jobdesk_core.jobs import Status

_TEXT_COLUMNS = {"queue": "queue_name", "task": "task_name", "lock": "lock", "queueing_lock": "queueing_lock"}
_NULLABLE = ("lock", "queueing_lock")


def condition_of(token: Token, name: str) -> Condition:
    """What one token asks for; its parameters' names begin with `name`. Raises FilterError."""
    return _negated(_asked(token, name), token)


def _asked(token: Token, name: str) -> Condition:
    key = token.key
    if token.path and key not in ("args", "column"):
        raise token.error(f"{key} has no parts. Only args has: args.user_id:42.")
    if not key:
        return _free_text(token, name)
    make = _CONDITIONS.get(key)
    if make is None:
        raise token.error(NOT_KEPT.get(key, f"There is no filter {key[:60]}."))
    for value in token.values:
        if (problem := doubt(token, value)) is not None:
            raise token.error(problem, value)
    return make(token, name)


def _negated(condition: Condition, token: Token) -> Condition:
    return none_of(condition) if token.is_negated else condition


# Texts


def _text_condition(token: Token, name: str) -> Condition:
    column = _TEXT_COLUMNS[token.key]
    has_none = column in _NULLABLE and any(value.is_none for value in token.values)
    values = [value for value in token.values if not (has_none and value.is_none)]
    sql, parameters = text_sql(f"job.{column}", values, name)
    sql = " OR ".join(([f"job.{column} IS NULL"] if has_none else []) + ([sql] if sql else []))

    def test(row: JobRow, now: dt.datetime) -> Verdict:
        held = getattr(row, column)
        return has_none if held is None else any(value.matches(held) for value in values)

    return Condition(lambda capabilities: sql, parameters, test)


def _folded(text: str) -> str:
    """As ILIKE under the collation "C" sees it: only A to Z have another case, on every server alike."""
    return text.translate(_FOLD)


_FOLD = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)


def _free_text(token: Token, name: str) -> Condition:
    if (problem := doubt(token, token.values[0])) is not None:
        raise token.error(problem)
    wanted = token.values[0].contained
    needle = Value(tuple(map(_folded, wanted.parts)))

    def test(row: JobRow, now: dt.datetime) -> Verdict:
        held = (row.task_name, row.queue_name, row.lock, row.queueing_lock)
        return any(needle.matches(_folded(each)) for each in held if each is not None)

    sql = " OR ".join(f'job.{column} COLLATE "C" ILIKE %({name})s::text' for column in _TEXT_COLUMNS.values())
    return Condition(lambda capabilities: sql, {name: wanted.like}, test)


# Status, flags, worker


def _status_condition(token: Token, name: str) -> Condition:
    labels = [status.value for status in Status]
    wanted = {value.text for value in token.values}
    for value in token.values:
        if value.text not in labels:
            raise token.error(f"There is no status {value.text}. There are: {', '.join(labels)}.", value)

    def sql(capabilities: Capabilities) -> str:
        # Labels, not parameters: a partial index serves only what the planner sees. One that the release
        # lacks must not be cast.
        held = [f"'{label}'" for label in labels if label in wanted and label in capabilities.statuses]
        return f"job.status IN ({', '.join(held)})" if held else "false"

    return Condition(sql, {}, lambda row, now: row.status.value in wanted)


def _worker_condition(token: Token, name: str) -> Condition:
    has_none = any(value.is_none for value in token.values)
    ranges = [number_range(value.text.removeprefix("#"), BIGINT) for value in token.values if not value.is_none]
    if any(each is None or each[0] < each[1] for each in ranges):
        raise token.error("worker takes a worker's number, or none.")
    wanted = [each[0] for each in ranges if each is not None and each[0] == each[1]]
    sql = f"job.worker_id = ANY (%({name})s::bigint[])" + (" OR job.worker_id IS NULL" if has_none else "")

    def test(row: JobRow, now: dt.datetime) -> Verdict:
        return has_none if row.worker_id is None else row.worker_id in wanted

    return Condition(lambda capabilities: sql, {name: wanted}, test)


def _flag_condition(token: Token, name: str) -> Condition:
    flags = [value.text for value in token.values]
    for value in token.values:
        if value.text not in _FLAGS:
            raise token.error(f"is takes one of: {', '.join(FLAGS)}.", value)

    def sql(capabilities: Capabilities) -> str:
        if "stalled" in flags and not (capabilities.has_workers and capabilities.has_worker_id):
            raise CapabilityMissing(
                "workers table", f"Procrastinate {capabilities.release} cannot tell which jobs have stalled."
            )
        # Where queues cannot be paused none is.
        known = [flag for flag in flags if flag != "paused" or capabilities.has_paused_queues]
        return " OR ".join(f"({_FLAGS[flag][0]})" for flag in known) or "false"

    def test(row: JobRow, now: dt.datetime) -> Verdict:
        verdicts = [_FLAGS[flag][1](row, now) for flag in flags]
        return True if True in verdicts else None if None in verdicts else False

    return Condition(sql, {}, test)


_FLAGS: dict[str, tuple[str, Test]] = {
    "aborting": (
        f"job.{IS_ABORTING}",
        lambda row, now: row.status is Status.ABORTING or (row.abort_requested and row.status is Status.DOING),
    ),
    # Whatever has become of the job since: the mark may stay, and then a failed job cannot be retried.
    "abort_requested": (
        f"job.abort_requested OR job.{IS_ABORTING}",
        lambda row, now: row.abort_requested or row.status is Status.ABORTING,
    ),
    "paused": (
        "job.status = 'todo' AND EXISTS (SELECT FROM procrastinate_paused_queues AS paused "
        "WHERE paused.queue_name = job.queue_name)",
        lambda row, now: None if row.status is Status.TODO else False,
    ),
    "scheduled": (
        "job.status = 'todo' AND job.scheduled_at > now()",
        lambda row, now: row.status is Status.TODO and row.scheduled_at is not None and row.scheduled_at > now,
    ),
    "stalled": (
        "job.status = 'doing' AND NOT EXISTS (SELECT FROM procrastinate_workers AS worker WHERE "
        f"worker.id = job.worker_id AND {is_heard_from('worker')})",
        lambda row, now: None if row.status is Status.DOING else False,
    ),
}


# Numbers and times


def number_ranges(token: Token) -> list[tuple[int, int]]:
    """The numbers that `id`, `priority` or `attempts` asks for, as lowest and highest. Raises FilterError."""
    limits = BIGINT if token.key == "id" else INTEGER
    ranges = []
    for value in token.values:
        found = number_range(value.text.removeprefix("#") if token.key == "id" else value.text, limits)
        if found is None:
            message = f"{token.key} takes a number, a range such as 10..20, or a bound such as >10."
            raise token.error(message, value)
        ranges.append(found)
    return ranges


def _number_condition(token: Token, name: str) -> Condition:
    # What is beyond the column's type is cut off: a larger type in the comparison would lose the index.
    ranges = number_ranges(token)
    key, kind = token.key, "bigint" if token.key == "id" else "integer"
    pieces: list[str] = []
    parameters: dict[str, Any] = {}
    single = {low for low, high in ranges if low == high}
    if len(single) > 1:
        # A pasted list may be longer than a statement may have parameters.
        pieces.append(f"job.{key} = ANY (%({name}s)s::{kind}[])")
        parameters[f"{name}s"] = sorted(single)
    wide = [each for each in ranges if each[0] < each[1] or len(single) == 1]
    for index, (low, high) in enumerate(wide):
        if low <= high:
            first, last = f"{name}_{index}a", f"{name}_{index}b"
            pieces.append(f"job.{key} BETWEEN %({first})s::{kind} AND %({last})s::{kind}")
            parameters |= {first: low, last: high}
    sql = " OR ".join(pieces) or "false"

    def test(row: JobRow, now: dt.datetime) -> Verdict:
        held = getattr(row, key)
        return held in single or any(low <= held <= high for low, high in wide)

    return Condition(lambda capabilities: sql, parameters, test)


_CONDITIONS: dict[str, Callable[[Token, str], Condition]] = {
    "status": _status_condition,
    **dict.fromkeys(_TEXT_COLUMNS, _text_condition),
    **dict.fromkeys(("priority", "id", "attempts"), _number_condition),
    **dict.fromkeys(("age", "deferred", "scheduled", "started", "ended"), time_condition),
    **dict.fromkeys(("duration", "waited"), span_condition),
    "worker": _worker_condition,
    "error": error_condition,
    "host": host_condition,
    "is": _flag_condition,
    "args": args_condition,
    **dict.fromkeys(("column", "result"), column_condition),
}
