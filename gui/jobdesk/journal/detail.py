"""One entry of the journal: its jobs at the left, its facts and its SQL at the right."""

from __future__ import annotations

from jobdesk_core.journal import Entry, Record
from PySide6.QtCore import QModelIndex, Qt, Signal
from PySide6.QtWidgets import (
    QApplication,
    QFrame,
    QPushButton,
    QScrollArea,
    QWidget,
)

from jobdesk.journal.words import facts, record_cells, record_titles, short
from jobdesk.kit import formats
from jobdesk.kit.areas import stacked, toolbar_row
from jobdesk.kit.fields import FieldList
from jobdesk.kit.layouts import STRETCH, in_column
from jobdesk.kit.one_line import OneLine
from jobdesk.kit.splitter import Splitter
from jobdesk.kit.table import Table
from jobdesk.kit.text_block import Run, TextBlock
from jobdesk.kit.values_model import ValuesModel

#: Jobs that a filter names one by one, and characters of SQL that are shown; all of it is copied.
MOST_IDS, SHOWN_SQL = 200, 20_000


class JournalDetail(QWidget):
    """Empty until an entry is shown."""

    undo_asked_for = Signal()
    filter_asked_for = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._sql = ""
        self._ids: list[int] = []
        self.title = OneLine()
        self.title.setProperty("strong", "true")
        self._note = OneLine("secondary")
        self.model = ValuesModel(record_titles(), self)
        self.table = Table(self.tr("The jobs of the entry"))
        self.fields = FieldList()
        self.sql = TextBlock(size_px=12)
        self.sql.setAccessibleName(self.tr("SQL"))
        self.undo = QPushButton(self.tr("Undo…"))
        self.undo.clicked.connect(self.undo_asked_for)
        self.go = QPushButton(self.tr("Show in Jobs"))
        self.go.clicked.connect(lambda: self.filter_asked_for.emit(self.filter_text()))
        self.copy = QPushButton(self.tr("Copy the SQL"))
        self.copy.clicked.connect(lambda: QApplication.clipboard().setText(self._sql))
        self._build()
        self.show_entry(None)

    def show_entry(self, entry: Entry | None) -> None:
        """Show the facts and the SQL of an entry."""
        self._sql = entry.header.sql if entry is not None else ""
        shown = self._sql if len(self._sql) <= SHOWN_SQL else f"{self._sql[:SHOWN_SQL]}…"
        self.sql.set_runs([Run(shown, is_mono=True)] if shown else [])
        self.copy.setEnabled(bool(self._sql))
        self.fields.set_fields(facts(entry) if entry is not None else [])
        if entry is None:
            self.title.set_whole(self.tr("Select an entry to see its jobs and its SQL."))
            self.model.set_rows([])
            self._note.set_whole("")
            self.go.setEnabled(False)
        else:
            self.title.set_whole(short(entry.header.sentence))

    def show_records(self, records: list[Record], entry: Entry) -> None:
        """Show the jobs of the entry on show."""
        self.model.set_rows([(str(record.job_id), record_cells(record)) for record in records])
        ids = [job_id for record in records for job_id in (record.job_id, record.new_id) if job_id]
        self._ids = ids[:MOST_IDS]
        self.go.setEnabled(bool(ids))
        number = entry.done + entry.left
        text = ""
        if number > len(records) > 0:
            words = self.tr("the first {shown} of {count} jobs")
            text = words.format(shown=formats.number(len(records)), count=formats.number(number))
        self._note.set_whole(text)

    def show_undo(self, reason: str | None) -> None:
        """Offer the undo, or say why it is not possible."""
        self.undo.setEnabled(reason is None)
        self.undo.setToolTip(reason or self.tr("Check what an undo would do"))

    def filter_text(self) -> str:
        """The filter that finds the jobs of the entry on show."""
        return f"id:{','.join(str(job_id) for job_id in self._ids)}" if self._ids else ""

    def _open(self, index: QModelIndex) -> None:
        self.filter_asked_for.emit(f"id:{self.model.key_at(index.row())}")

    def _build(self) -> None:
        self.table.setModel(self.model)
        self.table.set_ground("panel")
        self.table.lay_columns(self.model.titles)
        keys = ["job", "outcome", "before", "words"]
        self.table.name_columns("journal-jobs", keys, growing="words", optional=("before", "outcome"))
        self.table.activated.connect(self._open)
        bar = QWidget()
        row = toolbar_row(bar)
        row.addWidget(self.title)
        row.addWidget(self._note, 1)
        for button in (self.go, self.copy, self.undo):
            row.addWidget(button)
        right = QFrame()
        right.setObjectName("panel")
        in_column(self.fields, self.sql, STRETCH, within=right, margins=(12, 10, 12, 12), spacing=10)
        scroll = QScrollArea()
        scroll.setWidget(right)
        scroll.setWidgetResizable(True)
        scroll.setProperty("pane", True)
        scroll.setAccessibleName(self.tr("About the selected entry"))
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        splitter = Splitter(Qt.Orientation.Horizontal, "journal-detail")
        splitter.addWidget(self.table)
        splitter.addWidget(scroll)
        splitter.set_first_sizes([700, 400])
        stacked(bar, splitter, within=self)
