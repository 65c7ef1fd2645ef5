"""The applying of staged changes in the background, and how that ended, in words."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import islice

from jobdesk_core.exceptions import InDoubt
from jobdesk_core.operations import ChangeSet, Result, SetLedger, SetPlan
from jobdesk_core.troubles import explain

from jobdesk.acting.act import Ended, Errand, OnProgress
from jobdesk.acting.ends import MOST_LINKED, broken, doubt_remedy, doubt_words, is_in_doubt, looked_up
from jobdesk.acting.errands import how_chunked, to_be_found_out
from jobdesk.acting.outcome_list import Line
from jobdesk.acting.words import jobs, tr
from jobdesk.connection.desk import Desk
from jobdesk.kit.theme.tokens import Kind
from jobdesk.staging.words import end_lines


@dataclass(frozen=True, slots=True)
class Ways:
    """What becomes of changes that were not applied: they are put back, to be reviewed under the words of a button, or
    kept aside when the connection is closed before it is known whether they were.
    """

    put_back: Callable[[], object]
    review: tuple[str, Callable[[], object]]
    aside: Callable[[InDoubt], object]


def act_of_set(desk: Desk, plan: SetPlan, count: str, ways: Ways) -> Errand:
    """The applying of staged changes, `count` in words."""
    ledgers: list[SetLedger] = []

    def release() -> None:
        if ledgers and isinstance(ledgers[0].error, InDoubt) and not ledgers[0].error.reason:
            ways.aside(ledgers[0].error)

    def end(ledger: SetLedger) -> Ended:
        ended = end_of_set(ledger, count)
        # What may have been applied is not offered again before that is known.
        return ended if ledger.is_applied or is_in_doubt(ledger.error) else not_applied(ended)

    def not_applied(ended: Ended) -> Ended:
        ways.put_back()
        return replace(ended, again=ways.review)

    def ended(ledger: SetLedger) -> Ended:
        ledgers.append(ledger)
        return to_be_found_out(desk, ledger, lambda: end(ledger))

    return Errand(
        desk=desk,
        title=tr("Apply {changes}").format(changes=count),
        doing=tr("Applying {changes}").format(changes=count),
        of=plan.staged.jobs,
        chosen=plan.staged.jobs,
        start=lambda step: desk.apply_staged(plan, step),
        end=ended,
        failed=lambda error: not_applied(broken(error)),
        can_pause=False,
        how=how_chunked(is_one_transaction=True, rate=None),
        release=release,
    )


def set_in_question(desk: Desk, staged: ChangeSet, count: str, error: InDoubt, ways: Ways) -> Errand:
    """Finding out whether staged changes were applied, whose connection was closed before that was known."""
    title = tr("Apply {changes}").format(changes=count)
    is_known = False

    async def find_out() -> Ended | None:
        nonlocal is_known
        found = await desk.find_out(error)
        if found is None:
            return None
        is_known, error.reason = True, found.reason
        if found.verdict == "done":
            applied = tr("Applied {changes} to {jobs}.").format(changes=count, jobs=jobs(found.done))
            return Ended(kind="good", sentence=applied, remedy=looked_up())
        ways.put_back()
        if found.verdict == "left":
            why = tr("The connection was lost before they were applied.")
            return Ended(kind="bad", sentence=tr("Nothing was changed."), remedy=why, again=ways.review)
        return replace(end_of_unknown_set(count, len(staged.entries), error), again=ways.review)

    async def start(step: OnProgress) -> Ended:
        return replace(end_of_unknown_set(count, len(staged.entries), error), find_out=find_out)

    return Errand(
        desk=desk,
        title=title,
        doing=title,
        of=staged.jobs,
        chosen=staged.jobs,
        start=start,
        end=lambda ended: ended,
        failed=broken,
        can_pause=False,
        release=lambda: is_known or ways.aside(error),
    )


def end_of_set(ledger: SetLedger, count: str) -> Ended:
    """Staged changes, `count` in words: all of them were applied, or none."""
    done = [entry for entry in islice(ledger.entries(), MOST_LINKED + 1) if entry.result is Result.DONE]
    ids = tuple(sorted({entry.job_id for entry in done if entry.job_id}))
    lines: list[Line] = []
    for position in range(len(ledger.plan.parts)):
        lines += end_lines(ledger, position)
    if ledger.is_applied:
        named = jobs(ledger.plan.ready)
        sentence = tr("Applied {changes} to {jobs}.").format(changes=count, jobs=named)
        is_few = len(done) <= MOST_LINKED
        return Ended(
            kind="good",
            sentence=sentence,
            jobs=named if is_few else "",
            job_ids=ids[:MOST_LINKED],
            lines=tuple(lines),
            ledger=ledger,
        )
    remedy = ""
    kind: Kind = "info" if ledger.is_stopped else "bad"
    if ledger.fate is Result.UNKNOWN:
        kind, remedy = "warning", doubt_remedy(ledger.error)
        sentence = _set_doubt(count, len(ledger.plan.parts), ledger.error)
    elif ledger.error is not None:
        trouble = explain(ledger.error)
        sentence, remedy = tr("Nothing was changed."), f"{trouble.sentence} {trouble.remedy}".strip()
    elif ledger.is_stopped:
        sentence = tr("Stopped, and everything was rolled back: nothing was changed.")
    else:
        refused = jobs(ledger.counts[Result.SKIPPED] + ledger.counts[Result.REFUSED])
        said = tr("Nothing was changed. Refused: {jobs}; everything was rolled back.")
        sentence = said.format(jobs=refused)
    return Ended(kind=kind, sentence=sentence, remedy=remedy, lines=tuple(lines), ledger=ledger)


def end_of_unknown_set(count: str, changes: int, error: InDoubt) -> Ended:
    """So many staged changes, `count` in words, of which nobody knows whether they were applied."""
    return Ended(kind="warning", sentence=_set_doubt(count, changes, error), remedy=doubt_remedy(error))


def _set_doubt(count: str, changes: int, error: Exception | None) -> str:
    were = tr("{changes} was applied") if changes == 1 else tr("{changes} were applied")
    return doubt_words(were.format(changes=count), error)
