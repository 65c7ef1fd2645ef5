"""A number with what it is worth: exact, as of some moment, estimated, counted so far, at least that many, or unknown.

One type and one wording for the window, the command line and JSON. A number that is not known is never a zero.
"""

from __future__ import annotations

import datetime as dt
import enum
from collections.abc import Callable
from dataclasses import dataclass

from jobdesk_core import clock
from jobdesk_core.moments import here


class Kind(enum.Enum):
    """What a number is worth."""

    EXACT = "exact"
    AS_OF = "as of"
    ESTIMATED = "estimated"
    SO_FAR = "so far"
    AT_LEAST = "at least"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Number:
    """A count, or None for one that is not known; `as_of` (UTC) is when it was so, where that is known.

    `reason` is a sentence that says more than the kind does, such as what was not looked at.
    """

    value: int | None
    kind: Kind
    as_of: dt.datetime | None = None
    reason: str = ""

    @property
    def is_exact(self) -> bool:
        """Whether it is right now."""
        return self.kind is Kind.EXACT


def exact(value: int) -> Number:
    """Counted, and right now: it follows every change, or was counted in the moment that is shown."""
    return Number(value, Kind.EXACT)


def known_at(value: int, at: dt.datetime | None, reason: str = "") -> Number:
    """Right at that moment (UTC); it may have changed since."""
    return Number(value, Kind.AS_OF, at, reason)


def estimated(value: int | None, at: dt.datetime | None = None, reason: str = "") -> Number:
    """Not counted but told from statistics, of that moment (UTC) where it is known; None is not known."""
    return unknown(reason) if value is None else Number(value, Kind.ESTIMATED, at, reason)


def so_far(value: int, reason: str = "") -> Number:
    """Counted so far; counting goes on, so there may be more."""
    return Number(value, Kind.SO_FAR, None, reason)


def at_least(value: int, reason: str = "") -> Number:
    """Counted up to a limit; nobody looks further."""
    return Number(value, Kind.AT_LEAST, None, reason)


def unknown(reason: str = "") -> Number:
    """Not known; `reason` says why, where that is known."""
    return Number(None, Kind.UNKNOWN, None, reason)


# In words

#: As a sentence has a number, and as a cell or a badge has it, which says the rest by its tone and its tooltip.
_TEXTS = {
    Kind.EXACT: "{count}",
    Kind.AS_OF: "{count} as of {time}",
    Kind.ESTIMATED: "≈{count}",
    Kind.SO_FAR: "{count} so far",
    Kind.AT_LEAST: "{count}+",
    Kind.UNKNOWN: "–",
}
_SHORT = _TEXTS | {Kind.AS_OF: "{count}", Kind.SO_FAR: "{count}+"}
#: What stands behind it in brackets.
_WORTH = {
    Kind.EXACT: "exact",
    Kind.AS_OF: "as of {time}",
    Kind.ESTIMATED: "estimated",
    Kind.SO_FAR: "so far",
    Kind.AT_LEAST: "at least",
    Kind.UNKNOWN: "not known",
}
_SENTENCES = {
    Kind.EXACT: "",
    Kind.AS_OF: "As of {time}; it may have changed since.",
    Kind.ESTIMATED: "Estimated, not counted.",
    Kind.SO_FAR: "Counted so far; counting goes on.",
    Kind.AT_LEAST: "At least this many: no more were counted.",
    Kind.UNKNOWN: "Not known.",
}
_ESTIMATED_AT = "Estimated, not counted; as of {time}."
#: What of it is words, for those who translate it.
WORDS = (
    *(_TEXTS[Kind.AS_OF], _TEXTS[Kind.SO_FAR]),
    *_WORTH.values(),
    *filter(None, _SENTENCES.values()),
    _ESTIMATED_AT,
)

_MILLION = 1_000_000


def _as_it_is(words: str) -> str:
    return words


def text(number: Number, say: Callable[[str], str] = _as_it_is) -> str:
    """For a sentence: 1,234 · 1,234 as of 22:40:02 · ≈1.2 M · 1,234 so far · 1,000+ · a dash for what is not known.

    `say` translates the words.
    """
    return _filled(_TEXTS, number, say)


def short(number: Number, say: Callable[[str], str] = _as_it_is) -> str:
    """For a narrow place: as `text`, without the time; what is counted so far is 1,234+."""
    return _filled(_SHORT, number, say)


def worth(number: Number, say: Callable[[str], str] = _as_it_is) -> str:
    """What it is worth, to stand in brackets behind `figure`: exact, as of 22:40:02, so far."""
    kind = Kind.UNKNOWN if number.value is None else number.kind
    return say(_WORTH[kind]).format(time=clock_time(number.as_of))


def figure(number: Number) -> str:
    """The number alone, for a text that says elsewhere what it is worth; a dash for what is not known."""
    if number.value is None:
        return "–"
    return rounded(number.value) if number.kind is Kind.ESTIMATED else f"{number.value:,}"


def sentence(number: Number, say: Callable[[str], str] = _as_it_is) -> str:
    """What the number is, and as of when; empty for an exact one."""
    has_time = number.kind is Kind.ESTIMATED and number.as_of is not None
    words = _ESTIMATED_AT if has_time else _SENTENCES[number.kind]
    told = say(words).format(time=clock_time(number.as_of)) if words else ""
    return " ".join(filter(None, (told, number.reason)))


def _filled(words: dict[Kind, str], number: Number, say: Callable[[str], str]) -> str:
    kind = number.kind
    if number.value is None:
        kind = Kind.UNKNOWN
    elif kind is Kind.AS_OF and number.as_of is None:
        words = _SHORT
    return say(words[kind]).format(count=figure(number), time=clock_time(number.as_of))


def rounded(value: int) -> str:
    """No more digits than an estimate is good for: 840, 12,300, 1.2 M, 124 M."""
    near = round(value, min(0, 3 - len(str(abs(value)))))
    if abs(near) < _MILLION:
        return f"{near:,}"
    return f"{near / _MILLION:,.1f} M" if abs(near) < 10 * _MILLION else f"{round(near / _MILLION):,} M"


def clock_time(at: dt.datetime | None) -> str:
    """The time of day in the zone of choice, by another day with its date; a dash for None."""
    if at is None:
        return "–"
    there = here(at)
    is_today = there.date() == here(clock.now()).date()
    return f"{there:%H:%M:%S}" if is_today else f"{there:%Y-%m-%d %H:%M:%S}"
