"""Counts the open jobs, so rarely that it takes a small share of the time."""

from __future__ import annotations

import contextlib
import datetime as dt
import time
from typing import Any

from jobdesk_core.connectors.psycopg import PsycopgConnector
from jobdesk_core.database.capabilities import Capabilities
from jobdesk_core.exceptions import ConnectorException
from jobdesk_core.reading import open_jobs
from jobdesk_core.reading.open_jobs import OpenJobs

#: Counting open jobs that took longer than this is done so that it may fail.
LONG_COUNT_S = 0.5
#: The share of the time that it may take at most.
OPEN_SHARE = 0.1
QUERY_CANCELED = "57014"


class Share:
    """Has something that takes time done so rarely that it takes a share of the time."""

    def __init__(self, share: float) -> None:
        self._share = share
        self._next_at = 0.0
        self.last_s = LONG_COUNT_S

    def is_due(self) -> bool:
        """Whether its time has come."""
        return time.monotonic() >= self._next_at

    def has_taken(self, seconds: float) -> None:
        """It was done, and took so long."""
        self.last_s = seconds
        self._next_at = time.monotonic() + seconds * (1 / self._share - 1)


class OpenCounting:
    """The counts of the open jobs, and when each of the first ones was deferred, which is asked once."""

    def __init__(self, connector: PsycopgConnector) -> None:
        self._connector = connector
        self._deferred_at: dict[int, dt.datetime] = {}
        self.share = Share(OPEN_SHARE)

    async def count(self, capabilities: Capabilities, connection: Any) -> OpenJobs | None:
        """Count the open jobs; None where they are too many to be counted within the limit."""
        started = time.monotonic()
        is_long = self.share.last_s >= LONG_COUNT_S
        run = self._connector.run_async
        try:
            async with self._connector.transaction(connection=connection) if is_long else contextlib.nullcontext():
                heads = await run(open_jobs.heads(capabilities), connection=connection)
                wanted = heads.first_ids
                known = {job_id: at for job_id in wanted if (at := self._deferred_at.get(job_id)) is not None}
                missing = [job_id for job_id in wanted if job_id not in known]
                if missing:
                    found = await run(open_jobs.deferred(missing), connection=connection)
                    known |= found
                self._deferred_at = known
            return heads.with_deferred(known)
        except ConnectorException as error:
            if not is_long or getattr(error.__cause__, "sqlstate", None) != QUERY_CANCELED:
                raise
            return None
        finally:
            self.share.has_taken(time.monotonic() - started)
