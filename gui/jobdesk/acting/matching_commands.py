"""Acting on everything that the filter matches."""

from __future__ import annotations

from jobdesk_core.operations import Action

from jobdesk.acting.opening import matching_target, open_preflight
from jobdesk.kit.command_group import Noun

#: The action of the core behind each verb.
ACTIONS = {
    "retry": Action.RETRY,
    "cancel": Action.CANCEL,
    "abort": Action.ABORT,
    "delete": Action.DELETE,
    "run_now": Action.RUN_NOW,
    "reschedule": Action.RESCHEDULE,
    "reprioritise": Action.REPRIORITISE,
    "purge": Action.PURGE,
}


class MatchingCommands(Noun):
    """Every job that matches the filter of the page of jobs; without a filter, every job."""

    def reasons(self) -> dict[str, str | None]:
        desk = self._desk
        if desk is None:
            return dict.fromkeys(ACTIONS, self._no_desk())
        return {verb: desk.impossible(action) for verb, action in ACTIONS.items()}

    def retry(self) -> None:
        """Ask when and how to retry them."""
        self._act(Action.RETRY)

    def cancel(self) -> None:
        """Cancel those that wait."""
        self._act(Action.CANCEL)

    def abort(self) -> None:
        """Ask those that run to stop."""
        self._act(Action.ABORT)

    def delete(self) -> None:
        """Cancel and delete those that wait."""
        self._act(Action.DELETE)

    def run_now(self) -> None:
        """Let those that wait no longer wait for their time."""
        self._act(Action.RUN_NOW)

    def reschedule(self) -> None:
        """Ask for another time for those that wait."""
        self._act(Action.RESCHEDULE)

    def reprioritise(self) -> None:
        """Ask for another priority for those that wait."""
        self._act(Action.REPRIORITISE)

    def purge(self) -> None:
        """Ask which of those that have ended to delete."""
        self._act(Action.PURGE)

    def _act(self, action: Action) -> None:
        desk = self._desk
        if desk is not None:
            target = matching_target(self._window.jobs.model.job_filter)
            open_preflight(self, self._window, desk, action, [target])
