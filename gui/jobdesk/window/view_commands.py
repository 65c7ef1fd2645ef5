"""What the window shows."""

from __future__ import annotations

from jobdesk.kit import formats
from jobdesk.kit.columns import Columns
from jobdesk.kit.command_group import Noun
from jobdesk.kit.theme import Density, Mode, theme

#: The key of the choice that puts each mode in force.
THEME_KEYS: dict[Mode, str] = {
    "system": "theme_of_system",
    "light": "light_theme",
    "dark": "dark_theme",
    "contrast-light": "light_contrast",
    "contrast-dark": "dark_contrast",
}


class ViewCommands(Noun):
    """Pages, filter, theme and how things are laid out."""

    def reasons(self) -> dict[str, str | None]:
        columns = None if self._columns() is not None else self.tr("No table here has columns to choose.")
        if self._desk is None:
            return {"columns": columns, **dict.fromkeys(("refresh", "index"), self._no_desk())}
        is_filtered = bool(self._window.jobs.model.job_filter.tokens)
        return {"columns": columns, "index": None if is_filtered else self.tr("Type a filter first.")}

    def overview(self) -> None:
        """Show the overview."""
        self._window.show_page("overview")

    def jobs(self) -> None:
        """Show the jobs."""
        self._window.show_page("jobs")

    def failures(self) -> None:
        """Show what fails."""
        self._window.show_page("failures")

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
        from jobdesk.window.palette import PaletteDialog

        PaletteDialog(self._window).open()

    def refresh(self) -> None:
        """Read everything shown again."""
        if self._session.desk is not None:
            self._session.desk.monitor.wake()
            self._window.jobs.read_again()
            for page in filter(None, map(self._window.pages.if_made, ("failures", "locks"))):
                page.read_again()

    def index(self) -> None:
        """Show which index would make the filter fast."""
        self._window.jobs.advise_index()

    def theme(self) -> None:
        """Change between light and dark; high contrast stays."""
        tokens = theme().tokens
        if tokens.is_high_contrast:
            self._choose_theme("contrast-light" if tokens.is_dark else "contrast-dark")
        else:
            self._choose_theme("light" if tokens.is_dark else "dark")

    def theme_of_system(self) -> None:
        """Light or dark as the system is."""
        self._choose_theme("system")

    def light_theme(self) -> None:
        """Light, whatever the system is."""
        self._choose_theme("light")

    def dark_theme(self) -> None:
        """Dark, whatever the system is."""
        self._choose_theme("dark")

    def light_contrast(self) -> None:
        """Black on white, with strong lines."""
        self._choose_theme("contrast-light")

    def dark_contrast(self) -> None:
        """White on black, with strong lines."""
        self._choose_theme("contrast-dark")

    def compact_rows(self) -> None:
        """Many rows of tables in sight."""
        self._choose_density("compact")

    def comfortable_rows(self) -> None:
        """Rows of tables with more room."""
        self._choose_density("comfortable")

    def larger_text(self) -> None:
        """Larger text in the whole window."""
        self._step_text(1)

    def smaller_text(self) -> None:
        """Smaller text in the whole window."""
        self._step_text(-1)

    def usual_text(self) -> None:
        """Text as large as the desktop's."""
        theme().set_text_percent(100)
        self._chosen()

    def local_times(self) -> None:
        """Tell moments in the local zone."""
        self._show_utc(False)

    def utc_times(self) -> None:
        """Tell moments in UTC."""
        self._show_utc(True)

    def next_pane(self) -> None:
        """Go to the next pane."""
        self._window.panes.go(1)

    def previous_pane(self) -> None:
        """Go to the pane before."""
        self._window.panes.go(-1)

    def columns(self) -> None:
        """Offer the columns of the table on show."""
        columns = self._columns()
        if columns is not None:
            columns.open_menu()

    def reset_layout(self) -> None:
        """Columns and panes as at first."""
        self._window.arrangement.reset()

    def choices(self) -> set[str]:
        """The keys of the choices in force."""
        theme_key = THEME_KEYS[theme().mode]
        times_key = "utc_times" if formats.shows_utc() else "local_times"
        return {f"view.{key}" for key in (theme_key, f"{theme().density}_rows", times_key)}

    def _choose_theme(self, mode: Mode) -> None:
        theme().set_mode(mode)
        self._chosen()

    def _choose_density(self, density: Density) -> None:
        theme().set_density(density)
        self._chosen()

    def _step_text(self, steps: int) -> None:
        theme().step_text(steps)
        self._chosen()

    def _show_utc(self, is_utc: bool) -> None:
        formats.show_utc(is_utc)
        self._window.jobs.retell()
        if (journal := self._window.pages.if_made("journal")) is not None:
            journal.retell()
        self._chosen()

    def _chosen(self) -> None:
        self._window.arrangement.changed.emit()
        self._window.show_page(self._window.navigation.current)

    def _columns(self) -> Columns | None:
        table = self._window.panes.table()
        return table.columns if table is not None else None
