"""The process that holds the demo together: when its parent is gone, it ends the workers and the server."""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
import subprocess
import sys
from pathlib import Path

import psycopg

from jobdesk_core.connectors.psycopg import PsycopgConnector
from jobdesk_core.database.capabilities import DETECT
from jobdesk_core.database.schema import install
from jobdesk_core.demo import DemoError
from jobdesk_core.demo.demo import ELSEWHERE, SLOTS
from jobdesk_core.demo.history import fill_history
from jobdesk_core.demo.past_errors import install_reports
from jobdesk_core.demo.tasks import create_app
from jobdesk_core.demo.trickle import trickle
from jobdesk_core.embedded import EmbeddedServer, EmbeddedServerError, FolderInUse
from jobdesk_core.exceptions import JobdeskException
from jobdesk_core.processes import (
    ENDING_SIGNALS,
    NO_WINDOW,
    OUR_PYTHONS,
    chosen_environment,
    die_with_parent,
    ending_with_us,
    run_loop,
    when_it_ends,
)

DATABASE = "demo"
#: Per worker process its queues; none given serves every queue.
WORKERS = {"desk-1": "billing,mail", "desk-2": ""}
STOP_S = 5.0


def main() -> None:
    """Run until standard input ends."""
    # Ctrl-C in the terminal is for the window, which then ends us in good order.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    folder = Path(sys.argv[1])
    server = None
    workers: list[subprocess.Popen[bytes]] = []
    try:
        tell(progress="PostgreSQL is starting.")
        server = _start_server(folder)
        run_loop(_run(server, workers))
    except (EmbeddedServerError, DemoError, JobdeskException, psycopg.Error, OSError) as error:
        tell(error=str(error.__cause__ or error) if isinstance(error, JobdeskException) else str(error))
    finally:
        _stop(workers)
        if server is not None:
            server.stop()


def tell(**what: str) -> None:
    """Tell the parent something, if it is still there to listen."""
    with contextlib.suppress(BrokenPipeError):
        sys.stdout.write(json.dumps(what) + "\n")
        sys.stdout.flush()


def _start_server(folder: Path) -> EmbeddedServer:
    for number in range(1, SLOTS + 1):
        slot = folder / ("demo" if number == 1 else f"demo-{number}")
        with contextlib.suppress(FolderInUse):
            return EmbeddedServer(slot).start()
    raise DemoError(f"{SLOTS} demos are running already.")


async def _run(server: EmbeddedServer, workers: list[subprocess.Popen[bytes]]) -> None:
    dsn = server.dsn_of(DATABASE)
    _create_database(server, DATABASE)
    ended = asyncio.Event()
    running = asyncio.get_running_loop()
    # Nothing is ever written there: its end means that the parent is gone.
    when_it_ends(sys.stdin, ended.set)
    for number in ENDING_SIGNALS:
        with contextlib.suppress(NotImplementedError):  # Windows, where the end of input is all there is
            running.add_signal_handler(number, ended.set)
    connector = PsycopgConnector(conninfo=dsn)
    await connector.open_async()
    away = None
    try:
        if not (await connector.run_async(DETECT)).has_schema:
            tell(progress="The schema and an hour of history are being created.")
            await install(connector)
            away = await fill_history(connector)
        await install_reports(connector, dsn, away)
        await _make_elsewhere(server)
        tell(progress="The workers are starting.")
        workers += [_start_worker(dsn, name, queues) for name, queues in WORKERS.items()]
        trickling = asyncio.create_task(trickle(create_app(connector)))
        tell(dsn=dsn)
        await asyncio.wait({trickling, asyncio.create_task(ended.wait())}, return_when="FIRST_COMPLETED")
        if trickling.done():
            trickling.result()
        trickling.cancel()
        await asyncio.gather(trickling, return_exceptions=True)
    finally:
        await connector.close_async()


async def _make_elsewhere(server: EmbeddedServer) -> None:
    """A second database without jobs, for them to be replayed on."""
    _create_database(server, ELSEWHERE)
    connector = PsycopgConnector(conninfo=server.dsn_of(ELSEWHERE))
    await connector.open_async()
    try:
        if not (await connector.run_async(DETECT)).has_schema:
            await install(connector)
    finally:
        await connector.close_async()


def _create_database(server: EmbeddedServer, name: str) -> None:
    with psycopg.connect(server.dsn, autocommit=True) as connection:
        found = connection.execute("SELECT FROM pg_database WHERE datname = %s", [name]).fetchone()
        if found is None:
            connection.execute(f"CREATE DATABASE {name}".encode())


def _start_worker(dsn: str, name: str, queues: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "jobdesk_core.demo.worker", dsn, name, queues],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd="/",
        env=chosen_environment(OUR_PYTHONS),
        creationflags=NO_WINDOW,
        **ending_with_us(_end_with_us),
    )


def _end_with_us() -> None:
    die_with_parent(signal.SIGKILL)


def _stop(workers: list[subprocess.Popen[bytes]]) -> None:
    for worker in workers:
        worker.terminate()
    for worker in workers:
        try:
            worker.wait(STOP_S)
        except subprocess.TimeoutExpired:
            worker.kill()
            worker.wait()


if __name__ == "__main__":
    main()
