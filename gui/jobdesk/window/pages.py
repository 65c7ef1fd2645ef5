"""The pages of the window. All but the jobs are made when they are first needed, so that the window is up sooner."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QSizePolicy, QStackedWidget

from jobdesk.connection.page import Page
from jobdesk.kit.table import Table

P = TypeVar("P", bound=Page)


@dataclass(frozen=True, slots=True)
class PageSpec:
    """A page by its key, which is also its icon's name and its help's topic, as the menu and the side bar name it."""

    key: str
    text: str
    keys: str
    #: Whether there is nothing to show without an open connection.
    needs_desk: bool = True


#: The pages, in the order of the side bar.
PAGES = (
    PageSpec("fleet", "F&leet", "Ctrl+Shift+F", needs_desk=False),
    PageSpec("overview", "&Overview", "Ctrl+Shift+1"),
    PageSpec("jobs", "&Jobs", "Ctrl+Shift+2"),
    PageSpec("failures", "Fail&ures", "Ctrl+Shift+8"),
    PageSpec("schedules", "S&chedules", "Ctrl+Shift+9"),
    PageSpec("queues", "&Queues", "Ctrl+Shift+3"),
    PageSpec("tasks", "&Tasks", "Ctrl+Shift+4"),
    PageSpec("workers", "&Workers", "Ctrl+Shift+5"),
    PageSpec("locks", "Loc&ks", "Ctrl+Shift+6"),
    PageSpec("journal", "Jour&nal", "Ctrl+Shift+7", needs_desk=False),
    PageSpec("health", "Healt&h", "Ctrl+Shift+0"),
)
KEYS = tuple(page.key for page in PAGES)
#: The page that stands above the tabs: it is of no connection.
ABOVE = "fleet"
WITHOUT_DESK = tuple(page.key for page in PAGES if not page.needs_desk)


class PageStack(QStackedWidget):
    """Shows one page at a time. Asking for one by its key makes it."""

    made = Signal(Page)

    def __init__(self, make: Callable[[str], Page]) -> None:
        super().__init__()
        self._make = make
        self._made: dict[str, Page] = {}
        self.currentChanged.connect(self._give_room)

    def get(self, key: str) -> Page:
        """The page of a key of KEYS."""
        if key not in self._made:
            self.add(key, self._make(key))
        return self._made[key]

    def get_as(self, key: str, kind: type[P]) -> P:
        """The page of a key, which is of this kind. TypeError when it is of another."""
        page = self.get(key)
        if not isinstance(page, kind):
            raise TypeError(f"{key} is shown by {type(page).__name__}")
        return page

    def add(self, key: str, page: Page) -> None:
        """Take in a page that has been made already."""
        self._made[key] = page
        self.addWidget(page)
        self._give_room()
        self.made.emit(page)

    def _give_room(self) -> None:
        """Only the page on show says how large the window must be: the others have not been fitted to it yet."""
        kinds = QSizePolicy.Policy
        for page in map(self.widget, range(self.count())):
            if page is not None:
                kind = kinds.Preferred if page is self.currentWidget() else kinds.Ignored
                page.setSizePolicy(kind, kind)

    def show_stale(self, is_stale: bool) -> None:
        """Grey what a database has told while nobody knows whether it is still so."""
        for key, page in self._made.items():
            for table in page.findChildren(Table) if key not in WITHOUT_DESK else ():
                table.set_faded(is_stale)

    def all_made(self) -> list[Page]:
        """The pages that there are by now."""
        return list(self._made.values())
