"""A password stands in every carrier that libpq or Jobdesk knows: the window shows, copies and writes no part of it,
however the connection goes."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
from jobdesk.connection.dialog import ConnectionDialog
from jobdesk.connection.password import PasswordDialog
from jobdesk.runtime import logs
from jobdesk.window import remembered
from jobdesk.window.desk_view import DeskView
from jobdesk.window.diagnostics import diagnostics
from jobdesk.window.pages import KEYS
from jobdesk_core.profiles import ProfileStore, profile_of_dsn
from made_up_server import MadeUpServer
from opened import dialog_of, opened
from planted import CARRIERS, PASSWORDS, plant, tells, written
from psycopg.conninfo import conninfo_to_dict
from PySide6.QtCore import QAbstractItemModel, QAbstractListModel, QModelIndex, QSettings, Qt
from PySide6.QtGui import QAction
from PySide6.QtTest import QTest
from PySide6.QtWidgets import (
    QAbstractItemView,
    QApplication,
    QComboBox,
    QDialog,
    QLineEdit,
    QPlainTextEdit,
    QTextEdit,
    QWidget,
)
from waiting import until

pytestmark = pytest.mark.usefixtures("alone")
ROLES = (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.ToolTipRole, Qt.ItemDataRole.AccessibleTextRole)


def shown(window: DeskView) -> Iterator[str]:
    """Whatever can be read of the program's windows: texts, tips, titles, lists, what a screen reader says."""
    for widget in QApplication.allWidgets():
        yield from (widget.windowTitle(), widget.toolTip(), widget.accessibleName(), widget.accessibleDescription())
        yield from _own_texts(widget)
    for action in window.findChildren(QAction):
        yield from (action.text(), action.toolTip())
    yield QApplication.clipboard().text()
    yield diagnostics(window.session.desk)


def _own_texts(widget: QWidget) -> Iterator[str]:
    if isinstance(widget, QLineEdit):
        yield from (widget.displayText(), widget.placeholderText())
    elif isinstance(widget, QPlainTextEdit | QTextEdit):
        yield widget.toPlainText()
    elif isinstance(widget, QComboBox):
        yield from (widget.itemText(number) for number in range(widget.count()))
    elif isinstance(widget, QAbstractItemView) and widget.model() is not None:
        yield from _cells(widget.model(), QModelIndex())
    elif callable(text := getattr(widget, "text", None)):
        yield str(text())


def _cells(model: QAbstractItemModel, parent: QModelIndex) -> Iterator[str]:
    for row in range(min(model.rowCount(parent), 50)):
        for column in range(1 if isinstance(model, QAbstractListModel) else model.columnCount(parent)):
            index = model.index(row, column, parent)
            yield from (str(index.data(role)) for role in ROLES)


def visible_dialogs(window: DeskView) -> list[QDialog]:
    return [each for each in window.findChildren(QDialog) if each.isVisible()]


@pytest.fixture
def log(tmp_path: Path) -> Iterator[None]:
    """The program's log, in the test's folder, of all that libraries say, too."""
    handler, root = logs.install(tmp_path / "logs"), logging.getLogger()
    assert handler is not None
    level = root.level
    root.setLevel(logging.DEBUG)
    yield
    root.setLevel(level)
    root.removeHandler(handler)
    handler.close()


@pytest.mark.parametrize("fate", ["it works", "refused with an echo", "no server", "no such database"])
async def test_nothing_that_is_shown_copied_or_written_tells_it(
    module_dsn: str, ring: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, log: None, fate: str
) -> None:
    QSettings.setPath(QSettings.Format.IniFormat, QSettings.Scope.UserScope, str(tmp_path / "settings"))
    real = {"port": "5432", **{name: str(value) for name, value in conninfo_to_dict(module_dsn).items()}}
    with MadeUpServer(echoes=True, words="what is {}?") as server:
        words = {
            "it works": real,
            "no such database": real | {"dbname": "none"},
            "no server": {"host": "127.0.0.1", "port": "1", "user": "me", "dbname": "d"},
        }.get(fate, {"host": "127.0.0.1", "port": str(server.port), "user": "me", "dbname": "d"})
        for number, carrier in enumerate(CARRIERS if fate == "it works" else CARRIERS[:: len(CARRIERS) // 3]):
            folder = tmp_path / str(number)
            folder.mkdir()
            with monkeypatch.context() as patch:
                for name in ("HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME"):
                    patch.setenv(name, str(folder))
                patch.setattr("jobdesk_core.profiles.places._first_servers", {})
                planted = await plant(carrier, PASSWORDS[1], words, folder, patch)
                profile, password = profile_of_dsn(planted.dsn)
                if planted.profile:
                    saved = ProfileStore().get(planted.profile)
                    assert saved is not None
                    profile = saved
                async with opened(folder) as window:
                    window.session.open(profile, password)
                    await _until_it_has_gone(window, fate)
                    for page in KEYS if fate == "it works" and carrier in ("address", "options") else ():
                        window.show_page(page)
                        assert not tells(*shown(window)), (carrier, page)
                    assert not tells(*shown(window)), (carrier, fate, [text for text in shown(window) if tells(text)])
                    for dialog in visible_dialogs(window):
                        dialog.reject()
                    if carrier != "options":  # these are edited there
                        await _look_at_connections(window, carrier)
                    memory = remembered.Memory(window)
                    memory.keep()
                files = [*written(folder, planted.files), *written(tmp_path / "logs", [])]
                for name, content in (*files, *written(tmp_path / "settings", [])):
                    assert not tells(content), (carrier, name)


async def _until_it_has_gone(window: DeskView, fate: str) -> None:
    troubles: list[object] = []
    window.session.trouble.connect(lambda trouble, _: troubles.append(trouble))
    await until(
        lambda: (
            window.header.live.mode == "live"
            if fate == "it works"
            else troubles or any(isinstance(each, PasswordDialog) for each in visible_dialogs(window))
        ),
        timeout_s=60,
        what="how it went",
    )


async def _look_at_connections(window: DeskView, carrier: str) -> None:
    """The dialog of connections, with what is open or saved in it, each way to connect, and its test."""
    window.all_actions["connection.choose"].trigger()
    dialog = await dialog_of(window, ConnectionDialog)
    for method in range(3):
        dialog.form.method.choose(method)
        assert not tells(*shown(window)), (carrier, method, [text for text in shown(window) if tells(text)])
    dialog.form.password.setText(PASSWORDS[0])
    QTest.mouseClick(dialog.test_button, Qt.MouseButton.LeftButton)
    await until(lambda: dialog.test_card.steps.count() or dialog.message.isVisible(), timeout_s=60, what="the test")
    assert not tells(*shown(window)), (carrier, "the test")
    dialog.reject()
