"""The chips above the list: one queue or all, and what the list is narrowed down to. They go into further lines."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QPushButton, QSizePolicy, QWidget

from jobdesk.failures.rows import Only
from jobdesk.kit import formats
from jobdesk.kit.flow import Flow
from jobdesk.kit.growing import keep_sizes
from jobdesk.kit.text_block import as_tooltip

#: Queues that have a chip each, those with most failures; and characters of a name on it.
MOST_QUEUES, LONGEST_NAME = 8, 28


class Chips(QWidget):
    """`queue_chosen` with a queue's name or None for all; `narrowed` when the choice of `only` is another."""

    queue_chosen = Signal(object)  # str | None
    narrowed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("pane", True)
        self._flow = Flow(self, margin_x=12, margin_y=6)
        self._queues: list[str | None] = []
        self._queue_chips: dict[str | None, QPushButton] = {}
        self.only_chips: dict[Only, QPushButton] = {}
        self.queue: str | None = None
        for each in Only:
            chip = _chip()
            chip.toggled.connect(lambda _: self.narrowed.emit())
            self.only_chips[each] = chip
        self._lay([])
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def only(self) -> set[Only]:
        """What the list is narrowed down to."""
        return {each for each, chip in self.only_chips.items() if chip.isChecked() and not chip.isHidden()}

    def clear(self) -> None:
        """All queues, and nothing left out; nobody is told."""
        self.queue = None
        for chip in self.only_chips.values():
            chip.blockSignals(True)
            chip.setChecked(False)
            chip.blockSignals(False)

    def show_queues(self, counts: Sequence[tuple[str, int]], failed: int) -> None:
        """Show the failures of all queues and of those with most."""
        names = [name for name, _ in counts[:MOST_QUEUES]]
        if self.queue is not None and self.queue not in names:
            names.append(self.queue)
        wanted: list[str | None] = [None, *names]
        if wanted != self._queues:
            self._lay(wanted)
        known = dict(counts)
        for name, chip in self._queue_chips.items():
            text = self.tr("all queues") if name is None else formats.visible(_short(name))
            count = failed if name is None else known.get(name, 0)
            chip.setText(f"{text} {formats.number(count)}".replace("&", "&&"))
            chip.setToolTip("" if name is None or len(name) <= LONGEST_NAME else as_tooltip(name[:1_000]))
            chip.setChecked(name == self.queue)
        self._fit()

    def show_only(self, texts: dict[Only, str]) -> None:
        """Say how many there are of each; what is not named is not offered."""
        for each, chip in self.only_chips.items():
            chip.setVisible(each in texts)
            chip.setText(texts.get(each, ""))
        self._fit()

    def hasHeightForWidth(self) -> bool:
        return True

    def heightForWidth(self, width: int) -> int:
        return self._flow.heightForWidth(width)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit()

    def _fit(self) -> None:
        """Be as high as the lines of chips at this width."""
        self._flow.invalidate()
        self.setFixedHeight(max(1, self._flow.heightForWidth(self.width())))

    def _choose(self, name: str | None) -> None:
        self.queue = name
        for each, chip in self._queue_chips.items():
            chip.setChecked(each == name)
        self.queue_chosen.emit(name)

    def _lay(self, names: list[str | None]) -> None:
        focused = next((name for name, chip in self._queue_chips.items() if chip.hasFocus()), "")
        while self._flow.count():
            self._flow.takeAt(0)
        for chip in self._queue_chips.values():
            chip.hide()
            chip.deleteLater()
        self._queues, self._queue_chips = names, {}
        for name in names:
            chip = _chip()
            chip.clicked.connect(lambda _=False, name=name: self._choose(name))
            self._queue_chips[name] = chip
            self._flow.addWidget(chip)
        for chip in self.only_chips.values():
            self._flow.addWidget(chip)
        if focused in self._queue_chips:
            self._queue_chips[focused].setFocus()
        self._flow.activate()


def _chip() -> QPushButton:
    chip = QPushButton()
    chip.setObjectName("choiceChip")
    chip.setCheckable(True)
    chip.setAutoDefault(False)
    chip.setFocusPolicy(Qt.FocusPolicy.TabFocus)
    keep_sizes(chip, least_height=24)
    return chip


def _short(name: str) -> str:
    return name if len(name) <= LONGEST_NAME else f"{name[:LONGEST_NAME]}…"
