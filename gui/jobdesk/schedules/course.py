"""One schedule's expected times, its runs and the workers' lives above each other; and how long its last runs took."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

from jobdesk_core import durations
from jobdesk_core.schedules.judging import MOST_RUNS
from jobdesk_core.schedules.reader import Schedules
from jobdesk_core.schedules.schedule import Run, Schedule
from jobdesk_core.schedules.spans import expected_within, gaps
from PySide6.QtCore import QCoreApplication, QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QBrush, QColor, QFont, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QWidget

from jobdesk.kit import formats
from jobdesk.kit.theme import theme
from jobdesk.kit.theme.icons import draw_status
from jobdesk.schedules.strip import heights, look_of, paint_column

NAMES, ROW, FOOT = 74, 26, 22
#: Runs that the columns below are of.
MOST_BARS = 14


@dataclass(frozen=True, slots=True)
class Course:
    """What is drawn of a stretch of time, in seconds since 1970: see `course_of`."""

    begin: float
    end: float
    expected: tuple[float, ...] | None
    missing: frozenset[float]
    runs: tuple[Run, ...]
    gaps: tuple[tuple[float, float], ...] | None
    lives_since: float

    @property
    def gap(self) -> tuple[float, float] | None:
        """The gap that is worth words: the one in which a run is missing, or the only one."""
        gaps = self.gaps or ()
        missed = [gap for gap in gaps if any(gap[0] <= at <= gap[1] for at in self.missing)]
        return missed[-1] if missed else gaps[0] if len(gaps) == 1 else None


def course_of(schedule: Schedule, found: Schedules, length_s: float) -> Course:
    """A schedule's last so many seconds. It takes its time: many crons may have to be worked out."""
    end = found.read_at.timestamp()
    begin = end - length_s
    runs = tuple(run for run in schedule.runs if run.expected_at.timestamp() >= begin)
    missing = frozenset(run.expected_at.timestamp() for run in runs if run.is_missed)
    told = None
    if found.lives is not None:
        told = tuple(gaps(found.lives, max(begin, found.lives_since), end))
    return Course(begin, end, expected_within(schedule, begin, end), missing, runs, told, found.lives_since)


