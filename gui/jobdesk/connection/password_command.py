"""Asks once whether a connection's password command may be run on this machine."""

from __future__ import annotations

import asyncio

from jobdesk_core.profiles import Profile
from jobdesk_core.profiles.password_command import line_of
from PySide6.QtWidgets import QPlainTextEdit, QWidget

from jobdesk.kit import formats
from jobdesk.kit.dialog_frame import DialogFrame, note


class PasswordCommandDialog(DialogFrame):
    """Shows the command, and to where goes what it prints. Nothing is run before the verb is pressed."""

    help_place = ("connections", "password-command")

    def __init__(self, parent: QWidget | None, *, profile: Profile) -> None:
        super().__init__(
            parent,
            title=self.tr("Run this command for the password?"),
            sentence=self.tr(
                "{name} gets its password from a command that has not run on this machine yet. It runs as you: allow "
                "only what you know."
            ).format(name=formats.cut(profile.name, 60)),
            verb=self.tr("Run it"),
            width=520,
        )
        self.command = QPlainTextEdit(formats.visible(line_of(profile.password_command)))
        self.command.setReadOnly(True)
        self.command.setProperty("mono", "true")
        self.command.setTabChangesFocus(True)
        self.command.setMaximumHeight(64)
        self.command.setAccessibleName(self.tr("Command"))
        to = note("secondary")
        to.setText(self.tr("What it prints is sent to {place}.").format(place=profile.display_dsn))
        self.content.addWidget(self.command)
        self.content.addWidget(to)
        self.answer: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self.finished.connect(self._finish)

    def _finish(self, result: int) -> None:
        if not self.answer.done():
            self.answer.set_result(bool(result))
