"""One condition as a value: SQL, and the same as a question to a row; and how conditions are put together."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from jobdesk_core.database.capabilities import Capabilities
from jobdesk_core.database.rows import JobRow
from jobdesk_core.filters.syntax import Value

Verdict = bool | None
Test = Callable[[JobRow, dt.datetime], Verdict]
Sql = Callable[[Capabilities], str]


@dataclass(frozen=True, slots=True)
class Condition:
    """`sql` over `jobs_table`, and the same asked of a row: None when only the database can say."""

    sql: Sql
    parameters: dict[str, Any] = field(default_factory=dict)
    test: Test = lambda row, now: None


# Put together: a condition that is NULL in SQL is one that is not met


def none_of(condition: Condition) -> Condition:
    """The opposite of a condition."""

    def test(row: JobRow, now: dt.datetime) -> Verdict:
        verdict = condition.test(row, now)
        return None if verdict is None else not verdict

    return Condition(
        lambda capabilities: f"NOT coalesce(({condition.sql(capabilities)}), false)", condition.parameters, test
    )


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
    return lambda capabilities: word.join(f"({each.sql(capabilities)})" for each in conditions)


def _parameters(conditions: Sequence[Condition]) -> dict[str, Any]:
    return {name: value for each in conditions for name, value in each.parameters.items()}


def text_sql(column: str, values: list[Value], name: str) -> tuple[str, dict[str, Any]]:
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
