"""The box beside the line under the pointer: what one column holds, in words."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import QCoreApplication, QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPen

from jobdesk.kit import formats
from jobdesk.kit.chart.data import ChartData
from jobdesk.kit.chart.painting import colour_of
from jobdesk.kit.chart.scales import BOTTOM, Frame, span_text, value_text
from jobdesk.kit.theme import theme
from jobdesk.kit.theme.shapes import paint_shape

#: Series that are told one by one; the rest together.
MOST_TOLD = 8
PAD, GAP, LINE, SHAPE = 10, 12, 18, 12
_LEFT = int(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
_RIGHT = int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)


@dataclass(frozen=True, slots=True)
class BoxLine:
    """A line of the box: perhaps a shape in its colour, words, and a number at the right."""

    words: str
    number: str = ""
    shape: str = ""
    colour: QColor | None = None
    is_strong: bool = True


def box_lines(data: ChartData, column: int, room: int = 100) -> list[BoxLine]:
    """What is known of one column, in so many lines, of which five are needed at least."""
    most = max(2, min(MOST_TOLD, room - 2 - 2 * bool(data.curves)))
    first, end = data.span(column)
    minutes = data.recorded[column]
    lines = [BoxLine(_head(data, first, end, minutes))]
    if not minutes:
        return lines
    counted = [(layer.values[column], layer) for layer in data.layers]
    if len(counted) > most:
        counted.sort(key=lambda each: -each[0])
        rest = counted[most - 1 :]
        counted = counted[: most - 1]
    else:
        rest = []
    for count, layer in counted:
        lines.append(BoxLine(layer.name, formats.number(count), layer.shape, colour_of(layer.hue)))
    if rest:
        words = _tr("{count} others").format(count=formats.number(len(rest)))
        lines.append(BoxLine(words, formats.number(sum(count for count, _ in rest))))
    total = sum(layer.values[column] for layer in data.layers)
    failed = sum(layer.values[column] for layer in data.layers if layer.key == "failed")
    if failed:
        lines.append(BoxLine(_tr("failed of all"), value_text(100 * failed / total, "%"), is_strong=False))
    if data.curves:
        words = f"{data.curves_name} {' · '.join(curve.name for curve in data.curves)}"
        numbers = " · ".join(value_text(curve.values[column], data.unit) for curve in data.curves)
        lines += [BoxLine(words), BoxLine("", numbers)]
    return lines


def told(data: ChartData, column: int) -> str:
    """The same as one sentence, for a screen reader."""
    return ", ".join(f"{line.words} {line.number}".strip() for line in box_lines(data, column))


def paint_box(painter: QPainter, frame: Frame, data: ChartData, column: int, pointer: QPointF | None) -> None:
    """Paint the box beside its line, at the side with more room, and off the pointer."""
    now = theme()
    high, bottom = now.grown(LINE), max(frame.upper.bottom(), frame.lower.bottom()) + now.grown(BOTTOM)
    lines = box_lines(data, column, int(bottom - 2 * PAD + 4) // high)
    metrics_of = {}
    for is_strong in (False, True):
        painter.setFont(now.font(12, is_bold=is_strong))
        metrics_of[is_strong] = painter.fontMetrics()
    width = max(
        metrics_of[False].horizontalAdvance(line.words)
        + metrics_of[line.is_strong].horizontalAdvance(line.number)
        + (now.grown(SHAPE) + 6 if line.shape else 0)
        + (GAP if line.number and line.words else 0)
        for line in lines
    )
    box = _placed(frame, column, width + 2 * PAD, high * len(lines) + 2 * PAD - 4, pointer)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(QPen(now.colour("field_line"), 1))
    painter.setBrush(now.colour("panel"))
    painter.drawRoundedRect(box.adjusted(0.5, 0.5, -0.5, -0.5), 6, 6)
    inner = QRectF(box.left() + PAD, box.top() + PAD - 2, box.width() - 2 * PAD, high)
    for line in lines:
        _paint_line(painter, inner, line)
        inner.translate(0, high)


def paint_span(painter: QPainter, frame: Frame, centre: float, words: str) -> None:
    """Paint the times of a dragged range upon it."""
    now = theme()
    painter.setFont(now.font(12))
    width = painter.fontMetrics().horizontalAdvance(words) + 2 * PAD
    left = max(0.0, min(centre - width / 2, frame.upper.right() - width))
    box = QRectF(left, frame.upper.top() + 4, width, now.grown(LINE) + 4)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(QPen(now.colour("field_line"), 1))
    painter.setBrush(now.colour("panel"))
    painter.drawRoundedRect(box.adjusted(0.5, 0.5, -0.5, -0.5), 6, 6)
    painter.setPen(now.colour("text"))
    painter.drawText(box, int(Qt.AlignmentFlag.AlignCenter), words)


def _paint_line(painter: QPainter, place: QRectF, line: BoxLine) -> None:
    now, side = theme(), theme().grown(SHAPE)
    left = 0
    if line.shape and line.colour is not None:
        top = place.top() + (place.height() - side) / 2
        paint_shape(painter, line.shape, QRectF(place.left(), top, side, side), line.colour)
        left = side + 6
    painter.setFont(now.font(12))
    is_status = line.shape not in ("", "square") and line.colour is not None
    painter.setPen(line.colour if is_status and line.colour is not None else now.colour("secondary"))
    painter.drawText(place.adjusted(left, 0, 0, 0), _LEFT, line.words)
    painter.setFont(now.font(12, is_bold=line.is_strong))
    painter.setPen(now.colour("text"))
    painter.drawText(place, _RIGHT, line.number)


def _placed(frame: Frame, column: int, width: float, height: float, pointer: QPointF | None) -> QRectF:
    plot = frame.upper
    x = frame.left_of(column + 0.5)
    is_left = x + GAP + width > plot.right() and x - GAP - width >= plot.left() - 40
    left = x - GAP - width if is_left else min(x + GAP, plot.right() - width)
    top = plot.top() + 4
    box = QRectF(max(0.0, left), top, width, height)
    if pointer is not None and box.adjusted(-8, -8, 8, 8).contains(pointer):
        box.moveTop(max(0.0, pointer.y() - height - 16) if pointer.y() > plot.center().y() else pointer.y() + 20)
    bottom = max(plot.bottom(), frame.lower.bottom()) + theme().grown(BOTTOM)
    box.moveTop(max(0.0, min(box.top(), bottom - height)))
    return box


def _head(data: ChartData, first: int, end: int, minutes: int) -> str:
    when = span_text(first, end)
    if not minutes:
        return _tr("{when}, not recorded").format(when=when)
    if data.step == 1:
        return _tr("{when}, one minute").format(when=when)
    if minutes < data.step:
        words = _tr("{when}, {count} of {all} minutes")
        return words.format(when=when, count=formats.number(minutes), all=formats.number(data.step))
    return when


def _tr(text: str) -> str:
    return QCoreApplication.translate("Chart", text)
