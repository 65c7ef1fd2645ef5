"""What the conditions of a filter mean, each twice: as SQL, and as a question to a row."""

from __future__ import annotations

import datetime as dt
import difflib
import json
import string
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from jobdesk_core.database.capabilities import Capabilities
from jobdesk_core.exceptions import CapabilityMissing
from jobdesk_core.jobs import Status
from jobdesk_core.monitor.filter_ranges import BIGINT, INTEGER, TimeRange, age_range, number_range, time_range
from jobdesk_core.monitor.filter_text import FLAGS, Token, Value
from jobdesk_core.monitor.rows import STALLED_AFTER_S, JobRow

KEYS = (
    *("status", "queue", "task", "lock", "queueing_lock", "priority", "id", "age", "deferred", "scheduled"),
    *("ended", "worker", "is", "args", "args.<key>"),
)
_TEXT_COLUMNS = {"queue": "queue_name", "task": "task_name", "lock": "lock", "queueing_lock": "queueing_lock"}
_NULLABLE = ("lock", "queueing_lock")
_TIMES = 'a date, a time such as "2026-11-20 12:30", now, -2h or +1d, with >, >=, < or <= before it, or X..Y'

Verdict = bool | None


Test = Callable[[JobRow, dt.datetime], Verdict]
Sql = Callable[[Capabilities], str]


@dataclass(frozen=True, slots=True)
class Condition:
    """`sql` over `jobs_table`, and the same asked of a row: None when only the database can say."""

    sql: Sql
    parameters: dict[str, Any] = field(default_factory=dict)
    test: Test = lambda row, now: None


def condition_of(token: Token, name: str) -> Condition:
    """What one token asks for; its parameters' names begin with `name`. Raises FilterError."""
    return _negated(_asked(token, name), token)


def _asked(token: Token, name: str) -> Condition:
    key = token.key
    if token.path and key != "args":
        raise token.error(f"{key} has no parts. Only args has: args.user_id:42.")
    if not key:
        return _free_text(token, name)
    make = _CONDITIONS.get(key)
    if make is None:
        raise token.error(f"There is no filter {key}. {_likely(key, KEYS)}")
    return make(token, name)


def _likely(wrong: str, words: Sequence[str]) -> str:
    close = difflib.get_close_matches(wrong[:40], words, 1)
    return f"Did you mean {close[0]}?" if close else f"There are: {', '.join(words)}."


def _negated(condition: Condition, token: Token) -> Condition:
    return none_of(condition) if token.is_negated else condition


# Put together: a condition that is NULL in SQL is one that is not met


def none_of(condition: Condition) -> Condition:
    """The opposite of a condition."""

    def test(row: JobRow, now: dt.datetime) -> Verdict:
        verdict = condition.test(row, now)
        return None if verdict is None else not verdict

    return Condition(lambda able: f"NOT coalesce(({condition.sql(able)}), false)", condition.parameters, test)


def all_of(conditions: Sequence[Condition]) -> Condition:
    """That every condition is met."""

    def test(row: JobRow, now: dt.datetime) -> Verdict:
        verdicts = [each.test(row, now) for each in conditions]
        return False if False in verdicts else None if None in verdicts else True

    return Condition(_joined(" AND ", conditions), _parameters(conditions), test)


def any_of(conditions: Sequence[Condition]) -> Condition:
    """That at least one condition is met."""

    def test(row: JobRow, now: dt.datetime) -> Verdict:
        verdicts = [each.test(row, now) for each in conditions]
        return True if True in verdicts else None if None in verdicts else False

    return Condition(_joined(" OR ", conditions), _parameters(conditions), test)


def _joined(word: str, conditions: Sequence[Condition]) -> Sql:
    return lambda able: word.join(f"({each.sql(able)})" for each in conditions)


def _parameters(conditions: Sequence[Condition]) -> dict[str, Any]:
    return {name: value for each in conditions for name, value in each.parameters.items()}


# Texts


