"""Settling what nobody knows: whether a transaction was committed whose answer was lost, or whose program was killed.

The server is asked for the transaction by its mark. Where it cannot say (another timeline, a restored or renewed
server, one that has crashed since, a transaction of long ago) the rows do: what the transaction's jobs are like
decides. Otherwise it stays unknown, with the reason.
"""

from __future__ import annotations

import asyncio
import contextlib
import time

from jobdesk_core.database.marks import Runner, Server, fate_of, read_server
from jobdesk_core.exceptions import ConnectorException
from jobdesk_core.journal.evidence import by_events, by_rows
from jobdesk_core.journal.journal import Journal
from jobdesk_core.journal.record import Chunk, Verdict

#: While a link comes back: how long it is waited for, and how often it is tried, in seconds.
PATIENCE_S, PAUSE_S = 10.0, 0.25
#: What is written of a job of which it will never be known.
CANNOT_KNOW = "Whether this was done cannot be known, because {reason}."


async def settle(journal: Journal, run: Runner, place: str) -> int:
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


async def settle_entry(journal: Journal, run: Runner, entry_id: int, patience_s: float | None = None) -> Verdict | None:
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


async def _settle_one(journal: Journal, run: Runner, server: Server, chunk: Chunk) -> Verdict | None:
    """What has become of it, written down; None when that is not certain yet."""
    if server.is_standby:
        return None
    verdict: Verdict | None = None
    reason, crashed_at = "this server is not the one that it was sent to, or was restored since", ""
    if server.keeps(chunk.server, chunk.mark):
        fate = await fate_of(run, server, chunk.mark)
        if fate == "in progress":
            return None
        reason = "the server does not remember a transaction of so long ago"
        if fate == "aborted":
            verdict = "left"
        elif fate == "committed" and server.has_crashed_since(chunk.mark):
            reason = "the server has crashed since, and may have given this transaction's number to another one"
            crashed_at = server.since
            verdict = await by_events(run, chunk.mark, crashed_at) if crashed_at else None
        elif fate == "committed":
            verdict = "done"
    if verdict is None:
        verdict = await by_rows(journal, run, chunk, crashed_at)
    sentence = CANNOT_KNOW.format(reason=f"{reason}, and its job does not tell")
    await journal.settle(chunk, verdict or "unknown", sentence)
    return verdict or "unknown"
