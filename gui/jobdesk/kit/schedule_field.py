"""When a job is to run: now, after a while, or at a moment."""

from __future__ import annotations

import datetime as dt

from jobdesk_core.moments import of_wall_clock
from PySide6.QtCore import QDate, QDateTime, QTime, QTimeZone, Signal
from PySide6.QtWidgets import (
    QComboBox,
    QDateTimeEdit,
    QLabel,
    QStackedWidget,
    QWidget,
)

from jobdesk.kit import clock, formats
from jobdesk.kit.dress import dress
from jobdesk.kit.layouts import STRETCH, in_column, in_row
from jobdesk.kit.number_edit import NumberEdit
from jobdesk.kit.segmented import Segmented

UNITS = (("seconds", 1), ("minutes", 60), ("hours", 3600), ("days", 86400))


class ScheduleField(QWidget):
    """Time in the zone of choice in, UTC out; both are shown. A time that the clocks skip is a problem, never moved."""

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
        self._is_utc = formats.shows_utc()
        #: What the clock shows of the moment that was last chosen from outside, and that moment itself.
        self._chosen: tuple[dt.datetime, dt.datetime] | None = None
        self._moment = QDateTimeEdit()
        self._moment.setDisplayFormat("yyyy-MM-dd HH:mm:ss")
        self._moment.setCalendarPopup(True)
        # A clock without gaps: in a zone Qt would move a time that the clocks skip, and say nothing.
        self._moment.setTimeZone(QTimeZone.utc())
        self._show_moment(clock.now().replace(microsecond=0) + dt.timedelta(hours=1))
        self._moment.setAccessibleName(
            self.tr("Date and time in UTC") if self._is_utc else self.tr("Local date and time")
        )
        after = QWidget()
        in_row(self._amount, self._unit, STRETCH, within=after, margins=0)
        self._stack = QStackedWidget()
        for page in (QWidget(), after, self._moment):
            self._stack.addWidget(page)
        self._summary = QLabel()
        self._summary.setProperty("tone", "small")
        top = in_row(self._choice, (self._stack, 1), spacing=12)
        in_column(top, self._summary, within=self, margins=0, spacing=4)
        self._choice.changed.connect(self._change)
        self._amount.valueChanged.connect(self._change)
        self._unit.currentIndexChanged.connect(self._change)
        self._moment.dateTimeChanged.connect(self._change)
        self._change()

    def moment(self, now: dt.datetime) -> dt.datetime | None:
        """The moment in UTC, or None for now. Ask only when `problem` finds none."""
        if self._choice.current() == 0:
            return None
        if self._choice.current() == 1:
            return now + dt.timedelta(seconds=self._amount.value() * int(self._unit.currentData()))
        return self._at()

    def problem(self) -> str | None:
        """Why there is no such moment, or None."""
        if self._choice.current() != 2 or self._at() is not None:
            return None
        sentence = self.tr("The clocks here skip {time} on {day}: choose a time before or after.")
        return sentence.format(time=f"{self._shown():%H:%M:%S}", day=f"{self._shown():%Y-%m-%d}")

    def words(self) -> str:
        """The choice in a button's words: empty for now, `in 5 minutes`, `at 14:00:00`."""
        if self._choice.current() == 0:
            return ""
        if self._choice.current() == 1:
            return self.tr("in {amount} {unit}").format(amount=self._amount.value(), unit=self._unit.currentText())
        return "" if self.problem() else self.tr("at {time}").format(time=formats.local(self._at()))

    def choose_after(self, amount: int, unit: str) -> None:
        """Choose a time from now, in one of UNITS."""
        self._choice.choose(1)
        self._amount.setValue(amount)
        self._unit.setCurrentIndex([name for name, _ in UNITS].index(unit))

    def choose_at(self, moment: dt.datetime) -> None:
        """Choose a moment."""
        self._choice.choose(2)
        self._show_moment(moment)
        self._change()

    def _show_moment(self, moment: dt.datetime) -> None:
        there = formats.here(moment)
        day, time = QDate(there.year, there.month, there.day), QTime(there.hour, there.minute, there.second)
        self._moment.setDateTime(QDateTime(day, time, QTimeZone.utc()))
        self._chosen = self._shown(), moment

    def _shown(self) -> dt.datetime:
        """What the field shows: a time of day without a zone."""
        seconds = self._moment.dateTime().toSecsSinceEpoch()
        return dt.datetime(1970, 1, 1) + dt.timedelta(seconds=seconds)

    def _at(self) -> dt.datetime | None:
        """The moment that the field shows, in UTC; None where the clocks skip it."""
        shown = self._shown()
        if self._chosen is not None and self._chosen[0] == shown:
            # The second of two moments that look alike stays what it is.
            return self._chosen[1]
        return shown.replace(tzinfo=dt.UTC) if self._is_utc else of_wall_clock(shown)

    def _change(self, *_: object) -> None:
        self._stack.setCurrentIndex(self._choice.current())
        problem = self.problem()
        moment = self.moment(clock.now())
        summary = self.tr("as soon as a worker is free") if moment is None else formats.full(moment)
        self._summary.setText(problem or summary)
        dress(self._summary, tone="bad" if problem else "small")
        self.changed.emit()
