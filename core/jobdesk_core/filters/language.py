"""The filter language: `status:failed queue:billing,mail -task:invoice.* (age:>1h or args.user_id:42) "text"`.

A filter is a value that can be shown as tokens, run as SQL, and asked about one row. A condition is met
by any of its values. How it is written: syntax.py; how conditions go together: tree.py.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from jobdesk_core.database.capabilities import Capabilities
from jobdesk_core.database.rows import JobRow
from jobdesk_core.filters.condition import Condition, Verdict, all_of, any_of, none_of
from jobdesk_core.filters.conditions import condition_of, number_ranges
from jobdesk_core.filters.id_ranges import Ids, in_all, in_any, of_ranges, split_ids
from jobdesk_core.filters.phrases import phrase_in
from jobdesk_core.filters.qualifiers import DAY_WORDS, STATUS_WORDS
from jobdesk_core.filters.ranges import Moment
from jobdesk_core.filters.suggestions import guesses, likely_keys
from jobdesk_core.filters.syntax import DUE, FLAGS, KEYS, FilterError, Sign, Token, Value, argument_term, lex, term
from jobdesk_core.filters.tree import (
    FilterGroup,
    Node,
    Piece,
    as_root,
    changed,
    conditions,
    fold,
    grow,
    lists_ids,
    opposite,
    pieces,
    written,
)
from jobdesk_core.jobs import Status

__all__ = ["DUE", "FLAGS", "KEYS", "FilterError", "JobFilter", "Piece", "Token", "Value", "argument_term", "term"]

#: Suggestions for one condition.
MOST_SUGGESTED = 3
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
    _root: FilterGroup
    _condition: Condition

    @classmethod
    def parse(cls, text: str) -> JobFilter:
        """Read a filter. Raises FilterError with the place of the first mistake, and what may have been meant."""
        phrase = phrase_in(text)
        if phrase is not None and (found := tuple(filter(_is_understood, phrase.guesses))):
            raise FilterError(
                f"“{phrase.text[:80]}” is not the filter's own language.",
                phrase.start,
                phrase.end - phrase.start,
                found,
                (phrase.start, phrase.end),
            )
        try:
            return cls._parsed(text)
        except FilterError as error:
            found = tuple(_names_begun(text[error.position : error.position + error.length]))
            end = error.position + error.length
            raise FilterError(error.message, error.position, error.length, found, (error.position, end)) from error
        except _NotUnderstood as error:
            token, cause = error.token, error.cause
            likely = [
                each
                for each in dict.fromkeys(guesses(token, text[token.start : token.end]))
                if each != token.text and _is_understood(each)
            ]
            raise FilterError(
                cause.message, cause.position, cause.length, tuple(likely[:MOST_SUGGESTED]), (token.start, token.end)
            ) from cause

    @classmethod
    def _parsed(cls, text: str) -> JobFilter:
        root = grow(_ids_together([_canonical(each) for each in lex(text)]))
        tokens, found = tuple(conditions(root)), tuple(pieces(root))
        made = []
        for number, token in enumerate(tokens):
            try:
                made.append(condition_of(token, f"f{number}"))
            except FilterError as error:
                raise _NotUnderstood(token, error) from error
        named = iter(made)
        condition = fold(root, lambda token: next(named), _condition_of_group)
        required = tuple(part for part in root.parts if isinstance(part, Token))
        return cls(written(found), tokens, required, found, fold(root, _ids, _ids_of_group), root, condition)

    @property
    def texts(self) -> tuple[str, ...]:
        """The free texts, which are looked for in the names of tasks, queues and locks."""
        return tuple(token.values[0].text for token in self.tokens if not token.key)

    def condition(self, capabilities: Capabilities) -> tuple[str, dict[str, Any]]:
        """The filter as SQL over `jobs_table`, with its parameters; `true` when empty.

        Raises CapabilityMissing for `is:stalled` where no workers are recorded (before 3.1).
        """
        now = capabilities.clock.now()
        held = self._condition.parameters.items()
        # A day is another one after midnight.
        parameters = {name: value.resolved(now) if isinstance(value, Moment) else value for name, value in held}
        return self._condition.sql(capabilities) or "true", parameters

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
        return written(pieces(FilterGroup((*kept, token))))

    def _with(self, place: int, change: Callable[[Token], Node | None]) -> str:
        return written(pieces(as_root(changed(self._root, place, change))))


class _NotUnderstood(Exception):
    """A condition that is not understood, and why."""

    def __init__(self, token: Token, cause: FilterError) -> None:
        super().__init__(cause.message)
        self.token = token
        self.cause = cause


def _names_begun(typed: str) -> Iterator[str]:
    """For a name that there is not, and which has no value yet: those that may be meant, to be typed on."""
    name = typed.removeprefix("-").lower()
    if name.endswith((":", "=")) and name[:-1].isidentifier() and name[:-1] not in KEYS:
        yield from (f"{each}:" for each in likely_keys(name[:-1]))
        yield f"args.{name[:-1]}:"


def _is_understood(text: str) -> bool:
    try:
        return bool(JobFilter._parsed(text).tokens) or text in ("and", "or")
    except (FilterError, _NotUnderstood):
        return text in ("and", "or")


def _canonical(lexed: Token | Sign) -> Token | Sign:
    """A condition as it is always written: what needs no key with the one that it has, other words for a status."""
    if isinstance(lexed, Sign) or any(value.is_quoted for value in lexed.values):
        return lexed
    minus = "-" if lexed.is_negated else ""
    if not lexed.key:
        text = lexed.values[0].text
        if text.lower() in FLAGS:
            return replace(
                lexed, text=f"{minus}{text.lower()}", key="is", value=text, values=(_value(text.lower(), lexed),)
            )
        if whole := DAY_WORDS.get(text.lower()):
            key, _, value = whole.partition(":")
            return replace(lexed, text=f"{minus}{whole}", key=key, value=value, values=(_value(value, lexed),))
        if text.lower() in STATUS_WORDS:
            status = STATUS_WORDS[text.lower()]
            return replace(
                lexed, text=f"{minus}status:{status}", key="status", value=status, values=(_value(status, lexed),)
            )
        return _bare_ids(lexed, text, minus)
    if lexed.key in ("status", "is") and not any(value.is_pattern for value in lexed.values):
        return _canonical_status(lexed, minus)
    return lexed


def _canonical_status(token: Token, minus: str) -> Token:
    words = [value.text.lower() for value in token.values]
    key = "is" if all(word in FLAGS for word in words) and "aborting" not in words else token.key
    if all(word in STATUS_WORDS or word == "aborting" for word in words) and not all(word in FLAGS for word in words):
        key = "status"
    if key == "status":
        words = [STATUS_WORDS.get(word, word) for word in words]
    values = tuple(replace(value, parts=(word,)) for word, value in zip(words, token.values, strict=True))
    return replace(token, text=f"{minus}{key}:{','.join(words)}", key=key, value=",".join(words), values=values)


def _value(text: str, token: Token) -> Value:
    return replace(token.values[0], parts=(text,))


def _bare_ids(token: Token, text: str, minus: str) -> Token:
    ids = split_ids(text)
    if ids is None:
        return token
    values = tuple(_value(each, token) for each in ids)
    return replace(
        token,
        text=f"{minus}{text.strip(',')}"
        if len(ids) == 1 and "," not in text.strip(",")
        else f"{minus}id:{','.join(ids)}",
        key="id",
        value=text,
        values=values,
    )


def _ids_together(lexed: list[Token | Sign]) -> list[Token | Sign]:
    """Ids beside each other are one list: `1 2` asks for both jobs, as `1,2` does."""
    found: list[Token | Sign] = []
    for each in lexed:
        last = found[-1] if found else None
        if lists_ids(last) and lists_ids(each):
            assert isinstance(last, Token) and isinstance(each, Token)
            values = (*last.values, *each.values)
            written_ids = ",".join(value.text.removeprefix("#") for value in values)
            found[-1] = replace(last, end=each.end, text=f"id:{written_ids}", value=written_ids, values=values)
        else:
            found.append(each)
    return found


def _condition_of_group(group: FilterGroup, parts: list[Condition]) -> Condition:
    whole = any_of(parts) if group.is_any else all_of(parts)
    return none_of(whole) if group.is_negated else whole


def _gives_way(part: Node, token: Token) -> bool:
    if not isinstance(part, Token) or (part.key, part.path) != (token.key, token.path) or not token.key:
        return False
    return part.text == token.text or not token.is_negated


def _ids(token: Token) -> Ids:
    return of_ranges(number_ranges(token)) if token.key == "id" and not token.is_negated else Ids()


def _ids_of_group(group: FilterGroup, parts: list[Ids]) -> Ids:
    if group.is_negated or not parts:
        return Ids()
    return in_any(parts) if group.is_any else in_all(parts)
