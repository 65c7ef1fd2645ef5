"""The queues of the overview: those in trouble and the busiest, and in the last row the sum of all."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

from jobdesk_core.filters.language import DUE, term
from jobdesk_core.reading.name_rows import NameRow
from jobdesk_core.watching.live_hour import Kind
from jobdesk_core.watching.overview import Overview
from jobdesk_core.watching.spans import Span
from PySide6.QtCore import QCoreApplication, QModelIndex, Signal
from PySide6.QtWidgets import QFrame, QHeaderView, QVBoxLayout, QWidget

from jobdesk.kit import formats
from jobdesk.kit.spark_line import LineDelegate
from jobdesk.kit.table import HEADER_HEIGHT, Table
from jobdesk.kit.text_block import Run, TextBlock
from jobdesk.kit.theme import theme
from jobdesk.kit.values_model import SUM, Cell, Title, ValuesModel
from jobdesk.overview.ranges import RUNNING, SCHEDULED, STALLED, jobs_filter, short_name
from jobdesk.queues.columns import LONG_AGE, LONG_TIME
from jobdesk.queues.words import count_cell, course_cell, running_cell, seconds

#: The columns whose numbers are of the range, and those that narrow windows leave to the Queues page.
FAILED, LINE = 4, 9
#: The filters of the columns that count open jobs.
OPEN = {1: DUE, 2: SCHEDULED, 3: RUNNING}
WIDE_ONLY = (6, 7)


class QueueTable(QFrame):
    """A table as high as its rows, and below it how many queues there are more."""

    filter_asked_for = Signal(str)
    runs_asked_for = Signal(str, int)  # the jobs of so many runs
    all_chosen = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("card")
        self._span: Span | None = None
        self._stalled: frozenset[str] = frozenset()
        titles = _titles()
        self.model = ValuesModel(titles, self)
        self.table = Table(_tr("Queues"))
        self.table.setModel(self.model)
        self.table.set_ground("panel")
        self.table.lay_columns(titles)
        self.table.setItemDelegateForColumn(LINE, LineDelegate(self.table))
        columns = self.table.horizontalHeader()
        columns.setStretchLastSection(False)
        columns.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        self.table.activated.connect(self._open)
        self.more = TextBlock()
        self.more.linked.connect(lambda _: self.all_chosen.emit())
        self._below = QWidget()
        below = QVBoxLayout(self._below)
        below.setContentsMargins(10, 6, 10, 7)
        below.addWidget(self.more)
        inner = QVBoxLayout(self)
        inner.setContentsMargins(1, 1, 1, 1)
        inner.setSpacing(0)
        inner.addWidget(self.table)
        inner.addWidget(self._below)

    def set_narrow(self, is_narrow: bool) -> None:
        """Leave out what there is no room for."""
        for column in WIDE_ONLY:
            self.table.setColumnHidden(column, is_narrow)

    def show_reading(self) -> None:
        """Nothing has been read yet."""
        self.model.set_rows([])
        self.table.setFixedHeight(theme().grown(HEADER_HEIGHT) + 1)
        self._below.setVisible(True)
        self.more.set_runs([Run(_tr("reading …"), "secondary")])

    def show_queues(self, found: Overview, span: Span | None, now: dt.datetime, *, is_stale: bool) -> None:
        """Show the queues of this moment, with what happened to them in the span."""
        self._stalled = frozenset(row.name for row in found.queues if row.open.stalled)
        self._span, minutes = span, span.minutes if span is not None else 60
        if self.model.set_title(FAILED, _tr("failed, {time}").format(time=short_name(minutes))):
            self.table.lay_columns(self.model.titles)
        rows = [(row.name, _cells(found, row, span, now)) for row in found.queues]
        if rows:
            rows.append((SUM, _sum(found, span, now)))
        if is_stale:
            rows = [(key, [replace(cell, tone="secondary") for cell in cells]) for key, cells in rows]
        self.model.set_rows(rows)
        self.table.setFixedHeight(max(1, len(rows)) * theme().row_height + theme().grown(HEADER_HEIGHT))
        self._below.setVisible(found.more > 0 or not rows)
        text = _tr("1 more queue") if found.more == 1 else _tr("{count} more queues")
        more = Run(text.format(count=formats.number(found.more)), link="queues")
        self.more.set_runs([more] if found.more > 0 else [Run(_tr("No queue has any job."), "secondary")])

    def _open(self, index: QModelIndex) -> None:
        """What the number counts that was clicked; beside the numbers, all jobs of the queue, or all queues."""
        name, span = self.model.key_at(index.row()), self._span
        is_sum = name == SUM  # a queue may have an empty name
        queue = "" if is_sum else term("queue", name)
        told = span.queues.get(name) if span is not None and not is_sum else span
        if index.column() in OPEN:
            is_stalled = OPEN[index.column()] == RUNNING and not is_sum and name in self._stalled  # so many of them
            self.filter_asked_for.emit(f"{queue} {STALLED if is_stalled else OPEN[index.column()]}".strip())
        elif index.column() == FAILED and span is not None and told is not None:
            kind: Kind | None = None if is_sum else "queue"
            found = jobs_filter(span.whole.first, span.whole.end, ["failed"], kind, () if is_sum else (name,))
            self.runs_asked_for.emit(found, told.failed)
        elif not is_sum:
            self.filter_asked_for.emit(queue)
        else:
            self.all_chosen.emit()


def _titles() -> list[Title]:
    return [
        Title(_tr("queue"), 150, is_right=False),
        Title(_tr("due"), 70),
        Title(_tr("scheduled"), 88),
        Title(_tr("running"), 92),
        Title(_tr("failed, {time}").format(time=short_name(60)), 96),
        Title(_tr("oldest due"), 92, sample=LONG_AGE),
        Title(_tr("wait p95"), 92, sample=LONG_TIME),
        Title(_tr("run p95"), 92, sample=LONG_TIME),
        Title(_tr("clears in"), 104, sample="held by locks"),
        Title(_tr("due, last hour"), 132, is_right=False),
    ]


def _cells(found: Overview, row: NameRow, span: Span | None, now: dt.datetime) -> list[Cell]:
    group = row.open
    told = span.queues.get(row.name) if span is not None else None
    unknown = Cell(formats.DASH, "secondary")
    line = found.was_due.get(row.name, ())
    shape = "triangle" if row.trouble else ""
    return [
        Cell(row.name, "bad" if row.trouble else "", shape=shape, is_strong=True, value=row.name),
        Cell(*count_cell(group.due), is_strong=bool(row.trouble and group.due)),
        Cell(*count_cell(group.scheduled)),
        Cell(*running_cell(group), value=group.running),
        Cell(*count_cell(told.failed, "failed")) if told is not None else unknown,
        Cell(formats.age(group.oldest, now), "" if group.oldest else "secondary", value=group.oldest),
        *(
            Cell(*seconds(value), value=value)
            for value in ((told.waited_s, told.ran_s) if told is not None else (None, None))
        ),
        Cell(*course_cell(row.progress), value=row.progress.clears_in_s),
        Cell("", line=(line, "failed" if row.trouble == "stalled" else "todo") if line else None),
    ]


def _sum(found: Overview, span: Span | None, now: dt.datetime) -> list[Cell]:
    group, count = found.open, len(found.queues) + found.more
    title = _tr("1 queue") if count == 1 else _tr("{count} queues").format(count=formats.number(count))
    failed = formats.number(span.failed) if span is not None else formats.DASH
    numbers = (formats.number(group.due), formats.number(group.scheduled), formats.number(group.running), failed)
    line = found.was_due.get(None, ())
    whole = (span.whole.waited.percentile(0.95), span.whole.ran.percentile(0.95)) if span is not None else (None, None)
    return [
        Cell(title, "secondary"),
        *(Cell(text, is_strong=True) for text in numbers),
        Cell(formats.age(group.oldest, now), "secondary"),
        *(Cell(seconds(value)[0], "secondary") for value in whole),
        Cell(""),
        Cell("", line=(line, "secondary") if line else None),
    ]


def _tr(text: str) -> str:
    return QCoreApplication.translate("Overview", text)
