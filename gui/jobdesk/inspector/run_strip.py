"""The latest runs of a task as a row of bars: how long each took, how it ended, and whose it was."""

from __future__ import annotations

import math
from collections.abc import Sequence

from jobdesk_core.job.related_jobs import LatestRun
from jobdesk_core.jobs import EventType
from PySide6.QtCore import QEvent, QPoint, QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QFocusEvent, QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QPen, QPolygonF
from PySide6.QtWidgets import QSizePolicy, QToolTip, QWidget

from jobdesk.kit import formats
from jobdesk.kit.theme import theme
from jobdesk.kit.theme.tokens import EVENT_SHAPE

#: The mark of the shown job above, the bars, and the marks of failed ones below the line.
MARK_HEIGHT, BARS_HEIGHT, FOOT_HEIGHT = 7, 40, 7
MARK_HALF = 4
#: The widest that a bar is with the gap after it, and the flattest.
WIDEST, FLATTEST = 12.0, 2.0


class RunStrip(QWidget):
    """Shows runs, oldest left. A click, or Return on the one that the arrow keys have reached, asks for its job."""

    job_clicked = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._runs: tuple[LatestRun, ...] = ()
        self._own_id = 0
        self._current: int | None = None
        self._description = ""
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAccessibleName(self.tr("Latest runs of this task"))
        theme().changed.connect(self.update)

    def sizeHint(self) -> QSize:
        return QSize(240, MARK_HEIGHT + BARS_HEIGHT + FOOT_HEIGHT)

    def set_runs(self, runs: Sequence[LatestRun], own_id: int, description: str) -> None:
        """Show these, oldest first, and mark those of the job `own_id`. The description is for who cannot see them."""
        self._runs, self._own_id, self._description = tuple(runs), own_id, description
        self._choose(None)

    def text_of(self, place: int) -> str:
        """What is told of one run, a line each: whose and how it ended, how long it took, when that was."""
        run = self._runs[place]
        job = formats.job_number(run.job_id)
        if run.job_id == self._own_id:
            job = self.tr("{job} (this job)").format(job=job)
        lines = (
            f"{job} · {self._word(run.end)}",
            self.tr("ran {time}").format(time=formats.duration(run.seconds)),
            f"{formats.local(run.started_at)} – {formats.local(run.ended_at)}",
        )
        return "\n".join(lines)

    def box_of(self, place: int) -> QRectF:
        """Where a run's bar stands. Heights are the square roots of the times: short ones can still be told apart."""
        step = min(WIDEST, self.width() / max(1, len(self._runs)))
        left, right = round(place * step), round((place + 1) * step)
        longest = max(run.seconds for run in self._runs)
        share = math.sqrt(self._runs[place].seconds / longest) if longest else 0.0
        height = max(FLATTEST, round(share * BARS_HEIGHT))
        gap = 1 if right - left > 2 else 0
        return QRectF(left, MARK_HEIGHT + BARS_HEIGHT - height, max(1, right - left - gap), height)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter, tokens = QPainter(self), theme().tokens
        line = MARK_HEIGHT + BARS_HEIGHT
        for place, run in enumerate(self._runs):
            if place == self._current:
                painter.fillRect(self._column(place), tokens.colour("selection"))
            self._paint_bar(painter, self.box_of(place), run)
        painter.fillRect(QRectF(0, line, self.width(), 1), tokens.colour("line"))
        if self.hasFocus():
            box = self._column(self._current) if self._current is not None else QRectF(self.rect())
            painter.setPen(QPen(tokens.colour("focus"), tokens.edge))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            inset = tokens.edge / 2
            painter.drawRect(box.adjusted(inset, inset, -inset, -inset))

    def _paint_bar(self, painter: QPainter, box: QRectF, run: LatestRun) -> None:
        tokens = theme().tokens
        colour = tokens.colour(EVENT_SHAPE[run.end][1])
        if run.end is EventType.DEFERRED_FOR_RETRY and box.width() > 2 and box.height() > 2:
            # It has not come to its end: an outline.
            painter.setPen(QPen(colour, 1))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRect(box.adjusted(0.5, 0.5, -0.5, 0.5))
        else:
            painter.fillRect(box, colour)
        if run.end is EventType.FAILED:
            # Below the line, so that it is seen without its colour too.
            painter.fillRect(QRectF(box.left(), box.bottom() + 3, box.width(), FOOT_HEIGHT - 3), colour)
        if run.job_id == self._own_id:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(tokens.colour("text"))
            middle = min(max(box.center().x(), MARK_HALF), self.width() - MARK_HALF)
            points = (QPointF(middle - MARK_HALF, 0), QPointF(middle + MARK_HALF, 0), QPointF(middle, MARK_HEIGHT - 2))
            painter.drawPolygon(QPolygonF(points))
            painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)

    # The mouse and the keys

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        place = self._place_at(event.position())
        self._choose(place)
        self.setCursor(Qt.CursorShape.ArrowCursor if place is None else Qt.CursorShape.PointingHandCursor)
        self._show_tooltip(event.globalPosition().toPoint())

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        place = self._place_at(event.position())
        if event.button() is Qt.MouseButton.LeftButton and place is not None:
            self._ask_for(place)

    def leaveEvent(self, event: QEvent) -> None:
        self._choose(None)
        QToolTip.hideText()
        super().leaveEvent(event)

    def focusInEvent(self, event: QFocusEvent) -> None:
        super().focusInEvent(event)
        if event.reason() is not Qt.FocusReason.MouseFocusReason and self._runs:
            own = (place for place, run in enumerate(self._runs) if run.job_id == self._own_id)
            self._choose(max(own, default=len(self._runs) - 1))

    def focusOutEvent(self, event: QFocusEvent) -> None:
        self._choose(None)
        QToolTip.hideText()
        super().focusOutEvent(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        last = len(self._runs) - 1
        here = self._current
        places = {
            Qt.Key.Key_Left: last if here is None else max(0, here - 1),
            Qt.Key.Key_Right: last if here is None else min(last, here + 1),
            Qt.Key.Key_Home: 0,
            Qt.Key.Key_End: last,
        }
        key = Qt.Key(event.key())
        if key in places and self._runs:
            self._choose(places[key])
            self._show_tooltip(self.mapToGlobal(self._column(places[key]).bottomLeft().toPoint()))
        elif key in (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Space) and here is not None:
            self._ask_for(here)
        else:
            super().keyPressEvent(event)

    def _ask_for(self, place: int) -> None:
        QToolTip.hideText()
        self.job_clicked.emit(self._runs[place].job_id)

    def _choose(self, place: int | None) -> None:
        self._current = place
        text = self._description if place is None else self.text_of(place).replace("\n", ", ")
        if text != self.accessibleDescription():
            self.setAccessibleDescription(text)
        self.update()

    def _show_tooltip(self, position: QPoint) -> None:
        if self._current is None:
            QToolTip.hideText()
            return
        scale = self.tr("Heights are on a square-root scale; the tallest ran {time}.").format(
            time=formats.duration(max(run.seconds for run in self._runs))
        )
        QToolTip.showText(position, f"{self.text_of(self._current)}\n{scale}", self)

    def _place_at(self, position: QPointF) -> int | None:
        if not self.rect().contains(position.toPoint()):
            return None
        return next((n for n in range(len(self._runs)) if self._column(n).contains(position)), None)

    def _column(self, place: int) -> QRectF:
        step = min(WIDEST, self.width() / max(1, len(self._runs)))
        left, right = round(place * step), round((place + 1) * step)
        return QRectF(left, 0, right - left, self.height())

    def _word(self, end: EventType) -> str:
        words = {
            EventType.SUCCEEDED: self.tr("succeeded"),
            EventType.FAILED: self.tr("failed"),
            EventType.ABORTED: self.tr("aborted"),
            EventType.DEFERRED_FOR_RETRY: self.tr("retried"),
        }
        return words.get(end, end.value)
