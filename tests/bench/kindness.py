"""What watching a database costs its server: `python tests/bench/kindness.py DSN [SECONDS]`.

Prints, per minute of watching, idle and in a storm: the transactions of all, and the processor time of the monitor's
own server processes (read from /proc, so the server must run on this machine). The storm defers, starts, ends and
deletes jobs of its own queue at 200 jobs a second; of ten, it deletes nine at their end and one after it, as workers
with delete_jobs=always and cleaners do. Only sequences are left changed.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
from pathlib import Path
from typing import Any

import psycopg
from jobdesk_core import PsycopgConnector
from jobdesk_core.database.capabilities import DETECT
from jobdesk_core.monitor import Monitor
from psycopg.conninfo import conninfo_to_dict, make_conninfo

NAME, QUEUE = "jobdesk-kindness", "kindness"
JOBS_PER_S = 200


class Server:
    """The server's own figures."""

    def __init__(self, dsn: str) -> None:
        # From another database: what is asked here is not counted there.
        self._connection = psycopg.connect(make_conninfo(dsn, dbname="postgres"), autocommit=True)
        self._name = conninfo_to_dict(dsn)["dbname"]

    def read(self) -> dict[str, float]:
        """The transactions and statement milliseconds of the database, and the monitor's processor seconds."""
        row = self._connection.execute(
            "SELECT xact_commit + xact_rollback, active_time FROM pg_stat_database WHERE datname = %s",
            [self._name],
        ).fetchone()
        pids = self._connection.execute("SELECT pid FROM pg_stat_activity WHERE application_name = %s", [NAME])
        assert row is not None
        return {
            "transactions": row[0],
            "statements, s": row[1] / 1000,
            "processor time of the monitor, s": sum(_processor_s(pid) for (pid,) in pids),
        }

    def longest_transaction_s(self) -> float:
        """How long the monitor's longest transaction has been open."""
        row = self._connection.execute(
            "SELECT coalesce(max(extract(epoch FROM now() - xact_start)), 0)::float FROM pg_stat_activity "
            "WHERE application_name = %s",
            [NAME],
        ).fetchone()
        assert row is not None
        return float(row[0])


def _processor_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def measure(server: Server, what: str, seconds: float) -> None:
    """Print the figures of a time, per minute."""
    before, started, longest = server.read(), time.monotonic(), 0.0
    while time.monotonic() - started < seconds:
        await asyncio.sleep(0.05)
        longest = max(longest, server.longest_transaction_s())
    took, after = time.monotonic() - started, server.read()
    figures = ", ".join(f"{name} {60 * (after[name] - before[name]) / took:,.1f}" for name in before)
    print(f"{what:<24} per minute: {figures}; longest transaction of the monitor {1000 * longest:,.0f} ms", flush=True)


async def storm(dsn: str, finished: asyncio.Event) -> None:
    """Until finished, live the lives of jobs, ten every twentieth of a second."""
    async with await psycopg.AsyncConnection.connect(dsn, autocommit=True) as own:
        while not finished.is_set():
            started = time.monotonic()
            await _live(own)
            await asyncio.sleep(max(0.0, 10 / JOBS_PER_S - (time.monotonic() - started)))
        await own.execute("DELETE FROM procrastinate_jobs WHERE queue_name = %s", [QUEUE])


async def _live(own: psycopg.AsyncConnection[Any]) -> None:
    insert = "INSERT INTO procrastinate_jobs (queue_name, task_name) SELECT %s, 't' FROM generate_series(1, 10)"
    rows = await (await own.execute(insert + " RETURNING id", [QUEUE])).fetchall()
    ids = [row[0] for row in rows]
    await own.execute("UPDATE procrastinate_jobs SET status = 'doing' WHERE id = ANY (%s)", [ids])
    await own.execute("DELETE FROM procrastinate_jobs WHERE id = ANY (%s)", [ids[:9]])
    await own.execute("UPDATE procrastinate_jobs SET status = 'succeeded' WHERE id = ANY (%s)", [ids[9:]])
    await own.execute(
        "DELETE FROM procrastinate_jobs WHERE id >= %s AND id < %s AND queue_name = %s",
        [ids[0] - 200, ids[0] - 100, QUEUE],
    )


async def main(dsn: str, seconds: float) -> None:
    """Watch the database, first without a storm and then in one."""
    server = Server(dsn)
    at_first = server.read()
    connector = PsycopgConnector(conninfo=dsn, kwargs={"application_name": NAME})
    await connector.open_async()
    monitor = Monitor(connector, await connector.run_async(DETECT))
    started = time.monotonic()
    watching = asyncio.create_task(monitor.run(lambda changes: None, lambda state: None))
    while not monitor.counts.is_exact:
        await asyncio.sleep(0.02)
    took, cost = time.monotonic() - started, server.read()
    figures = ", ".join(f"{name} {cost[name] - at_first[name]:,.2f}" for name in cost)
    print(f"{monitor.counts.total():,} jobs, all counted in {took:.1f} s: {figures}")
    await asyncio.sleep(2)
    await measure(server, "idle", seconds)
    finished = asyncio.Event()
    storming = asyncio.create_task(storm(dsn, finished))
    await measure(server, f"storm, {JOBS_PER_S} jobs/s", seconds)
    finished.set()
    await storming
    await measure(server, "after it", seconds)
    print(f"exact: {monitor.counts.is_exact}, as of {monitor.counts.as_of}")
    watching.cancel()
    await asyncio.gather(watching, return_exceptions=True)
    await connector.close_async()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], float(sys.argv[2]) if len(sys.argv) > 2 else 30.0))
