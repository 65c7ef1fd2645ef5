"""What is done to everything in the selected queues, or of the selected tasks."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from jobdesk_core.filters.language import JobFilter, term
from jobdesk_core.jobs import Job, Status
from jobdesk_core.operations import Action

from jobdesk.acting.control import Acting
from jobdesk.acting.opening import matching_target, open_preflight
from jobdesk.connection.command_group import CommandGroup, Reasons
from jobdesk.connection.desk import Desk
from jobdesk.connection.session import Session
from jobdesk.deferring.commands import NewJobCommands
from jobdesk.kit.action_spec import Needs, Spec
from jobdesk.kit.window import Window

if TYPE_CHECKING:
    from jobdesk.queues.page import Kind, NamesPage

#: The action of the core behind each verb.
ACTIONS = {"cancel": Action.CANCEL, "retry": Action.RETRY, "purge": Action.PURGE}
#: Which jobs each verb is about.
STATUSES = {
    "cancel": (Status.TODO,),
    "retry": (Status.FAILED,),
    "purge": (Status.SUCCEEDED, Status.FAILED, Status.CANCELLED, Status.ABORTED),
}


class NameCommands(CommandGroup):
    """The acts on everything that the filter of the selected names matches."""

    kind: ClassVar[Kind]
    #: The page of the names, once it is made.
    page: NamesPage | None = None

    def __init__(self, window: Window, session: Session, acting: Acting, new_jobs: NewJobCommands) -> None:
        super().__init__(window, session)
        self._acting, self._new_jobs = acting, new_jobs

    def _names(self) -> list[str]:
        return self.page.selected_names() if self.page is not None else []

    def _reasons_on(self, desk: Desk) -> Reasons:
        names = self._names()
        if not names:
            reason = self.tr("Select a queue first.") if self.kind == "queue" else self.tr("Select a task first.")
            return {spec.verb: reason for spec in self.specs}
        reasons: Reasons = {verb: self._reason(desk, verb) for verb in STATUSES}
        reasons["defer"] = desk.refusal(Action.DEFER, None)
        if len(names) > 1:
            reasons["defer"] = self.tr("Select just one.")
        return reasons

    def show(self) -> None:
        """Show the jobs of the selected names."""
        self._window.ask_for(self.filter_text())

    def defer(self) -> None:
        """Ask for a new job with this queue, or of this task in its usual queue."""
        names = self._names()
        if self.page is None or len(names) != 1:
            return
        usual = self.page.usual
        if self.kind == "queue":
            prefill = Job(task_name="", queue=names[0])
        else:
            queue = usual.queue if usual is not None and usual.queue else "default"
            prefill = Job(task_name=names[0], queue=queue)
        self._new_jobs.open_defer(prefill)

    def filter_text(self, verb: str = "show") -> str:
        """The filter of the jobs that a verb is about."""
        names = [term(self.kind, name).removeprefix(f"{self.kind}:") for name in self._names()]
        text = f"{self.kind}:{','.join(names)}"
        statuses = STATUSES.get(verb)
        return f"{text} status:{','.join(status.value for status in statuses)}" if statuses else text

    def _reason(self, desk: Desk, verb: str) -> str | None:
        if self.page is not None and any(self.page.count(status) for status in STATUSES[verb]):
            return desk.impossible(ACTIONS[verb])
        sentences = {
            "cancel": self.tr("None of its jobs is waiting."),
            "retry": self.tr("None of its jobs has failed."),
            "purge": self.tr("None of its jobs has finished."),
        }
        return sentences[verb]

    def act(self, verb: str) -> None:
        """Open the preflight of an act on everything that the filter matches."""
        if self._desk is not None:
            target = matching_target(JobFilter.parse(self.filter_text(verb)))
            open_preflight(self._acting, self._desk, ACTIONS[verb], [target])


class QueueCommands(NameCommands):
    """The selected queues."""

    kind = "queue"

    specs = (
        Spec(
            "queue.show",
            "&Show jobs",
            "queue",
            NameCommands.show,
            "jobs",
            tip="Show the jobs of the selected queues",
            name="Show the jobs of the selected queues",
            needs=Needs.DESK,
        ),
        Spec(
            "queue.cancel",
            "&Cancel waiting…",
            "queue",
            lambda names: names.act("cancel"),
            "cancel",
            tip="Cancel every waiting job of the selected queues",
            name="Cancel waiting jobs of the selected queues…",
            needs=Needs.DESK,
            starts_group=True,
        ),
        Spec(
            "queue.retry",
            "&Retry failed…",
            "queue",
            lambda names: names.act("retry"),
            "retry",
            tip="Retry every failed job of the selected queues",
            name="Retry failed jobs of the selected queues…",
            needs=Needs.DESK,
        ),
        Spec(
            "queue.purge",
            "&Purge finished…",
            "queue",
            lambda names: names.act("purge"),
            "delete",
            tip="Delete the finished jobs of the selected queues",
            name="Purge finished jobs of the selected queues…",
            needs=Needs.DESK,
        ),
        Spec(
            "queue.defer",
            "&Defer one…",
            "queue",
            NameCommands.defer,
            "defer",
            tip="Defer a new job into this queue",
            name="Defer a job into the selected queue…",
            needs=Needs.DESK,
            starts_group=True,
        ),
    )


class TaskCommands(NameCommands):
    """The selected tasks."""

    kind = "task"

    specs = (
        Spec(
            "task.show",
            "&Show jobs",
            "task",
            NameCommands.show,
            "jobs",
            tip="Show the jobs of the selected tasks",
            name="Show the jobs of the selected tasks",
            needs=Needs.DESK,
        ),
        Spec(
            "task.cancel",
            "&Cancel waiting…",
            "task",
            lambda names: names.act("cancel"),
            "cancel",
            tip="Cancel every waiting job of the selected tasks",
            name="Cancel waiting jobs of the selected tasks…",
            needs=Needs.DESK,
            starts_group=True,
        ),
        Spec(
            "task.retry",
            "&Retry failed…",
            "task",
            lambda names: names.act("retry"),
            "retry",
            tip="Retry every failed job of the selected tasks",
            name="Retry failed jobs of the selected tasks…",
            needs=Needs.DESK,
        ),
        Spec(
            "task.purge",
            "&Purge finished…",
            "task",
            lambda names: names.act("purge"),
            "delete",
            tip="Delete the finished jobs of the selected tasks",
            name="Purge finished jobs of the selected tasks…",
            needs=Needs.DESK,
        ),
        Spec(
            "task.defer",
            "&Defer one…",
            "task",
            NameCommands.defer,
            "defer",
            tip="Defer a new job of this task",
            name="Defer a job of the selected task…",
            needs=Needs.DESK,
            starts_group=True,
        ),
    )
