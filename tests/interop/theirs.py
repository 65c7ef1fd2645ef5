"""An app of the real Procrastinate, and its worker: `python theirs.py DSN [SECONDS]` runs one until told to stop.

The seconds are how often it asks for jobs by itself: hardly ever (60) where a notification has to wake it. It says
"no job" once it has asked for the first time in vain.
"""

from __future__ import annotations

import asyncio
import sys
import time
from typing import Any

import procrastinate
import psycopg


def note(dsn: str, text: str) -> None:
    """Write down what happened, for both sides to see."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("INSERT INTO notes (text) VALUES (%s)", (text,))


def create_app(dsn: str) -> procrastinate.App:
    """Procrastinate's app with the tasks of these tests."""
    app = procrastinate.App(connector=procrastinate.PsycopgConnector(conninfo=dsn))

    @app.task(name="write")
    def write(text: str) -> None:
        note(dsn, text)

    @app.task(name="wait", pass_context=True)
    async def wait(context: procrastinate.JobContext, text: str) -> None:
        await asyncio.to_thread(note, dsn, text)
        await asyncio.Event().wait()

    @app.task(name="poll", pass_context=True)
    def poll(context: procrastinate.JobContext, text: str) -> None:
        note(dsn, text)
        while not context.should_abort():
            time.sleep(0.02)
        raise procrastinate.exceptions.JobAborted

    @app.task(name="fail_first", pass_context=True)
    def fail_first(context: procrastinate.JobContext, text: str) -> None:
        note(dsn, f"{text} {context.job.attempts}")
        if not context.job.attempts:
            raise ValueError("on purpose")

    return app


async def main(dsn: str, fetch_s: float = 60) -> None:
    options: dict[str, Any] = {"fetch_job_polling_interval": fetch_s, "abort_job_polling_interval": 60}
    app = create_app(dsn)
    fetch, has_told = app.job_manager.fetch_job, False

    async def told(*args: Any, **kwargs: Any) -> Any:
        nonlocal has_told
        job = await fetch(*args, **kwargs)
        if job is None and not has_told:
            has_told = True
            # After the worker has taken the answer, with which it forgets what it was notified of.
            asyncio.get_running_loop().call_later(0.05, lambda: print("no job", flush=True))
        return job

    app.job_manager.fetch_job = told  # type: ignore[method-assign]
    async with app.open_async():
        await app.run_worker_async(concurrency=1, **options)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], *map(float, sys.argv[2:])))
