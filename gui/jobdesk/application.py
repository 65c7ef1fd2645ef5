"""The program: arguments, the application, the loop, start and end."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import importlib.metadata
import os
import signal
import sys
from collections.abc import Callable, Coroutine
from dataclasses import replace
from pathlib import Path
from typing import Any

from jobdesk_core import cli
from jobdesk_core.cli import typed_secrets
from jobdesk_core.demo import Demo, DemoError
from jobdesk_core.journal import Journal
from jobdesk_core.profiles import (
    NAMES_A_DATABASE,
    Profile,
    ProfileStore,
    UnreadableProfiles,
    profile_of_dsn,
    profile_of_environment,
)
from jobdesk_core.troubles import Trouble
from PySide6.QtCore import QCoreApplication, QLibraryInfo, QMessageLogContext, QtMsgType, qInstallMessageHandler
from PySide6.QtGui import QIcon
from PySide6.QtWidgets import QApplication

from jobdesk.alerts.desktop import Desktop, keeps_in_tray
from jobdesk.alerts.seeing import Seeing, source_of
from jobdesk.alerts.watcher import Source, Watcher
from jobdesk.connection.session import Session
from jobdesk.fleet.board import FleetBoard
from jobdesk.kit.theme import theme
from jobdesk.kit.theme.theme import NoFontFound
from jobdesk.kit.work import Work
from jobdesk.linking.doorway import Doorway, pass_on, usual_path
from jobdesk.linking.link import profile_name
from jobdesk.linking.opening import LinkOpening
from jobdesk.runtime import display, logs, loop, system_libraries, translation
from jobdesk.runtime.garbage import collect_here, forget_sources
from jobdesk.runtime.resources import resource
from jobdesk.window import remembered
from jobdesk.window.alerting import is_watched, show_place
from jobdesk.window.desks import Desks
from jobdesk.window.main_window import MainWindow
from jobdesk.window.pages import KEYS
from jobdesk.window.unexpected import Unexpected

DEMO = Profile(name="demo", method="dsn", environment="demo", colour="#6b4bc4")

#: Seconds that the first rows have to themselves.
FIRST_ROWS_S = 1.0
#: Who goes through the window instead of a person; told whether anything is being opened, returns the exit code.
Guide = Callable[[MainWindow, bool], Coroutine[Any, Any, int]]


def parse_arguments(arguments: list[str]) -> argparse.Namespace:
    """Read the command line."""
    typed_secrets.hide(arguments)
    parser = typed_secrets.Parser(
        prog="jobdesk",
        description="The desktop console for Procrastinate job queues.\n\n"
        f"without the window, jobdesk COMMAND ... (each has a --help):\n{cli.listed()}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    source = parser.add_mutually_exclusive_group()
    source.add_argument("--profile", metavar="NAME", help="open a saved connection")
    source.add_argument("--dsn", help="connect by a connection string, or '' for libpq's environment")
    source.add_argument("--demo", action="store_true", help="an embedded PostgreSQL with workers and sample jobs")
    parser.add_argument("link", metavar="jobdesk://…", nargs="?", help="show what a link names, in the desk that runs")
    parser.add_argument("--schema", metavar="NAME", help="the schema that Procrastinate lies in")
    parser.add_argument("--ssh", metavar="HOST", help="go through this host of SSH")
    parser.add_argument("--wall", action="store_true", help="the fleet over the whole screen, to be looked at")
    parser.add_argument("--theme", choices=remembered.MODES, help="the default is that of last time")
    parser.add_argument("--version", action="version", version=importlib.metadata.version("jobdesk"))
    return parser.parse_args(arguments)


class Program:
    """One window, one session, perhaps a demo; made and ended on the loop.

    With a guide it is as new, remembers nothing and hears of no links.
    """

    def __init__(self, options: argparse.Namespace, app: QApplication, guide: Guide | None = None) -> None:
        forget_sources()
        self._options, self._guide = options, guide
        self._app = app
        self._ending = asyncio.Event()
        self._demo: Demo | None = None
        self._store, self._journal = ProfileStore(), Journal()
        self.desks = Desks(lambda: MainWindow(Session(self._store, self._journal)))
        self.desks.made.connect(self._made)
        self.board = FleetBoard(self._store, self.desks)
        self.desks.share(self.board)
        if guide is None:
            self.board.choose_interval(remembered.interval_of_fleet())
            self.board.interval_changed.connect(remembered.keep_interval_of_fleet)
        frame = self.desks.frames[0]
        #: What is remembered of each desk's arrangement, and the links that are on their way to it.
        self._memories: dict[MainWindow, remembered.Memory] = {}
        self._links: dict[MainWindow, LinkOpening] = {}
        self._work = Work(self.desks)
        self.watcher = Watcher(self.desks)
        self.watcher.sources = self._sources
        self.desktop = Desktop(self.watcher, self.desks)
        self.desktop.alerts_asked_for.connect(self._show_alerts)
        self.desktop.place_asked_for.connect(lambda way, alert: show_place(self.desks, way, alert, self._saved))
        self.desktop.window_asked_for.connect(self.desks.come)
        self.desktop.end_asked_for.connect(self.desks.end)
        self.desks.stays = keeps_in_tray
        self._seeing: dict[MainWindow, Seeing] = {}
        self._unexpected = Unexpected(frame)
        with theme().undressed():
            self.desks.open()
            if guide is None:
                remembered.restore(frame, options.theme)

    @property
    def window(self) -> MainWindow:
        """The desk that a person looks at."""
        return self.desks.current

    def _made(self, window: MainWindow) -> None:
        """A desk has been made: what is remembered of it, and what it asks of the program."""
        self._links[window] = LinkOpening(window.view, window.view.session, KEYS)
        if self._guide is None:
            self._memories[window] = remembered.Memory(window.view)
        window.view.commands.demo.asked_for.connect(self.start_demo)
        self._seeing[window] = Seeing(window.view.session)
        window.view.alerts.follow(self.watcher)
        known: tuple[dict[MainWindow, Any], ...] = (self._links, self._memories, self._seeing)
        window.destroyed.connect(lambda: [each.pop(window, None) for each in known])

    def _sources(self) -> list[Source]:
        """The databases that rules watch, open in a tab or not, each once."""
        self.board.watch(lambda profile: is_watched(profile, self.watcher.book, self.desks))
        found = {source.name: source for seeing in self._seeing.values() if (source := seeing.source()) is not None}
        others = [member for member in self.board.members if member.name not in found]
        return [*found.values(), *(source_of(member, self.board.ask) for member in others)]

    def _show_alerts(self, database: str) -> None:
        """The button of a notification: the tab of its database, a new one where there is none, with what is active."""
        window = self.desks.show_profile(database) if database else None
        if window is None and (profile := self._saved(database)) is not None:
            self.desks.lead_to(profile, "overview", "")
        self.desks.come()
        (window or self.window).view.alerts.come(0)

    def _open_link(self, text: str) -> bool:
        """Show what a link names: in the tab of its connection, or a new one where another is open here."""
        name = profile_name(text)
        window = (self.desks.show_profile(name) if name else None) or self.window
        profile = window.view.session.profile
        if profile is not None and profile.name != name and self._saved(name) is not None:
            self.desks.open()
            window = self.window
        return self._links[window].open(text)

    def _saved(self, name: str) -> Profile | None:
        try:
            return self._store.get(name)
        except UnreadableProfiles:
            return None  # told where it is opened

    async def main(self) -> int:
        """Run until the window is closed or a signal comes, then end in good order."""
        self._connect()
        if self._options.wall and self._guide is None:
            return await self._on_the_wall()
        self.desks.frames[0].show()
        if self._guide is None:
            self._work.start(Doorway(usual_path(), self._open_link).stand_open(), name="links")
            self._work.start(self._begin_alerts(), name="alerts")
        collect_here(self.desks)
        code = 0
        try:
            is_opening = self._open_what_was_asked_for()
            if self._guide is not None:
                code = await self._guide(self.window, is_opening)
            else:
                await self._ending.wait()
        finally:
            for memory in self._memories.values():
                memory.keep()
            if self._guide is None:
                remembered.keep_tabs(self.desks.saved())
            for frame in self.desks.frames:
                frame.hide()
            await self._work.stop()
            await self.board.stop()
            if self._guide is None:
                await self.desktop.stop()
                await self.watcher.stop()
            await self.desks.stop()
            if self._demo is not None:
                await asyncio.to_thread(self._demo.stop)
        return code

    async def _begin_alerts(self) -> None:
        """Once the first rows have had time to come: no rule is as quick as that."""
        await asyncio.sleep(FIRST_ROWS_S)
        self.watcher.start()
        self.desktop.start()

    async def _on_the_wall(self) -> int:
        """Show the board alone, until somebody leaves it."""
        options = self._options
        if options.demo:
            self._demo = await asyncio.to_thread(Demo.start, lambda _: None)
            self.board.show_only(replace(DEMO, dsn=self._demo.dsn))
        elif options.dsn is not None:
            self.board.show_only(*profile_of_dsn(options.dsn))
        elif options.profile is not None:
            self.board.show_only(options.profile)
        collect_here(self.desks)
        wall = self.desks.show_wall()
        try:
            if wall is not None:
                wall.left.connect(self._ending.set)
            await self._ending.wait()
        finally:
            await self._work.stop()
            await self.board.stop()
            await self.desks.stop()
            if self._demo is not None:
                await asyncio.to_thread(self._demo.stop)
        return 0

    def _connect(self) -> None:
        running = asyncio.get_running_loop()
        running.set_exception_handler(self._loop_error)
        self._unexpected.install()
        self._unexpected.interrupted.connect(self._ending.set)
        for number in (signal.SIGINT, signal.SIGTERM):
            with contextlib.suppress(NotImplementedError):  # Windows
                running.add_signal_handler(number, self._ending.set)
        self.desks.ending.connect(self._ending.set)

    def _open_what_was_asked_for(self) -> bool:
        """Whether anything is being opened."""
        options = self._options
        if options.link is not None:
            return self._open_link(options.link)
        if options.demo:
            self.start_demo()
        elif options.dsn is not None:
            self._open(*profile_of_dsn(options.dsn))
        else:
            return self._open_saved(options.profile)
        return True

    def _open(self, profile: Profile, password: str | None = None) -> bool:
        given = {"schema": self._options.schema, "ssh": self._options.ssh}
        self.window.view.session.open(
            replace(profile, **{name: value for name, value in given.items() if value}), password
        )
        return True

    def _open_saved(self, name: str | None) -> bool:
        store = self._store
        try:
            wanted = name or store.last_used
            profile = store.get(wanted) if wanted else None
            every = store.all()
            names = [each.name for each in every]
        except UnreadableProfiles as error:
            self.window.view.show_trouble(Trouble("unknown", str(error)))
            return False
        if profile is not None:
            self._open(profile)
            if name is None:
                self._restore_tabs(profile, every)
            return True
        if name is None and any(variable in os.environ for variable in NAMES_A_DATABASE):
            return self._open(profile_of_environment())
        if name is not None:
            known = ", ".join(names) or _tr("none")
            self.window.view.show_trouble(
                Trouble(
                    "bad_input",
                    _tr("There is no saved connection {name}.").format(name=name),
                    _tr("Saved connections: {names}.").format(names=known),
                )
            )
        return False

    def _restore_tabs(self, first: Profile, every: list[Profile]) -> None:
        """The other tabs of last time are there again; each connects when it is looked at."""
        by_name = {profile.name: profile for profile in every}
        for name in remembered.tabs():
            if name != first.name and name in by_name:
                self.desks.open(by_name[name], is_shown=False)

    def start_demo(self) -> None:
        """Start the embedded server, its workers and its jobs, then connect."""
        if self._demo is not None:
            self._open_demo(self._demo)
            return
        running = asyncio.get_running_loop()
        start = self.window.view.start
        start.show_progress("…")

        def progress(sentence: str) -> None:
            running.call_soon_threadsafe(start.show_progress, sentence)

        self._work.start(
            asyncio.to_thread(Demo.start, progress), name="demo", then=self._open_demo, failed=self._demo_failed
        )

    def _open_demo(self, demo: Demo) -> None:
        self._demo = demo
        profile = Profile(name=DEMO.name, method="dsn", dsn=demo.dsn, environment="demo", colour=DEMO.colour)
        self.window.view.session.open(profile)

    def _demo_failed(self, error: Exception) -> None:
        if not isinstance(error, DemoError):
            raise error
        self.window.view.start.show_start()
        self.window.view.show_trouble(Trouble("unknown", _tr("The demo did not start."), str(error)))

    def _loop_error(self, _loop: asyncio.AbstractEventLoop, context: dict[str, object]) -> None:
        error = context.get("exception")
        if isinstance(error, BaseException):
            self._unexpected.caught(type(error), error, error.__traceback__)


def _tr(text: str) -> str:
    return QCoreApplication.translate("Program", text)


def main(arguments: list[str] | None = None, guide: Guide | None = None) -> int:
    """The command `jobdesk`, by default with the process's own arguments."""
    options = parse_arguments(sys.argv[1:] if arguments is None else arguments)
    # What we write is ours alone, also what Qt and libraries write for us.
    os.umask(0o077)
    if not display.is_there():
        sys.stderr.write(
            f"Jobdesk needs a display, and there is none here ({display.named()}): start it on a desktop, or use its "
            "commands, which `jobdesk --help` lists.\n"
        )
        return 2
    plugins = Path(QLibraryInfo.path(QLibraryInfo.LibraryPath.PluginsPath)) / "platforms"
    if (lacking := system_libraries.trouble(plugins)) is not None:
        sys.stderr.write(f"{lacking}\n")
        return 2
    if options.link is not None and pass_on(options.link, usual_path()):
        return 0
    logs.install()
    qInstallMessageHandler(_tell_qt_message)
    app = QApplication(sys.argv[:1])
    app.setApplicationName("Jobdesk")
    app.setDesktopFileName("jobdesk")
    app.setWindowIcon(QIcon(str(resource("icons/jobdesk.svg"))))
    app.setQuitOnLastWindowClosed(False)
    translation.install(app)
    try:
        theme().install(app)
    except NoFontFound as error:
        sys.stderr.write(f"{error}\n")
        return 2

    async def run() -> int:
        return await Program(options, app, guide).main()

    return loop.run(app, run())


def _tell_qt_message(_kind: QtMsgType, _context: QMessageLogContext, text: str) -> None:
    """Pass Qt's messages on, but for what the offscreen platform says of every dialog."""
    if not text.startswith("This plugin does not support"):
        sys.stderr.write(f"{text}\n")


if __name__ == "__main__":
    sys.exit(main())
