"""How failures are told: the cells of a group, and the sentences of the page."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection

from jobdesk_core import durations
from jobdesk_core.failures.records import By, Common, ErrorKind, FailureGroup, Failures, Range
from PySide6.QtCore import QCoreApplication

from jobdesk.failures.rows import Only, count, knows_errors
from jobdesk.kit import formats
from jobdesk.kit.theme.tokens import Tone
from jobdesk.kit.values_model import Title

#: Characters of a message or a name that are told in one line.
LONGEST = 300
KEYS = ("first", "second", "failed", "share", "trend", "since", "last", "still")


def _tr(text: str) -> str:
    return QCoreApplication.translate("FailuresPage", text)


def by_words() -> dict[By, str]:
    """What failures are grouped by, as the choice says it."""
    return {By.TASK: _tr("Task"), By.ERROR: _tr("Error"), By.WORKER: _tr("Worker")}


def range_words() -> dict[Range, str]:
    """The ranges, as the choice says them."""
    return {
        Range.QUARTER_HOUR: _tr("15 min"),
        Range.HOUR: _tr("1 h"),
        Range.SIX_HOURS: _tr("6 h"),
        Range.DAY: _tr("24 h"),
        Range.WEEK: _tr("7 d"),
        Range.ALL: _tr("all"),
    }


def last_words(span: Range) -> str:
    """The range as the head of a column: `last hour`."""
    return {
        Range.QUARTER_HOUR: _tr("last 15 min"),
        Range.HOUR: _tr("last hour"),
        Range.SIX_HOURS: _tr("last 6 h"),
        Range.DAY: _tr("last 24 h"),
        Range.WEEK: _tr("last 7 d"),
        Range.ALL: _tr("over time"),
    }[span]


def in_words(span: Range) -> str:
    """The range within a sentence: `in the last hour`."""
    if span is Range.ALL:
        return _tr("in all that the database holds")
    return _tr("in the {range}").format(range=last_words(span))


def titles(by: By, span: Range, *, is_reported: bool = True) -> list[Title]:
    """The heads of the columns, in the order of KEYS."""
    first, second = {
        By.TASK: (_tr("task"), _tr("error")),
        By.ERROR: (_tr("error"), _tr("task")),
        By.WORKER: (_tr("worker"), _tr("task")),
    }[by]
    # A moment of another day is told with its day.
    moment = "12-28 22:35" if span in (Range.DAY, Range.WEEK, Range.ALL) else "22:35:41"
    # Where no error is known, the tasks have the room.
    widths = (190, 158) if is_reported or by is not By.TASK else (280, 60)
    return [
        Title(first, widths[0], is_right=False),
        Title(second, widths[1], is_right=False),
        Title(_tr("failed"), 66),
        Title(_tr("of runs"), 70, sample="100 %"),
        Title(last_words(span), 84, is_right=False),
        # Wide, so that it gives way before an error has too little room.
        Title(_tr("first"), 112, sample=moment),
        Title(_tr("last"), 76, sample=moment),
        Title(_tr("still failed"), 84),
    ]


def percent(share: float | None) -> str:
    """A share as a percentage: never 0 % of something, nor 100 % of less than all."""
    if share is None:
        return formats.DASH
    value = 100 * share
    if 0 < value < 0.1:
        return "<0.1 %"
    if value < 10:
        return f"{value:.1f}".removesuffix(".0") + " %"
    return f"{min(99, round(value)) if value < 100 else 100} %"


def error_parts(error: ErrorKind) -> tuple[str, str]:
    """The type without its module, and the message in one line."""
    return error.type.rpartition(".")[2] or error.type, " ".join(error.message[:LONGEST].split())


def not_reported(found: Failures) -> str:
    """What stands where an error would: that none is known."""
    return _tr("not reported by this worker") if knows_errors(found) else formats.DASH


def worker_words(worker: int | None) -> str:
    """A worker's number; that it is not known."""
    return _tr("worker not known") if worker is None else f"#{worker}"


def kinds_of(group: FailureGroup) -> str:
    """Of how many kinds a group's errors are, and how many are of the commonest."""
    known = [child for child in group.children if child.error is not None]
    if not known:
        return ""
    most = max(known, key=lambda child: child.failed)
    of_all = _tr("{count} of {all}").format(count=formats.number(most.failed), all=formats.number(group.failed))
    return _tr("{of_all}, {count} kinds").format(of_all=of_all, count=formats.number(len(group.children)))


def mark_of(group: FailureGroup) -> str:
    """That a group is new or has come back, for a cell; empty when it is neither."""
    if group.new_since is not None:
        return _tr("new")
    return _tr("back") if group.back_after is not None else ""


