"""Above the board: all, what needs attention, or production; a field to find a database; how often they are asked."""

from __future__ import annotations

from collections.abc import Sequence

from jobdesk_core.watching.member import Member
from PySide6.QtCore import Signal
from PySide6.QtWidgets import QComboBox, QFrame, QLabel, QLineEdit, QPushButton, QWidget

from jobdesk.fleet.board import INTERVALS_S
from jobdesk.fleet.summary import WANTED, Wanted
from jobdesk.kit import formats
from jobdesk.kit.areas import toolbar_row
from jobdesk.kit.growing import keep_sizes
from jobdesk.kit.segmented import Segmented
from jobdesk.kit.theme.icons import icon

_SEGMENTS: tuple[Wanted, ...] = ("all", "attention", "production")


class FleetToolbar(QFrame):
    """Knows which databases are wanted."""

    changed = Signal()
    add_asked_for = Signal()
    interval_chosen = Signal(float)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.wanted: Wanted = "all"
        self.choice = Segmented(("", "", ""))
        self.choice.changed.connect(lambda place: self.want(_SEGMENTS[place]))
        self.narrowed = QPushButton()
        self.narrowed.setObjectName("link")
        self.narrowed.clicked.connect(lambda: self.want("all"))
        self.search = QLineEdit()
        self.search.setPlaceholderText(self.tr("Find a database"))
        self.search.setAccessibleName(self.tr("Find a database"))
        self.search.addAction(icon("search", "secondary"), QLineEdit.ActionPosition.LeadingPosition)
        self.search.setClearButtonEnabled(True)
        self.search.textChanged.connect(lambda _: self.changed.emit())
        keep_sizes(self.search, least_width=90, most_width=170)
        self.order = QLabel(self.tr("worst first"))
        self.order.setProperty("tone", "secondary")
        self.interval = QComboBox()
        self.interval.setAccessibleName(self.tr("How often each database is asked"))
        self.interval.setToolTip(self.tr("How often each database is asked"))
        for seconds in INTERVALS_S:
            self.interval.addItem(self.tr("every {seconds} s").format(seconds=f"{seconds:g}"), seconds)
        self.interval.activated.connect(lambda place: self.interval_chosen.emit(self.interval.itemData(place)))
        self.add = QPushButton(self.tr("Add"))
        self.add.setIcon(icon("plus", "secondary"))
        self.add.setAccessibleName(self.tr("Add a connection"))
        self.add.clicked.connect(self.add_asked_for)
        row = toolbar_row(self)
        left: tuple[QWidget, ...] = (self.choice, self.search, self.narrowed)
        right: tuple[QWidget, ...] = (self.order, self.interval, self.add)
        for part in left:
            row.addWidget(part)
        row.addStretch(1)
        for part in right:
            row.addWidget(part)
        self.show_members(())

    def show_interval(self, seconds: float) -> None:
        """Mark this one."""
        self.interval.setCurrentIndex(max(0, self.interval.findData(seconds)))

    def show_members(self, members: Sequence[Member]) -> None:
        """Tell how many there are of each."""
        names = (self.tr("All"), self.tr("Attention"), self.tr("Production"))
        counts = [sum(map(WANTED[key], members)) for key in _SEGMENTS]
        self.choice.set_texts([f"{name} {formats.number(n)}" for name, n in zip(names, counts, strict=True)])
        told = {
            "unreachable": self.tr("only unreachable"),
            "troubled": self.tr("only what needs attention"),
            "due": self.tr("only with due jobs"),
            "failing": self.tr("only failing"),
            "workers": self.tr("only with unresponsive workers"),
            "stalled": self.tr("only with stalled jobs"),
        }
        self.narrowed.setVisible(self.wanted in told)
        self.narrowed.setText(self.tr("{what}: show all").format(what=told.get(self.wanted, "")))

    def want(self, wanted: Wanted) -> None:
        """Show these databases."""
        if wanted == self.wanted:
            return
        self.wanted = wanted
        if wanted in _SEGMENTS:
            self.choice.choose(_SEGMENTS.index(wanted))
        self.changed.emit()

    def is_wanted(self, member: Member) -> bool:
        """Whether a database is one of them, and has the words that are sought."""
        profile = member.profile
        tags = [f"#{tag}" for tag in profile.tags]
        text = " ".join((profile.name, profile.folder, profile.environment, *tags)).casefold()
        return WANTED[self.wanted](member) and all(word in text for word in self.search.text().casefold().split())
