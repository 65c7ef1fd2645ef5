"""Every way in, and what the window says when there is none."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from jobdesk.connection.dialog import ConnectionDialog
from jobdesk.connection.install import InstallDialog
from jobdesk.connection.password import PasswordDialog
from jobdesk.connection.profile_loss import ProfileLossDialog
from jobdesk.kit.dialog_frame import ForgetDialog
from jobdesk.window.desk_view import DeskView
from jobdesk.window.remembered import Memory, arrangement_of, keep_arrangement
from jobdesk_core.database.schema import schema_sql
from jobdesk_core.embedded import EmbeddedServer
from jobdesk_core.profiles import Profile, parameters_of
from jobdesk_core.profiles.finding import SavedView
from keyrings import own_keyring
from opened import Others, closed, desk_of, dialog_of, live, opened
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from PySide6.QtCore import QMimeData, QSettings, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QLabel, QPushButton
from waiting import until


def told(window: DeskView) -> str:
    """Everything that the start page says."""
    state = window.start.state
    return " ".join(label.text() for label in state.findChildren(QLabel)).replace("\u200b", "")


async def refused(window: DeskView) -> str:
    """What the start page says once the attempt has failed."""
    await until(lambda: "Try again" in buttons(window), timeout_s=60, what="the refusal")
    return told(window)


def buttons(window: DeskView) -> list[str]:
    return [button.text() for button in window.start.state.findChildren(QPushButton) if button.isVisible()]


def press(window: DeskView, text: str) -> None:
    button = next(each for each in window.start.state.findChildren(QPushButton) if each.text() == text)
    QTest.mouseClick(button, Qt.MouseButton.LeftButton)


async def test_no_server_there(tmp_path: Path) -> None:
    dsn = "postgresql://someone:hush-hush@127.0.0.1:1/nowhere"
    async with opened(tmp_path, Profile(name="nowhere", method="dsn", dsn=dsn)) as window:
        said = await refused(window)
        assert "no server" in said and "port 1" in said
        assert "hush-hush" not in said
        assert window.all_actions["connection.choose"].isEnabled()


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
        await until(lambda: window.header.live.mode == "live", timeout_s=60, what="the feed to go live")
        saved = (tmp_path / "profiles.toml").read_text() if (tmp_path / "profiles.toml").exists() else ""
        assert "sesame" not in saved


async def test_a_database_without_the_schema_is_offered_one_in_one_step(empty_dsn: str, tmp_path: Path) -> None:
    async with opened(tmp_path, Profile(name="empty", method="dsn", dsn=empty_dsn)) as window:
        await until(lambda: "Install the schema…" in buttons(window), what="the offer")
        assert "no Procrastinate schema" in told(window)
        assert "no Procrastinate schema" in window.all_actions["job.defer"].toolTip()
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


async def test_the_schemas_elsewhere_are_a_choice_that_a_saved_connection_keeps(empty_dsn: str, tmp_path: Path) -> None:
    with psycopg.connect(empty_dsn, autocommit=True) as connection:
        for name in ("billing", 'shop "eu"'):
            place = sql.Identifier(name)
            connection.execute(sql.SQL("CREATE SCHEMA {}").format(place))
            connection.execute(sql.SQL("SET search_path = {}").format(place))
            connection.execute(schema_sql().encode())
            connection.execute("INSERT INTO procrastinate_jobs (queue_name, task_name) VALUES (%s, 't')", [name])
    async with opened(tmp_path) as window:
        store = window.session.store
        store.save(Profile(name="main", method="dsn", dsn=empty_dsn))
        window.session.open(store.get("main") or Profile(name=""))
        await until(lambda: 'Use schema shop "eu"' in buttons(window), timeout_s=60, what="the choice")
        assert "Procrastinate is in another schema" in told(window) and "Use schema billing" in buttons(window)
        assert not any("Install" in text for text in buttons(window))
        press(window, 'Use schema shop "eu"')
        await until(lambda: window.jobs.model.rowCount() == 1, timeout_s=60, what="its job")
        assert window.jobs.model.row_at(0).queue_name == 'shop "eu"'
        assert (store.get("main") or Profile(name="")).schema == 'shop "eu"'
        window.all_actions["connection.choose"].trigger()
        dialog = await dialog_of(window, ConnectionDialog)
        assert dialog.form.schema.text() == 'shop "eu"' and not dialog.would_lose()
        dialog.form.method.choose(2)
        dialog.form.method.changed.emit(2)
        assert dialog.profile().schema == 'shop "eu"'
        dialog.form.schema.setText("billing")
        QTest.mouseClick(dialog.verb, Qt.MouseButton.LeftButton)
        await until(lambda: window.session.profile and window.session.profile.schema == "billing", what="the other one")
        await until(
            lambda: window.jobs.model.rowCount() == 1 and window.jobs.model.row_at(0).queue_name == "billing",
            timeout_s=20,
            what="the other's job",
        )


async def test_a_role_without_rights_is_told_which_are_missing(dsn: str, visitor: str, tmp_path: Path) -> None:
    profile = Profile(name="test", method="dsn", dsn=make_conninfo(dsn, user=visitor))
    async with opened(tmp_path, profile) as window:
        await until(lambda: "GRANT" in told(window) + window.message.text, timeout_s=60, what="the missing right")
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
                await until(window.all_actions["job.copy_json"].isEnabled)
                for key in ("job.defer", "job.cancel"):
                    assert not window.all_actions[key].isEnabled()
                    assert visitor in window.all_actions[key].toolTip(), window.all_actions[key].toolTip()
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
        window.all_actions["connection.choose"].trigger()
        dialog = await dialog_of(window, ConnectionDialog)
        dialog.form.method.choose(["environment", "dsn", "arguments"].index(method))
        if method == "dsn":
            dialog.form.dsn.setText(dsn)
        elif method == "arguments":
            for key, edit in dialog.form.arguments.items():
                edit.setText(str(parts.get(key, "")))
            dialog.form.password.setText(str(parts.get("password", "")))
        QTest.mouseClick(dialog.test_button, Qt.MouseButton.LeftButton)
        await until(lambda: dialog.test_button.text() == "Test", what="the test to end")
        assert dialog.test_card.outcome.text().startswith("all is well")
        QTest.mouseClick(dialog.verb, Qt.MouseButton.LeftButton)
        await until(lambda: window.header.live.mode == "live", what="the feed to go live")
        assert desk_of(window).capabilities.database == parts["dbname"]


def paste(dialog: ConnectionDialog, text: str) -> None:
    source = QMimeData()
    source.setText(text)
    dialog.form.paste.edit.insertFromMimeData(source)


async def test_what_is_pasted_fills_the_fields_and_leaves_no_password_in_sight(tmp_path: Path) -> None:
    async with opened(tmp_path) as window:
        dialog = await connections(window)
        form = dialog.form
        paste(
            dialog, "DATABASE_URL=postgres://me:planted@db.example:6432/billing?sslmode=require&pool=5&schema=queue\n"
        )
        assert form.typed_arguments() == {
            "host": "db.example", "port": "6432", "dbname": "billing", "user": "me", "sslmode": "require"
        }  # fmt: skip
        assert (form.method_name(), form.schema.text(), form.password.text()) == ("arguments", "queue", "planted")
        assert "planted" not in form.paste.edit.toPlainText()
        assert form.paste.says.text() == "Filled 6 fields. The password is in its field. Left out: pool."
        # Return after it takes nothing away again.
        QTest.keyClick(form.paste.edit, Qt.Key.Key_Return)
        assert form.password.text() == "planted" and "Left out: pool." in form.paste.says.text()
        # What the next one does not say is not left over from this one.
        paste(dialog, "db.example")
        assert (form.typed_arguments(), form.password.text()) == ({"host": "db.example"}, "")
        paste(dialog, "mysql://me:planted@db.example/x")
        assert form.typed_arguments() == {"host": "db.example"}
        assert "none of PostgreSQL's" in form.paste.says.text()
        form.paste.edit.clear()
        QTest.keyClicks(form.paste.edit, "psql -h other.example orders")
        QTest.keyClick(form.paste.edit, Qt.Key.Key_Return)
        assert form.typed_arguments() == {"host": "other.example", "dbname": "orders"}
        # What is pasted into the midst of typing belongs to it: a password alone is no host.
        form.paste.edit.clear()
        QTest.keyClicks(form.paste.edit, "postgresql://me:")
        paste(dialog, "planted")
        QTest.keyClicks(form.paste.edit, "@db.example")
        QTest.keyClick(form.paste.edit, Qt.Key.Key_Return)
        assert (form.typed_arguments(), form.password.text()) == ({"user": "me", "host": "db.example"}, "planted")
        assert "planted" not in form.paste.edit.toPlainText()
        assert dialog.isVisible()
        assert dialog.would_lose()


async def test_a_profile_is_saved_without_its_password_and_opened_by_its_name(dsn: str, tmp_path: Path) -> None:
    async with opened(tmp_path) as window:
        window.all_actions["connection.choose"].trigger()
        dialog = await dialog_of(window, ConnectionDialog)
        dialog.form.name.setText("billing & co")
        dialog.form.environment.setEditText("production")
        dialog.form.method.choose(1)
        dialog.form.dsn.setText(make_conninfo(dsn, password="hush-hush"))
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


@pytest.fixture
def ring() -> Iterator[dict[str, str]]:
    """The passwords in the machine's keyring, by their keys."""
    with own_keyring() as words:
        yield words