def mark_sentence(group: FailureGroup) -> str:
    """Since when it fails, when that is news; empty when it is none."""
    if group.new_since is not None:
        return _tr("New since {time}: it has not failed before.").format(time=formats.local(group.new_since))
    if group.back_after is not None:
        return _tr("Back after {time} without a failure.").format(time=durations.roughly(group.back_after))
    return ""


def share_sentence(group: FailureGroup) -> str:
    """What share of the runs failed, and how much is usual; empty when neither is known."""
    if group.share is None or group.runs is None:
        return ""
    runs = _tr("1 run") if group.runs == 1 else _tr("{count} runs").format(count=formats.number(group.runs))
    share = _tr("{share} of {runs}").format(share=percent(group.share), runs=runs)
    if group.usual is None:
        return share
    return _tr("{share}, usually {usual}").format(share=share, usual=percent(group.usual))


def counts_sentence(found: Failures) -> str:
    """How much the list holds."""
    one, more = _tr("1 failure"), _tr("{count} failures").format(count=formats.number(found.failed))
    groups = len(found.groups)
    in_groups = _tr("in 1 group") if groups == 1 else _tr("in {count} groups").format(count=formats.number(groups))
    still = found.still_failed
    one_job, jobs = _tr("1 job still failed"), _tr("{count} jobs still failed").format(count=formats.number(still))
    text = f"{one if found.failed == 1 else more} {in_groups}, {one_job if still == 1 else jobs}"
    return text if found.is_counted else _tr("{counts}, so far").format(counts=text)


def reading_sentence(found: Failures, *, is_reading: bool) -> str:
    """What of the list is still to come; empty when it is whole."""
    if not found.is_counted:
        if found.read_back_to is None:
            return _tr("reading …")
        text = _tr("counted back to {time}, reading on …") if is_reading else _tr("counted back to {time}")
        return text.format(time=formats.local(found.read_back_to))
    return "" if found.is_whole or not is_reading else _tr("looking for what is usual and what is new …")


def note_words(found: Failures | None, problem: str, *, is_stale: bool, is_reading: bool) -> tuple[str, Tone]:
    """What the toolbar says of the list, and its tone."""
    if is_stale and found is not None:
        as_of = _tr("as of {time}: the link to the database is lost").format(time=formats.local(found.read_at))
        return as_of, "warning"
    if problem:
        return problem, "warning"
    if found is None:
        return "", "secondary"
    parts = [counts_sentence(found)] if found.failed else []
    if found.unreported and knows_errors(found):
        parts.append(found.unreported)
    if reading := reading_sentence(found, is_reading=is_reading):
        parts.append(reading)
    return " · ".join(parts), "secondary"


def only_words(found: Failures, chosen: Collection[Only], today: dt.date) -> dict[Only, str]:
    """What the list can be narrowed to, with how many groups that leaves; nothing that would leave none."""
    names = {
        Only.NEW: _tr("new today {count}"),
        Only.RISING: _tr("rising {count}"),
        Only.STILL_FAILED: _tr("still failed {count}"),
        Only.NOT_REPORTED: _tr("not reported {count}"),
    }
    counts = {each: count(found, each, today) for each in names}
    return {
        each: text.format(count=formats.number(counts[each]))
        for each, text in names.items()
        if (counts[each] or each in chosen) and not (each is Only.NOT_REPORTED and not knows_errors(found))
    }


def nothing_failed(found: Failures, span: Range) -> tuple[str, str]:
    """That nothing has failed in a range, and of how many runs."""
    runs = _tr("1 run.") if found.runs == 1 else _tr("{count} runs.").format(count=formats.number(found.runs))
    return _tr("No failures {range}").format(range=in_words(span)), runs


def bucket_words(seconds: int) -> str:
    """How the chart calls one of its buckets."""
    if seconds == 60:
        return _tr("Failures per minute")
    if seconds == 3_600:
        return _tr("Failures per hour")
    if seconds == 86_400:
        return _tr("Failures per day")
    return _tr("Failures per {time}").format(time=durations.in_words(seconds))


def ratio_words(common: Common) -> str:
    """How many times as frequent among the failed: 18.6×; only when no succeeded one has it."""
    if common.ratio == float("inf"):
        return _tr("only failed")
    return f"{common.ratio:.1f}×" if common.ratio < 100 else f"{common.ratio:,.0f}×"


def when_filter(start: dt.datetime, end: dt.datetime) -> str:
    """The condition on jobs that ended within this time."""
    first, last = (f"{at.astimezone(dt.UTC):%Y-%m-%dT%H:%M:%S}Z" for at in (start, end))
    return f"ended:>={first} ended:<{last}"
