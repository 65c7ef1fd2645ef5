"""What the program remembers of its looks between two starts: the window's place, the theme, the help's print."""

from __future__ import annotations

from PySide6.QtCore import QByteArray, QSettings
from PySide6.QtWidgets import QMainWindow

from jobdesk.theme import theme

MODES = ("system", "light", "dark")


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


def help_size() -> int | None:
    """The size of the help's print in pixels, when one was chosen."""
    held = str(_settings().value("help_size", ""))
    return int(held) if held.isdecimal() else None


def keep_help_size(size_px: int) -> None:
    """Remember the size of the help's print."""
    _settings().setValue("help_size", size_px)


def _settings() -> QSettings:
    return QSettings(QSettings.Format.IniFormat, QSettings.Scope.UserScope, "jobdesk", "window")
