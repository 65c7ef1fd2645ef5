"""The wall: the fleet, and one database after the other, over the whole screen, to be read from across the room.

Nothing can be done here but to look, to turn to the next face, and to leave.
"""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Sequence

from jobdesk_core.watching.member import Member, worst_first
from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtGui import QCloseEvent, QHideEvent, QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QShowEvent
from PySide6.QtWidgets import QWidget

from jobdesk.fleet.board import FleetBoard
from jobdesk.kit import formats
from jobdesk.kit.theme import theme
from jobdesk.window.awake import Awake
from jobdesk.window.wall_faces import database_face, fleet_face, foot

#: Milliseconds for which each face is shown, and between two looks.
TURN_MS, LOOK_MS = 20_000, 1_000
#: Seconds for which it is said how to leave: at first, and when the mouse is moved.
HINT_S = 8.0
#: Databases that have a face of their own: the worst.
MOST_FACES = 8
_NEXT = (Qt.Key.Key_Right, Qt.Key.Key_Space, Qt.Key.Key_PageDown, Qt.Key.Key_Down)
_LEAVE = (Qt.Key.Key_Escape, Qt.Key.Key_Q)


class Wall(QWidget):
    """Follows the board as long as it is on show."""

    left = Signal()

    def __init__(self, board: FleetBoard) -> None:
        super().__init__()
        self.setWindowTitle(self.tr("Wall – Jobdesk"))
        self.setAccessibleName(self.tr("Wall"))
        self.setCursor(Qt.CursorShape.BlankCursor)
        self.resize(1280, 720)
        self._board = board
        self._place, self._round = 0, list[str]()
        self._awake = Awake()
        self._hinted_at = time.monotonic()
        self.setMouseTracking(True)
        self._turning = QTimer(self, interval=TURN_MS)
        self._turning.timeout.connect(self.turn)
        self._looking = QTimer(self, interval=LOOK_MS)
        self._looking.timeout.connect(self.look)
        theme().changed.connect(self.update)

    @property
    def faces(self) -> list[str]:
        """What is shown one after the other: empty for the fleet, and the names of the databases.

        In the order of when the round began: one that gets better or worse is neither left out nor shown twice.
        """
        if not self._place:
            return self._worst()
        return [name for name in self._round if not name or self._board.member(name) is not None]

    def _worst(self) -> list[str]:
        members = self._board.members
        if len(members) == 1:
            return [members[0].name]
        return ["", *(member.name for member in worst_first(members)[:MOST_FACES])]

    @property
    def face(self) -> str:
        """The one on show."""
        faces = self.faces
        return faces[self._place % len(faces)] if faces else ""

    def turn(self) -> None:
        """Show the next face."""
        if not self._place:
            self._round = self._worst()
        self._place = (self._place + 1) % max(1, len(self.faces))
        self._turning.start()
        self.look()

    def look(self) -> None:
        """Show what is known now."""
        self._board.read_profiles()
        self.setAccessibleDescription(self.face or self.tr("all databases"))
        self.update()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in _LEAVE:
            self.close()
        elif event.key() in _NEXT:
            self.turn()
        else:
            super().keyPressEvent(event)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        super().mouseMoveEvent(event)
        self._hinted_at = time.monotonic()
        self.update()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._hinted_at = time.monotonic()
        self._board.set_seen_by(self, True)
        self._awake.begin()
        self._turning.start()
        self._looking.start()

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        self._board.set_seen_by(self, False)
        self._awake.end()
        self._turning.stop()
        self._looking.stop()

    def closeEvent(self, event: QCloseEvent) -> None:
        super().closeEvent(event)
        self.left.emit()

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.fillRect(self.rect(), theme().tokens.colour("background"))
        # As on a screen of 1920 by 1080: every size is of that.
        scale = min(self.width() / 1920, self.height() / 1080)
        painter.translate((self.width() - 1920 * scale) / 2, (self.height() - 1080 * scale) / 2)
        painter.scale(scale, scale)
        members, face = self._board.members, self.face
        member = self._board.member(face)
        clock = formats.time_of_day(dt.datetime.now(dt.UTC))
        if member is not None:
            database_face(painter, member, clock)
        else:
            fleet_face(painter, members, self._board.totals, self._board.problem, clock)
        foot(painter, self._told(members), self._tone(members), self.faces.index(face), len(self.faces))
        painter.end()

    def _ages(self, members: Sequence[Member]) -> list[float]:
        now = time.monotonic()
        ages = [member.age_s(now) for member in members if member.is_answering]
        return [age for age in ages if age is not None]

    @property
    def _is_hinting(self) -> bool:
        return time.monotonic() - self._hinted_at < HINT_S

    def _told(self, members: Sequence[Member]) -> str:
        if self._is_hinting:
            return self.tr("Esc leaves, Space shows the next.")
        ages = self._ages(members)
        if not ages:
            is_known = any(member.state != "connecting" for member in members)
            return self.tr("No database answers.") if is_known else ""
        return self.tr("data at most {seconds} s old").format(seconds=f"{max(ages):.0f}")

    def _tone(self, members: Sequence[Member]) -> str:
        ages = self._ages(members)
        if self._is_hinting or all(member.state == "connecting" for member in members):
            return "secondary"
        late_s = max(ages, default=0.0) - self._board.interval_s
        return "bad" if late_s > 30 or not ages else "warning" if late_s > 10 else "secondary"
