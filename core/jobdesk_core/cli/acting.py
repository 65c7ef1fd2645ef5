"""The commands that act on jobs: a preflight, a question, the act in chunks, and what became of each."""

from __future__ import annotations

import argparse
import asyncio
import datetime as dt
import sys
from dataclasses import dataclass

from jobdesk_core.cli import exit_codes, output, words
from jobdesk_core.cli.connection import LIMIT_S, Opened
from jobdesk_core.cli.exit_codes import Ended
from jobdesk_core.cli.interrupt import Interrupt
from jobdesk_core.connectors.rendered_sql import shown_sql
from jobdesk_core.jobs import Status
from jobdesk_core.journal import Journal, recorded
from jobdesk_core.operations import (
    ENDED,
    Action,
    Brake,
    Cancel,
    Change,
    Chosen,
    Fail,
    Ledger,
    Matching,
    Plan,
    Progress,
    Purge,
    Rate,
    Result,
    Retry,
    first_statement,
    look_at_risk,
    plan,
    run,
)
from jobdesk_core.operations.change.brake import LAST
from jobdesk_core.operations.confirmation import confirmation_of

_VERBS = {
    Action.CANCEL: "cancel {jobs}",
    Action.ABORT: "abort {jobs}",
    Action.DELETE: "cancel and delete {jobs}",
    Action.RETRY: "retry {jobs}",
    Action.RESCUE: "rescue {jobs}",
    Action.FAIL: "mark {jobs} as failed",
    Action.PURGE: "purge {jobs}",
}
#: What will become of the jobs that are acted upon.
WILL = {
    Action.CANCEL: "will be cancelled",
    Action.ABORT: "will be asked to abort",
    Action.DELETE: "will be cancelled and deleted",
    Action.RETRY: "will be retried",
    Action.RESCUE: "will be retried",
    Action.FAIL: "will be marked as failed",
    Action.PURGE: "will be deleted",
}


def add_act(parser: argparse.ArgumentParser) -> None:
    """The options that every act has."""
    parser.add_argument(
        "filter", nargs="*", metavar="FILTER|ID", help="a filter, or ids; - reads ids from standard input"
    )
    parser.add_argument("--all", action="store_true", help="every job, instead of a filter")
    parser.add_argument("--dry-run", action="store_true", help="only show what would be done")
    parser.add_argument("--sql", action="store_true", help="only show the SQL of the first chunk")
    parser.add_argument("--yes", action="store_true", help="do not ask; required without a terminal")
    pace = parser.add_mutually_exclusive_group()
    pace.add_argument("--one-transaction", action="store_true", help="all of it or nothing, instead of chunks")
    pace.add_argument("--rate", type=words.rate, metavar="N", help=f"in chunks, {words.RATE}")


def add_cancel(parser: argparse.ArgumentParser) -> None:
    """The options of `cancel`."""
    add_act(parser)
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--abort", action="store_true", help="ask running jobs to stop; waiting ones are skipped")
    how.add_argument("--delete", action="store_true", help="delete them as well")
    parser.set_defaults(run=lambda desk, options: act(desk, options, Cancel(options.abort, options.delete)))


def add_retry(parser: argparse.ArgumentParser) -> None:
    """The options of `retry`."""
    add_act(parser)
    words.add_due(parser)
    parser.add_argument("--priority", type=int, help="another priority")
    parser.add_argument("--queue", help="another queue")
    parser.add_argument("--lock", help="another lock")
    parser.add_argument(
        "--brake",
        type=words.brake,
        metavar="PERCENT",
        help=f"with --rate: stop when more of the last {LAST} jobs that ended have failed again",
    )
    parser.add_argument("--stalled", action="store_true", help="only running jobs that no live worker has")
    parser.add_argument(
        "--force",
        action="store_true",
        help="also running jobs whose worker is alive (not with --stalled) or unresponsive: they may run twice",
    )
    parser.set_defaults(run=lambda desk, options: act(desk, options, _retry(options, desk.connector.clock.now())))


