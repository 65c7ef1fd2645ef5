"""How large the tables of the reports are, by the catalog alone."""

from __future__ import annotations

from dataclasses import dataclass

from jobdesk_core.connectors.statement import Rows, Statement


@dataclass(frozen=True, slots=True)
class TableSize:
    """`rows` is an estimate of the server's, None before its first; `size_bytes` is with indexes and long texts."""

    rows: int | None
    size_bytes: int


def sizes() -> Statement[dict[str, TableSize]]:
    """The size of each table that lies in the schema, by name."""

    def decode(rows: Rows) -> dict[str, TableSize]:
        return {row["name"]: TableSize(row["rows"], row["bytes"]) for row in rows}

    return Statement(
        "SELECT class.relname::text AS name, pg_total_relation_size(class.oid) AS bytes, "
        "CASE WHEN coalesce(live.n_live_tup, 0) > 0 OR class.reltuples >= 0 "
        "THEN greatest(coalesce(live.n_live_tup, 0), 0) END AS rows "
        "FROM pg_class AS class JOIN pg_namespace AS space ON space.oid = class.relnamespace "
        "LEFT JOIN pg_stat_all_tables AS live ON live.relid = class.oid "
        "WHERE space.nspname = 'jobdesk' AND class.relkind = 'r'",
        decode,
    )
