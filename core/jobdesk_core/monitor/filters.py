"""The filter language: `status:failed queue:billing,mail -task:invoice.* (age:>1h or args.user_id:42) "text"`.

A filter is a value that can be shown as tokens, run as SQL, and asked about one row. A condition is met
by any of its values. How it is written: filter_text.py; how conditions go together: filter_tree.py.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from jobdesk_core.database.capabilities import Capabilities
from jobdesk_core.jobs import Status
from jobdesk_core.monitor.filter_conditions import (
    KEYS,
    Condition,
    Verdict,
    all_of,
    any_of,
    condition_of,
    none_of,
    number_ranges,
)
from jobdesk_core.monitor.filter_ids import Ids, in_all, in_any, of_ranges
from jobdesk_core.monitor.filter_text import FLAGS, FilterError, Sign, Token, Value, argument_term, lex, term
from jobdesk_core.monitor.filter_tree import (
    Group,
    Node,
    Piece,
    as_root,
    changed,
    conditions,
    fold,
    grow,
    opposite,
    pieces,
    written,
)
from jobdesk_core.monitor.rows import JobRow

__all__ = ["FLAGS", "KEYS", "FilterError", "JobFilter", "Piece", "Token", "Value", "argument_term", "term"]

_BARE_ID = re.compile(r"#?[0-9][0-9,]*")
_COUNTED = frozenset(("queue", "task", "status"))
_NOBODY_ASKS = dt.datetime.min.replace(tzinfo=dt.UTC)


@dataclass(frozen=True, slots=True)
class JobFilter:
    """Conditions and how they go together. The empty filter is met by every job.

    `tokens` are all conditions from left to right, `required` those that every match meets by themselves.
    `ids` are those that the filter leaves possible.
    """

    text: str
    tokens: tuple[Token, ...]
    required: tuple[Token, ...]
    pieces: tuple[Piece, ...]
    ids: Ids
    _root: Group
    _condition: Condition

    @classmethod
    def parse(cls, text: str) -> JobFilter:
        """Read a filter. Raises FilterError with the place of the first mistake."""
        root = grow([_without_key(each) for each in lex(text)])
        tokens, found = tuple(conditions(root)), tuple(pieces(root))
        named = iter([condition_of(token, f"f{number}") for number, token in enumerate(tokens)])
        condition = fold(root, lambda token: next(named), _condition_of_group)
        required = tuple(part for part in root.parts if isinstance(part, Token))
        return cls(written(found), tokens, required, found, fold(root, _ids, _ids_of_group), root, condition)

    def condition(self, capabilities: Capabilities) -> tuple[str, dict[str, Any]]:
        """The filter as SQL over `jobs_table`, with its parameters; `true` when empty.

        Raises CapabilityMissing for `is:stalled` where no workers are recorded (before 3.1).
        """
        return self._condition.sql(capabilities) or "true", self._condition.parameters

    def matches(self, row: JobRow, now: dt.datetime) -> Verdict:
        """Whether a row meets the filter, or None when only the database can say."""
        return self._condition.test(row, now)

    @property
    def is_counted(self) -> bool:
        """Whether it asks only for what jobs are counted by: queue, task and status."""
        return all(token.key in _COUNTED for token in self.tokens)

    def matches_group(self, queue: str, task: str, status: Status) -> bool:
        """Whether the jobs of this queue, task and status meet the filter, which `is_counted`."""
        row = JobRow(0, task, queue, status, 0, 0, None, None, None, None, False, None)
        return self._condition.test(row, _NOBODY_ASKS) is True

    def choices(self, key: str) -> frozenset[str] | None:
        """The plain values that the filter asks for under `key`, or None when it does not name them."""
        found: frozenset[str] | None = None
        for token in self.required:
            if token.key == key and not token.is_negated and not any(value.is_pattern for value in token.values):
                values = frozenset(value.text for value in token.values)
                found = values if found is None else found & values
        return found

    # Other filters, as texts

    def without(self, place: int) -> str:
        """The filter without the condition at this place among its tokens."""
        return self._with(place, lambda token: None)

    def with_opposite(self, place: int) -> str:
        """The filter with the condition at this place turned into its opposite."""
        return self._with(place, opposite)

    def narrowed(self, wanted: str) -> str:
        """The filter for what also meets the condition `wanted`.

        When that asks for a value, it takes the place of what was required of the same field before.
        """
        added = JobFilter.parse(wanted)
        (token,) = added.tokens
        kept = [part for part in self._root.parts if not _gives_way(part, token)]
        return written(pieces(Group((*kept, token))))

    def _with(self, place: int, change: Callable[[Token], Node | None]) -> str:
        return written(pieces(as_root(changed(self._root, place, change))))


def _without_key(lexed: Token | Sign) -> Token | Sign:
    """What needs no key: a number means an id (`4999980`, `#4,999,980`), and a flag's name the flag (`stalled`)."""
    if isinstance(lexed, Sign) or lexed.key or lexed.values[0].is_quoted:
        return lexed
    text = lexed.values[0].text
    if text in FLAGS:
        return replace(lexed, key="is", value=text)
    if _BARE_ID.fullmatch(text):
        return replace(lexed, key="id", value=text, values=(Value((text.replace(",", ""),)),))
    return lexed


def _condition_of_group(group: Group, parts: list[Condition]) -> Condition:
    whole = any_of(parts) if group.is_any else all_of(parts)
    return none_of(whole) if group.is_negated else whole


def _gives_way(part: Node, token: Token) -> bool:
    if not isinstance(part, Token) or (part.key, part.path) != (token.key, token.path) or not token.key:
        return False
    return part.text == token.text or not token.is_negated


def _ids(token: Token) -> Ids:
    return of_ranges(number_ranges(token)) if token.key == "id" and not token.is_negated else Ids()


def _ids_of_group(group: Group, parts: list[Ids]) -> Ids:
    if group.is_negated or not parts:
        return Ids()
    return in_any(parts) if group.is_any else in_all(parts)
