"""Cancel, abort, delete: shows exactly what will be done to which jobs, then does it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from jobdesk_core.monitor.rows import JobRow
from jobdesk_core.operations import Action, Cancel, Outcome, Request
from PySide6.QtCore import QCoreApplication
from PySide6.QtWidgets import QWidget

from jobdesk import formats
from jobdesk.dialogs.defer import Submit
from jobdesk.dialogs.frame import DialogFrame
from jobdesk.dialogs.outcome_list import OutcomeList


def _tr(text: str) -> str:
    return QCoreApplication.translate("ActDialog", text)


#: Per action: the title's verb, what will be done, and what that means.
_WORDS = {
    Action.CANCEL: ("Cancel", "will be cancelled", "A cancelled job is never started. Its row and its events stay."),
    Action.ABORT: (
        "Abort",
        "will be asked to abort",
        "An asynchronous task is cancelled at once; a synchronous one stops when it looks for the request.",
    ),
    Action.DELETE: (
        "Cancel and delete",
        "will be cancelled and deleted",
        "The rows and their events are gone for good. This cannot be undone.",
    ),
}


class PreflightDialog(DialogFrame):
    """A plan, a verb that says to how many, and afterwards a ledger when something was left undone."""

    def __init__(
        self,
        parent: QWidget | None,
        *,
        title: str,
        sentence: str,
        verb: str,
        rows: Sequence[JobRow],
        reasons: Mapping[int, str],
        will: str,
        request: Callable[[], Request],
        submit: Submit,
    ) -> None:
        self.ready = tuple(row.id for row in rows if row.id not in reasons)
        noun = _count_words(len(self.ready))
        some = "" if len(self.ready) == len(rows) else _tr("{count} of ").format(count=formats.number(len(self.ready)))
        super().__init__(
            parent, title=f"{title} {some}{_count_words(len(rows))}", sentence=sentence, verb=f"{verb} {noun}"
        )
        self._make_request = request
        self._submit_request = submit
        self.outcomes = OutcomeList()
        self.outcomes.show_plan(rows, reasons, will)
        self.content.addWidget(self.outcomes)
        self.verb.setEnabled(bool(self.ready))
        if not self.ready:
            self.verb.setToolTip(_tr("None of these jobs can be acted upon."))

    def submit(self) -> None:
        """Do it, and tell what was left undone."""
        self.run(self._ask(self._make_request()), self._show)  # type: ignore[arg-type]

    async def _ask(self, request: Request) -> list[Outcome]:
        return await self._submit_request(request)

    def _show(self, outcomes: list[Outcome]) -> None:
        if all(outcome.is_done for outcome in outcomes):
            self.accept()
            return
        self.outcomes.show_outcomes(outcomes)
        done = sum(outcome.is_done for outcome in outcomes)
        self.sentence.setText(
            _tr("{done} of {all} done.").format(done=formats.number(done), all=formats.number(len(outcomes)))
        )
        self.verb.hide()
        self.cancel_button.setText(_tr("Close"))
        self.cancel_button.setFocus()


class ActDialog(PreflightDialog):
    """Cancel, abort, or cancel and delete."""

    def __init__(
        self,
        parent: QWidget | None,
        *,
        action: Action,
        rows: Sequence[JobRow],
        reasons: Mapping[int, str],
        submit: Submit,
    ) -> None:
        verb, will, sentence = _WORDS[action]
        super().__init__(
            parent,
            title=_tr(verb),
            sentence=_tr(sentence),
            verb=_tr(verb),
            rows=rows,
            reasons=reasons,
            will=_tr(will),
            request=self.request,
            submit=submit,
        )
        self._action = action
        self.cancel_button.setText(_tr("Leave as it is"))
        if action is not Action.CANCEL:
            self.verb.setObjectName("danger")

    def request(self) -> Request:
        """The cancellation of the jobs that are ready for it."""
        return Cancel(self.ready, abort=self._action is Action.ABORT, delete=self._action is Action.DELETE)


def _count_words(count: int) -> str:
    return _tr("1 job") if count == 1 else _tr("{count} jobs").format(count=formats.number(count))