def keys_of(ring: dict[str, str]) -> list[tuple[str, str]]:
    """The saved connections whose passwords are kept, and the passwords."""
    return [(key.partition("#")[2], word) for key, word in ring.items()]


def saved_names(window: DeskView) -> list[str]:
    return [profile.name for profile in window.session.store.all()]


async def connections(window: DeskView) -> ConnectionDialog:
    window.all_actions["connection.choose"].trigger()
    return await dialog_of(window, ConnectionDialog)


def mail(name: str, host: str = "mail.example") -> Profile:
    return Profile(name=name, method="arguments", arguments={"host": host})


async def test_a_renamed_connection_keeps_all_that_is_remembered_of_it(
    dsn: str, tmp_path: Path, ring: dict[str, str]
) -> None:
    async with live(tmp_path, dsn) as window:
        QSettings.setPath(QSettings.Format.IniFormat, QSettings.Scope.UserScope, str(tmp_path))
        Memory(window)
        store, finding = window.session.store, window.finding
        store.save(Profile(name="test", method="dsn", dsn=dsn))
        store.remember("test")
        finding.set_views([SavedView("mine", "status:failed")])
        keep_arrangement("test", {"page": "jobs"})
        ring["test"] = "hush"
        dialog = await connections(window)
        assert dialog.list.shown == "test" and dialog.list.delete.isEnabled()
        dialog.form.name.setText("shop & co")
        assert dialog.save_button.text() == "Rename and save"
        QTest.mouseClick(dialog.save_button, Qt.MouseButton.LeftButton)
        await until(lambda: dialog.message.sentence == "Renamed test to shop & co, and saved it.", what="the news")
        assert saved_names(window) == ["shop & co"] and store.last_used == "shop & co"
        assert keys_of(ring) == [("shop%20%26%20co", "hush")]
        assert [view.name for view in finding.store.views("shop & co")] == ["mine"]
        assert not finding.store.views("test") and [view.name for view in finding.views] == ["mine"]
        assert arrangement_of("shop & co") and arrangement_of("test") is None
        assert desk_of(window).profile.name == "shop & co" and window.header._profile.text() == "shop && co"
        dialog.reject()


