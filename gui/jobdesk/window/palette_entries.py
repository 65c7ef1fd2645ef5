"""What the command palette reaches: actions and pages, connections, saved views, a job by its number, a filter."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from jobdesk_core.filters.language import FilterError, JobFilter
from jobdesk_core.profiles import UnreadableProfiles
from PySide6.QtCore import QCoreApplication
from PySide6.QtGui import QKeySequence

from jobdesk.kit import formats
from jobdesk.kit.action_spec import translated
from jobdesk.kit.fuzzy import fit
from jobdesk.window.menus import MENUS
from jobdesk.window.shown import Shown

MOST_SHOWN = 150
_NUMBER = re.compile(r"#?([0-9][0-9,]{0,24})")
_BIGGEST = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that can be reached. `hint` is its shortcut or kind, `reason` why it is not possible now."""

    key: str
    text: str
    hint: str
    run: Callable[[], object]
    reason: str | None = None


def entries(window: Shown) -> list[Entry]:
    """Everything that can be reached whatever is typed."""
    return [*_views(window), *_actions(window), *_connections(window)]


def best(typed: str, held: Sequence[Entry], recent: Sequence[str]) -> list[Entry]:
    """Those that fit what is typed, the best first; of those that fit alike the most recently chosen first."""
    rank = {key: place for place, key in enumerate(recent)}
    fits = [(fit(typed, entry.text), entry) for entry in held]
    found = [(-score, rank.get(entry.key, len(rank)), entry) for score, entry in fits if score is not None]
    return [entry for *_, entry in sorted(found, key=lambda each: each[:2])][:MOST_SHOWN]


def typed_entries(window: Shown, typed: str) -> tuple[list[Entry], list[Entry]]:
    """What the text itself means: a job's number, to show first, and a filter, to show last."""
    text = typed.strip()
    number = _NUMBER.fullmatch(text)
    job_id = int(number[1].replace(",", "")) if number else 0
    reason = window.reasons().get("saved_view.save")
    first = []
    if 0 < job_id <= _BIGGEST:
        name = _tr("Show job {job}").format(job=formats.job_number(job_id))
        first = [Entry("job", name, _tr("job"), lambda: window.finding.show_job(job_id), reason)]
    if not text or number or not _is_filter(text):
        return first, []
    name = _tr("Filter jobs by {filter}").format(filter=text)
    return first, [Entry("filter", name, _tr("filter"), lambda: window.finding.show_filter(text), reason)]


def _is_filter(text: str) -> bool:
    try:
        JobFilter.parse(text)
    except FilterError:
        return False
    return True


def _actions(window: Shown) -> Iterator[Entry]:
    reasons = window.reasons()
    for spec in window.all_actions.specs:
        if spec.key != "view.palette":
            keys = QKeySequence(spec.shortcut).toString(QKeySequence.SequenceFormat.NativeText)
            text = translated(spec.name or spec.text).replace("&", "").removesuffix("…")
            menu = translated(MENUS[spec.menu]).replace("&", "")
            hint = f"{menu} · {keys}" if keys else menu
            yield Entry(spec.key, text, hint, window.all_actions[spec.key].trigger, reasons.get(spec.key))


def _connections(window: Shown) -> Iterator[Entry]:
    try:
        profiles = window.session.store.all()
    except UnreadableProfiles:
        return  # the dialog of connections says why
    for profile in profiles:
        text = _tr("Connect to {name}").format(name=profile.name)
        hint = profile.environment or _tr("connection")
        yield Entry(f"profile:{profile.name}", text, hint, partial(window.session.open, profile))


def _views(window: Shown) -> Iterator[Entry]:
    for place, view in enumerate(window.finding.views):
        hint = f"Alt+{place + 1}" if place < 9 else _tr("saved view")
        yield Entry(f"saved_view:{view.name}", view.name, hint, partial(window.finding.open_view, view))


def _tr(text: str) -> str:
    return QCoreApplication.translate("Palette", text)
