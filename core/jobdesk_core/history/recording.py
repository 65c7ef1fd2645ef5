"""Records the history of the database that a monitor follows: into which file, when, and what fills its gaps."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
from collections.abc import Callable
from pathlib import Path

from jobdesk_core.connectors.psycopg import PsycopgConnector
from jobdesk_core.database.marks import NOWHERE, Server, read_server
from jobdesk_core.exceptions import ConnectorException
from jobdesk_core.history.file import HistoryTrouble
from jobdesk_core.history.filling import Filler
from jobdesk_core.history.history import History
from jobdesk_core.history.place import drop_old
from jobdesk_core.history.recorder import Recorder
from jobdesk_core.history.usual import RecordedUsual
from jobdesk_core.reading.pace import minute_of

#: Seconds between two looks for what is to be written.
SAVE_S = 5.0
#: Seconds after a connection was made before its gaps are filled; then between two looks for new ones.
FILL_AFTER_S, FILL_AGAIN_S = 3.0, 90.0
#: Rounds in which room is made in one go, if there is much to be done.
_ROUNDS = 20

PathOf = Callable[[Server], Path]


class Recording:
    """One database's. Without `path_of` its history is kept in memory only, and nothing is filled in."""

    def __init__(self, connector: PsycopgConnector) -> None:
        self._connector = connector
        #: The file of a database; without it, nothing is written.
        self.path_of: PathOf | None = None
        self.history = History()
        self.recorder = Recorder(self.history)
        #: What was normal at this hour; made anew with each.
        self.usual = RecordedUsual()
        #: Is told in words when the history cannot be written any more, once for as long as that lasts.
        self.on_trouble: Callable[[Exception], object] = lambda trouble: None
        #: Since when the history cannot be written (UTC); None while it can.
        self.trouble_since: dt.datetime | None = None
        self._told_aside: Path | None = None

    async def find(self) -> None:
        """Find out which database this is, whenever it has been connected to. Raises ConnectorException."""
        if self.path_of is None:
            return
        try:
            server = await read_server(self._connector.run_async)
        except ConnectorException as error:
            if error.sqlstate is None:
                raise
            server = NOWHERE
        path = self.path_of(server)
        if path != self.history.path:
            await self.close()
            self.history = History(path)
            self.recorder.history = self.history
            self.usual.forget()
            await asyncio.to_thread(drop_old, path.parent, self.history.limits.days)

    async def keep_saved(self) -> None:
        """Write what there is to be written, until cancelled."""
        while True:
            await asyncio.sleep(SAVE_S)
            if not self.history.is_written:
                await self._save()
            # Whoever fills gaps writes as well.
            self._tell()
            now = self._connector.clock.now()
            if not self.usual.is_of(now):
                await asyncio.to_thread(self.usual.make, self.history, now)

    async def keep_filled(self) -> None:
        """Fill the gaps, of before the connection and of when nothing was followed, until cancelled."""
        if self.path_of is None:
            return
        await asyncio.sleep(FILL_AFTER_S)
        filler, begun = Filler(self.history, self._connector), self.recorder.first
        while True:
            if begun != self.recorder.first:
                filler, begun = Filler(self.history, self._connector), self.recorder.first
            # The minute in which the feed began is over by now, or is looked at the next time.
            now = minute_of(self._connector.clock.now())
            if begun is not None and not filler.is_done:
                with contextlib.suppress(ConnectorException):
                    await filler.fill(min(now, begun))
                    filler.is_done = now >= begun or filler.is_spent
                    self.usual.forget()
            await asyncio.sleep(FILL_AGAIN_S)

    async def close(self) -> None:
        """Write what there is, and let go of the file."""
        if not self.history.is_written:
            await self._save()
        await asyncio.to_thread(self.history.close)

    async def _save(self) -> None:
        history, clock = self.history, self._connector.clock
        # A server's clock that is far ahead must not age what is kept.
        for _ in range(_ROUNDS):
            if not await asyncio.to_thread(history.save, minute_of(min(clock.now(), dt.datetime.now(dt.UTC)))):
                break
            await asyncio.sleep(0.1)
        self._tell()

    def _tell(self) -> None:
        """Say once what is wrong with the file."""
        history = self.history
        trouble = history.trouble
        if trouble is None and history.put_aside not in (None, self._told_aside):
            self._told_aside = history.put_aside
            self.on_trouble(
                HistoryTrouble(
                    f"The history could not be read. It was put aside as {self._told_aside}; a new one begins."
                )
            )
        if trouble is None:
            self.trouble_since = None
        elif self.trouble_since is None:
            self.trouble_since = self._connector.clock.now()
            self.on_trouble(trouble)
