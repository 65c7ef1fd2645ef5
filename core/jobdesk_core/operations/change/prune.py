"""Removes workers that have been unresponsive for long, by the schema's own function."""

from __future__ import annotations

from jobdesk_core.connectors.statement import Statement
from jobdesk_core.database import workers
from jobdesk_core.database.capabilities import Capabilities
from jobdesk_core.database.rows import STALLED_AFTER_S
from jobdesk_core.operations.change.rules import READ_ONLY


def pruning(capabilities: Capabilities) -> Statement[list[int]]:
    """Remove the workers whose heartbeat is older than STALLED_AFTER_S seconds; their ids. Raises CapabilityMissing.

    Their running jobs stay as they are, without a worker: they count as stalled, to be rescued or marked as failed.
    """
    return workers.prune_stalled_workers(capabilities, STALLED_AFTER_S)


def pruning_refusal(capabilities: Capabilities, *, is_read_only: bool) -> str | None:
    """Why no worker can be pruned here, or None."""
    if is_read_only:
        return READ_ONLY
    if capabilities.is_standby:
        return "This server is a read-only standby."
    if not capabilities.has_workers:
        return f"Procrastinate {capabilities.release} keeps no record of its workers; releases from 3.1 on do."
    return None
