"""The columns of the Queues and Tasks pages: titles, widths, what each is sorted by and what its head says."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from jobdesk_core.jobs import Status
from jobdesk_core.reading.name_rows import NameRow
from PySide6.QtCore import QCoreApplication

#: Samples of what columns of times always have room for.
LONG_TIME, LONG_AGE = "00 min 00 s", "00 h 00 min"

SortKey = Callable[[NameRow], float | str | None]


@dataclass(frozen=True, slots=True)
class Column:
    """One column: its key, title, width in pixels, what it is sorted by (None stands last) and what its head says."""

    key: str
    title: str
    width: int
    sort_key: SortKey
    tip: str = ""
    status: Status | None = None
    is_right: bool = True
    #: What a change of which makes the cell flash.
    number: Callable[[NameRow], int] | None = None
    #: A text that the column always has room for.
    sample: str = ""
    #: What an export has of it, where that is not what it is sorted by: times, and the counts of each minute.
    value: Callable[[NameRow], Any] | None = None

    def shown_title(self) -> str:
        """The title in the window's language."""
        return _tr(self.title)

    def shown_tip(self) -> str | None:
        """What the head says, in the window's language."""
        return _tr(self.tip) if self.tip else None


def _tr(text: str) -> str:
    return QCoreApplication.translate("NamesModel", text)


def _status(status: Status, width: int) -> Column:
    def number(row: NameRow) -> int:
        return row.count(status)

    return Column(status.value, status.value, width, number, status=status, number=number)


def _open(key: str, width: int, number: Callable[[NameRow], int], tip: str, sample: str = "") -> Column:
    return Column(key, key, width, number, tip, number=number, sample=sample)


def _oldest(row: NameRow) -> float | None:
    return None if row.oldest is None else -row.oldest.timestamp()


def _course(row: NameRow) -> float | None:
    """What does not clear stands after what does; where nothing is due there is nothing to sort by."""
    course = row.progress
    if course.course in ("none", "unknown"):
        return None
    return float("inf") if course.clears_in_s is None else course.clears_in_s


_STARTED = "Jobs started per minute, over the last five whole minutes"
_ENDED = "Runs ended per minute, over the last five whole minutes"
_WAITED = (
    "95 % of the first runs that began in the last hour had waited no longer. Of the latest 5,000 if there are more."
)
_RAN = (
    "95 % of the runs that ended in the last hour, however they did, took no longer. "
    "Of the latest 5,000 if there are more."
)
_CLEARS = "When all due jobs not held back by a lock will have started, at the pace of the last five whole minutes"
_HOUR = "Runs ended in each of the last 60 minutes, the running one included; failures in red"

COLUMNS = (
    Column("name", "name", 200, lambda row: row.name, is_right=False),
    _open("due", 78, lambda row: row.open.due, "Waiting jobs that may be started now"),
    _open("scheduled", 86, lambda row: row.open.scheduled, "Waiting jobs that are scheduled for later"),
    _open("running", 86, lambda row: row.open.running, "Jobs in the status doing", "12, 2 stalled"),
    _status(Status.SUCCEEDED, 108),
    _status(Status.FAILED, 88),
    _status(Status.CANCELLED, 88),
    _status(Status.ABORTED, 74),
    Column("started", "started/min", 92, lambda row: row.started_rate, _STARTED),
    Column("ended", "ended/min", 86, lambda row: row.ended_rate, _ENDED),
    Column(
        "waited",
        "wait p95",
        96,
        lambda row: row.waited_s,
        _WAITED,
        sample=LONG_TIME,
    ),
    Column(
        "ran",
        "run p95",
        92,
        lambda row: row.ran_s,
        _RAN,
        sample=LONG_TIME,
    ),
    Column(
        "oldest",
        "oldest due",
        86,
        _oldest,
        "How long the oldest due job has waited",
        sample=LONG_AGE,
        value=lambda row: row.oldest,
    ),
    Column(
        "course", "clears in", 104, _course, _CLEARS, sample="held by locks", value=lambda row: row.progress.clears_in_s
    ),
    Column(
        "hour",
        "last hour",
        136,
        lambda row: row.ended_in_hour,
        _HOUR,
        value=lambda row: list(row.ended),
    ),
)
INDEX_OF = {column.key: index for index, column in enumerate(COLUMNS)}
HOUR_COLUMN = INDEX_OF["hour"]
NUMBERS = tuple((place, column.number) for place, column in enumerate(COLUMNS) if column.number is not None)