def _text_sql(column: str, values: list[Value], name: str) -> tuple[str, dict[str, Any]]:
    """That a text is one of these values, or meets one of the patterns among them."""
    exact = [value.text for value in values if not value.is_pattern]
    patterns = [value.like for value in values if value.is_pattern]
    pieces: list[str] = []
    parameters: dict[str, Any] = {}
    if len(exact) == 1:
        # Not = ANY: before PostgreSQL 17 an index then gives its rows without their order.
        pieces.append(f"{column} = %({name})s::text")
        parameters[name] = exact[0]
    elif exact:
        pieces.append(f"{column} = ANY (%({name})s::text[])")
        parameters[name] = exact
    if patterns:
        pieces.append(f"{column} LIKE ANY (%({name}l)s::text[])")
        parameters[f"{name}l"] = patterns
    return " OR ".join(pieces), parameters


def _text_condition(token: Token, name: str) -> Condition:
    column = _TEXT_COLUMNS[token.key]
    has_none = column in _NULLABLE and any(value.is_none for value in token.values)
    values = [value for value in token.values if not (has_none and value.is_none)]
    sql, parameters = _text_sql(f"job.{column}", values, name)
    sql = " OR ".join(([f"job.{column} IS NULL"] if has_none else []) + ([sql] if sql else []))

    def test(row: JobRow, now: dt.datetime) -> Verdict:
        held = getattr(row, column)
        return has_none if held is None else any(value.matches(held) for value in values)

    return Condition(lambda able: sql, parameters, test)


def _folded(text: str) -> str:
    """As ILIKE under the collation "C" sees it: only A to Z have another case, on every server alike."""
    return text.translate(_FOLD)


_FOLD = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)


def _free_text(token: Token, name: str) -> Condition:
    wanted = _contained(token.values[0])
    needle = Value(tuple(map(_folded, wanted.parts)))

    def test(row: JobRow, now: dt.datetime) -> Verdict:
        held = (row.task_name, row.queue_name, row.lock, row.queueing_lock)
        return any(needle.matches(_folded(each)) for each in held if each is not None)

    sql = " OR ".join(f'job.{column} COLLATE "C" ILIKE %({name})s::text' for column in _TEXT_COLUMNS.values())
    return Condition(lambda able: sql, {name: wanted.like}, test)


def _contained(value: Value) -> Value:
    return Value(("", *value.parts, ""))


# Status, flags, worker


def _status_condition(token: Token, name: str) -> Condition:
    labels = [status.value for status in Status]
    wanted = {value.text for value in token.values}
    for value in token.values:
        if value.text not in labels:
            raise token.error(f"There is no status {value.text}. There are: {', '.join(labels)}.", value)

    def sql(able: Capabilities) -> str:
        # Labels, not parameters: a partial index serves only what the planner sees. One that the release
        # lacks must not be cast.
        held = [f"'{label}'" for label in labels if label in wanted and label in able.statuses]
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

    return Condition(lambda able: sql, {name: wanted}, test)


def _flag_condition(token: Token, name: str) -> Condition:
    flags = [value.text for value in token.values]
    for value in token.values:
        if value.text not in _FLAGS:
            raise token.error(f"is takes one of: {', '.join(FLAGS)}.", value)

    def sql(able: Capabilities) -> str:
        if "stalled" in flags and not (able.has_workers and able.has_worker_id):
            raise CapabilityMissing("workers table", f"Procrastinate {able.release} does not tell stalled jobs.")
        return " OR ".join(f"({_FLAGS[flag][0]})" for flag in flags)

    def test(row: JobRow, now: dt.datetime) -> Verdict:
        verdicts = [_FLAGS[flag][1](row, now) for flag in flags]
        return True if True in verdicts else None if None in verdicts else False

    return Condition(sql, {}, test)


_FLAGS: dict[str, tuple[str, Test]] = {
    "aborting": (
        "job.is_aborting",
        lambda row, now: row.status is Status.ABORTING or (row.abort_requested and row.status is Status.DOING),
    ),
    # Whatever has become of the job since: the mark may stay, and then a failed job cannot be retried.
    "abort_requested": (
        "job.abort_requested OR job.is_aborting",
        lambda row, now: row.abort_requested or row.status is Status.ABORTING,
    ),
    "scheduled": (
        "job.status = 'todo' AND job.scheduled_at > now()",
        lambda row, now: row.status is Status.TODO and row.scheduled_at is not None and row.scheduled_at > now,
    ),
    "stalled": (
        "job.status = 'doing' AND NOT EXISTS (SELECT FROM procrastinate_workers AS worker WHERE "
        f"worker.id = job.worker_id AND worker.last_heartbeat >= now() - interval '{STALLED_AFTER_S} seconds')",
        lambda row, now: None if row.status is Status.DOING else False,
    ),
}