def add_purge(parser: argparse.ArgumentParser) -> None:
    """The options of `purge`."""
    add_act(parser)
    ended = sorted(status.value for status in ENDED)
    parser.add_argument(
        "--older-than",
        type=words.span,
        default=words.span("0s"),
        metavar="SPAN",
        help="only jobs that ended longer ago than this",
    )
    parser.add_argument("--status", action="append", choices=ended, help="only this status; may be repeated")
    parser.set_defaults(run=lambda desk, options: act(desk, options, _purge(options)))


def add_fail(parser: argparse.ArgumentParser) -> None:
    """The options of `fail`."""
    add_act(parser)
    parser.add_argument(
        "--force", action="store_true", help="also jobs whose worker is unresponsive: it may still be running them"
    )
    parser.set_defaults(run=lambda desk, options: act(desk, options, Fail(options.force)))


def _retry(options: argparse.Namespace, now: dt.datetime) -> Retry:
    if options.priority is not None and not -(2**31) <= options.priority < 2**31:
        raise Ended(exit_codes.USAGE, "--priority does not fit into 32 bits.")
    if options.brake is not None and options.rate is None:
        raise Ended(exit_codes.USAGE, "--brake needs --rate: without it all jobs are retried before any can fail.")
    return Retry(
        at=words.due(options, now),
        priority=options.priority,
        queue=options.queue,
        lock=options.lock,
        only_stalled=options.stalled,
        is_forced=options.force,
    )


def _purge(options: argparse.Namespace) -> Purge:
    statuses = frozenset(Status(name) for name in options.status) if options.status else ENDED
    return Purge(statuses, options.older_than)


def act(desk: Opened, options: argparse.Namespace, change: Change) -> int:
    """Look, show, ask, do, tell."""
    with Interrupt() as interrupt:
        made = _look(desk, options, change, interrupt)
        if options.sql:
            return _show_sql(made, options.rate)
        _show_plan(desk, made, is_json=options.json, is_result=options.dry_run)
        if options.dry_run:
            return exit_codes.DONE if made.ready else exit_codes.NOT_ALL
        if not made.ready:
            if options.json:
                _tell(Ledger(made), is_json=True, is_interrupted=False)
            return exit_codes.NOT_ALL
        if not options.yes:
            with interrupt.lifted():
                _ask(desk, made)
        brake = getattr(options, "brake", None)
        ledger = _carry_out(desk, made, interrupt, is_whole=options.one_transaction, rate=options.rate, brake=brake)
        for sentence in ledger.not_served:
            output.note(sentence)
        return _tell(ledger, is_json=options.json, is_interrupted=interrupt.is_set)


def _look(desk: Opened, options: argparse.Namespace, change: Change, interrupt: Interrupt) -> Plan:
    steps = plan(words.read_target(options), change, desk.capabilities, is_read_only=desk.profile.is_read_only)
    made = run(steps, desk.connector, limit_s=LIMIT_S, on_progress=lambda progress: not interrupt.is_set)
    if made.problem is not None:
        raise Ended(exit_codes.REFUSED, made.problem)
    if not made.is_complete or interrupt.is_set:
        raise Ended(exit_codes.INTERRUPTED, "Stopped before every job was checked. Nothing was changed.")
    return made


def _show_sql(made: Plan, rate: Rate | None) -> int:
    statement = first_statement(made, rate=rate)
    if statement is None:
        raise Ended(exit_codes.NOT_ALL, "None of these jobs can be acted upon, so there is no SQL.")
    output.line(output.safe_lines(shown_sql(statement)))
    return exit_codes.DONE


