"""The queues of one database in a few lines: due, running or stalled, and for how long none has started."""

from __future__ import annotations

from jobdesk_core.durations import so_far
from jobdesk_core.reading.open_jobs import OpenGroup
from jobdesk_core.watching.situation import Situation
from PySide6.QtCore import QCoreApplication
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QGridLayout, QWidget

from jobdesk.kit import formats
from jobdesk.kit.one_line import OneLine
from jobdesk.kit.theme import theme
from jobdesk.kit.theme.tokens import Tone

#: Queues shown: those in trouble, then those with the most due.
MOST = 8

#: Narrower, jobs that run in good order are not told of: the names would have no room.
NARROW = 230

Line = tuple[str, str, str, Tone, str, Tone]


class QueueList(QWidget):
    """Lines of four."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setHorizontalSpacing(12)
        self._grid.setVerticalSpacing(5)
        self._grid.setColumnStretch(0, 1)
        self._labels: list[tuple[OneLine, OneLine, OneLine, OneLine]] = []
        self._lines: list[Line] = []

    def show_queues(self, situation: Situation | None) -> None:
        """Show those of a moment."""
        found = lines(situation) if situation is not None else []
        self._lines = found or [(_tr("No open jobs."), "", "", "secondary", "", "secondary")]
        self._show_lines()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._show_lines()

    def _show_lines(self) -> None:
        found, is_narrow = self._lines, self.width() < theme().grown(NARROW)
        while len(self._labels) < len(found):
            self._add()
        for place, labels in enumerate(self._labels):
            for label in labels:
                label.setVisible(place < len(found))
            if place < len(found):
                name, due, running, tone, idle, idle_tone = found[place]
                if is_narrow and tone == "secondary":
                    running = ""
                for label, text, own in zip(labels, (name, due, running, idle), ("", "", tone, idle_tone), strict=True):
                    label.set_whole(text)
                    if label.property("tone") != own:
                        label.set_tone(own)

    def _add(self) -> None:
        labels = (OneLine(), OneLine(is_right=True), OneLine(is_right=True), OneLine(is_right=True))
        row = len(self._labels)
        for column, label in enumerate(labels):
            self._grid.addWidget(label, row, column)
        self._labels.append(labels)


def lines(situation: Situation) -> list[Line]:
    """The queues, the worst first."""
    jobs, now = situation.open, situation.now

    def place(item: tuple[str, OpenGroup]) -> tuple[bool, float, int, str]:
        name, group = item
        course = situation.courses.get(name)
        return not group.stalled, -(course.idle_s(now) if course is not None else 0.0), -group.due, name

    found: list[Line] = []
    ordered = sorted(jobs.queues.items(), key=place)
    for name, group in ordered[:MOST]:
        course = situation.courses.get(name)
        idle_s = course.idle_s(now) if course is not None else 0.0
        is_still = course is not None and course.course == "stalled"
        if group.stalled:
            running, tone = _tr("{count} stalled").format(count=formats.number(group.stalled)), "bad"
        else:
            running = _tr("{count} running").format(count=formats.number(group.running)) if group.running else ""
            tone = "secondary"
        due = _tr("{count} due").format(count=f"{group.due:,}{'+' if situation.is_at_least else ''}")
        idle = so_far(idle_s) if group.due and idle_s else formats.DASH
        found.append((name, due, running, tone, idle, "bad" if is_still else "secondary"))  # type: ignore[arg-type]
    if len(ordered) > MOST:
        found.append((_tr("{count} more").format(count=len(ordered) - MOST), "", "", "secondary", "", "secondary"))
    return found


def _tr(text: str) -> str:
    return QCoreApplication.translate("Fleet", text)
