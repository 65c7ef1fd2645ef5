"""The SQL of locks: from the partial indexes of open jobs, and each from no more than a limited number of rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from jobdesk_core.connectors.statement import Rows, Statement
from jobdesk_core.database.capabilities import Capabilities
from jobdesk_core.database.rows import is_heard_from, reserves_lock, row_columns
from jobdesk_core.locks.reasons import Serving

#: Open jobs looked at, the oldest first (0.5 s when most of them share 80,000 locks), and locks listed.
LOOKED_JOBS, LISTED_LOCKS = 200_000, 200
#: Jobs of one lock that are listed.
CHAIN_JOBS = 100
#: Events looked at for failed jobs whose queueing lock was taken again, and for the queues that are served.
LOOKED_EVENTS, SERVING_EVENTS = 50_000, 5_000

_DUE = "(job.scheduled_at IS NULL OR job.scheduled_at <= now())"


def serving(capabilities: Capabilities) -> Statement[Serving]:
    """Which queues workers take jobs from, as far as the latest events and the running jobs tell."""
    live = "NULL::bigint"
    if capabilities.has_workers:
        live = f"(SELECT count(*) FROM procrastinate_workers AS worker WHERE {is_heard_from('worker')})"

    def decode(rows: Rows) -> Serving:
        row = rows[0]
        return Serving(frozenset(row["queues"]), row["since"] if row["looked"] >= SERVING_EVENTS else None, row["live"])

    return Statement(
        "WITH latest AS MATERIALIZED (SELECT job_id, type, at FROM procrastinate_events ORDER BY id DESC LIMIT %(n)s) "
        f"SELECT {live} AS live, (SELECT count(*) FROM latest) AS looked, "
        "(SELECT min(at) FROM latest WHERE type <> 'scheduled') AS since, ARRAY("
        "SELECT job.queue_name::text FROM latest JOIN procrastinate_jobs AS job ON job.id = latest.job_id "
        "WHERE latest.type = 'started' UNION "
        "SELECT queue_name::text FROM procrastinate_jobs WHERE status = 'doing') AS queues",
        decode,
        {"n": SERVING_EVENTS},
    )


def locks(capabilities: Capabilities, text: str) -> Statement[Rows]:
    """The locks with the most pressing first, each with the columns of its head; one row of nulls when none is."""
    columns = (
        f"job.id, job.lock, job.status <> 'todo' AS runs, {_DUE} AS due, ARRAY[(job.status = 'todo')::integer "
        f"+ (job.status = 'todo' AND NOT {reserves_lock(capabilities, 'job.')})::integer, "
        f"{_place(capabilities)}, job.id, {_DUE}::integer]::bigint[] AS place"
    )
    listed = "true" if text else "count(*) > 1 OR bool_or(runs)"
    return Statement(
        f"WITH {_open(capabilities, columns)}, "
        "chain AS (SELECT lock, min(place) AS head, min(id) AS first_id, "
        "min(id) FILTER (WHERE due AND NOT runs) AS oldest, count(*) FILTER (WHERE due AND NOT runs) AS due_jobs "
        f"FROM open WHERE lock IS NOT NULL AND {_named('lock', text)} GROUP BY lock HAVING {listed}), "
        "marked AS (SELECT *, head[1] = 1 AND head[4] = 0 AND due_jobs > 0 AS blocks FROM chain), "
        "listed AS MATERIALIZED (SELECT *, count(*) OVER () AS total, count(*) FILTER (WHERE blocks) OVER () "
        "AS blocked FROM marked ORDER BY blocks DESC, oldest, first_id LIMIT %(listed)s), "
        "behind AS (SELECT lock, count(*) FILTER (WHERE open.due) AS waiting, count(*) FILTER (WHERE NOT open.due) "
        "AS later, min(open.id) FILTER (WHERE open.due) AS oldest_behind FROM open JOIN listed USING (lock) "
        "WHERE open.id <> listed.head[3] GROUP BY lock) "
        "SELECT listed.lock AS name, listed.first_id, coalesce(behind.waiting, 0) AS waiting, "
        "coalesce(behind.later, 0) AS later, listed.total, listed.blocked, whole.looked, now() AS asked_at, "
        "(SELECT greatest(min(event.at), min(waiter.scheduled_at)) FROM procrastinate_jobs AS waiter "
        "LEFT JOIN procrastinate_events AS event ON event.job_id = waiter.id AND event.type = 'deferred' "
        "WHERE waiter.id = behind.oldest_behind) AS waiting_since, "
        "(SELECT max(event.at) FROM procrastinate_events AS event WHERE event.job_id = job.id "
        "AND event.type = 'started') AS started_at, "
        f"{_alive(capabilities)} AS is_worker_alive, {row_columns(capabilities)} "
        "FROM (SELECT count(*) AS looked FROM oldest) AS whole LEFT JOIN listed ON true LEFT JOIN behind USING (lock) "
        "LEFT JOIN procrastinate_jobs AS job ON job.id = listed.head[3] "
        "ORDER BY listed.blocks DESC, listed.oldest, listed.first_id",
        _as_they_are,
        _parameters(text),
    )


def queueing_locks(capabilities: Capabilities, text: str) -> Statement[Rows]:
    """The queueing locks, first those that a running or lately failed job had before; a row of nulls when none is."""
    named = _named("queueing_lock", text)
    had = "job.queueing_lock IS NOT NULL"
    return Statement(
        f"WITH {_open(capabilities, 'job.id, job.queueing_lock, job.status')}, "
        "latest AS MATERIALIZED (SELECT job_id, type, at FROM procrastinate_events ORDER BY id DESC LIMIT %(events)s), "
        "failed AS MATERIALIZED (SELECT job.id, job.queueing_lock FROM (SELECT DISTINCT job_id FROM latest "
        "WHERE type = 'failed') AS event "
        f"JOIN procrastinate_jobs AS job ON job.id = event.job_id WHERE job.status = 'failed' AND {had}), "
        "holder AS (SELECT id, queueing_lock FROM open WHERE status = 'todo' AND queueing_lock IS NOT NULL "
        "UNION SELECT job.id, job.queueing_lock FROM procrastinate_jobs AS job WHERE job.status = 'todo' "
        "AND job.queueing_lock = ANY (ARRAY(SELECT queueing_lock FROM failed))), "
        "refused AS (SELECT queueing_lock, count(*) AS refused, (array_agg(id ORDER BY id DESC))[1:%(chain)s] AS ids "
        "FROM (SELECT id, queueing_lock FROM failed UNION SELECT id, queueing_lock FROM open "
        "WHERE status <> 'todo' AND queueing_lock IS NOT NULL) AS before GROUP BY queueing_lock), "
        "listed AS MATERIALIZED (SELECT holder.id AS holder_id, queueing_lock, refused.refused, refused.ids, "
        "count(*) OVER () AS total, count(refused.refused) OVER () AS blocked FROM holder "
        f"LEFT JOIN refused USING (queueing_lock) WHERE {named} "
        "ORDER BY refused.refused IS NULL, holder.id LIMIT %(listed)s) "
        "SELECT listed.queueing_lock AS name, coalesce(listed.refused, 0) AS refused, "
        "coalesce(listed.ids, '{}') AS refused_ids, listed.total, listed.blocked, whole.looked, now() AS asked_at, "
        # Those of the type `scheduled` tell when the job is due.
        "(SELECT min(at) FILTER (WHERE type <> 'scheduled') FROM latest HAVING count(*) >= %(events)s) AS since, "
        f"{row_columns(capabilities)} FROM (SELECT count(*) AS looked FROM oldest) AS whole "
        "LEFT JOIN listed ON true LEFT JOIN procrastinate_jobs AS job ON job.id = listed.holder_id "
        "ORDER BY listed.refused IS NULL, listed.holder_id",
        _as_they_are,
        _parameters(text) | {"chain": CHAIN_JOBS},
    )


def chain(capabilities: Capabilities, lock: str, first_id: int) -> Statement[Rows]:
    """One lock's open jobs from an id on, in the order in which workers take them; one more than is listed."""
    statuses = "'todo', 'doing', 'aborting'" if capabilities.has_aborting_status else "'todo', 'doing'"
    return Statement(
        f"SELECT {row_columns(capabilities)}, {_alive(capabilities)} AS is_worker_alive "
        "FROM procrastinate_jobs AS job "
        f"WHERE job.id >= %(first)s AND job.lock = %(lock)s AND job.status IN ({statuses}) "
        f"ORDER BY job.status = 'todo', NOT {reserves_lock(capabilities, 'job.')}, {_place(capabilities)}, job.id "
        "LIMIT %(limit)s",
        _as_they_are,
        {"lock": lock, "first": first_id, "limit": CHAIN_JOBS + 1},
    )


