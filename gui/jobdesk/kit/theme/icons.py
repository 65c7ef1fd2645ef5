"""The icons, painted in the theme's colours each time they are shown, so that a change of theme recolours them."""

from __future__ import annotations

from functools import lru_cache

from jobdesk_core.jobs import Status
from PySide6.QtCore import QPoint, QPointF, QRect, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QIcon, QIconEngine, QPainter, QPixmap
from PySide6.QtSvg import QSvgRenderer

from jobdesk.kit.theme.shapes import paint_shape
from jobdesk.kit.theme.theme import theme
from jobdesk.kit.theme.tokens import STATUS_SHAPE, Surface, Tone

#: What stands inside a 16×16 drawing of round strokes 1.4 wide. `fill` marks the parts that are filled.
_DRAWINGS = {
    "defer": '<path d="M8 3v10M3 8h10"/>',
    "retry": '<path d="M12.9 6A5.2 5.2 0 1 0 13.2 8.6M13.3 2.6V6H9.9"/>',
    "refresh": '<path d="M13 6.6A5.2 5.2 0 0 0 3.5 5.4M3.2 2.6v3h3M3 9.4a5.2 5.2 0 0 0 9.5 1.2M12.8 13.4v-3h-3"/>',
    "cancel": '<circle cx="8" cy="8" r="5.2"/><path d="M4.4 11.6l7.2-7.2"/>',
    "abort": '<rect x="4" y="4" width="8" height="8" rx="1" class="fill"/>',
    "delete": '<path d="M3 4.5h10M6.4 4.5V3h3.2v1.5M4.4 4.5l.6 8.5h6l.6-8.5M6.8 7v3.6M9.2 7v3.6"/>',
    "copy": '<rect x="5.6" y="5.6" width="7.4" height="7.4" rx="1.2"/><path d="M10.4 3H4.2A1.2 1.2 0 0 0 3 4.2v6.2"/>',
    "more": '<circle cx="3.5" cy="8" r="1.1" class="fill"/><circle cx="8" cy="8" r="1.1" class="fill"/>'
    '<circle cx="12.5" cy="8" r="1.1" class="fill"/>',
    "search": '<circle cx="7" cy="7" r="4"/><path d="M10 10l3.4 3.4"/>',
    "chevron-down": '<path d="M4.5 6.5L8 10l3.5-3.5"/>',
    "chevron-left": '<path d="M9.5 4.5L6 8l3.5 3.5"/>',
    "chevron-right": '<path d="M6.5 4.5L10 8l-3.5 3.5"/>',
    "minus": '<path d="M3 8h10"/>',
    "plus": '<path d="M8 3v10M3 8h10"/>',
    "columns": '<rect x="2.8" y="3" width="10.4" height="10" rx="1.2"/><path d="M6.3 3v10M9.7 3v10"/>',
    "close": '<path d="M4.2 4.2l7.6 7.6M11.8 4.2l-7.6 7.6"/>',
    "check": '<path d="M3 8.6l3.3 3.3L13 4.4"/>',
    "warning": '<path d="M8 2.8l5.8 10.2H2.2zM8 6.6v3M8 11.2v.2"/>',
    "info": '<circle cx="8" cy="8" r="5.4"/><path d="M8 7.4v3.4M8 5.2v.2"/>',
    "fleet": '<rect x="2.8" y="2.8" width="4.4" height="4.4" rx="1"/><rect x="8.8" y="2.8" width="4.4" height="4.4" '
    'rx="1"/><rect x="2.8" y="8.8" width="4.4" height="4.4" rx="1"/><rect x="8.8" y="8.8" width="4.4" height="4.4" '
    'rx="1"/>',
    "folder": '<path d="M2.6 4.4a1 1 0 0 1 1-1h2.6l1.4 1.5h4.8a1 1 0 0 1 1 1v5.7a1 1 0 0 1-1 1H3.6a1 1 0 0 1-1-1z"/>',
    "bell": '<path d="M4.2 11.2V7a3.8 3.8 0 0 1 7.6 0v4.2l1 1.2H3.2zM6.8 14h2.4M8 3.2V2.2"/>',
    "overview": '<path d="M2.8 13.2h10.4M4.4 10.6V8M8 10.6V3.4M11.6 10.6V6"/>',
    "jobs": '<path d="M2.8 4h10.4M2.8 8h10.4M2.8 12h10.4"/>',
    "failures": '<path d="M8 2.6l5.6 10H2.4zM8 6.4v3M8 11v.2"/>',
    "queues": '<path d="M8 2.6l5.4 2.7L8 8 2.6 5.3zM2.6 8L8 10.7 13.4 8M2.6 10.7L8 13.4l5.4-2.7"/>',
    "tasks": '<path d="M3 4.2l1.2 1.2 2-2.2M3 10.6l1.2 1.2 2-2.2M8.4 4.6h4.8M8.4 11h4.8"/>',
    "workers": '<rect x="4.2" y="4.2" width="7.6" height="7.6" rx="1.2"/>'
    '<path d="M6.4 4.2V2.4M9.6 4.2V2.4M6.4 13.6v-1.8M9.6 13.6v-1.8'
    'M4.2 6.4H2.4M4.2 9.6H2.4M13.6 6.4h-1.8M13.6 9.6h-1.8"/>',
    "schedules": '<circle cx="8" cy="8" r="5.4"/><path d="M8 4.8V8l2.2 1.6"/>',
    "locks": '<rect x="3.6" y="7.2" width="8.8" height="6" rx="1.2"/><path d="M5.4 7.2V5.4a2.6 2.6 0 0 1 5.2 0v1.8"/>',
    "journal": '<path d="M4 2.8h6.6l1.8 1.8v8.6H4zM6.2 6.4h4M6.2 8.8h4M6.2 11.2h2.4"/>',
    "health": '<path d="M1.8 8.6h2.8l1.8-5 3 9 1.9-4h2.9"/>',
    "settings": '<path d="M2.6 4.8h5M11.4 4.8h2M2.6 11.2h2M8.4 11.2h5"/><circle cx="9.5" cy="4.8" r="1.8"/>'
    '<circle cx="6.5" cy="11.2" r="1.8"/>',
    "sun": '<circle cx="8" cy="8" r="2.6"/><path d="M8 2.2v1.2M8 12.6v1.2M2.2 8h1.2M12.6 8h1.2M3.9 3.9l.9.9'
    'M11.2 11.2l.9.9M12.1 3.9l-.9.9M4.8 11.2l-.9.9"/>',
    "moon": '<path d="M13 9.6A5.4 5.4 0 0 1 6.4 3a5.4 5.4 0 1 0 6.6 6.6z"/>',
    "plug": '<path d="M6 2.6v3M10 2.6v3M4.2 5.6h7.6V8a3.8 3.8 0 0 1-7.6 0zM8 11.8v1.8"/>',
    "pause": '<path d="M5.6 3.6v8.8M10.4 3.6v8.8"/>',
    "play": '<path d="M5 3.4l7.6 4.6L5 12.6z" class="fill"/>',
    "arrow-up": '<path d="M8 13V3.4M4 7.2l4-4 4 4"/>',
}

