"""A job's history as a bar drawn to scale: waiting in grey, running in blue, the end in its status's colour."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from jobdesk_core import durations
from jobdesk_core.job.related_jobs import UsualTimes
from jobdesk_core.jobs import EventType, Status
from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QFontMetrics, QMouseEvent, QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import QSizePolicy, QToolTip, QWidget

from jobdesk.inspector.event_list import Event, EventList
from jobdesk.kit import formats
from jobdesk.kit.theme import theme
from jobdesk.kit.theme.tokens import Tone

__all__ = ["Event", "EventList", "Stretch", "Timeline", "stretches"]

Stretch = tuple[str, dt.datetime, dt.datetime]  # waiting, running or lost, from, to

BAR_TOP, BAR_HEIGHT, DOT_RADIUS = 10, 8, 6
CAPTIONS_TOP, SUMMARY_TOP, LINE_HEIGHT = 26, 43, 16
#: A stretch is never drawn thinner, however short it was.
THINNEST = 3.0
_STATE_TONE: dict[str, Tone] = {"running": "doing", "lost": "warning"}
_STATE_AFTER = {
    EventType.DEFERRED: "waiting",
    EventType.STARTED: "running",
    EventType.DEFERRED_FOR_RETRY: "waiting",
    EventType.RETRIED: "waiting",
}


def stretches(
    events: Sequence[Event], status: Status, now: dt.datetime, known_until: dt.datetime | None = None
) -> list[Stretch]:
    """How a job spent its time, oldest first. Between its end and a retry by hand it neither waited nor ran.

    Whether a running job has run since `known_until` nobody knows: that time is lost. None: it surely has.

    What a `scheduled` event names is not when it happened, and an abort request ends nothing.
    """
    found: list[Stretch] = []
    state, since = "", now
    for _, kind, at in events:
        if kind in (EventType.SCHEDULED, EventType.ABORT_REQUESTED):
            continue
        if state:
            found.append((state, since, max(since, at)))
        state, since = _STATE_AFTER.get(kind, ""), at
    if state and not status.is_final:
        end = max(since, now)
        heard = end if state != "running" or known_until is None else min(end, max(since, known_until))
        if heard > since or heard == end:
            found.append((state, since, heard))
        if heard < end:
            found.append(("lost", heard, end))
    return found


class Timeline(QWidget):
    """Shows when a job began, how it spent its time, and how it ended."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._stretches: list[Stretch] = []
        self._status = Status.TODO
        self._ended_at: dt.datetime | None = None
        self._retries = 0
        self._usual: UsualTimes | None = None
        self.setMouseTracking(True)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAccessibleName(self.tr("Timeline"))
        theme().changed.connect(self.update)
        theme().changed.connect(self.updateGeometry)

    def sizeHint(self) -> QSize:
        return QSize(300, self._summary_top() + max(1, len(self.shown_lines())) * theme().grown(LINE_HEIGHT))

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self.updateGeometry()

    def set_events(
        self, events: Sequence[Event], status: Status, now: dt.datetime, known_until: dt.datetime | None = None
    ) -> None:
        """Show a job's history, oldest first, up to `now` (UTC-aware) while it is not over; see `stretches`."""
        self._stretches, self._status = stretches(events, status, now, known_until), status
        happened = [(kind, at) for _, kind, at in events if kind is not EventType.SCHEDULED]
        self._ended_at = happened[-1][1] if happened and status.is_final else None
        retries = (EventType.DEFERRED_FOR_RETRY, EventType.RETRIED)
        self._retries = sum(kind in retries for kind, _ in happened)
        self._show()

    def _show(self) -> None:
        self.setAccessibleDescription(self.summary())
        self.updateGeometry()
        self.update()

    def set_usual(self, usual: UsualTimes | None) -> None:
        """Say how long jobs of this task usually wait and run."""
        self._usual = usual
        self._show()

    def summary(self) -> str:
        """The time spent, and what is usual, in words: a line for the waiting and one for the running."""
        return "\n".join(self._lines())

    def _lines(self) -> list[str]:
        usual = self._usual
        waited = self._spent("waiting", self.tr("waited {time}"), usual.waited if usual else None)
        ran = self._spent("running", self.tr("ran {time}"), usual.ran if usual else None)
        if ran and self._retries:
            retried = self.tr("retried once") if self._retries == 1 else self.tr("retried {count} times")
            ran = f"{ran} · {retried.format(count=self._retries)}"
        lost = self._spent("lost", self.tr("no sign of life for {time}"), None)
        return [line for line in (waited, ran, lost) if line]

    def shown_lines(self) -> list[str]:
        """The lines as they fit into the width, broken between their parts."""
        metrics = QFontMetrics(theme().font(11), self)
        wrapped: list[str] = []
        for line in self._lines():
            first, *rest = line.split(" · ")
            wrapped.append(first)
            for part in rest:
                longer = f"{wrapped[-1]} · {part}"
                if metrics.horizontalAdvance(longer) <= self.width():
                    wrapped[-1] = longer
                else:
                    wrapped.append(part)
        return wrapped

    def _spent(self, state: str, word: str, usual: tuple[float, float] | None) -> str:
        seconds = [(end - start).total_seconds() for its, start, end in self._stretches if its == state]
        if not seconds:
            return ""
        text = word.format(time=self._duration(sum(seconds)))
        if usual is None:
            return text
        median, longest = (formats.duration(each) for each in usual)
        return f"{text} · " + self.tr("usual {median}, p95 {longest}").format(median=median, longest=longest)

    def _duration(self, seconds: float) -> str:
        # What goes on is told in whole seconds, as in the words above it.
        return formats.duration(seconds) if self._status.is_final else durations.so_far(seconds)

    def paintEvent(self, event: QPaintEvent) -> None:
        tokens = theme().tokens
        painter = QPainter(self)
        bar = self._bar()
        # Not smoothed: it would leave a seam between two stretches.
        painter.fillRect(bar, tokens.colour("line"))
        for (state, _, _), box in zip(self._stretches, self._boxes(), strict=True):
            painter.fillRect(box, tokens.colour(_STATE_TONE.get(state, "todo")))
        if self._status.is_final and self._stretches:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(tokens.colour(self._status.value))
            painter.drawEllipse(QPointF(bar.right(), bar.center().y()), DOT_RADIUS, DOT_RADIUS)
        self._paint_words(painter)
        painter.end()

    def _paint_words(self, painter: QPainter) -> None:
        if not self._stretches:
            return
        tokens = theme().tokens
        painter.setFont(theme().font(11))
        painter.setPen(tokens.colour("secondary"))
        start = formats.local(self._stretches[0][1])
        if painter.fontMetrics().horizontalAdvance(start) < self.width() / 3:
            start = self.tr("deferred {time}").format(time=start)
        line_height = theme().grown(LINE_HEIGHT)
        captions = QRectF(0, CAPTIONS_TOP, self.width(), line_height)
        painter.drawText(captions, int(Qt.AlignmentFlag.AlignVCenter), start)
        for number, line in enumerate(self.shown_lines()):
            box = QRectF(0, self._summary_top() + number * line_height, self.width(), line_height)
            painter.drawText(box, int(Qt.AlignmentFlag.AlignVCenter), line)
        end = self._status.value
        if self._ended_at:
            # The day is told once.
            is_same_day = formats.here(self._ended_at).date() == formats.here(self._stretches[0][1]).date()
            end += f" {(formats.time_of_day if is_same_day else formats.local)(self._ended_at)}"
        painter.setPen(tokens.colour(self._status.value))
        painter.drawText(captions, int(Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignRight), end)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        for (state, start, end), box in zip(self._stretches, self._boxes(), strict=True):
            if box.adjusted(0, -6, 0, 6).contains(event.position()):
                time = self._duration((end - start).total_seconds())
                words = {"running": self.tr("running"), "lost": self.tr("no sign of life")}
                word = words.get(state, self.tr("waiting"))
                text = f"{word} {time}\n{formats.local(start)} – {formats.local(end)}"
                QToolTip.showText(event.globalPosition().toPoint(), text, self)
                return
        QToolTip.hideText()

    def leaveEvent(self, event: QEvent) -> None:
        QToolTip.hideText()
        super().leaveEvent(event)

    @staticmethod
    def _summary_top() -> int:
        return CAPTIONS_TOP + theme().grown(SUMMARY_TOP - CAPTIONS_TOP)

    def _bar(self) -> QRectF:
        return QRectF(0, BAR_TOP, max(40, self.width() - DOT_RADIUS), BAR_HEIGHT)

    def _boxes(self) -> list[QRectF]:
        """Where each stretch is drawn: to scale, but for those that would be too thin to see."""
        if not self._stretches:
            return []
        bar = self._bar()
        first, last = self._stretches[0][1], self._stretches[-1][2]
        scale = bar.width() / max((last - first).total_seconds(), 1e-6)
        boxes = []
        for _, start, end in self._stretches:
            width = max(THINNEST, scale * (end - start).total_seconds())
            left = bar.left() + scale * (start - first).total_seconds()
            boxes.append(QRectF(min(left, bar.right() - width), bar.top(), width, bar.height()))
        return boxes
