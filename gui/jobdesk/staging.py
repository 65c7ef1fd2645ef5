"""The staged changes of one open connection: collected here, nowhere else, until they are applied or thrown away."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from jobdesk_core.jobs import Job
from jobdesk_core.journal.keeping_staged import apply_staged_kept
from jobdesk_core.operations import ChangeSet, Plan, Progress, SetLedger, SetPlan, look, run_async
from PySide6.QtCore import QObject, Signal

if TYPE_CHECKING:
    from jobdesk.desk import Desk

OnProgress = Callable[[Progress], Awaitable[bool]]


class Staging(QObject):
    """Belongs to a desk. Nothing of it is in the database before `apply`."""

    changed = Signal()

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self._desk = desk
        self.held = ChangeSet()

    @property
    def count(self) -> int:
        """How many changes are staged."""
        return len(self.held.entries)

    def add_plan(self, made: Plan) -> None:
        """Stage what a preflight would do. Raises TooManyStaged or NothingToStage."""
        self.set(self.held.with_plan(made))

    def add_job(self, job: Job, *, again_of: int | None = None) -> None:
        """Stage a new job. Raises TooManyStaged."""
        self.set(self.held.with_defer(job, again_of=again_of))

    def set(self, held: ChangeSet) -> None:
        """Have this set from now on."""
        self.held = held
        self.changed.emit()

    async def look(self, on_progress: OnProgress) -> SetPlan:
        """Look at all of it as the database is now; nothing is changed."""
        desk = self._desk
        steps = look(self.held, desk.capabilities, is_read_only=desk.profile.is_read_only)
        return await run_async(steps, desk.connector, on_progress=on_progress, limit_s=desk.monitor.limit_s)

    async def apply(self, made: SetPlan, on_progress: OnProgress) -> SetLedger:
        """Apply all of it in one transaction, or nothing; what was applied is staged no longer."""
        desk = self._desk
        act = apply_staged_kept(
            made, desk.connector, desk.profile, desk.journal, on_trouble=desk.trouble.emit, on_progress=on_progress
        )
        try:
            ledger = await act
        finally:
            desk.monitor.wake()
        if ledger.is_applied:
            self.set(ChangeSet())
        return ledger
