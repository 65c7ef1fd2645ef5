"""Dialogs and the window on a small screen: no larger than it, the verb and the footer in sight."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from jobdesk.window.pages import KEYS

SCRIPT = """
import asyncio, sys
from PySide6.QtWidgets import QApplication
from jobdesk.kit.theme import theme
from jobdesk.window.about import AboutDialog
from jobdesk.connection.dialog import ConnectionDialog
from jobdesk.window.shortcuts import ShortcutsDialog
from jobdesk.window.actions import SPECS
from jobdesk.runtime.loop import create_loop
from jobdesk_core.profiles import ProfileStore
from pathlib import Path
app = QApplication([])
theme().install(app)
loop = create_loop(app, already_running=True)
most = app.primaryScreen().availableSize()
kept = []  # an open dialog that Python frees takes the program with it, now and then
for make in (lambda: ConnectionDialog(None, store=ProfileStore(Path(sys.argv[1]))),
             lambda: ShortcutsDialog(None, SPECS), lambda: AboutDialog(None)):
    dialog = make()
    kept.append(dialog)
    dialog.open()
    app.processEvents()
    foot = dialog.verb.mapTo(dialog, dialog.verb.rect().bottomRight())
    print(type(dialog).__name__, most.width(), most.height(), dialog.width(), dialog.height(), foot.x(), foot.y())
import os
sys.stdout.flush()
os._exit(0)
"""

WINDOW = """
import os, sys
from pathlib import Path
from PySide6.QtCore import QPoint
from PySide6.QtWidgets import QApplication
from jobdesk.runtime.loop import create_loop
from jobdesk.window.main_window import MainWindow
from jobdesk.window.pages import KEYS
from jobdesk.connection.session import Session
from jobdesk.kit.theme import theme
from jobdesk_core.journal import Journal
from jobdesk_core.profiles import ProfileStore
app = QApplication([])
theme().install(app)
loop = create_loop(app, already_running=True)
window = MainWindow(Session(ProfileStore(Path(sys.argv[1])), Journal(Path(sys.argv[1] + ".journal"))))
window.show()
for key in KEYS:
    window.view.pages.setCurrentWidget(window.view.pages.get(key))
    app.processEvents()
    app.processEvents()
    least, foot = window.minimumSizeHint(), window.view.footer.mapTo(window, QPoint(0, window.view.footer.height()))
    print(key, window.width(), window.height(), least.width(), least.height(), foot.y(), window.view.footer.width())
sys.stdout.flush()
os._exit(0)
"""
SCREENS = pytest.mark.parametrize(("width", "height"), [(853, 533), (720, 450)])


@SCREENS
def test_a_dialog_fits_the_screen_and_shows_its_verb(tmp_path: Path, width: int, height: int) -> None:
    lines = printed(tmp_path, SCRIPT, width, height)
    assert len(lines) == 3
    for name, *numbers in lines:
        most_width, most_height, wide, high, right, bottom = map(int, numbers)
        assert (most_width, most_height) == (width, height)
        assert wide <= width and high <= height, (name, wide, high)
        assert right < wide and bottom < high, (name, right, bottom)


FORM = """
import os, sys
from PySide6.QtWidgets import QApplication
from jobdesk.kit.theme import theme
from jobdesk.connection.dialog import ConnectionDialog
from jobdesk.runtime.loop import create_loop
from jobdesk_core.profiles import ProfileStore
from pathlib import Path
app = QApplication([])
theme().install(app)
loop = create_loop(app, already_running=True)
kept = []
for method in ("environment", "dsn", "arguments"):
    dialog = ConnectionDialog(None, store=ProfileStore(Path(sys.argv[1])))
    kept.append(dialog)
    dialog.open()
    app.processEvents()
    form = dialog.form
    form.method.choose(["environment", "dsn", "arguments"].index(method))
    app.processEvents()
    form.show_keyring("This machine offers no keyring (NoKeyringError).")
    for _ in range(5):
        app.processEvents()
    says = form.paste.says
    needed = says.heightForWidth(says.width())
    print(method, form.paste.edit.geometry().bottom(), says.geometry().top(), says.height(), needed)
sys.stdout.flush()
os._exit(0)
"""


def test_what_the_form_of_a_connection_says_covers_none_of_its_fields(tmp_path: Path) -> None:
    lines = printed(tmp_path, FORM, 1440, 900)
    assert len(lines) == 3
    for method, *numbers in lines:
        field_ends, words_begin, high, needed = map(int, numbers)
        assert field_ends < words_begin and high >= needed, (method, numbers)


@SCREENS
def test_the_window_fits_the_screen_with_every_page_and_shows_its_footer(
    tmp_path: Path, width: int, height: int
) -> None:
    lines = printed(tmp_path, WINDOW, width, height)
    assert len(lines) == len(KEYS)
    for name, *numbers in lines:
        wide, high, least_wide, least_high, foot, foot_wide = map(int, numbers)
        assert wide <= width and high <= height - 20, (name, wide, high)  # the desktop's frame is around it
        assert least_wide <= wide and least_high <= high, (name, least_wide, least_high)
        assert foot == high and foot_wide == wide, (name, foot, foot_wide)


def printed(tmp_path: Path, script: str, width: int, height: int) -> list[list[str]]:
    """The words of each line that a program prints on a screen of this size."""
    screen = f'{{"screens": [{{"name": "small", "x": 0, "y": 0, "width": {width}, "height": {height}}}]}}'
    (tmp_path / "screen.json").write_text(screen)
    ended = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path / "profiles.toml")],
        env={"QT_QPA_PLATFORM": f"offscreen:configfile={tmp_path / 'screen.json'}", "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    return [line.split() for line in ended.stdout.splitlines()]
