"""A worker for the staged incidents: `incident_worker.py ENGINE DSN QUEUES CONCURRENCY [reports] [periodic]`."""

from __future__ import annotations

import asyncio
import importlib
import sys
from typing import Any

QUICK_S = 0.05


class ConnectTimeout(Exception):
    """What a burst of failures fails with."""


def tasks_of(app: Any, *, is_periodic: bool) -> None:
    """Register what the traffic and the incidents defer."""

    async def send() -> None:
        await asyncio.sleep(QUICK_S)

    async def make(seconds: float = 0.2) -> None:
        await asyncio.sleep(seconds)

    async def pull(context: Any) -> None:
        if context.job.id % 20 == 0 and context.job.attempts == 0:
            raise ConnectTimeout("now and then")

    async def storm() -> None:
        raise ConnectTimeout("the other side did not answer")

    async def render() -> None:
        raise ConnectTimeout("the printer did not answer")

    async def tick(timestamp: int) -> None:
        """Nothing."""

    app.task(name="mail.send")(send)
    app.task(name="report.make")(make)
    app.task(name="sync.pull", retry=3, pass_context=True)(pull)
    app.task(name="sync.storm", retry=1_000)(storm)
    app.task(name="invoice.render")(render)
    if is_periodic:
        app.periodic(cron="* * * * *")(app.task(name="clock.tick", queue="clock")(tick))


async def main(engine: str, dsn: str, queues: str, concurrency: str, *options: str) -> None:
    """Work until told to stop."""
    library: Any = importlib.import_module({"ours": "jobdesk_core", "theirs": "procrastinate"}[engine])
    app = library.App(connector=library.PsycopgConnector(conninfo=dsn, max_size=6))
    tasks_of(app, is_periodic="periodic" in options)
    if "reports" in options:
        from jobdesk_core.reporting import report

        report(app)
    async with app.open_async():
        await app.run_worker_async(
            queues=queues.split(","), concurrency=int(concurrency), fetch_job_polling_interval=1.0
        )


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
