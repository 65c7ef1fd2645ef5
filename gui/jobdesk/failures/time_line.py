"""Failed runs per bucket over the range: those of the selected group, and upon them the others."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from jobdesk_core.failures.records import Failures, Mark
from PySide6.QtCore import QEvent, QPointF, QRectF, Qt, Signal
from PySide6.QtGui import QBrush, QFocusEvent, QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QPen, QPolygonF
from PySide6.QtWidgets import QSizePolicy, QWidget

from jobdesk.failures import words
from jobdesk.kit import formats
from jobdesk.kit.axis import round_up
from jobdesk.kit.growing import keep_sizes
from jobdesk.kit.theme import theme

LEFT, RIGHT, TOP, BOTTOM = 44, 16, 40, 26
#: Names of a mark that are told in its box.
MOST_NAMES = 4
#: The seconds between two times below the chart.
_STEPS_S = (60, 300, 600, 900, 1_800, 3_600, 7_200, 10_800, 21_600, 43_200, 86_400, 604_800, 2_592_000, 31_536_000)
#: Pixels between two times below the chart at least.
LABEL_EVERY = 96


class TimeLine(QWidget):
    """The box of the bucket under the pointer, or of the one that the arrows went to, tells its numbers."""

    time_asked_for = Signal(dt.datetime, dt.datetime)  # from, to (UTC): a bucket was clicked

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName(self.tr("Failures over time"))
        self.setProperty("pane", True)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setMouseTracking(True)
        keep_sizes(self, least_height=130)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self._found: Failures | None = None
        self._own: tuple[int, ...] = ()
        self._name = ""
        self._is_stale = False
        self.hovered: int | None = None
        theme().changed.connect(self.update)

    def set_failures(self, found: Failures | None, own: Sequence[int], name: str, *, is_stale: bool = False) -> None:
        """Show all failures, of which `own` are those of the group of this name; without a name none is selected."""
        wanted = (found, tuple(own), name, is_stale)
        if wanted == (self._found, self._own, self._name, self._is_stale):
            return
        self._found, self._own, self._name, self._is_stale = wanted
        if self.hovered is not None and (found is None or self.hovered >= len(found.trend)):
            self.hovered = None
        if found is not None:
            self.setAccessibleDescription(", ".join(self._legend(found)))
        self.update()

    def bucket(self, place: int) -> tuple[dt.datetime, dt.datetime]:
        """From when to when a bucket is (UTC)."""
        assert self._found is not None
        length = dt.timedelta(seconds=self._found.bucket_s)
        start = self._found.start + place * length
        return start, start + length

    def lines_of(self, place: int) -> list[str]:
        """What the box of a bucket says."""
        found = self._found
        assert found is not None
        start, end = self.bucket(place)
        if self._is_unread(found, place):
            return [f"{formats.local(start)} – {formats.time_of_day(end)}", self.tr("not read yet")]
        lines = [f"{formats.local(start)} – {formats.time_of_day(end)}"]
        own = self._own[place] if place < len(self._own) else 0
        if self._name:
            lines.append(f"{_short(self._name)} {formats.number(own)}")
            lines.append(self.tr("others {count}").format(count=formats.number(found.trend[place] - own)))
        else:
            lines.append(self.tr("failed {count}").format(count=formats.number(found.trend[place])))
        lines += [
            self.tr("burst of {count}").format(count=formats.number(burst.failed))
            for burst in found.bursts
            if burst.start <= start < burst.end
        ]
        lines += [_mark_words(mark) for mark in found.marks if start <= mark.at < end]
        return lines

    # Keys and the mouse

    def keyPressEvent(self, event: QKeyEvent) -> None:
        count = len(self._found.trend) if self._found is not None else 0
        steps = {Qt.Key.Key_Left: -1, Qt.Key.Key_Right: 1}.get(Qt.Key(event.key()))
        if count and steps is not None:
            at = self.hovered if self.hovered is not None else (count if steps < 0 else -1)
            self._hover(min(count - 1, max(0, at + steps)))
        elif self.hovered is not None and event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.time_asked_for.emit(*self.bucket(self.hovered))
        else:
            super().keyPressEvent(event)

    def focusOutEvent(self, event: QFocusEvent) -> None:
        super().focusOutEvent(event)
        self._hover(None)

    def focusInEvent(self, event: QFocusEvent) -> None:
        super().focusInEvent(event)
        self.update()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        self._hover(self._place_at(event.position()))

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        place = self._place_at(event.position())
        is_left = event.button() is Qt.MouseButton.LeftButton
        if is_left and place is not None and self._found is not None and self._found.trend[place]:
            self.time_asked_for.emit(*self.bucket(place))

    def leaveEvent(self, event: QEvent) -> None:
        self._hover(None)

    def _hover(self, place: int | None) -> None:
        if place != self.hovered:
            self.hovered = place
            has_jobs = place is not None and self._found is not None and self._found.trend[place]
            self.setCursor(Qt.CursorShape.PointingHandCursor if has_jobs else Qt.CursorShape.ArrowCursor)
            self.update()

    def _place_at(self, at: QPointF) -> int | None:
        plot = self._plot()
        count = len(self._found.trend) if self._found is not None else 0
        if not count or not plot.adjusted(-4, -14, 4, 8).contains(at):
            return None
        return min(count - 1, max(0, int((at.x() - plot.left()) * count / plot.width())))

    # Painting

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.fillRect(self.rect(), theme().colour("background"))
        if self.hasFocus():
            painter.setPen(QPen(theme().colour("focus"), theme().tokens.edge))
            painter.drawRect(self.rect().adjusted(0, 0, -1, -1))
        found = self._found
        if found is None or not found.trend:
            self._paint_heading(painter, self.tr("Failures over time"), [])
            return
        self._paint_heading(painter, words.bucket_words(found.bucket_s), self._legend(found))
        plot, highest = self._plot(), round_up(max(found.trend))
        self._paint_grid(painter, plot, highest)
        self._paint_unread(painter, plot, found)
        self._paint_columns(painter, plot, found, highest)
        self._paint_bursts(painter, plot, found)
        self._paint_marks(painter, plot, found)
        self._paint_times(painter, plot, found)
        if self.hovered is not None:
            self._paint_box(painter, plot, self.hovered)

    def _plot(self) -> QRectF:
        left, top, bottom = (theme().grown(each) for each in (LEFT, TOP, BOTTOM))
        return QRectF(left, top, max(1, self.width() - left - RIGHT), max(1, self.height() - top - bottom))

    def _legend(self, found: Failures) -> list[str]:
        if not self._name:
            return [self.tr("all groups {count}").format(count=formats.number(sum(found.trend)))]
        own = sum(self._own)
        others = len(found.groups) - 1
        one, more = self.tr("1 other group"), self.tr("{count} other groups").format(count=formats.number(others))
        rest = formats.number(sum(found.trend) - own)
        return [
            f"{_short(self._name)} {formats.number(own)}",
            *([f"{one if others == 1 else more} {rest}"] if others else []),
        ]

    def _paint_heading(self, painter: QPainter, heading: str, legend: Sequence[str]) -> None:
        now = theme()
        base = now.grown(24)
        painter.setFont(now.font(13, is_bold=True))
        painter.setPen(now.colour("text"))
        painter.drawText(QPointF(12, base), heading)
        least = 12 + painter.fontMetrics().horizontalAdvance(heading) + 24
        painter.setFont(now.font(12))
        right, side = self.width() - RIGHT, now.grown(9)
        for place, text in reversed(list(enumerate(legend))):
            shown = painter.fontMetrics().elidedText(
                formats.visible(text), Qt.TextElideMode.ElideMiddle, max(40, right - least - side - 6)
            )
            right -= painter.fontMetrics().horizontalAdvance(shown)
            painter.setPen(now.colour("text" if place == 0 else "secondary"))
            painter.drawText(QPointF(right, base), shown)
            right -= side + 6
            painter.fillRect(QRectF(right, base - side, side, side), self._brush(place == 0))
            right -= 18

    def _brush(self, is_own: bool) -> QBrush:
        if self._is_stale:
            return QBrush(theme().colour("faint" if is_own else "line"))
        return QBrush(theme().colour("failed" if is_own else "faint"))

    def _paint_grid(self, painter: QPainter, plot: QRectF, highest: int) -> None:
        now = theme()
        painter.setFont(now.font(11))
        steps = next(each for each in (4, 3, 2, 1) if highest % each == 0)
        for number in range(steps + 1):
            y = round(plot.bottom() - plot.height() * number / steps)
            painter.fillRect(QRectF(plot.left(), y, plot.width(), 1), now.colour("line"))
            painter.setPen(now.colour("secondary"))
            box = QRectF(0, y - now.grown(8), plot.left() - 8, now.grown(16))
            flags = int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
            painter.drawText(box, flags, formats.number(highest * number // steps))

    def _is_unread(self, found: Failures, place: int) -> bool:
        if found.is_counted:
            return False
        return found.read_back_to is None or self.bucket(place)[1] <= found.read_back_to

    def _paint_unread(self, painter: QPainter, plot: QRectF, found: Failures) -> None:
        """What nobody has counted yet is hatched: it is no zero."""
        unread = sum(self._is_unread(found, place) for place in range(len(found.trend)))
        if not unread:
            return
        box = QRectF(plot.left(), plot.top(), plot.width() * unread / len(found.trend), plot.height())
        painter.fillRect(box, QBrush(theme().colour("line"), Qt.BrushStyle.BDiagPattern))
        painter.setFont(theme().font(11))
        text = self.tr("not read yet")
        width = painter.fontMetrics().horizontalAdvance(text) + 12
        if width < box.width():
            words_box = QRectF(box.center().x() - width / 2, box.center().y() - 10, width, theme().grown(20))
            painter.fillRect(words_box, theme().colour("background"))
            painter.setPen(theme().colour("secondary"))
            painter.drawText(words_box, int(Qt.AlignmentFlag.AlignCenter), text)

    def _paint_columns(self, painter: QPainter, plot: QRectF, found: Failures, highest: int) -> None:
        count = len(found.trend)
        bottom = round(plot.bottom())
        for place, failed in enumerate(found.trend):
            if not failed:
                continue
            left, right = (round(plot.left() + plot.width() * each / count) for each in (place, place + 1))
            width = max(1, right - left - (2 if right - left > 6 else 1 if right - left > 2 else 0))
            own = (self._own[place] if place < len(self._own) else 0) if self._name else failed
            # Errors have times of their own, which may lie in another bucket than those of their runs.
            own = min(own, failed)
            middle = bottom - round(plot.height() * own / highest)
            upper = min(bottom - 2, bottom - round(plot.height() * failed / highest))
            painter.fillRect(QRectF(left, middle, width, bottom - middle), self._brush(True))
            if failed > own:
                painter.fillRect(QRectF(left, upper, width, max(1, middle - upper)), self._brush(False))

    def _paint_marks(self, painter: QPainter, plot: QRectF, found: Failures) -> None:
        """Where a task or a worker was seen for the first time, which is what deploys look like from here."""
        span = found.bucket_s * len(found.trend)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        for mark in found.marks:
            part = (mark.at - found.start).total_seconds() / span
            if not 0 <= part <= 1:
                continue
            x = round(plot.left() + plot.width() * part) + 0.5
            painter.setPen(QPen(theme().colour("accent"), 1, Qt.PenStyle.DashLine))
            painter.drawLine(QPointF(x, plot.top() - 4), QPointF(x, plot.bottom()))
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(theme().colour("accent"))
            y = plot.top() - 4
            painter.drawPolygon(QPolygonF([QPointF(x - 4, y - 6), QPointF(x + 4, y - 6), QPointF(x, y)]))
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)

    def _paint_bursts(self, painter: QPainter, plot: QRectF, found: Failures) -> None:
        """A line above the columns of each burst."""
        span = found.bucket_s * len(found.trend)
        for burst in found.bursts:
            first, last = ((at - found.start).total_seconds() / span for at in (burst.start, burst.end))
            left, right = (plot.left() + plot.width() * min(1.0, max(0.0, part)) for part in (first, last))
            painter.fillRect(QRectF(left, plot.top() - 5, right - left - 1, 2), theme().colour("failed"))

    def _paint_times(self, painter: QPainter, plot: QRectF, found: Failures) -> None:
        painter.setFont(theme().font(11))
        painter.setPen(theme().colour("secondary"))
        count = len(found.trend)
        least_s = theme().grown(LABEL_EVERY) * count * found.bucket_s / plot.width()
        step_s = next((each for each in _STEPS_S if each >= least_s), _STEPS_S[-1])
        is_long = found.bucket_s * count > 2 * 86_400
        for place in range(count):
            at = formats.here(self.bucket(place)[0])
            offset = at.utcoffset() or dt.timedelta()
            text = f"{at:%m-%d}" if step_s >= 86_400 else f"{at:%m-%d %H:%M}" if is_long else f"{at:%H:%M}"
            width = painter.fontMetrics().horizontalAdvance(text)
            x = plot.left() + plot.width() * place / count
            if (at.timestamp() + offset.total_seconds()) % step_s < found.bucket_s and x + width <= plot.right():
                painter.drawText(QPointF(x, plot.bottom() + theme().grown(17)), text)

    def _paint_box(self, painter: QPainter, plot: QRectF, place: int) -> None:
        assert self._found is not None
        count = len(self._found.trend)
        x = round(plot.left() + plot.width() * (place + 0.5) / count) + 0.5
        painter.setPen(QPen(theme().colour("secondary"), 1, Qt.PenStyle.DotLine))
        painter.drawLine(QPointF(x, plot.top()), QPointF(x, plot.bottom()))
        painter.setFont(theme().font(12))
        lines = [formats.visible(line) for line in self.lines_of(place)]
        metrics = painter.fontMetrics()
        width = min(plot.width(), max(metrics.horizontalAdvance(line) for line in lines) + 20)
        height = metrics.lineSpacing() * len(lines) + 12
        # It keeps off the pointer, and turns sides at the edge.
        left = x + 10 if x + 10 + width <= self.width() - 4 else x - 10 - width
        top = min(plot.top() + 4, max(2.0, self.height() - height - 4))
        box = QRectF(max(2.0, left), top, width, height)
        painter.setPen(QPen(theme().colour("field_line"), 1))
        painter.setBrush(theme().colour("panel"))
        painter.drawRoundedRect(box, 6, 6)
        for number, line in enumerate(lines):
            painter.setPen(theme().colour("secondary" if number == 0 else "text"))
            y = box.top() + 6 + metrics.lineSpacing() * number + metrics.ascent()
            shown = metrics.elidedText(line, Qt.TextElideMode.ElideRight, round(width) - 16)
            painter.drawText(QPointF(box.left() + 10, y), shown)


def _mark_words(mark: Mark) -> str:
    names = ", ".join(name[:60] for name in mark.names[:MOST_NAMES])
    rest = len(mark.names) - MOST_NAMES
    if rest > 0:
        names = words._tr("{names} and {count} more").format(names=names, count=formats.number(rest))
    one = words._tr("new task: {names}") if mark.kind == "task" else words._tr("new worker: {names}")
    return one.format(names=names)


def _short(name: str) -> str:
    return name if len(name) <= 40 else f"{name[:40]}…"
