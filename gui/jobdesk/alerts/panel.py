"""The panel of alerts: slides over the page at the right, blocks nothing, and Esc closes it."""

from __future__ import annotations

from jobdesk_core.alerts.telling import Mute
from PySide6.QtCore import QEvent, QObject, QPoint, QRect, Qt, Signal
from PySide6.QtGui import QColor, QKeyEvent, QLinearGradient, QPainter, QPaintEvent
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QScrollArea,
    QStackedWidget,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from jobdesk.alerts.list_tab import ListTab
from jobdesk.alerts.rules_tab import RulesTab
from jobdesk.alerts.watcher import Watcher
from jobdesk.kit import formats
from jobdesk.kit.layouts import scrolled
from jobdesk.kit.one_line import OneLine
from jobdesk.kit.segmented import Segmented
from jobdesk.kit.theme import theme
from jobdesk.kit.theme.icons import icon

#: Its width and that of its shadow, in logical pixels at the usual size of text; the page keeps so much beside it.
WIDTH, SHADOW, KEPT = 480, 14, 160


class AlertsPanel(QFrame):
    """A child of what it lies over, from `above` down to what `set_below` names. Follows a watcher once it has one."""

    opened = Signal()
    closed = Signal()
    remedy_asked_for = Signal(str, object)  # a Way, and the Alert
    count_changed = Signal(int)

    def __init__(self, parent: QWidget, above: QWidget) -> None:
        super().__init__(parent)
        self.setObjectName("alertsPanel")
        self.setAccessibleName(self.tr("Alerts"))
        self._parent, self._above, self._below = parent, above, parent
        self._watcher: Watcher | None = None
        self._database = ""
        self.list, self.rules = ListTab(), RulesTab()
        self.list.remedy_asked_for.connect(self.remedy_asked_for)
        self.tabs = Segmented([self.tr("Alerts"), self.tr("Rules")])
        self.mute = QPushButton(self.tr("Mute for 1 h"))
        self.mute.setObjectName("link")
        self.mute.clicked.connect(self.mute_all)
        self.close_button = QToolButton()
        self.close_button.setObjectName("plain")
        self.close_button.setAccessibleName(self.tr("Close this panel"))
        self.close_button.setToolTip(self.tr("Close this panel (Esc)"))
        self.close_button.clicked.connect(self.put_away)
        self.foot = OneLine("secondary")
        self._stack = QStackedWidget()
        for tab in (self.list, self.rules):
            self._stack.addWidget(_scrolling(tab))
        self.tabs.changed.connect(self._show_tab)
        self._place()
        self.shadow = _Shadow(parent, self)
        theme().changed.connect(self._dress)
        self._dress()
        parent.installEventFilter(self)
        self.hide()

    def set_below(self, below: QWidget) -> None:
        """What it ends above."""
        self._below = below

    def follow(self, watcher: Watcher) -> None:
        """Show what this one knows."""
        self._watcher = self.list.watcher = self.rules.watcher = watcher
        watcher.changed.connect(self._changed)
        self._changed()

    def show_database(self, name: str, folder: str = "") -> None:
        """Which database is open; empty for none."""
        if (name, folder) != (self._database, self.rules.folder):
            self._database = self.list.database = self.rules.database = name
            self.rules.folder = folder
            self._changed()

    def rename(self, old: str, new: str) -> None:
        """A saved connection has another name."""
        if self._watcher is not None:
            self._watcher.rename(old, new)

    def come(self, tab: int = 0) -> None:
        """Slide over the page."""
        self.tabs.choose(tab)
        self._fit()
        self.show()
        self.raise_()
        self.shadow.show()
        self.shadow.stackUnder(self)
        self._changed()
        self.opened.emit()
        self.close_button.setFocus(Qt.FocusReason.OtherFocusReason)

    def put_away(self) -> None:
        """Give the page its room back."""
        if self.isVisible():
            self.hide()
            self.shadow.hide()
            self.closed.emit()

    def mute_all(self) -> None:
        """Nobody is told of anything of this database for an hour; or again, when that is so already."""
        if self._watcher is None:
            return
        muted = self._muted_whole()
        if muted:
            self._watcher.unmute(muted)
        else:
            self._watcher.mute(None, hours=1, database=self._database)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape:
            self.put_away()
        else:
            super().keyPressEvent(event)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() is QEvent.Type.Resize and self.isVisible():
            self._fit()
        return False

    def _muted_whole(self) -> list[Mute]:
        assert self._watcher is not None
        return [
            mute
            for mute in self._watcher.mutes()
            if not mute.rule and mute.subject is None and mute.database in ("", self._database)
        ]

    def _changed(self) -> None:
        if self._watcher is None:
            return
        count = len(self._watcher.active(self._database or None))
        self.count_changed.emit(count)
        if not self.isVisible():
            return
        rules = sum(rule.is_on for rule in self.rules.in_force())
        self.tabs.set_texts(
            [
                self.tr("Alerts {count}").format(count=formats.number(count)) if count else self.tr("Alerts"),
                self.tr("Rules {count}").format(count=formats.number(rules)),
            ]
        )
        self.mute.setText(self.tr("Unmute") if self._muted_whole() else self.tr("Mute for 1 h"))
        (self.rules if self.tabs.current() else self.list).show_all()
        self._show_foot()

    def _show_tab(self, place: int) -> None:
        self._stack.setCurrentIndex(place)
        self._changed()

    def _show_foot(self) -> None:
        assert self._watcher is not None
        if self.tabs.current():
            self.foot.set_whole(self.rules.foot())
            return
        muted = sum(bool(alert.muted) for alert in self._watcher.all_active(self._database or None))
        quiet = self._watcher.book.quiet
        told = self.tr("{count} muted").format(count=formats.number(muted)) if muted else self.tr("Nothing is muted")
        parts = [told]
        if quiet.days:
            times = self.tr("quiet hours {start} – {end}").format(
                start=f"{quiet.start:%H:%M}", end=f"{quiet.end:%H:%M}"
            )
            kept = sum(rule.is_on and rule.is_in_quiet_hours for rule in self.rules.in_force())
            parts.append(self.tr("{times}, when {count} rules still tell you").format(times=times, count=kept))
        self.foot.set_whole(" · ".join(parts))

    def _place(self) -> None:
        title = QLabel(self.tr("Alerts"))
        title.setObjectName("title")
        head = QHBoxLayout()
        head.setContentsMargins(16, 0, 8, 0)
        head.setSpacing(10)
        head.addWidget(title)
        head.addWidget(self.tabs)
        head.addStretch()
        head.addWidget(self.mute)
        head.addWidget(self.close_button)
        top = QWidget()
        top.setObjectName("alertsHead")
        top.setLayout(head)
        foot = QFrame()
        foot.setObjectName("dialogFooter")
        inside = QHBoxLayout(foot)
        inside.setContentsMargins(16, 8, 16, 8)
        inside.addWidget(self.foot)
        column = QVBoxLayout(self)
        column.setContentsMargins(1, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(top)
        column.addWidget(self._stack, 1)
        column.addWidget(foot)

    def _dress(self) -> None:
        self.close_button.setIcon(icon("close", "secondary"))
        if self.isVisible():
            self._fit()

    def _fit(self) -> None:
        parent = self._parent
        top = self._above.mapTo(parent, QPoint(0, self._above.height())).y()
        bottom = self._below.mapTo(parent, QPoint(0, 0)).y()
        width = max(240, min(theme().grown(WIDTH), parent.width() - KEPT))
        self.setGeometry(QRect(parent.width() - width, top, width, max(0, bottom - top)))
        self.shadow.setGeometry(QRect(self.x() - SHADOW, top, SHADOW, self.height()))


class _Shadow(QWidget):
    """What tells that the panel lies above the page, whose cards it cuts."""

    def __init__(self, parent: QWidget, _panel: QWidget) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.hide()

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        ground = QLinearGradient(0, 0, self.width(), 0)
        ground.setColorAt(0, QColor(0, 0, 0, 0))
        ground.setColorAt(1, QColor(0, 0, 0, 90 if theme().tokens.is_dark else 34))
        painter.fillRect(self.rect(), ground)
        painter.end()


def _scrolling(tab: QWidget) -> QScrollArea:
    tab.setObjectName("alertsInner")
    scroll = scrolled(tab)
    scroll.setObjectName("alertsScroll")
    scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)
    return scroll
