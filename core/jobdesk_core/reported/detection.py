"""Whether a database has reports, of which version, and what of them a role may read."""

from __future__ import annotations

from jobdesk_core.connectors.statement import Rows, Statement
from jobdesk_core.database.reported import Reported, State
from jobdesk_core.reported.ddl import TABLES, VERSION

# Of the catalog alone, by which nothing can fail: to_regclass refuses a schema that one may not use. The version is
# the one value that a table holds: ts_stat runs a query of its own, and only where the catalog says that it can be run.
_DETECT = """\
WITH space AS (
    SELECT oid, has_schema_privilege(oid, 'USAGE') AS may_use FROM pg_namespace WHERE nspname = 'jobdesk'
), relation AS (
    SELECT class.oid, class.relname::text AS name, class.relkind,
           space.may_use AND has_table_privilege(class.oid, 'SELECT') AS may_read
      FROM pg_class AS class JOIN space ON class.relnamespace = space.oid
     WHERE class.relkind IN ('r', 'p', 'v', 'm', 'f')
), marked AS (
    SELECT relation.may_read FROM relation
     WHERE relation.name = 'version' AND relation.relkind = 'r' AND 2 = (
        SELECT count(*) FROM pg_attribute AS attribute
         WHERE attribute.attrelid = relation.oid AND NOT attribute.attisdropped
           AND (attribute.attname, attribute.atttypid) IN (('version', 23), ('installed_at', 1184)))
)
SELECT current_database()::text AS database, current_user::text AS role,
       EXISTS (SELECT FROM space) AS is_there,
       coalesce((SELECT may_use FROM space), false) AS may_use,
       EXISTS (SELECT FROM marked) AS is_marked,
       CASE WHEN (SELECT may_read FROM marked) THEN (
           SELECT max(word)::integer FROM ts_stat('SELECT version::text::tsvector FROM jobdesk.version')
       ) END AS version,
       ARRAY(SELECT name FROM relation ORDER BY name) AS tables,
       ARRAY(SELECT name FROM relation WHERE may_read ORDER BY name) AS readable,
       ARRAY(SELECT proname::text FROM pg_proc WHERE pronamespace = (SELECT oid FROM space) ORDER BY 1) AS functions,
       ARRAY(SELECT typname::text FROM pg_type
              WHERE typnamespace = (SELECT oid FROM space) AND typtype IN ('e', 'd', 'r', 'c') AND NOT EXISTS (
                SELECT FROM pg_class WHERE pg_class.oid = typrelid AND relkind <> 'c') ORDER BY 1) AS types"""


def detect() -> Statement[Reported]:
    """Whether reports can be read here, of which version, and which tables. It needs no right, and never fails."""
    return Statement(_DETECT, _found)


def _found(rows: Rows) -> Reported:
    row = rows[0]
    tables, readable = set(row["tables"]), set(row["readable"])
    version: int | None = row["version"]
    own = set(TABLES) if row["is_marked"] else set()
    others = tuple(sorted((tables - own) | set(row["functions"]) | set(row["types"])))
    return Reported(
        state=_state(row, version, others),
        readable=frozenset(readable & own),
        version=version,
        database=row["database"],
        role=row["role"],
        tables=frozenset(tables & own),
        others=others,
        is_there=row["is_there"],
    )


def _state(row: dict[str, object], version: int | None, others: tuple[str, ...]) -> State:
    if not row["is_marked"]:
        return "foreign" if others else "absent"
    if version is None:
        return "unreadable"
    if version == VERSION:
        return "current"
    return "older" if version < VERSION else "newer"
