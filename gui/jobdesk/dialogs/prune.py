"""Asks before silent workers are removed: which ones, and what becomes of their jobs."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from PySide6.QtWidgets import QWidget

from jobdesk import formats
from jobdesk.dialogs.frame import DialogFrame
from jobdesk.widgets.fields import FieldList

#: Workers named one by one.
NAMED = 20


class PruneDialog(DialogFrame):
    """`workers` are ids and numbers of running jobs."""

    help_place = ("workers", "stalled-jobs")

    def __init__(
        self,
        parent: QWidget | None,
        *,
        workers: Sequence[tuple[int, int]],
        sql: str,
        prune: Callable[[], Awaitable[list[int]]],
        done: Callable[[list[int]], None],
    ) -> None:
        super().__init__(parent, title="", sentence="", verb="")
        self.setWindowTitle(self.tr("Prune silent workers"))
        self.title.setText(self.windowTitle())
        sentence = self.tr("Every worker without a heartbeat for 30 seconds is removed, also one silent only now.")
        self.sentence.setText(sentence)
        self.sentence.show()
        count = formats.number(len(workers))
        one = self.tr("Prune one worker")
        self.verb.setText(one if len(workers) == 1 else self.tr("Prune {count} workers").format(count=count))
        self.verb.show()
        self._prune, self._done = prune, done
        running = sum(jobs for _, jobs in workers)
        names = ", ".join(f"#{worker_id:,}" for worker_id, _ in workers[:NAMED])
        if len(workers) > NAMED:
            names += self.tr(" and {count} more").format(count=formats.number(len(workers) - NAMED))
        kept = self.tr("None of them runs a job.")
        if running:
            kept = self.tr("{count} stay running without a worker. Rescue them afterwards.").format(
                count=formats.number(running)
            )
        fields = FieldList()
        fields.set_fields(
            [
                (self.tr("workers"), names, ""),
                (self.tr("their jobs"), kept, "warning" if running else ""),
                (self.tr("SQL"), sql.replace("%(seconds)s", "30"), "mono"),
            ]
        )
        self.content.addWidget(fields)

    def submit(self) -> None:
        """Remove them."""

        async def prune() -> list[int]:
            return await self._prune()

        self.run(prune(), self._end)

    def _end(self, found: list[int]) -> None:
        self._done(found)
        self.accept()
