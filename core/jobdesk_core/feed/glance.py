"""The one small question that is asked at rest, whose answer tells whether there is anything to read."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial

from jobdesk_core.connectors.statement import Rows, Statement
from jobdesk_core.database.capabilities import Capabilities
from jobdesk_core.database.rows import WorkerRow
from jobdesk_core.feed import row_count_check
from jobdesk_core.feed.report_news import Mark
from jobdesk_core.feed.row_count_check import TableStatistics
from jobdesk_core.reading import workers


@dataclass(frozen=True, slots=True)
class Glance:
    """The answer to the one small question asked at rest. `storage` changes when a table is emptied or rewritten."""

    last_event_id: int
    statistics: TableStatistics
    storage: str
    watched: str
    workers: list[WorkerRow] | None
    server_time: dt.datetime
    #: Of whom is asked, and what it can do.
    identity: str
    #: The newest event that was read, as a number, and the last id that its sequence gave; None where not to be had.
    newest: int | None
    last_value: int | None
    newest_id: int
    reported: Mark

    def is_other_than(self, last: Glance, cursor: int) -> bool:
        """Whether the tables are no longer those that were read: truncated, restored, migrated, or another server's.

        Events whose ids were given before would never be seen: those of a sequence that was set back.
        """
        is_another = (
            last.newest_id == cursor and None not in (last.newest, self.newest) and (last.newest != self.newest)
        )
        is_set_back = self.last_value is not None and self.last_value < cursor
        is_below = self.last_event_id < cursor and self.last_event_id > last.last_event_id
        return (
            (self.storage, self.identity) != (last.storage, last.identity)
            or is_another
            or is_below
            or (is_set_back and self.last_value != last.last_value)
        )


#: What changes when another server answers, when a standby is promoted, and with every migration or grant.
_TABLES = ", ".join(f"to_regclass('procrastinate_{name}')" for name in ("jobs", "events", "workers", "periodic_defers"))
_IDENTITY = (
    "concat_ws(' ', pg_is_in_recovery(), pg_postmaster_start_time(), "
    f"(SELECT sum(hashtextextended(concat(oid, ' ', xmin), 0)) FROM pg_class WHERE oid IN ({_TABLES})), "
    f"(SELECT sum(hashtextextended(concat(oid, ' ', xmin), 0)) FROM pg_trigger WHERE tgrelid IN ({_TABLES})), "
    "(SELECT sum(hashtextextended(concat(oid, ' ', xmin), 0)) FROM pg_proc "
    "WHERE proname >= 'procrastinate_' AND proname < 'procrastinate`'), "
    "(SELECT sum(hashtextextended(concat(oid, ' ', xmin), 0)) FROM pg_enum WHERE enumtypid IN "
    "(to_regtype('procrastinate_job_status'), to_regtype('procrastinate_job_event_type'))))"
)
_SEQUENCE = "pg_get_serial_sequence('procrastinate_events', 'id')"
# Before PostgreSQL 17 it fails without the right.
_LAST_VALUE = (
    f"CASE WHEN has_sequence_privilege({_SEQUENCE}, 'USAGE, SELECT') "
    f"THEN coalesce(pg_sequence_last_value({_SEQUENCE}::regclass), 0) END"
)


def question(
    capabilities: Capabilities, cursor: int, watched: Iterable[int], *, reported: str, has_workers: bool
) -> Statement[Glance]:
    """Whether there is anything to read beyond the cursor, or about the jobs watched."""
    worker = "job.worker_id" if capabilities.has_worker_id else "NULL"
    abort = "job.abort_requested" if capabilities.has_abort_requested else "NULL"
    priority = "job.priority" if capabilities.has_priority else "NULL"
    return Statement(
        "SELECT coalesce((SELECT max(id) FROM procrastinate_events), 0) AS last_event_id, "
        "clock_timestamp() AS server_time, "
        f"{_IDENTITY} AS identity, "
        "(SELECT hashtextextended(event::text, 0) FROM procrastinate_events AS event WHERE id = %(cursor)s) "
        f"AS newest, {_LAST_VALUE} AS last_value, "
        f"{row_count_check.COLUMNS}, {reported}, "
        "concat_ws(' ', pg_relation_filenode('procrastinate_jobs'), pg_relation_filenode('procrastinate_events'), "
        "pg_relation_filenode(pg_get_serial_sequence('procrastinate_events', 'id')::regclass), "
        # That of the reports: it was installed, removed, or somebody's rights to it have changed.
        "(SELECT oid || '.' || xmin FROM pg_namespace WHERE nspname = 'jobdesk')) AS storage, "
        "coalesce((SELECT sum(hashtextextended(ROW(job.id, job.status, job.queue_name, job.task_name, "
        f"job.attempts, job.scheduled_at, job.lock, job.queueing_lock, {worker}, {abort}, {priority})::text, 0)) "
        "FROM procrastinate_jobs AS job WHERE job.id = ANY (%(watched)s)), 0)::text AS watched"
        f"{workers.BESIDE if has_workers else ''}",
        partial(_decoded, cursor=cursor),
        {"watched": list(watched), "cursor": cursor},
    )


def _decoded(rows: Rows, cursor: int) -> Glance:
    row = rows[0]
    return Glance(
        row["last_event_id"],
        row_count_check.statistics(rows),
        row["storage"],
        row["watched"],
        workers.workers_in(row),
        row["server_time"],
        row["identity"],
        row["newest"],
        row["last_value"],
        cursor,
        (row["reported_error"], row["reported_progress"]),
    )
