"""The line at the foot of the window: how much is on show, how fresh it is, the release and the rights."""

from __future__ import annotations

from jobdesk_core.clock import IN_SIGHT_S
from PySide6.QtCore import QEvent, Qt, QTimer
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QFrame, QLabel, QProgressBar, QPushButton, QWidget

from jobdesk.acting.chip import ActChip
from jobdesk.connection.desk import Desk
from jobdesk.kit import formats
from jobdesk.kit.layouts import STRETCH, in_row
from jobdesk.kit.work import under_way
from jobdesk.staging.commands import StagedCommands

#: What takes longer is told, in seconds, and milliseconds between two looks at it.
LONG_S, LOOK_MS = 0.5, 200


class SteadyLabel(QLabel):
    """A line of text. One as wide as before lays nothing out anew: a time that goes on would do so each second."""

    def setText(self, text: str) -> None:
        """Override QLabel.setText."""
        super().setText(text)
        self._fit()

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() in (QEvent.Type.FontChange, QEvent.Type.StyleChange):
            self._fit()

    def _fit(self) -> None:
        wanted = self.fontMetrics().size(Qt.TextFlag.TextSingleLine, self.text())  # its hint would never shrink
        if wanted != self.minimumSize():
            self.setFixedSize(wanted)  # a label of a fixed size tells no layout of its text


class Footer(QFrame):
    """A sentence about the page at the left, what takes long, and a sentence about the database at the right."""

    def __init__(self, staged: StagedCommands, show: QAction, acts: ActChip, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._staged = staged
        #: How many changes are staged, and the way to them; hidden when there are none.
        self.staged = QPushButton()
        self.staged.setObjectName("link")
        self.staged.clicked.connect(show.trigger)
        staged.changes.changed.connect(self._show_staged)
        self.setObjectName("footer")
        self._left, self._right = SteadyLabel(), SteadyLabel()
        self.progress = QProgressBar()
        self.progress.setRange(0, 0)
        self.progress.setFixedWidth(80)
        self.progress.setAccessibleName(self.tr("Something is in progress"))
        self.doing = QLabel()
        self.stop = QPushButton(self.tr("Stop"))
        self.stop.setObjectName("link")
        self.stop.clicked.connect(self._stop_it)
        row = in_row(
            self._left, STRETCH, self.progress, self.doing, self.stop, acts, within=self, margins=(12, 0, 12, 0)
        )
        row.addSpacing(8)
        row.addWidget(self._right)
        row.addWidget(self.staged)
        self._show_staged()
        self._clock = QTimer(self)
        self._clock.timeout.connect(self._look)
        self._clock.start(LOOK_MS)
        self._look()

    @property
    def about_database(self) -> str:
        """The sentence about the database."""
        return self._right.text()

    def _look(self) -> None:
        told = under_way(LONG_S)
        for part in (self.progress, self.doing, self.stop):
            part.setVisible(told is not None)
        if told is not None:
            self.doing.setText(told[0])
            self.stop.setAccessibleName(self.tr("Stop: {what}").format(what=told[0]))

    def _stop_it(self) -> None:
        told = under_way(LONG_S)
        if told is not None:
            told[1]()
        self._look()

    def show_desk(self, desk: Desk | None, footnote: str | None = None) -> None:
        """Show a page's own footnote, or else how far the feed has read; nothing without a desk."""
        if desk is None:
            self._left.setText("")
            self._right.setText("")
            return
        self._left.setText(footnote if footnote is not None else self._freshness(desk))
        able = desk.capabilities
        rights = self.tr("full access") if able.rights.is_complete else self.tr("limited access")
        if desk.profile.is_read_only:
            rights = self.tr("unlocked for one act") if desk.access.is_unlocked else self.tr("read-only")
        if able.is_standby:
            rights = self.tr("read-only standby")
        text = self.tr("schema {release} · {rights}").format(release=able.release, rights=rights)
        if self._right.toolTip() != (able.strangeness or ""):
            self._right.setToolTip(able.strangeness or "")
        if (clock := desk.connector.clock).differs_by(IN_SIGHT_S):
            text = f"{clock.difference().rstrip('.')} · {text}"
        self._right.setText(self.tr("times in UTC · {rest}").format(rest=text) if formats.shows_utc() else text)

    def show_note(self, left: str, right: str) -> None:
        """Show these instead, where what is on show belongs to no connection."""
        self._left.setText(left)
        self._right.setToolTip("")
        self._right.setText(right)

    def _show_staged(self) -> None:
        count = len(self._staged.current.entries)
        self.staged.setVisible(bool(count))
        one, many = self.tr("1 change staged"), self.tr("{count} changes staged")
        self.staged.setText(one if count == 1 else many.format(count=formats.number(count)))

    def _freshness(self, desk: Desk) -> str:
        counts = desk.monitor.counts
        if counts.as_of is None:
            return self.tr("reading …")
        if counts.is_exact:
            return self.tr("counts exact as of {time}").format(time=formats.local(counts.as_of))
        _, worth = formats.count_worth(counts.number(0))
        return self.tr("counts {worth}, counting …").format(worth=worth)
