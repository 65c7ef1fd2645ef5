"""Asks before unresponsive workers are removed: which ones, and what becomes of their jobs."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from jobdesk_core.exceptions import InDoubt
from jobdesk_core.journal.doubts import Found
from jobdesk_core.operations.confirmation import Other, confirmation
from jobdesk_core.profiles import Profile
from PySide6.QtWidgets import QWidget

from jobdesk.acting.safety import Safety
from jobdesk.acting.words import jobs
from jobdesk.kit import formats
from jobdesk.kit.dialog_frame import DialogFrame
from jobdesk.kit.fields import FieldList

#: Seconds between two looks at what nobody knows.
FIND_OUT_S = 0.5
#: Workers named one by one.
NAMED = 20


class PruneDialog(DialogFrame):
    """`workers` are ids and numbers of running jobs."""

    help_place = ("workers", "stalled-jobs")

    def __init__(
        self,
        parent: QWidget | None,
        *,
        profile: Profile,
        workers: Sequence[tuple[int, int]],
        sql: str,
        prune: Callable[[], Awaitable[list[int]]],
        find_out: Callable[[InDoubt], Awaitable[Found | None]],
        done: Callable[[list[int]], None],
    ) -> None:
        super().__init__(parent, title="", sentence="", verb="")
        self.setWindowTitle(self.tr("Prune unresponsive workers"))
        self.title.setText(self.windowTitle())
        sentence = self.tr(
            "Every worker without a heartbeat for 30 seconds is removed, including any that stops meanwhile."
        )
        self.sentence.setText(sentence)
        self.sentence.show()
        count = formats.number(len(workers))
        one = self.tr("Prune one worker")
        self.verb.setText(one if len(workers) == 1 else self.tr("Prune {count} workers").format(count=count))
        self.verb.show()
        self._prune, self._find_out, self._done = prune, find_out, done
        self._running = sum(running for _, running in workers)
        self.content.addWidget(self._what_goes(workers, sql))
        self.safety = Safety(profile)
        asked = confirmation(Other.PRUNE, len(workers), is_production=profile.is_production, at_risk=self._running)
        self.safety.ask(asked)
        self.safety.force.setText(
            self.tr("Prune, although the workers may still be running {jobs}").format(jobs=jobs(self._running))
        )
        self.safety.force.setVisible(bool(self._running))
        self.content.addWidget(self.safety)
        for changed in (self.safety.changed, self.safety.forced_changed):
            changed.connect(self._check)
        self._check()

    def _what_goes(self, workers: Sequence[tuple[int, int]], sql: str) -> FieldList:
        names = ", ".join(f"#{worker_id:,}" for worker_id, _ in workers[:NAMED])
        if len(workers) > NAMED:
            names += self.tr(" and {count} more").format(count=formats.number(len(workers) - NAMED))
        kept = self.tr("None of them runs a job.")
        if self._running:
            kept = self.tr(
                "{jobs} left without a worker: rescue them, or mark them as failed. Until then the workers may still "
                "be running them: one that is shutting down sends no heartbeat."
            ).format(jobs=jobs(self._running))
        fields = FieldList()
        fields.set_fields(
            [
                (self.tr("workers"), names, ""),
                (self.tr("their jobs"), kept, "warning" if self._running else ""),
                (self.tr("SQL"), sql.replace("%(seconds)s", "30"), "mono"),
            ]
        )
        return fields

    def _check(self) -> None:
        reason = self.safety.problem()
        if self._running and not self.safety.force.isChecked():
            reason = self.tr("First confirm that the workers may still be running their jobs.")
        self.verb.setEnabled(reason is None)
        self.verb.setToolTip(reason or "")

    def submit(self) -> None:
        """Remove them."""
        self.run(self._until_known(), self._end)

    async def _until_known(self) -> list[int]:
        """Remove them; when the answer is lost, find out whether they were."""
        try:
            return await self._prune()
        except InDoubt as error:
            self.tell_doubt(self.tr("Whether the workers were pruned is not known: the connection was lost."))
            while (found := await self._find_out(error)) is None:
                await asyncio.sleep(FIND_OUT_S)
            if found.verdict == "left":
                raise error.lost() from error.__cause__
            error.reason = found.reason
            if found.verdict == "unknown":
                raise
            return list(error.value)

    def _end(self, found: list[int]) -> None:
        self._done(found)
        self.accept()
