"""One worker process of the demo."""

from __future__ import annotations

import logging
import sys

from jobdesk_core.connectors.psycopg import PsycopgConnector
from jobdesk_core.demo.past_errors import APP, VERSION
from jobdesk_core.demo.tasks import create_app
from jobdesk_core.processes import run_loop
from jobdesk_core.reporting import report


async def main(dsn: str, name: str, queues: str) -> None:
    """Run the sample tasks of the queues (none given: of all) until told to stop."""
    app = create_app(PsycopgConnector(conninfo=dsn))
    logging.getLogger("shop").setLevel(logging.INFO)
    report(app, name=APP, version=VERSION, log_lines=20)
    async with app.open_async():
        await app.run_worker_async(
            name=name,
            queues=queues.split(",") if queues else None,
            concurrency=6,
            fetch_job_polling_interval=2.0,
            shutdown_graceful_timeout=0.5,
        )


if __name__ == "__main__":
    run_loop(main(*sys.argv[1:4]))
