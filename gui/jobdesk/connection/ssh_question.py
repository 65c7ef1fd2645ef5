"""Asks what `ssh` asks: whether a new host's key is the right one, passphrases, passwords and one-time codes."""

from __future__ import annotations

import asyncio
import concurrent.futures
import threading
from collections.abc import Awaitable, Callable

from jobdesk_core.connectors.ssh.askpass import Ask, Question
from jobdesk_core.profiles import Profile
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLabel, QLineEdit, QWidget

from jobdesk.kit import formats
from jobdesk.kit.answer import answer_of
from jobdesk.kit.dialog_frame import DialogFrame, field, note

AskSsh = Callable[[Profile, Question], Awaitable[str | None]]
_LOOK_S = 0.05


class SshQuestionDialog(DialogFrame):
    """Its answer is what `ssh` is to be told: a secret, or "yes"; None when nobody wants to say. Nothing is kept."""

    help_place = ("connections", "through-ssh")

    def __init__(self, parent: QWidget | None, *, profile: Profile, question: Question) -> None:
        name = formats.cut(profile.name, 60)
        self.submits_on_return = question.kind in ("passphrase", "secret")
        titles = {
            "host key": self.tr("A new SSH host"),
            "passphrase": self.tr("Passphrase for SSH"),
            "secret": self.tr("SSH asks"),
            "confirm": self.tr("SSH asks"),
        }
        verbs = {"host key": self.tr("Trust it"), "confirm": self.tr("Yes")}
        super().__init__(
            parent,
            title=titles[question.kind],
            sentence=self.tr("{name} goes through SSH.").format(name=name),
            verb=verbs.get(question.kind, self.tr("Continue")),
            width=480,
        )
        self._question = question
        self.secret = QLineEdit()
        self.secret.setEchoMode(QLineEdit.EchoMode.Password)
        if question.kind == "host key":
            self._show_key(question)
        elif question.kind == "confirm":
            self._say(question.text)
        else:
            self.content.addLayout(field(formats.visible(question.text.strip().rstrip(":")), self.secret))
            if question.is_again:
                self.message.show_message("bad", self.tr("That was not accepted. Type it again."))
            self.secret.setFocus()
        self.answer: asyncio.Future[str | None] = asyncio.get_running_loop().create_future()
        self.finished.connect(self._finish)

    def _show_key(self, question: Question) -> None:
        self.cancel_button.setText(self.tr("Don't"))
        self._say(
            self.tr(
                "{host} is new on this machine. Trust it only if its administrator has told you this fingerprint "
                "({kind}):"
            ).format(host=formats.visible(question.host), kind=question.key_type)
        )
        self.fingerprint = QLabel(question.fingerprint)
        self.fingerprint.setTextFormat(Qt.TextFormat.PlainText)
        self.fingerprint.setProperty("mono", "true")
        self.fingerprint.setAccessibleName(self.tr("Fingerprint"))
        self.fingerprint.setTextInteractionFlags(
            Qt.TextInteractionFlag.TextSelectableByMouse | Qt.TextInteractionFlag.TextSelectableByKeyboard
        )
        self.content.addWidget(self.fingerprint)
        self._say(self.tr("Its key is then kept in known_hosts, as in a terminal."))

    def _say(self, text: str) -> None:
        label = note("secondary")
        label.setText(formats.visible_lines(text.strip()))
        self.content.addWidget(label)

    def _finish(self, result: int) -> None:
        if self.answer.done():
            return
        is_secret = self._question.kind in ("passphrase", "secret")
        self.answer.set_result((self.secret.text() if is_secret else "yes") if result else None)
        self.secret.clear()


async def answered(parent: QWidget | None, profile: Profile, question: Question) -> str | None:
    """Put a question to the operator; a host that is not trusted is "no"."""
    return await answer_of(SshQuestionDialog(parent, profile=profile, question=question))


def asking(profile: Profile, ask: AskSsh) -> Ask:
    """Asks on the loop that runs now, for those who wait in threads beside it."""
    loop = asyncio.get_running_loop()

    async def put(question: Question) -> str | None:
        return await ask(profile, question)

    def wait(question: Question, is_over: threading.Event) -> str | None:
        if loop.is_closed():
            return None
        asked = asyncio.run_coroutine_threadsafe(put(question), loop)
        while not concurrent.futures.wait([asked], _LOOK_S).done:
            if is_over.is_set() or loop.is_closed():
                asked.cancel()
                return None
        return None if asked.cancelled() else asked.result()

    return wait
