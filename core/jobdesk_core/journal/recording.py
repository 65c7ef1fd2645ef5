"""Writes an act down: what is about to be done before it begins, each transaction before it is committed, and its end.

A journal that cannot be written when an act begins is told, and does not keep anyone from acting; one that fails
meanwhile breaks the act off before anything else is committed.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import replace
from typing import Any, TypeVar

from jobdesk_core.connectors.psycopg import PsycopgConnector
from jobdesk_core.connectors.statement import Statement
from jobdesk_core.connectors.sync_psycopg import SyncPsycopgConnector
from jobdesk_core.database.marks import NOWHERE, read_server
from jobdesk_core.exceptions import ConnectorException, InDoubt, NotWritten, cause_text
from jobdesk_core.journal.journal import Journal, JournalTrouble
from jobdesk_core.journal.record import End, Header, Planned, Verdict
from jobdesk_core.journal.settling import settle, settle_entry
from jobdesk_core.operations import Progress, Steps, run, run_async
from jobdesk_core.operations.outcomes import Outcomes

T = TypeVar("T")
STOPPED = "It was stopped."
#: Said of what is begun although the journal cannot be written.
_NOT_IN_IT = "What is done now is not in it. "
_BROKEN_OFF = "The rest was left as it was: each step is written into the journal before it is done, which failed."
OnTrouble = Callable[[JournalTrouble], object]
OnProgress = Callable[[Progress], Any]
Connector = PsycopgConnector | SyncPsycopgConnector


class Recording:
    """An act that is being written down; the Keeper of its transactions.

    `entry_id` is its number in the journal, or None when that cannot be written. `left` is what becomes of the jobs
    that were not acted upon, and `error` what broke it off; unless all of it `is_whole`, the rest was not reached.
    """

    def __init__(self, journal: Journal, header: Header, connector: Connector, on_trouble: OnTrouble) -> None:
        self._journal = journal
        self._header = header
        self._connector = connector
        self._on_trouble = on_trouble
        self._trouble: JournalTrouble | None = None
        self._server = NOWHERE
        #: The transaction under way, and the ends of earlier ones that are not written yet.
        self._chunk: int | None = None
        self._ends: list[tuple[int, End]] = []
        self.entry_id: int | None = None
        self.left: Iterable[Outcomes] = ()
        self.error = STOPPED
        self.is_whole = False
        #: The entry by which it can be found out what nobody knows.
        self.doubtful: int | None = None

    async def begin(self, planned: Planned) -> None:
        """Settle what is still unknown of earlier acts, and have on disk what is about to be done."""
        try:
            with contextlib.suppress(ConnectorException):  # the act itself will tell
                self._server = await read_server(self.run)
                await settle(self._journal, self.run, self._header.place)
            ahead_s = self._connector.clock.ahead_s
            planned = replace(planned, server=self._server.name, ahead_s=ahead_s)
            self.entry_id = await asyncio.to_thread(self._journal.begin_now, self._header, planned)
        except JournalTrouble as trouble:
            self._take(trouble)

    async def end(self) -> None:
        """Have its end on disk, and tell what kept the journal from being written."""
        if self.entry_id is not None:
            try:
                await asyncio.to_thread(
                    self._journal.finish_now,
                    self.entry_id,
                    self.error,
                    self.left,
                    ends=self._ends,
                    is_whole=self.is_whole,
                )
            except JournalTrouble as trouble:
                self._trouble = trouble
        if self._trouble is not None:
            self._on_trouble(self._trouble)

    async def run(self, statement: Statement[T]) -> T:
        """Run a statement on either kind of connector."""
        if isinstance(self._connector, SyncPsycopgConnector):
            return self._connector.run(statement)
        return await self._connector.run_async(statement)

    async def carry_out(
        self,
        steps: Steps[T],
        on_progress: OnProgress | None = None,
        *,
        is_one_transaction: bool = False,
        outcomes: Callable[[T], list[Outcomes]] = lambda value: [],
    ) -> T:
        """Run an operation, each of whose transactions is written down before it is committed."""
        keeper = self if self.entry_id is not None else None
        if isinstance(self._connector, SyncPsycopgConnector):
            return run(
                steps,
                self._connector,
                is_one_transaction=is_one_transaction,
                on_progress=on_progress or (lambda progress: True),
                keeper=keeper,
                outcomes=outcomes,
            )
        return await run_async(
            steps,
            self._connector,
            is_one_transaction=is_one_transaction,
            on_progress=on_progress,
            keeper=keeper,
            outcomes=outcomes,
        )

    async def settle(self) -> Verdict | None:
        """What has become of the transaction that was not answered; None while the link is not back."""
        if self.entry_id is None or self._chunk is None:
            return None
        self.doubtful = self.entry_id
        with contextlib.suppress(JournalTrouble):
            verdict = await settle_entry(self._journal, self.run, self.entry_id, self._journal.patience_s)
            if verdict is not None:
                self._chunk = None
            return verdict
        return None

    # The Keeper of its transactions

    @property
    def mark(self) -> Statement[str]:
        """Tells the mark of the transaction that it is part of."""
        return self._server.mark

    def stage(self, mark: str, outcomes: list[Outcomes]) -> None:
        """Have on disk what COMMIT is going to make true. Raises AlreadyClaimed, NotWritten, or JournalTrouble.

        An act that was begun in the journal is not gone on with beside it: what is there would be wrong for ever.
        """
        assert self.entry_id is not None
        if self._chunk is not None:
            self.close(is_committed=False)  # the same transaction has come to something else
        undoes, ends = self._header.undoes, list(self._ends)
        try:
            self._chunk = self._journal.stage_now(self.entry_id, mark, outcomes, ends=ends, undoes=undoes)
        except JournalTrouble as trouble:
            self._take(trouble)
            raise NotWritten(f"{_BROKEN_OFF} {str(trouble).replace(_NOT_IN_IT, '')}") from trouble
        self._ends.clear()

    def close(self, *, is_committed: bool) -> None:
        """The server has answered, or was never asked."""
        if self._chunk is not None:
            self._ends.append((self._chunk, "done" if is_committed else "void"))
            self._chunk = None

    def _take(self, trouble: JournalTrouble) -> None:
        """Told in the end; an undo that cannot be written down might be done twice."""
        self._trouble = trouble
        if self._header.undoes is not None:
            raise trouble


@contextlib.asynccontextmanager
async def recording(
    journal: Journal, header: Header, connector: Connector, planned: Planned, on_trouble: OnTrouble
) -> AsyncIterator[Recording]:
    """Write down the act done within: before it begins, and its end, whatever breaks it off."""
    act = Recording(journal, header, connector, on_trouble)
    await act.begin(planned)
    try:
        yield act
    except Exception as broken:
        act.error = cause_text(broken)
        if isinstance(broken, InDoubt):
            broken.entry_id = act.doubtful
        raise
    finally:
        await act.end()
