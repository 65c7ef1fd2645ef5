"""Who serves which queue, as far as live workers report."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence

from jobdesk_core.database.rows import WorkerRow
from jobdesk_core.reported.records import ReportedWorker


def by_number(reported: Iterable[ReportedWorker]) -> dict[int, ReportedWorker]:
    """The reported workers that are registered, by their numbers; of several the one that was heard of last."""
    found: dict[int, ReportedWorker] = {}
    for worker in reported:
        if worker.worker_id is not None:
            known = found.get(worker.worker_id)
            if known is None or known.beat_at < worker.beat_at:
                found[worker.worker_id] = worker
    return found


def unserved(
    due: Mapping[str, int], workers: Sequence[WorkerRow], reported: Sequence[ReportedWorker], now: dt.datetime
) -> list[str]:
    """The queues with due jobs that no live worker serves; none while a live worker does not say what it serves."""
    known = by_number(reported)
    live = [worker for worker in workers if worker.is_alive(now)]
    if any(worker.id not in known for worker in live):
        return []
    serving = [known[worker.id] for worker in live]
    serving += [worker for worker in reported if worker.worker_id is None and worker.is_alive(now)]
    return sorted(name for name, jobs in due.items() if jobs and not any(each.serves(name) for each in serving))
