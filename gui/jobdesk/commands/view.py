"""What the window shows."""

from __future__ import annotations

from jobdesk.commands.noun import Noun
from jobdesk.dialogs.about import AboutDialog
from jobdesk.dialogs.palette import PaletteDialog
from jobdesk.dialogs.shortcuts import ShortcutsDialog
from jobdesk.theme import theme


class ViewCommands(Noun):
    """Pages, filter and theme."""

    def reasons(self) -> dict[str, str | None]:
        if self._desk is None:
            return dict.fromkeys(("refresh", "index"), self._no_desk())
        is_filtered = bool(self._window.jobs.model.job_filter.tokens)
        return {"index": None if is_filtered else self.tr("Type a filter first.")}

    def overview(self) -> None:
        """Show the overview."""
        self._window.show_page("overview")

    def jobs(self) -> None:
        """Show the jobs."""
        self._window.show_page("jobs")

    def queues(self) -> None:
        """Show the queues."""
        self._window.show_page("queues")

    def tasks(self) -> None:
        """Show the tasks."""
        self._window.show_page("tasks")

    def workers(self) -> None:
        """Show the workers."""
        self._window.show_page("workers")

    def locks(self) -> None:
        """Show the locks."""
        self._window.show_page("locks")

    def journal(self) -> None:
        """Show the journal."""
        self._window.show_page("journal")

    def filter(self) -> None:
        """Type into the filter bar."""
        self._window.header.filter_bar.focus_edit()

    def palette(self) -> None:
        """Open the command palette."""
        PaletteDialog(self._window).open()

    def refresh(self) -> None:
        """Read everything shown anew."""
        if self._session.desk is not None:
            self._session.desk.monitor.wake()
            self._window.jobs.read_again()
            self._window.locks.read_again()

    def index(self) -> None:
        """Show which index would make the filter fast."""
        self._window.jobs.advise_index()

    def reset_layout(self) -> None:
        """Put columns, splitters and the order of jobs back to what they were at first."""
        self._window.arrangement.reset()
        self.done.emit(self.tr("Columns, widths and order are as at first again."))

    def theme(self) -> None:
        """Change between light and dark."""
        theme().set_mode("light" if theme().tokens.is_dark else "dark")


class HelpCommands(Noun):
    """What tells about the program."""

    def shortcuts(self) -> None:
        """List the keyboard shortcuts."""
        ShortcutsDialog(self._window).open()

    def about(self) -> None:
        """Tell the versions."""
        AboutDialog(self._window).open()
