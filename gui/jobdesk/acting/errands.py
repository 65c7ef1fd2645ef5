"""Errands of each kind, made from what the dialogs have looked at."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from jobdesk_core.journal import Entry
from jobdesk_core.operations import (
    Action,
    Brake,
    DeferPlan,
    Ledger,
    Matching,
    Plan,
    Rate,
    Reprioritise,
    Reschedule,
    Retry,
    SetLedger,
    SetPlan,
)

from jobdesk import formats
from jobdesk.acting.act import Ended, Errand, Fields
from jobdesk.acting.ends import broken, end_of_act, end_of_defers, end_of_set, end_of_undo
from jobdesk.acting.words import jobs, sentences_of, tr
from jobdesk.desk import Desk


def act_on_jobs(
    desk: Desk, plan: Plan, *, is_one_transaction: bool = False, rate: Rate | None = None, brake: Brake | None = None
) -> Errand:
    """The carrying out of a plan."""
    sentences, ledger = sentences_of(plan.change.action), Ledger(plan)
    return Errand(
        desk=desk,
        title=sentences.of_title(plan.total),
        doing=sentences.of_doing(plan.ready),
        of=plan.ready,
        chosen=plan.total,
        start=lambda step: desk.apply(
            plan, step, is_one_transaction=is_one_transaction, rate=rate, brake=brake, ledger=ledger
        ),
        end=lambda told: end_of_act(told, sentences),
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
    release: Callable[[], object] = lambda: None,
) -> Errand:
    """The deferring of many jobs; `source` is the connection that they are replayed from."""
    words = sentences_of(Action.DEFER)
    name = formats.cut(desk.profile.name, 40) if source else ""
    title = tr("{what} on {profile}").format(what=words.of_title(plan.ready), profile=name) if name else ""
    return Errand(
        desk=desk,
        title=title or words.of_title(plan.ready),
        doing=words.of_doing(plan.ready),
        of=plan.ready,
        chosen=len(plan.jobs),
        start=lambda step: desk.defer_many(plan, step, is_one_transaction=is_one_transaction, rate=rate, source=source),
        end=lambda ledger: end_of_defers(ledger, words, name),
        failed=broken,
        can_pause=not is_one_transaction,
        how=_chunks(is_one_transaction=is_one_transaction, rate=rate),
        release=release,
    )


def act_of_set(
    desk: Desk,
    plan: SetPlan,
    count: str,
    put_back: Callable[[], object],
    review: tuple[str, Callable[[], object]],
) -> Errand:
    """The applying of staged changes, `count` in words. Not applied, they are put back, to be reviewed."""

    def end(ledger: SetLedger) -> Ended:
        ended = end_of_set(ledger, count)
        return ended if ledger.is_applied else not_applied(ended)

    def not_applied(ended: Ended) -> Ended:
        put_back()
        return replace(ended, again=review)

    return Errand(
        desk=desk,
        title=tr("Apply {changes}").format(changes=count),
        doing=tr("Applying {changes}").format(changes=count),
        of=plan.staged.jobs,
        chosen=plan.staged.jobs,
        start=lambda step: desk.apply_staged(plan, step),
        end=end,
        failed=lambda error: not_applied(broken(error)),
        can_pause=False,
        how=_chunks(is_one_transaction=True, rate=None),
    )


def act_of_undo(desk: Desk, entry: Entry, ready: int, then: Callable[[], object] = lambda: None) -> Errand:
    """The undo of a journal's entry, of which so many jobs can be undone; `then` is called in the end."""
    words = formats.cut(entry.header.sentence, 80)
    return Errand(
        desk=desk,
        title=tr("Undo: {act}").format(act=words),
        doing=tr("Undoing {jobs}").format(jobs=jobs(ready)),
        of=entry.done - entry.undone,
        chosen=entry.done - entry.undone,
        start=lambda step: desk.undo(entry, step),
        end=end_of_undo,
        failed=broken,
        release=then,
    )


def _how(plan: Plan, rate: Rate | None, brake: Brake | None, *, is_one_transaction: bool) -> Fields:
    change = plan.change
    fields: list[tuple[str, str, str]] = []
    if isinstance(plan.target, Matching):
        fields.append((tr("filter"), plan.target.job_filter.text or tr("every job"), "mono"))
    fields += _chunks(is_one_transaction=is_one_transaction, rate=rate)
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


def _chunks(*, is_one_transaction: bool, rate: Rate | None) -> Fields:
    if is_one_transaction:
        return ((tr("how"), tr("all in one transaction"), ""),)
    if rate is not None:
        return ((tr("chunks"), tr("at most {jobs} a second").format(jobs=jobs(rate.per_second)), ""),)
    return ((tr("chunks"), tr("as fast as the server allows"), ""),)
