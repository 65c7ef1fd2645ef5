"""The Journal's search: a text, and what is chosen from."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from jobdesk_core.journal import Search
from PySide6.QtCore import QTimer, Signal
from PySide6.QtWidgets import QComboBox, QLineEdit, QPushButton, QWidget

from jobdesk.kit.areas import toolbar_row
from jobdesk.kit.core_words import translated
from jobdesk.kit.growing import keep_sizes
from jobdesk.kit.one_line import OneLine
from jobdesk.kit.theme.tokens import Look

#: How long typing rests before it is looked for, in milliseconds.
TYPING_MS = 250
OUTCOMES = ("done", "skipped", "refused", "unknown", "not reached", "rolled back")


class JournalToolbar(QWidget):
    """`changed` when something else is looked for."""

    changed = Signal()
    export_asked_for = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.text = QLineEdit()
        self.text.setPlaceholderText(self.tr("Search the journal"))
        self.text.setAccessibleName(self.tr("Find in the journal"))
        self.text.setClearButtonEnabled(True)
        keep_sizes(self.text, least_width=110, most_width=280)
        self.action = _choice(self.tr("any action"), self.tr("Action"))
        self.profile = _choice(self.tr("any profile"), self.tr("Profile"))
        self.outcome = _choice(self.tr("any outcome"), self.tr("Outcome"))
        for outcome in OUTCOMES:
            self.outcome.addItem(translated(outcome), outcome)
        self.time = _choice(self.tr("any time"), self.tr("Time"))
        for label, hours in ((self.tr("last hour"), 1), (self.tr("last day"), 24), (self.tr("last week"), 168)):
            self.time.addItem(label, hours)
        self._note = OneLine("secondary", is_right=True)
        self.export = QPushButton(self.tr("Export…"))
        self.export.clicked.connect(self.export_asked_for)
        self._typing = QTimer(self)
        self._typing.setSingleShot(True)
        self._typing.setInterval(TYPING_MS)
        self._typing.timeout.connect(self.changed)
        self.text.textChanged.connect(lambda _: self._typing.start())
        row = toolbar_row(self)
        row.addWidget(self.text, 1)
        for box in (self.action, self.profile, self.outcome, self.time):
            box.currentIndexChanged.connect(lambda _: self.changed.emit())
            row.addWidget(box)
        row.addWidget(self._note, 1)
        row.addWidget(self.export)

    def clear(self) -> None:
        """Look for everything."""
        self.text.clear()
        for box in (self.action, self.profile, self.outcome, self.time):
            box.setCurrentIndex(0)

    def search(self) -> Search:
        """What is looked for."""
        hours = self.time.currentData()
        since = dt.datetime.now(dt.UTC) - dt.timedelta(hours=hours) if hours else None
        return Search(
            text=self.text.text().strip(),
            action=self.action.currentData() or "",
            profile=self.profile.currentData() or "",
            outcome=self.outcome.currentData() or "",
            since=since,
        )

    def offer(self, actions: Sequence[str], profiles: Sequence[str]) -> None:
        """Offer the actions and the profiles that the journal holds."""
        for box, names in ((self.action, actions), (self.profile, profiles)):
            held = [box.itemData(position) for position in range(1, box.count())]
            for name in names:
                if name not in held:
                    box.addItem(name if len(name) <= 40 else f"{name[:40]}…", name)

    @property
    def note(self) -> str:
        """How many were found, or what is wrong; empty until the journal was read."""
        return self._note.whole

    def show_note(self, text: str, tone: Look) -> None:
        """Say how many were found, or what is wrong."""
        self._note.set_tone(tone)
        self._note.set_whole(text)


def _choice(all_of_them: str, name: str) -> QComboBox:
    box = QComboBox()
    box.addItem(all_of_them, "")
    box.setAccessibleName(name)
    box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
    box.setMinimumContentsLength(8)
    box.setMinimumWidth(70)  # in a narrow window it gives way
    return box
