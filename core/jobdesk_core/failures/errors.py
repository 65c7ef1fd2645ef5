"""Divides groups by the errors that workers have reported: read newest first, in pages, up to a bound.

What a worker reported is beside Procrastinate's tables and may differ from them: a worker that reports no errors, a
report that was dropped, a clock. So the events count, and what no error tells of is "not reported".
"""

from __future__ import annotations

import datetime as dt
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from jobdesk_core.connectors.statement import Statement
from jobdesk_core.database.capabilities import Capabilities
from jobdesk_core.database.rows import jobs_table
from jobdesk_core.failures.records import ErrorKind, FailureGroup
from jobdesk_core.failures.shape import is_rising
from jobdesk_core.failures.tally import BACK_AFTER, Frame, in_order
from jobdesk_core.filters.language import JobFilter
from jobdesk_core.filters.syntax import term
from jobdesk_core.reported.records import Error

#: Errors read of one range, at most, and kinds that are looked for in what is older.
MOST_ERRORS, MOST_KINDS = 50_000, 200
#: Outcomes of runs that end in the events of a failed run.
_FAILED = ("failed", "retried")


def jobs_of(capabilities: Capabilities, job_filter: JobFilter, ids: Sequence[int]) -> Statement[dict[int, bool]]:
    """Those of these jobs that are there and meet the filter, and whether each is failed now."""
    condition, parameters = job_filter.condition(capabilities)
    return Statement(
        f"SELECT job.id, job.status = 'failed' AS is_failed FROM {jobs_table(capabilities)} "
        f"WHERE job.id = ANY (%(asked)s::bigint[]) AND ({condition})",
        lambda rows: {row["id"]: row["is_failed"] for row in rows},
        {**parameters, "asked": list(ids)},
    )


@dataclass(frozen=True, slots=True)
class Before:
    """When errors were last reported before a range, by fingerprint, and the first of all (UTC); None without any."""

    last: Mapping[str, dt.datetime]
    first_of_all: dt.datetime | None


def before(fingerprints: Sequence[str], since: dt.datetime) -> Statement[Before]:
    """Look for errors of these kinds before a time."""
    return Statement(
        "SELECT asked.fingerprint, (SELECT max(error.at) FROM jobdesk.errors AS error WHERE error.fingerprint = "
        "asked.fingerprint AND error.at < %(since)s::timestamptz) AS last, "
        "(SELECT min(at) FROM jobdesk.errors) AS first_of_all "
        "FROM unnest(ARRAY[NULL] || %(asked)s::text[]) AS asked (fingerprint)",
        lambda rows: Before(
            {row["fingerprint"]: row["last"] for row in rows if row["last"] is not None}, rows[0]["first_of_all"]
        ),
        {"asked": list(fingerprints[:MOST_KINDS]), "since": since},
    )


@dataclass(slots=True)
class _Found:
    """The errors of one kind in a task."""

    kind: ErrorKind
    first: dt.datetime
    last: dt.datetime
    failed: int = 0
    still_failed: int = 0
    trend: Counter[int] = field(default_factory=Counter)


