"""The command `defer`: one job from the command line, or many from rows of CSV or NDJSON."""

from __future__ import annotations

import argparse
import asyncio
import itertools
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from jobdesk_core.cli import apps, exit_codes, new_jobs, output, words
from jobdesk_core.cli.connection import LIMIT_S, Opened
from jobdesk_core.cli.exit_codes import Ended
from jobdesk_core.cli.interrupt import Interrupt
from jobdesk_core.connectors.rendered_sql import shown_sql
from jobdesk_core.database import statements
from jobdesk_core.exceptions import ConnectorException, InDoubt
from jobdesk_core.jobs import Job
from jobdesk_core.journal import Journal, JournalTrouble, headers
from jobdesk_core.journal.record import Planned
from jobdesk_core.journal.recorded import defer_into, defer_one
from jobdesk_core.journal.recording import recording
from jobdesk_core.operations import Action, Outcome, Rate, Result, impossible, plan_defers, run
from jobdesk_core.operations.confirmation import MANY, confirmation
from jobdesk_core.operations.deferring.ledger import Deferred
from jobdesk_core.operations.deferring.new_jobs import NewJob, problem_of

#: Jobs read and deferred at once.
BATCH_JOBS = 500
#: Jobs that --dry-run shows.
SHOWN = 10


def add_defer(parser: argparse.ArgumentParser) -> None:
    """The options of `defer`."""
    parser.add_argument("task", metavar="TASK", help="the task's name, such as invoices.send")
    parser.add_argument("values", nargs="*", metavar="NAME=VALUE", help="arguments: JSON where it is valid, else text")
    parser.add_argument("--args", metavar="JSON", help="the arguments as one JSON object; NAME=VALUE override them")
    parser.add_argument("--queue", help="default: the one that most of the task's latest jobs are in")
    parser.add_argument("--lock", help="jobs with the same lock run one after the other; rows may give a {name}")
    parser.add_argument("--queueing-lock", help="refused while a job that has it waits; rows may give a {name}")
    parser.add_argument("--priority", type=int, default=0, help="higher runs first (default: 0)")
    words.add_due(parser)
    parser.add_argument(
        "--from", dest="source", metavar="FILE", help="a job for each row of a file, - for standard input"
    )
    parser.add_argument(
        "--format", choices=("ndjson", "csv"), help="the format of --from (default: detected from the text)"
    )
    parser.add_argument(
        "--type",
        dest="types",
        action="append",
        default=[],
        metavar="NAME=TYPE",
        help="the type of a CSV's column: text, number, boolean or json; by default what all of the column reads as",
    )
    parser.add_argument("--rate", type=words.rate, metavar="N", help=f"with --from: {words.RATE}")
    parser.add_argument("--dry-run", action="store_true", help="only show the first jobs, and which would be refused")
    parser.add_argument("--sql", action="store_true", help="only show the SQL of the first job")
    parser.add_argument("--yes", action="store_true", help="do not ask before rows are deferred on production")
    apps.add_defer(parser)
    parser.set_defaults(run=run_defer, run_app=apps.run_defer)


def run_defer(desk: Opened, options: argparse.Namespace) -> int:
    """Defer, or show what would be."""
    problem = impossible(Action.DEFER, desk.capabilities, is_read_only=desk.profile.is_read_only)
    if problem is not None:
        raise Ended(exit_codes.REFUSED, problem)
    if options.rate is not None and options.source is None:
        raise Ended(exit_codes.USAGE, "--rate is for the rows of --from: one job has no rate.")
    if options.types and options.source is None:
        raise Ended(exit_codes.USAGE, "--type is for the columns of --from.")
    # What is wrong is told before, and instead of, the queue that would be taken.
    job = new_jobs.read_job(options, desk.connector.clock.now())
    # Raises CapabilityMissing where the function is missing.
    statements.defer(desk.capabilities, [replace(job, priority=0)])
    problem = problem_of(job, desk.capabilities)
    if problem is not None:
        is_release = job.priority and not desk.capabilities.has_priority
        raise Ended(exit_codes.REFUSED if is_release else exit_codes.USAGE, problem)
    task = new_jobs.known(desk, options.task)
    rows = new_jobs.read_rows(options, task.types) if options.source is not None else None
    job = replace(job, queue=new_jobs.queue_of(options, task))
    if rows is None:
        new_jobs.tell_remarks(task, [job], is_many=False)
        return _defer_all(desk, options, job, iter([NewJob(1, job)]))
    jobs = list(new_jobs.jobs_of(job, rows))
    new_jobs.tell_columns(rows)
    new_jobs.tell_remarks(task, [new.job for new in jobs], is_many=True)
    return _defer_all(desk, options, job, iter(jobs))


def _defer_all(desk: Opened, options: argparse.Namespace, job: Job, jobs: Iterator[NewJob]) -> int:
    if options.sql:
        return _show_sql(desk, next(jobs, None))
    if options.dry_run:
        return _show_plan(desk, list(jobs), is_json=options.json, is_many=options.source is not None)
    is_many = options.source is not None
    if is_many and not options.yes:
        # Enough of them to know whether they are many.
        first = list(itertools.islice(jobs, MANY + 1))
        jobs = itertools.chain(first, jobs)
        asked = confirmation(Action.DEFER, len(first), is_production=desk.profile.is_production)
        words.confirm(f"defer a job for each row of {output.plain(options.source)}", asked, desk.profile)
    deferring, is_whole = _Deferring(desk, options.rate or Rate(), is_json=options.json), False
    try:
        with Interrupt() as interrupt:
            # The journal's loop is for it alone: nothing else waits.
            asyncio.run(deferring.run(job, jobs, interrupt, is_many=is_many))
            is_whole = not interrupt.is_set and not deferring.is_unknown
    except ConnectorException as error:
        if not deferring.done or isinstance(error, InDoubt):
            raise
        stays = "What was deferred stays deferred: give it only the lines that are left."
        raise Ended(exit_codes.code_of(error), exit_codes.sentence_and_remedy(error)[0], stays) from error
    finally:
        # Also when the link breaks: those before it are deferred.
        _sum_up(deferring, is_many=is_many, is_whole=is_whole)
    if deferring.is_unknown:
        raise Ended(exit_codes.CONNECTION, *exit_codes.sentence_and_remedy(InDoubt()))
    if interrupt.is_set:
        raise Ended(exit_codes.INTERRUPTED, "Stopped. What had been deferred before stays deferred.")
    return exit_codes.DONE if deferring.done and not deferring.refused else exit_codes.NOT_ALL


