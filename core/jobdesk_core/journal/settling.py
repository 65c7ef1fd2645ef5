"""Settling what nobody knows: whether a transaction was committed whose answer was lost, or whose program was killed.

The server is asked for the transaction by its mark. Where it cannot say (another timeline, a restored or renewed
server, a transaction of long ago) the rows do: what one of the transaction's jobs is like decides for all. Otherwise it
stays unknown, with the reason.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Sequence

from jobdesk_core.connectors.statement import Statement
from jobdesk_core.database.marks import Run, Server, read_server
from jobdesk_core.exceptions import ConnectorException
from jobdesk_core.journal.journal import Journal
from jobdesk_core.journal.record import PRUNE, STAGED, UNDO, Chunk, Record, Verdict

#: While a link comes back: how long it is waited for, and how often it is tried, in seconds.
PATIENCE_S, PAUSE_S = 10.0, 0.25
#: What is written of a job of which it will never be known.
CANNOT_KNOW = "Whether this was done cannot be known, because {reason}."


async def settle(journal: Journal, run: Run, place: str) -> int:
    """Settle all that this connection, which leads to `place`, can tell of; how many transactions were.

    To be called when a connection is opened, when a lost one is back, and before the next act. Raises
    ConnectorException, and JournalTrouble.
    """
    await journal.close_dead()
    chunks = await journal.in_doubt()
    if not chunks:
        return 0
    server = await read_server(run)
    ours = [chunk for chunk in chunks if _is_here(chunk, server, place)]
    return sum([await _settle_one(journal, run, server, chunk) is not None for chunk in ours])


async def settle_entry(journal: Journal, run: Run, entry_id: int, patience_s: float | None = None) -> Verdict | None:
    """What has become of an entry's transaction that was not answered; None while the server does not say.

    Waits until the link is back, so many seconds at most (PATIENCE_S). Raises JournalTrouble.
    """
    until = time.monotonic() + (PATIENCE_S if patience_s is None else patience_s)
    while True:
        with contextlib.suppress(ConnectorException, TimeoutError):  # not back yet
            async with asyncio.timeout(max(until - time.monotonic(), PAUSE_S)):
                server = await read_server(run)
                verdicts = [await _settle_one(journal, run, server, each) for each in await journal.in_doubt(entry_id)]
                if None not in verdicts:
                    return verdicts[-1] if verdicts else None
        if time.monotonic() >= until:
            return None
        await asyncio.sleep(PAUSE_S)


def _is_here(chunk: Chunk, server: Server, place: str) -> bool:
    """Whether a transaction was of this database. One of a renewed server is known by the place that it was of."""
    return bool(server.system and chunk.server == server.name) or chunk.header.place == place


async def _settle_one(journal: Journal, run: Run, server: Server, chunk: Chunk) -> Verdict | None:
    """What has become of it, written down; None when that is not certain yet."""
    if server.is_standby:
        return None
    verdict: Verdict | None = None
    reason = "this server is not the one that it was sent to, or was restored since"
    if server.keeps(chunk.server, chunk.mark):
        try:
            fate = await run(server.fate(chunk.mark))
        except ConnectorException as error:
            if error.sqlstate is None:
                raise
            fate = "unknown"  # in the future: this server has never had it
        if fate == "in progress":
            return None
        verdict = {"committed": "done", "aborted": "left"}.get(fate)  # type: ignore[assignment]
        reason = "the server does not remember a transaction of so long ago"
    if verdict is None:
        verdict = await _by_rows(run, chunk)
    sentence = CANNOT_KNOW.format(reason=f"{reason}, and its job does not tell")
    await journal.settle(chunk, verdict or "unknown", sentence)
    return verdict or "unknown"


async def _by_rows(run: Run, chunk: Chunk) -> Verdict | None:
    """What the jobs tell: one transaction has changed all of them, or none."""
    ids = [record.new_id or record.job_id for record in chunk.records]
    rows = await run(_rows([number for number in ids if number]))
    found = {_told(chunk, record, rows.get(number)) for record, number in zip(chunk.records, ids, strict=True)}
    found.discard(None)
    return found.pop() if len(found) == 1 else None


def _told(chunk: Chunk, record: Record, row: dict[str, object] | None) -> Verdict | None:
    """What one job tells of its transaction; None: nothing."""
    header, before = chunk.header, record.before
    action = before.get("act", "") if header.action == STAGED else header.action
    set_to = before.get("set_to", {}) if header.action == STAGED else header.set_to
    if action in (PRUNE, UNDO) and record.new_id is None:
        return None
    if action in ("delete", "purge"):
        # Only we delete a job that waits; whoever purges ended ones may have been another.
        return "left" if row is not None else "done" if action == "delete" else None
    if action == "defer" or record.new_id is not None:
        return None if row is None else "done"
    if row is None:
        return None
    if action == "cancel":
        return {"cancelled": "done", "todo": "left"}.get(str(row["status"]))  # type: ignore[return-value]
    if action == "reprioritise" and row["priority"] in (set_to.get("priority"), before.get("priority")):
        return "done" if row["priority"] == set_to.get("priority") else "left"
    if action in ("retry", "rescue") and isinstance(row["attempts"], int):
        attempts = before.get("attempts")
        return "left" if row["attempts"] == attempts and row["status"] == before.get("status") else None
    return None


def _rows(ids: Sequence[int]) -> Statement[dict[int, dict[str, object]]]:
    return Statement(
        "SELECT job.id, job.status::text AS status, to_jsonb(job) -> 'priority' AS priority, job.attempts "
        "FROM procrastinate_jobs AS job WHERE job.id = ANY (%(ids)s::bigint[])",
        lambda rows: {row["id"]: row for row in rows},
        {"ids": list(ids)},
    )
