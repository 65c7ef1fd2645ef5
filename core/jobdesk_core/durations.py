"""How long something takes or took, in words: one way for the window and the command line."""

from __future__ import annotations

import datetime as dt

_MINUTE, _HOUR, _DAY = 60, 3_600, 86_400


def in_words(span: float | dt.timedelta) -> str:
    """A duration (in seconds, or a timedelta) in its two leading units: 0.4 s, 29 s, 1 min 12 s, 3 h 14 min, 3 d 7 h.

    Nothing is rounded up: what has begun but is not over does not count. Negative ones are 0 s.
    """
    seconds = span.total_seconds() if isinstance(span, dt.timedelta) else span
    if seconds < 0.0005:
        return "0 s"
    if seconds < 1:
        return f"{max(1, int(seconds * 1000 + 1e-6))} ms"
    if seconds < 10:
        return f"{int(seconds * 10 + 1e-6) / 10:.1f} s".replace(".0 s", " s")
    return _whole(int(seconds))


def so_far(span: float | dt.timedelta) -> str:
    """A duration that goes on while it is read: as `in_words`, in whole seconds."""
    seconds = span.total_seconds() if isinstance(span, dt.timedelta) else span
    return _whole(max(0, int(seconds)))


def roughly(span: float | dt.timedelta) -> str:
    """As `so_far`, without the seconds once it is a minute, so that a column of them is calm: 4 min, 3 h 14 min."""
    seconds = span.total_seconds() if isinstance(span, dt.timedelta) else span
    whole = max(0, int(seconds))
    return _whole(whole if whole < _MINUTE or whole >= _HOUR else whole // _MINUTE * _MINUTE)


def _whole(seconds: int) -> str:
    for big, size, small, part in (("d", _DAY, "h", _HOUR), ("h", _HOUR, "min", _MINUTE), ("min", _MINUTE, "s", 1)):
        if seconds >= size:
            count, rest = seconds // size, seconds % size // part
            return f"{count:,} {big} {rest} {small}" if rest else f"{count:,} {big}"
    return f"{seconds} s"
