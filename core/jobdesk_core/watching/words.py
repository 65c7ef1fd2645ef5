"""The words that the rules share."""

from __future__ import annotations

import datetime as dt

from jobdesk_core.durations import so_far
from jobdesk_core.moments import here


def how_long(since: dt.datetime | None, now: dt.datetime) -> str:
    """For how long it has been so; empty when nothing tells since when."""
    return so_far(now - since) if since is not None else ""


def jobs(count: int, noun: str = "job", *, is_at_least: bool = False) -> str:
    """How many, with the noun in its number; with a plus where there may be more."""
    if is_at_least:
        return f"{count:,}+ {noun}s"
    return f"1 {noun}" if count == 1 else f"{count:,} {noun}s"


def are(count: int, *, is_at_least: bool = False) -> str:
    """The verb to so many."""
    return "is" if count == 1 and not is_at_least else "are"


def number(value: float) -> str:
    """A number with at most one digit behind the point: 1, 0.4, 38."""
    return f"{value:,.1f}".removesuffix(".0") if value < 10 else f"{value:,.0f}"


def clock_time(at: dt.datetime, now: dt.datetime) -> str:
    """A time of day in the zone that moments are told in, with its day where that is another: 02:00, Thu 02:00."""
    there = here(at)
    days = (here(now).date() - there.date()).days
    if not days:
        return f"{there:%H:%M}"
    return f"{there:%a %H:%M}" if 0 < days < 7 else f"{there:%Y-%m-%d %H:%M}"
