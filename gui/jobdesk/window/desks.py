"""Several desks at once: each a tab of a window, or in a window of its own; only those in sight ask much.

A desk that was open last time is a tab again, and is connected only when somebody looks at it: nobody is asked for a
dozen passwords.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from jobdesk_core.profiles import ENVIRONMENTS, Profile
from PySide6.QtCore import QObject, QPoint, Qt, Signal
from PySide6.QtGui import QCloseEvent, QKeySequence, QShortcut
from PySide6.QtWidgets import QFrame, QHBoxLayout, QMainWindow, QStackedWidget, QToolButton, QVBoxLayout, QWidget

from jobdesk.kit import formats
from jobdesk.kit.theme import theme
from jobdesk.kit.work import Work
from jobdesk.window.arrangement import fit_screen
from jobdesk.window.desk_tabs import DeskTabs
from jobdesk.window.main_window import MainWindow


@dataclass(eq=False, slots=True)
class Tab:
    """One desk: what it is to be connected to, and its window once somebody has looked at it."""

    place: QWidget
    profile: Profile | None = None
    window: MainWindow | None = None

    @property
    def shown(self) -> Profile | None:
        """The connection that it is about."""
        return self.window.view.session.profile if self.window is not None else self.profile

    @property
    def state(self) -> str:
        """One of desk_tabs.STATES."""
        if self.window is None:
            return "none"
        session = self.window.view.session
        if session.desk is None:
            return "connecting" if session.is_opening else "closed" if session.is_refused else "none"
        return session.desk.state.mode if session.desk.capabilities.has_schema else "live"


class DeskFrame(QMainWindow):
    """A window on the screen: its desks as tabs, and the one that is chosen. One desk alone has no strip."""

    close_asked_for = Signal(object)  # a Tab
    new_asked_for = Signal()
    torn_off = Signal(object, QPoint)  # a Tab, and where
    chosen = Signal()
    #: The window is to be closed, with all that it holds.
    closing = Signal()

    def __init__(self) -> None:
        super().__init__()
        fit_screen(self)
        self.tabs: list[Tab] = []
        self.bar = DeskTabs()
        self._stack = QStackedWidget()
        self._strip = self._new_strip()
        central = QWidget()
        layout = QVBoxLayout(central)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(self._strip)
        layout.addWidget(self._stack, 1)
        self.setCentralWidget(central)
        self.bar.currentChanged.connect(self._choose)
        self.bar.tabMoved.connect(self._moved)
        self.bar.close_asked_for.connect(lambda place: self.close_asked_for.emit(self.tabs[place]))
        self.bar.torn_off.connect(lambda place, where: self.torn_off.emit(self.tabs[place], where))
        for number in range(1, 10):
            QShortcut(QKeySequence(f"Ctrl+{number}"), self, partial(self.choose, number - 1))
        self.show_tabs()

    @property
    def current(self) -> Tab | None:
        """The tab that is chosen."""
        place = self.bar.currentIndex()
        return self.tabs[place] if 0 <= place < len(self.tabs) else None

    def add(self, tab: Tab) -> None:
        """Hold one more desk, at the end."""
        self.tabs.append(tab)
        self._stack.addWidget(tab.place)
        # The first one would be chosen, and so connected, although nobody may look at it.
        self.bar.blockSignals(True)
        self.bar.add()
        self.bar.blockSignals(False)
        self.show_tabs()

    def take(self, tab: Tab) -> None:
        """Hold a desk no longer."""
        place = self.tabs.index(tab)
        self.tabs.pop(place)
        self._stack.removeWidget(tab.place)
        self.bar.removeTab(place)
        self.show_tabs()

    def choose(self, place: int) -> None:
        """Choose a tab by its place; none where there is none."""
        if 0 <= place < len(self.tabs):
            self.bar.setCurrentIndex(place)
            self._choose(place)

    def step(self, by: int) -> None:
        """Choose the next tab, or the one before, round and round."""
        if self.tabs:
            self.choose((self.bar.currentIndex() + by) % len(self.tabs))

    def show_tabs(self) -> None:
        """Tell in the strip and in the title what the tabs are about."""
        self._strip.setVisible(len(self.tabs) > 1)
        for place, tab in enumerate(self.tabs):
            profile = tab.shown
            name = profile.name if profile is not None else self.tr("New tab")
            environment = profile.environment if profile is not None else ""
            self.bar.show_desk(place, name, environment, _colour(profile), tab.state)
        current = self.current
        self.setWindowTitle(_title(current.shown if current is not None else None))

    def closeEvent(self, event: QCloseEvent) -> None:
        event.ignore()
        self.closing.emit()

    def _choose(self, place: int) -> None:
        if 0 <= place < len(self.tabs):
            self._stack.setCurrentWidget(self.tabs[place].place)
            self.chosen.emit()
            self.show_tabs()

    def _moved(self, former: int, now: int) -> None:
        self.tabs.insert(now, self.tabs.pop(former))
        self.show_tabs()

    def _new_strip(self) -> QFrame:
        strip = QFrame()
        strip.setObjectName("deskStrip")
        new = QToolButton()
        new.setText("+")
        new.setObjectName("plain")
        new.setAccessibleName(self.tr("New tab"))
        new.setToolTip(self.tr("New tab (Ctrl+T)"))
        new.clicked.connect(self.new_asked_for)
        layout = QHBoxLayout(strip)
        layout.setContentsMargins(8, 4, 8, 0)
        layout.setSpacing(4)
        layout.addWidget(self.bar)
        layout.addWidget(new)
        layout.addStretch(1)
        theme().changed.connect(self.show_tabs)
        return strip


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
        self.frames: list[DeskFrame] = [self._new_frame()]

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
        for frame in self.frames:
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
        if len(self.frames) == 1:
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


def _colour(profile: Profile | None) -> str:
    return "" if profile is None else profile.colour or ENVIRONMENTS.get(profile.environment.strip().lower(), "")


def _title(profile: Profile | None) -> str:
    """The title of a window: the connection and its environment, for the task bar shows no colour."""
    if profile is None:
        return "Jobdesk"
    name, environment = formats.visible(profile.name[:80]), formats.visible(profile.environment[:40])
    return f"{name} ({environment}) – Jobdesk" if environment.strip() else f"{name} – Jobdesk"
