"""The top of the window: environment, profile, filter, and whether what is shown is live."""

from __future__ import annotations

from jobdesk_core.feed.state import FeedState
from jobdesk_core.profiles import Profile
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFrame, QHBoxLayout, QMenu, QToolButton, QWidget

from jobdesk.alerts.bell import Bell
from jobdesk.filtering.bar import FilterBar
from jobdesk.kit import formats
from jobdesk.kit.layouts import in_column
from jobdesk.kit.tag import Tag
from jobdesk.kit.theme import theme
from jobdesk.window.live_indicator import LiveIndicator


class EnvironmentStrip(QFrame):
    """Three pixels in the environment's colour across the top of the window."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setFixedHeight(3)
        self._colour = ""
        theme().changed.connect(self._paint)
        self.set_colour("")

    def set_colour(self, colour: str) -> None:
        """Show a colour, or none."""
        self._colour = colour
        self._paint()

    def _paint(self) -> None:
        self.setStyleSheet(f"background: {self._colour or theme().tokens.line};")


class Header(QFrame):
    """Shows the connection; the filter bar and the profile menu are its children."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("header")
        self._tag = Tag("", "")
        self._profile = QToolButton()
        self._profile.setObjectName("profile")
        self._profile.setAccessibleName(self.tr("Connection"))
        self._profile.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self._profile.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self.menu = QMenu(self)
        self._profile.setMenu(self.menu)
        self.filter_bar = FilterBar()
        self.live = LiveIndicator()
        self.bell = Bell()
        layout = QHBoxLayout(self)
        layout.setContentsMargins(12, 0, 12, 0)
        layout.setSpacing(12)
        layout.addWidget(self._tag)
        layout.addWidget(self._profile)
        layout.addWidget(self.filter_bar, 1)
        layout.addWidget(self.live)
        layout.addWidget(self.bell)
        self._is_above = False
        self._profile_shown: Profile | None = None
        self._state_shown: FeedState | None = None
        self.show_profile(None)
        self.show_state(None)

    def show_above(self, is_above: bool) -> None:
        """Show that what is on show belongs to no connection; or the connection again."""
        self._is_above = is_above
        if is_above:
            self._tag.hide()
            self._profile.setText(self.tr("Fleet"))
        else:
            self.show_profile(self._profile_shown)
            self.show_state(self._state_shown)

    def show_answering(self, mode: str, text: str) -> None:
        """Show how many databases answer, as one of the feed's modes."""
        self.live.set_state(mode, text, "")

    def show_profile(self, profile: Profile | None) -> None:
        """Show which connection this is."""
        self._profile_shown = profile
        if self._is_above:
            return
        self._tag.setVisible(profile is not None and bool(profile.environment))
        if profile is None:
            self._profile.setText(self.tr("Not connected"))
            return
        self._tag.set_content(formats.visible(profile.environment).upper(), profile.colour)
        self._profile.setText(formats.visible(profile.name).replace("&", "&&"))

    def show_state(self, state: FeedState | None) -> None:
        """Show how the feed is doing."""
        self._state_shown = state
        if self._is_above:
            return
        if state is None:
            self.live.set_state("closed", self.tr("Not connected"), "")
            return
        words = {
            "connecting": self.tr("Connecting…"),
            "live": self.tr("Live"),
            "polling": self.tr("Polling"),
            "stale": self.tr("Stale since {time}").format(time=formats.local(state.since)),
            "closed": self.tr("Not connected"),
        }
        text = words[state.mode]
        if state.latency_ms is not None and state.mode in ("live", "polling"):
            text = f"{text} · {state.latency_ms:,.0f} ms"
        if state.is_waiting:
            text = self.tr("Waiting for the server…")
        self.live.set_state(state.mode, text, state.reason)


class TopOfWindow(QWidget):
    """Strip and menu bar, one above the other."""

    def __init__(self, strip: QWidget, bar: QWidget) -> None:
        super().__init__()
        in_column(strip, bar, within=self, margins=0, spacing=0)
