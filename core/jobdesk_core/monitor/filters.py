"""The filter language: `status:failed queue:billing,mail -task:invoice.* age:>1h args.user_id:42 "text"`.

A filter is a value that can be shown as tokens, run as SQL, and asked about one row.
"""

from __future__ import annotations

import datetime as dt
import fnmatch
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from jobdesk_core.database.capabilities import Capabilities
from jobdesk_core.exceptions import CapabilityMissing
from jobdesk_core.jobs import Status
from jobdesk_core.monitor.rows import JobRow

_TOKEN = re.compile(
    r'(?P<negation>-)?(?:(?P<key>[A-Za-z_]+(?:\.[^\s:"]+)?):(?P<value>"[^"]*"|\S*)|"(?P<quoted>[^"]*)"|(?P<word>\S+))'
)
_UNITS_S = {"s": 1, "min": 60, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_AGE = re.compile(r"([<>])(\d+(?:\.\d+)?)(s|min|m|h|d|w)$")
_RANGE = re.compile(r"(?:(\d+)\.\.(\d+)|(>=|<=|>|<)?(-?\d+))$")
_TEXT_COLUMNS = {"queue": "queue_name", "task": "task_name", "lock": "lock", "queueing_lock": "queueing_lock"}
KEYS = ("status", "queue", "task", "lock", "queueing_lock", "priority", "id", "age", "worker", "is", "args.<key>")
FLAGS = ("aborting", "scheduled", "stalled")


class FilterError(ValueError):
    """A filter that cannot be understood: what is wrong, and where in its text."""

    def __init__(self, message: str, position: int, length: int) -> None:
        super().__init__(message)
        self.message = message
        self.position = position
        self.length = length


@dataclass(frozen=True, slots=True)
class Token:
    """One condition of a filter as it was typed, from `start` to `end`. `key` is empty for free text."""

    start: int
    end: int
    key: str
    value: str
    is_negated: bool = False

    @property
    def text(self) -> str:
        """The token as one types it."""
        value = f'"{self.value}"' if " " in self.value or (not self.key and ":" in self.value) else self.value
        return f"{'-' if self.is_negated else ''}{self.key + ':' if self.key else ''}{value}"


Verdict = bool | None
Test = Callable[[JobRow, dt.datetime], Verdict]


@dataclass(frozen=True, slots=True)
class _Condition:
    sql: str
    parameters: dict[str, Any]
    test: Test


@dataclass(frozen=True, slots=True)
class JobFilter:
    """Conditions that a job meets all of. The empty filter is met by every job."""

    text: str
    tokens: tuple[Token, ...]
    _conditions: tuple[_Condition, ...]

    @classmethod
    def parse(cls, text: str) -> JobFilter:
        """Read a filter. Raises FilterError with the place of the first mistake."""
        tokens = tuple(tokenize(text))
        conditions = tuple(_negated(_condition(token, f"f{n}"), token) for n, token in enumerate(tokens))
        return cls(" ".join(token.text for token in tokens), tokens, conditions)

    def condition(self, capabilities: Capabilities) -> tuple[str, dict[str, Any]]:
        """The filter as SQL over `jobs_table`, with its parameters; `true` when empty.

        Raises CapabilityMissing for `is:stalled` where no workers are recorded (before 3.1).
        """
        if not capabilities.has_workers and any((token.key, token.value) == ("is", "stalled") for token in self.tokens):
            raise CapabilityMissing(
                "workers table", f"Procrastinate {capabilities.release} does not tell stalled jobs."
            )
        parameters: dict[str, Any] = {}
        for condition in self._conditions:
            parameters |= condition.parameters
        return " AND ".join(f"({condition.sql})" for condition in self._conditions) or "true", parameters

    def matches(self, row: JobRow, now: dt.datetime) -> Verdict:
        """Whether a row meets the filter, or None when only the database can say."""
        verdicts = [condition.test(row, now) for condition in self._conditions]
        if False in verdicts:
            return False
        return None if None in verdicts else True

    def choices(self, key: str) -> frozenset[str] | None:
        """The plain values that the filter asks for under `key`, or None when it does not name them."""
        found: frozenset[str] | None = None
        for token in self.tokens:
            if token.key == key and not token.is_negated and "*" not in token.value:
                values = frozenset(token.value.split(","))
                found = values if found is None else found & values
        return found


def term(key: str, value: str) -> str:
    """The text of a filter for one value, such as `queue:"night shift"`."""
    return Token(0, 0, key, value).text


def tokenize(text: str) -> list[Token]:
    """Split a filter's text. Raises FilterError for a quotation mark that is not closed."""
    if text.count('"') % 2:
        raise FilterError("A quotation mark is not closed.", text.rindex('"'), 1)
    tokens = []
    for match in _TOKEN.finditer(text):
        key = match["key"] or ""
        value = match["value"] if key else match["quoted"] if match["quoted"] is not None else match["word"]
        tokens.append(Token(match.start(), match.end(), key, value.strip('"'), match["negation"] is not None))
    return tokens


def _condition(token: Token, name: str) -> _Condition:
    key, value = token.key, token.value
    if key and not value:
        raise _error(token, f"What should {key} be? Type it after the colon.")
    if key in _TEXT_COLUMNS:
        return _text_condition(_TEXT_COLUMNS[key], value, name)
    if key == "status":
        return _status_condition(token, name)
    if key in ("priority", "id"):
        return _number_condition(token, name)
    if key == "age":
        return _age_condition(token, name)
    if key == "worker":
        return _worker_condition(token, name)
    if key == "is":
        return _flag_condition(token)
    if key.startswith("args."):
        path = key[len("args.") :].split(".")
        sql = f"job.args #>> %({name}p)s::text[] = ANY (%({name})s::text[])"
        return _Condition(sql, {name: value.split(","), f"{name}p": path}, lambda row, now: None)
    if key:
        raise _error(token, f"There is no filter {key}. There are: {', '.join(KEYS)}.")
    if value.lstrip("#").replace(",", "").isdigit():
        return _number_condition(Token(token.start, token.end, "id", value.lstrip("#").replace(",", "")), name)
    return _free_text(value, name)


def _negated(condition: _Condition, token: Token) -> _Condition:
    if not token.is_negated:
        return condition

    def test(row: JobRow, now: dt.datetime) -> Verdict:
        verdict = condition.test(row, now)
        return None if verdict is None else not verdict

    return _Condition(f"NOT coalesce(({condition.sql}), false)", condition.parameters, test)


def _error(token: Token, message: str) -> FilterError:
    return FilterError(message, token.start, token.end - token.start)


def _text_condition(column: str, value: str, name: str) -> _Condition:
    if value == "none" and column in ("lock", "queueing_lock"):
        return _Condition(f"job.{column} IS NULL", {}, lambda row, now: getattr(row, column) is None)
    values = value.split(",")
    exact = [each for each in values if "*" not in each]
    patterns = [each for each in values if "*" in each]
    tests = [re.compile(fnmatch.translate(each.replace("[", "[[]"))) for each in patterns]

    def test(row: JobRow, now: dt.datetime) -> Verdict:
        held = getattr(row, column)
        return held is not None and (held in exact or any(each.match(held) for each in tests))

    return _Condition(
        f"job.{column} = ANY (%({name})s::text[]) OR job.{column} LIKE ANY (%({name}l)s::text[])"
        if patterns
        else f"job.{column} = ANY (%({name})s::text[])",
        {name: exact} | ({f"{name}l": [_like(each) for each in patterns]} if patterns else {}),
        test,
    )


def _like(pattern: str) -> str:
    return re.sub(r"([\\%_])", r"\\\1", pattern).replace("*", "%")


def _status_condition(token: Token, name: str) -> _Condition:
    labels = {status.value for status in Status}
    wanted = token.value.split(",")
    for value in wanted:
        if value not in labels:
            raise _error(token, f"There is no status {value}. There are: {', '.join(s.value for s in Status)}.")
    # Literals that a release lacks must not be cast: compare the labels that it has.
    return _Condition(
        f"job.status = ANY (ARRAY(SELECT enumlabel::text FROM pg_enum WHERE enumtypid = "
        f"'procrastinate_job_status'::regtype AND enumlabel = ANY (%({name})s))::procrastinate_job_status[])",
        {name: wanted},
        lambda row, now: row.status.value in wanted,
    )


def _number_condition(token: Token, name: str) -> _Condition:
    key = token.key
    pieces = []
    tests: list[Callable[[int], bool]] = []
    parameters: dict[str, Any] = {}
    for index, value in enumerate(token.value.split(",")):
        match = _RANGE.match(value)
        if match is None:
            raise _error(token, f"{key} takes a number, a range such as 10..20, or a bound such as >10.")
        low, high = f"{name}_{index}a", f"{name}_{index}b"
        if match[1]:
            first, last = int(match[1]), int(match[2])
            pieces.append(f"job.{key} BETWEEN %({low})s AND %({high})s")
            parameters |= {low: first, high: last}
            tests.append(lambda held, first=first, last=last: first <= held <= last)  # type: ignore[misc]
        else:
            operator, bound = match[3] or "=", int(match[4])
            pieces.append(f"job.{key} {operator} %({low})s")
            parameters[low] = bound
            tests.append(_comparison(operator, bound))
    return _Condition(" OR ".join(pieces), parameters, lambda row, now: any(test(getattr(row, key)) for test in tests))


def _comparison(operator: str, bound: int) -> Callable[[int], bool]:
    return {
        "=": lambda held: held == bound,
        ">": lambda held: held > bound,
        "<": lambda held: held < bound,
        ">=": lambda held: held >= bound,
        "<=": lambda held: held <= bound,
    }[operator]


def _age_condition(token: Token, name: str) -> _Condition:
    match = _AGE.match(token.value)
    if match is None:
        raise _error(token, "age takes a bound such as >1h or <10m (s, m, h, d, w).")
    seconds = float(match[2]) * _UNITS_S[match[3]]
    is_older = match[1] == ">"

    def test(row: JobRow, now: dt.datetime) -> Verdict:
        if row.deferred_at is None:
            return False
        return ((now - row.deferred_at).total_seconds() > seconds) == is_older

    deferred_at = (
        "(SELECT min(event.at) FROM procrastinate_events AS event "
        "WHERE event.job_id = job.id AND event.type = 'deferred')"
    )
    operator = "<" if is_older else ">="
    sql = f"{deferred_at} {operator} now() - %({name})s * interval '1 second'"
    return _Condition(sql, {name: seconds}, test)


def _worker_condition(token: Token, name: str) -> _Condition:
    if token.value == "none":
        return _Condition("job.worker_id IS NULL", {}, lambda row, now: row.worker_id is None)
    numbers = token.value.split(",")
    if not all(each.lstrip("#").isdigit() for each in numbers):
        raise _error(token, "worker takes a worker's number, or none.")
    wanted = [int(each.lstrip("#")) for each in numbers]
    return _Condition(
        f"job.worker_id = ANY (%({name})s::bigint[])", {name: wanted}, lambda row, now: row.worker_id in wanted
    )


def _flag_condition(token: Token) -> _Condition:
    if token.value == "aborting":
        return _Condition(
            "job.is_aborting",
            {},
            lambda row, now: row.status is Status.ABORTING or (row.abort_requested and row.status is Status.DOING),
        )
    if token.value == "scheduled":
        return _Condition(
            "job.status = 'todo' AND job.scheduled_at > now()",
            {},
            lambda row, now: row.status is Status.TODO and row.scheduled_at is not None and row.scheduled_at > now,
        )
    if token.value == "stalled":
        return _Condition(
            "job.status = 'doing' AND NOT EXISTS (SELECT FROM procrastinate_workers AS worker "
            "WHERE worker.id = job.worker_id AND worker.last_heartbeat >= now() - interval '30 seconds')",
            {},
            lambda row, now: None if row.status is Status.DOING else False,
        )
    raise _error(token, f"is takes one of: {', '.join(FLAGS)}.")


def _free_text(value: str, name: str) -> _Condition:
    needle = value.lower()

    def test(row: JobRow, now: dt.datetime) -> Verdict:
        return any(
            needle in held.lower()
            for held in (row.task_name, row.queue_name, row.lock, row.queueing_lock)
            if held is not None
        )

    pieces = " OR ".join(f"job.{column} ILIKE %({name})s" for column in _TEXT_COLUMNS.values())
    return _Condition(pieces, {name: f"%{_like(value).replace('*', '%')}%"}, test)
