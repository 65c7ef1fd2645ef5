"""What can be said of one run: its arguments, its worker, its hour and so on, as values and as numbers.

Of arguments there are the values, and which keys there are, up to two levels down. What stands under a key that looks
secret is never looked at: only that the key is there.
"""

from __future__ import annotations

import datetime as dt
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from json.encoder import encode_basestring
from typing import Any, NamedTuple

from jobdesk_core import exact_json
from jobdesk_core.failures.cuts import DEFERRED, SIZE, WAITED
from jobdesk_core.filters.syntax import argument_term, term

#: How far down the arguments are looked at, the keys of one job, and the characters of a value that is told.
DEEPEST, MOST_KEYS, LONGEST_VALUE = 2, 60, 80
PRESENT, ABSENT = "present", "missing"
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
#: Numbers beyond cannot be divided into ranges as floats.
_LARGEST = 2.0**53


@dataclass(frozen=True, slots=True)
class ComparedRun:
    """One run of a job. Times are seconds since 1970, None where no event tells them.

    `args` is the JSON text, None when it is too large to be looked into; `attempt` counts from 1.
    """

    job_id: int
    ended_at: float
    args: str | None = None
    args_bytes: int = 0
    queue: str = ""
    worker: int | None = None
    lock: str | None = None
    priority: int = 0
    attempt: int = 1
    started_at: float | None = None
    due_at: float | None = None
    deferred_at: float | None = None
    host: str | None = None


class Trait(NamedTuple):
    """Something that is so, or is not, of a run: `what` has this `value`, a text of anyone's as JSON."""

    what: str
    value: str

    @property
    def filter(self) -> str:
        """The condition of a filter that finds the jobs of which it is so; empty when there is none."""
        match self.what:
            case "queue":
                return term("queue", self.value)
            case "lock":
                return "lock:none" if self == NO_LOCK else term("lock", exact_json.loads(self.value))
            case "host":
                return term("host", exact_json.loads(self.value))
            case "worker" | "priority":
                return f"{self.what}:{self.value.removeprefix('#')}"
            case "attempt" | "hour" | "weekday":
                return ""
        value = exact_json.loads(self.value)
        # To a filter a null is as a key that is missing, so none finds it alone.
        text = value if isinstance(value, str) else self.value
        return f"{self.what}:{term('task', text).removeprefix('task:')}" if value is not None else ""


@dataclass(slots=True)
class Traits:
    """All that is said of one run: what is so, which keys its arguments have, and its numbers by what they are of."""

    values: list[Trait] = field(default_factory=list)
    keys: list[tuple[str, ...]] = field(default_factory=list)
    numbers: dict[str, float] = field(default_factory=dict)


def traits_of(run: ComparedRun, zone: dt.tzinfo, secret: re.Pattern[str]) -> Traits:
    """What can be said of a run; hours and weekdays in this zone, nothing of what lies under a secret key."""
    found = Traits()
    values, numbers = found.values, found.numbers
    values.append(Trait("queue", run.queue))
    if run.worker is not None:
        values.append(Trait("worker", f"#{run.worker}"))
    if run.host is not None:
        values.append(Trait("host", encode_basestring(run.host)))
    values.append(Trait("lock", encode_basestring(run.lock)) if run.lock is not None else NO_LOCK)
    values.append(Trait("priority", str(run.priority)))
    values.append(Trait("attempt", str(run.attempt)))
    began = dt.datetime.fromtimestamp(run.started_at if run.started_at is not None else run.ended_at, zone)
    values.append(Trait("hour", f"{began.hour:02}:00–{(began.hour + 1) % 24:02}:00"))
    values.append(Trait("weekday", WEEKDAYS[began.weekday()]))
    numbers[SIZE] = float(run.args_bytes)
    if run.started_at is not None and run.due_at is not None:
        numbers[WAITED] = max(0.0, run.started_at - run.due_at)
    if run.deferred_at is not None:
        numbers[DEFERRED] = run.deferred_at
    _of_arguments(run.args, secret, found)
    return found


NO_LOCK = Trait("lock", "none")


@lru_cache(maxsize=2_000)
def name_of(path: tuple[str, ...]) -> str:
    """A path of the arguments as a filter has it."""
    return argument_term(path, "x").removesuffix(":x")


def _of_arguments(text: str | None, secret: re.Pattern[str], found: Traits) -> None:
    try:
        args = exact_json.loads(text) if text is not None else None
    except (RecursionError, ValueError):
        return
    if not isinstance(args, dict):
        return
    for path, value, is_secret in _entries(args, (), secret):
        found.keys.append(path)
        if len(found.keys) > MOST_KEYS:
            return
        if is_secret:
            continue
        if isinstance(value, list):
            found.numbers[f"{name_of(path)} (entries)"] = float(len(value))
        elif not isinstance(value, dict):
            _of_value(path, value, found)


@lru_cache(maxsize=2_000)
def _is_secret(secret: re.Pattern[str], key: str) -> bool:
    return secret.search(key) is not None


def _entries(
    held: dict[str, Any], above: tuple[str, ...], secret: re.Pattern[str]
) -> Iterator[tuple[tuple[str, ...], Any, bool]]:
    for key, value in held.items():
        path = (*above, key)
        is_secret = _is_secret(secret, key)
        yield path, value, is_secret
        if isinstance(value, dict) and not is_secret and len(path) < DEEPEST:
            yield from _entries(value, path, secret)


def _of_value(path: tuple[str, ...], value: Any, found: Traits) -> None:
    what = name_of(path)
    if isinstance(value, str):
        if len(value) <= LONGEST_VALUE:
            found.values.append(Trait(what, encode_basestring(value)))
        return
    if isinstance(value, int | float) and not isinstance(value, bool):
        if not math.isfinite(value) and not isinstance(value, exact_json.ExactNumber):
            return
        if abs(value) <= _LARGEST:
            found.numbers[what] = float(value)
    text = exact_json.dumps(value)
    if len(text) <= LONGEST_VALUE:
        found.values.append(Trait(what, text))
