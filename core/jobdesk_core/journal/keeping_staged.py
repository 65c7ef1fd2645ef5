"""Writes staged changes into the journal: an entry for each, so that each can be undone, with all of its jobs."""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace

from jobdesk_core.connectors.psycopg import PsycopgConnector
from jobdesk_core.database.capabilities import Capabilities
from jobdesk_core.exceptions import cause_text
from jobdesk_core.journal.journal import Journal
from jobdesk_core.journal.keeping import UNKNOWN, OnTrouble, defer_header_of, header_of, kept, record_of
from jobdesk_core.journal.record import Header, Record
from jobdesk_core.operations import (
    NotApplied,
    Plan,
    Progress,
    Staged,
    StagedResult,
    apply_staged,
    run_async,
)
from jobdesk_core.profiles import Profile

NOT_APPLIED = "Nothing was changed: the staged changes were rolled back."


async def apply_staged_kept(
    staged: Sequence[Staged],
    connector: PsycopgConnector,
    capabilities: Capabilities,
    profile: Profile,
    journal: Journal,
    *,
    on_trouble: OnTrouble,
    on_progress: Callable[[Progress], Awaitable[bool]] | None = None,
) -> StagedResult:
    """Carry staged changes out in one transaction and write them down; the result tells, too, when it rolled back."""
    async with contextlib.AsyncExitStack() as stack:
        keepings = []
        for position, each in enumerate(staged, 1):
            header = _header(each, capabilities, profile, f"{position} of {len(staged)} staged together")
            keeping = await stack.enter_async_context(kept(journal, header, on_trouble))
            # What is known when the answer to the commit never comes.
            keeping.records = (Record(job_id, "unknown", UNKNOWN) for job_id in each.ids())
            keepings.append(keeping)
        steps = apply_staged(staged, capabilities, is_read_only=profile.is_read_only)
        try:
            result = await run_async(steps, connector, is_one_transaction=True, on_progress=on_progress)
        except NotApplied as error:
            result = error.result
        for keeping, part in zip(keepings, result.parts, strict=True):
            keeping.records = (record_of(entry) for entry in part.entries())
            if not result.is_applied:
                keeping.error = cause_text(result.error) if result.error is not None else NOT_APPLIED
    return result


def _header(staged: Staged, capabilities: Capabilities, profile: Profile, place: str) -> Header:
    content = staged.content
    if isinstance(content, Plan):
        header = header_of(content, profile)
    else:
        header = defer_header_of(content, capabilities, profile)
    return replace(header, sentence=f"{header.sentence} ({place})")