def jobs(capabilities: Capabilities, job_ids: Sequence[int]) -> Statement[Rows]:
    """The jobs of these ids that are there and whose queueing lock may still matter."""
    return Statement(
        f"SELECT {row_columns(capabilities)} FROM procrastinate_jobs AS job WHERE job.id = ANY (%(ids)s) "
        "AND job.status::text IN ('todo', 'doing', 'aborting', 'failed')",
        _as_they_are,
        {"ids": list(job_ids)},
    )


def _open(capabilities: Capabilities, columns: str) -> str:
    """Two queries of a WITH: `oldest` open jobs, from their partial index, and `open`, those and all that run."""
    jobs = f"SELECT {columns} FROM procrastinate_jobs AS job"
    running = f"{jobs} WHERE job.status = 'doing' AND job.id > (SELECT max(id) FROM oldest)"
    if capabilities.has_aborting_status:
        # Few releases have an index of these: they are found by their events.
        running += (
            f" UNION ALL {jobs} WHERE job.status::text = 'aborting' AND job.id = ANY (ARRAY(SELECT job_id FROM ("
            "SELECT job_id, type FROM procrastinate_events ORDER BY id DESC LIMIT %(events)s) AS latest "
            "WHERE type::text = 'abort_requested'))"
        )
    return (
        f"oldest AS MATERIALIZED ({jobs} WHERE job.status IN ('todo', 'doing') ORDER BY job.id LIMIT %(looked)s), "
        f"open AS MATERIALIZED (SELECT * FROM oldest UNION ALL {running})"
    )


def _place(capabilities: Capabilities) -> str:
    """What goes before the id in the order of a lock's waiting jobs: from 3.3 on the priority, before that nothing."""
    return "-job.priority::bigint" if capabilities.has_priority and capabilities.has_priority_locks else "0::bigint"


def _alive(capabilities: Capabilities) -> str:
    if not capabilities.has_workers:
        return "false"
    return (
        "EXISTS (SELECT FROM procrastinate_workers AS worker WHERE worker.id = job.worker_id "
        f"AND {is_heard_from('worker')})"
    )


def _named(column: str, text: str) -> str:
    return f"strpos(lower({column}), lower(%(text)s)) > 0" if text else "true"


def _parameters(text: str) -> dict[str, Any]:
    return {
        "looked": LOOKED_JOBS,
        "listed": LISTED_LOCKS,
        "events": LOOKED_EVENTS,
        "text": text,
    }


def _as_they_are(rows: Rows) -> Rows:
    return rows
