"""A worker process of either implementation: `python crowd.py IMPLEMENTATION DSN FILE NAME QUEUE...` until SIGTERM.

Its task appends a line at its start and at its end to a file of all workers; the order of the lines is that
of what happened, and a line that is written outlives its process.
"""

from __future__ import annotations

import asyncio
import importlib
import os
import sys
from typing import Any

IMPLEMENTATIONS = {"ours": "jobdesk_core", "theirs": "procrastinate"}


async def main(implementation: str, dsn: str, file: str, name: str, *queues: str) -> None:
    """Run one worker of the crowd."""
    module: Any = importlib.import_module(IMPLEMENTATIONS[implementation])
    app = module.App(connector=module.PsycopgConnector(conninfo=dsn))
    lines = os.open(file, os.O_WRONLY | os.O_APPEND)

    @app.task(name="step")
    async def step(number: int) -> None:
        os.write(lines, f"start {number} {name}\n".encode())
        await asyncio.sleep(0.002)
        os.write(lines, f"end {number} {name}\n".encode())

    async with app.open_async():
        await app.run_worker_async(
            name=name,
            queues=list(queues) or None,
            concurrency=10,
            fetch_job_polling_interval=0.5,
            update_heartbeat_interval=0.3,
        )


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
