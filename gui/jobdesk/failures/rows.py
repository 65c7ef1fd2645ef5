"""Which groups of failures are listed, in which order, and which of them are open. Nothing here is drawn."""

from __future__ import annotations

import datetime as dt
import enum
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass

from jobdesk_core.failures.records import By, FailureGroup, Failures

from jobdesk.kit import formats

#: What names a group: its kind, and what it is of. A child's begins with its parent's.
Key = tuple[str, ...]
#: Stands in a key for what a group is not of.
NONE = ""


class Only(enum.Enum):
    """What the listed groups can be narrowed down to."""

    NEW = "new"
    RISING = "rising"
    STILL_FAILED = "still failed"
    NOT_REPORTED = "not reported"


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the list."""

    key: Key
    group: FailureGroup
    is_child: bool = False
    can_open: bool = False
    is_open: bool = False
    is_muted: bool = False


def key_of(group: FailureGroup, by: By, parent: Key = ()) -> Key:
    """What a group is known by from one reading to the next."""
    own = (_error(group) if by is By.TASK else group.task) if parent else _first(group, by)
    # A known name begins with a sign of its own, so that nothing else can look like "none".
    named = NONE if own is None else f"={own}"
    return (*parent, named) if parent else (by.value, named)


def all_groups(found: Failures) -> list[tuple[Key, FailureGroup]]:
    """Every group and every child with its key."""
    listed: list[tuple[Key, FailureGroup]] = []
    for group in found.groups:
        key = key_of(group, found.by)
        listed.append((key, group))
        listed += [(key_of(child, found.by, key), child) for child in group.children]
    return listed


def rows_of(
    found: Failures,
    opened: Collection[Key],
    muted: Callable[[Key, FailureGroup], bool],
    only: Collection[Only],
    today: dt.date,
) -> list[Row]:
    """The lines to be listed: the muted ones last, the children of what is open below it."""
    loud: list[Row] = []
    quiet: list[Row] = []
    for group in found.groups:
        if all(fits(group, each, today) for each in only):
            key = key_of(group, found.by)
            is_muted = muted(key, group)
            can_open = len(group.children) > 1
            row = Row(key, group, False, can_open, can_open and key in opened, is_muted)
            (quiet if is_muted else loud).extend([row, *_children(row, found.by, muted)])
    return loud + quiet


def knows_errors(found: Failures) -> bool:
    """Whether an error of any of them was reported."""
    return any(part.error is not None for group in found.groups for part in (group, *group.children))


def fits(group: FailureGroup, only: Only, today: dt.date) -> bool:
    """Whether a group, or a part of it, is what the list is narrowed down to."""
    return any(_is(each, only, today) for each in (group, *group.children))


def count(found: Failures, only: Only, today: dt.date) -> int:
    """How many there are: groups that are new or rising, jobs still failed, failed runs without a reported error."""
    if only is Only.STILL_FAILED:
        return found.still_failed
    if only is Only.NOT_REPORTED:
        return sum(each.failed for group in found.groups for each in _leaves(group) if each.error is None)
    return sum(fits(group, only, today) for group in found.groups)


def _children(row: Row, by: By, muted: Callable[[Key, FailureGroup], bool]) -> Iterator[Row]:
    if row.is_open:
        for child in row.group.children:
            key = key_of(child, by, row.key)
            yield Row(key, child, is_child=True, is_muted=row.is_muted or muted(key, child))


def _leaves(group: FailureGroup) -> tuple[FailureGroup, ...]:
    return group.children or (group,)


def _is(group: FailureGroup, only: Only, today: dt.date) -> bool:
    if only is Only.NEW:
        return group.new_since is not None and formats.here(group.new_since).date() == today
    if only is Only.RISING:
        return group.is_rising
    if only is Only.STILL_FAILED:
        return group.still_failed > 0
    return group.error is None and not group.children


def _first(group: FailureGroup, by: By) -> str | None:
    if by is By.TASK:
        return group.task
    if by is By.ERROR:
        return _error(group)
    return None if group.worker is None else str(group.worker)


def _error(group: FailureGroup) -> str | None:
    return group.error.fingerprint if group.error is not None else None
