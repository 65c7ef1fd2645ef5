"""The alerts of the panel: a card for each active one with what helps, and a line for each that is over."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

from jobdesk_core.alerts.alert import Alert
from jobdesk_core.durations import roughly
from PySide6.QtCore import Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QMenu, QPushButton, QVBoxLayout, QWidget

from jobdesk.connection.remedies import ACTS, WAYS, Button, Way, buttons_of
from jobdesk.kit import formats
from jobdesk.kit.labels import plain_label
from jobdesk.kit.one_line import OneLine
from jobdesk.kit.shape_label import ShapeLabel

#: How a card's edges lie, in pixels: left, top, right, bottom.
EDGES = (16, 10, 16, 12)


class AlertCard(QFrame):
    """One active alert. Its buttons stay while its sentence goes on."""

    remedy_asked_for = Signal(str, object)  # a Way, and the Alert
    mute_asked_for = Signal(object, float, bool)  # Alert, hours (0: none), until it is over

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("alertCard")
        self.alert: Alert | None = None
        self.shape = ShapeLabel()
        self.title, self.began = OneLine("strong"), OneLine("secondary", is_right=True)
        self.title.setProperty("strong", True)
        self.sentence = plain_label("secondary")
        self.buttons = [QPushButton() for _ in range(WAYS)]
        self._ways: list[Button] = []
        self.mute = QPushButton(self.tr("Mute…"))
        self.mute.setObjectName("link")
        self._menu = QMenu(self)
        self.mute.setMenu(self._menu)
        self._menu.aboutToShow.connect(self._fill)
        head = QHBoxLayout()
        head.setSpacing(8)
        head.addWidget(self.shape)
        head.addWidget(self.title, 1)
        head.addWidget(self.began)
        buttons = QHBoxLayout()
        buttons.setSpacing(8)
        for place, button in enumerate(self.buttons):
            button.clicked.connect(lambda _=False, place=place: self._ask(place))
            buttons.addWidget(button)
        buttons.addStretch()
        buttons.addWidget(self.mute)
        inner = QVBoxLayout()
        inner.setContentsMargins(25, 0, 0, 0)
        inner.setSpacing(6)
        inner.addWidget(self.sentence)
        inner.addLayout(buttons)
        column = QVBoxLayout(self)
        column.setContentsMargins(*EDGES)
        column.setSpacing(4)
        column.addLayout(head)
        column.addLayout(inner)

    def button(self, way: Way) -> QPushButton:
        """The button of a way that it offers. StopIteration when it does not."""
        return next(button for button, each in zip(self.buttons, self._ways, strict=False) if each.way == way)

    def show_alert(
        self, alert: Alert, *, names_database: bool, is_here: bool, barred: str = "", is_stale: bool = False
    ) -> None:
        """Show this, with the overview's buttons. `barred` is why none can be pressed now.

        An act is offered only where its database is the one on show (`is_here`), and not of what is of the past.
        """
        self.alert = alert
        self.shape.set_content("triangle", "", alert.tone)
        self.title.set_whole(f"{alert.title} · {alert.database}" if names_database else alert.title)
        self.began.set_whole(self.tr("began {time}").format(time=told_at(alert.since)))
        said = [alert.sentence]
        if alert.again_at is not None or alert.told_at is not None:
            said.append(self.tr("Told you at {time}.").format(time=told_at(alert.again_at or alert.told_at)))
        else:
            said.append(self.tr("Held back by the quiet hours."))
        self.sentence.setText(formats.breakable(formats.visible_lines(" ".join(said))))
        self._show_buttons(is_here=is_here, barred=barred, is_stale=is_stale)
        self.setAccessibleName(alert.title)
        self.setAccessibleDescription(alert.sentence)
        self.mute.setAccessibleName(self.tr("Mute {title}").format(title=alert.title))

    def _show_buttons(self, *, is_here: bool, barred: str, is_stale: bool) -> None:
        assert self.alert is not None
        self._ways = [each for each in buttons_of(self.alert.line) if is_here or each.way not in ACTS]
        for place, button in enumerate(self.buttons):
            button.setVisible(place < len(self._ways))
            if place < len(self._ways):
                way, text = self._ways[place]
                button.setText(text)
                button.setAccessibleName(f"{self.alert.title}: {text}")
                button.setEnabled(not barred and not (is_stale and way in ACTS))
                button.setToolTip(barred)

    def _ask(self, place: int) -> None:
        if self.alert is not None and place < len(self._ways):
            self.remedy_asked_for.emit(self._ways[place].way, self.alert)

    def _fill(self) -> None:
        alert = self.alert
        self._menu.clear()
        if alert is None:
            return
        until = self.tr("Until its next run") if alert.key == "schedule" else self.tr("Until it is over")
        choices: list[tuple[str, float, bool]] = [
            (self.tr("For 1 h"), 1.0, False),
            (self.tr("For 8 h"), 8.0, False),
            (until, 0.0, True),
            (self.tr("For ever"), 0.0, False),
        ]
        for text, hours, until_over in choices:
            self._menu.addAction(text, self._muting(alert, hours, until_over))

    def _muting(self, alert: Alert, hours: float, until_over: bool) -> Callable[[], None]:
        return lambda: self.mute_asked_for.emit(alert, hours, until_over)


class EarlierLine(QFrame):
    """One alert that is over, or that is muted: grey, with when and why."""

    unmute_asked_for = Signal(object)  # Alert

    def __init__(self, alert: Alert, *, names_database: bool, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("alertCard")
        self.alert = alert
        shape = ShapeLabel()
        shape.set_content("check" if alert.over_at is not None else "circle", "", "secondary")
        title, when = OneLine("secondary"), OneLine("secondary", is_right=True)
        title.set_whole(f"{alert.title} · {alert.database}" if names_database else alert.title)
        when.set_whole(self._when())
        sentence = plain_label("secondary")
        sentence.setText(formats.breakable(formats.visible_lines(self._why())))
        head = QHBoxLayout()
        head.setSpacing(8)
        head.addWidget(shape)
        head.addWidget(title, 1)
        head.addWidget(when)
        column = QVBoxLayout(self)
        column.setContentsMargins(*EDGES)
        column.setSpacing(4)
        column.addLayout(head)
        below = QHBoxLayout()
        below.setContentsMargins(25, 0, 0, 0)
        below.addWidget(sentence, 1)
        if alert.over_at is None:
            again = QPushButton(self.tr("Unmute"))
            again.setObjectName("link")
            again.setAccessibleName(self.tr("Unmute {title}").format(title=alert.title))
            again.clicked.connect(lambda: self.unmute_asked_for.emit(alert))
            below.addWidget(again)
        column.addLayout(below)
        self.setAccessibleName(f"{alert.title}, {self._when()}")

    @property
    def text(self) -> str:
        """When and why."""
        return f"{self.alert.title}\n{self._when()}\n{self._why()}"

    def _when(self) -> str:
        alert = self.alert
        if alert.over_at is None:
            return self.tr("began {time}, muted").format(time=told_at(alert.since))
        lasted = self.tr("muted") if alert.muted else roughly(alert.lasted or dt.timedelta())
        return self.tr("{began} – {over}, {lasted}").format(
            began=minute(alert.since), over=minute(alert.over_at), lasted=lasted
        )

    def _why(self) -> str:
        return " ".join(filter(None, (self.alert.sentence, self.alert.muted or self.alert.ending)))


def caption_line(text: str) -> tuple[QLabel, QLabel]:
    """A heading, and the count beside it."""
    label, count = QLabel(text), QLabel()
    label.setObjectName("caption")
    count.setObjectName("small")
    return label, count


def told_at(moment: dt.datetime | None) -> str:
    """A time of the day to the second; with the day when it is not today's."""
    return formats.short(moment, dt.datetime.now(dt.UTC))


def minute(moment: dt.datetime | None) -> str:
    """A time of the day to the minute; with the day when it is not today's."""
    told = told_at(moment)
    return told[:-3] if told.count(":") == 2 else told