def _sum_up(deferring: _Deferring, *, is_many: bool, is_whole: bool) -> None:
    if is_many and (deferring.done or deferring.refused):
        refused = f"; refused {words.count(deferring.refused)}" if deferring.refused else ""
        output.note(f"Deferred {words.count(deferring.done)}{refused}.")
    elif is_many and is_whole:
        output.note("There are no rows, and so there was nothing to defer.")


class _Deferring:
    """Defers batch by batch, and writes all of it down as one entry of the journal."""

    def __init__(self, desk: Opened, rate: Rate, *, is_json: bool) -> None:
        self._desk = desk
        self._rate = rate
        self._is_json = is_json
        self.done = 0
        self.refused = 0
        self.is_unknown = False

    async def run(self, like: Job, jobs: Iterator[NewJob], interrupt: Interrupt, *, is_many: bool) -> None:
        desk = self._desk
        if not is_many:
            self._note(
                await defer_one(
                    like, desk.connector, desk.capabilities, desk.profile, Journal(), on_trouble=_tell_trouble
                )
            )
            return
        header = headers.of_job(like, desk.capabilities, desk.profile, many=True)
        async with recording(Journal(), header, desk.connector, Planned(), _tell_trouble) as recorded:
            for batch in _batched(jobs, self._rate.most(BATCH_JOBS)):
                # Each with its own outcome, so that a stream of any length is never held as a whole.
                made = run(plan_defers(batch, desk.capabilities), desk.connector)
                ledger = await defer_into(
                    recorded, made, on_progress=lambda progress: not interrupt.is_set, rate=self._rate
                )
                recorded.left = list(recorded.left)
                for entry in ledger.entries():
                    if not (ledger.is_stopped and entry.result is Result.NOT_REACHED):
                        self._note(_outcome(entry))
                output.flush()
                if ledger.error is not None:
                    raise ledger.error
                if interrupt.is_set:
                    return

    def _note(self, outcome: Outcome) -> None:
        self.done, self.refused = self.done + outcome.is_done, self.refused + (not outcome.is_done)
        self.is_unknown = self.is_unknown or outcome.is_unknown
        _tell(outcome, is_json=self._is_json)
        output.flush()


def _outcome(entry: Deferred) -> Outcome:
    told = f"Deferred job #{entry.job_id:,}." if entry.result is Result.DONE else entry.sentence
    is_unknown = entry.result is Result.UNKNOWN
    return Outcome(entry.job_id, entry.result is Result.DONE, f"Line {entry.origin:,}: {told}", is_unknown=is_unknown)


def _tell_trouble(trouble: JournalTrouble) -> None:
    output.note(str(trouble))


def _batched(jobs: Iterator[NewJob], size: int) -> Iterator[list[NewJob]]:
    while batch := list(itertools.islice(jobs, size)):
        yield batch


def _tell(outcome: Outcome, *, is_json: bool) -> None:
    if is_json:
        output.json_line(
            {
                "id": outcome.job_id,
                "is_done": outcome.is_done,
                "is_unknown": outcome.is_unknown,
                "sentence": outcome.sentence,
            }
        )
    elif outcome.is_done:
        output.line(output.plain(outcome.sentence))
    else:
        output.note(outcome.sentence)


def _show_sql(desk: Opened, new: NewJob | None) -> int:
    if new is None:
        return exit_codes.NOT_ALL
    output.line(output.safe_lines(shown_sql(statements.defer(desk.capabilities, [new.job]))))
    return exit_codes.DONE


def _show_plan(desk: Opened, jobs: list[NewJob], *, is_json: bool, is_many: bool) -> int:
    """The preflight: the first jobs as they would be, and every one that would be refused."""
    made = run(plan_defers(jobs, desk.capabilities), desk.connector, limit_s=LIMIT_S)
    for position, new in enumerate(jobs):
        refusal = made.refusals.get(position)
        if position < SHOWN or (is_json and refusal is not None):
            output.json_line({"line": new.origin} | _as_json(new.job) | {"refused": refusal})
        if refusal is not None and not is_json:
            output.note(f"Line {new.origin:,}: {refusal}" if is_many else refusal)
    refused = f"; {words.count(len(made.refusals))} would be refused" if made.refusals else ""
    output.note(f"Would defer {words.count(made.ready)} on {desk.place}{refused}. Nothing has been changed.")
    return exit_codes.DONE if made.ready and not made.refusals else exit_codes.NOT_ALL


def _as_json(job: Job) -> dict[str, Any]:
    held = {"task": job.task_name, "queue": job.queue, "priority": job.priority, "lock": job.lock}
    return held | {
        "queueing_lock": job.queueing_lock,
        "scheduled_at": job.scheduled_at,
        "args": dict(job.task_kwargs),
    }
