"""What became of the chosen jobs, as lines that add up: at every moment to the chosen ones."""

from __future__ import annotations

from dataclasses import dataclass

from jobdesk_core.operations import Result, Retried

from jobdesk.acting.act import Act
from jobdesk.acting.words import tr, words_of
from jobdesk.kit.theme.tokens import Tone


@dataclass(frozen=True, slots=True)
class Number:
    """A line: so many, of what. A sum is of the lines above it that are part of it."""

    count: int
    text: str
    shape: str = ""
    tone: Tone = ""
    is_sum: bool = False


def numbers_of(act: Act) -> list[Number]:
    """The lines of an act as of now; those of a retry as of the last read."""
    if act.became is not None:
        return _retried(act.became)
    errand, ledger = act.errand, act.errand.ledger
    if ledger is None:
        return _plain(act)
    counts = {result: count for result, count in ledger.counts.items() if count}
    done = counts.get(Result.DONE, 0)
    lines = [Number(done, words_of(ledger.plan.change.action).became, "check" if done else "", is_sum=True)]
    to_go = errand.chosen - sum(counts.values())
    lines += [Number(to_go, tr("still to go"))] if to_go else []
    lines += [Number(counts[result], tr(text)) for result, text in _REST.items() if counts.get(result)]
    return [*lines, Number(errand.chosen, tr("chosen"), is_sum=True)]


def _noop(text: str) -> str:
    return text


_REST = {
    Result.SKIPPED: _noop("skipped"),
    Result.REFUSED: _noop("refused"),
    Result.UNKNOWN: _noop("unknown"),
    Result.NOT_REACHED: _noop("left as they were"),
    Result.ROLLED_BACK: _noop("rolled back"),
}


def _plain(act: Act) -> list[Number]:
    """Of an act without a ledger that is filled meanwhile: how many were come to."""
    if act.ended is not None and act.ended.lines:
        lines = [Number(line.count, line.text) for line in act.ended.lines]
        return [*lines, Number(sum(line.count for line in act.ended.lines), tr("chosen"), is_sum=True)]
    at, chosen = act.progress.at, act.errand.chosen
    left = chosen - act.progress.of
    lines = [Number(at, tr("done or skipped"), is_sum=True), Number(act.to_go, tr("still to go"))]
    lines += [Number(left, tr("left out"))] if left > 0 else []
    return [*lines, Number(chosen, tr("chosen"), is_sum=True)]


def _retried(of: Retried) -> list[Number]:
    lines = [Number(of.waiting - of.scheduled, tr("due again"), "circle", "todo")]
    if of.scheduled:
        lines.append(Number(of.scheduled, tr("scheduled"), "circle", "secondary"))
    lines += [
        Number(of.running, tr("running"), "half-circle", "info"),
        Number(of.succeeded, tr("succeeded"), "check", "good"),
        Number(of.failed, tr("failed again"), "cross", "bad"),
    ]
    for count, text in (
        (of.cancelled, tr("cancelled")),
        (of.aborted, tr("aborted")),
        (of.gone, tr("deleted since")),
        (of.not_followed, tr("not followed")),
    ):
        if count:
            lines.append(Number(count, text))
    lines.append(Number(of.retried, tr("retried"), is_sum=True))
    for count, text in (
        (of.to_go, tr("still to go")),
        (of.skipped, tr("skipped")),
        (of.refused, tr("refused")),
        (of.unknown, tr("unknown")),
        (of.not_reached, tr("left as they were")),
        (of.rolled_back, tr("rolled back")),
    ):
        if count:
            lines.append(Number(count, text))
    return [*lines, Number(of.chosen, tr("chosen"), is_sum=True)]
