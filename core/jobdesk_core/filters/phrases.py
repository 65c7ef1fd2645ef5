"""Phrases of plain English within a filter, such as `older than 1 hour`: what they are in the filter's own words."""

from __future__ import annotations

import datetime as dt
import functools
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from jobdesk_core.clock import today
from jobdesk_core.filters.qualifiers import ALIASES, KEYS, STATUS_WORDS
from jobdesk_core.filters.ranges import UNITS

_NAMES = "|".join(sorted({key for key in (*KEYS, *ALIASES) if "." not in key}, key=len, reverse=True))
_KEY = rf"(?P<key>args(?:\.[A-Za-z0-9_-]+)+|{_NAMES})"
_OWN = rf"(?P<key>{'|'.join(sorted((key for key in KEYS if '.' not in key and key != 'is'), key=len, reverse=True))})"
_SPAN = rf"(?P<n>[0-9]+(?:\.[0-9]+)?|an?|one|half an)?\s*(?P<unit>{UNITS}|months?|years?)"
_DAY = r"(?P<day>today|yesterday|[0-9]{4}-[0-9]{2}(?:-[0-9]{2})?(?:T[0-9:]+Z?)?|[0-9]{1,2}:[0-9]{2})"
_VALUE = r"(?P<value>[^\s()]+)"
_STATUS = rf"(?P<status>finished|ended|{'|'.join(STATUS_WORDS)})"
Guess = Callable[[re.Match[str]], Iterator[str]]


@dataclass(frozen=True, slots=True)
class Phrase:
    """A phrase that was found, from `start` to `end`, and what may have been meant by it."""

    start: int
    end: int
    text: str
    guesses: tuple[str, ...]


def phrase_in(text: str) -> Phrase | None:
    """The first phrase outside of quotation marks; None when there is none."""
    plain = re.sub(r'"(?:[^"]|"")*("|$)', lambda quoted: "\x01" * len(quoted[0]), text[:5_000])
    best: tuple[int, int, Phrase] | None = None
    for rank, (pattern, guess) in enumerate(_patterns() if re.search(r"\s", plain) else ()):
        match = pattern.search(plain)
        if match is not None and (best is None or (match.start(), rank) < best[:2]):
            found = tuple(dict.fromkeys(guess(match)))
            said = text[match.start() : match.end()]
            best = (match.start(), rank, Phrase(match.start(), match.end(), said, found))
    return best[2] if best is not None else None


@functools.cache
def _patterns() -> list[tuple[re.Pattern[str], Guess]]:
    """Made for the first text of several words: a start would wait for them."""
    return [(re.compile(rf"(?<![\w:.*#-]){text}(?![\w:=<>*])", re.IGNORECASE), guess) for text, guess in _PHRASES]


def _span(match: re.Match[str]) -> str:
    number = (match["n"] or "1").lower()
    number = {"a": "1", "an": "1", "one": "1", "half an": "0.5"}.get(number, number)
    unit = match["unit"].lower()
    if unit.startswith(("month", "year")):
        return f"{float(number) * (30 if unit.startswith('month') else 365):g}d"
    return f"{number}{unit if unit == 'ms' else unit[0]}"


def _day(text: str) -> str:
    return f'"{today()} {text:0>5}"' if re.fullmatch("[0-9]{1,2}:[0-9]{2}", text) else text


def _spans(*forms: str) -> Guess:
    return lambda match: (form.format(span=_span(match)) for form in forms)


def _last(match: re.Match[str]) -> Iterator[str]:
    status = match["status"].lower() if match["status"] else ""
    if status in ("finished", "ended"):
        yield f"ended:>-{_span(match)}"
    elif status in ("doing", "running", "todo", "waiting"):
        yield f"status:{STATUS_WORDS[status]} deferred:>-{_span(match)}"
    elif status:
        yield f"status:{STATUS_WORDS[status]} ended:>-{_span(match)}"
    else:
        yield from (f"deferred:>-{_span(match)}", f"ended:>-{_span(match)}")


def _since(match: re.Match[str]) -> Iterator[str]:
    day, word = _day(match["day"]), match["word"].lower()
    sign = {"since": ">=", "from": ">=", "after": ">", "before": "<", "until": "<="}.get(word, "")
    status = match["status"].lower() if match["status"] else ""
    if status in ("finished", "ended"):
        yield f"ended:{sign}{day}"
        return
    key = "ended" if status in ("failed", "succeeded", "cancelled", "canceled", "aborted") else "deferred"
    yield f"{f'status:{STATUS_WORDS[status]} ' if status else ''}{key}:{sign}{day}"


def _calendar(match: re.Match[str]) -> Iterator[str]:
    day, unit = today(), match["unit"].lower()
    week = day - dt.timedelta(days=day.weekday())
    month = day.replace(day=1)
    before = (month - dt.timedelta(days=1)).replace(day=1)
    days = {
        ("this", "week"): f">={week}",
        ("last", "week"): f"{week - dt.timedelta(days=7)}..{week - dt.timedelta(days=1)}",
        ("this", "month"): f">={month}",
        ("last", "month"): f"{before}..{month - dt.timedelta(days=1)}",
        ("this", "year"): f">={day.year}-01-01",
        ("last", "year"): f"{day.year - 1}-01-01..{day.year - 1}-12-31",
    }[match["which"].lower(), unit]
    yield from (f"deferred:{days}", f"ended:{days}")


