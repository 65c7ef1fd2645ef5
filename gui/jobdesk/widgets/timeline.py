"""A job's history: a bar drawn to scale, and the list of its events with what lay between them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from jobdesk_core.jobs import EventType, Status
from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QMouseEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QGridLayout, QLabel, QToolTip, QWidget

from jobdesk import formats
from jobdesk.theme import theme
from jobdesk.theme.icons import draw_status

Event = tuple[str, EventType, dt.datetime]
Stretch = tuple[str, dt.datetime, dt.datetime]  # waiting or running, from, to

_STATUS_OF = {
    EventType.DEFERRED: Status.TODO,
    EventType.STARTED: Status.DOING,
    EventType.DEFERRED_FOR_RETRY: Status.TODO,
    EventType.RETRIED: Status.TODO,
    EventType.SCHEDULED: Status.TODO,
    EventType.SUCCEEDED: Status.SUCCEEDED,
    EventType.FAILED: Status.FAILED,
    EventType.CANCELLED: Status.CANCELLED,
    EventType.ABORTED: Status.ABORTED,
    EventType.ABORT_REQUESTED: Status.ABORTED,
}
_RUNS_AFTER = {EventType.STARTED}
_WAITS_AFTER = {EventType.DEFERRED, EventType.DEFERRED_FOR_RETRY, EventType.RETRIED}


def stretches(events: Sequence[Event], status: Status, now: dt.datetime) -> list[Stretch]:
    """How a job spent its time: waiting and running. What a `scheduled` event names is not when it happened."""
    found: list[Stretch] = []
    state, since = "", now
    for _, kind, at in events:
        if kind in (EventType.SCHEDULED, EventType.ABORT_REQUESTED):
            continue
        if state:
            found.append((state, since, at))
        state = "running" if kind in _RUNS_AFTER else "waiting" if kind in _WAITS_AFTER else ""
        since = at
    if state and not status.is_final:
        found.append((state, since, max(since, now)))
    return found


class Timeline(QWidget):
    """Waiting in grey, running in blue, the end in the colour of the status."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._stretches: list[Stretch] = []
        self._status = Status.TODO
        self.setMouseTracking(True)
        self.setFixedHeight(42)
        theme().changed.connect(self.update)

    def sizeHint(self) -> QSize:
        return QSize(300, 42)

    def set_events(self, events: Sequence[Event], status: Status, now: dt.datetime) -> None:
        """Show a job's history up to now."""
        self._stretches, self._status = stretches(events, status, now), status
        self.setAccessibleName(self.tr("Timeline: ") + self.summary())
        self.update()

    def summary(self) -> str:
        """The time spent, in words."""
        texts = []
        for state, word in (("waiting", self.tr("waited {time}")), ("running", self.tr("ran {time}"))):
            seconds = [(end - start).total_seconds() for its, start, end in self._stretches if its == state]
            if seconds:
                texts.append(word.format(time=formats.duration(sum(seconds))))
        return " · ".join(texts)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        bar = self._bar()
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(theme().colour("line"))
        painter.drawRoundedRect(bar, 3, 3)
        for (state, _, _), box in zip(self._stretches, self._boxes(), strict=True):
            painter.setBrush(theme().colour("doing" if state == "running" else "todo"))
            painter.drawRect(box)
        if self._stretches and self._status.is_final:
            colour = theme().colour(self._status.value)
            painter.setBrush(theme().colour("panel"))
            painter.drawEllipse(QPointF(bar.right(), bar.center().y()), 8, 8)
            draw_status(painter, QPointF(bar.right(), bar.center().y()), self._status, colour)
        painter.setFont(theme().font(12))
        painter.setPen(theme().colour("secondary"))
        painter.drawText(QRectF(0, 22, self.width(), 18), int(Qt.AlignmentFlag.AlignVCenter), self.summary())

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        for (state, start, end), box in zip(self._stretches, self._boxes(), strict=True):
            if box.adjusted(0, -6, 0, 6).contains(event.position()):
                time = formats.duration((end - start).total_seconds())
                word = self.tr("running") if state == "running" else self.tr("waiting")
                text = f"{word} {time}\n{formats.local(start)} – {formats.local(end)}"
                QToolTip.showText(event.globalPosition().toPoint(), text, self)
                return
        QToolTip.hideText()

    def _bar(self) -> QRectF:
        return QRectF(2, 8, self.width() - 14, 7)

    def _boxes(self) -> list[QRectF]:
        """Where each stretch is drawn: to scale, and never thinner than two pixels."""
        if not self._stretches:
            return []
        bar = self._bar()
        first, last = self._stretches[0][1], self._stretches[-1][2]
        whole = max((last - first).total_seconds(), 1e-6)
        boxes = []
        for _, start, end in self._stretches:
            left = bar.left() + bar.width() * (start - first).total_seconds() / whole
            width = max(2.0, bar.width() * (end - start).total_seconds() / whole)
            boxes.append(QRectF(min(left, bar.right() - width), bar.top(), width, bar.height()))
        return boxes


class _Mark(QWidget):
    def __init__(self, status: Status) -> None:
        super().__init__()
        self._status = status
        self.setFixedSize(14, 18)

    def paintEvent(self, event: QPaintEvent) -> None:
        draw_status(QPainter(self), QPointF(7, 9.5), self._status, theme().colour(self._status.value), 4)


class EventList(QWidget):
    """Every event with its local time and the time since the one before."""

    #: More are not shown one by one.
    LIMIT = 40

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setHorizontalSpacing(8)
        self._grid.setVerticalSpacing(1)
        self._grid.setColumnStretch(1, 1)
        self._shown: list[Event] = []

    def set_events(self, events: Sequence[Event]) -> None:
        """Show a job's events, the oldest first."""
        if list(events) == self._shown:
            return
        self._shown = list(events)
        while (item := self._grid.takeAt(0)) is not None:
            widget = item.widget()
            if widget is not None:
                widget.hide()
                widget.deleteLater()
        before: dt.datetime | None = None
        for line, (_, kind, at) in enumerate(self._shown[-self.LIMIT :]):
            is_plan = kind is EventType.SCHEDULED
            since = "" if before is None or is_plan else "+" + formats.duration((at - before).total_seconds())
            self._add(line, kind, at, since)
            before = before if is_plan else at

    def _add(self, line: int, kind: EventType, at: dt.datetime, since: str) -> None:
        word = kind.value.replace("_", " ") + (self.tr(" for") if kind is EventType.SCHEDULED else "")
        self._grid.addWidget(_Mark(_STATUS_OF[kind]), line, 0)
        self._grid.addWidget(_label(word, ""), line, 1)
        self._grid.addWidget(_label(since, "small"), line, 2, Qt.AlignmentFlag.AlignRight)
        time = _label(formats.local(at), "small")
        time.setToolTip(formats.full(at))
        self._grid.addWidget(time, line, 3, Qt.AlignmentFlag.AlignRight)


def _label(text: str, tone: str) -> QLabel:
    label = QLabel(text)
    label.setTextFormat(Qt.TextFormat.PlainText)
    if tone:
        label.setProperty("tone", tone)
    return label
