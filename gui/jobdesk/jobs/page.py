"""The Jobs page: the live table, its toolbar, and the inspector of the selected job."""

from __future__ import annotations

from jobdesk_core.database.rows import JobRow
from jobdesk_core.feed.state import Changes
from jobdesk_core.filters.language import JobFilter
from jobdesk_core.number import Number, exact
from jobdesk_core.reading.pages import Order
from PySide6.QtCore import QModelIndex, QPoint, Qt, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import (
    QStackedWidget,
    QWidget,
)

from jobdesk.connection.desk import Desk
from jobdesk.connection.page import Page
from jobdesk.inspector import Inspector
from jobdesk.jobs.argument_column import ArgumentColumnDialog
from jobdesk.jobs.cell_filters import CellFilters
from jobdesk.jobs.extras_reading import ExtrasReading
from jobdesk.jobs.index_offer import IndexOffer
from jobdesk.jobs.model import JobsModel
from jobdesk.jobs.reading import JobsReading
from jobdesk.jobs.scroll_bar import WholeBar
from jobdesk.jobs.table import JobsTable
from jobdesk.jobs.toolbar import ROOMY_WIDTH, JobsToolbar
from jobdesk.kit import formats
from jobdesk.kit.actions import Actions
from jobdesk.kit.empty_state import EmptyState
from jobdesk.kit.layouts import in_column, in_row
from jobdesk.kit.splitter import Splitter
from jobdesk.kit.theme import theme

INSPECTOR_WIDTH = 372
#: A narrower page has the inspector below the table.
BESIDE_WIDTH = 780