def _show_plan(desk: Opened, made: Plan, *, is_json: bool, is_result: bool) -> None:
    """The preflight: the result of --dry-run, else a note beside it."""
    if is_json:
        if is_result:
            for group in made.groups:
                reason = group.reason.many if group.reason is not None else None
                outcome = WILL[made.change.action] if group.reason is None else group.reason.kind
                held = {"status": group.status, "count": group.count, "outcome": outcome, "reason": reason}
                output.json_line(held | {"examples": group.first_ids(5)})
        return
    tell = output.line if is_result else output.note
    if not made.total:
        if isinstance(made.target, Matching):
            words.tell_nothing(made.target.job_filter)
        else:
            output.note("No job matches.")
        return
    told = _VERBS[made.change.action].format(jobs=f"{made.ready:,} of {words.count(made.total)}")
    tell(output.plain(f"{told[0].upper()}{told[1:]} on {desk.place}."))
    for group in made.groups:
        fate = WILL[made.change.action] if group.reason is None else f"{_kind(group.reason.kind)}: {group.reason.many}"
        status = group.status.value if group.status is not None else "-"
        tell(output.plain(f"{group.count:>12,}  {status:<10}  {fate}"))
    risk = run(look_at_risk(made), desk.connector, limit_s=LIMIT_S)
    for sentence in risk.sentences() if risk is not None else ():
        tell(output.plain(sentence))


def _kind(kind: str) -> str:
    return "only with --force" if kind == "danger" else "skipped"


def _ask(desk: Opened, made: Plan) -> None:
    asked = confirmation_of(made, is_production=desk.profile.is_production)
    verb = _VERBS[made.change.action].format(jobs=words.count(made.ready))
    risk = f", of which {words.count(asked.at_risk)} may run twice" if asked.needs_force else ""
    words.confirm(f"{verb}{risk}", asked, desk.profile)


def _carry_out(
    desk: Opened, made: Plan, interrupt: Interrupt, *, is_whole: bool, rate: Rate | None, brake: Brake | None
) -> Ledger:
    progress = _Shown(interrupt, f", at most {rate.per_second:,} a second" if rate is not None else "")
    try:
        acting = recorded.act(
            made,
            desk.connector,
            desk.profile,
            Journal(),
            on_trouble=lambda trouble: output.note(str(trouble)),
            on_progress=progress.step,
            is_one_transaction=is_whole,
            rate=rate,
            brake=brake,
        )
        # The journal's loop is for it alone: nothing else waits.
        return asyncio.run(acting)
    finally:
        progress.clear()


def _tell(ledger: Ledger, *, is_json: bool, is_interrupted: bool) -> int:
    """Say what became of the jobs: each of them in JSON, the numbers otherwise."""
    if is_json:
        for text in ledger.lines():
            output.line(output.safe_json(text))
        output.flush()
    else:
        for (result, reason), number in sorted(ledger.numbers.items(), key=lambda item: item[0][0].value):
            if number:
                output.line(output.plain(f"{number:>12,}  {result.value:<11}  {reason}".rstrip()))
    code = _code(ledger)
    if ledger.held:
        raise Ended(exit_codes.NOT_ALL, f"Stopped by the brake: {ledger.held} What had been done before stays done.")
    if is_interrupted or ledger.is_stopped:
        stays = "Everything was rolled back." if ledger.is_rolled_back else "What had been done before stays done."
        raise Ended(exit_codes.INTERRUPTED, f"Stopped. {stays}")
    if ledger.error is not None:
        raise Ended(exit_codes.code_of(ledger.error), *exit_codes.sentence_and_remedy(ledger.error))
    return code


def _code(ledger: Ledger) -> int:
    """All that could be done was; of ids that were named, every one."""
    meant = ledger.plan.total if isinstance(ledger.plan.target, Chosen) else ledger.plan.ready
    return exit_codes.DONE if ledger.counts[Result.DONE] == meant else exit_codes.NOT_ALL


@dataclass(slots=True)
class _Shown:
    """Shows on a terminal how far the act has come."""

    interrupt: Interrupt
    pace: str = ""
    is_shown: bool = False

    def step(self, progress: Progress) -> bool:
        """Show it, and return whether to go on."""
        if sys.stderr.isatty():
            sys.stderr.write(f"\r{progress.at:,} of {progress.of:,} jobs{self.pace}")
            sys.stderr.flush()
            self.is_shown = True
        # Nobody is asked whether to go on without the brake: a script that has one means it.
        return not self.interrupt.is_set and not progress.held

    def clear(self) -> None:
        """Make room for what comes next."""
        if self.is_shown:
            sys.stderr.write("\r\x1b[K")
