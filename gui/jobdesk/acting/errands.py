"""Errands of each kind, made from what the dialogs have looked at."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from jobdesk_core.exceptions import InDoubt
from jobdesk_core.jobs import Job
from jobdesk_core.journal import Entry
from jobdesk_core.operations import (
    Action,
    Brake,
    DeferLedger,
    DeferPlan,
    Ledger,
    Matching,
    Outcome,
    Plan,
    Rate,
    Reprioritise,
    Reschedule,
    Result,
    Retry,
)

from jobdesk.acting.act import AnyLedger, Ended, Errand, Fields, OnProgress
from jobdesk.acting.ends import (
    broken,
    end_of_act,
    end_of_defers,
    end_of_known_undo,
    end_of_undo,
    end_of_unknown_defer,
    end_of_unknown_undo,
    is_in_doubt,
)
from jobdesk.acting.words import jobs, tr, words_of
from jobdesk.connection.desk import Desk
from jobdesk.kit import formats
from jobdesk.kit.fields import Field


def act_on_jobs(
    desk: Desk, plan: Plan, *, is_one_transaction: bool = False, rate: Rate | None = None, brake: Brake | None = None
) -> Errand:
    """The carrying out of a plan."""
    words, ledger = words_of(plan.change.action), Ledger(plan)
    return Errand(
        desk=desk,
        title=words.of_title(plan.total),
        doing=words.of_doing(plan.ready),
        of=plan.ready,
        chosen=plan.total,
        start=lambda step: desk.apply(
            plan, step, is_one_transaction=is_one_transaction, rate=rate, brake=brake, ledger=ledger
        ),
        end=lambda ledger: to_be_found_out(desk, ledger, lambda: end_of_act(ledger, words)),
        failed=broken,
        can_pause=not is_one_transaction,
        ledger=ledger,
        how=_how(plan, rate, brake, is_one_transaction=is_one_transaction),
    )


def act_on_new_jobs(
    desk: Desk,
    plan: DeferPlan,
    *,
    is_one_transaction: bool = False,
    rate: Rate | None = None,
    source: str = "",
    stage: Callable[[DeferPlan], object],
    release: Callable[[], object] = lambda: None,
) -> Errand:
    """The deferring of many jobs; `source` is the connection that they are replayed from.

    What was certainly not deferred can be staged, by `stage`, so that nobody has to give it again.
    """
    words = words_of(Action.DEFER)
    name = formats.cut(desk.profile.name, 40) if source else ""
    title = tr("{what} on {profile}").format(what=words.of_title(plan.ready), profile=name) if name else ""
    return Errand(
        desk=desk,
        title=title or words.of_title(plan.ready),
        doing=words.of_doing(plan.ready),
        of=plan.ready,
        chosen=len(plan.jobs),
        start=lambda step: desk.defer_many(plan, step, is_one_transaction=is_one_transaction, rate=rate, source=source),
        end=lambda ledger: to_be_found_out(
            desk, ledger, lambda: _with_rest(end_of_defers(ledger, words, name), ledger, plan, stage)
        ),
        failed=broken,
        can_pause=not is_one_transaction,
        how=how_chunked(is_one_transaction=is_one_transaction, rate=rate),
        release=release,
    )


def _with_rest(ended: Ended, ledger: DeferLedger, plan: DeferPlan, stage: Callable[[DeferPlan], object]) -> Ended:
    """The end of an act on new jobs, with a way to stage those that are left; not before it is known which."""
    if is_in_doubt(ledger.error):
        return ended
    results = (entry.result for entry in ledger.entries())
    left = [
        new
        for new, result in zip(plan.jobs, results, strict=True)
        if result in (Result.NOT_REACHED, Result.ROLLED_BACK)
    ]
    if not left:
        return ended
    rest = DeferPlan(left, plan.capabilities, origin=plan.origin)
    return replace(ended, again=(tr("Stage the {jobs} left").format(jobs=jobs(len(left))), lambda: stage(rest)))


def act_of_undo(desk: Desk, entry: Entry, ready: int, then: Callable[[], object] = lambda: None) -> Errand:
    """The undo of a journal's entry, of which so many jobs can be undone; `then` is called in the end."""
    words = formats.cut(entry.header.sentence, 80)

    def failed(error: Exception) -> Ended:
        return _unknown_undo(desk, error, ready) if isinstance(error, InDoubt) else broken(error)

    return Errand(
        desk=desk,
        title=tr("Undo: {act}").format(act=words),
        doing=tr("Undoing {jobs}").format(jobs=jobs(ready)),
        of=entry.done - entry.undone,
        chosen=entry.done - entry.undone,
        start=lambda step: desk.undo(entry, step),
        end=end_of_undo,
        failed=failed,
        release=then,
    )


