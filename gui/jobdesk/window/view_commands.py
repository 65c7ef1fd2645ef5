"""What the window shows."""

from __future__ import annotations

from functools import partial

from jobdesk.connection.command_group import CommandGroup, Reasons
from jobdesk.connection.desk import Desk
from jobdesk.kit import formats
from jobdesk.kit.action_spec import Needs, Spec
from jobdesk.kit.columns import Columns
from jobdesk.kit.theme import Density, Mode, theme
from jobdesk.window.pages import PAGES
from jobdesk.window.shown import Shown

#: The key of the choice that puts each mode in force.
THEME_KEYS: dict[Mode, str] = {
    "system": "theme_of_system",
    "light": "light_theme",
    "dark": "dark_theme",
    "contrast-light": "light_contrast",
    "contrast-dark": "dark_contrast",
}


def _show(key: str, view: ViewCommands) -> None:
    view.show_page(key)


class ViewCommands(CommandGroup):
    """Pages, filter, theme and how things are laid out."""

    _window: Shown

    def _reasons(self) -> Reasons:
        has_columns = self._columns() is not None
        return {"columns": None if has_columns else self.tr("No table here has columns to choose.")}

    def _reasons_on(self, desk: Desk) -> Reasons:
        is_filtered = bool(self._window.job_filter().tokens)
        return {"index": None if is_filtered else self.tr("Type a filter first.")}

    def show_page(self, key: str) -> None:
        """Show a page."""
        self._window.show_page(key)

    def go_on(self, steps: int) -> None:
        """Go to the next pane, or to the one before."""
        self._window.panes.go(steps)

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
            for page in self._window.pages.all_made():
                page.read_again()

    def index(self) -> None:
        """Show which index would make the filter fast."""
        self._window.jobs.advise_index()

    def theme(self) -> None:
        """Change between light and dark; high contrast stays."""
        tokens = theme().tokens
        if tokens.is_high_contrast:
            self.choose_theme("contrast-light" if tokens.is_dark else "contrast-dark")
        else:
            self.choose_theme("light" if tokens.is_dark else "dark")

    def usual_text(self) -> None:
        """Text as large as the desktop's."""
        theme().set_text_percent(100)
        self._chosen()

    def columns(self) -> None:
        """Offer the columns of the table on show."""
        columns = self._columns()
        if columns is not None:
            columns.open_menu()

    def reset_layout(self) -> None:
        """Columns and panes as at first."""
        self._window.arrangement.reset()

    specs = (
        *(Spec(f"view.{page.key}", page.text, "view", partial(_show, page.key), page.key, page.keys) for page in PAGES),
        Spec("view.filter", "&Filter", "view", filter, "search", "Ctrl+F", starts_group=True),
        Spec(
            "view.palette",
            "&Commands…",
            "view",
            palette,
            "more",
            "Ctrl+K",
            "Go to any page, action, saved view, connection or job",
        ),
        Spec("view.refresh", "&Refresh", "view", refresh, "refresh", "F5", "Read everything shown again", Needs.DESK),
        Spec(
            "view.index",
            "Suggest an &index…",
            "view",
            index,
            tip="Show which index would make this filter fast",
            needs=Needs.DESK,
        ),
        Spec("view.next_pane", "Next &pane", "view", lambda view: view.go_on(1), shortcut="F6", starts_group=True),
        Spec("view.previous_pane", "Previous pane", "view", lambda view: view.go_on(-1), shortcut="Shift+F6"),
        Spec("view.columns", "Colu&mns…", "view", columns, "columns", tip="Choose which columns the table shows"),
        Spec(
            "view.reset_layout",
            "Reset to def&aults",
            "view",
            reset_layout,
            tip="Restore the default order and widths of columns and panes",
        ),
        Spec("view.theme", "&Light or dark", "view", theme, shortcut="Ctrl+Shift+D", starts_group=True),
        Spec(
            "view.theme_of_system",
            "Theme of the &system",
            "view",
            lambda view: view.choose_theme("system"),
            submenu="theme",
            is_choice=True,
        ),
        Spec(
            "view.light_theme",
            "&Light theme",
            "view",
            lambda view: view.choose_theme("light"),
            submenu="theme",
            is_choice=True,
        ),
        Spec(
            "view.dark_theme",
            "&Dark theme",
            "view",
            lambda view: view.choose_theme("dark"),
            submenu="theme",
            is_choice=True,
        ),
        Spec(
            "view.light_contrast",
            "&High contrast, light",
            "view",
            lambda view: view.choose_theme("contrast-light"),
            submenu="theme",
            is_choice=True,
        ),
        Spec(
            "view.dark_contrast",
            "High &contrast, dark",
            "view",
            lambda view: view.choose_theme("contrast-dark"),
            submenu="theme",
            is_choice=True,
        ),
        Spec(
            "view.compact_rows",
            "&Compact rows",
            "view",
            lambda view: view.choose_density("compact"),
            submenu="density",
            is_choice=True,
        ),
        Spec(
            "view.comfortable_rows",
            "Co&mfortable rows",
            "view",
            lambda view: view.choose_density("comfortable"),
            submenu="density",
            is_choice=True,
        ),
        Spec(
            "view.larger_text",
            "&Larger text",
            "view",
            lambda view: view.step_text(1),
            shortcut="Ctrl++",
            submenu="text",
        ),
        Spec(
            "view.smaller_text",
            "&Smaller text",
            "view",
            lambda view: view.step_text(-1),
            shortcut="Ctrl+-",
            submenu="text",
        ),
        Spec("view.usual_text", "&Usual text size", "view", usual_text, shortcut="Ctrl+0", submenu="text"),
        Spec(
            "view.local_times",
            "&Local times",
            "view",
            lambda view: view.show_utc(False),
            submenu="times",
            is_choice=True,
        ),
        Spec(
            "view.utc_times", "Times in &UTC", "view", lambda view: view.show_utc(True), submenu="times", is_choice=True
        ),
    )

    def choices(self) -> set[str]:
        """The keys of the choices in force."""
        theme_key = THEME_KEYS[theme().mode]
        times_key = "utc_times" if formats.shows_utc() else "local_times"
        return {f"view.{key}" for key in (theme_key, f"{theme().density}_rows", times_key)}

    def choose_theme(self, mode: Mode) -> None:
        """Light, dark or high contrast, whatever the system is; or as the system is."""
        theme().set_mode(mode)
        self._chosen()

    def choose_density(self, density: Density) -> None:
        """Many rows of tables in sight, or rows with more room."""
        theme().set_density(density)
        self._chosen()

    def step_text(self, steps: int) -> None:
        """Larger or smaller text in the whole window."""
        theme().step_text(steps)
        self._chosen()

    def show_utc(self, is_utc: bool) -> None:
        """Tell moments in UTC, or in the local zone."""
        formats.show_utc(is_utc)
        for page in self._window.pages.all_made():
            page.retell()
        self._chosen()

    def _chosen(self) -> None:
        self._window.arrangement.tell()
        self._window.show_page(self._window.page_key)

    def _columns(self) -> Columns | None:
        table = self._window.panes.table()
        return table.columns if table is not None else None
