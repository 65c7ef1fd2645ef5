"""The faces of the wall, painted on 1920 by 1080: few numbers, large, and what is unreachable over the whole width."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from jobdesk_core.durations import roughly
from jobdesk_core.watching.member import Member, Totals, worst_first
from PySide6.QtCore import QCoreApplication, QRectF, Qt
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QPainter, QTextOption

from jobdesk.fleet import words
from jobdesk.fleet.painting import paint_line
from jobdesk.fleet.rows import colour_of, is_urgent
from jobdesk.kit import formats
from jobdesk.kit.theme import theme
from jobdesk.kit.theme.shapes import paint_shape
from jobdesk.kit.theme.tokens import Tone, readable_on

WIDTH, HEIGHT, MARGIN = 1920.0, 1080.0, 72.0
#: Databases listed, and sentences of one.
MOST_LISTED, MOST_LINES = 6, 3
#: Unreachable databases told over the whole width; they are not listed again.
MOST_IN_BAND = 2
_LEFT = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
_RIGHT = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter


def fleet_face(painter: QPainter, members: Sequence[Member], sums: Totals, problem: str, clock: str) -> None:
    """All databases together, and the worst of them."""
    _head(painter, _tr("Fleet"), "", clock)
    if not members:
        told = problem or _tr("No databases yet: save a connection in Jobdesk first.")
        _write(painter, QRectF(MARGIN, 300, WIDTH - 2 * MARGIN, 120), told, 54)
        return
    above = [each for each in sums.unreachable if is_urgent(each.profile)][:MOST_IN_BAND]
    top, banded = _band(painter, above, 176), {each.name for each in above}
    numbers: list[tuple[str, str, str]] = [
        (_tr("due"), f"{sums.due:,}{'+' if sums.is_at_least else ''}", ""),
        (_tr("failing per min"), f"{sums.failed_per_minute:,.1f}", _red(members, _fails)),
        (_tr("workers alive"), f"{sums.alive:,}", _red(members, _lacks_workers)),
        (_tr("stalled jobs"), f"{sums.stalled:,}", _red(sums.stalling, lambda _: True)),
    ]
    if not sums.is_known:
        numbers = [(title, formats.DASH, "") for title, _, _ in numbers]
    answering = f"{sums.databases - len(sums.left_out)}/{sums.databases}"
    top = _numbers(painter, [(_tr("databases answer"), answering, ""), *numbers], top)
    rest = [each for each in worst_first(members) if each.name not in banded]
    listed = rest[: min(MOST_LISTED, int((HEIGHT - 70 - top - 84) // 88) + 1)]
    for member in listed:
        _listed(painter, member, top)
        top += 88
    if more := len(rest) - len(listed):
        told = _tr("{count} more").format(count=f"{more:,}")
        _write(painter, QRectF(WIDTH / 2 - 200, HEIGHT - 70, 400, 48), told, 34, "secondary")


def _red(members: Sequence[Member], is_bad: Callable[[Member], bool]) -> str:
    """The tone of a sum: demo, development and staging make none red."""
    found = any(each.is_answering and is_urgent(each.profile) and is_bad(each) for each in members)
    return "bad" if found else ""


def _fails(member: Member) -> bool:
    return any(line.rule == "failures" for line in member.lines)


def _lacks_workers(member: Member) -> bool:
    workers = member.look.workers if member.look is not None else None
    is_one_dead = workers is not None and workers[0] < workers[1]
    return is_one_dead or any(line.rule == "no_worker" and line.tone == "bad" for line in member.lines)


def database_face(painter: QPainter, member: Member, clock: str) -> None:
    """One database: its numbers, what needs attention, and its last hour."""
    _head(painter, member.name, colour_of(member.profile), clock)
    look = member.look
    if not member.is_answering or look is None:
        top = _band(painter, [member], 176)
        reason = words.reason(member) or _tr("Connecting …")
        _write_all(painter, QRectF(MARGIN, top + 30, WIDTH - 2 * MARGIN, HEIGHT - 110 - top - 30), reason, 44)
        return
    group, workers = look.all, look.workers
    alive = formats.DASH if workers is None else f"{workers[0]}" if workers[0] == workers[1] else ""
    alive = alive or _tr("{live} of {all}").format(live=workers[0] if workers else 0, all=workers[1] if workers else 0)
    oldest = member.oldest_s
    rate = look.failed_per_minute
    numbers: list[tuple[str, str, str]] = [
        (_tr("due"), f"{group.due:,}{'+' if look.is_at_least else ''}", ""),
        (_tr("oldest due"), roughly(oldest) if oldest is not None else formats.DASH, ""),
        (_tr("running"), f"{group.running:,}", ""),
        (_tr("failed per min"), f"{rate:,.1f}" if rate is not None else formats.DASH, "bad" if _fails(member) else ""),
        (_tr("workers"), alive, "bad" if _lacks_workers(member) else ""),
    ]
    top = _numbers(painter, numbers, 190)
    if not member.lines:
        paint_shape(painter, "check", QRectF(MARGIN, top + 24, 52, 52), theme().tokens.colour("good"))
        _write(painter, QRectF(MARGIN + 80, top, WIDTH, 100), _tr("Nothing needs attention."), 56)
        top += 110
    for line in member.lines[:MOST_LINES]:
        paint_shape(painter, "triangle", QRectF(MARGIN, top + 14, 50, 50), theme().tokens.colour(line.tone))
        _write(painter, QRectF(MARGIN + 80, top, WIDTH - MARGIN - 150, 76), line.title, 56, is_strong=True)
        _write(painter, QRectF(MARGIN + 80, top + 70, WIDTH - MARGIN - 150, 52), line.sentence, 36, "secondary")
        top += 138
    if top < HEIGHT - 260:
        box = QRectF(MARGIN, top + 20, WIDTH - 2 * MARGIN, HEIGHT - 110 - top - 20)
        paint_line(painter, box, look.ended)


def foot(painter: QPainter, told: str, tone: str, place: int, number: int) -> None:
    """How old the data is, and which of the faces it is."""
    _write(painter, QRectF(MARGIN, HEIGHT - 70, 900, 48), told, 34, tone)
    for each in range(number if number > 1 else 0):
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(theme().tokens.colour("text" if each == place else "line"))
        painter.drawEllipse(QRectF(WIDTH - MARGIN - 30 * (number - each), HEIGHT - 54, 16, 16))


def _head(painter: QPainter, name: str, colour: str, clock: str) -> None:
    painter.setPen(Qt.PenStyle.NoPen)
    left = MARGIN
    if colour and QColor.isValidColorName(colour):
        painter.setBrush(QColor(colour))
        painter.drawRoundedRect(QRectF(MARGIN, 66, 56, 56), 10, 10)
        left += 84
    _write(painter, QRectF(left, 40, 1250, 108), name, 80, is_strong=True)
    _write(painter, QRectF(WIDTH - MARGIN - 500, 40, 500, 108), clock, 80, is_right=True)


def _band(painter: QPainter, members: Sequence[Member], top: float) -> float:
    """What does not answer, over the whole width in its colour; returns where to go on."""
    for member in members:
        state = words.state_cell(member)
        colour = QColor(theme().tokens.colour("bad" if state.tone == "bad" else "warning"))
        painter.fillRect(QRectF(0, top, WIDTH, 104), colour)
        ink = QColor(readable_on(colour.name()))
        paint_shape(painter, state.shape, QRectF(MARGIN, top + 24, 56, 56), ink)
        text = f"{formats.visible(member.name)}: {state.text}"
        _write(painter, QRectF(MARGIN + 84, top, WIDTH - 2 * MARGIN - 84, 104), text, 60, ink=ink, is_strong=True)
        top += 116
    return top + 14


def _numbers(painter: QPainter, numbers: Sequence[tuple[str, str, str]], top: float) -> float:
    width = (WIDTH - 2 * MARGIN) / len(numbers)
    for place, (title, value, tone) in enumerate(numbers):
        left = MARGIN + place * width
        size = next((each for each in (112, 96, 80, 64) if _width(value, each) < width - 20), 48)
        _write(painter, QRectF(left, top, width - 20, 130), value, size, tone, is_strong=True)
        _write(painter, QRectF(left, top + 128, width - 20, 50), title, 36, "secondary")
    return top + 206


def _listed(painter: QPainter, member: Member, top: float) -> None:
    colour = colour_of(member.profile)
    painter.setPen(Qt.PenStyle.NoPen)
    is_known = bool(colour) and QColor.isValidColorName(colour)
    painter.setBrush(QColor(colour) if is_known else theme().tokens.colour("neutral"))
    painter.drawRoundedRect(QRectF(MARGIN, top + 22, 40, 40), 8, 8)
    _write(painter, QRectF(MARGIN + 64, top, 560, 84), member.name, 50, is_strong=member.rank < 3)
    state = words.state_cell(member)
    tone: str = state.tone if state.tone in ("bad", "warning") else ""
    text = state.text
    if member.is_answering and member.lines:
        text, tone = member.lines[0].title, member.lines[0].tone
    shape = state.shape if not (member.is_answering and member.lines) else "triangle"
    shape_tone: Tone = tone or ("good" if member.is_answering else "secondary")  # type: ignore[assignment]
    paint_shape(painter, shape, QRectF(720, top + 22, 40, 40), theme().tokens.colour(shape_tone))
    _write(painter, QRectF(780, top, 760, 84), text, 46, tone)
    look = member.look
    if look is not None and member.is_answering:
        due = _tr("{count} due").format(count=f"{look.all.due:,}{'+' if look.is_at_least else ''}")
        own = "" if look.all.due else "secondary"
        _write(painter, QRectF(WIDTH - MARGIN - 330, top, 330, 84), due, 46, own, is_right=True)


def _width(text: str, size: int) -> float:
    font = QFont(theme().font(13, is_bold=True))
    font.setPixelSize(size)
    return QFontMetricsF(font).horizontalAdvance(text)


def _write(
    painter: QPainter,
    box: QRectF,
    text: str,
    size: int,
    tone: str = "",
    *,
    is_strong: bool = False,
    is_right: bool = False,
    ink: QColor | None = None,
) -> None:
    """One line, cut where there is no more room."""
    font = QFont(theme().font(13))
    font.setPixelSize(size)
    font.setWeight(QFont.Weight.DemiBold if is_strong else QFont.Weight.Normal)
    painter.setFont(font)
    painter.setPen(ink if ink is not None else theme().tokens.colour(tone or "text"))  # type: ignore[arg-type]
    shown = QFontMetricsF(font).elidedText(formats.visible(text[:500]), Qt.TextElideMode.ElideRight, box.width())
    painter.drawText(box, int((_RIGHT if is_right else _LEFT) | Qt.TextFlag.TextSingleLine), shown)


def _write_all(painter: QPainter, box: QRectF, text: str, size: int) -> None:
    """As many lines as it takes."""
    font = QFont(theme().font(13))
    font.setPixelSize(size)
    painter.setFont(font)
    painter.setPen(theme().tokens.colour("secondary"))
    option = QTextOption(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignTop)
    option.setWrapMode(QTextOption.WrapMode.WrapAtWordBoundaryOrAnywhere)
    painter.drawText(box, formats.visible(text[:500]), option)


def _tr(text: str) -> str:
    return QCoreApplication.translate("Wall", text)
