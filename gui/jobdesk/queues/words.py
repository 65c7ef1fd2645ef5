"""The words of the Queues and Tasks pages: what a cell shows, in which tone, and what is wrong with a name."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

from jobdesk_core.reading.name_rows import NameRow
from jobdesk_core.reading.open_jobs import OpenGroup
from jobdesk_core.reading.progress import Progress
from PySide6.QtCore import QCoreApplication

from jobdesk.kit import formats
from jobdesk.kit.theme.tokens import Tone


def trouble_sentence(row: NameRow, now: dt.datetime) -> str:
    """What is wrong with a queue or task; empty when nothing is."""
    course = row.progress
    if row.trouble == "failing":
        rise = row.rise("queue", now)
        usual = f"{rise.usual:.1f}".removesuffix(".0")
        words = _tr("{count} failures in {time}, usually {usual}.")
        return words.format(count=formats.number(rise.failures), time=formats.duration(60 * rise.minutes), usual=usual)
    if course.course == "stalled" and course.idle_since is not None:
        words = _tr("None has started for more than {time}.") if course.is_at_least else _tr("None started for {time}.")
        return words.format(time=formats.duration(int(course.idle_s(now))))
    if row.open.stalled:
        one, more = _tr("1 running job has stalled."), _tr("{count} running jobs have stalled.")
        return one if row.open.stalled == 1 else more.format(count=formats.number(row.open.stalled))
    return _tr("Due jobs wait for a lock that a stalled job holds.") if row.trouble else ""


def seconds(value: float | None) -> tuple[str, Tone]:
    """A duration, or a quiet dash."""
    return (formats.DASH, "secondary") if value is None else (formats.duration(value), "")


def rate(value: float) -> tuple[str, Tone]:
    """A pace per minute, or a quiet dash."""
    return (f"{value:,.1f}", "") if value else (formats.DASH, "secondary")


def count_cell(count: int, tone: Tone = "") -> tuple[str, Tone]:
    """A number and its tone; a zero is quiet."""
    return formats.number(count), tone if count else "secondary"


def running_cell(group: OpenGroup) -> tuple[str, Tone]:
    """How many run, and of these how many have stalled."""
    if not group.stalled:
        return count_cell(group.running, "doing")
    if group.stalled == group.running:
        return _tr("{count} stalled").format(count=formats.number(group.stalled)), "bad"
    words = _tr("{count}, {stalled} stalled")
    return words.format(count=formats.number(group.running), stalled=formats.number(group.stalled)), "bad"


def course_cell(course: Progress) -> tuple[str, Tone]:
    """When the due jobs will have been started, or why that cannot be told."""
    if course.course == "clears" and course.clears_in_s is not None:
        return formats.duration(max(1, round(course.clears_in_s))), ""
    words: dict[str, tuple[str, Tone]] = {
        "held": (_tr("held by locks"), "warning"),
        "growing": (_tr("growing"), "warning"),
        "steady": (_tr("steady"), ""),
        "stalled": (_tr("no progress"), "warning" if course.is_busy else "bad"),
    }
    return words.get(course.course, (formats.DASH, "secondary"))


def held_sentence(group: OpenGroup) -> str:
    """How many due jobs cannot start."""
    one = _tr("1 due job waits for a lock that is held, or that a scheduled job has first.")
    more = _tr("{count} due jobs wait for a lock that is held, or that a scheduled job has first.")
    return one if group.held == 1 else more.format(count=formats.number(group.held))


def _hour(row: NameRow) -> str:
    ended, failed = formats.number(row.ended_in_hour), formats.number(row.failed_in_hour)
    return _tr("{ended} runs ended, {failed} of them failed").format(ended=ended, failed=failed)


def _tr(text: str) -> str:
    return QCoreApplication.translate("NamesModel", text)


#: What each column shows of a row, and its tone; those that need more than the row are the model's.
TEXTS: dict[str, Callable[[NameRow], tuple[str, Tone]]] = {
    "name": lambda row: (row.name, ""),
    "started": lambda row: rate(row.started_rate),
    "ended": lambda row: rate(row.ended_rate),
    "waited": lambda row: seconds(row.waited_s),
    "ran": lambda row: seconds(row.ran_s),
    "due": lambda row: count_cell(row.open.due),
    "scheduled": lambda row: count_cell(row.open.scheduled),
    "running": lambda row: running_cell(row.open),
    "course": lambda row: course_cell(row.progress),
    "hour": lambda row: (_hour(row), ""),
}
