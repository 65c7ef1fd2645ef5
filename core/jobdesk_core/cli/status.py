"""The command `status`: what needs attention, what there is, who runs it, and what may be done here."""

from __future__ import annotations

import argparse
import dataclasses

from jobdesk_core.cli import exit_codes, output
from jobdesk_core.cli.attending import situation, unrecorded
from jobdesk_core.cli.connection import LIMIT_S, Opened
from jobdesk_core.clock import TOLD_S
from jobdesk_core.connectors.settings import Route
from jobdesk_core.database.limited import limited_transaction
from jobdesk_core.feed.counts import INHABITED, Counts, count_stretch
from jobdesk_core.job.queue_context import LAST_STARTS
from jobdesk_core.jobs import Status
from jobdesk_core.reading import open_jobs
from jobdesk_core.reading.open_jobs import NONE_OPEN, OpenJobs
from jobdesk_core.watching.attention import Attention, attention
from jobdesk_core.watching.situation import Situation


@dataclasses.dataclass(frozen=True, slots=True)
class Counted:
    """Every job of one moment, and what needs attention then."""

    counts: Counts
    open: OpenJobs
    attention: list[Attention]
    #: The queues with due jobs that no live worker serves, where the workers report.
    unserved: list[str]


def add_status(parser: argparse.ArgumentParser) -> None:
    """The options of `status`."""
    parser.set_defaults(run=status)


def status(desk: Opened, options: argparse.Namespace) -> int:
    """Count, and tell of what needs attention, of workers, release and rights."""
    found = counted(desk)
    counts, capabilities = found.counts, desk.capabilities
    if options.json:
        output.json_line(_as_json(desk, found))
        return exit_codes.DONE
    output.line(output.plain(desk.place))
    output.line(f"Procrastinate {capabilities.release}, PostgreSQL {capabilities.server_version // 10_000}")
    if capabilities.strangeness is not None:
        output.line(output.plain(capabilities.strangeness))
    if desk.connector.clock.differs_by(TOLD_S):
        output.line(desk.connector.clock.difference())
    if desk.connector.route is Route.POOLED:
        output.line("Behind a pooler, transaction mode: polling.")
    output.line()
    for line in found.attention:
        output.line(output.plain(f"! {line.text}"))
    if found.attention:
        output.line()
    shown = [each for each in Status if each is not Status.ABORTING or counts.total(each)]
    shown = [each for each in shown if each not in (Status.TODO, Status.DOING)]
    table = output.Table("queue", "due", "scheduled", "running", *(each.value for each in shown), "all")
    rows = [
        (queue.name, *_open_columns(found.open, queue.name), *map(queue.count, shown), queue.total)
        for queue in counts.queues()
    ]
    table.rows([*rows, ("all queues", *_open_columns(found.open), *map(counts.total, shown), counts.total())])
    output.line()
    _tell_workers(found.open)
    for action, refused in _refused(desk).items():
        output.line(output.plain(f"You may not {action} here: {refused}"))
    return exit_codes.DONE


def counted(desk: Opened) -> Counted:
    """Every job counted, stretch by stretch, none of them long; all of it in one snapshot."""
    counts, run = Counts(), desk.connector.run
    with limited_transaction(desk.connector, LIMIT_S, snapshot=True) as connection:
        heads = run(open_jobs.heads(desk.capabilities), connection=connection)
        deferred = run(open_jobs.deferred(heads.first_ids), connection=connection)
        jobs = heads.with_deferred(deferred)
        starts = run(LAST_STARTS, connection=connection)
        counts.set_open(jobs.counted())
        for stretch in run(INHABITED, connection=connection):
            counts.set_stretch(stretch, run(count_stretch(stretch), connection=connection))
    seen = dataclasses.replace(situation(desk, jobs, starts), unrecorded=unrecorded(desk))
    return Counted(counts, jobs, attention(seen), _unserved(seen))


def _unserved(seen: Situation) -> list[str]:
    """Only known where every live worker reports."""
    if seen.served is None or seen.served.queues is None:
        return []
    return sorted(name for name, group in seen.open.queues.items() if group.due and name not in seen.served.queues)


def _open_columns(jobs: OpenJobs, queue: str | None = None) -> tuple[int, int, int]:
    group = jobs.all if queue is None else jobs.queues.get(queue, NONE_OPEN)
    return group.due, group.scheduled, group.running


def _tell_workers(jobs: OpenJobs) -> None:
    if jobs.workers is None:
        output.line("This release does not record its workers.")
        return
    alive = [worker for worker in jobs.workers if worker.is_alive(jobs.read_at)]
    dead, running = len(jobs.workers) - len(alive), jobs.all.running - jobs.all.stalled
    told = f"{_count(len(alive), 'worker')} alive, {_count(running, 'job')} running on {_them(len(alive))}"
    output.line(told + (f"; {dead:,} unresponsive" if dead else "") + ".")
    if stalled := jobs.all.stalled:
        has = "has" if stalled == 1 else "have"
        output.line(f"{_count(stalled, 'job')} {has} stalled. List with: jobdesk jobs is:stalled")


def _count(number: int, noun: str) -> str:
    return f"1 {noun}" if number == 1 else f"{number:,} {noun}s"


def _them(number: int) -> str:
    return "it" if number == 1 else "them"


def _refused(desk: Opened) -> dict[str, str]:
    if desk.profile.is_read_only:
        return {"change anything": "the profile is read-only."}
    if desk.capabilities.is_standby:
        return {"change anything": "this server is a read-only standby."}
    rights = dataclasses.asdict(desk.capabilities.rights)
    return {action: refused for action, refused in rights.items() if refused is not None and action != "install"}


def _as_json(desk: Opened, found: Counted) -> dict[str, object]:
    capabilities, counts, jobs = desk.capabilities, found.counts, found.open
    return {
        "profile": desk.profile.name,
        "database": capabilities.database,
        "role": capabilities.role,
        "release": capabilities.release,
        "server_version": capabilities.server_version,
        "is_standby": capabilities.is_standby,
        "is_pooled": desk.connector.route is Route.POOLED,
        "clock_ahead_s": round(desk.connector.clock.ahead_s, 3),
        "read_at": output.as_json(jobs.read_at),
        "attention": [_line_json(line) for line in found.attention],
        "unserved_queues": found.unserved,
        "counts": {each.value: counts.total(each) for each in Status},
        "open": _open_json(jobs),
        "queues": {
            queue.name: {each.value: queue.count(each) for each in Status} | _open_json(jobs, queue.name)
            for queue in counts.queues()
        },
        "workers": [
            output.as_json(worker) | {"is_alive": worker.is_alive(jobs.read_at)} for worker in jobs.workers or ()
        ],
        "running_without_worker": jobs.all.orphans,
        "refused": _refused(desk),
    }


def _line_json(line: Attention) -> dict[str, object]:
    return {
        "rule": line.rule,
        "subject": line.subject,
        "title": line.title,
        "text": line.text,
        "number": round(line.number, 3),
        "since": output.as_json(line.since),
        "tone": line.tone,
        "filter": line.filter_text,
    }


def _open_json(jobs: OpenJobs, queue: str | None = None) -> dict[str, object]:
    group = jobs.all if queue is None else jobs.queues.get(queue, NONE_OPEN)
    return {
        "due": group.due,
        "scheduled": group.scheduled,
        "held_by_locks": group.held,
        "stalled": group.stalled,
        "oldest_due_since": output.as_json(group.oldest),
    }