def _between(match: re.Match[str]) -> Iterator[str]:
    low, high = match["low"], match["high"]
    if low.isdigit() and high.isdigit():
        yield from (
            (f"{_key(match)}:{low}..{high}",) if match["key"] else (f"id:{low}..{high}", f"priority:{low}..{high}")
        )
    else:
        yield f"{_key(match) or 'deferred'}:{_day(low)}..{_day(high)}"


def _key(match: re.Match[str]) -> str:
    key = match["key"] or ""
    return ALIASES.get(key.lower(), key) if "." not in key else key


def _is(match: re.Match[str]) -> Iterator[str]:
    value, minus = match["value"].strip("'"), "-" if match["no"] else ""
    if value.lower() in ("null", "none", "empty", "set"):
        value, minus = "none", "" if (value.lower() == "set") == bool(match["no"]) else "-"
    yield f"{minus}{_key(match)}:{value}"


def _in(match: re.Match[str]) -> Iterator[str]:
    values = ",".join(each.strip(" '") for each in match["values"].split(",") if each.strip(" '"))
    yield f"{'-' if match['no'] else ''}{_key(match)}:{values}"


def _like(match: re.Match[str]) -> Iterator[str]:
    how, value = match["how"].lower(), match["value"].strip("'").replace("%", "*")
    if "*" not in value:
        value = f"{value}*" if how.startswith("start") or how.startswith("begin") else f"*{value}"
        value = f"{value}*" if how.startswith(("contain", "like", "match", "includ")) else value
    yield f"{'-' if match['no'] else ''}{_key(match)}:{value}"


def _without(match: re.Match[str]) -> Iterator[str]:
    key = match["what"].lower().replace(" ", "_")
    yield f"{'-' if match['how'].lower() == 'with' else ''}{key}:none"


def _attempts(match: re.Match[str]) -> Iterator[str]:
    sign = {"more": ">", "less": "<", "fewer": "<", "at least": ">=", "at most": "<="}[match["how"].lower()]
    yield f"attempts:{sign}{match['count']}"


def _beside(match: re.Match[str]) -> Iterator[str]:
    yield f"{_key(match)}:{match['value']}"


def _single_quotes(match: re.Match[str]) -> Iterator[str]:
    yield f'{match["before"] or ""}"{match["text"]}"'


def _unit_apart(match: re.Match[str]) -> Iterator[str]:
    yield f"{_key(match)}:{match['sign']}{_span(match)}"


#: Every phrase has a space in it.
_PHRASES: tuple[tuple[str, Guess], ...] = (
    (r"(?P<before>[A-Za-z_.]+[:=])?'(?P<text>[^'\"\x01]*\s[^'\"\x01]*)'", _single_quotes),
    (
        rf"{_KEY}\s*:?\s*(?P<sign>[<>]=?[-+]?)\s*(?P<n>[0-9]+(?:\.[0-9]+)?)\s+(?P<unit>{UNITS}|months?|years?)",
        _unit_apart,
    ),
    (rf"older\s+than\s+{_SPAN}", _spans("age:>{span}")),
    (rf"(?:newer|younger|less\s+old|more\s+recent)\s+than\s+{_SPAN}", _spans("age:<{span}")),
    (
        rf"(?:(?:running|waiting|took|ran|runs|waited)\s+)?(?:for\s+)?(?:longer|slower|more|over)\s+than\s+{_SPAN}",
        _spans("duration:>{span}", "waited:>{span}", "age:>{span}"),
    ),
    (
        rf"(?:took\s+|ran\s+|waited\s+)?(?:shorter|faster|less)\s+than\s+{_SPAN}",
        _spans("duration:<{span}", "waited:<{span}", "age:<{span}"),
    ),
    (
        r"(?P<how>more|less|fewer|at\s+least|at\s+most)\s+(?:than\s+)?(?P<count>[0-9]+)\s+(?:attempts?|tries|retries|times)",
        _attempts,
    ),
    (
        rf"(?:{_STATUS}\s+)?(?:in\s+|within\s+|during\s+)?(?:the\s+)?(?:last|past|previous)\s+(?P<n>[0-9]+)?\s*"
        rf"(?P<unit>hours?|minutes?|mins?|seconds?|days?|h|m|d|w|[0-9]*weeks)",
        _last,
    ),
    (r"(?P<which>this|last)\s+(?P<unit>week|month|year)", _calendar),
    (rf"(?:{_STATUS}\s+)?{_SPAN}\s+ago", lambda match: iter((f"age:>{_span(match)}", f"age:<{_span(match)}"))),
    (rf"(?:{_STATUS}\s+)?(?P<word>since|from|after|before|until|on)\s+{_DAY}", _since),
    (rf"{_STATUS}\s+(?P<word>){_DAY}", _since),
    (rf"(?:{_KEY}\s+)?between\s+(?P<low>[\w:.-]+)\s+and\s+(?P<high>[\w:.-]+)", _between),
    (rf"{_KEY}\s+(?P<no>not\s+)?in\s*\((?P<values>[^()]*)\)?", _in),
    (
        rf"{_KEY}\s+(?P<no>not\s+)?(?P<how>like|contains?|containing|matches|includes|starts\s+with|begins\s+with|"
        rf"ends\s+with)\s+{_VALUE}",
        _like,
    ),
    (rf"{_KEY}\s+(?:is|equals?|eq)\s+(?P<no>not\s+)?{_VALUE}", _is),
    (r"(?P<how>no|without|with)\s+(?:a\s+)?(?P<what>queueing lock|lock|worker)", _without),
    (rf"{_OWN}\s+(?!and\b|or\b|not\b){_VALUE}", _beside),
)
