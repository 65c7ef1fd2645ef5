"""How a profile gets in besides what it says to libpq: the command that prints its password."""

from __future__ import annotations

import contextlib
from typing import Any

from jobdesk_core.profiles import Profile
from jobdesk_core.profiles import password_command as commands
from PySide6.QtCore import Signal
from PySide6.QtWidgets import QHBoxLayout, QLineEdit, QSpinBox, QVBoxLayout, QWidget

from jobdesk.kit.dialog_frame import field, note

#: The longest time after which a password is asked for anew, in minutes.
_MOST_MINUTES = 7 * 24 * 60


class AccessSettings(QWidget):
    """A line for the command, and after how long it is run again; both may be left empty."""

    grew = Signal()  # it may need more room than before

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.command = QLineEdit()
        self.command.setProperty("mono", "true")
        self.command.setPlaceholderText(self.tr("pass show billing-eu"))
        self.lifetime = QSpinBox()
        self.lifetime.setRange(0, _MOST_MINUTES)
        self.lifetime.setSpecialValueText(self.tr("when refused"))
        self.lifetime.setSuffix(self.tr(" min"))
        self._says = note()
        self._says.setProperty("tone", "bad")
        self._says.hide()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        row = QHBoxLayout()
        row.setSpacing(12)
        row.addLayout(field(self.tr("Password command: what it prints is the password"), self.command), 3)
        row.addLayout(field(self.tr("Run again"), self.lifetime), 1)
        layout.addLayout(row)
        layout.addWidget(self._says)
        self.command.textChanged.connect(self._changed)
        self._changed()

    def show_profile(self, profile: Profile) -> None:
        """Fill in what a profile says."""
        self.command.setText(commands.line_of(profile.password_command))
        self.lifetime.setValue(-(-profile.password_lifetime_s // 60))

    def typed(self) -> dict[str, Any]:
        """The profile's settings as typed; of what is no command nothing."""
        words: tuple[str, ...] = ()
        if self.problem() is None:
            with contextlib.suppress(ValueError):
                words = commands.words_of(self.command.text())
        return {"password_command": words, "password_lifetime_s": self.lifetime.value() * 60 if words else 0}

    def problem(self) -> str | None:
        """What is wrong with what is typed, or None."""
        return commands.problem(self.command.text())

    def _changed(self) -> None:
        wrong = self.problem()
        self._says.setText(wrong or "")
        self._says.setVisible(wrong is not None)
        self.lifetime.setEnabled(bool(self.command.text().strip()))
        self.grew.emit()