NAMES = frozenset(_DRAWINGS)


def icon(name: str, tone: Tone | Surface = "text") -> QIcon:
    """The icon of that name in a token's colour; faint where it is disabled. KeyError for a name there is not."""
    return QIcon(_PaintedIcon(_DRAWINGS[name], tone))


def draw_icon(painter: QPainter, box: QRectF, name: str, colour: QColor) -> None:
    """Paint an icon into a box in a colour of the caller's choice. KeyError for a name there is not."""
    _rendered(_DRAWINGS[name], colour.name()).render(painter, box)


def draw_status(painter: QPainter, centre: QPointF, status: Status, colour: QColor, radius: float = 4.6) -> None:
    """Paint a status's shape around a point; `radius` in logical pixels is about that of its outline."""
    side = radius * 2.6
    paint_shape(painter, STATUS_SHAPE[status], QRectF(centre.x() - side / 2, centre.y() - side / 2, side, side), colour)


@lru_cache(maxsize=256)
def _rendered(drawing: str, colour: str) -> QSvgRenderer:
    filled = f'fill="{colour}"'
    body = drawing.replace('class="fill"', filled)
    head = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16"><g fill="none" '
    stroke = f'stroke="{colour}" stroke-width="1.4" stroke-linecap="round" stroke-linejoin="round">'
    return QSvgRenderer(f"{head}{stroke}{body}</g></svg>".encode())


class _PaintedIcon(QIconEngine):
    """Asks the theme for its colour whenever Qt wants the icon painted."""

    def __init__(self, drawing: str, tone: Tone | Surface) -> None:
        super().__init__()
        self._drawing = drawing
        self._tone = tone

    def paint(self, painter: QPainter, rect: QRect, mode: QIcon.Mode, state: QIcon.State) -> None:
        tone = "faint" if mode == QIcon.Mode.Disabled else self._tone
        side = min(rect.width(), rect.height())
        box = QRectF(rect.x() + (rect.width() - side) / 2, rect.y() + (rect.height() - side) / 2, side, side)
        _rendered(self._drawing, theme().tokens.value(tone)).render(painter, box)

    def pixmap(self, size: QSize, mode: QIcon.Mode, state: QIcon.State) -> QPixmap:
        if size.isEmpty():
            return QPixmap()  # a button that has no room yet
        pixmap = QPixmap(size)
        pixmap.fill(Qt.GlobalColor.transparent)
        painter = QPainter(pixmap)
        self.paint(painter, QRect(QPoint(0, 0), size), mode, state)
        painter.end()
        return pixmap

    def clone(self) -> QIconEngine:
        return _PaintedIcon(self._drawing, self._tone)