# Numbers and times


def number_ranges(token: Token) -> list[tuple[int, int]]:
    """The numbers that an `id` or `priority` condition asks for, as lowest and highest. Raises FilterError."""
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

    return Condition(lambda able: sql, parameters, test)


def _time_condition(token: Token, name: str) -> Condition:
    has_none = token.key != "age" and any(value.is_none for value in token.values)
    ranges: list[TimeRange] = []
    for value in token.values:
        if has_none and value.is_none:
            continue
        found = (age_range if token.key == "age" else time_range)(value.text)
        if found is None and token.key == "age":
            message = "age takes a bound such as >1h or <10m, or a range such as 1h..2h (s, m, h, d, w)."
            raise token.error(message, value)
        if found is None:
            raise token.error(f"{token.key} takes {_TIMES}; or none.", value)
        ranges.append(found)
    column = "job.scheduled_at" if token.key == "scheduled" else "event_at"
    pieces = [f"{column} IS NULL"] if has_none else []
    parameters: dict[str, Any] = {}
    for index, each in enumerate(ranges):
        sql, found_parameters = each.sql(column, f"{name}_{index}")
        pieces.append(sql)
        parameters |= found_parameters
    sql = " OR ".join(f"({piece})" for piece in pieces)
    if token.key != "scheduled":
        sql = f"(SELECT {sql} FROM ({_ENDED if token.key == 'ended' else _DEFERRED}) AS event)"

    def test(row: JobRow, now: dt.datetime) -> Verdict:
        if token.key == "ended" and row.status.is_final:
            return None  # a row does not tell when it ended
        at = {"scheduled": row.scheduled_at, "ended": None}.get(token.key, row.deferred_at)
        return has_none if at is None else any(each.holds(at, now) for each in ranges)

    return Condition(lambda able: sql, parameters, test)


#: When a job was deferred, and when it ended: of one that waits or runs again it is not told.
_DEFERRED = (
    "SELECT min(event.at) AS event_at FROM procrastinate_events AS event "
    "WHERE event.job_id = job.id AND event.type = 'deferred'"
)
_ENDED = (
    "SELECT max(event.at) AS event_at FROM procrastinate_events AS event WHERE event.job_id = job.id "
    "AND event.type::text IN ('succeeded', 'failed', 'cancelled', 'aborted') "
    "AND job.status::text IN ('succeeded', 'failed', 'cancelled', 'aborted')"
)


# Arguments


def _args_condition(token: Token, name: str) -> Condition:
    if token.json is not None:
        # As it was typed: Python's numbers are not PostgreSQL's.
        return Condition(lambda able: f"job.args @> %({name})s::jsonb", {name: token.value})
    if not token.path:
        return _args_text(token, name)
    column = f"(job.args #>> %({name}p)s::text[])"
    values = [value for value in token.values if not value.is_none]
    sql, parameters = _text_sql(column, values, name)
    pieces = ([f"{column} IS NULL"] if len(values) < len(token.values) else []) + ([sql] if sql else [])
    return Condition(lambda able: " OR ".join(pieces), parameters | {f"{name}p": list(token.path)})


def _args_text(token: Token, name: str) -> Condition:
    """That the arguments as text hold one of these, as it is typed or as JSON writes it."""
    patterns = {
        _contained(each).like for value in token.values for each in (value, Value(tuple(map(_as_in_json, value.parts))))
    }
    sql = f'job.args::text COLLATE "C" ILIKE ANY (%({name})s::text[])'
    return Condition(lambda able: sql, {name: sorted(patterns)})


def _as_in_json(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)[1:-1]


_CONDITIONS: dict[str, Callable[[Token, str], Condition]] = {
    "status": _status_condition,
    **dict.fromkeys(_TEXT_COLUMNS, _text_condition),
    **dict.fromkeys(("priority", "id"), _number_condition),
    **dict.fromkeys(("age", "deferred", "scheduled", "ended"), _time_condition),
    "worker": _worker_condition,
    "is": _flag_condition,
    "args": _args_condition,
}
