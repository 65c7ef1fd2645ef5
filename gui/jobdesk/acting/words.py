"""What acts say of themselves: what they do to how many jobs, and what was done."""

from __future__ import annotations

from dataclasses import dataclass

from jobdesk_core.operations import Action
from PySide6.QtCore import QT_TRANSLATE_NOOP, QCoreApplication

from jobdesk.kit import formats


@dataclass(frozen=True, slots=True)
class Sentences:
    """Each has a place for `{jobs}`; `became` is a number's label in the panel."""

    title: str
    doing: str
    past: str
    became: str

    def of_title(self, count: int) -> str:
        """What is done to so many jobs, as a heading."""
        return self.title.format(jobs=jobs(count))

    def of_doing(self, count: int) -> str:
        """What is being done."""
        return self.doing.format(jobs=jobs(count))


def _noop(text: str) -> str:
    return str(QT_TRANSLATE_NOOP("Acts", text))


_SENTENCES = {
    Action.CANCEL: Sentences(
        _noop("Cancel {jobs}"), _noop("Cancelling {jobs}"), _noop("Cancelled {jobs}"), _noop("cancelled")
    ),
    Action.ABORT: Sentences(
        _noop("Abort {jobs}"), _noop("Asking {jobs} to abort"), _noop("Asked {jobs} to abort"), _noop("asked to abort")
    ),
    Action.DELETE: Sentences(
        _noop("Cancel and delete {jobs}"),
        _noop("Cancelling and deleting {jobs}"),
        _noop("Cancelled and deleted {jobs}"),
        _noop("cancelled and deleted"),
    ),
    Action.RETRY: Sentences(_noop("Retry {jobs}"), _noop("Retrying {jobs}"), _noop("Retried {jobs}"), _noop("retried")),
    Action.RESCUE: Sentences(
        _noop("Rescue {jobs}"), _noop("Rescuing {jobs}"), _noop("Rescued {jobs}"), _noop("rescued")
    ),
    Action.FAIL: Sentences(
        _noop("Mark {jobs} as failed"),
        _noop("Marking {jobs} as failed"),
        _noop("Marked {jobs} as failed"),
        _noop("marked as failed"),
    ),
    Action.RUN_NOW: Sentences(
        _noop("Run {jobs} now"), _noop("Making {jobs} due now"), _noop("Made {jobs} due now"), _noop("made due")
    ),
    Action.RESCHEDULE: Sentences(
        _noop("Reschedule {jobs}"), _noop("Rescheduling {jobs}"), _noop("Rescheduled {jobs}"), _noop("rescheduled")
    ),
    Action.REPRIORITISE: Sentences(
        _noop("Change the priority of {jobs}"),
        _noop("Changing the priority of {jobs}"),
        _noop("Changed the priority of {jobs}"),
        _noop("changed"),
    ),
    Action.PURGE: Sentences(_noop("Purge {jobs}"), _noop("Purging {jobs}"), _noop("Purged {jobs}"), _noop("purged")),
    Action.DEFER: Sentences(
        _noop("Defer {jobs}"), _noop("Deferring {jobs}"), _noop("Deferred {jobs}"), _noop("deferred")
    ),
}


def sentences_of(action: Action) -> Sentences:
    """An action's sentences in the user's language."""
    words = _SENTENCES[action]
    return Sentences(tr(words.title), tr(words.doing), tr(words.past), tr(words.became))


def tr(text: str) -> str:
    """Something that acts say in the user's language."""
    return QCoreApplication.translate("Acts", text)


def jobs(count: int) -> str:
    """A number of jobs: 1 job, 12,121 jobs."""
    return tr("1 job") if count == 1 else tr("{count} jobs").format(count=formats.number(count))
