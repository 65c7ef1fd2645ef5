"""What is being typed at the end of a filter, and what may stand there: names, argument paths, values."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from jobdesk_core.filters.qualifiers import DAY_WORDS, FLAGS, KEYS, STATUS_WORDS, WORDS
from jobdesk_core.filters.syntax import argument_term, term
from jobdesk_core.jobs import Status

#: As many are offered; of more nobody reads.
MOST_OFFERED = 50
#: Longer texts, in characters, are pasted rather than typed.
LONGEST = 5_000

_QUOTED = r'"(?:[^"]|"")*(?:"|$)'
_FRAGMENT = re.compile(rf'[\s()]*-?((?:{_QUOTED}|[^\s"()])*)')
_CONDITION = re.compile(rf'([A-Za-z_]+)((?:\.(?:{_QUOTED}|[^\s:".]*))*)(:?)', re.DOTALL)
_SEGMENT = re.compile(rf'\.({_QUOTED}|[^\s:".]*)')
_VALUE_START = re.compile(rf'(?:(?:{_QUOTED}|[^",])*,)+')
_NAMES = (*(f"{key}:" for key in KEYS if "." not in key), "args.", "column.", *FLAGS, *STATUS_WORDS, *DAY_WORDS, *WORDS)
_TIMES = (">-1h", ">-24h", "today", "yesterday", "<now", ">now", "none")
_SPANS = (">1s", ">10s", ">1m", ">10m", "<1s")


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is typed from `start` on: the start of a condition's name, of a path in the arguments, or of a value."""

    start: int
    kind: Literal["name", "path", "value"]
    prefix: str
    key: str = ""
    path: tuple[str, ...] = ()


def wanted_at_end(text: str) -> Wanted | None:
    """What the end of this text is the start of; None within what cannot be completed."""
    if len(text) > LONGEST:
        return None
    start, fragment = _last_fragment(text)
    condition = _CONDITION.match(fragment)
    if condition is None or not (condition[2] or condition[3]):
        return Wanted(start, "name", fragment)
    key = condition[1].lower()
    path = tuple(_bare(each) for each in _SEGMENT.findall(condition[2]))
    if not condition[3]:
        return Wanted(start, "path", path[-1], key, path[:-1]) if key in ("args", "column") and path else None
    value = fragment[condition.end() :]
    done = _VALUE_START.match(value)
    begun = done.end() if done else 0
    return Wanted(start + condition.end() + begun, "value", _bare(value[begun:]), key, path)


def _last_fragment(text: str) -> tuple[int, str]:
    """What stands behind the last space or bracket outside of quotation marks, without its minus, and where."""
    found = _FRAGMENT.match(text)
    while found is not None and found.end() < len(text):
        found = _FRAGMENT.match(text, found.end())
    assert found is not None, "an empty text is a fragment, too"
    return found.start(1), found[1]


def _bare(typed: str) -> str:
    return typed.removeprefix('"').removesuffix('"').replace('""', '"') if typed.startswith('"') else typed


def constant_values(key: str) -> Sequence[str]:
    """The values of a condition that are the same in every database, as they are written."""
    if key == "status":
        return [status.value for status in Status]
    return {
        "is": FLAGS,
        "age": (">10m", ">1h", ">1d", "<10m", "<1h", "<1d", "1h..1d"),
        "deferred": _TIMES,
        "scheduled": (*_TIMES, "infinity"),
        "started": _TIMES,
        "ended": _TIMES,
        "duration": _SPANS,
        "waited": _SPANS,
        "attempts": (">1", ">=3", "0", "1"),
        "priority": (">0", "<0", "0"),
        "lock": ("none", "*"),
        "queueing_lock": ("none", "*"),
        "worker": ("none",),
        "error": ("none", "*"),
        "host": ("none", "*"),
    }.get(key, ())


def offers(wanted: Wanted, names: Iterable[str]) -> list[str]:
    """What may stand in the place of what is typed: those that begin so, then those that contain it.

    `names` are the values or path's parts that the database is known to hold. At most MOST_OFFERED.
    """
    if wanted.kind == "name":
        return _fitting(wanted.prefix, ((each, each) for each in _NAMES))
    if wanted.kind == "path":
        # What leads there stays as it stands: only the whole path says how its parts are written.
        if wanted.key == "column":
            return _fitting(wanted.prefix, ((name, f"column.{name}:") for name in names))
        whole = ((name, argument_term([*wanted.path, name], "x").removesuffix("x")) for name in names)
        return _fitting(wanted.prefix, whole)
    constants = ((each, each) for each in constant_values(wanted.key))
    held = ((name, term(wanted.key, name).removeprefix(f"{wanted.key}:")) for name in names)
    return _fitting(wanted.prefix, (*constants, *held))


def _fitting(prefix: str, named: Iterable[tuple[str, str]]) -> list[str]:
    typed = prefix.casefold()
    first: dict[str, None] = {}
    then: dict[str, None] = {}
    for name, written in named:
        folded = name.casefold()
        if folded.startswith(typed):
            first[written] = None
            if len(first) == MOST_OFFERED:
                break
        elif typed in folded and len(then) < MOST_OFFERED:
            then[written] = None
    return [*first, *then][:MOST_OFFERED]
