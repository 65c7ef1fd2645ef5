"""The test of a connection in its dialog: it can be stopped, offers the schemas it finds; and the forms to copy."""

from __future__ import annotations

import socket
from pathlib import Path

from database import run_sql
from jobdesk.connection.dialog import ConnectionDialog
from jobdesk.window.desk_view import DeskView
from jobdesk_core.database.schema import schema_sql
from opened import dialog_of, opened
from psycopg.conninfo import conninfo_to_dict
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QLabel, QPushButton
from waiting import until


async def connections(window: DeskView) -> ConnectionDialog:
    window.all_actions["connection.choose"].trigger()
    dialog = await dialog_of(window, ConnectionDialog)
    dialog.form.method.choose(1)
    return dialog


def said(dialog: ConnectionDialog) -> str:
    return "\n".join(label.text() for label in dialog.test_card.findChildren(QLabel) if not label.isHidden())


async def test_it_is_stopped_while_a_server_keeps_silent(tmp_path: Path) -> None:
    async with opened(tmp_path) as window:
        with socket.create_server(("127.0.0.1", 0)) as silent:
            dialog = await connections(window)
            dialog.form.dsn.setText(f"host=127.0.0.1 port={silent.getsockname()[1]} connect_timeout=60")
            dialog.test_button.click()
            await until(lambda: "trying: TLS" in said(dialog), what="the step that waits")
            assert dialog.test_button.text() == "Stop the test"
            dialog.test_button.click()
            assert dialog.test_button.text() == "Test" and dialog.test_card.outcome.text() == "stopped"
            assert "Not tried: TLS, Sign-in, Server" in said(dialog)
            await until(lambda: not dialog.work.is_running("test"), what="the end of the test")
            assert dialog.test_card.steps.count() == 2


async def test_schemas_that_are_found_are_offered_and_taken(empty_dsn: str, tmp_path: Path) -> None:
    for schema in ("queue", "other"):
        run_sql(empty_dsn, f"CREATE SCHEMA {schema}; SET search_path = {schema}; {schema_sql()}")
    async with opened(tmp_path) as window:
        dialog = await connections(window)
        dialog.form.dsn.setText(empty_dsn)
        for before in ("", "nowhere"):
            dialog.form.schema.setText(before)
            dialog.test_button.click()
            await until(lambda: dialog.test_button.text() == "Test", what="the test")
            assert dialog.test_card.outcome.text().startswith("Schema failed")
            buttons = [each for each in dialog.test_card.findChildren(QPushButton) if not each.isHidden()]
            assert [each.text() for each in buttons] == ["Use schema other", "Use schema queue"]
            completer = dialog.form.schema.completer()
            assert completer is not None and completer.model().rowCount() == 2 and dialog.form.schemas.isVisible()
        buttons[1].click()
        await until(lambda: dialog.test_card.outcome.text().startswith("all is well"), what="the test of the schema")
        assert dialog.form.schema.text() == dialog.profile().schema == "queue"
        assert "in schema queue" in said(dialog) and "Others in this database: other." in said(dialog)


async def test_a_connection_is_copied_in_each_form_without_its_password(tmp_path: Path) -> None:
    async with opened(tmp_path) as window:
        dialog = await connections(window)
        dialog.form.dsn.setText("host=db.example port=6432 user='me & you' password=planted keepalives_idle=9")
        dialog.part.choose(3)
        clipboard = QGuiApplication.clipboard()
        wanted = {"host": "db.example", "port": "6432", "user": "me & you", "keepalives_idle": "9"}
        buttons = {each.text(): each for each in dialog.more.findChildren(QPushButton)}
        for name in ("URL", "DSN"):
            buttons[name].click()
            assert conninfo_to_dict(clipboard.text()) == wanted
        buttons["Environment"].click()
        assert sorted(clipboard.text().splitlines()) == ["PGHOST=db.example", "PGPORT=6432", "PGUSER='me & you'"]
        assert dialog.more.copied.text().endswith("Left out, for want of a variable: keepalives_idle.")
        assert dialog.more.resolved.value("host") == "db.example · this connection"
        assert "typed" in dialog.more.resolved.value("password")
