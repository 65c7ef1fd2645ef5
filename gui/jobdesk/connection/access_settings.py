"""How a profile gets in besides what it says to libpq: through SSH, and by a command that prints its password."""

from __future__ import annotations

import contextlib
from typing import Any

from jobdesk_core.connectors.ssh.command import problem as ssh_problem
from jobdesk_core.profiles import Profile
from jobdesk_core.profiles import password_command as commands
from PySide6.QtCore import Signal
from PySide6.QtWidgets import QHBoxLayout, QLineEdit, QSpinBox, QVBoxLayout, QWidget

from jobdesk.kit.dialog_frame import field, note

#: The longest time after which a password is asked for anew, in minutes.
_MOST_MINUTES = 7 * 24 * 60


class AccessSettings(QWidget):
    """The hosts of SSH, the command, and after how long it is run again; all may be left empty."""

    grew = Signal()  # it may need more room than before

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.ssh = QLineEdit()
        self.ssh.setProperty("mono", "true")
        self.ssh.setPlaceholderText("me@bastion.example.org:22")
        self._says_ssh = note()
        self.command = QLineEdit()
        self.command.setProperty("mono", "true")
        self.command.setPlaceholderText(self.tr("pass show billing-eu"))
        self.lifetime = QSpinBox()
        self.lifetime.setRange(0, _MOST_MINUTES)
        self.lifetime.setSpecialValueText(self.tr("when refused"))
        self.lifetime.setSuffix(self.tr(" min"))
        self._says = note()
        for each in (self._says, self._says_ssh):
            each.setProperty("tone", "bad")
            each.hide()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(12)
        label = self.tr("SSH: go through this host, or a Host of your ssh_config")
        layout.addLayout(field(label, self.ssh, self._says_ssh))
        below = QVBoxLayout()
        below.setSpacing(4)
        row = QHBoxLayout()
        row.setSpacing(12)
        row.addLayout(field(self.tr("Password command: what it prints is the password"), self.command), 3)
        row.addLayout(field(self.tr("Run again"), self.lifetime), 1)
        below.addLayout(row)
        below.addWidget(self._says)
        layout.addLayout(below)
        self.ssh.textChanged.connect(self._changed)
        self.command.textChanged.connect(self._changed)
        self._changed()

    def show_profile(self, profile: Profile) -> None:
        """Fill in what a profile says."""
        self.ssh.setText(profile.ssh)
        self.command.setText(commands.line_of(profile.password_command))
        self.command.setCursorPosition(0)
        self.lifetime.setValue(-(-profile.password_lifetime_s // 60))

    def typed(self) -> dict[str, Any]:
        """The profile's settings as typed; of what is no command nothing."""
        words: tuple[str, ...] = ()
        if commands.problem(self.command.text()) is None:
            with contextlib.suppress(ValueError):
                words = commands.words_of(self.command.text())
        lifetime_s = self.lifetime.value() * 60 if words else 0
        return {"ssh": self.ssh.text().strip(), "password_command": words, "password_lifetime_s": lifetime_s}

    def problem(self) -> str | None:
        """What is wrong with what is typed, or None."""
        return ssh_problem(self.ssh.text()) or commands.problem(self.command.text())

    def _changed(self) -> None:
        wrong = ((self._says_ssh, ssh_problem(self.ssh.text())), (self._says, commands.problem(self.command.text())))
        for label, said in wrong:
            label.setText(said or "")
            label.setVisible(said is not None)
        self.lifetime.setEnabled(bool(self.command.text().strip()))
        self.grew.emit()
