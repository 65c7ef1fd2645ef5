"""The rule about periodic tasks: one that is late or missed, or whose runs overlap."""

from __future__ import annotations

from collections.abc import Iterator

from jobdesk_core.durations import so_far
from jobdesk_core.filters.language import term
from jobdesk_core.schedules.schedule import Schedule
from jobdesk_core.watching.lines import Attention, Thresholds
from jobdesk_core.watching.situation import Situation
from jobdesk_core.watching.words import clock_time


def schedule(situation: Situation, limits: Thresholds) -> Iterator[Attention]:
    """A periodic task that was not deferred when it was to be, or whose run began before the last one had ended.

    Of a cadence that is only inferred none can be missed; it is late when a whole period more has gone by. One that
    was given up (`abandoned`) is no news.
    """
    found = [line for each in situation.schedules or () if (line := _line(each, situation, limits)) is not None]
    yield from sorted(found, key=lambda line: (-line.number, line.subject))


def _line(each: Schedule, situation: Situation, limits: Thresholds) -> Attention | None:
    if each.state == "overlapping" and not each.is_inferred:
        return _overlapping(each, situation)
    if each.state not in ("late", "missed") or each.expected_at is None:
        return None
    late_s, now = (situation.now - each.expected_at).total_seconds(), situation.now
    if late_s < max(limits.schedule_late_s, (each.every_s or 0.0) if each.is_inferred else 0.0):
        return None
    expected = clock_time(each.expected_at, now)
    if each.is_inferred:
        sentence = f"expected about {expected} by its past runs, not deferred for {so_far(late_s)}."
    elif each.state == "late":
        sentence = f"expected {expected}, not yet deferred."
    else:
        times = f", {each.missed:,} times in a row" if each.missed > 1 else ""
        sentence = f"expected {expected}, not deferred{times}."
    if each.reason:
        sentence += f" {each.reason}"
    title = f"{each.name} is {'late' if each.is_inferred or each.state == 'late' else 'overdue'}"
    shown = term("task", each.task)
    return Attention(
        "schedule",
        each.name,
        title,
        sentence,
        each.expected_at,
        "warning",
        late_s,
        shown,
        "defer",
        1,
        is_inferred=each.is_inferred,
    )


def _overlapping(each: Schedule, situation: Situation) -> Attention:
    at = each.last.started_at if each.last is not None else None
    since = f" at {clock_time(at, situation.now)}" if at is not None else ""
    sentence = f"a run began{since} before the one before it had ended."
    title, shown = f"{each.name} overlaps", f"{term('task', each.task)} status:doing"
    return Attention("schedule", each.name, title, sentence, at, "warning", 0.0, shown, "schedules")
