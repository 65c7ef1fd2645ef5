"""Removes unresponsive workers and writes that down."""

from __future__ import annotations

from jobdesk_core.connectors.psycopg import PsycopgConnector
from jobdesk_core.database.capabilities import Capabilities
from jobdesk_core.journal.journal import Journal
from jobdesk_core.journal.keeping import OnTrouble, kept
from jobdesk_core.journal.record import DONE, PRUNE, Header, Record
from jobdesk_core.operations.workers import pruning
from jobdesk_core.profiles import Profile

#: Workers named one by one.
NAMED = 100


async def prune_kept(
    connector: PsycopgConnector,
    capabilities: Capabilities,
    profile: Profile,
    journal: Journal,
    *,
    on_trouble: OnTrouble,
) -> list[int]:
    """Remove the workers that are unresponsive now, and write it down; their ids. Raises CapabilityMissing."""
    statement = pruning(capabilities)
    header = Header(
        action=PRUNE,
        sentence="Prune the unresponsive workers",
        profile=profile.name,
        place=profile.display_dsn,
        role=capabilities.role,
        sql=statement.sql,
    )
    async with kept(journal, header, on_trouble) as keeping:
        found = await connector.run_async(statement)
        # One record for all of them: a record's number is a job's.
        keeping.records = [Record(0, DONE, _sentence(sorted(found)))] if found else []
    return found


def _sentence(worker_ids: list[int]) -> str:
    names = ", ".join(f"#{worker_id:,}" for worker_id in worker_ids[:NAMED])
    more = f" and {len(worker_ids) - NAMED:,} more" if len(worker_ids) > NAMED else ""
    return f"Removed worker {names}." if len(worker_ids) == 1 else f"Removed workers {names}{more}."
