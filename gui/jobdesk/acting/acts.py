"""The one owner of the acts that run in the background: starts them, follows them, and ends them in good order."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from functools import partial

from jobdesk_core.connectors import limits
from jobdesk_core.exceptions import AppNotOpen, ConnectorException
from jobdesk_core.operations import Retry, what_became
from PySide6.QtCore import QObject, Signal

from jobdesk.acting.act import Act, Ended, Errand
from jobdesk.connection.desk import Desk
from jobdesk.kit.work import Work
from jobdesk.runtime.logs import fault

#: Seconds between two looks at what became of retried jobs.
FOLLOW_S = 0.5
#: Seconds that acts are given to end by themselves once they are stopped, then those that their breaking off takes.
STOP_S, CANCEL_S = 5.0, 3.0
#: Seconds between two looks at what nobody knows.
FIND_OUT_S = 0.5
#: Acts that are over and still told.
MOST_LISTED = 5


class Acts(QObject):
    """Knows the acts that run, and those that are over until they are forgotten."""

    changed = Signal()  # of any of them, or which there are
    ended = Signal(object)  # Act
    known = Signal(object)  # Act, of whose end nobody had known
    forgotten = Signal(object)  # Act

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.listed: list[Act] = []
        self._work = Work(self)
        self._tasks: dict[Act, asyncio.Task[Ended]] = {}
        #: What is being found out of acts that are over.
        self._lookups: dict[Act, asyncio.Task[None]] = {}

    @property
    def running(self) -> list[Act]:
        """The acts that are not over, oldest first."""
        return [act for act in self.listed if not act.is_over]

    def start(self, errand: Errand) -> Act:
        """Begin an act; it goes on whatever becomes of the dialog that asked for it."""
        act = Act(errand, self)
        self.listed.append(act)
        act.changed.connect(self.changed)
        task = self._work.start(self._run(act), name="act", then=partial(self._end, act), failed=lambda _: None)
        self._tasks[act] = task
        if errand.ledger is not None and isinstance(errand.ledger.plan.change, Retry):
            self._work.start(self._follow(act), name="follow")
        self.changed.emit()
        return act

    def running_on(self, desk: Desk | None) -> list[Act]:
        """The acts that need this connection."""
        return [act for act in self.running if act.errand.desk is desk]

    def forget(self, act: Act) -> None:
        """Tell of an act no longer; one that runs stays."""
        if act.is_over and act in self.listed:
            self.listed.remove(act)
            if act in self._lookups:
                self._lookups.pop(act).cancel()
            self.forgotten.emit(act)
            act.deleteLater()
            self.changed.emit()

    def leave(self, desk: Desk) -> None:
        """A connection is closed: what it has done is told no longer."""
        for act in [act for act in self.listed if act.errand.desk is desk]:
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
        ended: Ended | None = None
        try:
            with limits.patience() as patience:
                act.give_up = patience.end
                ended = errand.end(await errand.start(act.step))
        except asyncio.CancelledError:
            self._end(act, Ended(kind="bad", sentence=self.tr("The act failed. The journal has the details.")))
            raise
        except Exception as error:  # noqa: BLE001 - whatever ends it is told in the banner, and the log has it
            fault("Told in a banner", error)
            ended = errand.failed(error)
        finally:
            if ended is None or ended.find_out is None:
                errand.release()
        return ended

    def _end(self, act: Act, ended: Ended) -> None:
        self._tasks.pop(act, None)
        act.take_end(ended)
        if ended.find_out is not None:
            looking = self._find_out(act, ended.find_out)
            self._lookups[act] = self._work.start(looking, name="find out", failed=partial(self._not_found_out, act))
        over = [each for each in self.listed if each.is_over and not each.is_in_doubt]
        for each in over[:-MOST_LISTED]:
            self.forget(each)
        self.ended.emit(act)

    async def _find_out(self, act: Act, find_out: Callable[[], Awaitable[Ended | None]]) -> None:
        """Find out how an act ended, for as long as the link takes to come back, or until the act is forgotten."""
        try:
            while (ended := await find_out()) is None:
                await asyncio.sleep(FIND_OUT_S)
        finally:
            act.errand.release()
        self._take_known(act, ended)

    def _not_found_out(self, act: Act, error: Exception) -> None:
        self._take_known(act, act.errand.failed(error))

    def _take_known(self, act: Act, ended: Ended) -> None:
        self._lookups.pop(act, None)
        if act in self.listed:
            act.take_known(ended)
            self.known.emit(act)

    async def _follow(self, act: Act) -> None:
        """Read what became of the retried jobs, until nothing is to be expected of them any more."""
        ledger, desk = act.errand.ledger, act.errand.desk
        while ledger is not None and act in self.listed:
            # A broken link is told by the feed; the numbers stay as they were.
            with contextlib.suppress(ConnectorException, AppNotOpen):
                is_last = act.is_over and not act.is_in_doubt
                became = await desk.connector.run_async(what_became(ledger))
                if act not in self.listed:
                    return  # forgotten meanwhile, and taken apart
                act.take_became(became)
                if is_last and became.is_over:
                    return
            await asyncio.sleep(FOLLOW_S)
