"""Everything of one connection: places header, navigation, pages and footer, and passes on what concerns them."""

from __future__ import annotations

from collections.abc import Callable

from jobdesk_core.database.rows import JobRow
from jobdesk_core.feed.state import Changes, FeedState
from jobdesk_core.filters.language import JobFilter
from jobdesk_core.jobs import Status
from jobdesk_core.profiles import Profile
from jobdesk_core.troubles import Trouble, explain
from PySide6.QtCore import QTimer, Signal
from PySide6.QtGui import QHideEvent, QShowEvent
from PySide6.QtWidgets import QSizePolicy, QVBoxLayout, QWidget

from jobdesk.acting.control import Acting
from jobdesk.alerts.panel import AlertsPanel
from jobdesk.connection.desk import Desk
from jobdesk.connection.page import Page
from jobdesk.connection.session import Session
from jobdesk.connection.start import StartPage
from jobdesk.filtering.finding import Finding
from jobdesk.filtering.view_list import SideBar, ViewList
from jobdesk.jobs.page import JobsPage
from jobdesk.kit.actions import Actions
from jobdesk.kit.layouts import in_column, in_row
from jobdesk.kit.message_bar import MessageBar
from jobdesk.kit.navigation import Navigation
from jobdesk.kit.table import Table
from jobdesk.runtime.logs import fault
from jobdesk.window.above import Above
from jobdesk.window.actions import SPECS
from jobdesk.window.alerting import connect_alerts
from jobdesk.window.arrangement import Arrangement
from jobdesk.window.badges import show_badges
from jobdesk.window.commands import Commands
from jobdesk.window.footer import Footer
from jobdesk.window.freshness import Freshness
from jobdesk.window.header import EnvironmentStrip, Header
from jobdesk.window.page_factory import make_page
from jobdesk.window.pages import ABOVE, KEYS, WITHOUT_DESK, PageStack
from jobdesk.window.panes import Panes

#: Milliseconds between two refreshes of what only time or counts change.
TICK_MS = 1_000


