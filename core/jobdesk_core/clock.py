"""The time by the server's clock, which stamps jobs, events and heartbeats: measured, never taken from this machine's.

Between two measurements time goes on by the monotonic clock, so that setting this machine's clock changes nothing.
"""

from __future__ import annotations

import datetime as dt
import time

#: A difference that is told to an operator, and one that stays in sight, in seconds.
TOLD_S, IN_SIGHT_S = 1.0, 60.0
#: By how much a measurement grows less sure with each second: clocks drift.
_DRIFT = 0.0005


class ServerClock:
    """Measured by questions for the time: the answer was written at some moment between question and answer."""

    def __init__(self) -> None:
        #: The server's time (UTC), ours by the monotonic clock then, and by how many seconds it may be wrong.
        self._measured: tuple[dt.datetime, float, float] | None = None

    def note(self, server_time: dt.datetime, asked_at: float, answered_at: float) -> None:
        """Take note of an answer, and of when it was asked for and came (`time.monotonic`).

        A surer measurement stays, unless the new one contradicts it: then the server's clock has been set, or it is
        another server's.
        """
        middle, uncertainty = (asked_at + answered_at) / 2, (answered_at - asked_at) / 2
        if self._measured is not None:
            former, at, former_uncertainty = self._measured
            former_uncertainty += (middle - at) * _DRIFT
            off = (server_time - former).total_seconds() - (middle - at)
            if former_uncertainty < uncertainty and abs(off) <= former_uncertainty + uncertainty:
                return
        self._measured = server_time.astimezone(dt.UTC), middle, uncertainty

    def now(self) -> dt.datetime:
        """The time (UTC) by the server's clock; by this machine's as long as the server has not been asked."""
        if self._measured is None:
            return dt.datetime.now(dt.UTC)
        server_time, at, _ = self._measured
        return server_time + dt.timedelta(seconds=time.monotonic() - at)

    @property
    def uncertainty_s(self) -> float | None:
        """By how many seconds `now` may be wrong, half a round trip; None before the server has been asked."""
        return self._measured[2] if self._measured is not None else None

    @property
    def ahead_s(self) -> float:
        """By how many seconds this machine's clock is ahead of the server's; negative when it is behind."""
        return (dt.datetime.now(dt.UTC) - self.now()).total_seconds()

    def differs_by(self, seconds: float) -> bool:
        """Whether the two clocks surely differ by more than so many seconds."""
        return self._measured is not None and abs(self.ahead_s) - self._measured[2] > seconds

    def difference(self) -> str:
        """How the two clocks differ, in a sentence."""
        ahead, side = self.ahead_s, "ahead of" if self.ahead_s > 0 else "behind"
        return f"This machine's clock is {_words(abs(ahead))} {side} the server's, whose time is used."


#: The clock of the server that all is told by, where only one is connected to.
_followed: ServerClock | None = None


def follow(clock: ServerClock | None) -> None:
    """Have `now` and `today` be told by this clock from now on; without one by this machine's."""
    global _followed
    _followed = clock


def now() -> dt.datetime:
    """The time (UTC) by the clock that is followed."""
    return _followed.now() if _followed is not None else dt.datetime.now(dt.UTC)


def today() -> dt.date:
    """The day that it is here, by the clock that is followed."""
    return now().astimezone().date()


def _words(seconds: float) -> str:
    for size, unit in ((86_400, "days"), (3_600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s" if seconds >= 10 else f"{seconds:.1f} s"