async def test_a_copy_is_a_connection_of_its_own_without_the_password(tmp_path: Path, ring: dict[str, str]) -> None:
    ring["mail"] = "hush"
    async with opened(tmp_path) as window:
        for name in ("mail", "mail copy"):
            window.session.store.save(mail(name))
        dialog = await connections(window)
        dialog.list.choose("mail")
        dialog.list.copy.trigger()
        assert dialog.form.name.text() == "mail copy 2" and dialog.list.shown == ""
        assert dialog.would_lose() and not dialog.list.delete.isEnabled()
        QTest.mouseClick(dialog.save_button, Qt.MouseButton.LeftButton)
        await until(lambda: dialog.message.sentence == "Saved mail copy 2.", what="the news")
        assert saved_names(window) == ["mail", "mail copy", "mail copy 2"]
        assert window.session.store.get("mail copy 2") == mail("mail copy 2")
        assert "mail copy 2" not in ring and ring["mail"] == "hush"
        dialog.reject()


async def test_deleting_and_replacing_ask(tmp_path: Path, ring: dict[str, str]) -> None:
    ring.update(a="of a", b="of b")
    async with opened(tmp_path) as window:
        store = window.session.store
        for name in ("a", "b"):
            store.save(mail(name, f"{name}.example"))
        dialog = await connections(window)
        dialog.list.choose("a")
        for press_in_it in ("cancel_button", "verb"):
            dialog.form.name.setText("b")
            QTest.mouseClick(dialog.save_button, Qt.MouseButton.LeftButton)
            asking = await dialog_of(window, ProfileLossDialog)
            assert asking.title.text() == "Replace b?" and saved_names(window) == ["a", "b"]
            QTest.mouseClick(getattr(asking, press_in_it), Qt.MouseButton.LeftButton)
            await until(lambda: not window.findChildren(ProfileLossDialog), what="the question to go")
        await until(lambda: keys_of(ring) == [("b", "of a")], what="the password to follow")
        assert store.all() == [mail("b", "a.example")]
        for press_in_it in ("cancel_button", "verb"):
            dialog.list.delete.trigger()
            asking = await dialog_of(window, ProfileLossDialog)
            assert asking.title.text() == "Delete b?" and saved_names(window) == ["b"]
            QTest.mouseClick(getattr(asking, press_in_it), Qt.MouseButton.LeftButton)
            await until(lambda: not window.findChildren(ProfileLossDialog), what="the question to go")
        await until(lambda: dialog.message.sentence == "Deleted b.", what="the end of it")
        assert not saved_names(window)
        await until(lambda: not ring, what="the password to go")
        dialog.reject()


