"""What time it is, for all that the window tells: by the clock of the server on show, where there is one."""

from __future__ import annotations

import datetime as dt

from jobdesk_core.clock import ServerClock

_on_show: ServerClock | None = None


def follow(clock: ServerClock | None) -> None:
    """Tell the time by this clock from now on; without one by this machine's."""
    global _on_show
    _on_show = clock


def now() -> dt.datetime:
    """The time (UTC)."""
    return _on_show.now() if _on_show is not None else dt.datetime.now(dt.UTC)