class JobsPage(Page):
    """Shows the jobs that match the filter in the chosen order and follows them live."""

    narrowing_asked_for = Signal(str)  # a condition to add to the filter

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._desk: Desk | None = None
        self.model = JobsModel(self)
        self.reading = JobsReading(self.model, self)
        self.table = JobsTable(self.model)
        self.table.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.extras = ExtrasReading(self.table, self)
        self.bar = WholeBar(self.table)
        self.inspector = Inspector()
        self.index_offer = IndexOffer(self.reading, self)
        self._inspected: int | None = None
        self._wanted: int | None = None  # on show before the filter changed
        self.toolbar = JobsToolbar(self.table)
        self._empty = EmptyState("search", "", "", [])
        whole = QWidget()
        in_row(self.table, self.bar, within=whole, margins=0, spacing=0)
        self._stack = QStackedWidget()
        self._stack.addWidget(whole)
        self._stack.addWidget(self._empty)
        self._build()
        self._connect()

    # What the window asks

    def show_desk(self, desk: Desk | None) -> None:
        """Show another connection's jobs, or none."""
        self._desk = desk
        self.inspector.show_desk(desk)
        self.extras.show_desk(desk)
        self.reading.show_desk(desk)

    @property
    def order(self) -> Order:
        """The order in force."""
        return self.model.order

    def set_filter(self, job_filter: JobFilter) -> None:
        """Show what matches this filter; the job on show stays selected if it does."""
        self._wanted = self._inspected
        self.reading.restart(self.model.order, job_filter)

    def set_order(self, order: Order) -> None:
        """Show the jobs in another order."""
        self.toolbar.show_order(order)
        self.reading.restart(order, self.model.job_filter)

    def apply(self, changes: Changes) -> None:
        """Take over a batch of the feed."""
        selected = self.table.selected_ids()
        self.reading.apply(changes, selected)
        lost = [job_id for job_id in selected if self.model.position(job_id) is not None]
        if set(lost) != set(self.table.selected_ids()):
            self.table.select(lost)  # a row that changed its place lost its selection
        elif len(selected) > 1 and (changes.is_refresh or not changes.rows.keys().isdisjoint(selected)):
            self.inspector.show_rows(self.selected_rows(), len(selected))  # what they share may have changed
        self.extras.apply(changes)
        self.inspector.apply(changes)
        self.bar.set_bounds(self.reading.bounds)
        self._show_count()

    def refresh(self) -> None:
        """Let time pass in what is in sight."""
        self.model.refresh_clock(*self.table.sight())
        self.extras.tick()
        self.reading.tick(self.table.selected_ids())
        self.inspector.tick()

    def retell(self) -> None:
        """Moments are told in another zone."""
        self.model.refresh_clock(0, self.model.rowCount() - 1)
        self.model.tell_extras(self.model.extras.refresh(self.model.ids()))
        self.inspector.retell()

    def selected_rows(self) -> list[JobRow]:
        """The selected jobs as last read, top to bottom."""
        rows = (self.model.row(job_id) for job_id in self.table.selected_ids())
        return [row for row in rows if row is not None]

    def selected_text(self) -> str:
        """The selected rows with tabs between the cells."""
        return self.table.selected_text()

    def inspect(self, job_id: int) -> bool:
        """Select a job that is loaded. False when it is not."""
        return self.table.show_job(job_id)

    def advise_index(self) -> None:
        """Show which index would make the filter fast."""
        if self._desk is not None:
            self.index_offer.open(self._desk)

    def read_again(self) -> None:
        """Read everything shown again; what no longer matches leaves."""
        self.reading.release(())
        self.extras.doubt()
        self.reading.read_again()

    def footnote(self) -> str:
        """What the footer says of this page."""
        loaded = formats.number(self.reading.found)
        match = self.reading.match
        if self.model.is_complete and self.model.is_at_start:
            text = self.tr("{loaded} loaded of {count}").format(loaded=loaded, count=loaded)
        elif match is not None:
            text = self.tr("{loaded} loaded of {count}").format(loaded=loaded, count=formats.count(match))
        else:
            text = self.tr("{loaded} loaded").format(loaded=loaded)
        looked_to = self.reading.looked_to_id
        if looked_to is not None and not self.model.is_complete and self.model.job_filter.text:
            looked = self.tr("searched back to {job}").format(job=formats.job_number(looked_to))
            text = f"{text}   {looked}"
        return text

    # Building

    def set_actions(self, actions: Actions) -> None:
        """Put the actions into the toolbar and the context menu."""
        self._menu = actions.job_menu(self)
        self._defer = actions["job.defer"]
        self.table.addAction(actions["job.copy_rows"])
        self.inspector.set_actions(actions)
        self.toolbar.set_actions(actions, actions.job_menu(self))  # its own: no cell was clicked there
        self._cell_filters = CellFilters(self._menu)
        self._cell_filters.narrowing_asked_for.connect(self.narrowing_asked_for)

    def _build(self) -> None:
        left = QWidget()
        in_column(self.toolbar, self._stack, within=left, margins=0, spacing=0)
        splitter = Splitter(Qt.Orientation.Horizontal, "jobs")
        splitter.addWidget(left)
        splitter.addWidget(self.inspector)
        splitter.setStretchFactor(0, 1)
        splitter.setStretchFactor(1, 0)
        splitter.set_first_sizes([868, INSPECTOR_WIDTH])
        splitter.setCollapsible(0, False)
        splitter.setCollapsible(1, False)
        self._splitter = splitter
        in_row(splitter, within=self, margins=0)
        self.toolbar.show_order(self.model.order)

    def _connect(self) -> None:
        self.table.selection_settled.connect(self._selection_settled)
        self.table.near_end.connect(self.reading.read_more)
        self.table.near_start.connect(self.reading.read_before)
        self.table.start_asked_for.connect(self._go_to_top)
        self.table.end_asked_for.connect(self.reading.jump_to_end)
        self.bar.job_asked_for.connect(self.reading.jump_to)
        self.table.sight_changed.connect(self._watch)
        self.table.arrived_above.connect(self.toolbar.show_arrived)
        self.reading.arrived.connect(self.toolbar.show_arrived)
        self.table.customContextMenuRequested.connect(self._open_menu)
        self.toolbar.top_asked_for.connect(self._go_to_top)
        self.toolbar.refresh_asked_for.connect(self.read_again)
        self.toolbar.order_asked_for.connect(self.set_order)
        self.toolbar.stop_asked_for.connect(self._stop_or_go_on)
        self.toolbar.index_asked_for.connect(self.advise_index)
        self.index_offer.changed.connect(self.toolbar.faster.setVisible)
        self.index_offer.nothing_found.connect(self._tell_no_index)
        self.index_offer.failed.connect(self.failed)
        self.reading.progressed.connect(self._show_progress)
        self.reading.failed.connect(self.failed)
        self.table.choice.adding_asked_for.connect(self._ask_for_argument)
        self.inspector.arguments.column_asked_for.connect(self.show_argument)
        self.inspector.job_asked_for.connect(self._go_to)
        self.inspector.filter_asked_for.connect(self.filter_asked_for)
        self.inspector.failed.connect(self.failed)
        self.inspector.help_asked_for.connect(lambda: self.help_asked_for.emit("reporting"))
        theme().changed.connect(self._fit)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit()

    def _fit(self) -> None:
        grown = theme().grown
        self.toolbar.fit(self.width())
        is_roomy, is_below = self.width() >= grown(ROOMY_WIDTH), self.width() < grown(BESIDE_WIDTH)
        inspector = grown(INSPECTOR_WIDTH) if is_roomy else self.inspector.minimumWidth()
        self._splitter.turn(is_below)
        whole, second = (self.height(), self.height() * 3 // 5) if is_below else (self.width(), inspector)
        self._splitter.set_first_sizes([whole - second, second])

    # Following

    def _selection_settled(self) -> None:
        is_loaded = self._inspected is not None and self.model.position(self._inspected) is not None
        self.reading.release(self.table.selected_ids())
        rows = self.selected_rows()
        if len(rows) == 1 and rows[0].id != self._inspected:
            self._inspected = rows[0].id
            self.inspector.show_job(rows[0])
        elif len(rows) > 1:
            self._inspected = None
            self.inspector.show_rows(rows, len(self.table.selected_ids()))
        elif not rows and (
            self._inspected is None or is_loaded or not (self.model.rowCount() or self.reading.is_reading)
        ):
            # A single job that was deleted while selected stays on show: its inspector says so.
            self._inspected = None
            self.inspector.show_job(None)
        self._show_count()
        self._watch()
        self.selection_changed.emit()

    def _show_progress(self) -> None:
        if self._wanted is not None and not self.reading.is_reading:
            self._find_wanted()
        is_empty = self.model.rowCount() == 0 and not self.reading.is_reading
        self._stack.setCurrentIndex(1 if is_empty and self._desk is not None else 0)
        if is_empty:
            self._show_empty()
        self.bar.set_bounds(self.reading.bounds)
        self._show_count()
        self._watch()
        self.index_offer.follow(self._desk)

    def _find_wanted(self) -> None:
        """The inspector shows no job that is not in the list."""
        wanted, self._wanted = self._wanted, None
        if wanted == self._inspected and not self.table.selected_ids() and not self.inspect(wanted or 0):
            self._inspected = None
            self.inspector.show_job(None)

    def _show_empty(self) -> None:
        if self.model.job_filter.text:
            self._empty.set_content(
                "search",
                self.tr("No job matches this filter"),
                self._searched_names() or self.tr("New jobs that match will appear here by themselves."),
                [(self.tr("Clear the filter"), lambda: self.filter_asked_for.emit(""))],
            )
        else:
            self._empty.set_content(
                "jobs",
                self.tr("No jobs yet"),
                self.tr("The queues of this database are empty. Jobs appear here as they are deferred."),
                [(self._defer.text().replace("&", ""), self._defer.trigger)] if self._defer.isEnabled() else [],
            )

    def _searched_names(self) -> str:
        """Where a free text was looked for; empty when there is none."""
        job_filter = self.model.job_filter
        if not job_filter.texts:
            return ""
        quoted = f"“{formats.visible(job_filter.texts[0][:80])}”"
        if len(job_filter.tokens) == 1 and not job_filter.tokens[0].is_negated:
            said = self.tr("No job's task, queue or lock name contains {text}.").format(text=quoted)
        else:
            said = self.tr("{text} was searched for in the names of tasks, queues and locks.").format(text=quoted)
        return " ".join((said, self.tr("To search the arguments, write args: before the text.")))

    def _show_count(self) -> None:
        if self.model.rowCount() and self._stack.currentIndex() == 1:
            self._stack.setCurrentIndex(0)
        selected = len(self.table.selected_ids())
        texts = [self.tr("{count} selected").format(count=formats.number(selected))] if selected else []
        match = self.reading.match
        if self.reading.is_search:
            texts.append(self._search_progress())
        elif match is not None and self.model.job_filter.text:
            texts.append(self._matching(match))
        if self.model.job_filter.texts:
            texts.append(self.tr("text searched for in names"))
        self.toolbar.show_count(" · ".join(texts))
        self.toolbar.show_lost(self.model.lost)
        is_open = self.reading.is_search and not self.model.is_complete
        self.toolbar.show_search(is_open and self.reading.is_reading, is_open and self.reading.is_stopped)
        self.footnote_changed.emit()

    def _search_progress(self) -> str:
        """How many a search has found; the footer says how far it has looked."""
        found = formats.number(self.reading.found)
        if self.model.is_complete and self.model.is_at_start:
            return self._matching(exact(self.reading.found))
        if self.reading.is_reading and not self.reading.is_stopped:
            return self.tr("{count} found so far, searching…").format(count=found)
        return self.tr("{count} found so far").format(count=found)

    def _matching(self, match: Number) -> str:
        count, worth = formats.count_worth(match)
        return self.tr("{count} match ({worth})").format(count=count, worth=worth)

    def _tell_no_index(self) -> None:
        self.told.emit(self.tr("This filter is fast as it is, or no index would make it faster."))

    def _stop_or_go_on(self) -> None:
        if self.reading.is_stopped:
            self.reading.go_on_looking()
        else:
            self.reading.stop_looking()

    def _watch(self) -> None:
        if self._desk is None:
            return
        first, last = self.table.sight()
        ids = set(self.model.ids_between(first - 50, last + 50)) | set(self.table.selected_ids()[:200])
        if self._inspected is not None:
            ids.add(self._inspected)
        self._desk.monitor.watch(ids)
        if last >= self.model.rowCount() - 5:
            self.reading.read_more()
        elif first <= 5 and last >= first:
            self.reading.read_before()
        self.bar.follow()

    def _go_to_top(self) -> None:
        if self.model.is_at_start:
            self.table.go_to_top()
        else:
            self.reading.restart(self.model.order, self.model.job_filter)

    def _open_menu(self, position: QPoint) -> None:
        if self.table.selected_ids():
            index = self.table.indexAt(position)
            row = self.model.row_at(index.row()) if index.isValid() else None
            self._cell_filters.show_cell(row, self.model.column(index.column()).key)
            self._menu.popup(self.table.viewport().mapToGlobal(position))

    def _ask_for_argument(self) -> None:
        ArgumentColumnDialog(self, show=self.show_argument).open()

    def show_argument(self, path: tuple[str, ...]) -> None:
        """Show the argument at a path as a column, and scroll to it."""
        key = self.table.choice.add(path)
        places = [place for place, column in enumerate(self.model.columns) if column.key == key]
        index = self.model.index(max(0, self.table.rowAt(0)), places[0]) if places else QModelIndex()
        if index.isValid():
            self.table.scrollTo(index)

    def _go_to(self, job_id: int) -> None:
        if not self.inspect(job_id):
            self.filter_asked_for.emit(f"id:{job_id}")
