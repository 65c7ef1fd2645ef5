"""What a profile says besides where it leads: its role, its connections, and what it is made with in the end."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from jobdesk_core.profiles import Profile
from jobdesk_core.profiles.forms import as_address, as_variables, as_words, named_by
from jobdesk_core.profiles.origins import settings_of
from jobdesk_core.profiles.pool import LIMITS, Pool
from PySide6.QtGui import QGuiApplication, QShowEvent
from PySide6.QtWidgets import (
    QCheckBox,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QScrollArea,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from jobdesk.kit.dialog_frame import field, note
from jobdesk.kit.fields import FieldList
from jobdesk.kit.layouts import STRETCH, in_column, in_row


class MoreSettings(QWidget):
    """A role, four numbers, a switch, and a table that is read anew whenever this comes into sight."""

    def __init__(self, typed: Callable[[], Profile], knows_password: Callable[[], bool]) -> None:
        super().__init__()
        self._typed, self._knows_password = typed, knows_password
        self.role = QLineEdit()
        self.role.setPlaceholderText(self.tr("as signed in"))
        self.most = self._number("size", self.tr(" connections"))
        self.timeout = self._number("timeout_s", self.tr(" s"))
        self.lifetime = self._number("lifetime_s", self.tr(" s"))
        self.idle = self._number("idle_s", self.tr(" s"))
        self.resolved = FieldList()
        self._says = note("secondary")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(12)
        says = note()
        says.setText(self.tr("Every transaction is done as this role, also one that only reads, also behind a pooler."))
        layout.addLayout(field(self.tr("Role to take on (SET LOCAL ROLE)"), self.role, says))
        row = QHBoxLayout()
        row.setSpacing(12)
        for label, edit in (
            (self.tr("At most"), self.most),
            (self.tr("Wait for one"), self.timeout),
            (self.tr("Replace after"), self.lifetime),
            (self.tr("Give back after"), self.idle),
        ):
            row.addLayout(field(label, edit), 1)
        layout.addLayout(row)
        layout.addLayout(self._ticks())
        table = QScrollArea()
        table.setWidgetResizable(True)
        table.setFrameShape(QScrollArea.Shape.NoFrame)
        rows = QWidget()
        in_column(self.resolved, STRETCH, within=rows, margins=0)
        table.setWidget(rows)
        caption = note("secondary")
        caption.setText(self.tr("What it connects with, and where that comes from:"))
        layout.addWidget(caption)
        layout.addWidget(table, 1)
        layout.addWidget(self._says)
        layout.addLayout(self._copies())

    def _ticks(self) -> QHBoxLayout:
        """What Jobdesk does with it by itself."""
        self.records = QCheckBox(self.tr("Record what happens per minute, on this machine"))
        self.records.setToolTip(
            self.tr("Numbers and durations by queue and task, for 90 days. Takes effect on connecting.")
        )
        self.on_fleet = QCheckBox(self.tr("Show it on the Fleet page, and ask it there"))
        self.on_fleet.setChecked(True)
        ticks = in_row(self.records, self.on_fleet, STRETCH, spacing=12)
        return ticks

    def _copies(self) -> QHBoxLayout:
        """A button for each form, and what was copied."""
        copies = in_row(QLabel(self.tr("Copy as")), spacing=8)
        for text, make in (
            (self.tr("URL"), lambda found: (as_address(found), ())),
            (self.tr("DSN"), lambda found: (as_words(found), ())),
            (self.tr("Environment"), as_variables),
        ):
            button = QPushButton(text)
            button.setAutoDefault(False)
            button.clicked.connect(partial(self._copy, make))
            copies.addWidget(button)
        self.copied = note("secondary")
        copies.addWidget(self.copied, 1)
        return copies

    def _copy(self, make: Callable[[dict[str, str]], tuple[str, tuple[str, ...]]]) -> None:
        text, left_out = make(named_by(self._typed()))
        QGuiApplication.clipboard().setText(text)
        told = self.tr("Copied, without a password.")
        if left_out:
            told += self.tr(" Left out, for want of a variable: {names}.").format(names=", ".join(left_out))
        self.copied.setText(told)

    def show_profile(self, profile: Profile) -> None:
        """Fill in what a profile says."""
        self.role.setText(profile.role)
        self.most.setValue(profile.pool.size)
        self.timeout.setValue(profile.pool.timeout_s)
        self.lifetime.setValue(profile.pool.lifetime_s)
        self.idle.setValue(profile.pool.idle_s)
        self.records.setChecked(profile.records_history)
        self.on_fleet.setChecked(profile.is_on_fleet)

    def typed(self) -> dict[str, Any]:
        """The profile's settings as typed."""
        numbers = (edit.value() for edit in (self.most, self.timeout, self.lifetime, self.idle))
        records = self.records.isChecked()
        return {
            "role": self.role.text().strip(),
            "pool": Pool(*numbers),
            "records_history": records,
            "is_on_fleet": self.on_fleet.isChecked(),
        }

    def showEvent(self, event: QShowEvent) -> None:
        self.resolve()
        super().showEvent(event)

    def resolve(self) -> None:
        """Read anew what the connection as typed is made with."""
        found = settings_of(self._typed(), is_password_known=self._knows_password())
        self.resolved.set_fields([(each.name, f"{each.value} · {each.origin}", "mono") for each in found])
        self.copied.clear()
        self._says.setText("" if found else self.tr("Where this leads cannot be told from here."))
        self._says.setVisible(not found)

    def _number(self, name: str, unit: str) -> QSpinBox:
        edit = QSpinBox()
        edit.setRange(*LIMITS[name])
        edit.setSuffix(unit)
        edit.setValue(getattr(Pool(), name))
        return edit
