"""What the panel of alerts asks of the view of a connection, how each comes to know the other, and what is watched."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from jobdesk_core.alerts.alert import Alert
from jobdesk_core.alerts.book import RuleBook
from jobdesk_core.profiles import Profile, UnreadableProfiles

from jobdesk.connection.remedies import Way

if TYPE_CHECKING:
    from jobdesk.window.desk_view import DeskView
    from jobdesk.window.desks import Desks


def connect_alerts(view: DeskView) -> None:
    """Connect a view's panel and bell with it."""
    panel, bell = view.alerts, view.header.bell
    bell.clicked.connect(view.commands.alert.show)
    panel.count_changed.connect(bell.show_count)
    panel.closed.connect(lambda: bell.setChecked(False))
    panel.closed.connect(view.panes.go_back)
    panel.opened.connect(lambda: bell.setChecked(True))
    panel.remedy_asked_for.connect(lambda way, alert: _help(view, way, alert))
    panel.list.can_open = lambda name: view.commands.fleet.board.member(name) is not None
    panel.list.is_stale = lambda: view.session.desk is None or view.session.desk.state.mode == "stale"
    panel.rules.profiles = lambda: [profile.name for profile in _saved(view)]
    panel.rules.folders = lambda: sorted({profile.folder for profile in _saved(view) if profile.folder})
    panel.rules.names = lambda: _names(view)
    view.session.renamed.connect(panel.rename)
    for signal in (view.session.desk_changed, view.session.renamed):
        signal.connect(lambda *_: _show_database(view))
    view.above.changed.connect(lambda: _show_database(view))
    _show_database(view)


def is_watched(profile: Profile, book: RuleBook, desks: Desks) -> bool:
    """Whether a saved connection has a rule that is on. One that a tab is just opening is asked there alone."""
    if desks.board is not None and desks.board.member(profile.name) is None:
        opening = [window.view.session.profile for window in desks.windows if window.view.session.is_opening]
        if profile.name in [each.name for each in opening if each is not None]:
            return False
    return any(rule.is_on for rule in book.of(profile.name, profile.folder))


def _show_database(view: DeskView) -> None:
    is_open = view.session.desk is not None and not view.above.is_shown
    profile = view.session.profile if is_open else None
    view.alerts.show_database(profile.name if profile else "", profile.folder if profile else "")


def _saved(view: DeskView) -> list[Profile]:
    try:
        return view.session.store.all()
    except UnreadableProfiles:
        return []


def _names(view: DeskView) -> list[str]:
    desk = view.session.desk
    return [*desk.queue_names(), *desk.task_names()] if desk is not None else []


def show_place(desks: Desks, way: Way, alert: Alert, saved: Callable[[str], Profile | None]) -> None:
    """Show what the button of a notification names: in the tab of its database, a new one where there is none."""
    window = desks.show_profile(alert.database)
    desks.come()
    if window is not None and window.view.session.desk is not None:
        window.view.commands.help_with(way, alert.line)
    elif (profile := saved(alert.database)) is not None:
        jobs = alert.filter_text if way == "jobs" else ""
        desks.lead_to(profile, "" if jobs else way, jobs)


def _help(view: DeskView, way: Way, alert: Alert) -> None:
    """Do what a button of an alert says, in the tab of its database, a new one where there is none."""
    if alert.database == view.alerts.list.database:
        view.commands.help_with(way, alert.line)
    else:
        jobs = alert.filter_text if way == "jobs" else ""
        view.commands.fleet.open_one(alert.database, "" if jobs else way, jobs)
