"""What will be done and what not, and afterwards what was: a line for each fate, its first jobs folded in."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from jobdesk_core.exceptions import AppNotOpen, ConnectorException
from jobdesk_core.jobs import Status
from jobdesk_core.operations import SampleRow, run_async, sample_rows
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFrame, QGridLayout, QLabel, QPushButton, QVBoxLayout, QWidget
from shiboken6 import isValid

from jobdesk.connection.desk import Desk
from jobdesk.kit import formats
from jobdesk.kit.layouts import empty_layout
from jobdesk.kit.sign import Sign
from jobdesk.kit.status_label import StatusLabel
from jobdesk.kit.theme.tokens import Kind, Look
from jobdesk.kit.work import Work

#: Jobs shown one by one; the rest is told as a number.
SHOWN = 8
SAMPLE = "sample"


@dataclass(frozen=True, slots=True)
class Line:
    """Jobs with one fate. `kind` is good, info, warning or bad; `job_ids` are the first of them."""

    kind: Kind
    count: int
    text: str
    status: Status | None = None
    job_ids: tuple[int, ...] = ()


#: Reads the first jobs of a line and hands them on.
Read = Callable[[Sequence[int], Callable[[list[SampleRow]], None]], None]


def reader(desk: Desk, work: Work, shown: Callable[[], object] = lambda: None) -> Read:
    """Reads the rows of jobs by the dialog's `work`; `shown` is called after they are."""

    def read(job_ids: Sequence[int], then: Callable[[list[SampleRow]], None]) -> None:
        def show(found: list[SampleRow]) -> None:
            then(found)
            shown()

        reading = run_async(sample_rows(job_ids, desk.capabilities), desk.connector)
        work.start(reading, name=SAMPLE, then=show, failed=keep_numbers)

    return read


def keep_numbers(error: Exception) -> None:
    """The numbers stay; a broken or closed link is told elsewhere."""
    if not isinstance(error, ConnectorException | AppNotOpen):
        raise error


class OutcomeList(QFrame):
    """A card of lines. Each unfolds to its first jobs, which are read when they are asked for."""

    def __init__(self, read: Read, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("card")
        self._read = read
        self.lines: list[Line] = []
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(14, 10, 10, 10)
        self._grid.setHorizontalSpacing(10)
        self._grid.setVerticalSpacing(2)
        self._grid.setColumnStretch(3, 1)

    def show_lines(self, lines: Sequence[Line]) -> None:
        """Show these. A few jobs are unfolded at once."""
        if list(lines) == self.lines:
            return
        self.lines = list(lines)
        empty_layout(self._grid)
        opens = sum(line.count for line in lines) <= SHOWN
        for position, line in enumerate(lines):
            self._add(2 * position, line, is_open=opens)

    def texts(self) -> list[str]:
        """What the lines say, number first."""
        return [f"{formats.number(line.count)} {line.text}" for line in self.lines]

    def _add(self, row: int, line: Line, *, is_open: bool) -> None:
        middle = Qt.AlignmentFlag.AlignVCenter
        count = QLabel(formats.number(line.count))
        count.setProperty("strong", "true")
        text = _label(line.text)
        self._grid.addWidget(Sign(line.kind), row, 0, middle)
        self._grid.addWidget(count, row, 1, middle | Qt.AlignmentFlag.AlignRight)
        if line.status is not None:
            status = StatusLabel()
            status.set_status(line.status)
            self._grid.addWidget(status, row, 2, middle)
        self._grid.addWidget(text, row, 3)
        if line.job_ids:
            fold = QPushButton(self.tr("show"))
            fold.setObjectName("link")
            fold.setAutoDefault(False)
            fold.setAccessibleName(self.tr("Show the first of: {line}").format(line=line.text))
            fold.clicked.connect(partial(self._fold, row + 1, line, fold))
            self._grid.addWidget(fold, row, 4, middle)
            if is_open:
                self._fold(row + 1, line, fold)

    def _fold(self, row: int, line: Line, button: QPushButton) -> None:
        shown = self._grid.itemAtPosition(row, 2)
        widget = shown.widget() if shown is not None else None
        if widget is not None:
            self._grid.removeWidget(widget)
            widget.hide()
            widget.deleteLater()
            button.setText(self.tr("show"))
            return
        button.setText(self.tr("hide"))
        box = _Jobs(line)
        self._grid.addWidget(box, row, 2, 1, 3)
        # Folded away meanwhile, the box is gone when the answer comes.
        self._read(line.job_ids[:SHOWN], lambda found: box.show_jobs(found) if isValid(box) else None)


class _Jobs(QWidget):
    """The first jobs of a line."""

    def __init__(self, line: Line) -> None:
        super().__init__()
        self._line = line
        self._box = QVBoxLayout(self)
        self._box.setContentsMargins(0, 0, 0, 4)
        self._box.setSpacing(2)
        self._box.addWidget(_label(", ".join(map(formats.job_number, line.job_ids[:SHOWN])), "small"))

    def show_jobs(self, found: list[SampleRow]) -> None:
        """Show what has been read."""
        empty_layout(self._box)
        for example in found:
            self._box.addWidget(_label(self._words(example), "secondary"))
        rest = self._line.count - len(found)
        if rest > 0:
            self._box.addWidget(_label(self.tr("and {count} more").format(count=formats.number(rest)), "small"))

    def _words(self, example: SampleRow) -> str:
        number = formats.job_number(example.job_id)
        if example.row is None:
            return self.tr("{job} does not exist").format(job=number)
        words = f"{number}  {_short(example.row.task_name)} · {_short(example.row.queue_name)}"
        if example.holder is None or self._line.kind != "warning":
            return words
        holder = formats.job_number(example.holder)
        return self.tr("{job}: its queueing lock was taken by {holder}").format(job=words, holder=holder)


def _label(text: str, tone: Look = "") -> QLabel:
    label = QLabel(text)
    label.setTextFormat(Qt.TextFormat.PlainText)
    label.setWordWrap(True)
    if tone:
        label.setProperty("tone", tone)
    return label


def _short(text: str) -> str:
    return text if len(text) <= 60 else f"{text[:59]}…"
