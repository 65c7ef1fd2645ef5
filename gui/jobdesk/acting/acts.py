"""The one owner of the acts that run in the background: starts them, follows them, and ends them in good order."""

from __future__ import annotations

import asyncio
import contextlib

from jobdesk_core.connectors import limits
from jobdesk_core.exceptions import AppNotOpen, ConnectorException
from jobdesk_core.operations import Retry
from PySide6.QtCore import QObject, Signal

from jobdesk.acting.act import Act, Ended, Errand
from jobdesk.desk import Desk
from jobdesk.logs import fault
from jobdesk.work import Work

#: Seconds between two looks at what became of retried jobs.
FOLLOW_S = 0.5
#: Seconds that acts are given to end by themselves once they are stopped, then those that their breaking off takes.
STOP_S, CANCEL_S = 5.0, 3.0
#: Acts that are over and still told.
MOST_TOLD = 5


class Acts(QObject):
    """Knows the acts that run, and those that are over until they are forgotten."""

    changed = Signal()  # of any of them, or which there are
    ended = Signal(object)  # Act
    forgotten = Signal(object)  # Act

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.told: list[Act] = []
        self._work = Work(self)
        self._tasks: dict[Act, asyncio.Task[object]] = {}

    @property
    def running(self) -> list[Act]:
        """The acts that are not over, oldest first."""
        return [act for act in self.told if not act.is_over]

    def start(self, errand: Errand) -> Act:
        """Begin an act; it goes on whatever becomes of the dialog that asked for it."""
        act = Act(errand, self)
        self.told.append(act)
        act.changed.connect(self.changed)
        self._tasks[act] = self._work.start(
            self._run(act), name="act", then=lambda ended: self._end(act, ended), failed=lambda _: None
        )
        if errand.ledger is not None and isinstance(errand.ledger.plan.change, Retry):
            self._work.start(self._follow(act), name="follow")
        self.changed.emit()
        return act

    def running_on(self, desk: Desk | None) -> list[Act]:
        """The acts that need this connection."""
        return [act for act in self.running if act.errand.desk is desk]

    def forget(self, act: Act) -> None:
        """Tell of an act no longer; one that runs stays."""
        if act.is_over and act in self.told:
            self.told.remove(act)
            self.forgotten.emit(act)
            act.deleteLater()
            self.changed.emit()

    def leave(self, desk: Desk) -> None:
        """A connection is closed: what it has done is told no longer."""
        for act in [act for act in self.told if act.errand.desk is desk]:
            self.forget(act)

    async def stop(self, acts: list[Act] | None = None) -> None:
        """Stop these acts, or all, and wait for their end: first in good order, then by breaking them off."""
        acts = self.running if acts is None else acts
        tasks = [self._tasks[act] for act in acts if act in self._tasks]
        for act in acts:
            act.stop()
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=STOP_S)
            for task in late:
                task.cancel()
            if late:
                await asyncio.wait(late, timeout=CANCEL_S)
        # The owner's own callbacks have their turn after the tasks'.
        await asyncio.sleep(0)

    async def _run(self, act: Act) -> Ended:
        errand = act.errand
        try:
            with limits.patience() as patience:
                act.give_up = patience.end
                return errand.end(await errand.start(act.step))
        except asyncio.CancelledError:
            self._end(act, Ended(kind="bad", sentence=self.tr("The act failed. The journal has the details.")))
            raise
        except Exception as error:  # noqa: BLE001 - whatever ends it is told in the banner, and the log has it
            fault("Told in a banner", error)
            return errand.failed(error)
        finally:
            errand.release()

    def _end(self, act: Act, ended: Ended) -> None:
        self._tasks.pop(act, None)
        act.take_end(ended)
        over = [each for each in self.told if each.is_over]
        for each in over[:-MOST_TOLD]:
            self.forget(each)
        self.ended.emit(act)

    async def _follow(self, act: Act) -> None:
        """Read what became of the retried jobs, until nothing is to be expected of them any more."""
        ledger, desk = act.errand.ledger, act.errand.desk
        while ledger is not None and act in self.told:
            # A broken link is told by the feed; the numbers stay as they were.
            with contextlib.suppress(ConnectorException, AppNotOpen):
                is_last = act.is_over
                became = await desk.what_became(ledger)
                if act not in self.told:
                    return  # forgotten meanwhile, and taken apart
                act.take_became(became)
                if is_last and became.is_over:
                    return
            await asyncio.sleep(FOLLOW_S)
