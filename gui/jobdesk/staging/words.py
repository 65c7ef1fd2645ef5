"""How staged changes look as rows, and what is said of them."""

from __future__ import annotations

from jobdesk_core.operations import (
    Purge,
    Reprioritise,
    Reschedule,
    Result,
    Retry,
    SetLedger,
    SetPlan,
    Staged,
    StagedDefer,
)
from jobdesk_core.operations.staged.plan import Part
from PySide6.QtCore import QCoreApplication

from jobdesk.acting.outcome_lines import KINDS, RESULTS
from jobdesk.acting.outcome_list import Line
from jobdesk.acting.words import jobs, words_of
from jobdesk.deferring.new_jobs_model import brief_arguments
from jobdesk.kit import formats
from jobdesk.kit.theme.tokens import Kind
from jobdesk.kit.values_model import Cell, Title

_NAME = 80
#: Characters of a task's name.
_TASK = 32


def tr(text: str) -> str:
    """A text in the user's language."""
    return QCoreApplication.translate("Staged", text)


def changes(count: int) -> str:
    """A number of staged changes."""
    return tr("1 staged change") if count == 1 else tr("{count} staged changes").format(count=formats.number(count))


def titles() -> list[Title]:
    """The columns of the list."""
    return [
        Title(tr("what"), 470, is_right=False),
        Title(tr("jobs"), 60),
        Title(tr("now"), 170, is_right=False),
    ]


def cells(entry: Staged, now: Cell, secret_keys: str) -> list[Cell]:
    """The cells of one staged change; of arguments what looks secret is hidden."""
    return [Cell(title_of(entry, secret_keys)), Cell(formats.number(entry.count)), now]


def now_of(part: Part | None) -> Cell:
    """What a change would do, in a few words."""
    if part is None:
        return Cell(tr("checking…"), "secondary")
    if part.is_ready:
        return Cell(tr("can be done"), "good")
    if part.problem is not None:
        return Cell(tr("cannot be done"), "bad")
    return Cell(tr("{count} cannot be done").format(count=formats.number(part.entry.count - part.ready)), "bad")


def title_of(entry: Staged, secret_keys: str) -> str:
    """A change with its options, in a line."""
    if isinstance(entry, StagedDefer):
        return _defer_title(entry, secret_keys)
    verb, change = words_of(entry.action).verb, entry.change
    if isinstance(change, Reprioritise):
        return tr("{verb} to {priority}").format(verb=verb, priority=change.priority)
    if isinstance(change, Reschedule) and change.at is not None:
        return tr("{verb} to {time}").format(verb=verb, time=formats.local(change.at))
    if isinstance(change, Purge):
        return tr("{verb} {statuses}").format(
            verb=verb, statuses=", ".join(sorted(status.value for status in change.statuses))
        )
    if isinstance(change, Retry):
        return " · ".join([verb, *_retry_options(change)])
    return verb


def _defer_title(entry: StagedDefer, secret_keys: str) -> str:
    """What tells it from others of the same task comes first."""
    job = entry.job
    # Of a long name the end says more.
    task = job.task_name if len(job.task_name) <= _TASK else f"…{job.task_name[-_TASK:]}"
    found = [tr("Defer {task}").format(task=formats.visible(task))]
    if job.task_kwargs:
        found.append(formats.cut(brief_arguments(job, secret_keys), _NAME))
    found.append(tr("queue {value}").format(value=formats.cut(job.queue, _NAME)))
    if job.scheduled_at is not None:
        found.append(formats.local(job.scheduled_at))
    if job.queueing_lock is not None:
        found.append(tr("queueing lock {lock}").format(lock=formats.cut(job.queueing_lock, _NAME)))
    return " · ".join(found)


def _retry_options(change: Retry) -> list[str]:
    named = (
        (change.at, tr("at {value}"), formats.local(change.at)),
        (change.priority, tr("priority {value}"), str(change.priority)),
        (change.queue, tr("queue {value}"), formats.cut(change.queue or "", _NAME)),
        (change.lock, tr("lock {value}"), formats.cut(change.lock or "", _NAME)),
    )
    found = [text.format(value=shown) for value, text, shown in named if value is not None]
    return [*found, tr("also those of live workers")] if change.is_forced else found


def part_lines(part: Part) -> list[Line]:
    """What a change would do, and which jobs stand in the way and why."""
    if isinstance(part.entry, StagedDefer):
        if part.problem is not None:
            return [Line("bad", 1, tr("cannot be deferred: {reason}").format(reason=part.problem))]
        return [Line("good", 1, tr("will be deferred"))]
    words = words_of(part.entry.action)
    if part.problem is not None:
        return [Line("bad", part.entry.count, tr("cannot be done: {reason}").format(reason=part.problem))]
    found = []
    for group in part.plan.groups if part.plan is not None else ():
        found.append(Line("good", group.count, words.will, group.status, tuple(group.first_ids())))
    for group in sorted(part.left, key=lambda group: -group.count):
        kind: Kind = KINDS[group.reason.kind] if group.reason is not None else "bad"
        said = tr("skipped: {reason}").format(reason=group.reason.many if group.reason is not None else "")
        kind = "warning" if kind == "info" else kind
        found.append(Line(kind, group.count, said, group.status, tuple(group.first_ids())))
    return found


def end_lines(ledger: SetLedger, position: int) -> list[Line]:
    """What became of a change's jobs."""
    entry = ledger.plan.parts[position].entry
    done = tr("deferred") if isinstance(entry, StagedDefer) else words_of(entry.action).done
    said = {
        Result.DONE: done,
        Result.ROLLED_BACK: tr("left as they were: everything was rolled back"),
        Result.NOT_REACHED: tr("not reached"),
        Result.UNKNOWN: tr("unknown: the connection was lost before the server's answer came"),
    }
    found = []
    for result, words, number, ids in ledger.lines(position):
        is_refused = result in (Result.SKIPPED, Result.REFUSED)
        text = said.get(result) or tr("refused: {reason}").format(reason=words)
        found.append(Line("warning" if is_refused else RESULTS[result], number, text, None, tuple(ids)))
    order = ["bad", "warning", "good", "info"]
    return sorted(found, key=lambda line: (order.index(line.kind), -line.count))


def together(made: SetPlan) -> str:
    """What the whole set would do."""
    of = made.staged.jobs
    if made.is_ready:
        return tr("All of it can be done: {jobs}.").format(jobs=jobs(of))
    return tr("Blocked by {count} of {jobs}. Until that is resolved, nothing can be applied.").format(
        count=formats.number(of - made.ready), jobs=jobs(of)
    )
