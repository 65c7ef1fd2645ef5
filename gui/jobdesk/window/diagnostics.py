"""What helps to understand a fault, as text: versions, what the database can do, how the feed does, the last faults.

No host, port, database, role, profile or job is named, and no message of an error, so it can be sent to anyone.
"""

from __future__ import annotations

import importlib.metadata
import locale
import platform
import sys
from collections.abc import Iterable

from jobdesk_core.clock import ServerClock
from jobdesk_core.connectors import driver
from jobdesk_core.connectors.driver import dotted
from jobdesk_core.history.history import History
from PySide6 import __version__ as pyside_version
from PySide6.QtCore import qVersion
from PySide6.QtGui import QGuiApplication

from jobdesk.connection.desk import Desk
from jobdesk.kit.theme import theme
from jobdesk.runtime.logs import recent


def versions() -> list[tuple[str, str]]:
    """The program's own and those of what it stands on, by name."""
    return [
        ("Jobdesk", importlib.metadata.version("jobdesk")),
        ("Python", platform.python_version()),
        ("Qt", f"{qVersion()} (PySide {pyside_version})"),
        *driver.versions(),
    ]


def diagnostics(desk: Desk | None) -> str:
    """Everything, a line each."""
    sections = [_lines([*versions(), *_machine()]), _lines(_database(desk))]
    faults = list(recent.lines)
    sections.append("\n".join(["Last faults:", *faults]) if faults else "Last faults: none")
    return "\n\n".join(sections) + "\n"


def _machine() -> list[tuple[str, str]]:
    screen = QGuiApplication.primaryScreen()
    size = screen.size()
    return [
        ("platform", f"{platform.system()} {platform.release()} {platform.machine()}"),
        ("window system", QGuiApplication.platformName()),
        ("screen", f"{size.width()}×{size.height()} at {screen.devicePixelRatio():g}"),
        ("installed as", "bundle" if getattr(sys, "frozen", False) else "package"),
        ("language", locale.getlocale()[0] or "C"),
        ("theme", f"{theme().mode}, {'dark' if theme().tokens.is_dark else 'light'}, text {theme().text_percent} %"),
    ]


def _database(desk: Desk | None) -> list[tuple[str, str]]:
    if desk is None:
        return [("database", "not connected")]
    able = desk.capabilities
    state = desk.state
    flags = {name: getattr(able, name) for name in able.__dataclass_fields__ if name.startswith(("has_", "is_"))}
    rights = able.rights
    named = ("read", "defer", "cancel", "retry", "delete", "install")
    return [
        ("PostgreSQL", dotted(able.server_version)),
        ("Procrastinate schema", able.release if able.has_schema else "none"),
        ("connection", f"by {desk.profile.method}{', read-only' if desk.profile.is_read_only else ''}"),
        ("feed", f"{state.mode} since {state.since.isoformat(timespec='seconds')}"),
        ("clock", _clock(desk.connector.clock)),
        ("history", _history(desk.monitor.history)),
        ("has", ", ".join(name for name, value in flags.items() if value is True) or "nothing"),
        ("has not", ", ".join(name for name, value in flags.items() if value is False) or "nothing"),
        ("may", ", ".join(name for name in named if getattr(rights, name) is None) or "nothing"),
        ("statuses", ", ".join(able.statuses)),
        ("functions", str(len(able.functions))),
    ]


def _clock(clock: ServerClock) -> str:
    if clock.uncertainty_s is None:
        return "not measured"
    return f"{clock.ahead_s:+.3f} s beside the server's, ± {clock.uncertainty_s * 1000:.0f} ms"


def _history(history: History) -> str:
    if history.trouble is not None:
        return "in memory, as it cannot be written"
    return "on disk" if history.path is not None else "in memory"


def _lines(pairs: Iterable[tuple[str, str]]) -> str:
    return "\n".join(f"{name}: {value}" for name, value in pairs)
