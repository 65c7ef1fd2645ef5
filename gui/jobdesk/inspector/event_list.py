"""A job's events one below the other: what, how long after the one before, and when."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from jobdesk_core.jobs import EventType
from jobdesk_core.moments import FarTime
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QGridLayout, QLabel, QWidget

from jobdesk.kit import formats
from jobdesk.kit.layouts import empty_layout
from jobdesk.kit.shape_label import ShapeLabel
from jobdesk.kit.theme.tokens import EVENT_SHAPE

#: A name, the type, and its time (UTC-aware).
Event = tuple[str, EventType, dt.datetime]
#: The latest events are shown one by one, the others as a number.
LIMIT = 40
_PUTS_OFF = (EventType.DEFERRED, EventType.DEFERRED_FOR_RETRY, EventType.RETRIED)


class EventList(QWidget):
    """Shows the latest events, oldest first, with the local time and the time since the one before."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName(self.tr("Events"))
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 4, 0, 0)
        self._grid.setHorizontalSpacing(12)
        self._grid.setVerticalSpacing(0)
        self._grid.setColumnStretch(0, 1)
        self._events: list[Event] = []

    def set_events(self, events: Sequence[Event]) -> None:
        """Show a job's events, given oldest first. The same again changes nothing."""
        if list(events) == self._events:
            return
        self._events = list(events)
        shown = _plans_after_causes(self._events)
        empty_layout(self._grid)
        earlier = len(self._events) - LIMIT
        if earlier > 0:
            self._grid.addWidget(_small(self.tr("{count} earlier").format(count=formats.number(earlier))), 0, 0)
        before: dt.datetime | None = None
        for line, (_, kind, at) in enumerate(shown[-LIMIT:], 1):
            # A `scheduled` event carries the time that the job was put off to, not that of its writing.
            is_plan = kind is EventType.SCHEDULED
            is_far = isinstance(at, FarTime) or isinstance(before, FarTime)
            since = "" if before is None or is_plan or is_far else f"+{formats.duration((at - before).total_seconds())}"
            self._add(line, kind, at, since)
            before = before if is_plan else at

    def _add(self, line: int, kind: EventType, at: dt.datetime, since: str) -> None:
        shape, tone = EVENT_SHAPE[kind]
        word = kind.value.replace("_", " ")
        mark = ShapeLabel()
        mark.set_content(shape, self.tr("scheduled for") if kind is EventType.SCHEDULED else word, tone)
        time = _small(formats.local(at))
        time.setToolTip(formats.full(at))
        self._grid.addWidget(mark, line, 0)
        for column, label in ((1, _small(since)), (2, time)):
            self._grid.addWidget(label, line, column, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)


def _plans_after_causes(events: Sequence[Event]) -> list[Event]:
    """Put each `scheduled` below the event that it belongs to: the database writes it just before that one."""
    shown = list(events)
    for place in range(len(shown) - 1):
        if shown[place][1] is EventType.SCHEDULED and shown[place + 1][1] in _PUTS_OFF:
            shown[place], shown[place + 1] = shown[place + 1], shown[place]
    return shown


def _small(text: str) -> QLabel:
    label = QLabel(text)
    label.setTextFormat(Qt.TextFormat.PlainText)
    label.setProperty("tone", "small")
    return label
