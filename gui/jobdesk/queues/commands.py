"""What is done to everything in the selected queues, or of the selected tasks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jobdesk_core.filters.language import JobFilter, term
from jobdesk_core.jobs import Job, Status
from jobdesk_core.operations import Action

from jobdesk.acting.opening import matching_target, open_preflight
from jobdesk.connection.desk import Desk
from jobdesk.kit.command_group import Noun

if TYPE_CHECKING:
    from jobdesk.queues.page import Kind, NamesPage
    from jobdesk.window.main_window import MainWindow

#: The action of the core behind each verb.
ACTIONS = {"cancel": Action.CANCEL, "retry": Action.RETRY, "purge": Action.PURGE}
#: Which jobs each verb is about.
STATUSES = {
    "cancel": (Status.TODO,),
    "retry": (Status.FAILED,),
    "purge": (Status.SUCCEEDED, Status.FAILED, Status.CANCELLED, Status.ABORTED),
}


class NameCommands(Noun):
    """The acts on everything that the filter of the selected names matches."""

    def __init__(self, window: MainWindow, kind: Kind) -> None:
        super().__init__(window)
        self._kind = kind

    @property
    def _page(self) -> NamesPage:
        page: NamesPage = self._window.pages.get(f"{self._kind}s")
        return page

    def reasons(self) -> dict[str, str | None]:
        desk = self._desk
        names = self._page.selected_names() if self._window.pages.if_made(f"{self._kind}s") is not None else []
        if desk is None:
            return dict.fromkeys(("show", "defer", *STATUSES), self._no_desk())
        if not names:
            reason = self.tr("Select a queue first.") if self._kind == "queue" else self.tr("Select a task first.")
            return dict.fromkeys(("show", "defer", *STATUSES), reason)
        reasons: dict[str, str | None] = {verb: self._reason(desk, verb) for verb in STATUSES}
        reasons["defer"] = desk.refusal(Action.DEFER, None)
        if len(names) > 1:
            reasons["defer"] = self.tr("Select just one.")
        return reasons

    def show(self) -> None:
        """Show the jobs of the selected names."""
        self._window.ask_for(self.filter_text())

    def cancel(self) -> None:
        """Cancel their waiting jobs."""
        self._act("cancel")

    def retry(self) -> None:
        """Retry their failed jobs."""
        self._act("retry")

    def purge(self) -> None:
        """Delete their finished jobs."""
        self._act("purge")

    def defer(self) -> None:
        """Ask for a new job with this queue, or of this task in its usual queue."""
        names, usual = self._page.selected_names(), self._page.usual
        if len(names) != 1:
            return
        if self._kind == "queue":
            prefill = Job(task_name="", queue=names[0])
        else:
            queue = usual.queue if usual is not None and usual.queue else "default"
            prefill = Job(task_name=names[0], queue=queue)
        self._window.commands.job.open_defer(prefill)

    def filter_text(self, verb: str = "show") -> str:
        """The filter of the jobs that a verb is about."""
        names = [term(self._kind, name).removeprefix(f"{self._kind}:") for name in self._page.selected_names()]
        text = f"{self._kind}:{','.join(names)}"
        statuses = STATUSES.get(verb)
        return f"{text} status:{','.join(status.value for status in statuses)}" if statuses else text

    def _reason(self, desk: Desk, verb: str) -> str | None:
        if sum(self._page.count(status) for status in STATUSES[verb]):
            return desk.impossible(ACTIONS[verb])
        sentences = {
            "cancel": self.tr("None of its jobs is waiting."),
            "retry": self.tr("None of its jobs has failed."),
            "purge": self.tr("None of its jobs has finished."),
        }
        return sentences[verb]

    def _act(self, verb: str) -> None:
        """Open the preflight of an act on everything that the filter matches."""
        if self._desk is not None:
            target = matching_target(JobFilter.parse(self.filter_text(verb)))
            open_preflight(self, self._window, self._desk, ACTIONS[verb], [target])
