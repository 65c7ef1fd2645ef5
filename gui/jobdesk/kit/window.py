"""What a feature may ask of the window that it is shown in. It knows the window by this alone."""

from __future__ import annotations

from typing import Protocol

from jobdesk_core.database.rows import JobRow
from jobdesk_core.filters.language import JobFilter
from jobdesk_core.troubles import Trouble
from PySide6.QtWidgets import QWidget

from jobdesk.kit.table import Table


class Window(Protocol):
    """Shows the pages of one connection."""

    @property
    def frame(self) -> QWidget:
        """What dialogs and menus belong to."""

    @property
    def page_key(self) -> str:
        """The key of the page on show."""

    def show_page(self, key: str) -> None:
        """Show a page."""

    def ask_for(self, text: str) -> None:
        """Show the jobs of a filter."""

    def show_job(self, job_id: int) -> None:
        """Show one job."""

    def selected_rows(self) -> list[JobRow]:
        """The jobs that actions act upon: those of the page on show, or else of the jobs page."""

    def selected_text(self) -> str:
        """The selected rows of the page on show, or else of the jobs page, as text with tabs between the cells."""

    def table(self) -> Table | None:
        """The table on show: the one that has the focus, or else the first; None where there is none."""

    def job_filter(self) -> JobFilter:
        """The filter of the jobs page."""

    def tell(self, sentence: str) -> None:
        """Say what was done."""

    def warn(self, sentence: str, remedy: str) -> None:
        """Say above the page what to be aware of, and what can be done about it."""

    def show_trouble(self, trouble: Trouble) -> None:
        """Tell what went wrong above the page."""

    def fail(self, error: Exception) -> None:
        """Explain an error above the page, and note it in the log."""
