"""Staged changes, their preflight and their outcome in words."""

from __future__ import annotations

from jobdesk_core.operations import Part, Reprioritise, Reschedule, Result, Retry, SetLedger, Staged, StagedDefer
from PySide6.QtCore import QCoreApplication

from jobdesk import formats
from jobdesk.dialogs.act_words import jobs, words_of

#: Jobs told one by one for each change.
TOLD = 8


def tr(text: str) -> str:
    """Something said of staged changes in the user's language."""
    return QCoreApplication.translate("Staged", text)


def what(entry: Staged) -> str:
    """A staged change on one line, such as: Cancel 12 jobs."""
    if isinstance(entry, StagedDefer):
        task, queue = formats.cut(entry.job.task_name, 60), formats.cut(entry.job.queue, 40)
        return formats.visible(tr("Defer {task} in queue {queue}").format(task=task, queue=queue))
    only = next(iter(entry.versions))
    whom = tr("job {job}").format(job=formats.job_number(only)) if entry.count == 1 else jobs(entry.count)
    text = tr("{verb} {jobs}").format(verb=words_of(entry.action).verb, jobs=whom)
    options = _options(entry.change)
    return f"{text}: {options}" if options else text


def _options(change: object) -> str:
    said = []
    if isinstance(change, Retry | Reschedule) and change.at is not None:
        said.append(tr("at {time}").format(time=formats.local(change.at)))
    if isinstance(change, Retry | Reprioritise) and change.priority is not None:
        said.append(tr("priority {priority}").format(priority=change.priority))
    if isinstance(change, Retry) and change.queue is not None:
        said.append(tr("queue {queue}").format(queue=formats.visible(formats.cut(change.queue, 40))))
    if isinstance(change, Retry) and change.lock is not None:
        said.append(tr("lock {lock}").format(lock=formats.visible(formats.cut(change.lock, 40))))
    return ", ".join(said)


def troubles(part: Part) -> list[str]:
    """Why a change cannot be applied as it was staged: a line for each reason."""
    if part.problem is not None:
        return [part.problem]
    lines = []
    for group in part.left:
        if group.reason is None:
            continue
        ids = group.examples(TOLD)
        if group.count == 1:
            lines.append(group.reason.of(ids[0]))
            continue
        named = ", ".join(map(formats.job_number, ids)) + ("…" if group.count > len(ids) else "")
        line = tr("{jobs}: {reason} ({ids})")
        lines.append(line.format(jobs=jobs(group.count), reason=group.reason.many, ids=named))
    return lines


def refusals(ledger: SetLedger, part: Part) -> list[str]:
    """What kept a change from being applied, job by job."""
    harmless = (Result.DONE, Result.ROLLED_BACK, Result.NOT_REACHED)
    found = [entry.sentence for entry in ledger.entries_of(part) if entry.result not in harmless]
    rest = len(found) - TOLD
    more = [tr("and {jobs} more").format(jobs=jobs(rest))] if rest > 0 else []
    return found[:TOLD] + more
