"""Reads what the failed jobs of a task have in common that the succeeded ones of the same range have not.

First all failed runs are read, then the succeeded ones, each newest first in short stretches of event ids. Where there
are very many, an even sample of the jobs is compared.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

from jobdesk_core.database.asking import Asking
from jobdesk_core.database.capabilities import Capabilities
from jobdesk_core.failures.comparing import FEWEST, Comparing
from jobdesk_core.failures.counting import BOUNDS
from jobdesk_core.failures.records import Common, Contrast, FailureGroup, Failures
from jobdesk_core.failures.runs import RunStretch, Sought, runs_of
from jobdesk_core.failures.stretches import Stretches
from jobdesk_core.failures.traits import ComparedRun
from jobdesk_core.filters.language import JobFilter, term
from jobdesk_core.reported.attempts import attempt
from jobdesk_core.reported.reading import known_workers

#: Of more jobs a sample is compared.
MOST_FAILED, MOST_SUCCEEDED = 4_000, 20_000
#: Workers that were heard of within so many seconds are known by their hosts.
_WORKERS_OF_S = 7 * 86_400.0
TOO_FEW, NONE_SUCCEEDED = "Too few to compare.", "No job succeeded: there is nothing to compare with."
NOTHING = "Nothing stands out."


class ContrastReader:
    """Reads once. Run `more` until its value `is_whole`; until then its findings are those so far.

    The group is one of these failures, of one task. Hours and weekdays are those of `zone`; values under keys that
    match `secret_pattern` (empty: the usual one) are never looked at. Raises as FailuresReader does.
    """

    def __init__(
        self,
        capabilities: Capabilities,
        failures: Failures,
        group: FailureGroup,
        *,
        job_filter: JobFilter | None = None,
        zone: dt.tzinfo = dt.UTC,
        secret_pattern: str = "",
    ) -> None:
        if group.task is None:
            raise ValueError("Only runs of one task are compared.")
        self._able = capabilities
        self._failures = failures
        self._group, self._task = group, group.task
        self._filter = job_filter or JobFilter.parse("")
        self._failed_filter = _of_error(self._filter, group)
        #: The hosts of the workers, by their numbers, as far as these were reported.
        self._hosts: dict[int, str] = {}
        self._comparing = Comparing(zone=zone, secret_pattern=secret_pattern)
        self._stretches: Stretches | None = None
        self._seen: set[int] = set()
        self._is_failed, self._is_whole = True, False
        self._highest = 0
        self._every_failed = _every(group.failed, MOST_FAILED)
        self._every = _every((group.runs or 0) - group.failed, MOST_SUCCEEDED)
        self._is_sample = self._every_failed > 1 or self._every > 1

    def more(self) -> Asking[Contrast]:
        """Read one stretch and tell what is known."""
        if self._stretches is None:
            bounds = yield BOUNDS
            self._highest = bounds.highest
            self._stretches = Stretches(bounds.highest)
            answer = yield from attempt(
                self._able.reported, "workers", lambda capabilities: known_workers(_WORKERS_OF_S)
            )
            self._hosts = {each.worker_id: each.host for each in answer.value or () if each.worker_id is not None}
        if not self._is_whole:
            yield from self._read(self._stretches)
        return self._contrast()

    def _read(self, stretches: Stretches) -> Asking[None]:
        since = self._failures.since
        every = self._every_failed if self._is_failed else self._every
        job_filter = self._failed_filter if self._is_failed else self._filter
        sought = Sought(self._task, job_filter, self._is_failed, since, self._failures.read_at, every)
        high = stretches.high
        found: RunStretch | None = None
        if high is not None:
            found = yield from stretches.timed(lambda low: runs_of(self._able, sought, low, high))
            stretches.high = found.below
            self._add(found.runs)
        is_past = (
            found is None
            or self._has_enough()
            or (since is not None and found.newest_at is not None and found.newest_at < since)
        )
        if not (is_past or stretches.high is None):
            return
        if self._is_failed and self._comparing.failed >= FEWEST:
            self._is_failed = False
            self._seen = set()
            self._stretches = Stretches(self._highest)
        else:
            self._is_whole = True

    def _has_enough(self) -> bool:
        """Whether there are far more than was known beforehand: then it is left with the newest."""
        comparing = self._comparing
        is_enough = (
            comparing.failed >= 2 * MOST_FAILED if self._is_failed else comparing.succeeded >= 2 * MOST_SUCCEEDED
        )
        self._is_sample = self._is_sample or is_enough
        return is_enough

    def _add(self, runs: tuple[ComparedRun, ...]) -> None:
        """Add the newest run of each job: its other ones would make of one job's values a pattern."""
        newest = {run.job_id: self._with_host(run) for run in reversed(runs) if run.job_id not in self._seen}
        self._seen.update(newest)
        if self._is_failed:
            self._comparing.add_failed(newest.values())
        else:
            self._comparing.add_succeeded(newest.values())

    def _with_host(self, run: ComparedRun) -> ComparedRun:
        host = self._hosts.get(run.worker) if run.worker is not None else None
        return run if host is None else replace(run, host=host)

    def _contrast(self) -> Contrast:
        comparing = self._comparing
        values: tuple[Common, ...] = ()
        slight: tuple[Common, ...] = ()
        note = ""
        if not self._is_failed and comparing.succeeded >= FEWEST:
            values, slight = comparing.found(is_whole=self._is_whole)
        if self._is_whole:
            note = NOTHING if not any(not each.trivial for each in values) else ""
            if comparing.failed < FEWEST or comparing.succeeded < FEWEST:
                note = TOO_FEW if comparing.failed < FEWEST or comparing.succeeded else NONE_SUCCEEDED
        return Contrast(
            self._task,
            self._group.error,
            comparing.failed,
            comparing.succeeded,
            self._is_sample,
            tuple(map(self._with_filter, values)),
            tuple(map(self._with_filter, slight)),
            note,
            self._is_whole,
        )

    def _with_filter(self, common: Common) -> Common:
        """The finding with the filter that also asks for what the group's does."""
        if common.filter is None or self._group.filter is None:
            return common
        return replace(common, filter=f"{self._group.filter} {common.filter}")


def _of_error(job_filter: JobFilter, group: FailureGroup) -> JobFilter:
    """The filter that is also met only by jobs of the group's error."""
    if group.error is None and not group.is_unreported:
        return job_filter
    wanted = "error:none" if group.error is None else term("error", group.error.fingerprint)
    return JobFilter.parse(f"({job_filter.text}) {wanted}" if job_filter.text else wanted)


def _every(number: int, most: int) -> int:
    return max(1, -(-number // most))
