"""One window on the screen that holds desks as tabs; it makes and ends none itself."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from jobdesk_core.profiles import ENVIRONMENTS, Profile
from PySide6.QtCore import QPoint, Signal
from PySide6.QtGui import QCloseEvent, QKeySequence, QShortcut
from PySide6.QtWidgets import QFrame, QMainWindow, QStackedWidget, QToolButton, QWidget

from jobdesk.kit import formats
from jobdesk.kit.layouts import in_column, in_row
from jobdesk.kit.theme import theme
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
        in_column(self._strip, (self._stack, 1), within=central, margins=0, spacing=0)
        self.setCentralWidget(central)
        self.bar.currentChanged.connect(self._choose)
        self.bar.tabMoved.connect(self._moved)
        self.bar.tabBarClicked.connect(self._clicked)
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
            window = self.tabs[place].window
            if window is not None:
                window.view.above.leave()

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
        is_above = current is not None and current.window is not None and current.window.view.above.is_shown
        self.bar.set_above(is_above)
        shown = current.shown if current is not None else None
        self.setWindowTitle(self.tr("Fleet – Jobdesk") if is_above else _title(shown))

    def closeEvent(self, event: QCloseEvent) -> None:
        event.ignore()
        self.closing.emit()

    def _choose(self, place: int) -> None:
        if 0 <= place < len(self.tabs):
            for tab in self.tabs:
                if tab.window is not None and tab is not self.tabs[place]:
                    tab.window.view.above.leave()
            self._stack.setCurrentWidget(self.tabs[place].place)
            self.chosen.emit()
            self.show_tabs()

    def _clicked(self, place: int) -> None:
        """A click on the tab that is chosen already leads from what stands above the tabs back to it."""
        window = self.tabs[place].window if 0 <= place < len(self.tabs) else None
        if window is not None and place == self.bar.currentIndex():
            window.view.above.leave()

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
        layout = in_row(self.bar, new, within=strip, margins=(8, 4, 8, 0), spacing=4)
        layout.addStretch(1)
        theme().changed.connect(self.show_tabs)
        return strip


def _colour(profile: Profile | None) -> str:
    return "" if profile is None else profile.colour or ENVIRONMENTS.get(profile.environment.strip().lower(), "")


def _title(profile: Profile | None) -> str:
    """The title of a window: the connection and its environment, for the task bar shows no colour."""
    if profile is None:
        return "Jobdesk"
    name, environment = formats.visible(profile.name[:80]), formats.visible(profile.environment[:40])
    return f"{name} ({environment}) – Jobdesk" if environment.strip() else f"{name} – Jobdesk"
