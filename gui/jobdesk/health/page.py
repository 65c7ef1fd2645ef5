"""The Health page: jobs by status and age, tables and indexes at the left, and beside them what to do about it.

It reads when it is shown for the first time, and when somebody asks; it is not live, and says when it was read.
"""

from __future__ import annotations

from collections import Counter

from jobdesk_core.health import Health, bytes_text
from jobdesk_core.number import estimated, exact
from PySide6.QtCore import Qt
from PySide6.QtGui import QResizeEvent, QShowEvent
from PySide6.QtWidgets import QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from jobdesk.connection.desk import Desk
from jobdesk.connection.page import Page
from jobdesk.health.reading import HealthReading, faults
from jobdesk.health.side import HealthSide
from jobdesk.health.tables import AgesTable, IndexesTable, TablesTable
from jobdesk.kit import formats
from jobdesk.kit.actions import Actions
from jobdesk.kit.areas import side_area, split, stacked, toolbar_row
from jobdesk.kit.following import follow
from jobdesk.kit.one_line import OneLine
from jobdesk.kit.theme import theme

SIDE_WIDTH = 372
#: Narrower, the side stands below the facts.
NARROW_WIDTH = 860


class HealthPage(Page):
    """Reads while it is shown only."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("page")
        self._desk: Desk | None = None
        self.reading = HealthReading(self)
        self.ages, self.tables, self.indexes = AgesTable(), TablesTable(), IndexesTable()
        self._notes = {table: OneLine("secondary") for table in (self.ages, self.tables, self.indexes)}
        self.note = OneLine("secondary")
        self.side = HealthSide()
        self.again = QPushButton(self.tr("Refresh"))
        self.again.setAutoDefault(False)
        self._place()
        self.reading.changed.connect(self._show)
        self.reading.failed.connect(self.failed)
        self.side.filter_asked_for.connect(self.filter_asked_for)
        self.side.told.connect(self.told)
        self.side.retention.changed.connect(self._show_ages)
        theme().changed.connect(self._fit)

    # What the window asks

    @property
    def found(self) -> Health | None:
        """What was read last."""
        return self.reading.found

    def show_desk(self, desk: Desk | None) -> None:
        """Show another connection's tables, or none."""
        self._desk = desk
        self.reading.forget()
        self._read_first()

    def set_actions(self, actions: Actions) -> None:
        """Let the buttons do what the actions do."""
        self.side.set_actions(actions)
        follow(self.again, actions["health.read"])
        self.again.setIcon(actions["health.read"].icon())

    def read_again(self) -> None:
        """Read all of it anew."""
        if self._desk is not None and self.isVisible() and self._desk.state.mode != "stale":
            self.reading.read(self._desk)

    def retell(self) -> None:
        """Moments are told in another zone."""
        self._show()

    def refresh(self) -> None:
        """Say so while the link is lost; read once it is there."""
        self._read_first()
        if self._is_better_known():
            self.read_again()
        self._show_note()

    def _is_better_known(self) -> bool:
        """Whether the feed has counted all jobs since: then the number of each status is exact."""
        found = self.found
        if self._desk is None or found is None or not found.is_whole or found.totals is not None:
            return False
        is_estimated = found.ages is not None and not found.ages.is_exact
        return is_estimated and not self.reading.is_reading and self._desk.monitor.counts.is_exact

    def _read_first(self) -> None:
        if self.found is None and not self.reading.is_reading and not self.reading.problem:
            self.read_again()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._read_first()

    # Showing

    def _show(self) -> None:
        found = self.found
        self._show_ages()
        self.tables.show_health(found)
        self.indexes.show_health(found)
        self.side.show_health(found)
        self._notes[self.ages].set_whole(self._ages_note(found))
        self._notes[self.tables].set_whole(found.troubles.get("statistics", "") if found is not None else "")
        self._notes[self.indexes].set_whole(self._indexes_note(found))
        self._show_note()
        if self._desk is not None and found is not None:
            self._desk.advised = faults(found)

    def _ages_note(self, found: Health | None) -> str:
        if found is None:
            return ""
        if "ages" in found.troubles or "catalog" in found.troubles:
            return found.troubles.get("ages") or found.troubles["catalog"]
        if found.ages is None or found.total_bytes is None:
            return self.tr("reading …")
        rows = found.ages.whole(None)
        count = formats.count((exact if rows.is_exact else estimated)(round(rows.rows)))
        one, many = self.tr("1 job; {size} with its events"), self.tr("{count} jobs; {size} with their events")
        text = one if round(rows.rows) == 1 else many
        return text.format(count=count, size=bytes_text(found.total_bytes))

    def _indexes_note(self, found: Health | None) -> str:
        if found is None or found.drift is None:
            return ""
        numbers: Counter[str] = Counter(line.state for line in found.drift.indexes)
        words = {
            "known": self.tr("{count} known"),
            "missing": self.tr("{count} missing"),
            "extra": self.tr("{count} extra"),
            "altered": self.tr("{count} altered"),
        }
        return ", ".join(text.format(count=numbers[state]) for state, text in words.items() if numbers[state])

    def _show_ages(self) -> None:
        self.ages.show_health(self.found, self.side.retention.days, self.side.retention.statuses)

    def _show_note(self) -> None:
        found, tone = self.found, "secondary"
        parts = []
        if found is not None:
            parts.append(self.tr("schema {name}").format(name=found.capabilities.schema))
            if found.read_at is not None:
                parts.append(self.tr("read {time}").format(time=formats.local(found.read_at)))
            if found.ages is not None and not found.ages.is_exact:
                parts.append(self.tr("sizes from the server, rows by age estimated"))
        if self.reading.is_reading:
            parts.append(self.tr("reading …"))
        if self._desk is not None and self._desk.state.mode == "stale":
            parts.append(self.tr("the link to the database is lost: what you see is older"))
            tone = "warning"
        elif self.reading.problem:
            parts.append(self.reading.problem)
            tone = "warning"
        self.note.set_tone("warning" if tone == "warning" else "secondary")
        self.note.set_whole(" · ".join(parts))

    # Placing

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit()

    def _fit(self) -> None:
        is_narrow = self.width() < theme().grown(NARROW_WIDTH)
        self._across.turn(is_narrow)
        if is_narrow:
            self._across.set_first_sizes([round(self.height() * part) for part in (0.58, 0.42)])

    def _place(self) -> None:
        facts = QWidget()
        facts.setObjectName("panel")
        column = QVBoxLayout(facts)
        column.setContentsMargins(0, 0, 0, 12)
        column.setSpacing(0)
        titles = (self.tr("Jobs by status and age"), self.tr("Tables"), self.tr("Indexes"))
        for title, (table, note) in zip(titles, self._notes.items(), strict=True):
            column.addWidget(_heading(title, note))
            column.addWidget(table)
        column.addStretch()
        left = stacked(self._toolbar(), side_area(facts, self.tr("How the tables fare"), 320))
        side = side_area(self.side, self.tr("What to do"), SIDE_WIDTH - 80)
        self._across = split(Qt.Orientation.Horizontal, "health-side", left, side, [900, SIDE_WIDTH])
        stacked(self._across, within=self)

    def _toolbar(self) -> QWidget:
        bar = QWidget()
        row = toolbar_row(bar, 12)
        title = QLabel(self.tr("Health"))
        title.setProperty("strong", "true")
        row.addWidget(title)
        row.addWidget(self.note, 1)
        row.addWidget(self.again)
        return bar


def _heading(title: str, note: OneLine) -> QWidget:
    made = QWidget()
    row = QHBoxLayout(made)
    row.setContentsMargins(12, 10, 12, 4)
    row.setSpacing(8)
    label = QLabel(title)
    label.setProperty("strong", "true")
    row.addWidget(label)
    row.addWidget(note, 1)
    return made
