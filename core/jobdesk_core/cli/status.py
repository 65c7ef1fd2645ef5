"""The command `status`: what there is, who runs it, and what may be done here."""

from __future__ import annotations

import argparse
import dataclasses
import datetime as dt

from jobdesk_core.cli import codes, output
from jobdesk_core.cli.connection import LIMIT_S, Opened
from jobdesk_core.connectors.settings import Route
from jobdesk_core.jobs import Status
from jobdesk_core.monitor import running
from jobdesk_core.monitor.counts import INHABITED, Counts, count_open, count_stretch
from jobdesk_core.monitor.rows import WorkerRow
from jobdesk_core.monitor.surroundings import WORKERS
from jobdesk_core.monitor.synchronous import limited_now


def add_status(parser: argparse.ArgumentParser) -> None:
    """The options of `status`."""
    parser.set_defaults(run=status)


def status(desk: Opened, options: argparse.Namespace) -> int:
    """Count, and tell of workers, release and rights."""
    counts = counted(desk)
    able = desk.capabilities
    workers = limited_now(desk.connector, WORKERS, LIMIT_S) if able.has_workers else []
    orphans = limited_now(desk.connector, running.orphans(able), LIMIT_S)
    if options.json:
        output.json_line(_as_json(desk, counts, workers, orphans))
        return codes.DONE
    output.line(output.plain(desk.place))
    output.line(f"Procrastinate {able.release}, PostgreSQL {able.server_version // 10_000}")
    if desk.connector.route is Route.POOLED:
        output.line("Behind a pooler, transaction mode: polling.")
    output.line()
    shown = [each for each in Status if each is not Status.ABORTING or counts.total(each)]
    table = output.Table("queue", *(each.value for each in shown), "all")
    rows = [(queue.name, *map(queue.count, shown), queue.total) for queue in counts.queues()]
    table.rows([*rows, ("all queues", *map(counts.total, shown), counts.total())])
    output.line()
    _tell_workers(desk, workers, orphans)
    for action, refused in _refused(desk).items():
        output.line(output.plain(f"You may not {action} here: {refused}"))
    return codes.DONE


def counted(desk: Opened) -> Counts:
    """Every job counted, as the monitor does it: stretch by stretch, none of them long."""
    counts = Counts()
    counts.set_open(limited_now(desk.connector, count_open(), LIMIT_S))
    for stretch in limited_now(desk.connector, INHABITED, LIMIT_S):
        counts.set_stretch(stretch, limited_now(desk.connector, count_stretch(stretch), LIMIT_S))
    return counts


def _tell_workers(desk: Opened, workers: list[WorkerRow], orphans: int) -> None:
    if not desk.capabilities.has_workers:
        output.line("This release does not record its workers.")
        return
    now = dt.datetime.now(dt.UTC)
    alive = [worker for worker in workers if worker.is_alive(now)]
    dead = len(workers) - len(alive)
    stalled = orphans + sum(worker.running for worker in workers if not worker.is_alive(now))
    told = f"{len(alive):,} workers alive, {sum(worker.running for worker in alive):,} jobs running on them"
    output.line(told + (f"; {dead:,} silent" if dead else "") + ".")
    if stalled:
        output.line(
            f"{stalled:,} {'job has' if stalled == 1 else 'jobs have'} stalled: no living worker. "
            "List with: jobdesk jobs is:stalled"
        )


def _refused(desk: Opened) -> dict[str, str]:
    if desk.profile.is_read_only:
        return {"change anything": "the profile is read-only."}
    if desk.capabilities.is_standby:
        return {"change anything": "this server is a read-only standby."}
    rights = dataclasses.asdict(desk.capabilities.rights)
    return {action: refused for action, refused in rights.items() if refused is not None and action != "install"}


def _as_json(desk: Opened, counts: Counts, workers: list[WorkerRow], orphans: int) -> dict[str, object]:
    able, now = desk.capabilities, dt.datetime.now(dt.UTC)
    return {
        "profile": desk.profile.name,
        "database": able.database,
        "role": able.role,
        "release": able.release,
        "server_version": able.server_version,
        "is_standby": able.is_standby,
        "is_pooled": desk.connector.route is Route.POOLED,
        "counts": {each.value: counts.total(each) for each in Status},
        "queues": {queue.name: {each.value: queue.count(each) for each in Status} for queue in counts.queues()},
        "workers": [output.as_json(worker) | {"is_alive": worker.is_alive(now)} for worker in workers],
        "running_without_worker": orphans,
        "refused": _refused(desk),
    }
