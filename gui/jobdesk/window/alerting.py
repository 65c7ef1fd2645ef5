"""What the panel of alerts asks of the view of a connection, how each comes to know the other, and what is watched."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jobdesk_core.alerts.alert import Alert
from jobdesk_core.alerts.book import RuleBook
from jobdesk_core.filters.language import JobFilter
from jobdesk_core.operations import Action
from jobdesk_core.profiles import Profile, UnreadableProfiles

from jobdesk.acting.opening import matching_target, open_preflight
from jobdesk.window.pages import KEYS

if TYPE_CHECKING:
    from jobdesk.window.desk_view import DeskView
    from jobdesk.window.desks import Desks

#: The page that a remedy leads to.
_PAGES = {
    "defer": "schedules",
    "workers": "workers",
    "failures": "failures",
    "schedules": "schedules",
    "locks": "locks",
}


def connect_alerts(view: DeskView) -> None:
    """Connect a view's panel and bell with it."""
    panel, bell = view.alerts, view.header.bell
    bell.clicked.connect(view.commands.alert.show)
    panel.count_changed.connect(bell.show_count)
    panel.closed.connect(lambda: bell.setChecked(False))
    panel.closed.connect(view.panes.go_back)
    panel.opened.connect(lambda: bell.setChecked(True))
    panel.help_asked_for.connect(lambda alert: _help(view, alert))
    panel.jobs_asked_for.connect(lambda alert: _show_jobs(view, alert))
    panel.list.can_open = lambda name: view.commands.fleet.board.member(name) is not None
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


def _is_on_show(view: DeskView, alert: Alert) -> bool:
    return alert.database == view.alerts.list.database


def _show_jobs(view: DeskView, alert: Alert) -> None:
    """In the tab of the alert's database, a new one where there is none."""
    if _is_on_show(view, alert):
        view.ask_for(alert.filter_text)
    else:
        view.commands.fleet.open_one(alert.database, "", alert.filter_text)


def _help(view: DeskView, alert: Alert) -> None:
    """Do what an alert's first button says: an act shows what it would do first."""
    desk = view.session.desk
    if not _is_on_show(view, alert):
        view.commands.fleet.open_one(alert.database, _PAGES.get(alert.remedy, "queues"), "")
        return
    if desk is None:
        return
    if alert.remedy == "rescue":
        view.commands.job.rescue_matching(alert.filter_text)
    elif alert.remedy == "retry":
        open_preflight(view.acting, desk, Action.RETRY, [matching_target(JobFilter.parse(alert.filter_text))])
    else:
        key = _PAGES.get(alert.remedy, "queues")
        view.show_page(key if key in KEYS else "overview")