class DeskView(QWidget):
    """Shows the session's desk, or how to open one. It has its own actions, which are heard while it is in sight.

    The window that holds it has the menu bar, and asks it before it ends.
    """

    state_shown = Signal()  # how the link of its desk is has changed

    def __init__(self, session: Session) -> None:
        super().__init__()
        self.session = session
        self.header = Header()
        self.strip = EnvironmentStrip()
        self.message = MessageBar()
        self.freshness = Freshness(self.message)
        self.start = StartPage(session)
        self.pages = PageStack(self._make_page)
        self.pages.addWidget(self.start)
        self.jobs = JobsPage()
        self.view_list = ViewList()
        self.finding = Finding(self, session, self.header.filter_bar, self.view_list, self.jobs)
        self.acting = Acting(self, session)
        self.banners = self.acting.banners
        self.panes = Panes(self, self.header)
        self.arrangement = Arrangement(self, self.jobs)
        self.alerts = AlertsPanel(self, self.header)
        self.commands = Commands(self, self.acting)
        self.all_actions = Actions(self, SPECS, self.commands.run)
        names = {key: self.all_actions[f"view.{key}"].text().replace("&", "") for key in KEYS}
        self.navigation = Navigation([(key, name, key) for key, name in names.items()], apart=ABOVE)
        self.navigation.choose("jobs")
        self.footer = Footer(self.commands.staged, self.all_actions["staged.show"], self.acting.chip)
        self.above = Above(self, self.strip, self.footer, self.commands.fleet)
        self._place()
        self._connect()
        self.show_page("jobs")
        self._show_desk()

    # What features ask

    @property
    def frame(self) -> QWidget:
        """What dialogs and menus belong to."""
        return self

    @property
    def page_key(self) -> str:
        """The key of the page on show."""
        return self.navigation.current

    def show_page(self, key: str) -> None:
        """Show a page."""
        self.navigation.choose(key)
        self._page_chosen(key)

    def selected_rows(self) -> list[JobRow]:
        """The jobs that actions act upon: those of the page on show, or else of the jobs page."""
        own = self.pages.get(self.page_key).selected_rows()
        return self.jobs.selected_rows() if own is None else own

    def selected_text(self) -> str:
        """The selected rows of the page on show, or else of the jobs page, as text with tabs between the cells."""
        own = self.pages.get(self.page_key).selected_text()
        return self.jobs.selected_text() if own is None else own

    def table(self) -> Table | None:
        """The table on show: the one that has the focus, or else the first; None where there is none."""
        return self.panes.table()

    def job_filter(self) -> JobFilter:
        """The filter of the jobs page."""
        return self.jobs.model.job_filter

    def ask_for(self, text: str) -> None:
        """Show the jobs of a filter."""
        self.finding.show_filter(text)

    def show_job(self, job_id: int) -> None:
        """Show one job."""
        self.finding.show_job(job_id)

    def reasons(self) -> dict[str, str | None]:
        """Why each action that is not possible now is not, by key."""
        return self.commands.reasons()

    def tell(self, sentence: str) -> None:
        """Say what was done."""
        self.message.show_good_news(sentence)

    def warn(self, sentence: str, remedy: str) -> None:
        """Say above the page what to be aware of, and what can be done about it."""
        self.message.show_message("warning", sentence, remedy)

    def fail(self, error: Exception) -> None:
        """Explain an error above the page, and note it in the log."""
        fault("Told in the window", error)
        self.show_trouble(explain(error))

    def show_trouble(self, trouble: Trouble) -> None:
        """Tell what went wrong above the page."""
        self.message.show_message("bad", trouble.sentence, trouble.remedy)

    def ask_to_end(self, end: Callable[[], object]) -> None:
        """End the program; when acts or exports run, or changes are staged, only if that is meant."""
        self.acting.before_end(lambda: self.commands.export.before_end(lambda: self.commands.staged.before_end(end)))

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._set_in_sight(True)

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        self._set_in_sight(False)

    def _set_in_sight(self, is_in_sight: bool) -> None:
        if self.session.desk is not None:
            self.session.desk.set_in_sight(is_in_sight)
        if is_in_sight:
            self._tick()

    # Placing

    def _place(self) -> None:
        right = in_column(self.message, self.banners, (self.pages, 1), margins=0, spacing=0)
        middle = in_row(SideBar(self.navigation, self.view_list), (right, 1), self.acting.panel, spacing=0)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        # What it would like to be wide makes the window no wider.
        self.header.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        column.addWidget(self.header)
        column.addLayout(middle, 1)
        column.addWidget(self.footer)
        self.alerts.set_below(self.footer)

    def _connect(self) -> None:
        self.navigation.chosen.connect(self._page_chosen)
        self.finding.changed.connect(self._update_actions)
        self.finding.trouble.connect(lambda sentence: self.message.show_message("bad", sentence, ""))
        self.pages.currentChanged.connect(self._page_changed)
        self.jobs.narrowing_asked_for.connect(self.finding.bar.narrow)
        self.jobs.reading.progressed.connect(self.finding.look_for_job)
        self.jobs.toolbar.order_asked_for.connect(self.finding.mark_current)
        self.navigation.chosen.connect(self.arrangement.tell)
        self.header.menu.aboutToShow.connect(self._fill_profiles)
        self.pages.made.connect(self._page_made)
        self.pages.add("jobs", self.jobs)
        self.start.choose_asked_for.connect(self.commands.connection.choose)
        self.start.demo_asked_for.connect(self.commands.demo.open)
        self.start.install_asked_for.connect(self.commands.connection.install)
        self.acting.staged.changed.connect(self._update_actions)
        self.acting.entry_asked_for.connect(self._show_entry)
        self.acting.panel.opened.connect(lambda: self.jobs.inspector.hide())
        self.acting.panel.closed.connect(lambda: self.jobs.inspector.show())
        self.session.before_close = self._before_close
        self.session.ask_password = self.commands.connection.ask_password
        self.session.ask_command = self.commands.connection.ask_command
        self.session.ask_ssh = self.commands.connection.ask_ssh
        connect_alerts(self)
        self.session.desk_changed.connect(self._show_desk)
        self.session.renamed.connect(self._show_renamed)
        self.session.opening.connect(self._show_opening)
        self.session.trouble.connect(self._show_session_trouble)
        self._clock = QTimer(self)
        self._clock.timeout.connect(self._tick)
        self._clock.start(TICK_MS)

    def _make_page(self, key: str) -> Page:
        return make_page(key, self.commands, self.acting, self.session.journal)

    def _page_made(self, page: Page) -> None:
        """Connect a new page with the window, put it as it is remembered, and show it the desk."""
        page.filter_asked_for.connect(self.ask_for)
        page.page_asked_for.connect(self.show_page)
        page.place_asked_for.connect(self.show_place)
        page.help_asked_for.connect(self.commands.help.show_topic)
        page.told.connect(self.tell)
        page.failed.connect(self.fail)
        page.selection_changed.connect(self._update_actions)
        page.footnote_changed.connect(self._show_footnote)
        page.set_actions(self.all_actions)
        for each in page.findChildren(QWidget):
            if noun := each.property("actions"):
                each.addActions([self.all_actions[key] for key in self.all_actions.of(noun)])
        self.arrangement.add(page)
        page.show_desk(self._open_desk())

    # Following the session

    def _show_desk(self) -> None:
        desk, shown = self.session.desk, self._open_desk()
        self.acting.follow_desk(desk)
        if desk is not None:
            self.message.clear()
            self.freshness.begin(desk.monitor, self.session.profile.name if self.session.profile is not None else "")
            desk.set_in_sight(self.isVisible())
            desk.adopted.connect(self.freshness.show_change)
            desk.access.changed.connect(self._update_actions)
            desk.changed.connect(self._apply)
            desk.state_changed.connect(self._show_state)
            desk.workers_changed.connect(self._workers_changed)
            desk.trouble.connect(self.fail)
        for page in self.pages.all_made():
            page.show_desk(shown)
        self.finding.show_desk()
        self.header.show_profile(self.session.profile)
        self.above.show_strip()
        self.header.show_state(shown.state if shown is not None else None)
        if desk is None:
            self.start.show_start()
        elif shown is None:
            self.start.show_no_schema(desk.capabilities)
        self._page_chosen(self.page_key)
        if shown is not None:
            self.jobs.table.setFocus()
        self._show_badges()
        self._show_footnote()

    def _show_renamed(self, old: str, new: str) -> None:
        self.finding.rename(old, new)
        self.commands.staged.rename(old, new)
        self.header.show_profile(self.session.profile)

    def _show_opening(self, profile: Profile) -> None:
        self.above.leave()
        self.header.show_profile(profile)
        self.start.show_opening(profile)

    def _show_session_trouble(self, trouble: Trouble, profile: Profile) -> None:
        if self.session.desk is None:
            self.start.show_trouble(trouble, profile)
        else:
            self.show_trouble(trouble)

    def _apply(self, changes: Changes) -> None:
        if changes.rows or changes.removed or changes.is_refresh:
            for page in self.pages.all_made():
                page.apply(changes)
            self._update_actions()

    def _show_state(self, state: FeedState) -> None:
        self.header.show_state(state)
        self.state_shown.emit()
        self.pages.show_stale(state.mode == "stale")
        self.freshness.show_state(state)
        self._show_footnote()

    def _workers_changed(self, _workers: object) -> None:
        self._show_badges()
        self._update_actions()

    def _tick(self) -> None:
        desk = self._open_desk()
        if self.isVisible() and self.above.is_shown:
            self.above.refresh()
            return
        if desk is None or not self.isVisible():
            return
        self.finding.tick()
        page = self.pages.get(self.page_key)
        page.refresh()
        # What is possible depends on the counts, and for a running job on its worker's heartbeat.
        if page is not self.jobs or any(row.status is Status.DOING for row in self.jobs.selected_rows()):
            self._update_actions()
        self.acting.chip.show_acts()  # the feed may have lost its link
        self._show_badges()
        self._show_footnote()

    def _show_badges(self) -> None:
        if not self.above.is_shown:
            show_badges(self.navigation, self._open_desk())
        self.above.show_numbers()

    def _show_footnote(self) -> None:
        if self.above.is_shown:
            return
        desk = self._open_desk()
        self.footer.show_desk(desk, self.pages.get(self.page_key).footnote() if desk is not None else None)

    def _open_desk(self) -> Desk | None:
        """The desk on show, when its database has the schema."""
        desk = self.session.desk
        return desk if desk is not None and desk.capabilities.has_schema else None

    # Following the operator

    def _page_changed(self) -> None:
        self.finding.bar.set_elsewhere(self.pages.currentWidget() is not self.jobs)

    def show_place(self, key: str, name: str) -> None:
        """Show a page, and what is to be looked at there by its name."""
        if key in KEYS:
            self.show_page(key)
            self.pages.get(key).look_at(name)

    def _show_entry(self, entry_id: int) -> None:
        from jobdesk.journal.page import JournalPage

        self.show_page("journal")
        self.pages.get_as("journal", JournalPage).choose(entry_id)

    def _before_close(self, desk: Desk | None, go_on: Callable[[], object]) -> None:
        """Close a connection; while acts or exports run on it, only once they have been stopped, if that is meant."""
        self.acting.before_close(desk, lambda: self.commands.export.before_close(desk, go_on))

    def _page_chosen(self, key: str) -> None:
        is_there = key in WITHOUT_DESK or self._open_desk() is not None
        self.pages.setCurrentWidget(self.pages.get(key) if is_there else self.start)
        self.above.page_chosen(key)
        self._show_footnote()
        self._update_actions()
        self._tick()

    def _update_actions(self) -> None:
        self.all_actions.update(self.commands.reasons(), self.commands.view.choices())

    def _fill_profiles(self) -> None:
        self.start.fill_menu(self.header.menu)
        self.header.menu.addSeparator()
        for key in ("connection.choose", "connection.reopen", "connection.close"):
            self.header.menu.addAction(self.all_actions[key])
