"""What the program remembers of its looks between two starts: the window's, and of each connection its arrangement.

Nothing of it is needed: what is missing, damaged or from another release is passed over without a word.
"""

from __future__ import annotations

import contextlib
import json
import os
from pathlib import Path
from typing import Any

from PySide6.QtCore import QByteArray, QObject, QSettings, QTimer
from PySide6.QtWidgets import QWidget

from jobdesk.kit import formats
from jobdesk.kit.theme import Density, Mode, theme
from jobdesk.window.shown import Shown

MODES: tuple[Mode, ...] = ("system", "light", "dark", "contrast-light", "contrast-dark")
DENSITIES: tuple[Density, ...] = ("compact", "comfortable")
#: Connections whose arrangement is kept, those used last, and characters that all of it may take.
MOST_ARRANGEMENTS, LONGEST = 50, 500_000
#: So many tabs come back.
MOST_TABS = 30
#: Milliseconds between a change of the arrangement and its being kept.
REST_MS = 1_000


def restore(window: QWidget, mode: str | None) -> None:
    """Put its window where it was, and take on the looks of last time, but for the theme that is asked for."""
    geometry = _value("geometry")
    if isinstance(geometry, QByteArray):
        window.window().restoreGeometry(geometry)
    wanted = mode or _value("theme")
    for each in MODES:
        if each == wanted:
            theme().set_mode(each)
    density = _value("density")
    for choice in DENSITIES:
        if choice == density:
            theme().set_density(choice)
    percent = str(_value("text_percent") or "")
    if percent.isdecimal() and len(percent) < 5:
        theme().set_text_percent(int(percent))
    formats.show_utc(_value("times") == "utc")


def keep(window: QWidget) -> None:
    """Remember how it looks now."""
    _keep(
        geometry=window.window().saveGeometry(),
        theme=theme().mode,
        density=theme().density,
        text_percent=theme().text_percent,
        times="utc" if formats.shows_utc() else "local",
    )


def arrangement_of(name: str) -> object:
    """What was kept for the connection of this name; None when nothing was, or nothing that can be read."""
    return next((kept for its, kept in _arrangements() if its == name), None)


def keep_arrangement(name: str, arrangement: dict[str, Any]) -> None:
    """Keep it for the connection of this name, and forget the ones that were not used for longest."""
    others = [(its, kept) for its, kept in _arrangements() if its != name]
    newest_first = [(name, arrangement), *others][:MOST_ARRANGEMENTS]
    _keep(arrangements=json.dumps(newest_first))


def rename_arrangement(old: str, new: str) -> None:
    """Keep the arrangement of a renamed connection under its new name."""
    kept = [(new if name == old else name, its) for name, its in _arrangements() if name != new]
    _keep(arrangements=json.dumps(kept))


def tabs() -> list[str]:
    """The names of the saved connections that were tabs last time, at most `MOST_TABS`."""
    kept = _value("tabs")
    names = kept if isinstance(kept, list) else [kept] if isinstance(kept, str) else []
    return [name for name in names if isinstance(name, str) and name][:MOST_TABS]


def keep_tabs(names: list[str]) -> None:
    """Remember which saved connections are tabs now."""
    _keep(tabs=names[:MOST_TABS])


def interval_of_fleet() -> float | None:
    """How often the databases of the fleet were asked last time, in seconds; None when that was not chosen."""
    try:
        return float(str(_value("fleet_interval_s")))
    except ValueError:
        return None


def keep_interval_of_fleet(seconds: float) -> None:
    """Remember how often they are asked."""
    _keep(fleet_interval_s=seconds)


class Memory(QObject):
    """Keeps the arrangement of the window for each connection, and puts it back when that is opened again."""

    def __init__(self, window: Shown) -> None:
        super().__init__(window.frame)
        self._window = window
        self._name = ""
        self._rest = QTimer(self, singleShot=True, interval=REST_MS)
        self._rest.timeout.connect(self.keep)
        window.arrangement.changed.connect(self._rest.start)
        theme().changed.connect(self._rest.start)
        window.session.desk_changed.connect(self._desk_changed)
        window.session.renamed.connect(self._renamed)

    def keep(self) -> None:
        """Keep the arrangement in force now, and the looks with it."""
        self._rest.stop()
        keep(self._window.frame)
        if self._name:
            keep_arrangement(self._name, self._window.arrangement.taken())

    def _renamed(self, old: str, new: str) -> None:
        rename_arrangement(old, new)
        if self._name == old:
            self._name = new

    def _desk_changed(self) -> None:
        self.keep()
        session = self._window.session
        self._name = session.profile.name if session.desk is not None and session.profile is not None else ""
        if self._name:
            self._window.arrangement.put(arrangement_of(self._name))


def _arrangements() -> list[tuple[str, object]]:
    text = _value("arrangements")
    if not isinstance(text, str) or len(text) > LONGEST:
        return []
    try:
        pairs = json.loads(text)
    except (ValueError, RecursionError):
        return []
    if not isinstance(pairs, list):
        return []
    return [
        (pair[0], pair[1])
        for pair in pairs[:MOST_ARRANGEMENTS]
        if isinstance(pair, list) and len(pair) == 2 and isinstance(pair[0], str)
    ]


def _value(key: str) -> object:
    """What the file holds; None when that is a value that Qt cannot make."""
    try:
        return _settings().value(key)
    except Exception:  # noqa: BLE001 - a damaged settings file must not keep the program from starting
        return None


def _keep(**values: object) -> None:
    settings = _settings()
    for key, value in values.items():
        settings.setValue(key, value)
    settings.sync()
    # Qt writes it for everyone to read; it names connections.
    with contextlib.suppress(OSError):
        Path(settings.fileName()).chmod(0o600)


def _settings() -> QSettings:
    """The file, or nothing at all where its place is taken by a pipe, say, which Qt would wait for."""
    kind, scope = QSettings.Format.IniFormat, QSettings.Scope.UserScope
    place = Path(QSettings(kind, scope, "jobdesk", "no-such-file").fileName()).with_name("window.ini")
    if place.exists() and not place.is_file():
        return QSettings(str(Path(os.devnull) / "none"), kind)
    return QSettings(kind, scope, "jobdesk", "window")
