"""The numbers beside the names of the pages: failures of the last hour, schedules not on time, workers alive, queues.

They are empty until they have been read.
"""

from __future__ import annotations

from jobdesk_core.feed.counts import Counts
from jobdesk_core.jobs import EventType
from jobdesk_core.number import exact, so_far
from PySide6.QtCore import QCoreApplication

from jobdesk.connection.desk import Desk
from jobdesk.kit import formats
from jobdesk.kit.navigation import Navigation
from jobdesk.kit.theme.tokens import Tone


def show_badges(navigation: Navigation, desk: Desk | None) -> None:
    """Show what the desk knows now; without a desk, nothing."""
    navigation.set_badge("failures", _failures(desk))
    navigation.set_badge("schedules", *_schedules(desk))
    navigation.set_badge("workers", *_workers(desk))
    navigation.set_badge("health", *_health(desk))
    counts = desk.monitor.counts if desk is not None else None
    is_counted = counts is not None and counts.as_of is not None
    navigation.set_badge("queues", _names(counts, len(counts.queues())) if counts and is_counted else "")
    navigation.set_badge("tasks", _names(counts, len(counts.tasks())) if counts and is_counted else "")


def _names(counts: Counts, names: int) -> str:
    return formats.count_cell(counts.number(names))[0]


def _failures(desk: Desk | None) -> str:
    """How many runs have failed in the last hour, as far as that has been read."""
    if desk is None or desk.monitor.moment is None:
        return ""
    now, series = desk.monitor.now(), desk.monitor.series
    failed = sum(series.total(kind, now) for kind in (EventType.FAILED, EventType.DEFERRED_FOR_RETRY))
    number = exact(failed) if series.is_whole else so_far(failed)
    return formats.count_cell(number)[0] if failed else ""


def _schedules(desk: Desk | None) -> tuple[str, Tone]:
    """How many schedules are not on time, as last read; one that was missed is worse than one that is late."""
    found = desk.monitor.schedules.last if desk is not None else None
    if found is None or not found.late:
        return "", "secondary"
    is_bad = any(each.state == "missed" for each in found.late)
    return formats.number(len(found.late)), "bad" if is_bad else "warning"


def _workers(desk: Desk | None) -> tuple[str, Tone]:
    if desk is None or not desk.capabilities.has_workers or desk.monitor.moment is None:
        return "", "secondary"
    live, known = len(desk.live_worker_ids), len(desk.workers)
    if live < known:
        return _tr("{live} of {all}").format(live=formats.number(live), all=formats.number(known)), "bad"
    if not live:
        jobs = desk.monitor.moment.open.all
        return _tr("none"), "bad" if jobs.due or jobs.running else "secondary"
    return formats.number(live), "secondary"


def _health(desk: Desk | None) -> tuple[str, Tone]:
    """How many things are to be done about what the Health page has read; nothing before that."""
    number = desk.advised if desk is not None else 0
    return (formats.number(number) if number else ""), "warning"


def _tr(text: str) -> str:
    return QCoreApplication.translate("Badges", text)
