"""One act that runs in the background: how far it is, pause, stop, and how it ended. It never shows anything."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from jobdesk_core.operations import DeferLedger, Ledger, Progress, Result, Retried, SetLedger
from PySide6.QtCore import QObject, Signal

from jobdesk.acting.outcome_list import Line
from jobdesk.connection.desk import Desk
from jobdesk.kit import clock
from jobdesk.kit.fields import Field
from jobdesk.kit.theme.tokens import Kind

AnyLedger = Ledger | DeferLedger | SetLedger
OnProgress = Callable[[Progress], Awaitable[bool]]
#: Seconds that the server has for the step under way, once the act was stopped.
GRACE_S = 1.0
#: What leaves a job as it was, or as nobody knows.
_UNTOUCHED = (Result.NOT_REACHED, Result.ROLLED_BACK, Result.UNKNOWN)
State = Literal["running", "waiting", "pausing", "paused", "held", "stopping", "ended"]
#: A label, its value, and how the value looks: see FieldList.
Fields = tuple[Field, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How an act ended, in words. `job_ids` are the first of those that it was done to, and `jobs` names them within
    the sentence; `again` opens what was asked for once more, under the words of its button."""

    kind: Kind
    sentence: str
    remedy: str = ""
    jobs: str = ""
    job_ids: tuple[int, ...] = ()
    lines: tuple[Line, ...] = ()
    ledger: AnyLedger | None = None
    again: tuple[str, Callable[[], object]] | None = None
    #: Of an end that nobody knows yet: asks once how it ended after all; None while it is not known.
    find_out: Callable[[], Awaitable[Ended | None]] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Errand:
    """What a dialog hands over to be done.

    `start` makes the work, `end` tells its value in words, `failed` an error. `of` jobs are acted upon of the `chosen`
    ones; a `ledger` that is filled meanwhile tells more. An act that cannot pause is one transaction.
    """

    desk: Desk
    title: str
    doing: str
    of: int
    chosen: int
    start: Callable[[OnProgress], Coroutine[Any, Any, Any]]
    end: Callable[[Any], Ended]
    failed: Callable[[Exception], Ended]
    can_pause: bool = True
    ledger: Ledger | None = None
    how: Fields = ()
    #: Called in the end, however it ended.
    release: Callable[[], object] = field(default=lambda: None)


class Act(QObject):
    """`changed` when anything of it has; `is_over` from its end on."""

    changed = Signal()

    def __init__(self, errand: Errand, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.errand = errand
        self.progress = Progress(0, errand.of)
        self.ended: Ended | None = None
        #: What became of the jobs that were retried, as last read.
        self.became: Retried | None = None
        self.held = ""
        #: Whether it has been undone, or is being.
        self.undone = False
        #: Has what it waits for at the server given up after so many seconds.
        self.give_up: Callable[[float], object] = lambda after_s: None
        self.began = clock.now().timestamp()
        self.took_s = 0.0
        self._started = time.monotonic()
        self._rested_s = 0.0
        self._going = asyncio.Event()
        self._going.set()
        self._is_resting = False
        self._is_stopping = False

    @property
    def state(self) -> State:
        """What it is doing now; `waiting` is for a server that does not answer, `pausing` for the step under way."""
        if self.ended is not None:
            return "ended"
        if self._is_stopping:
            return "stopping"
        if not self._going.is_set():
            return "pausing" if not self._is_resting else "held" if self.held else "paused"
        feed = self.errand.desk.state
        return "waiting" if feed.mode == "stale" or feed.is_waiting else "running"

    @property
    def is_paused(self) -> bool:
        """Whether it waits for somebody to let it go on, or will after the step under way."""
        return self.state in ("pausing", "paused", "held")

    @property
    def is_over(self) -> bool:
        """Whether it has ended, in whatever way."""
        return self.ended is not None

    @property
    def entry_id(self) -> int | None:
        """Its entry's number in the journal, once it has one."""
        ledger = self.errand.ledger or (self.ended.ledger if self.ended is not None else None)
        return ledger.entry_id if ledger is not None else None

    @property
    def is_in_doubt(self) -> bool:
        """Whether it is over, and nobody knows yet what became of all its jobs."""
        return self.ended is not None and self.ended.find_out is not None

    @property
    def done(self) -> int:
        """Jobs that it has come to, in whatever way; not those that it left as they were or that nobody knows of."""
        if self.ended is None or self.errand.ledger is None:
            return self.progress.at
        untouched = sum(self.errand.ledger.counts[each] for each in _UNTOUCHED)
        return max(0, min(self.progress.at, self.progress.of - untouched))

    @property
    def percent(self) -> int:
        """How far it is, in whole per cent; never 100 before the last job."""
        return 100 * self.done // max(1, self.progress.of)

    @property
    def to_go(self) -> int:
        """Jobs that it has not come to yet."""
        return max(0, self.progress.of - self.progress.at)

    @property
    def per_second(self) -> float:
        """Jobs a second: of the last seconds where the act tells it, otherwise of all its time; 0 at first."""
        seconds = (self.took_s or time.monotonic() - self._started) - self._rested_s
        if self.ended is None and self.progress.per_second:
            return self.progress.per_second
        return self.done / seconds if seconds > 0.5 or (self.ended is not None and seconds > 0) else 0.0

    @property
    def left_s(self) -> float:
        """Seconds that are left by the pace so far; 0 when that cannot be told."""
        pace = self.per_second
        return self.to_go / pace if pace else 0.0

    async def step(self, progress: Progress) -> bool:
        """What the work asks after each step: notes how far it is, waits while it is paused, says whether to go on."""
        is_new = progress.at != self.progress.at or progress.held != self.progress.held
        if progress.held and is_new and not self._is_stopping:
            self.held = progress.held
            self._going.clear()
        self.progress = progress
        self._is_resting = not self._going.is_set()
        if is_new or self._is_resting:
            self.changed.emit()
        if self._is_resting:
            paused = time.monotonic()
            await self._going.wait()
            self._rested_s += time.monotonic() - paused
            self._is_resting = False
        return not self._is_stopping

    def pause(self) -> None:
        """Wait after the step under way."""
        if self.errand.can_pause and self.state in ("running", "waiting"):
            self._going.clear()
            self.changed.emit()

    def go_on(self) -> None:
        """Go on after a pause, or although the brake held it."""
        if not self._is_stopping and not self.is_over:
            self.held = ""
            self._going.set()
            self.changed.emit()

    def stop(self) -> None:
        """End after the step under way; what has been done stays done, but for one transaction.

        A server that does not answer soon is not waited for: what became of the step is told to be unknown.
        """
        if not self.is_over and not self._is_stopping:
            self.give_up(0.0 if self.errand.desk.state.mode == "stale" else GRACE_S)
            self._is_stopping = True
            self._going.set()
            self.changed.emit()

    def take_end(self, ended: Ended) -> None:
        """Note how it ended."""
        self.took_s = time.monotonic() - self._started
        self.ended, self.held = ended, ""
        self.changed.emit()

    def take_known(self, ended: Ended) -> None:
        """Note how it ended after all, and so how far it has come."""
        self.ended = ended
        ledger = ended.ledger
        at = self.progress.of if ended.kind == "good" else self.progress.at
        if ledger is not None:
            at = max(at, self.progress.of - sum(ledger.counts[each] for each in _UNTOUCHED))
        self.progress = replace(self.progress, at=at)
        self.changed.emit()

    def take_became(self, became: Retried) -> None:
        """Note what became of the jobs."""
        if became != self.became:
            self.became = became
            self.changed.emit()
