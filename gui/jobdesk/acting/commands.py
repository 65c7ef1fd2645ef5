"""Acting on the selected jobs, on all that match the filter, and on the stalled ones."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from jobdesk_core.database.rows import JobRow
from jobdesk_core.filters.language import JobFilter
from jobdesk_core.operations import Action, Chosen

from jobdesk.acting.control import Acting
from jobdesk.acting.opening import matching_target, open_on_stalled, open_preflight
from jobdesk.connection.command_group import CommandGroup, Reasons
from jobdesk.connection.desk import Desk
from jobdesk.connection.session import Session
from jobdesk.kit import formats
from jobdesk.kit.action_spec import Needs, Spec
from jobdesk.kit.window import Window

if TYPE_CHECKING:
    from jobdesk.acting.options import Options

#: What can be asked of selected jobs and of all that match, in the order of the menus.
ACTIONS = (
    Action.RETRY,
    Action.CANCEL,
    Action.ABORT,
    Action.DELETE,
    Action.RUN_NOW,
    Action.RESCHEDULE,
    Action.REPRIORITISE,
    Action.PURGE,
)


def _verb(action: Action) -> str:
    return action.value.replace(" ", "_")


def _act(action: Action) -> Callable[[JobCommands | MatchingCommands], None]:
    """What asks how to carry out an action."""
    return lambda group: group.act(action)


class JobCommands(CommandGroup):
    """The selected jobs. `edit` is what opens instead of the retry of one job when it is to be changed."""

    def __init__(self, window: Window, session: Session, acting: Acting, edit: Callable[[], object]) -> None:
        super().__init__(window, session)
        self._acting, self._edit = acting, edit

    def _reasons_on(self, desk: Desk) -> Reasons:
        rows = self._window.selected_rows()
        reasons = {_verb(action): self._reason(desk, action, rows) for action in (*ACTIONS, Action.FAIL)}
        return reasons | {"rescue": desk.impossible(Action.RESCUE)}

    def _reason(self, desk: Desk, action: Action, rows: Sequence[JobRow]) -> str | None:
        if not rows:
            return self.tr("Select a job first.")
        refusals = [desk.refusal(action, row) for row in rows]
        # Of several jobs the dialog acts on those it can and says why not on the others.
        return None if None in refusals else refusals[0]

    def act(self, action: Action) -> None:
        """Ask how to act on the selected jobs."""
        desk, rows = self._desk, self._window.selected_rows()
        if rows and desk is not None:
            target = Chosen(tuple(row.id for row in rows))
            name = self.tr("{count} selected").format(count=formats.number(len(rows)))
            targets = [(name, target), matching_target(self._window.job_filter())]
            edit = self._edit if action is Action.RETRY and len(rows) == 1 else None
            open_preflight(self._acting, desk, action, targets, self._options(action, rows), edit=edit)

    def _options(self, action: Action, rows: Sequence[JobRow]) -> Options | None:
        """What the dialog starts out with, where that depends on the jobs being chosen one by one."""
        from jobdesk.acting.options import PurgeOptions, ReprioritiseOptions

        if action is Action.REPRIORITISE:
            return ReprioritiseOptions(rows[0].priority)
        return PurgeOptions.of_any_age() if action is Action.PURGE else None

    def rescue(self) -> None:
        """Retry the running jobs that no live worker has."""
        open_on_stalled(self._acting, self._desk, Action.RESCUE)

    def rescue_matching(self, filter_text: str) -> None:
        """Retry the stalled jobs of a filter."""
        self._act_on_matching(Action.RESCUE, filter_text)

    def retry_matching(self, filter_text: str) -> None:
        """Retry the jobs of a filter."""
        self._act_on_matching(Action.RETRY, filter_text)

    def _act_on_matching(self, action: Action, filter_text: str) -> None:
        if self._desk is not None:
            open_preflight(self._acting, self._desk, action, [matching_target(JobFilter.parse(filter_text))])

    specs = (
        Spec(
            "job.retry",
            "&Retry…",
            "job",
            _act(Action.RETRY),
            "retry",
            "Ctrl+R",
            "Put the job back in its queue, now or later",
            Needs.JOBS,
            starts_group=True,
        ),
        Spec(
            "job.cancel",
            "&Cancel…",
            "job",
            _act(Action.CANCEL),
            "cancel",
            "Del",
            "Cancel the waiting job, so that no worker starts it",
            Needs.JOBS,
        ),
        Spec(
            "job.abort",
            "&Abort…",
            "job",
            _act(Action.ABORT),
            "abort",
            "Ctrl+Del",
            "Ask the running job to stop",
            Needs.JOBS,
        ),
        Spec(
            "job.delete",
            "Cancel and de&lete…",
            "job",
            _act(Action.DELETE),
            "delete",
            "Shift+Del",
            "Cancel the waiting job and delete its row and its events",
            Needs.JOBS,
        ),
        Spec(
            "job.run_now",
            "R&un now…",
            "job",
            _act(Action.RUN_NOW),
            "play",
            "Ctrl+Shift+R",
            "Let the waiting job run as soon as a worker is free",
            Needs.JOBS,
            starts_group=True,
        ),
        Spec(
            "job.reschedule",
            "Re&schedule…",
            "job",
            _act(Action.RESCHEDULE),
            "schedules",
            tip="Let the waiting job run at another time",
            needs=Needs.JOBS,
        ),
        Spec(
            "job.reprioritise",
            "Re&prioritise…",
            "job",
            _act(Action.REPRIORITISE),
            "arrow-up",
            "Ctrl+P",
            "Give the waiting job another priority",
            Needs.JOBS,
        ),
        Spec(
            "job.purge",
            "Pur&ge…",
            "job",
            _act(Action.PURGE),
            tip="Delete the finished job and its events",
            needs=Needs.JOBS,
        ),
        Spec(
            "job.rescue",
            "Rescue s&talled jobs…",
            "job",
            rescue,
            tip="Retry the running jobs that no live worker has",
            needs=Needs.DESK,
        ),
        Spec(
            "job.fail",
            "Mark as &failed…",
            "job",
            _act(Action.FAIL),
            tip="Mark the stalled job as failed, so that it does not run again",
            needs=Needs.JOBS,
        ),
    )


class MatchingCommands(CommandGroup):
    """Every job that matches the filter of the page of jobs; without a filter, every job."""

    def __init__(self, window: Window, session: Session, acting: Acting) -> None:
        super().__init__(window, session)
        self._acting = acting

    def _reasons_on(self, desk: Desk) -> Reasons:
        return {_verb(action): desk.impossible(action) for action in ACTIONS}

    def act(self, action: Action) -> None:
        """Ask how to act on them."""
        if self._desk is not None:
            open_preflight(self._acting, self._desk, action, [matching_target(self._window.job_filter())])

    specs = tuple(
        Spec(
            f"matching.{_verb(action)}",
            text,
            "job",
            _act(action),
            picture,
            "",
            tip,
            Needs.DESK,
            submenu="matching",
            after="" if number else "job.purge",
            name=name,
        )
        for number, (action, text, name, picture, tip) in enumerate(
            (
                (Action.RETRY, "&Retry…", "Retry all that match…", "retry", "Retry every job that matches the filter"),
                (
                    Action.CANCEL,
                    "&Cancel…",
                    "Cancel all that match…",
                    "cancel",
                    "Cancel every waiting job that matches the filter",
                ),
                (
                    Action.ABORT,
                    "&Abort…",
                    "Abort all that match…",
                    "abort",
                    "Ask every running job that matches the filter to stop",
                ),
                (
                    Action.DELETE,
                    "Cancel and de&lete…",
                    "Cancel and delete all that match…",
                    "delete",
                    "Cancel and delete every waiting job that matches the filter",
                ),
                (
                    Action.RUN_NOW,
                    "R&un now…",
                    "Run all that match now…",
                    "play",
                    "Let every waiting job that matches the filter run as soon as a worker is free",
                ),
                (
                    Action.RESCHEDULE,
                    "Re&schedule…",
                    "Reschedule all that match…",
                    "schedules",
                    "Let every waiting job that matches the filter run at another time",
                ),
                (
                    Action.REPRIORITISE,
                    "Re&prioritise…",
                    "Reprioritise all that match…",
                    "arrow-up",
                    "Give every waiting job that matches the filter another priority",
                ),
                (
                    Action.PURGE,
                    "Pur&ge…",
                    "Purge all that match…",
                    "",
                    "Delete the finished jobs that match the filter, by status and age",
                ),
            )
        )
    )
