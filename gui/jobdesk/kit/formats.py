"""How values look as text: numbers, durations and moments.

Moments come in UTC and are told in the zone of choice: the local one, or UTC. `jobdesk_core.moments` knows which,
for the sentences of the core, too.
"""

from __future__ import annotations

import datetime as dt
import re

from jobdesk_core import durations, exact_json, moments
from jobdesk_core import number as numbers
from jobdesk_core.moments import FarTime, safe_local
from jobdesk_core.moments import here as here
from jobdesk_core.number import Kind, Number

from jobdesk.kit import clock
from jobdesk.kit.core_words import translated
from jobdesk.kit.theme.tokens import Tone

#: Stands where there is no value.
DASH = "–"
#: What joins the parts of an emoji or of a letter: not printable by itself, but harmless.
_JOINERS = "\u200c\u200d"
#: Signs that count as printable and yet show nothing.
_BLANKS = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u180f\u2800\u3164\uffa0")


def number(value: int | None) -> str:
    """Thousands separated: 4,999,980."""
    return DASH if value is None else f"{value:,}"


def count(number: Number) -> str:
    """A number in a sentence, with what it is worth: 1,234 · 1,234 as of 22:40:02 · ≈1.2 M · 1,234 so far · 1,000+."""
    return numbers.text(number, translated)


def count_worth(number: Number) -> tuple[str, str]:
    """A number alone, and what it is worth, for a text such as 1,234 match (exact)."""
    return numbers.figure(number), numbers.worth(number, translated)


def count_cell(number: Number, tone: Tone = "") -> tuple[str, Tone]:
    """A number in a cell, on a card or a badge, and its tone.

    A zero is grey, and so is what may not be so any more or is not known; `count_tip` says why.
    """
    is_quiet = not number.value or number.kind in (Kind.AS_OF, Kind.UNKNOWN)
    return numbers.short(number, translated), "secondary" if is_quiet else tone


def count_tip(number: Number) -> str:
    """The tooltip of a number: what it is, and as of when; empty for an exact one."""
    return numbers.sentence(number, translated)


def job_number(job_id: int) -> str:
    """A job's id as people read it: #4,999,980."""
    return f"#{job_id:,}"


def duration(seconds: float) -> str:
    """A duration in seconds in its two leading units: 0.4 s, 29 s, 3 min 5 s, 2 h 10 min, 3 d 4 h."""
    return durations.in_words(seconds)


def age(moment: dt.datetime | None, now: dt.datetime) -> str:
    """How long ago `moment` was, for a column: 29 s, 4 min, 3 h 14 min, 12 d 1 h."""
    if moment is None:
        return DASH
    return moment.text if isinstance(moment, FarTime) else durations.roughly(now - moment)


def relative(moment: dt.datetime | None, now: dt.datetime) -> str:
    """`in 3 min` for what is to come, `3 min ago` for what was, a dash for None."""
    if moment is None:
        return DASH
    if isinstance(moment, FarTime):
        return moment.text
    seconds = (moment - now).total_seconds()
    if seconds >= 0:
        return f"in {durations.so_far(seconds)}"
    return f"{durations.so_far(-seconds)} ago"


def visible(text: str) -> str:
    """Text from a database in one line: what cannot be seen, or would turn its direction, as ⟨U+202E⟩."""
    if is_visible(text):
        return text
    return "".join(
        sign if is_visible(sign) or _joins(text, place) else f"⟨U+{ord(sign):04X}⟩" for place, sign in enumerate(text)
    )


def is_visible(text: str) -> bool:
    """Whether every sign of it can be seen and keeps its place."""
    return text.isprintable() and (text.isascii() or _BLANKS.isdisjoint(text))


def _joins(text: str, place: int) -> bool:
    """Whether the sign at this place joins the parts of an emoji or of a letter, as it should, and hides nothing."""
    beside = text[max(0, place - 1) : place] + text[place + 1 : place + 2]
    return (
        text[place] in _JOINERS and len(beside) == 2 and all(not each.isascii() and is_visible(each) for each in beside)
    )


def visible_lines(text: str) -> str:
    """`visible` text whose line breaks stay."""
    return "\n".join(map(visible, text.split("\n")))


def as_json(value: object) -> str:
    """A JSON value in one line."""
    return exact_json.dumps(value, ensure_ascii=False)


def cut(text: str, limit: int = 300) -> str:
    """`visible` text of at most so many characters, with a note of how many there are."""
    if len(text) <= limit:
        return visible(text)
    return f"{visible(text[:limit])}… ({number(len(text))} characters)"


def breakable(text: str) -> str:
    """A name or an address that may be wrapped after its signs, and anywhere in a very long word."""
    return re.sub(r"([/@&?=._-]|[^/@&?=._\s-]{24})", "\\1\u200b", text)


def show_utc(is_utc: bool) -> None:
    """Tell every moment in UTC from now on, or in the local zone."""
    moments.tell_in(dt.UTC if is_utc else None)


def shows_utc() -> bool:
    """Whether moments are told in UTC."""
    return moments.zone_told() is dt.UTC


def local(moment: dt.datetime | None) -> str:
    """Date and time of day in the zone of choice; without the date when it is today."""
    if moment is None:
        return DASH
    if isinstance(moment, FarTime):
        return moment.text
    if here(moment).date() == here(clock.now()).date():
        return time_of_day(moment)
    return f"{here(moment):%Y-%m-%d %H:%M:%S}"


def whole(moment: dt.datetime | None) -> str | None:
    """Date, time of day and the distance from UTC, in the zone of choice: to be read elsewhere and later."""
    if moment is None or isinstance(moment, FarTime):
        return moment.text if moment is not None else None
    return here(moment).isoformat(sep=" ", timespec="seconds")


def short(moment: dt.datetime | None, now: dt.datetime) -> str:
    """`local` for a narrow column: without the year when it is this one, and then without the seconds."""
    if moment is None:
        return DASH
    if isinstance(moment, FarTime):
        return moment.text
    there, today = here(moment), here(now)
    if there.date() == today.date():
        return time_of_day(moment)
    return f"{there:%m-%d %H:%M}" if there.year == today.year else f"{there:%Y-%m-%d}"


def time_of_day(moment: dt.datetime) -> str:
    """Hours, minutes and seconds in the zone of choice."""
    return f"{here(moment):%H:%M:%S}"


def minute_of_day(minute: int) -> str:
    """Hours and minutes, in the zone of choice, of a minute counted since 1970."""
    return f"{here(dt.datetime.fromtimestamp(minute * 60, dt.UTC)):%H:%M}"


def full(moment: dt.datetime | None) -> str:
    """The moment in the zone of choice with its offset, and the same in the other one, for tooltips and details."""
    if moment is None:
        return DASH
    if isinstance(moment, FarTime):
        return moment.text
    utc, there = safe_local(moment, dt.UTC), safe_local(moment, None)
    in_utc = f"{utc:%Y-%m-%d %H:%M:%S} UTC"
    if not there.utcoffset():
        return in_utc
    offset = there.strftime("%z")
    in_zone = f"{there:%Y-%m-%d %H:%M:%S} {offset[:3]}:{offset[3:]}"
    return f"{in_utc}  ({in_zone})" if shows_utc() else f"{in_zone}  ({in_utc})"
