"""The columns of the table of jobs, and their texts as far as a row tells them."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Sequence
from dataclasses import dataclass

from jobdesk_core.database.rows import JobRow
from jobdesk_core.jobs import Status
from PySide6.QtCore import QCoreApplication

from jobdesk.kit import formats
from jobdesk.kit.theme.tokens import Tone


@dataclass(frozen=True, slots=True)
class Column:
    """One column: its key, its title, its width in pixels at the usual size of text, its share of what is over."""

    key: str
    title: str
    width: int
    share: int = 0
    is_right: bool = False
    is_mono: bool = False
    tone: Tone = ""
    is_shown: bool = True
    #: A text that the column always has room for.
    sample: str = ""
    #: For a column of an argument: where it lies.
    path: tuple[str, ...] = ()


COLUMNS = (
    Column("id", "id", 64, is_right=True, is_mono=True),
    Column("task", "task", 156, 5),
    Column("queue", "queue", 72, 2),
    Column("status", "status", 112),
    Column("priority", "priority", 74, is_right=True),
    Column("attempts", "attempts", 82, is_right=True),
    Column("scheduled", "scheduled", 88, 1, tone="secondary", sample="in 00 min 00 s"),
    Column("lock", "lock", 112, 3),
    Column("age", "age", 78, is_right=True, tone="secondary", sample="00 h 00 min"),
    Column("queueing_lock", "queueing lock", 130, is_shown=False),
    Column("worker", "worker", 80, is_right=True, is_mono=True, is_shown=False),
)
#: Of these no row tells: they are read for the jobs in sight when they are shown.
EXTRAS = (
    Column("started", "started", 0, tone="secondary", is_shown=False, sample="00-00 00:00"),
    Column("ended", "ended", 0, tone="secondary", is_shown=False, sample="00-00 00:00"),
    Column("duration", "duration", 0, is_right=True, is_shown=False, sample="00 min 00 s"),
    Column("waited", "waited", 0, is_right=True, is_shown=False, sample="00 min 00 s"),
    Column("error", "error", 220, 4, is_shown=False),
    Column("progress", "progress", 96, tone="secondary", is_shown=False, sample="000 % · 00,000"),
)
#: Of these only workers that report can tell.
REPORTED = ("error", "progress")
INDEX_OF = {column.key: index for index, column in enumerate(COLUMNS)}
STATUS_COLUMN = INDEX_OF["status"]
#: The columns whose text depends on what time it is.
CLOCK_COLUMNS = (INDEX_OF["scheduled"], INDEX_OF["age"])


#: The longest text of the column of statuses, which not every list needs room for.
ABORT_REQUESTED = "doing · abort requested"


def status_text(row: JobRow) -> str:
    """A job's status, and that it was asked to abort while it runs."""
    if row.abort_requested and row.status is Status.DOING:
        return _tr("{status} · abort requested").format(status=row.status.value)
    return row.status.value


def cells(row: JobRow, now: dt.datetime) -> list[str]:
    """Every column's text, made once per change rather than once per paint."""
    scheduled = row.scheduled_at
    is_ahead = scheduled is not None and row.status is Status.TODO
    return [
        formats.number(row.id),
        row.task_name,
        row.queue_name,
        status_text(row),
        str(row.priority),
        str(row.attempts),
        formats.relative(scheduled, now) if is_ahead else formats.short(scheduled, now),
        row.lock or formats.DASH,
        formats.age(row.deferred_at, now),
        row.queueing_lock or formats.DASH,
        formats.DASH if row.worker_id is None else f"#{row.worker_id}",
    ]


def argument_key(path: Sequence[str]) -> str:
    """The key of an argument's column, as a filter writes it: `args.customer.id`, and `args."a.b"` for an odd step."""
    steps = (step if step and "." not in step and '"' not in step else json.dumps(step) for step in path)
    return f"args.{'.'.join(steps)}"


def argument_column(path: tuple[str, ...], *, is_right: bool = False) -> Column:
    """The column of the argument at a path."""
    key = argument_key(path)
    return Column(
        key, formats.cut(key, 60), 0, 2, is_right=is_right, sample="customer-000042", is_shown=False, path=path
    )


def _tr(text: str) -> str:
    return QCoreApplication.translate("JobsModel", text)
