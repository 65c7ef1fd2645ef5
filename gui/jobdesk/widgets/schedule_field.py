"""When a job is to run: now, after a while, or at a moment."""

from __future__ import annotations

import datetime as dt

from PySide6.QtCore import QDateTime, QTimeZone, Signal
from PySide6.QtWidgets import (
    QComboBox,
    QDateTimeEdit,
    QHBoxLayout,
    QLabel,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from jobdesk import formats
from jobdesk.widgets.number_edit import NumberEdit
from jobdesk.widgets.segmented import Segmented

UNITS = (("seconds", 1), ("minutes", 60), ("hours", 3600), ("days", 86400))


class ScheduleField(QWidget):
    """Time in the zone of choice in, UTC out; both are shown."""

    changed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._choice = Segmented([self.tr("Now"), self.tr("In"), self.tr("At")])
        self._amount = NumberEdit()
        self._amount.setRange(1, 100_000)
        self._amount.setValue(5)
        self._amount.setAccessibleName(self.tr("How many"))
        self._unit = QComboBox()
        self._unit.setAccessibleName(self.tr("Unit of time"))
        for name, seconds in UNITS:
            self._unit.addItem(self.tr(name), seconds)
        self._unit.setCurrentIndex(1)
        self._moment = QDateTimeEdit(QDateTime.currentDateTime().addSecs(3600))
        self._moment.setDisplayFormat("yyyy-MM-dd HH:mm:ss")
        self._moment.setCalendarPopup(True)
        self._moment.setTimeZone(QTimeZone.utc() if formats.shows_utc() else QTimeZone.systemTimeZone())
        is_utc = formats.shows_utc()
        self._moment.setAccessibleName(self.tr("Date and time in UTC") if is_utc else self.tr("Local date and time"))
        after = QWidget()
        row = QHBoxLayout(after)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self._amount)
        row.addWidget(self._unit)
        row.addStretch()
        self._stack = QStackedWidget()
        for page in (QWidget(), after, self._moment):
            self._stack.addWidget(page)
        self._says = QLabel()
        self._says.setProperty("tone", "small")
        top = QHBoxLayout()
        top.setSpacing(12)
        top.addWidget(self._choice)
        top.addWidget(self._stack, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addLayout(top)
        layout.addWidget(self._says)
        self._choice.changed.connect(self._change)
        self._amount.valueChanged.connect(self._change)
        self._unit.currentIndexChanged.connect(self._change)
        self._moment.dateTimeChanged.connect(self._change)
        self._change()

    def moment(self, now: dt.datetime) -> dt.datetime | None:
        """The moment in UTC, or None for now."""
        if self._choice.current() == 0:
            return None
        if self._choice.current() == 1:
            return now + dt.timedelta(seconds=self._amount.value() * int(self._unit.currentData()))
        seconds = self._moment.dateTime().toSecsSinceEpoch()
        return dt.datetime.fromtimestamp(seconds, dt.UTC)

    def words(self) -> str:
        """The choice in a button's words: empty for now, `in 5 minutes`, `at 14:00:00`."""
        if self._choice.current() == 0:
            return ""
        if self._choice.current() == 1:
            return self.tr("in {amount} {unit}").format(amount=self._amount.value(), unit=self._unit.currentText())
        return self.tr("at {time}").format(time=formats.local(self.moment(dt.datetime.now(dt.UTC))))

    def choose_after(self, amount: int, unit: str) -> None:
        """Choose a time from now, in one of UNITS."""
        self._choice.choose(1)
        self._amount.setValue(amount)
        self._unit.setCurrentIndex([name for name, _ in UNITS].index(unit))

    def choose_at(self, moment: dt.datetime) -> None:
        """Choose a moment."""
        self._choice.choose(2)
        self._moment.setDateTime(QDateTime.fromSecsSinceEpoch(int(moment.timestamp())))

    def _change(self, *_: object) -> None:
        self._stack.setCurrentIndex(self._choice.current())
        moment = self.moment(dt.datetime.now(dt.UTC))
        self._says.setText(self.tr("as soon as a worker is free") if moment is None else formats.full(moment))
        self.changed.emit()
