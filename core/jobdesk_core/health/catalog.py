"""What the server's catalog says of Procrastinate's tables: sizes, indexes, triggers, foreign keys. Reads no row."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from jobdesk_core.connectors.statement import Rows, Statement
from jobdesk_core.health.released import shape

TABLES = ("procrastinate_jobs", "procrastinate_events", "procrastinate_periodic_defers", "procrastinate_workers")


@dataclass(frozen=True, slots=True)
class TableSize:
    """One table. Bytes of its rows with what is kept aside of them, and of its indexes; `pages` of the rows alone.

    `planned_rows`: rows as the planner believes, None while it has never been told. `xid_age`: transactions since its
    oldest row was frozen. `has_autovacuum`: whether it has not been switched off for the table.
    """

    name: str
    place: str
    table_bytes: int
    index_bytes: int
    pages: int
    planned_rows: float | None
    xid_age: int
    has_autovacuum: bool

    @property
    def bytes(self) -> int:
        """All of it."""
        return self.table_bytes + self.index_bytes


@dataclass(frozen=True, slots=True)
class Index:
    """One index as it is. `shape`: see `released.shape`; `place`: with its schema, quoted; `sql` creates it.

    `is_valid` is False for one that was begun and never finished. `is_constraint`: of a primary key or UNIQUE.
    """

    name: str
    place: str
    table: str
    shape: str
    sql: str
    bytes: int
    is_valid: bool
    is_unique: bool
    is_constraint: bool
    is_building: bool
    first_key: str
    predicate: str


@dataclass(frozen=True, slots=True)
class Trigger:
    """One trigger on a table; `definition` is the server's own text of it."""

    name: str
    table: str
    definition: str
    is_enabled: bool


@dataclass(frozen=True, slots=True)
class Catalog:
    """All of it, as of one moment. `worker_key`: whether a foreign key leads from the jobs to the workers."""

    tables: tuple[TableSize, ...]
    indexes: tuple[Index, ...]
    triggers: tuple[Trigger, ...]
    worker_key: bool
    freeze_max_age: int
    block_bytes: int

    def table(self, name: str) -> TableSize | None:
        """One table, None where it is not there."""
        return next((table for table in self.tables if table.name == name), None)

    def has_index_on(self, table: str, column: str) -> bool:
        """Whether an index of all rows begins with a column."""
        return any(
            index.table == table and index.first_key == column and not index.predicate and index.is_valid
            for index in self.indexes
        )

    @property
    def has_worker_index(self) -> bool:
        """Whether deleting a worker finds its jobs by an index: the release's own is of running jobs alone."""
        return any(
            index.table == TABLES[0]
            and index.first_key == "worker_id"
            and index.is_valid
            and index.predicate in ("", "(worker_id IS NOT NULL)")
            for index in self.indexes
        )


def _decode(rows: Rows) -> Catalog:
    row = rows[0]
    return Catalog(
        tables=tuple(_table(each) for each in row["tables"] or []),
        indexes=tuple(_index(each) for each in row["indexes"] or []),
        triggers=tuple(Trigger(**each) for each in row["triggers"] or []),
        worker_key=row["worker_key"],
        freeze_max_age=row["freeze_max_age"],
        block_bytes=row["block_bytes"],
    )


def _table(row: dict[str, Any]) -> TableSize:
    rows, pages = row.pop("rows"), row["planned_pages"]
    # Minus one until the first vacuum or analyze; a table that is empty has zero, too. Like the planner, by the pages
    # that the table has now.
    return TableSize(planned_rows=rows / pages * row["pages"] if rows >= 0 and pages else None, **_without(row))


def _without(row: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in row.items() if key != "planned_pages"}


def _index(row: dict[str, Any]) -> Index:
    keys, descending = row.pop("keys"), row.pop("descending")
    orders = [" desc" if is_descending else "" for is_descending in descending]
    text = shape(row["is_unique"], keys, row["predicate"], orders)
    return Index(shape=text, first_key=keys[0].strip('"'), **row)


CATALOG: Statement[Catalog] = Statement(
    """
    WITH known AS MATERIALIZED (
        SELECT class.oid, class.relname::text AS name, class.reltuples, class.relpages, class.relfrozenxid,
               class.reloptions, number, space.nspname AS schema,
               format('%%I.%%I', space.nspname, class.relname) AS place
          FROM unnest(%(tables)s::text[]) WITH ORDINALITY AS wanted (name, number)
          JOIN pg_class AS class ON class.oid = to_regclass(wanted.name) AND class.relkind = 'r'
          JOIN pg_namespace AS space ON space.oid = class.relnamespace
    )
    SELECT
        (SELECT jsonb_agg(jsonb_build_object(
            'name', name, 'place', place, 'table_bytes', pg_table_size(oid), 'index_bytes', pg_indexes_size(oid),
            'pages', pg_relation_size(oid) / current_setting('block_size')::integer,
            'rows', reltuples::float8, 'planned_pages', relpages, 'xid_age', age(relfrozenxid),
            'has_autovacuum', NOT 'autovacuum_enabled=false' = ANY (coalesce(reloptions, '{}'))
                AND NOT 'autovacuum_enabled=off' = ANY (coalesce(reloptions, '{}'))
         ) ORDER BY number) FROM known) AS tables,
        (SELECT jsonb_agg(jsonb_build_object(
            'name', class.relname, 'place', format('%%I.%%I', known.schema, class.relname), 'table', known.name,
            'keys', ARRAY(SELECT pg_get_indexdef(index.indexrelid, key, false)
                            FROM generate_series(1, index.indnkeyatts) AS key),
            'descending', ARRAY(SELECT coalesce(pg_index_column_has_property(index.indexrelid, key, 'desc'), false)
                                  FROM generate_series(1, index.indnkeyatts) AS key),
            'predicate', coalesce(pg_get_expr(index.indpred, index.indrelid), ''),
            'sql', pg_get_indexdef(index.indexrelid), 'bytes', pg_relation_size(index.indexrelid),
            'is_valid', index.indisvalid AND index.indisready, 'is_unique', index.indisunique,
            'is_constraint', EXISTS (SELECT FROM pg_constraint WHERE conindid = index.indexrelid
                                        AND contype IN ('p', 'u', 'x')),
            'is_building', EXISTS (SELECT FROM pg_stat_progress_create_index AS progress
                                    WHERE progress.index_relid = index.indexrelid)
         ) ORDER BY known.name, class.relname)
           FROM pg_index AS index JOIN known ON known.oid = index.indrelid
           JOIN pg_class AS class ON class.oid = index.indexrelid) AS indexes,
        (SELECT jsonb_agg(jsonb_build_object(
            'name', tgname, 'table', known.name, 'definition', pg_get_triggerdef(trigger.oid),
            'is_enabled', tgenabled IN ('O', 'A')) ORDER BY tgname)
           FROM pg_trigger AS trigger JOIN known ON known.oid = trigger.tgrelid WHERE NOT tgisinternal) AS triggers,
        EXISTS (
            SELECT FROM pg_constraint WHERE contype = 'f' AND conrelid = to_regclass('procrastinate_jobs')
               AND confrelid = to_regclass('procrastinate_workers')) AS worker_key,
        current_setting('autovacuum_freeze_max_age')::integer AS freeze_max_age,
        current_setting('block_size')::integer AS block_bytes
    """,
    _decode,
    {"tables": list(TABLES)},
)
