"""Entries of the journal, written as whoever acts writes them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from jobdesk_core.journal import Header, Journal, Record
from jobdesk_core.journal.record import Planned
from jobdesk_core.operations.outcomes import Outcomes


async def write(journal: Journal, header: Header, records: Iterable[Record] = ()) -> int:
    """The number of an entry of an act that is over."""
    return await asyncio.to_thread(write_now, journal, header, records)


def write_now(journal: Journal, header: Header, records: Iterable[Record] = ()) -> int:
    """The same, where no loop runs."""
    entry_id = journal.begin_now(header, Planned())
    journal.finish_now(entry_id, "", [outcomes_of(record) for record in records])
    return entry_id


def outcomes_of(record: Record) -> Outcomes:
    """What an act tells of the job of a record."""
    return Outcomes([record.job_id], record.outcome, [record.sentence], record.before, new_ids=[record.new_id])
