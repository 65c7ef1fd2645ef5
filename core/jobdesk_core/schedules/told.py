"""The state of a periodic task in a few words, for a table: on the command line and in the window alike."""

from __future__ import annotations

import datetime as dt

from jobdesk_core.durations import roughly
from jobdesk_core.schedules.schedule import MOST_MISSED, Schedule


def state_told(schedule: Schedule, now: dt.datetime) -> str:
    """`on time`, `late 2 min`, `missed 1`, `overlapping`; with `more than` where nobody has counted further."""
    if schedule.state == "late" and schedule.expected_at is not None:
        return f"late {roughly(now - schedule.expected_at)}"
    if schedule.state == "missed":
        more = "more than " if schedule.missed >= MOST_MISSED else ""
        return f"missed {more}{schedule.missed - 1 if more else schedule.missed}"
    return "not known" if schedule.state == "unknown" else schedule.state
