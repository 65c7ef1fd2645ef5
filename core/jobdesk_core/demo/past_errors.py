"""What the demo's workers would have reported: the errors of the jobs that failed, raised now, and their own lives."""

from __future__ import annotations

import json
from typing import Any

import psycopg

from jobdesk_core.connectors.psycopg import PsycopgConnector
from jobdesk_core.connectors.statement import Rows, Statement, nothing
from jobdesk_core.demo.trouble import go_wrong
from jobdesk_core.reported.ddl import schema_sql
from jobdesk_core.reported.detection import detect
from jobdesk_core.reporting import faults, fingerprints, statements

#: What the demo's application is called, as its workers report it, and its version.
APP, VERSION = "shop", "2.4.1"
#: Whose frames are its own: it lies within this package.
OWN = frozenset({"jobdesk_core.demo"})


async def install_reports(connector: PsycopgConnector, dsn: str, away: tuple[float, float] | None) -> None:
    """Create the schema of the reports where there is none, and fill in the errors of the jobs that have failed.

    `away`: from when until when no worker was alive, in seconds since 1970; None where nothing is known of the past.
    """
    if (await connector.run_async(detect())).state != "absent":
        return
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(schema_sql().encode())
        if away is not None:
            connection.execute(_LIVES, {"app": APP, "began": away[0], "ended": away[1]})
    rows = [row for job in await connector.run_async(_FAILED) if (row := _error(job)) is not None]
    if rows:
        await connector.run_async(Statement(statements.ERRORS, nothing, {"rows": json.dumps(rows, default=str)}))


def _error(job: dict[str, Any]) -> dict[str, Any] | None:
    caught: Exception | None = None
    try:
        go_wrong(job["task_name"], job["args"])
    except Exception as error:  # noqa: BLE001 - whatever the samples raise is what is wanted
        caught = error
    if caught is None:
        return None
    asked: list[tuple[BaseException, faults.Fault]] = []
    fault = faults.taken(caught, lambda error, one: asked.append((error, one)), skip=lambda name: name == __name__)
    for each, one in asked:
        one.text = faults.text_of(each)
    for one in fault.chain():
        one.frames = [frame for frame in one.frames if frame.function != go_wrong.__name__]
    return {
        "job_id": job["id"],
        "attempt": job["attempts"],
        "at": job["at"],
        "app": APP,
        "task_name": job["task_name"],
        "queue_name": job["queue_name"],
        "type": fault.type,
        "message": faults.message(fault, None),
        "traceback": faults.traceback_text(fault, None),
        "fingerprint": fingerprints.fingerprint(fault, OWN),
        "worker": None,
        "outcome": "failed",
    }


#: One worker before that, and one since.
_LIVES = (
    "INSERT INTO jobdesk.workers (id, app, host, name, started_at, beat_at, ended_at) "
    "SELECT gen_random_uuid(), %(app)s, 'demo', life.name, life.began, life.ended, life.ended FROM (VALUES "
    "('before', to_timestamp(%(began)s) - interval '9 days', to_timestamp(%(began)s)), "
    "('since', to_timestamp(%(ended)s), now())) AS life (name, began, ended)"
)


def _jobs(rows: Rows) -> list[dict[str, Any]]:
    return [dict(row) for row in rows]


_FAILED: Statement[list[dict[str, Any]]] = Statement(
    "SELECT job.id, job.task_name, job.queue_name, job.attempts, job.args, "
    "(SELECT max(event.at) FROM procrastinate_events AS event WHERE event.job_id = job.id) AS at "
    "FROM procrastinate_jobs AS job WHERE job.status = 'failed' ORDER BY job.id DESC LIMIT 2000",
    _jobs,
)
