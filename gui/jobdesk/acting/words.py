"""What is said of each action: before it is done, while it is, and afterwards."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any

from jobdesk_core.operations import Action
from PySide6.QtCore import QT_TRANSLATE_NOOP, QCoreApplication

from jobdesk.kit import formats


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """`will` and `done` follow a number of jobs; `title`, `doing` and `past` have a place for `{jobs}`; `became` is a
    number's label in the panel. A destructive act deletes, or cannot be taken back.

    New jobs have a dialog of their own, with its own `verb` and `meaning`.
    """

    title: str
    doing: str
    past: str
    became: str
    verb: str = ""
    will: str = ""
    done: str = ""
    meaning: str = ""
    #: The verb with its {jobs}, where they do not simply follow it.
    phrase: str = ""
    is_destructive: bool = False

    def acting_on(self, jobs: str) -> str:
        """What is done to so many jobs: Retry 12 jobs."""
        return self.phrase.format(jobs=jobs) if self.phrase else f"{self.verb} {jobs}"

    def of_title(self, count: int) -> str:
        """What is done to so many jobs, as a heading."""
        return self.title.format(jobs=jobs(count))

    def of_doing(self, count: int) -> str:
        """What is being done."""
        return self.doing.format(jobs=jobs(count))


def _noop(text: str) -> str:
    return str(QT_TRANSLATE_NOOP("Acts", text))


_WORDS = {
    Action.CANCEL: Words(
        verb=_noop("Cancel"),
        will=_noop("will be cancelled"),
        done=_noop("cancelled"),
        meaning=_noop("A cancelled job is never started. Its row and its events stay."),
        title=_noop("Cancel {jobs}"),
        doing=_noop("Cancelling {jobs}"),
        past=_noop("Cancelled {jobs}"),
        became=_noop("cancelled"),
    ),
    Action.ABORT: Words(
        verb=_noop("Abort"),
        will=_noop("will be asked to abort"),
        done=_noop("asked to abort"),
        meaning=_noop(
            "An asynchronous task is cancelled at once; a synchronous one stops when it looks for the request."
        ),
        title=_noop("Abort {jobs}"),
        doing=_noop("Asking {jobs} to abort"),
        past=_noop("Asked {jobs} to abort"),
        became=_noop("asked to abort"),
        is_destructive=True,
    ),
    Action.DELETE: Words(
        verb=_noop("Cancel and delete"),
        will=_noop("will be cancelled and deleted"),
        done=_noop("cancelled and deleted"),
        meaning=_noop(
            "The rows and their events are deleted. The journal keeps what is needed to defer the jobs again."
        ),
        title=_noop("Cancel and delete {jobs}"),
        doing=_noop("Cancelling and deleting {jobs}"),
        past=_noop("Cancelled and deleted {jobs}"),
        became=_noop("cancelled and deleted"),
        is_destructive=True,
    ),
    Action.RETRY: Words(
        verb=_noop("Retry"),
        will=_noop("will be retried"),
        done=_noop("retried"),
        meaning=_noop("The same jobs run again and keep their count of attempts. Idle workers are notified."),
        title=_noop("Retry {jobs}"),
        doing=_noop("Retrying {jobs}"),
        past=_noop("Retried {jobs}"),
        became=_noop("retried"),
    ),
    Action.RESCUE: Words(
        verb=_noop("Rescue"),
        will=_noop("will be retried"),
        done=_noop("retried"),
        meaning=_noop(
            "Running jobs that no live worker has go back into their queue. They start over from the beginning."
        ),
        title=_noop("Rescue {jobs}"),
        doing=_noop("Rescuing {jobs}"),
        past=_noop("Rescued {jobs}"),
        became=_noop("rescued"),
    ),
    Action.FAIL: Words(
        verb=_noop("Mark as failed"),
        will=_noop("will be marked as failed"),
        done=_noop("marked as failed"),
        meaning=_noop(
            "Running jobs that no live worker has end as failed. They do not run again unless they are retried."
        ),
        title=_noop("Mark {jobs} as failed"),
        doing=_noop("Marking {jobs} as failed"),
        past=_noop("Marked {jobs} as failed"),
        became=_noop("marked as failed"),
        phrase=_noop("Mark {jobs} as failed"),
    ),
    Action.RUN_NOW: Words(
        verb=_noop("Run now"),
        will=_noop("will be due now"),
        done=_noop("due now"),
        meaning=_noop("Waiting jobs become due at once. Locks and priorities still apply."),
        title=_noop("Run {jobs} now"),
        doing=_noop("Making {jobs} due now"),
        past=_noop("Made {jobs} due now"),
        became=_noop("made due"),
    ),
    Action.RESCHEDULE: Words(
        verb=_noop("Reschedule"),
        will=_noop("will be scheduled for that time"),
        done=_noop("rescheduled"),
        meaning=_noop(
            "Waiting jobs start no earlier than that. A job may still hold up others with its lock while it waits."
        ),
        title=_noop("Reschedule {jobs}"),
        doing=_noop("Rescheduling {jobs}"),
        past=_noop("Rescheduled {jobs}"),
        became=_noop("rescheduled"),
    ),
    Action.REPRIORITISE: Words(
        verb=_noop("Reprioritise"),
        will=_noop("will have that priority"),
        done=_noop("reprioritised"),
        meaning=_noop("Workers take the highest priority first, then the oldest job."),
        title=_noop("Change the priority of {jobs}"),
        doing=_noop("Changing the priority of {jobs}"),
        past=_noop("Changed the priority of {jobs}"),
        became=_noop("changed"),
    ),
    Action.PURGE: Words(
        verb=_noop("Purge"),
        will=_noop("will be deleted"),
        done=_noop("deleted"),
        meaning=_noop("Finished jobs and their events are deleted for good. This cannot be undone."),
        title=_noop("Purge {jobs}"),
        doing=_noop("Purging {jobs}"),
        past=_noop("Purged {jobs}"),
        became=_noop("purged"),
        is_destructive=True,
    ),
    Action.DEFER: Words(
        title=_noop("Defer {jobs}"),
        doing=_noop("Deferring {jobs}"),
        past=_noop("Deferred {jobs}"),
        became=_noop("deferred"),
    ),
}


def words_of(action: Action) -> Words:
    """The words of an action in the user's language."""
    words = _WORDS[action]
    values = {each.name: getattr(words, each.name) for each in fields(words)}
    texts: dict[str, Any] = {name: tr(text) for name, text in values.items() if isinstance(text, str) and text}
    return replace(words, **texts)


def tr(text: str) -> str:
    """Something that acts say in the user's language."""
    return QCoreApplication.translate("Acts", text)


def jobs(count: int) -> str:
    """A number of jobs: 1 job, 12,121 jobs."""
    return tr("1 job") if count == 1 else tr("{count} jobs").format(count=formats.number(count))
