"""The one question that a pulse asks: what is open, who works, and what has happened since the last time.

All of it in one statement, and bounded: so many of the open jobs, the oldest, and so many events are looked at. It is
short enough for the driver to keep what it makes of the text: fifty databases are asked it in each interval.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Sequence
from dataclasses import dataclass

from jobdesk_core.connectors.statement import Rows, Statement
from jobdesk_core.database.capabilities import Capabilities
from jobdesk_core.jobs import EventType
from jobdesk_core.reading.open_jobs import OpenJobs, heads_sql, read_heads
from jobdesk_core.reading.pace import ENDS, KINDS
from jobdesk_core.watching import tally

#: Waiting jobs, running jobs and events looked at by one question.
MOST = 10_000
#: Ids left out by transactions in flight that are asked for again, and how far below the newest event they are looked
#: for.
MOST_MISSING, _MISSING_IDS = 100, 5_000
#: Events of earlier minutes count nowhere.
_MINUTES = 65

#: Minute since 1970, queue, task, kind, how many, how many of them of jobs put off until later, the last one's time.
Happened = tuple[int, str, str, EventType, int, int, dt.datetime]


@dataclass(frozen=True, slots=True)
class Answer:
    """`first_at` (UTC) is the time of the first of `events` events, None without any. `missing`: ids left out,
    `appeared`: those left out before that have come.

    `cursor` is the last event that was read, `newest` the last that there is. `cost_ms`: how long the server took.
    """

    open: OpenJobs
    is_at_least: bool
    happened: Sequence[Happened]
    events: int
    first_at: dt.datetime | None
    cursor: int
    newest: int
    missing: tuple[int, ...]
    appeared: tuple[int, ...]
    server_time: dt.datetime
    cost_ms: float
    lasted: Sequence[tally.Lasted] = ()


_OPEN = (
    "((SELECT * FROM procrastinate_jobs WHERE status = 'doing' LIMIT %(most)s) "
    # By its id: the partial index of the open jobs has them in this order.
    "UNION ALL (SELECT * FROM procrastinate_jobs WHERE status = 'todo' ORDER BY id LIMIT %(most)s)) AS job"
)
_TAIL = (
    "bounds AS (SELECT coalesce(max(id), 0) AS newest, "
    "least(coalesce(%(cursor)s::bigint, max(id) - %(most)s, 0), coalesce(max(id), 0)) AS first "
    "FROM procrastinate_events), "
    "tail AS ((SELECT id, job_id, type::text, at FROM procrastinate_events "
    "WHERE id > (SELECT first FROM bounds) ORDER BY id LIMIT %(most)s) UNION ALL "
    "SELECT id, job_id, type::text, at FROM procrastinate_events WHERE id = ANY (%(missing)s::bigint[]) "
    "AND id <= (SELECT first FROM bounds)), "
    # One look-up for each: the planner, who knows only the limit, would read the whole table instead.
    "happened AS (SELECT floor(extract(epoch FROM at) / 60)::bigint AS minute, queue_name, task_name, type, "
    "count(*) AS events, count(*) FILTER (WHERE until > at) AS later, max(extract(epoch FROM at)) AS last_at "
    "FROM tail, LATERAL (SELECT queue_name, task_name, "
    "CASE status WHEN 'todo' THEN scheduled_at END AS until FROM procrastinate_jobs WHERE id = tail.job_id LIMIT 1) "
    "AS job "
    "WHERE type = ANY (%(kinds)s) AND at > now() - %(minutes)s * interval '1 minute' "
    "AND at < now() + interval '1 day' GROUP BY 1, 2, 3, 4), "
    "read AS (SELECT max(id) AS last, count(*) AS events, min(at) FILTER (WHERE type <> 'scheduled') AS first_at "
    "FROM tail), "
    "told AS (SELECT (SELECT json_agg(json_build_array(minute, queue_name, task_name, type, events, later, last_at)) "
    "FROM happened)::text AS happened, events, first_at, greatest(read.last, first) AS last, newest, "
    "ARRAY(SELECT id FROM generate_series(greatest(first + 1, read.last - %(below)s), read.last) AS id "
    "EXCEPT SELECT id FROM tail ORDER BY id DESC LIMIT %(gaps)s) AS missing, "
    "ARRAY(SELECT id FROM tail WHERE id <= first) AS appeared FROM read, bounds)"
)


def question(
    capabilities: Capabilities, cursor: int | None, missing: Sequence[int], *, is_timed: bool = False
) -> Statement[Answer]:
    """What is open, and what has happened after the event `cursor` and in those `missing`; None: lately.

    `is_timed`: and how long what has happened lasted.
    """
    parts, lasted = (f"{_TAIL}, {tally.LASTED}", f"{tally.TOLD} AS lasted, ") if is_timed else (_TAIL, "")
    text = (
        f"WITH {parts}, seen AS (SELECT *, row_number() OVER () AS place FROM "
        f"({heads_sql(capabilities, _OPEN)}) AS heads) "
        "SELECT seen.*, (SELECT min(at) FROM procrastinate_events WHERE job_id = seen.first_id AND type = 'deferred' "
        "AND at BETWEEN '1000-01-01' AND '9000-01-01') AS deferred_at, told.*, "
        f"{lasted}clock_timestamp() AS server_time, "
        "1000 * extract(epoch FROM clock_timestamp() - statement_timestamp())::float8 AS cost_ms "
        "FROM seen LEFT JOIN told ON place = 1 ORDER BY place"
    )
    parameters = {
        "cursor": cursor,
        "missing": list(missing),
        "most": MOST,
        "kinds": [kind.value for kind in KINDS],
        "minutes": _MINUTES,
        "below": _MISSING_IDS,
        "gaps": MOST_MISSING,
    }
    if is_timed:
        ends = [kind.value for kind in ENDS]
        parameters |= {"ends": ends, "spans": [EventType.STARTED.value, *ends]}
    return Statement(text, lambda rows: _answer(rows, capabilities), parameters)


def _answer(rows: Rows, capabilities: Capabilities) -> Answer:
    first, last = rows[0], rows[-1]
    deferred = {row["first_id"]: row["deferred_at"] for row in rows if row["deferred_at"] is not None}
    jobs = read_heads(rows, capabilities).with_deferred(deferred)
    happened = [
        (minute, queue, task, EventType(kind), events, later, dt.datetime.fromtimestamp(at, dt.UTC))
        for minute, queue, task, kind, events, later, at in json.loads(first["happened"] or "[]")
    ]
    return Answer(
        jobs,
        jobs.all.waiting >= MOST or jobs.all.running >= MOST,
        happened,
        first["events"],
        first["first_at"],
        first["last"],
        first["newest"],
        tuple(first["missing"]),
        tuple(first["appeared"]),
        last["server_time"],
        last["cost_ms"],
        tally.read_lasted(first.get("lasted")),
    )
