"""Conditions on arguments: contained JSON, a text anywhere, and values at a path, compared or not; and on the columns
that a deployment or a later release has added, which are compared alike.

`args.n:42` finds the number and the text alike. So does a comparison: `args.n:>30` compares numbers, also those that
are written as texts. A date is compared with texts that begin with one in ISO's spelling, as they are written: without
zones, and as far as the bound is given (`>2026-11-20` begins after that day).
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

from jobdesk_core.database.capabilities import Capabilities
from jobdesk_core.exceptions import CapabilityMissing
from jobdesk_core.filters.condition import Condition, text_sql
from jobdesk_core.filters.syntax import Token, Value

_NUMBER = r"[-+]?(?:[0-9]{1,400}(?:\.[0-9]{1,400})?|\.[0-9]{1,400})(?:[eE][-+]?[0-9]{1,3})?"
_DATE = r"[0-9]{4}-[0-9]{2}(?:-[0-9]{2}(?:[T ][0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]{1,6})?)?)?)?"
_BOUND = re.compile(rf"(>=|<=|>|<)(?:({_NUMBER})|({_DATE}))")
_SPAN = re.compile(rf"(?:({_NUMBER})?\.\.({_NUMBER})?|({_DATE})?\.\.({_DATE})?)")


@dataclass(frozen=True, slots=True)
class _Range:
    """What lies between two bounds, with the comparisons that they stand for."""

    bounds: tuple[tuple[str, str], ...]
    is_date: bool

    def sql(self, name: str) -> tuple[str, dict[str, Any]]:
        """The range over a table `held` with the value at the path as `kind` and `text`, with its parameters."""
        parameters = {f"{name}{place}": text for place, (_, text) in enumerate(self.bounds)}
        compared = " AND ".join(
            f"left(replace(held.text, ' ', 'T'), length(%({name}{place})s::text)) COLLATE \"C\" {sign} "
            f"%({name}{place})s::text"
            if self.is_date
            else f"held.text::numeric {sign} %({name}{place})s::numeric"
            for place, (sign, _) in enumerate(self.bounds)
        )
        is_text = "held.kind = 'string' AND length(held.text) <= 400 AND held.text ~ "
        if self.is_date:
            return f"CASE WHEN {is_text}'^[0-9]{{4}}-[0-9]{{2}}' THEN {compared} END", parameters
        numbers = f"held.kind = 'number' OR {is_text}'^[-+]?[0-9]+([.][0-9]+)?$'"
        # CASE alone is sure to keep what is no number from the cast.
        return f"CASE WHEN {numbers} THEN {compared} END", parameters


def _range(value: Value) -> _Range | None:
    """The comparison that a value stands for; None when it is a text."""
    if value.is_pattern or value.starts_quoted or (value.is_quoted and value.text[:1] not in "<>"):
        return None
    if value.text in ("", ".."):
        return None
    if match := _BOUND.fullmatch(value.text):
        return _Range(((match[1], _iso(match[2] or match[3])),), match[3] is not None)
    if match := _SPAN.fullmatch(value.text):
        is_date = match[3] is not None or match[4] is not None
        low, high = (match[3], match[4]) if is_date else (match[1], match[2])
        if low and high and not is_date and float(low) > float(high):
            low, high = high, low
        bounds = ((">=", low), ("<=", high))
        return _Range(tuple((sign, _iso(bound)) for sign, bound in bounds if bound), is_date)
    return None


def _iso(bound: str) -> str:
    return bound.replace(" ", "T")


def args_condition(token: Token, name: str) -> Condition:
    """What an `args` condition asks for. Raises FilterError."""
    if token.json is not None:
        # As it was typed: Python's numbers are not PostgreSQL's.
        return Condition(lambda capabilities: f"job.args @> %({name})s::jsonb", {name: token.value})
    if not token.path:
        return _anywhere(token, name)
    column = f"(job.args #>> %({name}p)s::text[])"
    kind = f"jsonb_typeof(job.args #> %({name}p)s::text[])"
    sql, parameters = _compared(token, name, kind, column)
    return Condition(lambda capabilities: sql, parameters | {f"{name}p": list(token.path)})


def column_condition(token: Token, name: str) -> Condition:
    """What a condition on an added column asks for. Raises FilterError; its SQL, CapabilityMissing."""
    if (token.key == "column") != (len(token.path) == 1):
        raise token.error("Name one column: column.dataset:x.")
    wanted = token.path[0] if token.path else token.key
    held = 'to_jsonb(job."{}")'.format(wanted.replace('"', '""').replace("%", "%%"))
    sql, parameters = _compared(token, name, f"jsonb_typeof({held})", f"({held} #>> '{{}}')")

    def on(capabilities: Capabilities) -> str:
        if wanted not in capabilities.extra_columns:
            there = f" There are: {', '.join(capabilities.extra_columns[:10])}." if capabilities.extra_columns else ""
            raise CapabilityMissing("column", f"The table of jobs has no added column {wanted[:60]}.{there}")
        return sql

    return Condition(on, parameters)


def _compared(token: Token, name: str, kind: str, column: str) -> tuple[str, dict[str, Any]]:
    """That a value, of this kind and as this text, is one of the condition's, meets a pattern, or lies in a range."""
    ranges = {place: found for place, value in enumerate(token.values) if (found := _range(value)) is not None}
    for place, value in enumerate(token.values):
        if place not in ranges and value.text[:1] in ("<", ">") and not value.starts_quoted:
            raise token.error("Numbers and dates are compared: args.n:>30, args.day:<2026-11-20.", value)
    values = [value for place, value in enumerate(token.values) if place not in ranges and not value.is_none]
    sql, parameters = text_sql(column, values, name)
    pieces = [f"{column} IS NULL"] if any(value.is_none for value in token.values) else []
    pieces += [sql] if sql else []
    if ranges:
        compared, found = zip(*(each.sql(f"{name}r{place}_") for place, each in ranges.items()), strict=True)
        held = f"SELECT {kind} AS kind, {column} AS text"
        pieces.append(f"(SELECT {' OR '.join(f'({each})' for each in compared)} FROM ({held}) AS held)")
        parameters |= {key: text for each in found for key, text in each.items()}
    return " OR ".join(pieces), parameters


def _anywhere(token: Token, name: str) -> Condition:
    """That the arguments as text hold one of these, as it is typed or as JSON writes it."""
    patterns = {
        each.contained.like for value in token.values for each in (value, Value(tuple(map(_as_in_json, value.parts))))
    }
    sql = f'job.args::text COLLATE "C" ILIKE ANY (%({name})s::text[])'
    return Condition(lambda capabilities: sql, {name: sorted(patterns)})


def _as_in_json(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)[1:-1]
