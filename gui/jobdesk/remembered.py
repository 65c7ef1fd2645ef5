"""What the program remembers of its looks between two starts: the window's place, the theme, and each profile's layout.

A setting that cannot be read is passed over: it never keeps the program from starting.
"""

from __future__ import annotations

import contextlib
import json
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QByteArray, QObject, QSettings
from PySide6.QtWidgets import QMainWindow

from jobdesk.theme import theme

if TYPE_CHECKING:
    from jobdesk.main_window import MainWindow

MODES = ("system", "light", "dark")
#: Profiles whose layout is kept, the last used first, and the most characters of one.
MOST_LAYOUTS, MOST_CHARACTERS = 50, 20_000


def restore(window: QMainWindow, mode: str | None) -> None:
    """Put the window where it was, and take on the theme: the one asked for, or else that of last time."""
    settings = _settings()
    geometry = settings.value("geometry")
    if isinstance(geometry, QByteArray):
        window.restoreGeometry(geometry)
    wanted = mode or settings.value("theme")
    if wanted in MODES:
        theme().set_mode(wanted)


def keep(window: QMainWindow) -> None:
    """Remember how it looks now."""
    settings = _settings()
    settings.setValue("geometry", window.saveGeometry())
    settings.setValue("theme", theme().mode)


class Layouts(QObject):
    """Keeps the layout of each profile when it is left, and arranges the window when it is opened again."""

    def __init__(self, window: MainWindow) -> None:
        super().__init__(window)
        self._window = window
        self._shown = ""
        window.session.desk_changed.connect(self._follow)

    def _follow(self) -> None:
        if self._shown:
            keep_layout(self._shown, self._window.arrangement.take())
        session = self._window.session
        self._shown = session.profile.name if session.desk is not None and session.profile is not None else ""
        if self._shown:
            layout = kept_layouts().get(self._shown)
            self._window.arrangement.reset()
            self._window.arrangement.put(layout if isinstance(layout, dict) else {"page": "jobs"})


def kept_layouts() -> dict[str, Any]:
    """The layouts by profile, the last used first; none when what is stored cannot be read."""
    with contextlib.suppress(ValueError, TypeError, RecursionError):
        layouts = json.loads(str(_settings().value("layouts") or "{}"))
        if isinstance(layouts, dict):
            return layouts
    return {}


def keep_layout(profile: str, layout: dict[str, Any]) -> None:
    """Remember a profile's layout before all others; those used longest ago are forgotten."""
    if len(json.dumps(layout)) > MOST_CHARACTERS:
        return
    layouts = {profile: layout} | {name: each for name, each in kept_layouts().items() if name != profile}
    _settings().setValue("layouts", json.dumps(dict(list(layouts.items())[:MOST_LAYOUTS])))


def _settings() -> QSettings:
    return QSettings(QSettings.Format.IniFormat, QSettings.Scope.UserScope, "jobdesk", "window")
