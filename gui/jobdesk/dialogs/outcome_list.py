"""What will be done and what not, and afterwards what was: counts first, then each job with its sentence."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from jobdesk_core.monitor.rows import JobRow
from jobdesk_core.operations import Outcome
from PySide6.QtCore import QCoreApplication, QPointF, QRectF, Qt
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QFrame, QGridLayout, QHBoxLayout, QLabel, QLayout, QVBoxLayout, QWidget

from jobdesk import formats
from jobdesk.theme import theme
from jobdesk.theme.icons import draw_icon
from jobdesk.widgets.status_label import StatusLabel

#: Rows shown one by one; the rest is told as a number.
SHOWN = 8


class OutcomeList(QFrame):
    """A card of rows."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("card")
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(14, 10, 14, 10)
        self._layout.setSpacing(8)

    def show_plan(self, rows: Sequence[JobRow], reasons: Mapping[int, str], will: str) -> None:
        """Show what will be done (`will`) to the rows without a reason, and why not to the others."""
        self._clear()
        ready = [row for row in rows if row.id not in reasons]
        if ready:
            self._add_line("good", formats.number(len(ready)), will)
            self._add_jobs(ready)
        for reason, count in Counter(_general(reasons[row.id], row.id) for row in rows if row.id in reasons).items():
            self._add_line("warning", formats.number(count), reason)
        self._layout.addStretch()

    def show_outcomes(self, outcomes: Sequence[Outcome]) -> None:
        """Show what became of each job."""
        self._clear()
        for outcome in sorted(outcomes, key=lambda outcome: outcome.is_done)[: 2 * SHOWN]:
            self._add_line("good" if outcome.is_done else "warning", "", outcome.sentence)
        if len(outcomes) > 2 * SHOWN:
            done = sum(outcome.is_done for outcome in outcomes)
            text = self.tr("{done} of {all} done in all.").format(done=f"{done:,}", all=f"{len(outcomes):,}")
            self._add_line("info", "", text)
        self._layout.addStretch()

    def _add_line(self, kind: str, number: str, text: str) -> None:
        line = QHBoxLayout()
        line.setSpacing(8)
        line.addWidget(Sign(kind), 0, Qt.AlignmentFlag.AlignTop)
        if number:
            count = QLabel(number)
            count.setProperty("strong", "true")
            line.addWidget(count, 0, Qt.AlignmentFlag.AlignTop)
        label = QLabel(text)
        label.setTextFormat(Qt.TextFormat.PlainText)
        label.setWordWrap(True)
        label.setAlignment(Qt.AlignmentFlag.AlignTop)
        line.addWidget(label, 1)
        self._layout.addLayout(line)

    def _add_jobs(self, rows: Sequence[JobRow]) -> None:
        grid = QGridLayout()
        grid.setContentsMargins(26, 0, 0, 0)
        grid.setHorizontalSpacing(14)
        grid.setVerticalSpacing(3)
        grid.setColumnStretch(1, 1)
        for line, row in enumerate(rows[:SHOWN]):
            number = QLabel(formats.job_number(row.id))
            number.setProperty("mono", "true")
            name = QLabel(f"{row.task_name} · {row.queue_name}")
            name.setTextFormat(Qt.TextFormat.PlainText)
            name.setProperty("tone", "secondary")
            status = StatusLabel()
            status.set_status(row.status)
            for column, widget in enumerate((number, name, status)):
                grid.addWidget(widget, line, column)
        if len(rows) > SHOWN:
            more = QLabel(self.tr("and {count} more").format(count=formats.number(len(rows) - SHOWN)))
            more.setProperty("tone", "small")
            grid.addWidget(more, SHOWN, 1)
        self._layout.addLayout(grid)

    def _clear(self) -> None:
        empty_layout(self._layout)


class Sign(QWidget):
    """A check or a warning sign in its tone: good, info, warning or bad."""

    def __init__(self, kind: str) -> None:
        super().__init__()
        self._kind = kind
        self.setFixedSize(18, 18)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        centre = QPointF(9, 9)
        name = {"good": "check", "info": "info"}.get(self._kind, "warning")
        box = QRectF(centre.x() - 8, centre.y() - 8, 16, 16)
        draw_icon(painter, box, name, theme().colour(self._kind))


def _general(reason: str, job_id: int) -> str:
    """The reason without the job's number, so that equal ones can be counted together."""
    return QCoreApplication.translate("OutcomeList", "left alone: {reason}").format(
        reason=reason.replace(f"Job {job_id} ", "it ")
    )


def empty_layout(layout: QLayout) -> None:
    """Take everything out of a layout and delete it."""
    while (item := layout.takeAt(0)) is not None:
        widget, inner = item.widget(), item.layout()
        if widget is not None:
            widget.hide()
            widget.deleteLater()
        elif inner is not None:
            empty_layout(inner)
            inner.deleteLater()
