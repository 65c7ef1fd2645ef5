"""Every way in, and what the window says when there is none."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from jobdesk.dialogs.connection import ConnectionDialog
from jobdesk.dialogs.install import InstallDialog
from jobdesk.dialogs.password import PasswordDialog
from jobdesk.main_window import MainWindow
from jobdesk_core.embedded import EmbeddedServer
from jobdesk_core.profiles import Profile
from opened import Others, closed, desk_of, dialog_of, live, opened
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QLabel, QPushButton
from waiting import until


def told(window: MainWindow) -> str:
    """Everything that the start page says."""
    state = window.start.state
    return " ".join(label.text() for label in state.findChildren(QLabel)).replace("\u200b", "")


async def refused(window: MainWindow) -> str:
    """What the start page says once the attempt has failed."""
    await until(lambda: "Try again" in buttons(window), timeout_s=20, what="the refusal")
    return told(window)


def buttons(window: MainWindow) -> list[str]:
    return [button.text() for button in window.start.state.findChildren(QPushButton) if button.isVisible()]


def press(window: MainWindow, text: str) -> None:
    button = next(each for each in window.start.state.findChildren(QPushButton) if each.text() == text)
    QTest.mouseClick(button, Qt.MouseButton.LeftButton)


async def test_no_server_there(tmp_path: Path) -> None:
    dsn = "postgresql://someone:hush-hush@127.0.0.1:1/nowhere"
    async with opened(tmp_path, Profile(name="nowhere", method="dsn", dsn=dsn)) as window:
        said = await refused(window)
        assert "no server" in said and "port 1" in said
        assert "hush-hush" not in said
        assert window.actions["connection.choose"].isEnabled()


async def test_no_such_database(dsn: str, tmp_path: Path) -> None:
    wrong = make_conninfo(dsn, dbname="no_such_place")
    async with opened(tmp_path, Profile(name="test", method="dsn", dsn=wrong)) as window:
        assert "There is no database no_such_place" in await refused(window)


async def test_no_such_role(dsn: str, tmp_path: Path) -> None:
    wrong = make_conninfo(dsn, user="nobody_knows")
    async with opened(tmp_path, Profile(name="test", method="dsn", dsn=wrong)) as window:
        assert "nobody_knows" in await refused(window)


async def test_try_again_after_the_cause_has_gone(dsn: str, server_dsn: str, tmp_path: Path) -> None:
    role = f"late_{os.getpid()}"
    late = make_conninfo(dsn, user=role)
    async with opened(tmp_path, Profile(name="test", method="dsn", dsn=late)) as window:
        assert role in await refused(window)
        with psycopg.connect(server_dsn, autocommit=True) as admin:
            admin.execute(f"CREATE ROLE {role} LOGIN SUPERUSER".encode())
            try:
                press(window, "Try again")
                await until(lambda: window.header.live.mode == "live", what="the feed to go live")
            finally:
                await window.session.stop()
                admin.execute(f"DROP ROLE {role}".encode())


@pytest.fixture
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The DSN of a database with the schema on a server that asks role `keeper` for its password, `open sesame`."""
    folder = tmp_path_factory.mktemp("guarded")
    folder.chmod(0o755)
    for parent in folder.parents:
        if parent.owner() == folder.owner() and str(parent) != "/tmp":
            parent.chmod(0o755)
    with EmbeddedServer(folder, is_durable=False) as server:
        with psycopg.connect(server.dsn, autocommit=True) as admin:
            admin.execute("CREATE ROLE keeper LOGIN SUPERUSER PASSWORD 'open sesame'")
            rules = next(folder.glob("data-*")) / "pg_hba.conf"
            rules.write_text(f"local all keeper scram-sha-256\n{rules.read_text()}")
            admin.execute("SELECT pg_reload_conf()")
        yield make_conninfo(server.dsn, user="keeper")


async def test_a_wrong_password_is_asked_for_until_it_is_right_or_given_up(guarded: str, tmp_path: Path) -> None:
    async with opened(tmp_path, Profile(name="guarded", method="dsn", dsn=guarded)) as window:
        dialog = await dialog_of(window, PasswordDialog)
        assert "password" in dialog.sentence.text()
        QTest.keyClicks(dialog.password, "wrong")
        dialog.submit()
        await until(lambda: "is wrong" in "".join(each.sentence.text() for each in window.findChildren(PasswordDialog)))
        dialog = next(each for each in window.findChildren(PasswordDialog) if each.isVisible())
        dialog.reject()
        assert "password" in (await refused(window)).lower()
        press(window, "Try again")
        dialog = await dialog_of(window, PasswordDialog)
        QTest.keyClicks(dialog.password, "open sesame")
        dialog.submit()
        await until(lambda: "Install the schema…" in buttons(window), what="the connection")
        press(window, "Install the schema…")
        install = await dialog_of(window, InstallDialog)
        install.verb.click()
        await until(lambda: window.header.live.mode == "live", timeout_s=10, what="the feed to go live")
        saved = (tmp_path / "profiles.toml").read_text() if (tmp_path / "profiles.toml").exists() else ""
        assert "sesame" not in saved


async def test_a_database_without_the_schema_is_offered_one_in_one_step(empty_dsn: str, tmp_path: Path) -> None:
    async with opened(tmp_path, Profile(name="empty", method="dsn", dsn=empty_dsn)) as window:
        await until(lambda: "Install the schema…" in buttons(window), what="the offer")
        assert "no Procrastinate schema" in told(window)
        assert "no Procrastinate schema" in window.actions["job.defer"].toolTip()
        press(window, "Install the schema…")
        dialog = await dialog_of(window, InstallDialog)
        QTest.mouseClick(dialog.verb, Qt.MouseButton.LeftButton)
        await closed(window)
        await until(lambda: window.header.live.mode == "live", what="the feed to go live")
        assert window.jobs._empty.title == "No jobs yet"


