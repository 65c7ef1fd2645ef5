"""A splitter that knows whether a person has moved its handles."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QSplitter, QWidget


class Splitter(QSplitter):
    """One pixel between two panes. `name` is what its sizes are remembered by.

    Where there is no room for them side by side they can be turned, with sizes for themselves, which nobody remembers.
    """

    changed = Signal()  # a person moved a handle, or took that back

    def __init__(self, orientation: Qt.Orientation, name: str, parent: QWidget | None = None) -> None:
        super().__init__(orientation, parent)
        self.setObjectName(name)
        self.setHandleWidth(1)
        self._usual = orientation
        self._own: dict[Qt.Orientation, list[int]] = {}
        self._first: dict[Qt.Orientation, list[int]] = {}
        self.splitterMoved.connect(self._moved)

    @property
    def own_sizes(self) -> list[int]:
        """The sizes in pixels that a person chose; empty when nobody has."""
        return list(self._own.get(self._usual, ()))

    def set_first_sizes(self, sizes: list[int]) -> None:
        """Show these sizes as long as a person has not chosen others."""
        self._first[self.orientation()] = sizes
        if self.orientation() not in self._own:
            self.setSizes(sizes)

    def turn(self, is_turned: bool) -> None:
        """Put the panes the other way round, above instead of beside one another, or as usual again."""
        across = Qt.Orientation.Vertical if self._usual is Qt.Orientation.Horizontal else Qt.Orientation.Horizontal
        wanted = across if is_turned else self._usual
        if wanted is not self.orientation():
            self.setOrientation(wanted)
            self._show_sizes()

    def choose(self, sizes: object) -> None:
        """Take remembered sizes over; what cannot be sizes of these panes, and nothing, is as at first."""
        fitting = isinstance(sizes, list) and len(sizes) == self.count() and all(_is_size(each) for each in sizes)
        self._own = {self._usual: list(sizes)} if isinstance(sizes, list) and fitting and sum(sizes) else {}
        self._show_sizes()
        self.changed.emit()

    def _moved(self, *_: int) -> None:
        self._own[self.orientation()] = self.sizes()
        self.changed.emit()

    def _show_sizes(self) -> None:
        at = self.orientation()
        if sizes := self._own.get(at) or self._first.get(at):
            self.setSizes(sizes)


def _is_size(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= 20_000
