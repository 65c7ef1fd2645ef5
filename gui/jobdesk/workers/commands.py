"""What is done about workers: their jobs shown, stalled ones rescued or failed, unresponsive workers pruned."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jobdesk_core.operations import Action
from jobdesk_core.operations.change.prune import pruning, pruning_refusal

from jobdesk.acting.control import Acting
from jobdesk.acting.opening import open_on_stalled
from jobdesk.connection.command_group import CommandGroup, Reasons
from jobdesk.connection.desk import Desk
from jobdesk.connection.session import Session
from jobdesk.kit import clock, formats
from jobdesk.kit.action_spec import Needs, Spec
from jobdesk.kit.window import Window

if TYPE_CHECKING:
    from jobdesk.workers.page import WorkersPage


class WorkerCommands(CommandGroup):
    """The acts of the Workers page."""

    #: The page, once it is made.
    page: WorkersPage | None = None

    def __init__(self, window: Window, session: Session, acting: Acting) -> None:
        super().__init__(window, session)
        self._acting = acting

    def _reasons_on(self, desk: Desk) -> Reasons:
        reasons: Reasons = {"prune": pruning_refusal(desk.capabilities, is_read_only=desk.access.profile.is_read_only)}
        if self.page is None or not self.page.selected_positions():
            reasons["show"] = self.tr("Select a worker first.")
        if reasons["prune"] is None and not self._silent():
            reasons["prune"] = self.tr("No worker is unresponsive.")
        for verb, action in (("rescue", Action.RESCUE), ("fail", Action.FAIL)):
            reasons[verb] = desk.impossible(action) if desk.stalled else self.tr("No job is stalled.")
        return reasons

    def show(self) -> None:
        """Show the jobs of the selected workers."""
        if self.page is not None:
            keys = [self.page.model.key_at(position) for position in self.page.selected_positions()]
            self._window.ask_for(f"status:doing worker:{','.join(keys)}")

    def rescue(self) -> None:
        """Put the running jobs that no live worker has back in their queues."""
        open_on_stalled(self._acting, self._desk, Action.RESCUE)

    def fail(self) -> None:
        """Mark the jobs as failed that no living worker has."""
        open_on_stalled(self._acting, self._desk, Action.FAIL)

    def prune(self) -> None:
        """Remove the unresponsive workers."""
        from jobdesk.workers.prune import PruneDialog

        desk = self._desk
        if desk is None:
            return
        PruneDialog(
            self._window.frame,
            profile=desk.profile,
            workers=self._silent(),
            sql=pruning(desk.capabilities).sql,
            prune=desk.prune_workers,
            find_out=desk.find_out,
            done=self._pruned,
        ).open()

    specs = (
        Spec(
            "worker.show",
            "&Show jobs",
            "worker",
            show,
            "jobs",
            tip="Show what the selected workers run",
            name="Show what the selected workers run",
            needs=Needs.DESK,
        ),
        Spec(
            "worker.rescue",
            "&Rescue stalled jobs…",
            "worker",
            rescue,
            "retry",
            tip="Put the running jobs that no live worker has back in their queues",
            name="Rescue the stalled jobs of all workers…",
            needs=Needs.DESK,
            starts_group=True,
        ),
        Spec(
            "worker.fail",
            "&Mark stalled jobs as failed…",
            "worker",
            fail,
            tip="Mark the running jobs that no live worker has as failed",
            needs=Needs.DESK,
        ),
        Spec(
            "worker.prune",
            "&Prune unresponsive workers…",
            "worker",
            prune,
            "delete",
            tip="Remove the records of workers that have stopped sending heartbeats",
            needs=Needs.DESK,
        ),
    )

    def _pruned(self, found: list[int]) -> None:
        count = formats.number(len(found))
        one = self.tr("Pruned one unresponsive worker.")
        sentence = one if len(found) == 1 else self.tr("Pruned {count} unresponsive workers.").format(count=count)
        self._acting.banners.add("good" if found else "info", sentence)

    def _silent(self) -> list[tuple[int, int]]:
        now = clock.now()
        workers = self._desk.workers if self._desk is not None else []
        return [(worker.id, worker.running) for worker in workers if not worker.is_alive(now)]
