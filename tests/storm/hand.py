"""A worker in the storm, of the library or ours: it notes each run in a file of its own and is killed at any moment.

    python hand.py ENGINE DSN FOLDER CLOCK

Its clock is wrong by so many seconds, but for that of its notes.
"""

from __future__ import annotations

import asyncio
import importlib
import os
import sys
import time
from pathlib import Path
from typing import Any

from shifted import shifted

QUEUES = ("mail", "reports", "sync")


def main(engine: str, dsn: str, folder: str, clock: str) -> None:
    """Run until told to stop; a server that goes away ends the library's worker, and who started it starts another."""
    library: Any = importlib.import_module({"ours": "jobdesk_core", "theirs": "procrastinate"}[engine])
    log = os.open(Path(folder) / f"runs-{os.getpid()}", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    app = library.App(connector=library.PsycopgConnector(conninfo=dsn, max_size=4))

    real_time = time.time

    def note(word: str, context: Any) -> None:
        os.write(log, f"{word} {context.job.id} {context.job.lock or '-'} {real_time():.6f}\n".encode())

    @app.task(name="storm.ok", pass_context=True)
    async def succeed(context: Any, **given: Any) -> None:
        note("begin", context)
        await asyncio.sleep(0.01)
        note("end", context)

    @app.task(name="storm.fail", pass_context=True, retry=1)
    async def fail(context: Any, **given: Any) -> None:
        note("begin", context)
        note("end", context)
        raise RuntimeError("as ever")

    @app.task(name="storm.slow", pass_context=True)
    async def slow(context: Any, **given: Any) -> None:
        note("begin", context)
        try:
            await asyncio.sleep(1)
        finally:
            note("end", context)

    async def work() -> None:
        async with app.open_async():
            await app.run_worker_async(concurrency=4, fetch_job_polling_interval=1.0, shutdown_graceful_timeout=3.0)

    with shifted(float(clock)):
        asyncio.run(work())


if __name__ == "__main__":
    main(*sys.argv[1:])