async def test_another_saved_connection_is_shown_only_when_nothing_typed_is_lost(tmp_path: Path) -> None:
    async with opened(tmp_path) as window:
        for name in ("a", "b", "New connection"):
            window.session.store.save(mail(name))
        dialog = await connections(window)
        dialog.list.choose("a")
        dialog.list.choose("b")
        assert dialog.form.name.text() == "b" and not window.findChildren(ForgetDialog)
        changes = (
            lambda: dialog.form.arguments["port"].setText("6000"),
            lambda: dialog.form.ssl_mode.setCurrentIndex(2),
            lambda: dialog.form.read_only.setChecked(True),
            lambda: dialog.form.password.setText("typed"),
            lambda: dialog.application.path.setText("x.app"),
        )
        for change in changes:
            change()
            dialog.list.choose("New connection")
            asking = await dialog_of(window, ForgetDialog)
            assert dialog.list.shown == "b" and dialog.form.name.text() == "b"
            QTest.mouseClick(asking.cancel_button, Qt.MouseButton.LeftButton)
            await until(lambda: not window.findChildren(ForgetDialog), what="the question to go")
            assert dialog.would_lose()
            dialog.show_profile(mail("b"))
        changes[0]()
        dialog.list.choose("New connection")
        QTest.mouseClick((await dialog_of(window, ForgetDialog)).verb, Qt.MouseButton.LeftButton)
        assert dialog.form.name.text() == "New connection" and dialog.list.shown == "New connection"
        assert dialog.list.delete.isEnabled() and not dialog.would_lose()
        dialog.reject()


@pytest.mark.parametrize(
    ("typed", "arguments", "password"),
    [
        ("postgresql://me@db.example:5433/billing", "host=db.example port=5433 dbname=billing user=me", None),
        ("postgresql://me:a%40b@h/d?sslmode=verify-full", "host=h dbname=d user=me sslmode=verify-full", "a@b"),
        (
            "host=/run/pg dbname='my db' options='-c geqo=off'",
            "host=/run/pg dbname='my db' options='-c geqo=off'",
            None,
        ),
        ("host=a,b port=1,2 sslmode=odd", "host=a,b port=1,2 sslmode=odd", None),
        ("postgresql://h:not-closed@[", "", None),
        ("", "", None),
    ],
)
async def test_values_are_carried_between_the_forms(
    tmp_path: Path, typed: str, arguments: str, password: str | None
) -> None:
    async with opened(tmp_path) as window:
        dialog = await connections(window)
        form = dialog.form
        form.method.choose(1)
        form.dsn.setText(typed)
        form.method.choose(0)
        form.method.choose(2)
        assert form.typed_arguments() == conninfo_to_dict(arguments)
        assert form.typed_password() == password
        form.method.choose(1)
        assert form.dsn.text() == typed or password is not None, "what says the same stays as it was typed"
        assert form.typed_password() == password and (password is None or password not in form.dsn.text())
        form.method.choose(2)
        form.arguments["host"].setText("elsewhere")
        form.method.choose(1)
        assert parameters_of(form.dsn.text()) == conninfo_to_dict(arguments) | {"host": "elsewhere"}
        dialog.reject()


