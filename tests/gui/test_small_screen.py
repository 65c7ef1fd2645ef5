"""Every dialog on a small screen: no larger than it, and its verb in sight."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = """
import asyncio, sys
from PySide6.QtWidgets import QApplication
from jobdesk.theme import theme
from jobdesk.dialogs.about import AboutDialog
from jobdesk.dialogs.connection import ConnectionDialog
from jobdesk.dialogs.shortcuts import ShortcutsDialog
from jobdesk.loop import create_loop
from jobdesk_core.profiles import ProfileStore
from pathlib import Path
app = QApplication([])
theme().install(app)
loop = create_loop(app, already_running=True)
most = app.primaryScreen().availableSize()
for make in (lambda: ConnectionDialog(None, store=ProfileStore(Path(sys.argv[1]))), lambda: ShortcutsDialog(None),
             lambda: AboutDialog(None)):
    dialog = make()
    dialog.open()
    app.processEvents()
    foot = dialog.verb.mapTo(dialog, dialog.verb.rect().bottomRight())
    print(type(dialog).__name__, most.width(), most.height(), dialog.width(), dialog.height(), foot.x(), foot.y())
import os
sys.stdout.flush()
os._exit(0)
"""


@pytest.mark.parametrize(("width", "height"), [(853, 533), (720, 450)])
def test_a_dialog_fits_the_screen_and_shows_its_verb(tmp_path: Path, width: int, height: int) -> None:
    screen = f'{{"screens": [{{"name": "small", "x": 0, "y": 0, "width": {width}, "height": {height}}}]}}'
    (tmp_path / "screen.json").write_text(screen)
    ended = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(tmp_path / "profiles.toml")],
        env={"QT_QPA_PLATFORM": f"offscreen:configfile={tmp_path / 'screen.json'}", "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    lines = [line.split() for line in ended.stdout.splitlines()]
    assert len(lines) == 3, ended.stderr
    for name, *numbers in lines:
        most_width, most_height, wide, high, right, bottom = map(int, numbers)
        assert (most_width, most_height) == (width, height)
        assert wide <= width and high <= height, (name, wide, high)
        assert right < wide and bottom < high, (name, right, bottom)
