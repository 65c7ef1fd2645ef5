"""Reads what stands beside the list for the selected group: its newest jobs and the newest traceback of them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass

from jobdesk_core.database.limited import StatementTooLong
from jobdesk_core.database.rows import JobRow
from jobdesk_core.exceptions import CapabilityMissing
from jobdesk_core.failures.contrast import ContrastReader
from jobdesk_core.failures.records import Contrast, FailureGroup, Failures
from jobdesk_core.filters.language import FilterError, JobFilter, term
from jobdesk_core.moments import zone_told
from jobdesk_core.operations.steps import run_async
from jobdesk_core.reading.pages import JobPages, Order, PageKey
from jobdesk_core.reported.attempts import attempt
from jobdesk_core.reported.detection import detect
from jobdesk_core.reported.reading import errors_of
from jobdesk_core.reported.records import Error

from jobdesk.connection.desk import Desk
from jobdesk.failures.aside import run_aside
from jobdesk.failures.side import MOST_JOBS, FailedJob

#: Stretches of ids that are looked through for a group's jobs.
MOST_STRETCHES = 40
#: The part of the time in which nothing is asked between two stretches, and the seconds between two showings.
REST, SHOWN_S = 0.5, 0.3


@dataclass(frozen=True, slots=True)
class Newest:
    """The newest jobs of a group that are still failed, and their newest error, or why none is known."""

    jobs: tuple[FailedJob, ...]
    error: Error | None
    refusal: str


async def newest_of(desk: Desk, group: FailureGroup) -> Newest:
    """Read them in short stretches. Raises ConnectorException."""
    jobs = await _jobs(desk, group) if group.still_failed and group.filter is not None else []
    error, refusal = await _error(desk, group, [job.id for job in jobs])
    return Newest(tuple(jobs), error, refusal)


def compared(group: FailureGroup) -> FailureGroup | None:
    """The group whose jobs can be compared: one task's; of a group of one task that one. None for several tasks."""
    if group.task is not None:
        return group
    tasks = {child.task for child in group.children}
    return group.children[0] if len(group.children) == 1 and None not in tasks else None


async def contrast_of(
    desk: Desk, found: Failures, group: FailureGroup, queue: str | None, show: Callable[[Contrast], object]
) -> None:
    """Compare a group's failed jobs with the succeeded ones of its task, and show it as it goes on.

    Raises as the reading of failures does.
    """
    reader = ContrastReader(
        desk.capabilities,
        found,
        group,
        job_filter=JobFilter.parse(term("queue", queue)) if queue is not None else None,
        zone=zone_told(),
        secret_pattern=desk.profile.hidden_keys,
    )
    shown_at = 0.0
    while True:
        started = time.monotonic()
        contrast = await run_aside(reader.more(), desk)
        if contrast.is_whole or time.monotonic() - shown_at >= SHOWN_S:
            shown_at = time.monotonic()
            show(contrast)
        if contrast.is_whole:
            return
        await asyncio.sleep((time.monotonic() - started) * REST)


async def _jobs(desk: Desk, group: FailureGroup) -> list[FailedJob]:
    assert group.filter is not None
    try:
        job_filter = JobFilter.parse(group.filter)
    except FilterError:
        return []
    monitor = desk.monitor
    pages = JobPages(desk.connector, desk.capabilities, limit_s=monitor.limit_s)
    rows: list[JobRow] = []
    after: PageKey | None = None
    for _ in range(MOST_STRETCHES):
        try:
            page = await pages.read(job_filter, Order.NEWEST, after=after, limit=MOST_JOBS - len(rows))
        except (StatementTooLong, CapabilityMissing):
            break
        rows += page.rows
        after = page.next_key
        if page.is_last or len(rows) >= MOST_JOBS:
            break
    times = await monitor.times([row.id for row in rows])
    found = []
    for row in rows:
        known = times.get(row.id)
        at = known.ended_at if known is not None else None
        if known is not None and at is not None:
            found.append(FailedJob(row.id, at, known.duration_s, row.worker_id))
    return found


async def _error(desk: Desk, group: FailureGroup, job_ids: list[int]) -> tuple[Error | None, str]:
    reported = await desk.connector.run_async(detect())
    if (refusal := reported.refusal("errors")) is not None:
        return None, refusal
    steps = attempt(reported, "errors", lambda known: errors_of(known, job_ids))
    answer = await run_async(steps, desk.connector, limit_s=desk.monitor.limit_s)
    if answer.value is None:
        return None, answer.refusal or ""
    wanted = group.error.fingerprint if group.error is not None else None
    fitting = [each for each in answer.value if wanted is None or each.fingerprint == wanted]
    with_text = [each for each in fitting if each.traceback]
    newest = max(with_text or fitting, key=lambda each: each.at, default=None)
    return newest, ""
