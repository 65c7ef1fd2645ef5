"""How alerts reach the desktop: by the session's bus or the tray, and an icon in the tray with a count."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from jobdesk_core.alerts.alert import Alert
from jobdesk_core.alerts.telling import Telling, headline
from PySide6.QtCore import QObject, QRectF, QSettings, Qt, Signal
from PySide6.QtGui import QColor, QIcon, QPainter, QPixmap
from PySide6.QtWidgets import QApplication, QMenu, QSystemTrayIcon

from jobdesk.alerts.watcher import Watcher
from jobdesk.connection.remedies import ACTS, Button, buttons_of
from jobdesk.kit.theme import theme
from jobdesk.kit.work import Work

if TYPE_CHECKING:
    from jobdesk.alerts.desktop_bus import DesktopBus

_TRAY_KEY = "alerts/keeps_in_tray"
#: Milliseconds that a message of the tray stays.
SHOWN_MS = 20_000
#: Notifications of which it is known what they lead to, the latest.
MOST_KNOWN = 200


def keeps_in_tray() -> bool:
    """Whether Jobdesk is to go on in the tray once its last window is closed; only where there is a tray."""
    return has_tray() and str(QSettings("jobdesk", "jobdesk").value(_TRAY_KEY)) == "true"


def keep_in_tray(is_kept: bool) -> None:
    """Choose it."""
    QSettings("jobdesk", "jobdesk").setValue(_TRAY_KEY, "true" if is_kept else "false")


def has_tray() -> bool:
    """Whether this desktop has a tray."""
    return QSystemTrayIcon.isSystemTrayAvailable()


class NoService(Exception):
    """There is no session bus, or nothing on it shows notifications."""


class Desktop(QObject):
    """Shows what the watcher tells. A notification leads to something in the window, and does nothing by itself."""

    alerts_asked_for = Signal(str)  # the name of a database
    place_asked_for = Signal(str, object)  # a Way that shows something, and the Alert
    window_asked_for = Signal()
    end_asked_for = Signal()

    def __init__(self, watcher: Watcher, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._watcher = watcher
        self._work = Work(self)
        self._bus: DesktopBus | None = None
        #: What the latest notifications tell of, by their keys: an alert, or the database of the first of several.
        self._of_keys: dict[str, Alert | str] = {}
        self._newest = ""
        self.tray: QSystemTrayIcon | None = None
        watcher.told.connect(self.show)
        watcher.changed.connect(self._count)

    def start(self) -> None:
        """Find out what there is."""
        if sys.platform == "linux":
            # What speaks with the bus is installed there alone.
            from jobdesk.alerts.desktop_bus import DesktopBus

            self._bus = DesktopBus(self._acted)
        if has_tray():
            self.tray = QSystemTrayIcon(self)
            self._menu = QMenu()
            self._menu.addAction(self.tr("Show Jobdesk"), self.window_asked_for.emit)
            self._menu.addAction(self.tr("Quit"), self.end_asked_for.emit)
            self.tray.setContextMenu(self._menu)
            self.tray.activated.connect(self._clicked)
            self.tray.messageClicked.connect(lambda: self._acted(self._newest, False))
            self._count()
            self.tray.show()
        if self._bus is not None:
            self._work.start(self._bus.look(), name="notifications", then=lambda _: self._able(""), failed=self._unable)
        elif self.tray is None:
            self._able(self.tr("Desktop notifications are not available here (no tray)."))

    async def stop(self) -> None:
        """Take the icon away and leave the bus."""
        await self._work.stop()
        if self._bus is not None:
            await self._bus.close()
        if self.tray is not None:
            self.tray.hide()

    def show(self, told: Sequence[Telling]) -> None:
        """One notification for all of these."""
        title, text = headline(told)
        first = told[0].alert
        key = f"{first.database}/{first.rule}/{first.subject}" if len(told) == 1 else "several"
        is_one = len(told) == 1 and told[0].event != "over"
        self._of_keys.pop(key, None)
        self._of_keys[key] = first if is_one else first.database
        while len(self._of_keys) > MOST_KNOWN:
            del self._of_keys[next(iter(self._of_keys))]
        self._newest = key
        has_sound = any(each.rule.has_sound for each in told)
        is_critical = any(each.alert.tone == "bad" and each.event != "over" for each in told)
        if self._bus is not None:
            whole = self.tr("Show alerts")
            way = _shown_by(first) if is_one else None
            button = way.text if way is not None else whole
            shown = self._bus.show(
                key, title, text, whole=whole, button=button, is_critical=is_critical, has_sound=has_sound
            )
            self._work.start(shown, name="notify", then=lambda _: self._able(""), failed=self._unable)
        elif self.tray is not None:
            icon = QSystemTrayIcon.MessageIcon
            self.tray.showMessage(title, text, icon.Critical if is_critical else icon.Information, SHOWN_MS)
            if has_sound:
                QApplication.beep()

    def _acted(self, key: str, is_button: bool) -> None:
        told = self._of_keys.get(key, "")
        way = _shown_by(told) if is_button and isinstance(told, Alert) else None
        if way is not None:
            self.place_asked_for.emit(way.way, told)
        else:
            self.alerts_asked_for.emit(told.database if isinstance(told, Alert) else told)

    def _able(self, trouble: str) -> None:
        if trouble != self._watcher.desktop_trouble:
            self._watcher.desktop_trouble = trouble
            self._watcher.changed.emit()

    def _unable(self, error: Exception) -> None:
        if not isinstance(error, NoService):
            raise error
        self._able(self.tr("Desktop notifications are not available here (no org.freedesktop.Notifications)."))

    def _clicked(self, reason: QSystemTrayIcon.ActivationReason) -> None:
        if reason is not QSystemTrayIcon.ActivationReason.Context:
            self.window_asked_for.emit()

    def _count(self) -> None:
        if self.tray is None:
            return
        count = len(self._watcher.active())
        self.tray.setIcon(_with_count(QApplication.windowIcon(), count))
        told = self.tr("1 alert") if count == 1 else self.tr("{count} alerts").format(count=count)
        self.tray.setToolTip(f"Jobdesk: {told}" if count else "Jobdesk")


def _shown_by(alert: Alert) -> Button | None:
    """The first button of its line that only shows something: nothing is done to jobs from a notification."""
    return next((each for each in buttons_of(alert.line) if each.way not in ACTS), None)


def _with_count(icon: QIcon, count: int) -> QIcon:
    """The program's icon, with a number in its corner."""
    if not count:
        return icon
    pixmap: QPixmap = icon.pixmap(64, 64)
    painter = QPainter(pixmap)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setBrush(QColor(theme().tokens.failed))
    painter.setPen(Qt.PenStyle.NoPen)
    box = QRectF(24, 24, 40, 40)
    painter.drawEllipse(box)
    font = theme().font(24, is_bold=True)
    font.setPixelSize(26)
    painter.setFont(font)
    painter.setPen(QColor("#ffffff"))
    painter.drawText(box, int(Qt.AlignmentFlag.AlignCenter), str(count) if count < 100 else "99")
    painter.end()
    return QIcon(pixmap)
