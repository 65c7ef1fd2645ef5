"""A bare PySide6 window and one psycopg connection, started and watched as the real window is.

`bare.py start DSN` says when it is painted and the connection has answered; `bare.py watch TICKS` notes how late its
timer comes until the standard input is closed, and has no connection.
"""

from __future__ import annotations

import sys
from pathlib import Path

from phases import Phases
from PySide6.QtCore import QTimer
from PySide6.QtGui import QPaintEvent
from PySide6.QtWidgets import QApplication, QMainWindow, QTableView

PHASES = Phases()


class Window(QMainWindow):
    """A window of the real one's size with an empty table."""

    def __init__(self) -> None:
        super().__init__()
        self.resize(1440, 900)
        self.setCentralWidget(QTableView())

    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        if self.is_starting:
            self.is_starting = False
            QTimer.singleShot(0, _painted)

    is_starting = False


def _painted() -> None:
    PHASES.over("page")
    PHASES.tell()
    QApplication.quit()


def start(dsn: str) -> int:
    """Connect, ask once, show the window."""
    import psycopg

    PHASES.over("imports")
    app = QApplication(sys.argv[:1])
    window = Window()
    PHASES.over("window")
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("SELECT 1")
        PHASES.over("connection")
        window.is_starting = True
        window.show()
        return app.exec()


def watch(ticks: Path) -> int:
    """Show the window and note its timer's lateness."""
    from probe import Lateness, say, when_told_to_end

    app = QApplication(sys.argv[:1])
    window = Window()
    window.show()
    lateness = Lateness(window)
    when_told_to_end(window, app.quit)
    say("ready")
    code = app.exec()
    lateness.write(ticks)
    return code


if __name__ == "__main__":
    sys.exit(start(sys.argv[2]) if sys.argv[1] == "start" else watch(Path(sys.argv[2])))
