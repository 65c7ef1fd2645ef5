"""Locks and queueing locks: who holds them, who waits and for how long, and what blocks them.

Read from the partial index of the open jobs, the oldest first, never from the whole table: what is looked at
and what is listed is limited, and the answer says where it stopped.
"""

from __future__ import annotations

import datetime as dt
import enum
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from jobdesk_core.connectors.psycopg import PsycopgConnector
from jobdesk_core.connectors.statement import Row, Rows, Statement
from jobdesk_core.database.asking import Asking
from jobdesk_core.database.capabilities import Capabilities
from jobdesk_core.database.limited import ask_limited_async, limited
from jobdesk_core.database.rows import JobRow, job_row
from jobdesk_core.jobs import Status
from jobdesk_core.locks import statements
from jobdesk_core.locks.reasons import LockState, Serving, queueing_reason, reason, state_of
from jobdesk_core.locks.statements import CHAIN_JOBS, LOOKED_JOBS

T = TypeVar("T")


class LockKind(enum.Enum):
    """Of a lock one job runs at a time; of a queueing lock one job waits at a time."""

    LOCK = "lock"
    QUEUEING_LOCK = "queueing lock"


@dataclass(frozen=True, slots=True)
class LockRow:
    """One lock. `head` holds it, or is the first in line; it alone decides the `state`.

    `waiting` jobs behind it are due, `later` ones are not yet; `waiting_since` (UTC-aware) is when the oldest due
    one came in. `head_since` is when the head was started, or came in. `ids` are the jobs of a queueing lock: its
    holder, then those whose retry would be refused; of a lock the lowest id alone.
    """

    kind: LockKind
    name: str
    head: JobRow
    state: LockState
    waiting: int
    later: int
    waiting_since: dt.datetime | None
    head_since: dt.datetime | None
    ids: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class LockList:
    """The locks listed, of how many, and how many open jobs were looked at; `is_whole`: all of them.

    `failures_since` (UTC-aware) is since when failed jobs were looked for; None: all there are, or none at all.
    """

    rows: list[LockRow]
    total: int
    blocked: int
    looked_jobs: int
    is_whole: bool
    failures_since: dt.datetime | None = None


@dataclass(frozen=True, slots=True)
class Link:
    """One job of a lock's chain, and why it is where it is, at any moment from the reading on."""

    row: JobRow
    why_at: Callable[[dt.datetime], str]

    @property
    def why(self) -> str:
        """Why it is where it is now."""
        return self.why_at(dt.datetime.now(dt.UTC))


@dataclass(frozen=True, slots=True)
class Chain:
    """The jobs of one lock in the order in which workers take them, the first CHAIN_JOBS of them."""

    links: list[Link]
    has_more: bool


class Locks:
    """Reads the locks of one database. No statement runs longer than `limit_s` seconds."""

    def __init__(self, connector: PsycopgConnector, capabilities: Capabilities, *, limit_s: float = 5.0) -> None:
        self._connector = connector
        self._capabilities = capabilities
        self._limit_s = limit_s

    def adopt(self, capabilities: Capabilities) -> None:
        """From now on the database can do this."""
        self._capabilities = capabilities

    async def read(self, kind: LockKind, text: str = "") -> LockList:
        """The locks that matter most, those that block first, then the longest waits; with `text` in their name.

        Without a text a lock that just one waiting job has is left out. Raises StatementTooLong.
        """
        asked = read_locks(self._capabilities, text, kind)
        return await ask_limited_async(asked, self._connector, self._limit_s)

    async def chain(self, lock: LockRow) -> Chain:
        """The jobs of a lock as they are now; none when it is free by now. Raises StatementTooLong."""
        now = self._capabilities.clock.now()
        if lock.kind is LockKind.QUEUEING_LOCK:
            found = {row["id"]: job_row(row) for row in await self._run(statements.jobs(self._capabilities, lock.ids))}
            rows = [found[job_id] for job_id in lock.ids if job_id in found]
            links = [Link(row, partial(_queueing_reason, row, lock.head)) for row in rows]
            return Chain(links, len(lock.ids) - 1 < lock.waiting)
        serving = await self._run(statements.serving(self._capabilities))
        raw = await self._run(statements.chain(self._capabilities, lock.name, lock.ids[0]))
        return Chain(_links(raw[:CHAIN_JOBS], serving, now), len(raw) > CHAIN_JOBS)

    async def _run(self, statement: Statement[T]) -> T:
        return await limited(self._connector, statement, self._limit_s)


def read_locks(capabilities: Capabilities, text: str = "", kind: LockKind = LockKind.LOCK) -> Asking[LockList]:
    """The locks as `Locks.read` gives them."""
    if kind is LockKind.QUEUEING_LOCK:
        return _list((yield statements.queueing_locks(capabilities, text)), _queueing_row)
    serving: Serving = yield statements.serving(capabilities)
    rows: Rows = yield statements.locks(capabilities, text)
    return _list(rows, lambda row: _lock_row(row, serving))


def _links(raw: Rows, serving: Serving, now: dt.datetime) -> list[Link]:
    rows = [job_row(row) for row in raw]
    if not rows:
        return []
    state = state_of(rows[0], raw[0]["is_worker_alive"], serving, now)
    before = [None, *rows[:-1]]
    return [Link(row, partial(reason, row, ahead, state, serving)) for row, ahead in zip(rows, before, strict=True)]


def _queueing_reason(row: JobRow, holder: JobRow, now: dt.datetime) -> str:
    return queueing_reason(row, holder)


def _list(rows: Rows, decode: Callable[[Row], LockRow]) -> LockList:
    first = rows[0]
    found = [decode(row) for row in rows if row["name"] is not None]
    looked = first["looked"]
    return LockList(found, first["total"] or 0, first["blocked"] or 0, looked, looked < LOOKED_JOBS, first.get("since"))


def _lock_row(row: Row, serving: Serving) -> LockRow:
    head = job_row(dict(row))
    state = state_of(head, row["is_worker_alive"], serving, row["asked_at"])
    return LockRow(
        LockKind.LOCK,
        row["name"],
        head,
        state,
        row["waiting"],
        row["later"],
        row["waiting_since"],
        head.deferred_at if head.status is Status.TODO else row["started_at"],
        (row["first_id"],),
    )


def _queueing_row(row: Row) -> LockRow:
    head = job_row(dict(row))
    state = LockState.TAKEN_AGAIN if row["refused"] else LockState.READY
    if state is LockState.READY and head.scheduled_at is not None and head.scheduled_at > row["asked_at"]:
        state = LockState.SCHEDULED
    return LockRow(
        LockKind.QUEUEING_LOCK,
        row["name"],
        head,
        state,
        row["refused"],
        0,
        None,
        head.deferred_at,
        (head.id, *row["refused_ids"]),
    )
