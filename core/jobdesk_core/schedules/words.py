"""The words of a cron expression: "every day at 02:00". What they would not tell wholly stays the expression."""

from __future__ import annotations

import re
from functools import lru_cache

_ALIASES = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
}
_DAYS = ("Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday")
_MONTHS = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip
_NAMES = {name[:3].lower(): str(place) for place, name in enumerate(_DAYS)}
_MONTH_NAMES = {name[:3].lower(): str(place) for place, name in enumerate(_MONTHS, 1)}
#: Times of a day, and days, that are told one by one.
_MOST_TIMES, _MOST_DAYS = 3, 4


@lru_cache(maxsize=4_000)
def in_words(cron: str) -> str:
    """When a cron expression comes, in English; the expression itself where words would be longer or not exact."""
    fields = _ALIASES.get(cron.strip().lower(), cron).split()
    second = "0"
    if len(fields) == 6:
        second = fields.pop()
    if len(fields) != 5:
        return cron
    minute, hour, day, month, weekday = (field.lower() for field in fields)
    if second != "0":
        step = _step(second, 60)
        is_each = (minute, hour, day, month, weekday) == ("*",) * 5
        return _every(step, "s", "second") if is_each and step is not None else cron
    days = _days(day, month, weekday)
    times = _times(minute, hour)
    if days is None or times is None:
        return cron
    if times.startswith("at "):
        return f"{days} {times}"
    return times if days == "every day" else f"{times}, {days}"


def _times(minute: str, hour: str) -> str | None:
    """The times of a day, such as `at 02:00` or `every 15 min`; those of each hour do not begin with `at`."""
    minutes, hours = _numbers(minute, 60), _numbers(hour, 24)
    each_minutes = _step(minute, 60)
    if hour == "*" and each_minutes is not None:
        return _every(each_minutes, "min", "minute")
    if minutes is not None and len(minutes) <= _MOST_TIMES:
        if hour == "*":
            told = _listed([str(each) for each in minutes])
            return "every hour" if minutes == [0] else f"{told} min past each hour"
        each_hours = _step(hour, 24)
        if each_hours is not None and len(minutes) == 1:
            past = f", {minutes[0]} min past" if minutes[0] else ""
            return f"{_every(each_hours, 'h', 'hour')}{past}"
        if hours is not None and len(hours) * len(minutes) <= _MOST_TIMES:
            return "at " + _listed([f"{one:02}:{each:02}" for one in hours for each in minutes])
    span = re.fullmatch(r"(\d{1,2})-(\d{1,2})", hour)
    if span and int(span[1]) < int(span[2]) < 24:
        return _within(minute, each_minutes, int(span[1]), int(span[2]))
    return None


def _within(minute: str, step: int | None, first: int, last: int) -> str | None:
    """Some hours of a day: `every 15 min from 08:00 to 17:45`."""
    if step is not None:
        return f"{_every(step, 'min', 'minute')} from {first:02}:00 to {last:02}:{(59 // step) * step:02}"
    if minute.isdigit() and int(minute) < 60:
        return f"every hour from {first:02}:{int(minute):02} to {last:02}:{int(minute):02}"
    return None


def _days(day: str, month: str, weekday: str) -> str | None:
    """The days: `every day`, `weekdays`, `Mondays`, `on the 1st`. Cron takes a day that either field names."""
    months = "" if month == "*" else _of_months(month)
    if months is None or (day != "*" and weekday != "*"):
        return None
    if day == "*" and weekday == "*":
        return f"every day{months}"
    if weekday != "*":
        told = _weekdays(weekday)
        return f"{told}{months}" if told else None
    if day == "l":
        return f"on the last day{months or ' of the month'}"
    numbers = _numbers(day, 32)
    if numbers is None or 0 in numbers or len(numbers) > _MOST_DAYS:
        return None
    told = _listed([f"{each}{_ending(each)}" for each in numbers])
    if months and len(numbers) == 1 and len(names := months.removeprefix(" in ").split()) == 1:
        return f"every {numbers[0]} {names[0]}"
    return f"on the {told}{months}"


def _weekdays(field: str) -> str | None:
    numbers = _numbers(_numbered(field, _NAMES), 8)
    if numbers is None:
        return None
    days = sorted({each % 7 for each in numbers}, key=lambda each: (each - 1) % 7)
    if days == [1, 2, 3, 4, 5]:
        return "weekdays"
    if len(days) == 7:
        return "every day"
    if days == [6, 0]:
        return "weekends"
    return _listed([f"{_DAYS[each]}s" for each in days]) if len(days) <= _MOST_DAYS else None


def _of_months(field: str) -> str | None:
    numbers = _numbers(_numbered(field, _MONTH_NAMES), 13)
    if numbers is None or 0 in numbers or len(numbers) > _MOST_DAYS:
        return None
    return " in " + _listed([_MONTHS[each - 1] for each in numbers])


def _numbered(field: str, names: dict[str, str]) -> str:
    return re.sub(r"[a-z]{3}", lambda match: names.get(match[0], match[0]), field)


def _numbers(field: str, end: int) -> list[int] | None:
    """What a list of numbers and spans names, all below `end`; None for anything else, such as steps."""
    found: set[int] = set()
    for part in field.split(","):
        match = re.fullmatch(r"(\d{1,2})(?:-(\d{1,2}))?", part)
        if match is None:
            return None
        first, last = int(match[1]), int(match[2] or match[1])
        if first > last or last >= end:
            return None
        found.update(range(first, last + 1))
    return sorted(found)


def _step(field: str, size: int) -> int | None:
    """The step of `*` or `*/5`, if it comes evenly all the way round."""
    if field == "*":
        return 1
    match = re.fullmatch(r"(?:\*|0)/(\d{1,2})", field)
    return int(match[1]) if match and int(match[1]) and size % int(match[1]) == 0 and int(match[1]) < size else None


def _every(step: int, unit: str, noun: str) -> str:
    return f"every {noun}" if step == 1 else f"every {step} {unit}"


def _ending(number: int) -> str:
    if 10 < number < 14:
        return "th"
    return {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")


def _listed(parts: list[str]) -> str:
    return " and ".join(filter(None, [", ".join(parts[:-1]), parts[-1]]))
