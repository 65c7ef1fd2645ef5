"""Which groups of failures are muted until they grow, as it is remembered for each connection."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, Signal

if TYPE_CHECKING:
    from jobdesk_core.failures.records import FailureGroup

    from jobdesk.failures.rows import Key

#: Muted groups that are remembered per connection; those muted first are forgotten first.
MOST = 200
#: Characters of a key that are remembered at most: a longer one is not muted beyond this session's end.
LONGEST = 1_000


@dataclass(frozen=True, slots=True)
class Mute:
    """How many failed runs a group had within how many seconds when it was muted."""

    failed: int
    seconds: float

    def allows(self, failed: int, seconds: float) -> bool:
        """Whether so many within so many seconds are no more than there were.

        Within a longer time proportionally more may fail, within a shorter one as many: a burst that is as large
        as all that was muted is a growth only when it is larger.
        """
        return failed <= self.failed * max(1.0, seconds / self.seconds if self.seconds else 1.0)


class Muted(QObject):
    """Quiet until more runs of a group fail than when it was muted: then that group is muted no longer."""

    changed = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._mutes: dict[Key, Mute] = {}

    def mute(self, key: Key, failed: int, length: dt.timedelta) -> None:
        """Mute a group with so many failed runs within such a time."""
        self._mutes.pop(key, None)
        self._mutes[key] = Mute(failed, length.total_seconds())
        for oldest in list(self._mutes)[:-MOST]:
            del self._mutes[oldest]
        self.changed.emit()

    def unmute(self, key: Key) -> None:
        """Mute it no longer."""
        if self._mutes.pop(key, None) is not None:
            self.changed.emit()

    def mute_of(self, key: Key) -> Mute | None:
        """How it was muted; None when it is not."""
        return self._mutes.get(key)

    def let_grown_go(self, groups: list[tuple[Key, FailureGroup]], length: dt.timedelta) -> list[Key]:
        """Mute those of the groups no longer that have grown by now; which ones."""
        seconds = length.total_seconds()
        known = [(key, group, self._mutes.get(key)) for key, group in groups]
        grown = [key for key, group, mute in known if mute is not None and not mute.allows(group.failed, seconds)]
        for key in grown:
            del self._mutes[key]
        if grown:
            self.changed.emit()
        return grown

    def choice(self) -> list[dict[str, Any]]:
        """What is muted, of what JSON knows."""
        return [
            {"key": list(key), "failed": mute.failed, "seconds": mute.seconds}
            for key, mute in self._mutes.items()
            if sum(map(len, key)) <= LONGEST
        ]

    def choose(self, kept: object) -> None:
        """Take over what was remembered, as far as it can be understood, instead of what is muted."""
        self._mutes = {}
        for each in kept if isinstance(kept, list) else ():
            if isinstance(each, dict) and (found := _understood(each)) is not None:
                self._mutes[found[0]] = found[1]
        self.changed.emit()


def _understood(kept: dict[Any, Any]) -> tuple[Key, Mute] | None:
    key, failed, seconds = kept.get("key"), kept.get("failed"), kept.get("seconds")
    if not isinstance(key, list) or not key or not all(isinstance(part, str) for part in key):
        return None
    if not isinstance(failed, int) or isinstance(failed, bool) or not isinstance(seconds, int | float):
        return None
    return tuple(key), Mute(failed, float(seconds))
