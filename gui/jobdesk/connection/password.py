"""Asks for the password of one connection."""

from __future__ import annotations

import asyncio

from jobdesk_core.profiles import Profile
from jobdesk_core.profiles.secrets import keep_password, unavailable
from PySide6.QtWidgets import QCheckBox, QLineEdit, QWidget

from jobdesk.kit.dialog_frame import DialogFrame, field, note


class PasswordDialog(DialogFrame):
    """The password stays in memory, or goes into the system's keyring when asked to."""

    help_place = ("connections", "passwords")
    submits_on_return = True

    def __init__(self, parent: QWidget | None, *, profile: Profile, why: str) -> None:
        super().__init__(parent, title=self.tr("Password"), sentence=why, verb=self.tr("Connect"), width=420)
        self.title.setText(self.tr("Password for {name}").format(name=profile.name))
        self._profile = profile
        self.password = QLineEdit()
        self.password.setEchoMode(QLineEdit.EchoMode.Password)
        self.remember = QCheckBox(self.tr("Remember in this machine's keyring"))
        self.remember.setEnabled(False)
        self._note = note()
        self.content.addLayout(field(self.tr("Password"), self.password))
        self.content.addWidget(self.remember)
        self.content.addWidget(self._note)
        self.work.start(unavailable(), name="keyring", then=self._show_keyring)
        self.answer: asyncio.Future[str | None] = asyncio.get_running_loop().create_future()
        self.finished.connect(self._finish)
        self.password.setFocus()

    def _show_keyring(self, reason: str | None) -> None:
        self.remember.setEnabled(reason is None)
        self._note.setText(reason or "")
        self._note.setVisible(reason is not None)

    def submit(self) -> None:
        """Take the password."""
        if self.remember.isChecked():
            self.run(keep_password(self._profile, self.password.text()), lambda _: self.accept())
        else:
            self.accept()

    def _finish(self, result: int) -> None:
        if not self.answer.done():
            self.answer.set_result(self.password.text() if result else None)
