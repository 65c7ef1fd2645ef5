"""Keeps the screen on while something is to be read on it, where the desktop lets a program ask for that."""

from __future__ import annotations

import ctypes
import os
import sys
from typing import Any

_NAME, _PATH = "org.freedesktop.ScreenSaver", "/org/freedesktop/ScreenSaver"
#: A connection of its own: what was asked for on it ends with it.
_BUS = "jobdesk-wall"
#: What Windows calls "from now on", and "the display is needed".
_FROM_NOW_ON, _DISPLAY = 0x80000000, 0x00000002


class Awake:
    """Between `begin` and `end`; what the desktop cannot do is passed over."""

    def __init__(self) -> None:
        self._is_asked = False

    def begin(self) -> None:
        """Ask for it."""
        if sys.platform == "win32":
            _tell_windows(_FROM_NOW_ON | _DISPLAY)
        elif sys.platform == "linux" and os.environ.get("DBUS_SESSION_BUS_ADDRESS") and not self._is_asked:
            from PySide6.QtDBus import QDBusConnection, QDBusMessage

            bus = QDBusConnection.connectToBus(QDBusConnection.BusType.SessionBus, _BUS)
            if bus.isConnected():
                asked = QDBusMessage.createMethodCall(_NAME, _PATH, _NAME, "Inhibit")
                asked.setArguments(["Jobdesk", "A wall is on show"])
                bus.asyncCall(asked)
                self._is_asked = True

    def end(self) -> None:
        """It may go off again."""
        if sys.platform == "win32":
            _tell_windows(_FROM_NOW_ON)
        elif self._is_asked:
            from PySide6.QtDBus import QDBusConnection

            QDBusConnection.disconnectFromBus(_BUS)
            self._is_asked = False


def _tell_windows(state: int) -> None:
    libraries: Any = ctypes
    libraries.windll.kernel32.SetThreadExecutionState(state)
