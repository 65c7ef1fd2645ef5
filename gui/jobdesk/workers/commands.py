"""What is done about workers: their jobs shown, stalled ones rescued or failed, unresponsive workers pruned."""

from __future__ import annotations

from jobdesk_core.operations import Action
from jobdesk_core.operations.change.prune import pruning, pruning_refusal

from jobdesk.kit import clock, formats
from jobdesk.kit.command_group import Noun

VERBS = ("show", "rescue", "fail", "prune")


class WorkerCommands(Noun):
    """The acts of the Workers page."""

    def reasons(self) -> dict[str, str | None]:
        desk = self._desk
        if desk is None:
            return dict.fromkeys(VERBS, self._no_desk())
        reasons: dict[str, str | None] = {
            "prune": pruning_refusal(desk.capabilities, is_read_only=desk.profile.is_read_only)
        }
        page = self._window.pages.if_made("workers")
        if page is None or not page.selected_positions():
            reasons["show"] = self.tr("Select a worker first.")
        if reasons["prune"] is None and not self._silent():
            reasons["prune"] = self.tr("No worker is unresponsive.")
        for verb, action in (("rescue", Action.RESCUE), ("fail", Action.FAIL)):
            reasons[verb] = desk.impossible(action) if desk.stalled else self.tr("No job is stalled.")
        return reasons

    def show(self) -> None:
        """Show the jobs of the selected workers."""
        page = self._window.pages.get("workers")
        keys = [page.model.key_at(position) for position in page.selected_positions()]
        self._window.ask_for(f"status:doing worker:{','.join(keys)}")

    def rescue(self) -> None:
        """Put the running jobs that no live worker has back in their queues."""
        self._window.commands.job.rescue()

    def fail(self) -> None:
        """Mark the jobs as failed that no living worker has."""
        self._window.commands.job.fail_stalled()

    def prune(self) -> None:
        """Remove the unresponsive workers."""
        from jobdesk.workers.prune import PruneDialog

        desk = self._desk
        if desk is None:
            return
        PruneDialog(
            self._window,
            profile=desk.profile,
            workers=self._silent(),
            sql=pruning(desk.capabilities).sql,
            prune=desk.prune_workers,
            find_out=desk.find_out,
            done=self._pruned,
        ).open()

    def _pruned(self, found: list[int]) -> None:
        count = formats.number(len(found))
        one = self.tr("Pruned one unresponsive worker.")
        said = one if len(found) == 1 else self.tr("Pruned {count} unresponsive workers.").format(count=count)
        self._window.acting.banners.add("good" if found else "info", said)

    def _silent(self) -> list[tuple[int, int]]:
        now = clock.now()
        workers = self._desk.workers if self._desk is not None else []
        return [(worker.id, worker.running) for worker in workers if not worker.is_alive(now)]
