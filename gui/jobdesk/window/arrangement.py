"""How a person has arranged the window: page, order, columns and panes, as one value that can be kept and put back."""

from __future__ import annotations

from typing import Any

from jobdesk_core.reading.pages import Order
from PySide6.QtCore import QObject, QSize, Signal
from PySide6.QtWidgets import QWidget

from jobdesk.failures.muted import Muted
from jobdesk.jobs.page import JobsPage
from jobdesk.kit.columns import Columns
from jobdesk.kit.remembered import Remembered
from jobdesk.kit.splitter import Splitter
from jobdesk.kit.table import Table
from jobdesk.kit.window import Window
from jobdesk.window.pages import ABOVE, KEYS

#: The window at first, the least it can be, and what the desktop's frame around it takes, in logical pixels.
FIRST_SIZE, LEAST_SIZE, FRAME = QSize(1440, 900), QSize(680, 420), QSize(8, 32)


def fit_screen(window: QWidget) -> None:
    """Give the window its first size, and its least: with the desktop's frame around it no larger than the screen."""
    room = window.screen().availableSize() - FRAME
    window.setMinimumSize(LEAST_SIZE.boundedTo(room))
    window.resize(FIRST_SIZE.boundedTo(room))


class Arrangement(QObject):
    """Knows every splitter with a name, and every table whose columns can be chosen, of the pages made so far."""

    changed = Signal()  # a person has arranged something

    def __init__(self, window: Window, jobs: JobsPage) -> None:
        super().__init__(window.frame)
        self._window, self._jobs = window, jobs
        self._is_putting = False
        #: The page of the connection that was on show last.
        self._page = "jobs"
        self._splitters: dict[str, Splitter] = {}
        self._columns: dict[str, Columns] = {}
        #: What was put last, for the pages that are not made yet.
        self._kept: dict[str, dict[str, Any]] = {"columns": {}, "panes": {}, "choices": {}}
        self._choices: dict[str, Remembered] = {}
        self._muted: Muted | None = None
        self._kept_muted: object = None
        jobs.toolbar.order_asked_for.connect(self.tell)

    def add(self, page: QWidget) -> None:
        """Arrange a new page as it is remembered, and follow what a person does to it."""
        splitters = {each.objectName(): each for each in page.findChildren(Splitter) if each.objectName()}
        tables = {each.objectName(): each.columns for each in page.findChildren(Table)}
        columns = {name: part for name, part in tables.items() if part is not None}
        for name, part in columns.items():
            part.choose(self._kept["columns"].get(name))
        for name, splitter in splitters.items():
            splitter.choose(self._kept["panes"].get(name))
        for splitter in splitters.values():
            splitter.changed.connect(self.tell)
        for part in columns.values():
            part.changed.connect(self.tell)
        for choice in page.findChildren(Remembered):
            choice.choose(self._kept["choices"].get(choice.objectName()))
            choice.changed.connect(self.tell)
            self._choices[choice.objectName()] = choice
        if (muted := page.findChild(Muted)) is not None:
            muted.choose(self._kept_muted)
            muted.changed.connect(self.tell)
            self._muted = muted
        self._splitters |= splitters
        self._columns |= columns

    def taken(self) -> dict[str, Any]:
        """The arrangement in force, of what JSON knows."""
        self._note_page()
        columns = self._kept["columns"] | {name: part.choice() for name, part in self._columns.items()}
        sizes = self._kept["panes"] | {name: part.own_sizes for name, part in self._splitters.items()}
        choices = self._kept["choices"] | {name: each.choice() for name, each in self._choices.items()}
        return {
            "page": self._page,
            "order": self._jobs.order.name,
            "columns": {name: chosen for name, chosen in columns.items() if chosen},
            "panes": {name: own for name, own in sizes.items() if own},
            "choices": {name: chosen for name, chosen in choices.items() if chosen},
            "muted": self._muted.choice() if self._muted is not None else self._kept_muted or [],
        }

    def put(self, arrangement: object) -> None:
        """Put a remembered arrangement back; what cannot be understood of it is as at first."""
        kept = arrangement if isinstance(arrangement, dict) else {}
        self._is_putting = True
        try:
            self._put_parts(kept)
            self._kept["choices"] = _part(kept, "choices")
            for name, choice in self._choices.items():
                choice.choose(self._kept["choices"].get(name))
            self._kept_muted = kept.get("muted")
            if self._muted is not None:
                self._muted.choose(self._kept_muted)
            order = Order.__members__.get(str(kept.get("order")), Order.NEWEST)
            if order is not self._jobs.order:
                self._jobs.set_order(order)
            if kept.get("page") in KEYS and kept.get("page") != ABOVE:
                self._window.show_page(str(kept["page"]))
        finally:
            self._is_putting = False

    def reset(self) -> None:
        """Columns and panes as at first; page and order stay."""
        self._put_parts({})
        self.tell()

    def _put_parts(self, kept: dict[str, Any]) -> None:
        self._kept |= {key: _part(kept, key) for key in ("columns", "panes")}
        for name, table in self._columns.items():
            table.choose(self._kept["columns"].get(name))
        for name, splitter in self._splitters.items():
            splitter.choose(self._kept["panes"].get(name))

    def _note_page(self) -> None:
        if self._window.page_key != ABOVE:
            self._page = self._window.page_key

    def tell(self, *_: object) -> None:
        """A person has arranged something."""
        self._note_page()
        if not self._is_putting:
            self.changed.emit()


def _part(kept: dict[str, Any], name: str) -> dict[str, Any]:
    part = kept.get(name)
    return part if isinstance(part, dict) else {}