class CourseView(QWidget):
    """Draws a course. Red is where nobody deferred."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._course: Course | None = None
        self.setAccessibleName(self.tr("Expected and real"))
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        theme().changed.connect(self.updateGeometry)

    def show_course(self, course: Course | None) -> None:
        """Show this; None: nothing is known yet."""
        self._course = course
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(240, theme().grown(3 * ROW + FOOT + 4))

    def minimumSizeHint(self) -> QSize:
        return QSize(160, self.sizeHint().height())

    def paintEvent(self, event: QPaintEvent) -> None:
        tokens, painter = theme().tokens, QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        left, right, row = float(theme().grown(NAMES)), self.width() - 8.0, theme().grown(ROW)
        names = (self.tr("expected"), self.tr("runs"), self.tr("workers"))
        for place, name in enumerate(names):
            painter.setFont(theme().font(12))
            painter.setPen(tokens.colour("secondary"))
            flags = int(Qt.AlignmentFlag.AlignVCenter)
            painter.drawText(QRectF(0, row * place, left, row), flags, name)
            painter.fillRect(QRectF(left, row * (place + 0.5), right - left, 1), tokens.colour("line"))
        course = self._course
        if course is not None:
            scale = (right - left) / (course.end - course.begin)
            self._paint_scale(painter, course, left, right, 3.0 * row)
            self._paint_missing(painter, course, left, scale, row)
            self._paint_expected(painter, course, left, scale, row * 0.5, right)
            self._paint_runs(painter, course, left, scale, row * 1.5)
            self._paint_workers(painter, course, left, scale, row * 2.5, right)
        painter.end()

    def _paint_missing(self, painter: QPainter, course: Course, left: float, scale: float, row: float) -> None:
        """A column from what was expected down to the workers, where nobody could defer."""
        ground = QColor(theme().tokens.colour("failed"))
        ground.setAlphaF(0.14)
        for at in sorted(course.missing)[-60:]:
            painter.fillRect(QRectF(left + (at - course.begin) * scale - 2, 2, 4, 3 * row - 4), ground)

    def _paint_expected(
        self, painter: QPainter, course: Course, left: float, scale: float, y: float, right: float
    ) -> None:
        tokens = theme().tokens
        if course.expected is None:
            band = QColor(tokens.colour("todo"))
            band.setAlphaF(0.5)
            painter.fillRect(QRectF(left, y - 3, right - left, 6), band)
            return
        is_dense = len(course.expected) > 30
        for at in course.expected:
            x = left + (at - course.begin) * scale
            colour = tokens.colour("failed" if at in course.missing else "todo")
            if is_dense:
                painter.fillRect(QRectF(x - 0.5, y - 4, 1, 8), colour)
                continue
            painter.setPen(QPen(colour, 1.4))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawEllipse(QPointF(x, y), 4, 4)

    def _paint_runs(self, painter: QPainter, course: Course, left: float, scale: float, y: float) -> None:
        tokens = theme().tokens
        is_dense = len(course.runs) > 16
        if len(course.runs) >= MOST_RUNS and course.expected != ():
            # What lies before them is not known here, and must not look as if nothing had run.
            told, first = self.tr("the last {count} only").format(count=len(course.runs)), course.runs[0].expected_at
            painter.setFont(theme().font(11))
            if (first.timestamp() - course.begin) * scale > painter.fontMetrics().horizontalAdvance(told) + 8:
                painter.setPen(tokens.colour("secondary"))
                painter.drawText(QPointF(left + 2, y - 3), told)
        for run in course.runs:
            begun = run.started_at or run.deferred_at or run.expected_at
            x = left + max(0.0, begun.timestamp() - course.begin) * scale
            if is_dense or run.status is None:
                if run.is_missed and not is_dense:
                    painter.setFont(theme().font(12, QFont.Weight.DemiBold))
                    painter.setPen(QPen(tokens.colour("failed"), 1.6))
                    painter.drawLine(QPointF(x - 3.5, y - 3.5), QPointF(x + 3.5, y + 3.5))
                    painter.drawLine(QPointF(x + 3.5, y - 3.5), QPointF(x - 3.5, y + 3.5))
                    if len(course.missing) == 1:
                        told = self.tr("no run")
                        wide = painter.fontMetrics().horizontalAdvance(told)
                        beyond = x + 12 + wide > self.width()
                        painter.drawText(QPointF(x - 9 - wide if beyond else x + 9, y + 4), told)
                    continue
                paint_column(painter, QRectF(x - 1, y - 4, 3, 8), look_of(run))
                continue
            draw_status(painter, QPointF(x, y), run.status, tokens.colour(run.status.value), 4.2)

    def _paint_workers(
        self, painter: QPainter, course: Course, left: float, scale: float, y: float, right: float
    ) -> None:
        tokens = theme().tokens
        known = course.end if course.gaps is None else min(course.end, max(course.begin, course.lives_since))
        unknown = QRectF(left, y - 3, (known - course.begin) * scale, 6)
        if unknown.width() >= 1:
            hatching = QColor(tokens.colour("secondary"))
            painter.fillRect(unknown, tokens.colour("panel"))
            painter.fillRect(unknown, QBrush(hatching, Qt.BrushStyle.BDiagPattern))
        gap, end = course.gap, unknown.right()
        if gap is not None:
            told = self.tr("none alive {begin} – {end}").format(begin=_clock(gap[0]), end=_clock(gap[1]))
            end = min(end, self._tell_above(painter, told, left + (gap[0] - course.begin) * scale + 4, y, right) - 8)
        if unknown.width() >= 1:
            self._tell_above(painter, self.tr("not recorded"), left + 2, y, end)
        if course.gaps is None:
            return
        alive = QColor(tokens.colour("succeeded"))
        alive.setAlphaF(0.55)
        at = max(course.begin, course.lives_since)
        for start, stop in [*course.gaps, (course.end, course.end)]:
            if start > at:
                begin, wide = left + (at - course.begin) * scale, (start - at) * scale
                painter.fillRect(QRectF(begin, y - 3, max(1.0, wide), 6), alive)
            at = stop

    def _tell_above(self, painter: QPainter, told: str, x: float, y: float, right: float) -> float:
        """Words over the workers' row, not beyond a place, and none without room; returns where they begin."""
        painter.setFont(theme().font(11))
        left = min(x, right - painter.fontMetrics().horizontalAdvance(told))
        if left < theme().grown(NAMES):
            return right
        painter.setPen(theme().tokens.colour("secondary"))
        painter.drawText(QPointF(left, y - 6), told)
        return left

    def _paint_scale(self, painter: QPainter, course: Course, left: float, right: float, bottom: float) -> None:
        tokens = theme().tokens
        length = course.end - course.begin
        step = 4 * 3_600 if length <= 86_400 else 86_400 if length <= 8 * 86_400 else 7 * 86_400
        offset = (formats.here(_at(course.end)).utcoffset() or dt.timedelta()).total_seconds()
        at = (course.begin + offset) // step * step + step - offset
        painter.setFont(theme().font(11))
        high, wide = float(theme().grown(FOOT)), 56.0
        while at < course.end:
            x = left + (right - left) * (at - course.begin) / length
            painter.fillRect(QRectF(x, 2, 1, bottom - 2), tokens.colour("line"))
            if right - x > 62 and x - left > 10:
                painter.setPen(tokens.colour("secondary"))
                there = formats.here(_at(at))
                told = f"{there:%H:%M}" if step < 86_400 else f"{there:%m-%d}"
                painter.drawText(QRectF(x - wide / 2, bottom, wide, high), int(Qt.AlignmentFlag.AlignCenter), told)
            at += step
        painter.fillRect(QRectF(right - 1, 2, 1, bottom - 2), tokens.colour("accent"))
        painter.setPen(tokens.colour("accent"))
        flags = int(Qt.AlignmentFlag.AlignRight) | int(Qt.AlignmentFlag.AlignVCenter)
        painter.drawText(QRectF(right - wide, bottom, wide, high), flags, self.tr("now"))


