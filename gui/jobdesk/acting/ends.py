"""How acts ended, in words, from their ledgers: what was done to which jobs, what was not, and what broke it off."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import islice

from jobdesk_core.exceptions import InDoubt
from jobdesk_core.operations import DeferLedger, Ledger, Outcome, Result
from jobdesk_core.troubles import explain

from jobdesk.acting.act import Ended
from jobdesk.acting.outcome_lines import RESULTS, ledger_lines
from jobdesk.acting.outcome_list import SHOWN, Line
from jobdesk.acting.words import Words, jobs, tr
from jobdesk.kit import formats
from jobdesk.kit.theme.tokens import Kind

#: So many jobs are shown by a link, one by one in a filter.
MOST_LINKED = 500
#: Different reasons of new jobs that are told.
_REASONS = 20


def broken(error: Exception) -> Ended:
    """An act that an error ended before there was a ledger."""
    trouble = explain(error)
    return Ended(kind="bad", sentence=trouble.sentence, remedy=trouble.remedy)


def end_of_act(ledger: Ledger, words: Words) -> Ended:
    """An act on jobs."""
    counts = ledger.counts
    done, all_ = counts[Result.DONE], ledger.plan.ready
    ids = tuple(islice((entry.job_id for entry in ledger.entries() if entry.result is Result.DONE), MOST_LINKED + 1))
    kind, remedy = _cut_off(ledger, is_all=done == all_)
    told, named = _done(done, all_, ids, words, is_cut=bool(kind) and done < all_)
    if done == 1 and kind in (None, "good") and all_ == 1:
        told = ledger.sentence_of(ids[0]).rstrip(".")
        named = formats.job_number(ids[0]) if formats.job_number(ids[0]) in told else ""
    skipped = counts[Result.SKIPPED] + counts[Result.REFUSED]
    parts = [told] if done or not counts[Result.UNKNOWN] else []
    if skipped:
        parts.append(tr("{count} skipped").format(count=formats.number(skipped)))
    left = counts[Result.NOT_REACHED] + counts[Result.ROLLED_BACK]
    if left:
        said = tr("1 left as it was") if left == 1 else tr("{count} left as they were")
        parts.append(said.format(count=formats.number(left)))
    sentence = _with_doubt(_sentence(parts), counts[Result.UNKNOWN], words.became, ledger.error)
    if ledger.is_stopped:
        sentence = tr("Stopped: {rest}").format(rest=_lower(sentence))
    is_left_out = skipped > sum(group.count for group in ledger.plan.groups if group.reason is not None)
    if ledger.not_served:
        kind = "bad" if kind == "bad" else "warning"
        remedy = " ".join(
            [*ledger.not_served, tr("They wait until a worker picks them up: start one."), remedy]
        ).strip()
    problems = counts[Result.REFUSED] or is_left_out
    return Ended(
        kind=kind or ("warning" if problems else "good" if done else "info"),
        sentence=sentence,
        remedy=remedy,
        jobs=named if len(ids) <= MOST_LINKED else "",
        job_ids=ids[:MOST_LINKED],
        lines=tuple(ledger_lines(ledger, words)),
        ledger=ledger,
    )


def end_of_defers(ledger: DeferLedger, words: Words, place: str = "") -> Ended:
    """New jobs; `place` is the connection that they were replayed on, where no filter of ours shows them."""
    counts = ledger.counts
    done = counts[Result.DONE]
    found = (entry.job_id for entry in ledger.entries() if entry.result is Result.DONE)
    ids = tuple(islice((job_id for job_id in found if job_id is not None), MOST_LINKED + 1))
    kind, remedy = _cut_off(ledger, is_all=done == len(ledger))
    told, named = _done(done, len(ledger), ids, words, is_cut=bool(kind) and done < len(ledger))
    if place:
        told, named = tr("{done} on {profile}").format(done=told, profile=formats.cut(place, 40)), ""
        remedy = remedy or (tr("Nothing was changed on the source.") if done else "")
    parts = [told] if done or not counts[Result.UNKNOWN] else []
    for result, text in (
        (Result.REFUSED, tr("{count} refused")),
        (Result.NOT_REACHED, tr("{count} not reached")),
        (Result.ROLLED_BACK, tr("{count} rolled back")),
    ):
        if counts[result]:
            parts.append(text.format(count=formats.number(counts[result])))
    sentence = _with_doubt(_sentence(parts), counts[Result.UNKNOWN], words.became, ledger.error)
    return Ended(
        kind=kind or ("warning" if done < len(ledger) else "good"),
        sentence=tr("Stopped: {rest}").format(rest=_lower(sentence)) if ledger.is_stopped else sentence,
        remedy=remedy,
        jobs=named if len(ids) <= MOST_LINKED else "",
        job_ids=ids[:MOST_LINKED],
        lines=tuple(_defer_lines(ledger)),
        ledger=ledger,
    )


def end_of_unknown_undo(error: InDoubt) -> Ended:
    """An undo whose answer was lost."""
    sentence = doubt_words(tr("the last jobs were undone"), error)
    return Ended(kind="warning", sentence=sentence, remedy=doubt_remedy(error))


def end_of_known_undo(done: int, of: int) -> Ended:
    """An undo whose answer was lost, once it is known how many jobs of how many were undone."""
    if done >= of:
        return Ended(kind="good", sentence=tr("Undid {jobs}.").format(jobs=jobs(done)), remedy=looked_up())
    said = tr("Undid {done} of {jobs}: the connection was lost.") if done else tr("Nothing was undone: {why}")
    sentence = said.format(done=formats.number(done), jobs=jobs(of), why=tr("the connection was lost."))
    return Ended(kind="bad", sentence=sentence, remedy=tr("What is left can still be undone, in the journal."))


def end_of_unknown_defer(outcome: Outcome) -> Ended:
    """A new job of which nobody knows whether it was deferred, or that is known now."""
    if outcome.is_done and outcome.job_id is not None:
        number = formats.job_number(outcome.job_id)
        named = tr("job {number}").format(number=number)
        ids = (outcome.job_id,)
        named = named if named in outcome.sentence else number
        lines = (Line("good", 1, tr("deferred"), None, ids),)
        return Ended(kind="good", sentence=outcome.sentence, remedy=looked_up(), jobs=named, job_ids=ids, lines=lines)
    if not outcome.is_unknown:
        return Ended(kind="info", sentence=outcome.sentence, lines=(Line("info", 1, tr("not deferred")),))
    error = InDoubt()
    error.reason = outcome.reason
    lines = (Line("warning", 1, tr("not known")),)
    return Ended(kind="warning", sentence=outcome.sentence, remedy=doubt_remedy(error), lines=lines)


def end_of_undo(told: tuple[int, Counter[str], bool]) -> Ended:
    """An undo: for how many jobs, why the others were left alone, and whether it was stopped."""
    done, left, is_stopped = told
    sentence = tr("Undid {jobs}.").format(jobs=jobs(done))
    reasons = [f"{jobs(count)}: {reason}" for reason, count in left.most_common(5)]
    kind: Kind = "info" if is_stopped or not done else "warning" if left else "good"
    lines = [Line("good", done, tr("undone"))] if done else []
    lines += [Line("info", count, reason) for reason, count in left.most_common(_REASONS)]
    if is_stopped:
        sentence = tr("Stopped: {rest}").format(rest=_lower(sentence))
    return Ended(kind=kind, sentence=sentence, remedy=" ".join(reasons), lines=tuple(lines))


def _done(done: int, all_: int, ids: Sequence[int], words: Words, *, is_cut: bool) -> tuple[str, str]:
    """What was done, and the words in it that name the jobs."""
    if done == 1 and len(ids) == 1:
        named = tr("job {number}").format(number=formats.job_number(ids[0]))
        return words.past.format(jobs=named), named
    if not done and not is_cut:
        return tr("Nothing was changed"), ""
    named = jobs(done)
    if is_cut and done < all_:
        of_all = tr("{some} of {jobs}").format(some=formats.number(done), jobs=jobs(all_))
        return words.past.format(jobs=of_all), of_all if done else ""
    return words.past.format(jobs=named), named if done else ""


def is_in_doubt(error: Exception | None) -> bool:
    """Whether an act broke off so that nobody knows what became of it, yet."""
    return isinstance(error, InDoubt) and not error.reason


def doubt_words(what: str, error: Exception | None) -> str:
    """That nobody knows whether something was done: `what` is a clause, such as `2 jobs were cancelled`."""
    if isinstance(error, InDoubt) and error.reason:
        return tr("Whether {what} cannot be known, because {reason}.").format(what=what, reason=error.reason)
    said = tr("Whether {what} is not known yet: the connection was lost before the server's answer came.")
    return said.format(what=what)


def doubt_remedy(error: Exception | None) -> str:
    """What to do about it."""
    if is_in_doubt(error):
        return tr("It is looked up as soon as the link is back, and told here. Do not do it again before that.")
    return tr("Look at the jobs before you do it again.")


def looked_up() -> str:
    """What is added where the answer was lost, and everything was done."""
    return tr("The connection was lost before the server's answer came; what became of it was looked up.")


def _with_doubt(sentence: str, unknown: int, became: str, error: Exception | None) -> str:
    if not unknown:
        return sentence
    were = tr("{jobs} was {became}") if unknown == 1 else tr("{jobs} were {became}")
    return f"{sentence} {doubt_words(were.format(jobs=jobs(unknown), became=became), error)}".strip()


def _sentence(parts: list[str]) -> str:
    told = ", ".join(parts)
    return f"{told[:1].upper()}{told[1:]}." if told else ""


def _cut_off(ledger: Ledger | DeferLedger, *, is_all: bool) -> tuple[Kind | None, str]:
    """What broke it off, if anything: the kind of message that it makes, and what there is to say."""
    if isinstance(ledger.error, InDoubt):
        return "warning", doubt_remedy(ledger.error)
    if ledger.error is not None and is_all:
        return "good", looked_up()
    if ledger.error is not None:
        trouble = explain(ledger.error)
        return "bad", f"{trouble.sentence} {trouble.remedy}".strip()
    if ledger.is_rolled_back:
        return "info", tr("Everything was rolled back: nothing was changed.")
    return ("info", "") if ledger.is_stopped else (None, "")


def _defer_lines(ledger: DeferLedger) -> list[Line]:
    numbers: Counter[tuple[Result, str]] = Counter()
    ids: list[int] = []
    for entry in ledger.entries():
        numbers[entry.result, entry.sentence] += 1
        if entry.job_id is not None and len(ids) < SHOWN:
            ids.append(entry.job_id)
    lines = []
    for (result, reason), count in numbers.most_common(_REASONS):
        is_done = result is Result.DONE
        words = tr("deferred") if is_done else f"{result.value}: {reason}" if reason else result.value
        lines.append(Line(RESULTS[result], count, words, None, tuple(ids) if is_done else ()))
    return lines


def _lower(sentence: str) -> str:
    return sentence[:1].lower() + sentence[1:]