@pytest.fixture
def visitor(server_dsn: str) -> Iterator[str]:
    """A role that may connect and nothing else."""
    name = f"visitor_{os.getpid()}"
    with psycopg.connect(server_dsn, autocommit=True) as admin:
        admin.execute(f"CREATE ROLE {name} LOGIN".encode())
        yield name
        admin.execute(f"DROP ROLE {name}".encode())


async def test_a_role_without_rights_is_told_which_are_missing(dsn: str, visitor: str, tmp_path: Path) -> None:
    profile = Profile(name="test", method="dsn", dsn=make_conninfo(dsn, user=visitor))
    async with opened(tmp_path, profile) as window:
        await until(lambda: "GRANT" in told(window) + window.message.text, timeout_s=15, what="the missing right")
        said = told(window) + window.message.text
        assert "procrastinate_jobs" in said and visitor in said


async def test_a_role_that_may_only_read_sees_everything_and_changes_nothing(
    dsn: str, visitor: str, tmp_path: Path
) -> None:
    with Others(dsn) as others:
        job_id = others.defer()
        tables = "procrastinate_jobs, procrastinate_events, procrastinate_workers, procrastinate_periodic_defers"
        others.run(f"GRANT SELECT ON {tables} TO {visitor}")
        try:
            async with live(tmp_path, make_conninfo(dsn, user=visitor)) as window:
                assert window.jobs.model.position(job_id) is not None
                window.jobs.inspect(job_id)
                await until(window.actions["job.copy_json"].isEnabled)
                for key in ("job.defer", "job.cancel"):
                    assert not window.actions[key].isEnabled()
                    assert visitor in window.actions[key].toolTip(), window.actions[key].toolTip()
        finally:
            others.run(f"REVOKE ALL ON {tables} FROM {visitor}")


@pytest.mark.parametrize("method", ["environment", "dsn", "arguments"])
async def test_the_dialog_connects_in_each_of_the_three_ways(
    dsn: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    parts = conninfo_to_dict(dsn)
    for name in ("PGHOST", "PGPORT", "PGUSER", "PGDATABASE", "PGSERVICE", "PGPASSWORD"):
        monkeypatch.delenv(name, raising=False)
    if method == "environment":
        for name, key in (("PGHOST", "host"), ("PGPORT", "port"), ("PGUSER", "user"), ("PGDATABASE", "dbname")):
            if parts.get(key):
                monkeypatch.setenv(name, str(parts[key]))
        if parts.get("password"):
            monkeypatch.setenv("PGPASSWORD", str(parts["password"]))
    async with opened(tmp_path) as window:
        window.actions["connection.choose"].trigger()
        dialog = await dialog_of(window, ConnectionDialog)
        dialog.method.choose(["environment", "dsn", "arguments"].index(method))
        if method == "dsn":
            dialog.dsn.setText(dsn)
        elif method == "arguments":
            for key, edit in dialog.arguments.items():
                edit.setText(str(parts.get(key, "")))
            dialog.password.setText(str(parts.get("password", "")))
        QTest.mouseClick(dialog.test_button, Qt.MouseButton.LeftButton)
        await until(lambda: dialog.steps.count() == 5, what="the five steps of the test")
        QTest.mouseClick(dialog.verb, Qt.MouseButton.LeftButton)
        await until(lambda: window.header.live.mode == "live", what="the feed to go live")
        assert desk_of(window).capabilities.database == parts["dbname"]


async def test_a_profile_is_saved_without_its_password_and_opened_by_its_name(dsn: str, tmp_path: Path) -> None:
    async with opened(tmp_path) as window:
        window.actions["connection.choose"].trigger()
        dialog = await dialog_of(window, ConnectionDialog)
        dialog.name.setText("billing & co")
        dialog.environment.setEditText("production")
        dialog.method.choose(1)
        dialog.dsn.setText(make_conninfo(dsn, password="hush-hush"))
        QTest.mouseClick(dialog.save_button, Qt.MouseButton.LeftButton)
        await until(lambda: dialog.message.sentence == "Saved billing & co.")
        assert "hush-hush" not in (tmp_path / "profiles.toml").read_text()
        QTest.mouseClick(dialog.verb, Qt.MouseButton.LeftButton)
        await until(lambda: window.header.live.mode == "live", what="the feed to go live")
        window.session.close()
        await until(lambda: window.session.desk is None)
        window.header.menu.aboutToShow.emit()
        entry = next(action for action in window.header.menu.actions() if action.text() == "billing && co")
        entry.trigger()
        await until(lambda: window.header.live.mode == "live", what="the feed to go live again")
        assert window.session.store.last_used == "billing & co"


async def test_a_newer_attempt_replaces_the_one_before(dsn: str, tmp_path: Path) -> None:
    silent = socket.create_server(("127.0.0.1", 0))  # lets in and never says a word
    slow = Profile(name="slow", method="dsn", dsn=f"postgresql://127.0.0.1:{silent.getsockname()[1]}/nowhere")
    async with opened(tmp_path, slow) as window:
        await until(lambda: "Connecting to slow" in told(window))
        window.session.open(Profile(name="test", method="dsn", dsn=dsn))
        await until(lambda: window.header.live.mode == "live", what="the newer connection")
        assert desk_of(window).profile.name == "test"
    silent.close()