class RunBars(QWidget):
    """The last runs as columns, each with its day or its time below."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._runs: Sequence[Run] = ()
        self.setAccessibleName(self.tr("How long the last runs took"))
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        theme().changed.connect(self.updateGeometry)

    def show_runs(self, runs: Sequence[Run]) -> None:
        """Show the latest of these."""
        self._runs = tuple(runs[-MOST_BARS:])
        self.setAccessibleDescription(usual(runs))
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(240, theme().grown(60))

    def minimumSizeHint(self) -> QSize:
        return QSize(120, theme().grown(60))

    def paintEvent(self, event: QPaintEvent) -> None:
        painter, tokens = QPainter(self), theme().tokens
        foot = theme().grown(18)
        step = self.width() / MOST_BARS
        high = self.height() - foot - 2.0
        days = {formats.here(run.expected_at).date() for run in self._runs}
        is_daily = len(days) > max(1.0, len(self._runs) / 2)
        painter.setFont(theme().font(11))
        last = -100.0
        for place, (run, each) in enumerate(zip(self._runs, heights(self._runs, high), strict=True)):
            x = place * step
            paint_column(painter, QRectF(x + 1, high - each + 1, step - 3, each), look_of(run))
            there = formats.here(run.expected_at)
            told = f"{there.day}" if is_daily else f"{there:%H:%M}"
            wide = painter.fontMetrics().horizontalAdvance(told)
            left = min(x + step / 2 - wide / 2, self.width() - wide)
            if left > last + 6 and left >= 0:
                painter.setPen(tokens.colour("failed" if run.is_missed else "secondary"))
                painter.drawText(QRectF(left, high + 2, wide + 2, foot), int(Qt.AlignmentFlag.AlignVCenter), told)
                last = left + wide
        painter.end()


def usual(runs: Sequence[Run]) -> str:
    """How long runs took: the middle of them and the longest; empty without any."""
    took = sorted(run.ran_s for run in runs if run.ran_s is not None)
    if not took:
        return ""
    told = (durations.in_words(took[len(took) // 2]), durations.in_words(took[-1]))
    words = QCoreApplication.translate("RunBars", "usual {usual}, longest {longest}")
    return words.format(usual=told[0], longest=told[1])


def _at(seconds: float) -> dt.datetime:
    return dt.datetime.fromtimestamp(seconds, dt.UTC)


def _clock(seconds: float) -> str:
    return f"{formats.here(_at(seconds)):%H:%M}"
