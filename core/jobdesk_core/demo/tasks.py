"""The sample tasks: fast, slow, abortable, failing with and without retries, locked, telling how far they are."""

from __future__ import annotations

import asyncio
import random
import time
from typing import Any

from jobdesk_core.app import App
from jobdesk_core.demo import trouble
from jobdesk_core.exceptions import JobAborted
from jobdesk_core.job_context import JobContext
from jobdesk_core.reporting import progress
from jobdesk_core.retry import RetryStrategy


def create_app(connector: Any) -> App:
    """An app with the sample tasks."""
    app = App(connector=connector)
    _add_quick(app)
    _add_slow(app)
    _add_periodic(app)
    return app


def _add_quick(app: App) -> None:
    @app.task(name="invoices.send_invoice", queue="billing")
    async def send_invoice(user_id: int, period: str, amount: float = 0.0) -> None:
        """Fast; the exchange rates for large amounts never come whole."""
        await asyncio.sleep(random.uniform(0.1, 0.8))
        if amount > 880:
            trouble.parse_rates("USD")

    @app.task(name="invoices.render_pdf", queue="billing")
    def render_pdf(invoice_id: int, pages: int = 1) -> None:
        """Fast, synchronous."""
        time.sleep(random.uniform(0.3, 2.0))

    @app.task(name="mail.deliver", queue="mail", retry=RetryStrategy(max_attempts=3, wait=4))
    async def deliver(to: str, template: str, flaky: bool = False) -> None:
        """Fails now and then, and is retried."""
        await asyncio.sleep(random.uniform(0.05, 0.5))
        if flaky and random.random() < 0.7:
            await asyncio.to_thread(trouble.hand_to_mail_server, to)

    @app.task(name="mail.digest", queue="mail")
    async def digest(list_id: int, recipients: list[str] | None = None) -> None:
        """Scheduled in the future, one waiting at a time."""
        await asyncio.sleep(random.uniform(1, 3))

    @app.task(name="media.make_thumbnail", queue="media")
    async def make_thumbnail(path: str, sizes: list[int] | None = None) -> None:
        """Fast, of low priority; some photos have been moved."""
        await asyncio.sleep(random.uniform(0.2, 1.0))
        if path.endswith("13.jpg"):
            trouble.read_photo(path)

    @app.task(name="ledger.reconcile", queue="billing")
    async def reconcile(account: str, month: str) -> None:
        """Fails for good."""
        await asyncio.sleep(random.uniform(0.2, 1.5))
        trouble.check_balance(account, month)


def _add_slow(app: App) -> None:
    @app.task(name="media.transcode", queue="media")
    async def transcode(path: str, codec: str = "av1") -> None:
        """Slow, and tells how far it is; an abort ends it at once."""
        frames = random.randint(600, 1200)
        for frame in range(frames):
            progress(frame, frames, f"frame {frame}")
            await asyncio.sleep(0.1)

    @app.task(name="reports.nightly", queue="reports", pass_context=True)
    def nightly(context: JobContext, day: str, api_token: str = "") -> None:
        """Slow and synchronous: it looks for an abort request itself."""
        end = time.monotonic() + random.uniform(30, 60)
        while time.monotonic() < end:
            if context.should_abort():
                raise JobAborted()
            time.sleep(0.2)

    @app.task(name="etl.load_partition", queue="etl")
    async def load_partition(table: str, partition: int, source: str = "crm") -> None:
        """One at a time per table, by its lock; tells how far it is."""
        rows = random.randint(60, 150)
        for row in range(rows):
            progress(100 * row, 100 * rows, f"rows of {table}")
            await asyncio.sleep(0.1)
        if partition % 16 == 15:
            trouble.insert_rows(table, partition)


def _add_periodic(app: App) -> None:
    @app.periodic(cron="*/10 * * * *", periodic_id="eu", task_kwargs={"region": "eu"})
    @app.task(name="reports.usage", queue="reports")
    async def usage(timestamp: int, region: str = "eu") -> None:
        """Every ten minutes."""
        await asyncio.sleep(random.uniform(0.5, 2))

    @app.periodic(cron="*/5 * * * *")
    @app.task(name="mail.bounces", queue="mail")
    async def bounces(timestamp: int) -> None:
        """Every five minutes."""
        await asyncio.sleep(random.uniform(0.2, 1))

    @app.periodic(cron="5 * * * *")
    @app.task(name="reports.kpi", queue="reports")
    async def kpi(timestamp: int) -> None:
        """Once an hour."""
        await asyncio.sleep(random.uniform(3, 8))

    @app.periodic(cron="0 2 * * *")
    @app.task(name="ledger.close_day", queue="billing")
    async def close_day(timestamp: int) -> None:
        """Once a day; in the demo's past the last one is missing."""
        await asyncio.sleep(random.uniform(4, 9))
