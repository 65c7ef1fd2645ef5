"""What the server has counted of tables, indexes and transactions since its statistics were last reset."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from jobdesk_core.connectors.statement import Rows, Statement
from jobdesk_core.health.catalog import TABLES

#: The view of the server that a part is read from, to be named where a role may not read it.
TABLES_VIEW, TRANSACTIONS_VIEW = "pg_stat_user_tables", "pg_stat_activity"


@dataclass(frozen=True, slots=True)
class TableStatistics:
    """One table: living and dead rows as counted, and when it was last vacuumed and analyzed (UTC, None: never).

    `by_hand`: whether the later vacuum, or analyze, was somebody's and not autovacuum's. `is_vacuumed_now`: one is
    under way.
    """

    live: int
    dead: int
    vacuumed_at: dt.datetime | None
    vacuumed_by_hand: bool
    analyzed_at: dt.datetime | None
    analyzed_by_hand: bool
    changed_since_analyze: int
    is_vacuumed_now: bool

    @property
    def dead_share(self) -> float:
        """Dead rows of all rows, 0 to 1."""
        return self.dead / (self.live + self.dead) if self.dead else 0.0


@dataclass(frozen=True, slots=True)
class Statistics:
    """Tables and the scans of indexes by name, counted since `since` (UTC; None: since the server was set up)."""

    tables: Mapping[str, TableStatistics]
    scans: Mapping[str, int]
    since: dt.datetime | None


def _later(row: dict[str, Any], by_hand: str, by_itself: str) -> tuple[dt.datetime | None, bool]:
    hand, auto = row[by_hand], row[by_itself]
    if hand is not None and (auto is None or hand >= auto):
        return hand, True
    return auto, False


def _decode(rows: Rows) -> Statistics:
    tables = {}
    scans: dict[str, int] = {}
    since = None
    for row in rows:
        since = row["since"]
        vacuumed_at, vacuumed_by_hand = _later(row, "last_vacuum", "last_autovacuum")
        analyzed_at, analyzed_by_hand = _later(row, "last_analyze", "last_autoanalyze")
        tables[row["name"]] = TableStatistics(
            live=row["live"],
            dead=row["dead"],
            vacuumed_at=vacuumed_at,
            vacuumed_by_hand=vacuumed_by_hand,
            analyzed_at=analyzed_at,
            analyzed_by_hand=analyzed_by_hand,
            changed_since_analyze=row["changed"],
            is_vacuumed_now=row["is_vacuumed_now"],
        )
        scans |= row["scans"] or {}
    return Statistics(tables, scans, since)


STATISTICS: Statement[Statistics] = Statement(
    """
    SELECT stat.relname::text AS name, stat.n_live_tup AS live, stat.n_dead_tup AS dead,
           stat.last_vacuum, stat.last_autovacuum, stat.last_analyze, stat.last_autoanalyze,
           stat.n_mod_since_analyze AS changed,
           EXISTS (SELECT FROM pg_stat_progress_vacuum AS progress WHERE progress.relid = stat.relid)
               AS is_vacuumed_now,
           (SELECT jsonb_object_agg(indexrelname, idx_scan) FROM pg_stat_user_indexes AS its
             WHERE its.relid = stat.relid) AS scans,
           (SELECT stats_reset FROM pg_stat_database WHERE datname = current_database()) AS since
      FROM unnest(%(tables)s::text[]) AS wanted (name)
      JOIN pg_stat_user_tables AS stat ON stat.relid = to_regclass(wanted.name)
    """,
    _decode,
    {"tables": list(TABLES)},
)


@dataclass(frozen=True, slots=True)
class Transaction:
    """The transaction that keeps the most dead rows from being removed, or the longest that does nothing.

    `kind` says what it is: a session, a prepared transaction or a replication slot. `sql` ends it; empty where this
    must not be offered. `age_s` is None where nothing tells.
    """

    kind: str
    name: str
    pid: int | None
    age_s: float | None
    xid_age: int | None
    is_idle: bool
    sql: str


@dataclass(frozen=True, slots=True)
class Transactions:
    """What holds vacuum back here. `is_whole`: whether this role sees the sessions of all others."""

    oldest: Transaction | None
    idle: Transaction | None
    database_xid_age: int
    is_whole: bool


def _decode_transactions(rows: Rows) -> Transactions:
    row = rows[0]

    def made(each: dict[str, Any] | None) -> Transaction | None:
        return Transaction(**each) if each is not None else None

    return Transactions(made(row["oldest"]), made(row["idle"]), row["database_xid_age"], row["is_whole"])


TRANSACTIONS: Statement[Transactions] = Statement(
    """
    WITH held AS MATERIALIZED (
        SELECT 'session' AS kind, coalesce(nullif(application_name, ''), usename::text, '') AS name, pid,
               extract(epoch FROM clock_timestamp() - xact_start)::float8 AS age_s,
               nullif(greatest(coalesce(age(backend_xmin), 0), coalesce(age(backend_xid), 0)), 0) AS xid_age,
               state LIKE 'idle in transaction%' AS is_idle,
               format('SELECT pg_terminate_backend(%s);', pid) AS sql
          FROM pg_stat_activity
         WHERE datname = current_database() AND pid <> pg_backend_pid() AND xact_start IS NOT NULL
           AND backend_type = 'client backend'
        UNION ALL
        SELECT 'prepared transaction', gid, NULL,
               extract(epoch FROM clock_timestamp() - prepared)::float8, age(transaction), true,
               format('ROLLBACK PREPARED %L;', gid)
          FROM pg_prepared_xacts WHERE database = current_database()
        UNION ALL
        SELECT 'replication slot', slot_name::text, active_pid, NULL, age(xmin), false, ''
          FROM pg_replication_slots WHERE xmin IS NOT NULL
    )
    SELECT (SELECT to_jsonb(held) FROM held WHERE xid_age IS NOT NULL ORDER BY xid_age DESC, age_s DESC LIMIT 1)
               AS oldest,
           (SELECT to_jsonb(held) FROM held WHERE is_idle AND age_s > 10 ORDER BY age_s DESC LIMIT 1) AS idle,
           (SELECT age(datfrozenxid) FROM pg_database WHERE datname = current_database()) AS database_xid_age,
           pg_has_role('pg_read_all_stats', 'USAGE') AS is_whole
    """,
    _decode_transactions,
)
