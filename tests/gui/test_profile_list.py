"""The list of saved connections in their dialog: folders, search, tags, order; files for others; what is proposed."""

from __future__ import annotations

from pathlib import Path

import pytest
from jobdesk.connection.dialog import ConnectionDialog
from jobdesk.connection.import_dialog import ImportDialog
from jobdesk_core.profiles import Profile
from jobdesk_core.profiles.shared import export, read_shared
from opened import dialog_of, opened
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QPushButton
from waiting import until

PROFILES = [
    Profile(name="billing-eu", method="dsn", dsn="host=db1.internal", folder="eu", tags=("prod", "pooler")),
    Profile(name="billing-us", method="dsn", dsn="host=db2.internal", folder="us", tags=("prod",)),
    Profile(name="media-eu", method="dsn", dsn="host=db3.internal", folder="eu", environment="staging"),
    Profile(name="alone", method="dsn", dsn="host=db4.internal"),
]


async def test_connections_stand_in_folders_and_are_found(tmp_path: Path) -> None:
    async with opened(tmp_path) as window:
        for profile in PROFILES:
            window.session.store.save(profile)
        window.all_actions["connection.choose"].trigger()
        dialog = await dialog_of(window, ConnectionDialog)
        names = dialog.list
        assert names.listed() == ["billing-eu", "media-eu", "billing-us", "alone"]
        for words, found in {
            "eu": ["billing-eu", "media-eu"],
            "DB2": ["billing-us"],
            "#prod billing": ["billing-eu", "billing-us"],
            "staging": ["media-eu"],
            "nothing": [],
            "": ["billing-eu", "media-eu", "billing-us", "alone"],
        }.items():
            names.search.setText(words)
            assert names.listed() == found, words
        pooler = next(each for each in names.findChildren(QPushButton) if each.text() == "#pooler")
        QTest.mouseClick(pooler, Qt.MouseButton.LeftButton)
        assert names.listed() == ["billing-eu"] and pooler.isChecked()
        QTest.mouseClick(pooler, Qt.MouseButton.LeftButton)
        assert len(names.listed()) == 4
        # Within its folder alone, by keys, and kept for the next time.
        names.choose("media-eu")
        assert names.shown == "media-eu" and names.up.isEnabled() and not names.down.isEnabled()
        dialog.activateWindow()
        names.tree.setFocus()
        await until(lambda: names.tree.hasFocus() and dialog.isActiveWindow(), what="the focus")
        QTest.keyClick(names.tree, Qt.Key.Key_Up, Qt.KeyboardModifier.AltModifier)
        assert names.listed() == ["media-eu", "billing-eu", "billing-us", "alone"]
        inside = [each.name for each in window.session.store.all() if each.folder == "eu"]
        assert inside == ["media-eu", "billing-eu"]
        assert names.shown == "media-eu" and dialog.form.name.text() == "media-eu"
        # A new one with a folder and tags.
        QTest.mouseClick(names.new_button, Qt.MouseButton.LeftButton)
        assert names.shown == "" and dialog.form.name.text() == ""
        dialog.form.name.setText("new")
        dialog.form.folder.setEditText("us")
        dialog.form.tags.setText("#prod, own  prod")
        QTest.mouseClick(dialog.save_button, Qt.MouseButton.LeftButton)
        await until(lambda: dialog.message.sentence == "Saved new.", what="the news")
        saved = window.session.store.get("new")
        assert saved is not None and (saved.folder, saved.tags) == ("us", ("prod", "own"))
        assert names.listed() == ["media-eu", "billing-eu", "billing-us", "new", "alone"]
        dialog.reject()


async def test_a_file_of_connections_is_looked_at_before_it_is_taken(tmp_path: Path) -> None:
    async with opened(tmp_path) as window:
        store, path = window.session.store, tmp_path / "others.toml"
        store.save(PROFILES[0])
        store.save(PROFILES[1])
        export([PROFILES[0], Profile(name="billing-us", method="dsn", dsn="host=elsewhere"), PROFILES[2]], path)
        window.all_actions["connection.choose"].trigger()
        dialog = await dialog_of(window, ConnectionDialog)
        dialog.files.import_from(path)
        asked = await dialog_of(window, ImportDialog)
        assert [each.profile.name for each in asked.ticked()] == ["media-eu"] and asked.verb.text() == "Import 1"
        row = asked.tree.topLevelItem(1)
        assert row is not None and row.text(2) == "replaces yours: connection string, folder, tags"
        row.setCheckState(0, Qt.CheckState.Checked)
        assert asked.verb.text() == "Import 2, replace 1"
        QTest.mouseClick(asked.verb, Qt.MouseButton.LeftButton)
        await until(lambda: dialog.message.sentence == "Imported 2 connections.", what="the news")
        assert {each.name: each.dsn for each in store.all()} == {
            "billing-eu": "host=db1.internal",
            "billing-us": "host=elsewhere",
            "media-eu": "host=db3.internal",
        }
        dialog.files.export_to(tmp_path / "out.toml", store.all())
        assert sorted(each.name for each in read_shared(tmp_path / "out.toml")) == [
            "billing-eu",
            "billing-us",
            "media-eu",
        ]
        path.write_text("password = Zq0xV")
        dialog.files.import_from(path)
        assert "not a file of connections" in dialog.message.text and "Zq0xV" not in dialog.message.text
        dialog.reject()


async def test_a_teams_connection_is_read_only_and_saved_as_ones_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    team = tmp_path / "team.toml"
    monkeypatch.setenv("JOBDESK_PROFILES", str(team))
    export([PROFILES[0]], team)
    before = team.read_bytes()
    async with opened(tmp_path) as window:
        window.all_actions["connection.choose"].trigger()
        dialog = await dialog_of(window, ConnectionDialog)
        dialog.list.choose("billing-eu")
        assert dialog.form.typed_dsn() == "host=db1.internal" and not dialog.list.delete.isEnabled()
        dialog.form.read_only.setChecked(True)
        QTest.mouseClick(dialog.save_button, Qt.MouseButton.LeftButton)
        await until(lambda: dialog.message.sentence == "Saved billing-eu.", what="the news")
        assert dialog.list.delete.isEnabled() and team.read_bytes() == before
        team.write_text("[[")
        dialog.list.choose("billing-eu")
        dialog.show_profile(PROFILES[0])
        assert dialog.message.sentence.startswith("The connections of your team are not there:")
        dialog.reject()


async def test_what_lies_about_is_proposed_to_someone_who_has_saved_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "services").write_text("[billing]\nhost=127.0.0.1\nport=1\n")
    monkeypatch.setenv("PGSERVICEFILE", str(tmp_path / "services"))
    monkeypatch.setenv("PGPASSFILE", str(tmp_path / "none"))
    monkeypatch.chdir(tmp_path)

    def offered() -> list[str]:
        return [each.text() for each in window.start.findChildren(QPushButton) if each.isVisible()]

    async with opened(tmp_path) as window:
        wanted = "Connect to billing, found in pg_service.conf"
        await until(lambda: wanted in offered(), what="the proposal")
        window.session.store.save(PROFILES[0])
        window.start.show_start()
        assert wanted not in offered()
