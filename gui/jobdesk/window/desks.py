"""Several desks at once: each a tab of a window, or in a window of its own; only those in sight ask much.

A desk that was open last time is a tab again, and is connected only when somebody looks at it: nobody is asked for a
dozen passwords.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from jobdesk_core.profiles import Profile
from PySide6.QtCore import QObject, QPoint, Qt, Signal
from PySide6.QtWidgets import QVBoxLayout, QWidget
from shiboken6 import isValid

from jobdesk.connection.desk import Desk
from jobdesk.fleet.board import FleetBoard
from jobdesk.kit.work import Work
from jobdesk.window.desk_frame import DeskFrame, Tab
from jobdesk.window.main_window import MainWindow

if TYPE_CHECKING:
    from jobdesk.window.wall import Wall


class Desks(QObject):
    """Every desk of the program. `make` makes the window of one, with a session of its own."""

    #: All may end: whatever runs or is staged was asked about.
    ending = Signal()
    #: Another tab, or another window, is the one that a person looks at.
    chosen = Signal()
    made = Signal(object)  # a MainWindow

    def __init__(self, make: Callable[[], MainWindow]) -> None:
        super().__init__()
        self._make = make
        self._work = Work(self)
        #: Of each tab whose connection is being closed: set once it is.
        self._leaving: dict[Tab, asyncio.Event] = {}
        #: What the Fleet page of every window shows; for who holds no store of connections none.
        self.board: FleetBoard | None = None
        self._wall: Wall | None = None
        self.frames: list[DeskFrame] = [self._new_frame()]
        #: Whether the program goes on in the tray once its last window is closed.
        self.stays: Callable[[], bool] = lambda: False

    @property
    def windows(self) -> list[MainWindow]:
        """The windows of the desks that somebody has looked at."""
        return [tab.window for tab in self.tabs if tab.window is not None]

    @property
    def tabs(self) -> list[Tab]:
        """All tabs, window by window."""
        return [tab for frame in self.frames for tab in frame.tabs]

    @property
    def current(self) -> MainWindow:
        """The desk that a person looks at, or looked at last."""
        frame = next((each for each in self.frames if each.isActiveWindow()), self.frames[0])
        tab = frame.current or self.tabs[0]
        return self._window_of(tab)

    def open(self, profile: Profile | None = None, password: str | None = None, *, is_shown: bool = True) -> Tab:
        """A new tab for this connection, or for one that is yet to be chosen.

        Without `is_shown` it is only there, and is connected when somebody chooses it.
        """
        frame = next((each for each in self.frames if each.isActiveWindow()), self.frames[0])
        tab = Tab(_place(), profile if password is None else None)
        frame.add(tab)
        if is_shown:
            frame.choose(len(frame.tabs) - 1)
            if profile is not None and password is not None:
                self._window_of(tab).view.session.open(profile, password)
        return tab

    def show_profile(self, name: str) -> MainWindow | None:
        """Bring the tab of this connection to the front, if there is one."""
        for frame in self.frames:
            for place, tab in enumerate(frame.tabs):
                if tab.shown is not None and tab.shown.name == name:
                    frame.choose(place)
                    _raise(frame)
                    return self._window_of(tab)
        return None

    def share(self, board: FleetBoard) -> None:
        """Have every window show this board, which asks nobody whom a tab follows."""
        self.board = board
        board.open_desks = self._open_desks
        for window in self.windows:
            window.view.commands.fleet.share(board)

    def lead_to(self, profile: Profile, page: str, filter_text: str) -> None:
        """Show a connection's tab, a new one where there is none, at a page or the jobs of a filter."""
        here = self.current
        window = self.show_profile(profile.name)
        if window is None:
            session = here.view.session
            if session.desk is None and not session.is_opening:
                session.open(profile)
                window = here
            else:
                self.open(profile)
                window = self.current
        if window is not here:
            here.view.above.leave()
        window.view.commands.fleet.lead(page, filter_text)

    def show_wall(self) -> Wall | None:
        """Show the board over the whole screen, until somebody leaves it; None where there is no board."""
        if self.board is None:
            return None
        from jobdesk.window.wall import Wall

        wall = self._wall = Wall(self.board)
        wall.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        wall.showFullScreen()
        return wall

    def _open_desks(self) -> list[tuple[str, Desk]]:
        sessions = [window.view.session for window in self.windows]
        return [
            (each.profile.name, each.desk) for each in sessions if each.profile is not None and each.desk is not None
        ]

    def close(self, tab: Tab) -> None:
        """Close a desk; when acts run or changes are staged, only if that is meant. The last one ends the program."""
        if len(self.tabs) == 1:
            self.end()
            return
        if tab.window is None:
            self._let_go(tab)
        else:
            tab.window.view.ask_to_end(partial(self._let_go, tab))

    def own_window(self, tab: Tab, where: QPoint | None = None) -> None:
        """Move a desk into a window of its own."""
        former = self._frame_of(tab)
        if len(former.tabs) == 1:
            return
        former.take(tab)
        frame = self._new_frame()
        self.frames.append(frame)
        frame.resize(former.size())
        if where is not None:
            frame.move(where)
        frame.add(tab)
        frame.choose(0)
        frame.show()
        _raise(frame)

    def come(self) -> None:
        """Bring the windows back to sight, from the tray or from behind others."""
        for frame in self.frames:
            frame.show()
        _raise(next((each for each in self.frames if each.isActiveWindow()), self.frames[0]))

    def end(self) -> None:
        """End the program, once every desk agrees, one after the other."""
        self._ask(self.windows)

    def saved(self) -> list[str]:
        """The names of the connections that have tabs, in their order."""
        return [tab.shown.name for tab in self.tabs if tab.shown is not None]

    def _ask(self, windows: list[MainWindow]) -> None:
        if windows:
            windows[0].view.ask_to_end(partial(self._ask, windows[1:]))
        else:
            self.ending.emit()

    def _let_go(self, tab: Tab) -> None:
        frame = self._frame_of(tab)
        frame.take(tab)
        window = tab.window
        # Hidden at once; gone when its connection has been closed in good order.
        tab.place.setParent(None)
        if window is not None:
            self._work.start(self._ended(tab, window), name=f"end of {id(tab)}")
        else:
            tab.place.deleteLater()
        if not frame.tabs:
            self.frames.remove(frame)
            frame.hide()
            frame.deleteLater()

    async def _ended(self, tab: Tab, window: MainWindow) -> None:
        left = self._leaving[tab] = asyncio.Event()
        try:
            await _stopped(window)
        finally:
            tab.place.deleteLater()
            left.set()
            del self._leaving[tab]

    async def stop(self) -> None:
        """Close every connection in good order before the program ends."""
        for left in list(self._leaving.values()):
            await left.wait()
        await self._work.stop()
        for window in self.windows:
            await _stopped(window)

    def _window_of(self, tab: Tab) -> MainWindow:
        if tab.window is None:
            window = tab.window = self._make()
            window.setWindowFlags(Qt.WindowType.Widget)
            # The desk is as large as its frame allows, and asks for no more.
            window.setMinimumSize(0, 0)
            layout = tab.place.layout()
            assert layout is not None
            layout.addWidget(window)
            for changed in (
                window.view.session.desk_changed,
                window.view.session.opening,
                window.view.session.trouble,
                window.view.state_shown,
            ):
                changed.connect(self._show_tabs)
            window.view.above.changed.connect(self._show_tabs)
            window.view.commands.fleet.opening = self.lead_to
            window.view.commands.fleet.wall_asked_for.connect(self.show_wall)
            if self.board is not None:
                window.view.commands.fleet.share(self.board)
            asked = window.view.commands.tab
            asked.new_asked_for.connect(lambda: self.open())
            asked.closing_asked_for.connect(partial(self.close, tab))
            asked.own_window_asked_for.connect(partial(self.own_window, tab))
            asked.step_asked_for.connect(lambda by: self._frame_of(tab).step(by))
            window.view.commands.connection.apart_asked_for.connect(self.open)
            # The end is that of every desk, and asks them all.
            window.view.commands.app.quit_asked_for.disconnect()
            window.view.commands.app.quit_asked_for.connect(self.end)
            window.closing.connect(self.ending)
            self.made.emit(window)
            window.show()
            if tab.profile is not None:
                window.view.session.open(tab.profile)
        return tab.window

    def _show_tabs(self) -> None:
        if self.board is not None:
            self.board.look_elsewhere()
        for frame in self.frames:
            # At the end a window may be gone while a link of its tabs still tells its state.
            if isValid(frame):
                frame.show_tabs()

    def _frame_of(self, tab: Tab) -> DeskFrame:
        return next(frame for frame in self.frames if tab in frame.tabs)

    def _new_frame(self) -> DeskFrame:
        frame = DeskFrame()
        frame.close_asked_for.connect(self.close)
        frame.new_asked_for.connect(lambda: self.open())
        frame.torn_off.connect(self.own_window)
        frame.chosen.connect(partial(self._chosen, frame))
        frame.closing.connect(partial(self._close_frame, frame))
        return frame

    def _chosen(self, frame: DeskFrame) -> None:
        if frame.current is not None:
            self._window_of(frame.current)
            self.chosen.emit()

    def _close_frame(self, frame: DeskFrame) -> None:
        if len(self.frames) == 1 and self.stays():
            frame.hide()
        elif len(self.frames) == 1:
            self.end()
        else:
            for tab in list(frame.tabs):
                self.close(tab)


async def _stopped(window: MainWindow) -> None:
    # In this order: what was done is in the journal.
    await window.view.acting.acts.stop()
    await window.view.session.stop()


def _place() -> QWidget:
    place = QWidget()
    layout = QVBoxLayout(place)
    layout.setContentsMargins(0, 0, 0, 0)
    return place


def _raise(frame: DeskFrame) -> None:
    frame.setWindowState(frame.windowState() & ~Qt.WindowState.WindowMinimized)
    frame.show()
    frame.raise_()
    frame.activateWindow()