class Errors:
    """What has been read of the errors of a range, newest first."""

    def __init__(self, frame: Frame) -> None:
        self._frame = frame
        self._found: dict[str, dict[str, _Found]] = defaultdict(dict)
        self._seen: set[int] = set()
        self._before: Before | None = None
        self.count = 0

    def add(self, errors: Iterable[Error], jobs: Mapping[int, bool]) -> None:
        """Add errors, those of jobs that are not among `jobs` left out."""
        window = self._frame.window
        for error in errors:
            if error.outcome not in _FAILED or error.job_id not in jobs:
                continue
            kind = ErrorKind(error.fingerprint, error.type, error.message)
            found = self._found[error.task].setdefault(error.fingerprint, _Found(kind, error.at, error.at))
            place = int((error.at.timestamp() - window.start) // window.bucket_s)
            found.trend[min(max(place, 0), self._frame.buckets - 1)] += 1
            found.failed += 1
            found.first, found.last = min(found.first, error.at), max(found.last, error.at)
            # The latest error of a job that is failed now is the one that it failed with.
            if error.job_id not in self._seen and jobs[error.job_id]:
                found.still_failed += 1
            self._seen.add(error.job_id)
            self.count += 1

    @property
    def fingerprints(self) -> list[str]:
        """The kinds that there are, most frequent first."""
        total: Counter[str] = Counter()
        for kinds in self._found.values():
            total.update({fingerprint: found.failed for fingerprint, found in kinds.items()})
        return [fingerprint for fingerprint, _ in total.most_common()]

    def know_before(self, known: Before) -> None:
        """Take what is known of the time before the range."""
        self._before = known

    # Groups

    def divided(self, group: FailureGroup) -> FailureGroup:
        """A task's group with its errors as children; as it is when none was reported."""
        kinds = self._found.get(group.task or "")
        if not kinds or group.task is None:
            return group
        children = [self._child(group, found) for found in kinds.values()]
        rest = group.failed - sum(child.failed for child in children)
        if rest > 0:
            children.append(self._unreported(group, rest, children))
        only = children[0].error if len(children) == 1 else None
        return replace(group, error=only, children=in_order(children))

    def by_error(self, groups: Iterable[FailureGroup]) -> tuple[FailureGroup, ...]:
        """Groups of errors, with their tasks as children, from the groups of tasks."""
        parts: dict[str | None, list[FailureGroup]] = defaultdict(list)
        for group in map(self.divided, groups):
            for child in group.children or (group,):
                parts[child.error.fingerprint if child.error is not None else None].append(child)
        return in_order(map(_together, parts.values()))

    def _child(self, group: FailureGroup, found: _Found) -> FailureGroup:
        trend = tuple(found.trend[place] for place in range(self._frame.buckets))
        first, last = found.first, found.last
        new_since, back_after = self._since_when(found.kind.fingerprint, first)
        wanted = term("error", found.kind.fingerprint)
        return replace(
            group,
            error=found.kind,
            failed=found.failed,
            usual=None,
            trend=trend,
            first=first,
            last=last,
            still_failed=found.still_failed,
            new_since=new_since,
            back_after=back_after,
            is_rising=is_rising(trend),
            filter=f"{group.filter} {wanted}",
            children=(),
        )

    def _unreported(self, group: FailureGroup, rest: int, children: Sequence[FailureGroup]) -> FailureGroup:
        """What no error tells of: its times are those of the columns that it must be in."""
        told = [sum(each) for each in zip(*(child.trend for child in children), strict=True)]
        trend = tuple(max(0, whole - part) for whole, part in zip(group.trend, told, strict=True))
        places = [place for place, number in enumerate(trend) if number] or [0, len(trend) - 1]
        window = self._frame.window
        start, end = (
            dt.datetime.fromtimestamp(window.start + place * window.bucket_s, dt.UTC)
            for place in (places[0], places[-1] + 1)
        )
        still = group.still_failed - sum(child.still_failed for child in children)
        return replace(
            group,
            error=None,
            failed=rest,
            usual=None,
            trend=trend,
            first=max(group.first, start),
            last=min(group.last, end),
            still_failed=max(0, still),
            new_since=None,
            back_after=None,
            is_rising=False,
            filter=f"{group.filter} error:none",
            children=(),
            is_unreported=True,
        )

    def _since_when(self, fingerprint: str, first: dt.datetime) -> tuple[dt.datetime | None, dt.timedelta | None]:
        known, length = self._before, self._frame.length
        if known is None or length is None or self._frame.since is None:
            return None, None
        last = known.last.get(fingerprint)
        if last is not None:
            return None, first - last if first - last >= max(BACK_AFTER, length) else None
        reaches_back = known.first_of_all is not None and self._frame.since - known.first_of_all >= min(
            BACK_AFTER, length
        )
        return first if reaches_back else None, None


def _together(children: Sequence[FailureGroup]) -> FailureGroup:
    """The group of an error, from those of its tasks."""
    trend = tuple(map(sum, zip(*(child.trend for child in children), strict=True)))
    first_of, tasks = children[0], {child.task for child in children}
    new = [child.new_since for child in children]
    back = [child.back_after for child in children if child.back_after is not None]
    return replace(
        first_of,
        task=first_of.task if len(tasks) == 1 else None,
        failed=sum(child.failed for child in children),
        runs=first_of.runs if len(tasks) == 1 else None,
        usual=None,
        trend=trend,
        first=min(child.first for child in children),
        last=max(child.last for child in children),
        still_failed=sum(child.still_failed for child in children),
        new_since=min(each for each in new if each is not None) if None not in new and first_of.error else None,
        back_after=min(back) if len(back) == len(children) and first_of.error else None,
        is_rising=is_rising(trend),
        filter=first_of.filter if len(tasks) == 1 else _without_task(first_of),
        children=in_order(children) if len(tasks) > 1 else (),
    )


def _without_task(group: FailureGroup) -> str | None:
    """The filter of a group of several tasks."""
    if group.filter is None or group.task is None:
        return None
    return group.filter.replace(f" {term('task', group.task)}", "", 1)