async def test_a_connection_string_in_a_field_of_one_name_is_taken_apart(tmp_path: Path) -> None:
    parts = {"host": "h", "port": "1", "dbname": "d", "user": "me"}
    async with opened(tmp_path) as window:
        dialog = await connections(window)
        form = dialog.form
        form.method.choose(2)
        for typed in ("postgresql://me:hush-hush@h:1/d", "host=h port=1 dbname=d user=me password=hush-hush"):
            for key, edit in form.arguments.items():
                form.show_profile(Profile(name="p", method="arguments"))
                edit.setText(typed)
                # Also before the field is left, as by a shortcut.
                assert (form.typed_arguments(), form.typed_password()) == (parts, "hush-hush"), (key, typed)
                assert "hush-hush" not in repr(dialog.profile()) + form.default_name()
                edit.editingFinished.emit()
                assert {name: each.text() for name, each in form.arguments.items()} == parts, (key, typed)
                assert form.password.text() == "hush-hush"
        # What libpq would take apart within the password is neither saved nor tried, nor told.
        form.name.clear()
        form.arguments["dbname"].setText("postgresql://me:hush/hush@h/d")
        assert "hush" not in form.default_name() + dialog.profile().display_dsn
        QTest.mouseClick(dialog.save_button, Qt.MouseButton.LeftButton)
        assert dialog.message.sentence == "The profile could not be saved."
        assert not (tmp_path / "profiles.toml").exists()
        QTest.mouseClick(dialog.test_button, Qt.MouseButton.LeftButton)
        await until(lambda: dialog.test_card.steps.count() or dialog.message.isVisible(), what="the test")
        dialog.reject()


async def test_a_password_in_the_connection_string_goes_to_its_own_field(tmp_path: Path) -> None:
    async with opened(tmp_path) as window:
        dialog = await connections(window)
        form = dialog.form
        form.method.choose(1)
        for typed, left in (
            ("postgresql://me:hush%40@h:1/d?sslmode=require", "postgresql://me@h:1/d?sslmode=require"),
            ("postgresql://h/d?user=me&password=hush%40", "host=h dbname=d user=me"),
            ("host=h password=hush@ user=me", "host=h user=me"),
        ):
            form.dsn.setText(typed)
            form.dsn.editingFinished.emit()
            assert form.password.text() == "hush@" and "hush" not in form.dsn.text()
            assert parameters_of(form.dsn.text()) == parameters_of(left)
            assert form.dsn.text() == left or "://" not in left
        dialog.reject()


async def test_only_what_can_be_chosen_is_in_the_lists_and_a_message_covers_nothing(tmp_path: Path) -> None:
    async with opened(tmp_path) as window:
        dialog = await connections(window)
        tags = [dialog.form.environment.itemText(each) for each in range(dialog.form.environment.count())]
        assert tags == ["production", "staging", "development"]
        modes = [dialog.form.ssl_mode.itemData(each) for each in range(dialog.form.ssl_mode.count())]
        assert modes == ["", "disable", "allow", "prefer", "require", "verify-ca", "verify-full"]
        for method in range(3):
            dialog.form.method.choose(method)
            dialog.form.name.setText(f"m{method}")
            QTest.mouseClick(dialog.save_button, Qt.MouseButton.LeftButton)
            await until(lambda: dialog.message.isVisible() and dialog.verb.isEnabled(), what="the news")
            assert dialog.height() >= dialog.layout().totalHeightForWidth(dialog.width())
        dialog.reject()
