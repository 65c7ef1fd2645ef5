"""How far an operation has come, with pause and stop: the operation asks after each step whether to go on."""

from __future__ import annotations

import asyncio
import time

from jobdesk_core.operations import Progress, Rate
from PySide6.QtWidgets import QHBoxLayout, QLabel, QProgressBar, QPushButton, QVBoxLayout, QWidget

from jobdesk import formats

#: A bar has this many steps; the numbers of jobs may be larger than Qt's.
_STEPS = 1_000


class Pace(QWidget):
    """A bar, words, and the two buttons."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._going = asyncio.Event()
        self._is_stopped = False
        self._sentence = ""
        self._started = 0.0
        self._per_second = 0
        self.bar = QProgressBar()
        self.bar.setAccessibleName(self.tr("Progress"))
        self.bar.setRange(0, _STEPS)
        self.words = QLabel()
        self.words.setProperty("tone", "small")
        self.pause_button = self._button(self.tr("Pause"), self.pause)
        self.stop_button = self._button(self.tr("Stop"), self.stop)
        row = QHBoxLayout()
        row.setSpacing(8)
        row.addWidget(self.words, 1)
        row.addWidget(self.pause_button)
        row.addWidget(self.stop_button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.bar)
        layout.addLayout(row)
        self.hide()

    @property
    def is_paused(self) -> bool:
        """Whether the operation waits."""
        return not self._going.is_set()

    def start(self, sentence: str, *, can_pause: bool, rate: Rate | None = None) -> None:
        """Begin anew. `sentence` has the fields {at} and {of}."""
        self._per_second = rate.per_second if rate is not None else 0
        self._sentence, self._is_stopped, self._started = sentence, False, time.monotonic()
        self._going.set()
        self.pause_button.setText(self.tr("Pause"))
        self.pause_button.setVisible(can_pause)
        self.pause_button.setEnabled(True)
        self.stop_button.setEnabled(True)
        self.bar.setValue(0)
        self.words.setText("")
        self.show()

    async def step(self, progress: Progress) -> bool:
        """Show how far it is, wait while it is paused, and say whether to go on."""
        self.bar.setValue(_STEPS * progress.at // max(1, progress.of))
        at, of = formats.number(progress.at), formats.number(progress.of)
        words = self._sentence.format(at=at, of=of)
        if self._per_second:
            rate = formats.number(self._per_second)
            words = self.tr("{words}, at most {rate} a second").format(words=words, rate=rate)
        left_s = self._left_s(progress)
        if left_s:
            words = self.tr("{words}, some {left} left").format(words=words, left=formats.duration(left_s))
        self.words.setText(words)
        paused_at = time.monotonic()
        await self._going.wait()
        self._started += time.monotonic() - paused_at
        return not self._is_stopped

    def _left_s(self, progress: Progress) -> float:
        """By the pace so far, and never sooner than the rate allows; 0 while it cannot be told."""
        left = progress.of - progress.at
        at_most = left / self._per_second if self._per_second else 0.0
        seconds = time.monotonic() - self._started
        return max(at_most, seconds * left / max(1, progress.at) if seconds > 1 else 0.0)

    def pause(self) -> None:
        """Wait after the step under way, or go on."""
        if self._going.is_set():
            self._going.clear()
            self.pause_button.setText(self.tr("Go on"))
        else:
            self._going.set()
            self.pause_button.setText(self.tr("Pause"))

    def stop(self) -> None:
        """End after the step under way."""
        self._is_stopped = True
        self._going.set()
        self.stop_button.setEnabled(False)
        self.pause_button.setEnabled(False)

    def _button(self, text: str, clicked: object) -> QPushButton:
        button = QPushButton(text)
        button.setAutoDefault(False)
        button.clicked.connect(clicked)
        return button
