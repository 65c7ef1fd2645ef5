"""The Journal page: what was done from this desk, the newest first, with its jobs, its SQL, and its undo."""

from __future__ import annotations

import asyncio
import datetime as dt
from pathlib import Path

from jobdesk_core.journal import Entry, Journal, JournalTrouble, Record, Search
from jobdesk_core.journal.undo import refusal
from PySide6.QtCore import QModelIndex, Qt, QTimer, Signal
from PySide6.QtGui import QHideEvent, QShowEvent
from PySide6.QtWidgets import QFileDialog, QStackedWidget, QWidget

from jobdesk.connection.desk import Desk
from jobdesk.connection.page import Page
from jobdesk.journal.detail import JournalDetail
from jobdesk.journal.toolbar import JournalToolbar
from jobdesk.journal.words import entry_cells, entry_titles
from jobdesk.kit import formats
from jobdesk.kit.areas import stacked
from jobdesk.kit.empty_state import EmptyState
from jobdesk.kit.splitter import Splitter
from jobdesk.kit.table import Table
from jobdesk.kit.values_model import ValuesModel
from jobdesk.kit.work import Work

READ, READ_RECORDS, EXPORT = "read the journal", "read an entry's jobs", "export the journal"
#: Entries read at once; more as the end comes into sight, up to the most that are shown.
PAGE_ENTRIES, MOST_ENTRIES = 200, 5_000
#: Records of one entry that are shown.
SHOWN_RECORDS = 1_000
#: Milliseconds between two reads while the page is shown: another window may write.
READ_MS = 2_000


