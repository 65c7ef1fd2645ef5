"""A plan and a ledger as lines."""

from __future__ import annotations

from jobdesk_core.operations import Ledger, Plan, Reason, Result

from jobdesk.acting.outcome_list import Line
from jobdesk.acting.words import Words, tr
from jobdesk.kit.theme.tokens import Kind

KINDS: dict[str, Kind] = {"skipped": "info", "change": "info", "conflict": "warning", "danger": "bad"}
RESULTS: dict[Result, Kind] = {
    Result.DONE: "good",
    Result.SKIPPED: "info",
    Result.REFUSED: "warning",
    Result.UNKNOWN: "bad",
    Result.NOT_REACHED: "info",
    Result.ROLLED_BACK: "info",
}


def plan_lines(plan: Plan, words: Words) -> list[Line]:
    """What will be done, and what is skipped and why."""
    lines = []
    for group in plan.groups:
        kind: Kind = "good" if group.reason is None else KINDS[group.reason.kind]
        text = words.will if group.reason is None else _left(group.reason)
        lines.append(Line(kind, group.count, text, group.status, tuple(group.first_ids())))
    return lines


def ledger_lines(ledger: Ledger, words: Words) -> list[Line]:
    """What was done, then what was not although the preflight had said so, then what was left out from the start."""
    foreseen = {group.reason.many for group in ledger.plan.groups if group.reason is not None}
    lines = []
    for (result, reason), count in ledger.numbers.items():
        if not count:
            continue
        text = {Result.DONE: words.done, Result.ROLLED_BACK: tr("left as they were: everything was rolled back")}
        said = text.get(result) or tr("skipped: {reason}").format(reason=reason)
        kind: Kind = "warning" if result is Result.SKIPPED and reason not in foreseen else RESULTS[result]
        lines.append(Line(kind, count, said, None, tuple(ledger.first_ids[result, reason])))
    order = ("good", "bad", "warning", "info")
    return sorted(lines, key=lambda line: (order.index(line.kind), -line.count))


def _left(reason: Reason) -> str:
    if reason.kind == "danger":
        return tr("refused: {reason}").format(reason=reason.many)
    return tr("skipped: {reason}").format(reason=reason.many)
