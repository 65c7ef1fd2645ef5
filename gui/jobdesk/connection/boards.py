"""Keeps the rows of queues and tasks up to date, a few milliseconds at a time: there may be 10,000 of each."""

from __future__ import annotations

from jobdesk_core.monitor import Monitor
from PySide6.QtCore import QObject, QTimer, Signal

#: Milliseconds between two looks at what has changed.
LOOK_MS = 1_000
#: Seconds of work at a time and the milliseconds between two goes, while rows are not up to date.
GO_S, BETWEEN_MS = 0.004, 6


class Boards(QObject):
    """Tells after each go that some rows have changed."""

    changed = Signal()

    def __init__(self, monitor: Monitor, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._monitor = monitor
        self._boards = (monitor.queues, monitor.tasks)
        self._looks = QTimer(self, interval=LOOK_MS)
        self._looks.timeout.connect(self._look)
        self._goes = QTimer(self, singleShot=True, interval=BETWEEN_MS)
        self._goes.timeout.connect(self._go)

    def start(self) -> None:
        """Look now, and then each second."""
        self._looks.start()
        self._look()

    def set_in_sight(self, is_in_sight: bool) -> None:
        """Rest while nobody looks."""
        if is_in_sight:
            self.start()
        else:
            self._looks.stop()

    def _look(self) -> None:
        now = self._monitor.now()
        for board in self._boards:
            board.look(now)
        self._go()

    def _go(self) -> None:
        board = next((board for board in self._boards if board.is_due), None)
        if board is not None:
            board.work(GO_S)
            self.changed.emit()
            self._goes.start()