class JournalPage(Page):
    """Needs no connection to be read; to undo, one to the database that the entry was done on."""

    undo_asked_for = Signal(object, object)  # Desk, Entry

    def __init__(self, journal: Journal, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("page")
        self._journal = journal
        self._desk: Desk | None = None
        self._entries: list[Entry] | None = None
        #: The entry to be selected once it is read.
        self._wanted: int | None = None
        self._limit = PAGE_ENTRIES
        self._shown: int | None = None
        self._work = Work(self)
        self._work.failed.connect(self.failed)
        self.toolbar = JournalToolbar()
        self.model = ValuesModel(entry_titles(), self)
        self.table = Table(self.tr("Journal"))
        self.detail = JournalDetail()
        self._empty = EmptyState("journal", "", "")
        self._clock = QTimer(self)
        self._build()
        self._connect()

    def show_desk(self, desk: Desk | None) -> None:
        """Know the connection on which an undo would be done."""
        self._desk = desk
        self._show_undo()

    def retell(self) -> None:
        """Moments are told in another zone."""
        if self._entries:
            self._show(self._entries)

    def selected(self) -> Entry | None:
        """The selected entry as last read."""
        index = self.table.currentIndex()
        return self._entries[index.row()] if self._entries and index.isValid() else None

    def read_again(self) -> None:
        """Read what matches the search now."""
        if self.isVisible() and not self._work.is_running(READ):
            self._read()

    # Reading

    def _search(self) -> None:
        self._limit = PAGE_ENTRIES
        self._read()

    def _read(self) -> None:
        async def read() -> tuple[list[Entry], list[str], list[str]]:
            if await asyncio.to_thread(self._journal.is_unsettled):
                await self._journal.close_dead()  # of windows that were killed, also where nothing is connected to
            entries = await self._journal.entries(self.toolbar.search(), limit=self._limit)
            return entries, await self._journal.names("action"), await self._journal.names("profile")

        self._work.start(read(), name=READ, then=self._take, failed=self._tell, replaces=True)

    def _take(self, answer: tuple[list[Entry], list[str], list[str]]) -> None:
        entries, actions, profiles = answer
        self.toolbar.offer(actions, profiles)
        if entries != self._entries:
            self._show(entries)
        position = next((n for n, entry in enumerate(entries) if entry.id == self._wanted), -1)
        if position >= 0:
            self._wanted = None
            self.table.selectRow(position)
        words = self.tr("{count} entries") if len(entries) < self._limit else self.tr("the newest {count} entries")
        note = words.format(count=formats.number(len(entries))) if len(entries) != 1 else self.tr("1 entry")
        aside = self._journal.put_aside
        if aside is not None:
            note = self.tr("The old journal could not be read and was moved to {path}.").format(path=aside.name)
        self.toolbar.show_note(note, "warning" if aside is not None else "secondary")

    def _tell(self, error: Exception) -> None:
        if not isinstance(error, JournalTrouble):
            raise error
        self.toolbar.show_note(str(error), "warning")

    def _show(self, entries: list[Entry]) -> None:
        chosen, place = self.selected(), self.table.verticalScrollBar().value()
        is_at_top = place == 0
        above = 0 if chosen is None else next((n for n, each in enumerate(entries) if each.id == chosen.id), -1)
        self._entries = entries
        now = dt.datetime.now(dt.UTC)
        self.model.set_rows([(str(entry.id), entry_cells(entry, now)) for entry in entries])
        self._stack.setCurrentIndex(0 if entries else 1)
        if not entries:
            self._show_empty()
        if entries and above >= 0:
            self.table.selectRow(above)
        if not is_at_top:
            self.table.verticalScrollBar().setValue(place)
        self._show_detail()

    def _show_empty(self) -> None:
        if self.toolbar.search() == Search():
            title = self.tr("Nothing has been done from this desk yet")
            actions = [(self.tr("Show the jobs"), lambda: self.filter_asked_for.emit(""))] if self._desk else []
            sentence = self.tr("Every action is recorded here: who, when and where, and what became of each job.")
        else:
            title = self.tr("No entry matches this search")
            sentence = self.tr("Try other words, or show all entries.")
            actions = [(self.tr("Show all entries"), self.toolbar.clear)]
        self._empty.set_content("journal", title, sentence, actions)

    def _show_detail(self) -> None:
        entry = self.selected()
        if entry is None:
            self._shown = None
            self.detail.show_entry(None)
            self._show_undo()
            return
        is_new = entry.id != self._shown
        self._shown = entry.id
        self.detail.show_entry(entry)
        self._show_undo()
        if is_new:
            self.detail.show_records([], entry)

        def take(records: list[Record]) -> None:
            self.detail.show_records(records, entry)

        self._work.start(
            self._journal.records(entry.id, limit=SHOWN_RECORDS),
            name=READ_RECORDS,
            then=take,
            failed=self._tell,
            replaces=True,
        )

    def _near_end(self, value: int) -> None:
        bar = self.table.verticalScrollBar()
        is_full = self._entries is not None and len(self._entries) >= self._limit
        if is_full and bar.maximum() and value == bar.maximum() and self._limit < MOST_ENTRIES:
            self._limit += PAGE_ENTRIES
            self._read()

    # Undoing and exporting

    def _show_undo(self) -> None:
        entry, desk = self.selected(), self._desk
        if entry is None:
            reason: str | None = self.tr("Select an entry first.")
        elif desk is None:
            reason = self.tr("Connect to {profile} first.").format(profile=entry.header.profile)
        else:
            reason = refusal(entry, desk.access.profile, desk.capabilities)
        self.detail.show_undo(reason)

    def _undo(self) -> None:
        entry, desk = self.selected(), self._desk
        if entry is None or desk is None:
            return
        self.undo_asked_for.emit(desk, entry)

    def choose(self, entry_id: int) -> None:
        """Select this entry, as soon as it has been read."""
        self._wanted = entry_id
        self._limit = PAGE_ENTRIES
        self._read()

    def _ask_where(self) -> None:
        dialog = QFileDialog(self, self.tr("Export what the search found"), "journal.csv")
        dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        dialog.setNameFilters([self.tr("CSV (*.csv)"), self.tr("NDJSON (*.ndjson)")])
        dialog.setDefaultSuffix("csv")
        dialog.filterSelected.connect(lambda name: dialog.setDefaultSuffix("ndjson" if "ndjson" in name else "csv"))
        dialog.fileSelected.connect(lambda path: self.export(Path(path)))
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.open()

    def export(self, path: Path) -> None:
        """Write what the search found into a file."""

        def tell(lines: int) -> None:
            self.told.emit(self.tr("Exported {count} lines to {path}.").format(count=formats.number(lines), path=path))

        self._work.start(
            self._journal.export(self.toolbar.search(), path),
            name=EXPORT,
            then=tell,
            failed=self._tell,
            replaces=True,
            says=self.tr("Exporting the journal…"),
        )

    # Building

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self.read_again()
        self._clock.start(READ_MS)

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        self._clock.stop()

    def _open(self, index: QModelIndex) -> None:
        self.filter_asked_for.emit(self.detail.filter_text())

    def _build(self) -> None:
        self.table.setModel(self.model)
        self.table.setSelectionMode(Table.SelectionMode.SingleSelection)
        self.table.lay_columns(self.model.titles)
        keys = ["what", "when", "outcome", "profile", "by", "as"]
        self.table.name_columns("journal", keys, growing="what", optional=("as", "by", "profile"))
        self._stack = QStackedWidget()
        self._stack.addWidget(self.table)
        self._stack.addWidget(self._empty)
        splitter = Splitter(Qt.Orientation.Vertical, "journal")
        splitter.addWidget(self._stack)
        splitter.addWidget(self.detail)
        splitter.set_first_sizes([380, 340])
        splitter.setCollapsible(0, False)
        stacked(self.toolbar, splitter, within=self)

    def _connect(self) -> None:
        self._clock.timeout.connect(self.read_again)
        self.toolbar.changed.connect(self._search)
        self.toolbar.export_asked_for.connect(self._ask_where)
        self.table.selectionModel().selectionChanged.connect(lambda *_: self._show_detail())
        self.table.activated.connect(self._open)
        self.table.verticalScrollBar().valueChanged.connect(self._near_end)
        self.detail.undo_asked_for.connect(self._undo)
        self.detail.filter_asked_for.connect(self.filter_asked_for)
