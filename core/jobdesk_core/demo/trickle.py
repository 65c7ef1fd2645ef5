"""A steady trickle of sample jobs, for ever, with a bounded backlog and a bounded past."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import random
from typing import Any

from jobdesk_core.app import App
from jobdesk_core.connectors.statement import Statement
from jobdesk_core.exceptions import AlreadyEnqueued

PAUSE_S = 1.0
#: Waiting jobs beyond which the trickle pauses, and ended jobs that are kept.
MOST_WAITING, MOST_ENDED = 60, 20_000
#: Partitions deferred at once at the start: they wait for each other's locks.
FIRST_PARTITIONS = 14
PEOPLE = ("ada", "grace", "edsger", "barbara", "donald", "margaret", "tony", "frances")
TABLES = ("clients", "orders", "tickets")


def sample_job(chance: random.Random) -> tuple[str, dict[str, Any], dict[str, Any]]:
    """A task's name, the options of its job, and its arguments."""
    person = chance.choice(PEOPLE)
    number = chance.randint(1, 9999)
    day = dt.date.today()
    table = chance.choice(TABLES)
    kinds: list[tuple[int, str, dict[str, Any], dict[str, Any]]] = [
        (
            26,
            "invoices.send_invoice",
            {"lock": f"acct-{number % 9}", "priority": chance.choice([0, 0, 0, 5])},
            {"user_id": number, "period": f"{day:%Y-%m}", "amount": round(chance.uniform(9, 900), 2)},
        ),
        (12, "invoices.render_pdf", {"priority": 5}, {"invoice_id": number, "pages": chance.randint(1, 40)}),
        (
            24,
            "mail.deliver",
            {},
            {"to": f"{person}@example.org", "template": "welcome", "flaky": chance.random() < 0.25},
        ),
        (
            4,
            "mail.digest",
            {"queueing_lock": f"digest-{number % 4}", "schedule_in": {"seconds": chance.choice([20, 120, 900])}},
            {"list_id": number % 4, "recipients": [f"{name}@example.org" for name in PEOPLE[:3]]},
        ),
        (20, "media.make_thumbnail", {"priority": -1}, {"path": f"/photos/{number}.jpg", "sizes": [64, 256, 1024]}),
        (5, "media.transcode", {"queueing_lock": f"transcode-{number % 2}"}, {"path": f"/films/{number}.mov"}),
        (
            2,
            "reports.nightly",
            {"queueing_lock": "nightly", "priority": 10},
            {"day": day.isoformat(), "api_token": f"tok_{number:x}"},
        ),
        (4, "ledger.reconcile", {"lock": "ledger"}, {"account": f"acct-{number % 9}", "month": f"{day:%Y-%m}"}),
        (9, "etl.load_partition", {"lock": f"table-{table}"}, {"table": table, "partition": number % 64}),
    ]
    _, name, options, arguments = chance.choices(kinds, [kind[0] for kind in kinds])[0]
    return name, options, arguments


async def trickle(app: App) -> None:
    """Defer sample jobs until cancelled."""
    chance = random.Random()
    partitions = app.tasks["etl.load_partition"]
    for number in range(FIRST_PARTITIONS):
        table = TABLES[number % len(TABLES)]
        await partitions.configure(lock=f"table-{table}").defer_async(table=table, partition=number)
    while True:
        for _ in range(50):
            name, options, arguments = sample_job(chance)
            with contextlib.suppress(AlreadyEnqueued):
                await app.tasks[name].configure(**options).defer_async(**arguments)
            await asyncio.sleep(PAUSE_S * chance.uniform(0.3, 1.7))
            while await app.connector.run_async(_WAITING) > MOST_WAITING:
                await asyncio.sleep(2 * PAUSE_S)
        await app.connector.run_async(_FORGET)


_WAITING: Statement[int] = Statement(
    "SELECT count(*) AS count FROM procrastinate_jobs "
    "WHERE status = 'todo' AND (scheduled_at IS NULL OR scheduled_at <= now())",
    lambda rows: rows[0]["count"],
)
_FORGET: Statement[None] = Statement(
    "DELETE FROM procrastinate_jobs WHERE status NOT IN ('todo', 'doing') AND id < ("
    "SELECT max(id) FROM procrastinate_jobs) - %(most)s",
    lambda rows: None,
    {"most": MOST_ENDED},
)
