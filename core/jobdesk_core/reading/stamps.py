"""Which names have changed since someone last asked; several may ask, each with the stamp of its last answer."""

from __future__ import annotations


class Stamps:
    """An answer costs what has changed since, not what there is."""

    def __init__(self) -> None:
        self._stamp_of: dict[str, int] = {}  # the latest last
        self._latest = 0

    def touch(self, name: str) -> None:
        """This name has just changed."""
        self._latest += 1
        self._stamp_of.pop(name, None)
        self._stamp_of[name] = self._latest

    def since(self, stamp: int) -> tuple[set[str], int]:
        """The names that have changed since (0: ever), and the stamp to ask with the next time."""
        found: set[str] = set()
        for name, its_stamp in reversed(self._stamp_of.items()):
            if its_stamp <= stamp:
                break
            found.add(name)
        return found, self._latest
