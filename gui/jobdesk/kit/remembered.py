"""A small choice of a page that is remembered for each connection."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import QObject, Signal


class Remembered(QObject):
    """Found in a page by its object name. Its owner calls `keep` when a person has chosen, and follows `chosen`."""

    changed = Signal()  # a person has chosen
    chosen = Signal(dict)  # what was remembered is back

    def __init__(self, name: str, parent: QObject) -> None:
        super().__init__(parent)
        self.setObjectName(name)
        self._choice: dict[str, Any] = {}

    def choice(self) -> dict[str, Any]:
        """What is chosen, of what JSON knows."""
        return self._choice

    def keep(self, **choice: Any) -> None:
        """A person has chosen this."""
        if choice != self._choice:
            self._choice = choice
            self.changed.emit()

    def choose(self, kept: object) -> None:
        """Take over what was remembered. Its owner judges each value: the file may hold anything."""
        self._choice = kept if isinstance(kept, dict) else {}
        self.chosen.emit(self._choice)
