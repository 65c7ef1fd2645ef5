"""The quiet hours: from when to when, and on which days."""

from __future__ import annotations

import datetime as dt
import re

from jobdesk_core.alerts.quiet import DAYS, QuietHours
from PySide6.QtCore import Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QLineEdit, QPushButton, QVBoxLayout, QWidget

from jobdesk.kit.dress import dress
from jobdesk.kit.growing import keep_sizes
from jobdesk.kit.labels import caption, plain_label


class QuietBox(QFrame):
    """`changed` has the hours that are to be."""

    changed = Signal(object)  # QuietHours

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("alertCard")
        self.start, self.end = _clock(self.tr("Quiet from")), _clock(self.tr("Quiet to"))
        self.days: dict[str, QPushButton] = {}
        row = QHBoxLayout()
        row.setSpacing(6)
        row.addWidget(self.start)
        row.addWidget(QLabel(self.tr("to")))
        row.addWidget(self.end)
        row.addSpacing(8)
        short = self.tr("Mo Tu We Th Fr Sa Su").split()
        names = self.tr("Monday Tuesday Wednesday Thursday Friday Saturday Sunday").split()
        for place, (day, text) in enumerate(zip(DAYS, short, strict=True)):
            button = QPushButton(text)
            button.setObjectName("segment")
            button.setProperty("place", "first" if not place else "last" if place == 6 else "middle")
            button.setProperty("narrow", True)
            button.setCheckable(True)
            button.setAccessibleName(self.tr("Quiet from {day} on").format(day=names[place]))
            button.clicked.connect(self._tell)
            self.days[day] = button
        days = QHBoxLayout()
        days.setSpacing(0)
        for button in self.days.values():
            days.addWidget(button)
        row.addLayout(days)
        row.addStretch()
        self.note = plain_label("secondary")
        column = QVBoxLayout(self)
        column.setContentsMargins(16, 0, 16, 12)
        column.setSpacing(4)
        column.addWidget(caption(self.tr("QUIET HOURS")))
        column.addLayout(row)
        column.addWidget(self.note)
        for edit in (self.start, self.end):
            edit.editingFinished.connect(self._tell)
        self._shown: QuietHours | None = None

    def show_hours(self, hours: QuietHours) -> None:
        """Show these, unless somebody is typing."""
        if hours != self._shown and not (self.start.hasFocus() or self.end.hasFocus()):
            self._shown = hours
            self.start.setText(f"{hours.start:%H:%M}")
            self.end.setText(f"{hours.end:%H:%M}")
            for day, button in self.days.items():
                button.setChecked(day in hours.days)
        is_on = any(button.isChecked() for button in self.days.values())
        quiet = self.tr("Then only the rules marked “also in quiet hours” tell you; the rest is here in the morning.")
        self.note.setText(quiet if is_on else self.tr("None, as no day is chosen."))

    def _tell(self) -> None:
        start, end = (_time_of(edit) for edit in (self.start, self.end))
        for edit, time in ((self.start, start), (self.end, end)):
            dress(edit, problem=time is None)
        if start is None or end is None:
            self.note.setText(self.tr("A time is written as 23:00."))
            return
        hours = QuietHours(start, end, frozenset(day for day, button in self.days.items() if button.isChecked()))
        if hours != self._shown:
            self._shown = hours
            self.changed.emit(hours)
            self.show_hours(hours)


def _clock(name: str) -> QLineEdit:
    edit = QLineEdit()
    edit.setMaxLength(5)
    edit.setAccessibleName(name)
    keep_sizes(edit, width=64)
    return edit


def _time_of(edit: QLineEdit) -> dt.time | None:
    typed = re.fullmatch(r"(\d\d?)(?::(\d\d))?", edit.text().strip())
    try:
        return dt.time(int(typed[1]), int(typed[2] or 0)) if typed is not None else None
    except ValueError:
        return None
