"""Reads the failures of a range: newest first, in short stretches of event ids, each answer with all that is known.

Nothing is indexed by time, task or kind, so the events are read by their ids, from the newest one down, and no
statement reads more of them than takes a fraction of a second. First the range; then, for what was usual, four times
its length before; then older events, for as long as some task of the range is not known to have failed before.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

from jobdesk_core.connectors.statement import Statement
from jobdesk_core.database.asking import Asking
from jobdesk_core.database.capabilities import Capabilities
from jobdesk_core.database.reported import Reported
from jobdesk_core.failures.counting import BOUNDS, Bounds, Window, count, earlier, first_events
from jobdesk_core.failures.errors import MOST_ERRORS, Errors, before, jobs_of
from jobdesk_core.failures.records import By, FailureGroup, Failures, Range
from jobdesk_core.failures.stretches import Stretches
from jobdesk_core.failures.tally import Frame, Tally, in_order
from jobdesk_core.filters.language import JobFilter
from jobdesk_core.reported.attempts import attempt
from jobdesk_core.reported.reading import PAGE, errors_of_runs
from jobdesk_core.reported.records import Error

#: What was usual is read from so many lengths of the range before it, and from so many events at most.
USUAL_LENGTHS, USUAL_EVENTS = 4, 3_000_000
#: The widths of buckets of all that there is, and how many of them there may be.
_WIDTHS_S = (30, 60, 300, 1_800, 3_600, 10_800, 86_400, 7 * 86_400, 30 * 86_400, 365 * 86_400)
MOST_BUCKETS = 64
#: The year 1001, in seconds since 1970: before what any clock tells.
_THE_BEGINNING = dt.datetime(1001, 1, 1, tzinfo=dt.UTC)
_ALL_TIME = -3.0578e10


class FailuresReader:
    """Reads once. Run `more` until its value `is_whole`; each value tells all that is counted by then.

    A filter narrows it to the jobs that meet it now. Raises as a filter's reading does: CapabilityMissing,
    StatementTooLong, ConnectorException.
    """

    def __init__(
        self,
        capabilities: Capabilities,
        wanted: Range,
        *,
        job_filter: JobFilter | None = None,
        by: By = By.TASK,
    ) -> None:
        self._able = capabilities
        self._range = wanted
        self._filter = job_filter or JobFilter.parse("")
        # A filter that cannot be answered says so, also where there is nothing to count.
        self._filter.condition(capabilities)
        self._by = by
        self._tally: Tally | None = None
        self._stretches = Stretches(0)
        self._usual_from = 0
        self._read_back_to: dt.datetime | None = None
        self._errors: Errors | None = None
        self._next_errors: tuple[dt.datetime, int] | None = None
        self._unreported = ""
        self._is_counted = self._are_errors_known = self._is_usual_known = self._is_whole = False

    def more(self) -> Asking[Failures]:
        """Read one stretch and tell what is known."""
        if self._tally is None:
            bounds = yield BOUNDS
            self._begin(bounds)
        assert self._tally is not None
        if not self._is_counted:
            yield from self._count(self._frame.window.start)
        elif not self._are_errors_known:
            yield from self._read_errors()
        elif not self._is_usual_known:
            yield from self._count(self._frame.window.oldest)
        elif not self._is_whole:
            yield from self._look_earlier(self._tally)
        return self._failures(self._tally)

    def _failures(self, tally: Tally) -> Failures:
        is_counted, is_whole = (part and self._are_errors_known for part in (self._is_counted, self._is_whole))
        found = tally.failures(is_counted=is_counted, is_whole=is_whole, read_back_to=self._read_back_to)
        groups = found.groups
        if self._by is By.ERROR:
            groups = (self._errors or Errors(self._frame)).by_error(groups)
        elif self._errors is not None:
            groups = tuple(map(self._errors.divided, groups))
        if not is_counted:
            # What is older is not there yet: nothing rises from that, and nothing bursts.
            groups, found = in_order(map(_calm, groups)), replace(found, bursts=())
        return replace(found, groups=groups, unreported=self._unreported)

    def _begin(self, bounds: Bounds) -> None:
        self._frame = frame(bounds, self._range, self._by, self._filter.text)
        self._tally = Tally(self._frame)
        self._stretches = Stretches(bounds.highest)
        self._lowest_at = bounds.first_at
        self._are_errors_known = self._by is By.WORKER
        if not bounds.highest:
            self._is_counted = self._are_errors_known = self._is_usual_known = self._is_whole = True

    # What workers report

    def _read_errors(self) -> Asking[None]:
        """Read one page of reported errors, or that there are none to be read."""
        reported, frame = self._able.reported, self._frame
        errors = self._errors = self._errors or Errors(frame)
        since = frame.since or _THE_BEGINNING

        def page(capabilities: Reported) -> Statement[list[Error]]:
            until = frame.read_at + dt.timedelta(seconds=1)
            return errors_of_runs(capabilities, since, until, before=self._next_errors, limit=PAGE)

        answer = yield from attempt(reported, "errors", page)
        found = answer.value or []
        if found:
            jobs = yield jobs_of(self._able, self._filter, sorted({error.job_id for error in found}))
            errors.add(found, jobs)
            self._next_errors = found[-1].at, found[-1].id
        if len(found) >= PAGE and errors.count < MOST_ERRORS:
            return
        self._are_errors_known = True
        if frame.since is not None and errors.count:
            past = yield from attempt(reported, "errors", lambda capabilities: before(errors.fingerprints, since))
            if past.value is not None:
                errors.know_before(past.value)
        if answer.refusal is not None:
            self._unreported = answer.refusal
        elif len(found) >= PAGE:
            self._unreported = f"Only the newest {errors.count:,} reported errors were read."
        elif not errors.count:
            self._unreported = "No worker has reported an error of these runs."

    # The range, and the time before

    def _count(self, oldest: float) -> Asking[None]:
        """Count one stretch. With one that has nothing from `oldest` on, this part is done."""
        high = self._stretches.high
        assert self._tally is not None and high is not None
        window = self._frame.window
        stretch = yield from self._stretches.timed(lambda low: count(self._able, self._filter, low, high, window))
        self._tally.add(stretch.counted)
        self._stretches.high = stretch.below
        if stretch.edge_at is not None:
            self._read_back_to = stretch.edge_at
        is_past = stretch.newest_at is not None and stretch.newest_at.timestamp() < oldest
        if self._stretches.high is None:
            self._is_counted = self._is_usual_known = True
        elif not self._is_counted:
            self._is_counted = is_past
            self._usual_from = self._stretches.high
        else:
            self._is_usual_known = is_past or self._usual_from - self._stretches.high > USUAL_EVENTS
        if self._is_usual_known or (self._is_counted and self._frame.since is None):
            self._is_usual_known = True
            yield from self._end_if_known()

    # What is older

    def _look_earlier(self, tally: Tally) -> Asking[None]:
        high = self._stretches.high
        assert high is not None
        failing, new = tally.never_failed, tally.never_ran
        found = yield from self._stretches.timed(lambda low: earlier(self._able, low, high, failing, new))
        for task, at in found.last_failed.items():
            tally.failed_earlier(task, at)
        tally.ran_earlier(found.ran)
        self._stretches.high = found.below
        yield from self._end_if_known()

    def _end_if_known(self) -> Asking[None]:
        """It is whole when nothing is left to be looked for, or nowhere to look."""
        tally = self._tally
        assert tally is not None
        if self._frame.since is None:
            self._is_whole = True
        elif self._stretches.high is None or not (tally.never_failed or tally.never_ran):
            if self._stretches.high is None:
                tally.reaches_back_to = self._lowest_at
            new = tally.new_names()
            if new:
                at = yield first_events(list(new.values()), ("started",))
                tally.first_events = {name: at[job] for name, job in new.items() if job in at}
            self._is_whole = True


def _calm(group: FailureGroup) -> FailureGroup:
    return replace(group, is_rising=False, children=in_order(map(_calm, group.children)))


def frame(bounds: Bounds, wanted: Range, by: By, filter_text: str) -> Frame:
    """What to count: the range begins at a whole bucket, so that its numbers do not change with every second."""
    now = bounds.read_at.timestamp()
    if wanted.seconds is None or wanted.bucket_s is None:
        first = min(now, bounds.first_at.timestamp()) if bounds.first_at is not None else now
        bucket_s = next((width for width in _WIDTHS_S if (now - first) / width < MOST_BUCKETS - 1), _WIDTHS_S[-1])
        # Of what is far older than that no time line is made: its first bucket holds it.
        start = max(first, now - (MOST_BUCKETS - 1) * bucket_s) // bucket_s * bucket_s
        return Frame(bounds.read_at, None, Window(start, bucket_s, _ALL_TIME), by, filter_text)
    start = (now - wanted.seconds) // wanted.bucket_s * wanted.bucket_s
    window = Window(start, wanted.bucket_s, start - USUAL_LENGTHS * wanted.seconds)
    return Frame(bounds.read_at, dt.datetime.fromtimestamp(start, dt.UTC), window, by, filter_text)
