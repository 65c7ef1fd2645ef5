"""What the preflight says of each action: its verb, what will be done, and what that means."""

from __future__ import annotations

from dataclasses import dataclass

from jobdesk_core.operations import Action
from PySide6.QtCore import QT_TRANSLATE_NOOP, QCoreApplication

from jobdesk.kit import formats


@dataclass(frozen=True, slots=True)
class Words:
    """`will` and `done` follow a number of jobs. A destructive act deletes, or cannot be taken back."""

    verb: str
    will: str
    done: str
    meaning: str
    is_destructive: bool = False
    #: The verb with its {jobs}, where they do not simply follow it.
    phrase: str = ""

    def acting_on(self, jobs: str) -> str:
        """What is done to so many jobs: Retry 12 jobs."""
        return self.phrase.format(jobs=jobs) if self.phrase else f"{self.verb} {jobs}"


def _noop(text: str) -> str:
    return str(QT_TRANSLATE_NOOP("Acting", text))


_WORDS = {
    Action.CANCEL: Words(
        _noop("Cancel"),
        _noop("will be cancelled"),
        _noop("cancelled"),
        _noop("A cancelled job is never started. Its row and its events stay."),
    ),
    Action.ABORT: Words(
        _noop("Abort"),
        _noop("will be asked to abort"),
        _noop("asked to abort"),
        _noop("An asynchronous task is cancelled at once; a synchronous one stops when it looks for the request."),
        is_destructive=True,
    ),
    Action.DELETE: Words(
        _noop("Cancel and delete"),
        _noop("will be cancelled and deleted"),
        _noop("cancelled and deleted"),
        _noop("The rows and their events are deleted. The journal keeps what is needed to defer the jobs again."),
        is_destructive=True,
    ),
    Action.RETRY: Words(
        _noop("Retry"),
        _noop("will be retried"),
        _noop("retried"),
        _noop("The same jobs run again and keep their count of attempts. Idle workers are notified."),
    ),
    Action.RESCUE: Words(
        _noop("Rescue"),
        _noop("will be retried"),
        _noop("retried"),
        _noop("Running jobs that no live worker has go back into their queue. They start over from the beginning."),
    ),
    Action.FAIL: Words(
        _noop("Mark as failed"),
        _noop("will be marked as failed"),
        _noop("marked as failed"),
        _noop("Running jobs that no live worker has end as failed. They do not run again unless they are retried."),
        phrase=_noop("Mark {jobs} as failed"),
    ),
    Action.RUN_NOW: Words(
        _noop("Run now"),
        _noop("will be due now"),
        _noop("due now"),
        _noop("Waiting jobs become due at once. Locks and priorities still apply."),
    ),
    Action.RESCHEDULE: Words(
        _noop("Reschedule"),
        _noop("will be scheduled for that time"),
        _noop("rescheduled"),
        _noop("Waiting jobs start no earlier than that. A job may still hold up others with its lock while it waits."),
    ),
    Action.REPRIORITISE: Words(
        _noop("Reprioritise"),
        _noop("will have that priority"),
        _noop("reprioritised"),
        _noop("Workers take the highest priority first, then the oldest job."),
    ),
    Action.PURGE: Words(
        _noop("Purge"),
        _noop("will be deleted"),
        _noop("deleted"),
        _noop("Finished jobs and their events are deleted for good. This cannot be undone."),
        is_destructive=True,
    ),
}


def words_of(action: Action) -> Words:
    """The words of an action in the user's language."""
    words = _WORDS[action]
    return Words(
        tr(words.verb), tr(words.will), tr(words.done), tr(words.meaning), words.is_destructive, tr(words.phrase)
    )


def tr(text: str) -> str:
    """Something the preflight says in the user's language."""
    return QCoreApplication.translate("Acting", text)


def jobs(count: int) -> str:
    """A number of jobs: 1 job, 12,121 jobs."""
    return tr("1 job") if count == 1 else tr("{count} jobs").format(count=formats.number(count))
