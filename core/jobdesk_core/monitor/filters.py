"""The filter language: `status:failed queue:billing,mail -task:invoice.* age:>1h args.user_id:42 "text"`.

A filter is a value that can be shown as tokens, run as SQL, and asked about one row. A condition is met
by any of its values, a filter by all of its conditions. How it is written: filter_text.py.
"""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass, replace
from typing import Any

from jobdesk_core.database.capabilities import Capabilities
from jobdesk_core.monitor.filter_conditions import FLAGS, KEYS, Condition, Verdict, condition_of, number_ranges
from jobdesk_core.monitor.filter_ranges import BIGINT
from jobdesk_core.monitor.filter_text import FilterError, Token, Value, argument_term, term, tokenize
from jobdesk_core.monitor.rows import JobRow

__all__ = ["FLAGS", "KEYS", "FilterError", "JobFilter", "Token", "Value", "argument_term", "term"]

_BARE_ID = re.compile(r"#?[0-9][0-9,]*")


@dataclass(frozen=True, slots=True)
class JobFilter:
    """Conditions that a job meets all of. The empty filter is met by every job.

    `ids` are the lowest and the highest id that the filter leaves possible.
    """

    text: str
    tokens: tuple[Token, ...]
    ids: tuple[int, int]
    _conditions: tuple[Condition, ...]

    @classmethod
    def parse(cls, text: str) -> JobFilter:
        """Read a filter. Raises FilterError with the place of the first mistake."""
        tokens = tuple(_as_id(token) for token in tokenize(text))
        conditions = tuple(condition_of(token, f"f{n}") for n, token in enumerate(tokens))
        return cls(" ".join(token.text for token in tokens), tokens, _ids(tokens), conditions)

    def condition(self, capabilities: Capabilities) -> tuple[str, dict[str, Any]]:
        """The filter as SQL over `jobs_table`, with its parameters; `true` when empty.

        Raises CapabilityMissing for `is:stalled` where no workers are recorded (before 3.1).
        """
        parameters: dict[str, Any] = {}
        for condition in self._conditions:
            parameters |= condition.parameters
        return " AND ".join(f"({each.sql(capabilities)})" for each in self._conditions) or "true", parameters

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
            if token.key == key and not token.is_negated and not any(value.is_pattern for value in token.values):
                values = frozenset(value.text for value in token.values)
                found = values if found is None else found & values
        return found


def _as_id(token: Token) -> Token:
    """A number by itself means an id: `4999980`, `#4,999,980`."""
    if token.key or token.values[0].is_quoted or not _BARE_ID.fullmatch(token.values[0].text):
        return token
    return replace(token, key="id", values=(Value((token.values[0].text.replace(",", ""),)),))


def _ids(tokens: tuple[Token, ...]) -> tuple[int, int]:
    lowest, highest = BIGINT
    for token in tokens:
        if token.key == "id" and not token.is_negated:
            ranges = number_ranges(token)
            lowest = max(lowest, min(low for low, _ in ranges))
            highest = min(highest, max(high for _, high in ranges))
    return lowest, highest
