"""Every column of a job as labelled text, with what it leads to: who holds a lock, whether a worker lives."""

from __future__ import annotations

import datetime as dt

from jobdesk_core import durations
from jobdesk_core.database.rows import JobRow, WorkerRow
from jobdesk_core.job.details import JobDetail
from jobdesk_core.jobs import Status
from jobdesk_core.moments import of_microseconds
from PySide6.QtCore import QCoreApplication

from jobdesk.kit import formats
from jobdesk.kit.fields import Field


def job_fields(detail: JobDetail, now: dt.datetime) -> list[Field]:
    """The rows of the inspector's list, in the order of the columns."""
    row = detail.row
    fields: list[Field] = [
        ("id", str(row.id), "mono"),
        ("task", formats.cut(row.task_name), ""),
        ("queue", formats.cut(row.queue_name), ""),
        ("status", row.status.value, row.status.value),
        ("priority", str(row.priority), ""),
        ("attempts", str(row.attempts), ""),
        (_tr("scheduled at"), formats.full(row.scheduled_at), ""),
        (_tr("deferred at"), formats.full(row.deferred_at), ""),
        ("lock", _lock(row.lock, detail.lock_holder, row), ""),
        (_tr("queueing lock"), _lock(row.queueing_lock, detail.queueing_lock_holder, row, waiting_holds=True), ""),
        ("worker", _worker(row, detail.worker, now), ""),
        (_tr("abort requested"), _tr("yes") if row.abort_requested else _tr("no"), ""),
        ("arguments", _tr("{count} bytes").format(count=formats.number(detail.args_bytes)), ""),
    ]
    if detail.periodic is not None:
        periodic_id, defer_timestamp = detail.periodic
        moment = of_microseconds((defer_timestamp - 946_684_800) * 1_000_000)
        name = f"{formats.cut(periodic_id)} · " if periodic_id else ""
        if (schedule := detail.around.reports.schedule) is not None:
            name += f"{formats.cut(' '.join(filter(None, schedule)))} · "
        fields.append(("periodic", name + _tr("for {time}").format(time=formats.local(moment)), ""))
    return fields


def _lock(name: str | None, holder: JobRow | None, row: JobRow, *, waiting_holds: bool = False) -> str:
    """A lock and whose it is. A waiting job holds its queueing lock, but is only in line for its lock."""
    if name is None:
        return formats.DASH
    name = formats.cut(name).replace(" · ", " ∙ ")  # only the aside follows a middle dot
    if holder is None:
        return f"{name} · " + _tr("free")
    is_held, is_own = waiting_holds or holder.status is not Status.TODO, holder.id == row.id
    if is_own:
        return f"{name} · " + (_tr("held by this job") if is_held else _tr("free; this job is the first in line"))
    words = _tr("held by {job}, {status}") if is_held else _tr("free; {job} is the first in line")
    return f"{name} · " + words.format(job=formats.job_number(holder.id), status=holder.status.value)


def _worker(row: JobRow, worker: WorkerRow | None, now: dt.datetime) -> str:
    if row.worker_id is None:
        return formats.DASH
    if worker is None:
        return f"#{row.worker_id} · " + _tr("no longer exists")
    seconds = (now - worker.last_heartbeat).total_seconds()
    text = _tr("alive, {age} ago") if worker.is_alive(now) else _tr("unresponsive, last heartbeat {age} ago")
    return f"#{row.worker_id} · " + text.format(age=durations.so_far(seconds))


def _tr(text: str) -> str:
    return QCoreApplication.translate("JobFields", text)
