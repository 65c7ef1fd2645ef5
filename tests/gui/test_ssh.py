"""In the window: what ssh asks, a command that gives the password, and a break of the tunnel; all of it real."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from jobdesk.connection.dialog import ConnectionDialog
from jobdesk.connection.password_command import PasswordCommandDialog
from jobdesk.connection.ssh_question import SshQuestionDialog
from jobdesk.window.desk_view import DeskView
from jobdesk_core.database.schema import schema_sql
from jobdesk_core.profiles import Profile
from opened import desk_of, dialog_of, opened
from planted import tells, written
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLabel
from sshd import PASSPHRASE, Hosts, needs_sshd, two_hosts
from waiting import until
from walled import walled_server

pytestmark = [pytest.mark.usefixtures("alone"), needs_sshd]


@pytest.fixture(scope="module")
def walled() -> Iterator[dict[str, str]]:
    with walled_server() as words:
        with psycopg.connect(**words) as connection:
            connection.execute(schema_sql().encode())
        yield words


@pytest.fixture
def hosts(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hosts]:
    with two_hosts(monkeypatch) as found:
        yield found


def profile_of(words: dict[str, str], folder: Path) -> Profile:
    (folder / "token").write_text(words["password"])
    (folder / "token").chmod(0o600)
    arguments = {name: value for name, value in words.items() if name != "password"}
    command = ("cat", str(folder / "token"))
    return Profile(name="billing", method="arguments", arguments=arguments, ssh="gate", password_command=command)


def press(dialog: PasswordCommandDialog | SshQuestionDialog) -> None:
    QTest.mouseClick(dialog.verb, Qt.MouseButton.LeftButton)


def said(widget: object) -> str:
    assert isinstance(widget, DeskView | ConnectionDialog | SshQuestionDialog)
    return " ".join(label.text() for label in widget.findChildren(QLabel) if label.isVisible()).replace("\u200b", "")


async def the_question(window: DeskView, beginning: str) -> SshQuestionDialog:
    return await until(
        lambda: next(
            (
                each
                for each in window.findChildren(SshQuestionDialog)
                if each.isVisible() and each.title.text().startswith(beginning)
            ),
            None,
        ),
        what=beginning,
    )


async def test_all_that_is_asked_on_the_way_in_and_a_break(
    tmp_path: Path, hosts: Hosts, walled: dict[str, str]
) -> None:
    hosts.configure(key="locked")
    hosts.know("bastion")
    profile = profile_of(walled, tmp_path)
    async with opened(tmp_path, profile) as window:
        dialog = await dialog_of(window, PasswordCommandDialog)
        assert "token" in dialog.command.toPlainText()
        press(dialog)
        phrase = await the_question(window, "Passphrase")
        phrase.secret.setText("a wrong one")
        press(phrase)
        phrase = await until(
            lambda: next(
                (
                    each
                    for each in window.findChildren(SshQuestionDialog)
                    if each.isVisible() and each.message.isVisible()
                ),
                None,
            ),
            what="the second question",
        )
        phrase.secret.setText(PASSPHRASE)
        press(phrase)
        key = await the_question(window, "A new SSH host")
        assert hosts.fingerprint("gate") in said(key) and str(hosts.ports["gate"]) in said(key)
        assert str(hosts.ports["gate"]) not in hosts.known
        press(key)
        await until(lambda: window.header.live.mode == "live", what="the feed to go live")
        assert str(hosts.ports["gate"]) in hosts.known
        before = desk_of(window)
        for pid in clients(hosts):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, 9)
        await until(lambda: window.header.live.mode != "live", what="the break")
        await until(lambda: window.header.live.mode == "live", what="the feed to be back")
        assert desk_of(window) is before and clients(hosts)
        assert not [each for each in window.findChildren(SshQuestionDialog) if each.isVisible()]
        shown = [widget.windowTitle() for widget in QApplication.topLevelWidgets()] + [said(window)]
        assert not tells(*shown) and walled["password"] not in "".join(shown)
    assert not clients(hosts)
    for name, content in written(tmp_path, [tmp_path / "token"]):
        assert not tells(content) and walled["password"].encode() not in content, name


def clients(hosts: Hosts) -> list[int]:
    """Every `ssh` of the test's."""
    found = []
    for place in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if (place / "comm").read_text() == "ssh\n" and str(hosts.folder) in (place / "cmdline").read_text():
                found.append(int(place.name))
    return found


async def test_who_does_not_answer_is_told_so_and_not_asked_by_itself(
    tmp_path: Path, hosts: Hosts, walled: dict[str, str]
) -> None:
    hosts.know("bastion")
    async with opened(tmp_path, profile_of(walled, tmp_path)) as window:
        (await dialog_of(window, PasswordCommandDialog)).reject()
        await until(lambda: "has not been allowed to run" in said(window), what="the refusal")
        window.session.reopen()
        press(await dialog_of(window, PasswordCommandDialog))
        (await the_question(window, "A new SSH host")).reject()
        await until(lambda: "was not answered" in said(window), what="the refusal")
        # A question that nobody waits for any more goes away.
        window.session.reopen()
        await the_question(window, "A new SSH host")
        window.session.close()
        await until(
            lambda: not [each for each in window.findChildren(SshQuestionDialog) if each.isVisible()],
            what="the question to go",
        )
        await until(lambda: not clients(hosts), what="the end of ssh")
        assert str(hosts.ports["gate"]) not in hosts.known


async def test_the_connection_dialog_has_both(tmp_path: Path, hosts: Hosts, walled: dict[str, str]) -> None:
    hosts.know("bastion")
    async with opened(tmp_path) as window:
        profile = profile_of(walled, tmp_path)
        window.session.store.save(profile)
        dialog = ConnectionDialog(window, store=window.session.store, profile=window.session.store.get("billing"))
        dialog.open()
        access = dialog.form.access
        assert access.ssh.text() == "gate" and access.command.text().startswith("cat ")
        kept = dialog.profile()
        assert (kept.ssh, kept.password_command) == (profile.ssh, profile.password_command)
        access.ssh.setText("-oProxyCommand=x")
        assert "looks like" in said(dialog)
        access.command.setText("cat 'x")
        dialog.save()
        assert "was not saved" in said(dialog) or "not closed" in said(dialog)
        dialog.show_profile(profile)
        dialog.test()
        press(await dialog_of(window, PasswordCommandDialog))
        press(await the_question(window, "A new SSH host"))
        await until(lambda: "Through gate" in said(dialog) and "Sign-in" in said(dialog), what="the test")
        await until(lambda: not clients(hosts), what="the end of ssh")
        dialog.reject()
        await asyncio.sleep(0)
