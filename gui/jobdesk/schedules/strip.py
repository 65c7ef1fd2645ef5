"""The last runs as a row of columns, and what their colours mean: height is the duration, an outline is not there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from jobdesk_core.jobs import Status
from jobdesk_core.schedules.schedule import Run
from PySide6.QtCore import QRect, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFont, QFontMetrics, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QStyleOptionViewItem, QWidget

from jobdesk.kit import formats
from jobdesk.kit.cells import PADDING, SHAPE_GAP, SHAPE_SIDE, CellDelegate
from jobdesk.kit.roles import CELL_ROLE, AnyIndex
from jobdesk.kit.theme import theme
from jobdesk.kit.theme.shapes import shape_pixmap
from jobdesk.kit.theme.tokens import Tone
from jobdesk.schedules.model import ASIDE_ROLE, LEAD_ROLE, RUNS_ROLE

MARGIN_X, MARGIN_Y = 8, 6
SLOTS, LEAST_STEP = 40, 2
Look = Literal["run", "failed", "missed", "late", "running", "gone", "waiting"]
_TONES: dict[Look, Tone] = {
    "run": "succeeded",
    "failed": "failed",
    "missed": "failed",
    "late": "warning",
    "running": "doing",
    "gone": "secondary",
    "waiting": "todo",
}
_OUTLINED = ("missed", "gone", "waiting")
#: A run that was deferred later than so many seconds counts as late.
LATE_S = 60.0


def look_of(run: Run) -> Look:
    """How a run is painted."""
    if run.is_missed:
        return "missed"
    if run.status is None:
        return "gone"
    if run.status in (Status.FAILED, Status.ABORTED):
        return "failed"
    if run.status in (Status.DOING, Status.ABORTING):
        return "running"
    if run.status is Status.TODO:
        return "waiting"
    if run.status is Status.CANCELLED:
        return "gone"
    is_late = run.deferred_at is not None and (run.deferred_at - run.expected_at).total_seconds() > LATE_S
    return "late" if run.is_overlapping or is_late else "run"


def paint_column(painter: QPainter, box: QRectF, look: Look) -> None:
    """Fill or outline one column."""
    colour = QColor(theme().tokens.colour(_TONES[look]))
    if look in _OUTLINED:
        painter.setPen(QPen(colour, 1))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawRect(box.adjusted(0.5, 0.5, -0.5, -0.5))
        return
    if look == "run":
        colour.setAlphaF(0.55)
    painter.fillRect(box, colour)


def heights(runs: Sequence[Run], room: float) -> list[float]:
    """How high each is: its duration as a share of the longest, and never so low that it is not seen."""
    longest = max((run.ran_s or 0.0 for run in runs), default=0.0)
    return [
        room if run.ran_s is None or not longest else max(3.0, room * (0.25 + 0.75 * run.ran_s / longest))
        for run in runs
    ]


class ScheduleDelegate(CellDelegate):
    """Paints cells as all others, and behind their text what belongs to it quietly; and the strip."""

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: AnyIndex) -> None:
        """Override QStyledItemDelegate.paint."""
        runs = index.model().data(index, RUNS_ROLE)
        if runs is not None:
            self.paint_ground(painter, option)
            self._paint_strip(painter, option.rect.adjusted(MARGIN_X, MARGIN_Y, -MARGIN_X, -MARGIN_Y), runs)
            return
        lead = index.model().data(index, LEAD_ROLE)
        if lead:
            self._paint_lead(painter, option, index, *lead)
        else:
            super().paint(painter, option, index)
        aside = index.model().data(index, ASIDE_ROLE)
        if aside:
            self._paint_aside(painter, option.rect, index, aside)

    def _paint_lead(
        self, painter: QPainter, option: QStyleOptionViewItem, index: AnyIndex, shape: str, tone: Tone
    ) -> None:
        """Paint a cell whose shape has a tone of its own."""
        side, box = theme().grown(SHAPE_SIDE), option.rect
        rest = QStyleOptionViewItem(option)
        rest.rect = box.adjusted(side + SHAPE_GAP, 0, 0, 0)
        super().paint(painter, rest, index)
        # Over what the rest has laid below its own beginning.
        ground = QStyleOptionViewItem(option)
        ground.rect = QRect(box.x(), box.y(), PADDING + side, box.height())
        self.paint_ground(painter, ground)
        colour = theme().tokens.value("faint" if self.is_faded else tone)
        pixmap = shape_pixmap(shape, colour, side, painter.device().devicePixelRatioF())
        painter.drawPixmap(box.x() + PADDING, box.y() + (box.height() - 1 - side) // 2, pixmap)

    def _paint_aside(self, painter: QPainter, box: QRect, index: AnyIndex, aside: str) -> None:
        cell = index.model().data(index, CELL_ROLE)
        font = theme().font(13, QFont.Weight.DemiBold if cell.is_strong else QFont.Weight.Normal)
        has_shape = cell.shape or index.model().data(index, LEAD_ROLE)
        left = PADDING + (theme().grown(SHAPE_SIDE) + SHAPE_GAP if has_shape else 0)
        left += QFontMetrics(font).horizontalAdvance(formats.visible(cell.text)) + 6
        room = box.width() - left - PADDING
        if room < 24:
            return
        small = theme().font(12)
        painter.setFont(small)
        painter.setPen(theme().tokens.colour("faint" if self.is_faded else "secondary"))
        text = QFontMetrics(small).elidedText(formats.visible(aside), Qt.TextElideMode.ElideRight, room)
        flags = int(Qt.AlignmentFlag.AlignVCenter) | int(Qt.TextFlag.TextSingleLine)
        painter.drawText(box.x() + left, box.y(), room, box.height() - 1, flags, text)

    def _paint_strip(self, painter: QPainter, box: QRect, runs: Sequence[Run]) -> None:
        # Fewer where there is no room to tell them apart.
        slots = max(1, min(SLOTS, box.width() // LEAST_STEP))
        step = box.width() / slots
        thick = max(1.0, step - 1)
        shown = runs[-slots:]
        painter.fillRect(box.x(), box.bottom(), box.width(), 1, theme().tokens.colour("line"))
        for place, (run, high) in enumerate(zip(shown, heights(shown, box.height()), strict=True)):
            left = box.x() + (slots - len(shown) + place) * step
            look = look_of(run)
            wide = max(thick, 3.0) if look in _OUTLINED else thick
            paint_column(painter, QRectF(left, box.bottom() - high, wide, high), look)


class Legend(QWidget):
    """What the strip's columns mean."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._parts: list[tuple[Look, str]] = [
            ("run", self.tr("run, height is its duration")),
            ("failed", self.tr("failed")),
            ("missed", self.tr("missed")),
            ("late", self.tr("late or overlapping")),
            ("running", self.tr("running")),
            ("gone", self.tr("no job")),
        ]
        self.setAccessibleName(self.tr("The last runs"))
        self.setAccessibleDescription(", ".join(text for _, text in self._parts))
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        theme().changed.connect(self.updateGeometry)

    def sizeHint(self) -> QSize:
        return QSize(300, theme().grown(20))

    def minimumSizeHint(self) -> QSize:
        return QSize(100, theme().grown(20))

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        font = theme().font(12)
        painter.setFont(font)
        metrics, left = QFontMetrics(font), 0
        for look, text in self._parts:
            width = metrics.horizontalAdvance(text)
            if left + 10 + width > self.width():
                break
            high = theme().grown(12)
            paint_column(painter, QRectF(left, (self.height() - high) / 2, 5, high), look)
            painter.setPen(theme().tokens.colour("secondary"))
            painter.drawText(left + 10, 0, width + 2, self.height(), int(Qt.AlignmentFlag.AlignVCenter), text)
            left += 10 + width + theme().grown(20)
        painter.end()
