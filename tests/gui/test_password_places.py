"""In the window, too, a password goes only to where it was kept or typed for: asked of a server that takes it down."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import pytest
from jobdesk.connection.dialog import ConnectionDialog
from jobdesk.connection.password import PasswordDialog
from jobdesk.connection.session import Unreached
from jobdesk.window.desk_view import DeskView
from jobdesk_core.profiles import Profile, profile_of_dsn
from jobdesk_core.profiles.secrets import forget_password, keep_password
from keyrings import Held, own_keyring
from made_up_server import MadeUpServer
from opened import dialog_of, opened
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from waiting import until

SECRET = "open-sesame"
pytestmark = pytest.mark.usefixtures("alone")


def saved(window: DeskView, name: str, server: MadeUpServer) -> Profile:
    arguments = {"host": server.host, "port": str(server.port), "user": "me", "dbname": "billing"}
    window.session.store.save(Profile(name=name, method="arguments", arguments=arguments))
    found = window.session.store.get(name)
    assert found is not None
    return found


async def asked_for_password(window: DeskView) -> PasswordDialog:
    return await dialog_of(window, PasswordDialog)


def empty_dialogs(window: DeskView) -> list[PasswordDialog]:
    return [each for each in window.findChildren(PasswordDialog) if each.isVisible() and not each.password.text()]


async def test_the_keyrings_goes_to_no_other_server(
    tmp_path: Path, ring: dict[str, str], home: MadeUpServer, elsewhere: MadeUpServer
) -> None:
    async with opened(tmp_path) as window:
        billing = saved(window, "billing", home)
        await keep_password(billing, SECRET)
        window.session.open(billing)
        (await asked_for_password(window)).reject()
        assert home.got == [SECRET]
        # Its database is called as the saved connection is.
        window.session.open(*profile_of_dsn(f"host=127.0.0.1 port={elsewhere.port} user=me dbname=billing"))
        await until(lambda: elsewhere.asked, what="the other server to be asked")
        (await asked_for_password(window)).reject()
        other = saved(window, "billing", elsewhere)
        window.session.open(other)
        (await asked_for_password(window)).reject()
        # Beside the one on show, such as where jobs are replayed.
        window.session.ask_password = None
        with pytest.raises(Unreached):
            await window.session.reach(other)
        assert elsewhere.asked >= 3 and elsewhere.got == []


@pytest.mark.skipif(sys.platform == "win32", reason="has no such sockets")
async def test_behind_a_socket_the_keyring_is_asked_once_the_server_has_asked(dsn: str, tmp_path: Path) -> None:
    asked: list[str] = []

    class Noted(Held):
        def get_password(self, service: str, username: str) -> str | None:
            asked.append(username)
            return super().get_password(service, username)

    # A socket's name is short: the folders of tests are not.
    with (
        own_keyring(Noted()),
        tempfile.TemporaryDirectory() as folder,
        MadeUpServer(folder=Path(folder)) as server,
    ):
        async with opened(tmp_path) as window:
            window.session.open(*profile_of_dsn(dsn))
            await until(lambda: window.header.live.mode == "live", what="the feed to go live")
            assert asked == []
            billing = saved(window, "billing", server)
            await keep_password(billing, SECRET)
            window.session.open(billing)
            (await asked_for_password(window)).reject()
            passwords = [name for name in asked if not name.startswith("probe-")]  # whether the keyring works at all
            assert (server.asked, server.got) == (2, [SECRET]) and len(passwords) == 1
            await forget_password(billing)
            window.session.open(billing)
            (await asked_for_password(window)).reject()
            # Not tried again with nothing new in hand.
            assert server.asked == 3


async def test_what_was_typed_goes_to_no_other_server_and_what_was_refused_is_not_sent_again(
    tmp_path: Path, ring: dict[str, str], home: MadeUpServer, elsewhere: MadeUpServer
) -> None:
    async with opened(tmp_path) as window:
        window.session.open(saved(window, "billing", home))
        dialog = await asked_for_password(window)
        dialog.password.setText(SECRET)
        QTest.mouseClick(dialog.verb, Qt.MouseButton.LeftButton)
        await until(lambda: home.got == [SECRET], what="the password")
        await until(lambda: empty_dialogs(window), what="the next question")
        window.session.open(saved(window, "billing", elsewhere))
        await until(lambda: elsewhere.asked and empty_dialogs(window), what="the other server to be asked")
        (await asked_for_password(window)).reject()
        window.session.open(saved(window, "billing", home))
        (await asked_for_password(window)).reject()
        assert home.got == [SECRET] and elsewhere.got == []


async def test_what_a_server_has_accepted_is_held_for_it_alone(
    dsn: str, tmp_path: Path, ring: dict[str, str], elsewhere: MadeUpServer
) -> None:
    async with opened(tmp_path) as window:
        window.session.store.save(Profile(name="billing", method="dsn", dsn=dsn))
        accepted = window.session.store.get("billing")
        assert accepted is not None
        window.session.open(accepted, SECRET)
        await until(lambda: window.header.live.mode == "live", what="the feed to go live")
        window.session.open(saved(window, "billing", elsewhere))
        (await asked_for_password(window)).reject()
        assert elsewhere.asked and elsewhere.got == []


async def test_the_test_of_a_connection_that_was_changed_sends_it_nowhere(
    tmp_path: Path, ring: dict[str, str], home: MadeUpServer, elsewhere: MadeUpServer
) -> None:
    async with opened(tmp_path) as window:
        await keep_password(saved(window, "billing", home), SECRET)
        ring["billing"] = SECRET
        window.all_actions["connection.choose"].trigger()
        dialog = await dialog_of(window, ConnectionDialog)
        dialog.list.choose("billing")
        QTest.mouseClick(dialog.test_button, Qt.MouseButton.LeftButton)
        await until(lambda: home.got == [SECRET], what="its own server to be asked")
        # Pressed while it goes on, it would stop.
        await until(lambda: dialog.test_button.text() == "Test", what="the test to end")
        dialog.form.arguments["port"].setText(str(elsewhere.port))
        QTest.mouseClick(dialog.test_button, Qt.MouseButton.LeftButton)
        await until(lambda: elsewhere.asked, what="the other server to be asked")
        assert elsewhere.got == []
        # Saved as it is now, its password is no longer known.
        QTest.mouseClick(dialog.save_button, Qt.MouseButton.LeftButton)
        await until(lambda: not ring, what="the keyring to forget it")
        dialog.reject()