def deferring_in_doubt(desk: Desk, job: Job, outcome: Outcome, known: Callable[[Outcome], object]) -> Errand:
    """What is left of deferring a job whose answer was lost: `known` is called with what has become of it."""

    async def find_out() -> Ended | None:
        found = await desk.known_outcome(outcome, job)
        if found.is_unknown and not found.reason:
            return None
        known(found)
        return end_of_unknown_defer(found)

    async def start(step: OnProgress) -> Outcome:
        return outcome

    words = words_of(Action.DEFER)
    return Errand(
        desk=desk,
        title=words.of_title(1),
        doing=words.of_doing(1),
        of=1,
        chosen=1,
        start=start,
        end=lambda unknown: replace(end_of_unknown_defer(unknown), find_out=find_out),
        failed=broken,
        can_pause=False,
    )


def to_be_found_out(desk: Desk, ledger: AnyLedger, end: Callable[[], Ended]) -> Ended:
    """How an act ended, with a way to find out what nobody knows yet."""

    async def find_out() -> Ended | None:
        return end() if await desk.find_out_of(ledger) else None

    return replace(end(), find_out=find_out) if is_in_doubt(ledger.error) else end()


def _unknown_undo(desk: Desk, error: InDoubt, ready: int) -> Ended:
    async def find_out() -> Ended | None:
        found = await desk.find_out(error)
        if found is not None and found.verdict == "unknown":
            error.reason = found.reason
            return end_of_unknown_undo(error)
        return end_of_known_undo(found.done, ready) if found is not None else None

    ended = end_of_unknown_undo(error)
    return replace(ended, find_out=find_out) if is_in_doubt(error) else ended


def _how(plan: Plan, rate: Rate | None, brake: Brake | None, *, is_one_transaction: bool) -> Fields:
    change = plan.change
    fields: list[Field] = []
    if isinstance(plan.target, Matching):
        fields.append((tr("filter"), plan.target.job_filter.text or tr("every job"), "mono"))
    fields += how_chunked(is_one_transaction=is_one_transaction, rate=rate)
    if isinstance(change, Retry):
        priority = formats.number(change.priority) if change.priority is not None else tr("kept")
        fields.append((tr("priority"), priority, ""))
        if change.queue is not None:
            fields.append((tr("queue"), formats.visible(change.queue), ""))
        if change.lock is not None:
            fields.append((tr("lock"), formats.visible(change.lock), ""))
    elif isinstance(change, Reprioritise):
        fields.append((tr("priority"), formats.number(change.priority), ""))
    if isinstance(change, Retry | Reschedule) and change.at is not None:
        fields.append((tr("scheduled"), formats.local(change.at), ""))
    if brake is not None:
        fields.append((tr("brake"), tr("pauses if failures pass {share} %").format(share=f"{100 * brake.share:g}"), ""))
    return tuple(fields)


def how_chunked(*, is_one_transaction: bool, rate: Rate | None) -> Fields:
    if is_one_transaction:
        return ((tr("how"), tr("all in one transaction"), ""),)
    if rate is not None:
        return ((tr("chunks"), tr("at most {jobs} a second").format(jobs=jobs(rate.per_second)), ""),)
    return ((tr("chunks"), tr("as fast as the server allows"), ""),)
