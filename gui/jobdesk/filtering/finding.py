"""Finding as one: the filter bar with what completes it, past filters, saved views, and jobs by their number."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Sequence
from functools import partial
from typing import Protocol

from jobdesk_core.filters.completion import Wanted
from jobdesk_core.filters.completion_values import Question
from jobdesk_core.filters.language import FilterError, JobFilter
from jobdesk_core.profiles.finding import FindingStore, SavedView
from jobdesk_core.profiles.secret_keys import compiled
from jobdesk_core.reading.pages import Order
from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtGui import QKeySequence, QShortcut

from jobdesk.connection.session import Session
from jobdesk.filtering.bar import FilterBar
from jobdesk.filtering.view_counts import ViewCounts
from jobdesk.filtering.view_list import ViewList
from jobdesk.kit.window import Window

SHORTCUTS = 9
#: What workers report of, by what the filter calls it, and the tables that hold it.
_REPORTED = {"error": "errors", "host": "workers"}
#: What the file of views may be found to be when it is written: no trouble of the database's.
UNWRITABLE = (OSError, ValueError)


class Listing(Protocol):
    """The list of jobs, which a filter and an order apply to."""

    @property
    def order(self) -> Order:
        """The order in force."""

    def set_order(self, order: Order) -> None:
        """Show the jobs in another order."""

    def set_filter(self, job_filter: JobFilter) -> None:
        """Show the jobs that match."""

    def inspect(self, job_id: int) -> bool:
        """Select a job that is loaded. False when it is not."""


class Finding(QObject):
    """Leaves it to the list of jobs to show what was found."""

    changed = Signal()  # another filter is in force, or other views are saved
    trouble = Signal(str)  # a sentence

    def __init__(self, window: Window, session: Session, bar: FilterBar, views: ViewList, listing: Listing) -> None:
        super().__init__(window.frame)
        self._window, self._session, self._listing = window, session, listing
        self.bar = bar
        bar.ground = window.frame
        self.list = views
        self.store = FindingStore(session.store.path.with_name("finding.toml"))
        self.views: list[SavedView] = []
        self._counts = ViewCounts(self.list)
        self._noted = ""
        self._wanted_job: int | None = None
        self.bar.changed.connect(self._filter_changed)
        self.bar.set_source(self._names)
        self.bar.set_past(lambda: self.store.past(self._profile))
        self.list.chosen.connect(self._chosen)
        for number in range(SHORTCUTS):
            keys = QShortcut(QKeySequence(f"Alt+{number + 1}"), window.frame)
            keys.setContext(Qt.ShortcutContext.WindowShortcut)
            keys.activated.connect(partial(self._open_number, number))

    # What the window and the commands ask

    def show_desk(self) -> None:
        """Another connection is on show: its views, and no filter's past but its own."""
        self._noted = ""
        self.read_views()

    def rename(self, old: str, new: str) -> None:
        """The views and past filters of a renamed connection go by its new name."""
        try:
            self.store.rename(old, new)
        except UNWRITABLE as error:
            self._cannot_write(error)
        self.read_views()

    def tick(self) -> None:
        """Bring a few counts of views up to date, if anybody can see them."""
        if self.list.isVisible() and not self.list.window().isMinimized():
            self._counts.tick(self._session.desk, time.monotonic())

    def show_filter(self, text: str) -> None:
        """Put a filter in force on the page of jobs."""
        self.bar.set_text(text)
        self._window.show_page("jobs")

    def show_job(self, job_id: int) -> None:
        """Select one job, by its number as filter when it is not among those loaded."""
        self._window.show_page("jobs")
        self._wanted_job = None
        if not self._listing.inspect(job_id):
            self._wanted_job = job_id
            self.bar.set_text(f"id:{job_id}")
            self.look_for_job()

    def open_view(self, view: SavedView) -> None:
        """Show what a view finds, in its order."""
        order = order_of(view)
        if order is not self.order:
            self._listing.set_order(order)
        self.show_filter(view.filter_text)
        self.mark_current()

    @property
    def order(self) -> Order:
        """The order in force."""
        return self._listing.order

    def current_view(self) -> SavedView | None:
        """The view that is on show."""
        order = self.order
        text = self.bar.text()
        return next((view for view in self.views if view.filter_text == text and order_of(view) is order), None)

    def save_view(self, name: str) -> None:
        """Save the filter and the order in force by a name; a view of that name is changed to them."""
        view = SavedView(name, self.bar.text(), self.order.name)
        names = [each.name for each in self.views]
        kept = [view if each.name == name else each for each in self.views]
        self.set_views(kept if name in names else [*kept, view])

    def set_views(self, views: Sequence[SavedView]) -> None:
        """Keep these views, in this order."""
        try:
            self.store.set_views(self._profile, views)
        except UNWRITABLE as error:
            self._cannot_write(error)
        self.read_views()

    def read_views(self) -> None:
        """Show the saved views of the connection."""
        is_open = self._session.desk is not None
        self.views = self.store.views(self._profile) if is_open else []
        self.list.show_views(self.views)
        self._counts.show_views([(view.name, filter_of(view)) for view in self.views])
        self.mark_current()
        self.tick()
        self.changed.emit()

    def note_choice(self, key: str) -> None:
        """Note what was chosen in the palette."""
        # Only the order of what is offered depends on it.
        with contextlib.suppress(*UNWRITABLE):
            self.store.add_recent(key)

    # Within

    def _cannot_write(self, error: Exception) -> None:
        sentence = self.tr("The saved views cannot be written to {file}: {reason}")
        self.trouble.emit(sentence.format(file=self.store.path, reason=error))

    @property
    def _profile(self) -> str:
        profile = self._session.profile
        return profile.name if profile is not None else ""

    def _filter_changed(self, text: str) -> None:
        self._listing.set_filter(JobFilter.parse(text))
        self._window.show_page("jobs")
        self._note_past(text)
        self.mark_current()
        self.changed.emit()

    def _note_past(self, text: str) -> None:
        tokens = JobFilter.parse(text).tokens
        desk = self._session.desk
        if desk is None:
            return
        secret = compiled(desk.profile.hidden_keys)
        if any(secret.search(part) for token in tokens for part in token.path):
            return
        begun = self._noted if text.startswith(f"{self._noted} ") else ""
        # Not worth a message: the filter itself works.
        with contextlib.suppress(*UNWRITABLE):
            self.store.add_past(self._profile, text, instead_of=begun)
        self._noted = text

    def _names(self, wanted: Wanted, task: str) -> Sequence[str]:
        """What the database is known to hold there; what is not known yet is asked for, and offered when it comes."""
        desk = self._session.desk
        if desk is None or wanted.kind == "name":
            return []
        if wanted.key == "queue":
            return desk.queue_names()
        if wanted.key == "task":
            return desk.task_names()
        if wanted.key == "column":
            return list(desk.capabilities.extra_columns)
        if wanted.key == "worker":
            return [str(worker.id) for worker in desk.workers]
        table = _REPORTED.get(wanted.key)
        if table is not None and desk.capabilities.reported.refusal(table) is not None:
            return []
        is_path = wanted.key == "args" and (wanted.path or wanted.kind == "path")
        if table is not None or wanted.key in ("lock", "queueing_lock") or is_path:
            question = Question(wanted.key, task if wanted.key == "args" else "")
            desk.read_known(question, self.bar.offer_again)
            known = desk.known
            return (
                known.segments(question, wanted.path) if wanted.kind == "path" else known.values(question, wanted.path)
            )
        return []

    def _chosen(self, name: str) -> None:
        view = next((each for each in self.views if each.name == name), None)
        if view is not None:
            self.open_view(view)

    def _open_number(self, number: int) -> None:
        if number < len(self.views):
            self.open_view(self.views[number])

    def mark_current(self) -> None:
        """Mark the view that is on show, if any is."""
        view = self.current_view()
        self.list.mark(view.name if view is not None else None)

    def look_for_job(self) -> None:
        """Select the job that is wanted, once it is loaded."""
        if self._wanted_job is not None and self._listing.inspect(self._wanted_job):
            self._wanted_job = None


def order_of(view: SavedView) -> Order:
    """The order of a view; the usual one when the file names one that there is not."""
    return Order.__members__.get(view.order, Order.NEWEST)


def filter_of(view: SavedView) -> JobFilter | FilterError:
    """The filter by which a view's jobs are counted, or what is wrong with it."""
    try:
        found = JobFilter.parse(view.filter_text)
        if order_of(view) is not Order.NEXT_TO_RUN:
            return found
        return JobFilter.parse(f"({found.text}) status:todo" if found.text else "status:todo")
    except FilterError as error:
        return error
