"""How far a look has come, with stop: it asks after each step whether to go on."""

from __future__ import annotations

import time

from jobdesk_core.operations import Progress
from PySide6.QtWidgets import QLabel, QProgressBar, QPushButton, QWidget

from jobdesk.kit import formats
from jobdesk.kit.layouts import in_column, in_row

#: A bar has this many steps; the numbers of jobs may be larger than Qt's.
_STEPS = 1_000


class Pace(QWidget):
    """A bar, words, and the button."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._is_stopped = False
        self._sentence = ""
        self._started = 0.0
        self.bar = QProgressBar()
        self.bar.setAccessibleName(self.tr("Progress"))
        self.bar.setRange(0, _STEPS)
        self.words = QLabel()
        self.words.setProperty("tone", "small")
        self.stop_button = QPushButton(self.tr("Stop"))
        self.stop_button.setAutoDefault(False)
        self.stop_button.clicked.connect(self.stop)
        row = in_row((self.words, 1), self.stop_button, spacing=8)
        in_column(self.bar, row, within=self, margins=0)
        self.hide()

    def start(self, sentence: str) -> None:
        """Begin anew. `sentence` has the fields {at} and {of}."""
        self._sentence, self._is_stopped, self._started = sentence, False, time.monotonic()
        self.stop_button.setEnabled(True)
        self.bar.setValue(0)
        self.words.setText("")
        self.show()

    async def step(self, progress: Progress) -> bool:
        """Show how far it is, and say whether to go on."""
        self.bar.setValue(_STEPS * progress.at // max(1, progress.of))
        words = self._sentence.format(at=formats.number(progress.at), of=formats.number(progress.of))
        left_s = self._left_s(progress)
        if left_s:
            words = self.tr("{words}, about {left} left").format(words=words, left=formats.duration(left_s))
        self.words.setText(words)
        return not self._is_stopped

    def _left_s(self, progress: Progress) -> float:
        """By the pace so far; 0 while it cannot be told."""
        seconds = time.monotonic() - self._started
        return seconds * (progress.of - progress.at) / max(1, progress.at) if seconds > 1 else 0.0

    def stop(self) -> None:
        """End after the step under way."""
        self._is_stopped = True
        self.stop_button.setEnabled(False)
