"""The ranges of time that the overview can show, and how they are called."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection

from jobdesk_core import durations
from jobdesk_core.filters.language import term
from jobdesk_core.watching.live_hour import OUTCOMES, Kind
from jobdesk_core.watching.spans import Span
from PySide6.QtCore import QCoreApplication

from jobdesk.kit import formats
from jobdesk.kit.chart.scales import span_text

#: Minutes of the ranges that have a button.
USUAL, DAY = 60, 1_440
MINUTES = (15, USUAL, 360, DAY, 10_080)
#: The filters of what is due, scheduled for later, and running; and of those that run without a living worker.
SCHEDULED, RUNNING, STALLED = "is:scheduled", "status:doing", "is:stalled"
ENDINGS = tuple(kind.value for kind in OUTCOMES)


def short_name(minutes: int) -> str:
    """A range in a button, and in a column's head: 15 min, 1 h, 7 d."""
    return _tr("24 h") if minutes == DAY else durations.in_words(60 * minutes)


def last_name(minutes: int) -> str:
    """The same in words: last hour, last 6 h."""
    return _tr("last hour") if minutes == USUAL else _tr("last {time}").format(time=short_name(minutes))


def recorded_words(span: Span) -> str:
    """How much of the range is known, and since when anything is; empty when all of it is."""
    known, minutes, since = span.whole.recorded, span.minutes, span.recorded_since
    if known >= minutes:
        return ""
    if not known and since is None:
        return _tr("nothing recorded yet")
    if minutes <= 3 * USUAL:
        parts = [_tr("{count} of {all} min recorded").format(count=known, all=minutes)]
    else:
        parts = [_tr("{time} of {all} recorded").format(time=durations.in_words(60 * known), all=short_name(minutes))]
    if since is not None and since > span.whole.first:
        there = formats.here(dt.datetime.fromtimestamp(60 * since, dt.UTC))
        words = _tr("recorded since {time}")
        parts = [parts[0], words.format(time=f"{there.day} {there:%b} {there:%H:%M}")]
    return " · ".join(parts)


def filled_words(span: Span) -> str:
    """How much of it was filled in from the events that were still there, so that its numbers are at least so many."""
    filled = span.whole.filled
    return _tr("{time} filled in").format(time=durations.in_words(60 * filled)) if filled else ""


def bounds_words(span: Span) -> str:
    """From when to when it is."""
    return span_text(span.whole.first, span.whole.end)


def difference_words(runs: int, jobs: int) -> str:
    """Why other than so many jobs are behind so many runs; empty when there is nothing to be said."""
    if jobs < runs:
        words = _tr("{runs} runs were counted, {jobs} jobs are listed: the others were tried again or deleted since.")
    elif jobs > runs:
        words = _tr("{runs} runs were counted, {jobs} jobs are listed: not all of this time was recorded.")
    else:
        return ""
    return words.format(runs=formats.number(runs), jobs=formats.number(jobs))


def jobs_filter(
    first: int,
    end: int,
    statuses: Collection[str] = ENDINGS,
    kind: Kind | None = None,
    names: Collection[str] = (),
    *,
    is_without: bool = False,
) -> str:
    """The filter of the jobs whose last run ended in these minutes, with these outcomes, of these names or without."""
    low, high = _minute(first), _minute(end - 1)
    parts = [f"ended:{low}" if low == high else f"ended:{low}..{high}"]
    parts.append(f"status:{','.join(each for each in ENDINGS if each in statuses)}")
    if kind is not None and names:
        values = ",".join(term(kind, name).removeprefix(f"{kind}:") for name in names)
        parts.append(f"{'-' if is_without else ''}{kind}:{values}")
    return " ".join(parts)


def _minute(minute: int) -> str:
    """A minute as the filter has it: in the local zone, or in UTC where times are told so."""
    at = dt.datetime.fromtimestamp(60 * minute, dt.UTC)
    if formats.shows_utc():
        return f"{at:%Y-%m-%dT%H:%MZ}"
    there = at.astimezone()
    is_twice = there.replace(tzinfo=None, fold=0).astimezone() != there.replace(tzinfo=None, fold=1).astimezone()
    offset = there.strftime("%z")
    return f"{there:%Y-%m-%dT%H:%M}" + (f"{offset[:3]}:{offset[3:]}" if is_twice else "")


def _tr(text: str) -> str:
    return QCoreApplication.translate("Overview", text)
