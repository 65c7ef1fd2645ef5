"""What workers tell of themselves, as the Workers page shows it: host, queues, slots, load, versions."""

from __future__ import annotations

import datetime as dt

from jobdesk_core.reported.records import ReportedWorker
from PySide6.QtCore import QCoreApplication

from jobdesk.kit import formats
from jobdesk.kit.text_block import Run
from jobdesk.kit.values_model import Cell, Title

#: Queues told by name in a cell, and names of any kind in characters.
MOST_QUEUES, LONGEST = 3, 80
MEGABYTE = 1024 * 1024


def titles() -> list[Title]:
    """The columns' titles."""
    return [
        Title(_tr("host"), 140, is_right=False),
        Title(_tr("queues"), 120, is_right=False),
        Title(_tr("slots"), 70, sample="00 of 00"),
        Title(_tr("load"), 110, sample="0.00 · 0,000 MB"),
    ]


def cells(worker: ReportedWorker | None) -> list[Cell]:
    """What stands in these columns; dashes for a worker that does not report."""
    if worker is None:
        return [Cell(formats.DASH, "secondary")] * 4
    place = formats.visible(formats.cut(worker.host, LONGEST))
    if worker.pid is not None:
        place += f" · {worker.pid}"
    slots = _tr("{taken} of {all}").format(taken=len(worker.running), all=worker.concurrency)
    load = {"cores": worker.cpu_share, "bytes": worker.memory_bytes}
    return [
        Cell(place),
        Cell(queues_of(worker), value=queues_of(worker) if worker.queues is None else list(worker.queues)),
        Cell(slots, value=worker.concurrency),
        Cell(load_of(worker), "secondary", value=load),
    ]


def queues_of(worker: ReportedWorker) -> str:
    """The queues that it serves, some by name."""
    if worker.queues is None:
        return _tr("all")
    if not worker.queues:
        return _tr("none")
    names = ", ".join(formats.visible(formats.cut(name, LONGEST)) for name in worker.queues[:MOST_QUEUES])
    more = len(worker.queues) - MOST_QUEUES
    return names + (_tr(" and {n} more").format(n=more) if more > 0 else "")


def load_of(worker: ReportedWorker) -> str:
    """Cores in use since the heartbeat before, and memory."""
    parts = []
    if worker.cpu_share is not None:
        parts.append(f"{worker.cpu_share:.2f}")
    if worker.memory_bytes is not None:
        parts.append(f"{formats.number(round(worker.memory_bytes / MEGABYTE))} MB")
    return " · ".join(parts) or formats.DASH


def facts(worker: ReportedWorker, now: dt.datetime) -> list[Run]:
    """All that it tells, for the panel beside the list."""
    lines = [
        (_tr("host"), worker.host + (f" · {worker.pid}" if worker.pid is not None else "")),
        (_tr("name"), worker.name),
        (_tr("application"), worker.app),
        (_tr("queues"), _tr("all") if worker.queues is None else ", ".join(worker.queues[:50])),
        (_tr("slots"), _tr("{taken} of {all}").format(taken=len(worker.running), all=worker.concurrency)),
        (_tr("cores in use"), "" if worker.cpu_share is None else f"{worker.cpu_share:.2f}"),
        (_tr("memory"), "" if worker.memory_bytes is None else f"{round(worker.memory_bytes / MEGABYTE):,} MB"),
        (_tr("versions"), ", ".join(f"{name} {version}" for name, version in sorted(worker.versions.items()))),
        (_tr("started"), formats.relative(worker.started_at, now)),
        (_tr("ended"), "" if worker.ended_at is None else formats.relative(worker.ended_at, now)),
        (_tr("reports dropped"), formats.number(worker.dropped) if worker.dropped else ""),
    ]
    runs: list[Run] = []
    for name, value in lines:
        if value:
            runs += [Run(f"{name}  ", "secondary"), Run(f"{formats.visible(formats.cut(value, 400))}\n")]
    return runs


def _tr(text: str) -> str:
    return QCoreApplication.translate("ReportedWorkers", text)
