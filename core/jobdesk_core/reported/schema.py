"""Installing, upgrading and removing the schema of the reports, each as one transaction.

Nothing of Procrastinate's is touched, and nothing that Jobdesk did not make: a schema `jobdesk` of somebody else's is
refused, and what others have put into ours stays.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from jobdesk_core.connectors.statement import Rows, Statement, nothing
from jobdesk_core.exceptions import SchemaRefused
from jobdesk_core.operations.steps import Steps
from jobdesk_core.reported.ddl import (
    LOCK,
    SCHEMA,
    TABLES,
    VERSION,
    grants_for_readers,
    grants_for_workers,
    removal_sql,
    schema_sql,
    tables_sql,
)
from jobdesk_core.reported.records import Reported, State

__all__ = [
    "SCHEMA",
    "TABLES",
    "VERSION",
    "Installed",
    "detect",
    "grants_for_readers",
    "grants_for_workers",
    "installing",
    "removing",
    "schema_sql",
    "upgrading",
]


@dataclass(frozen=True, slots=True)
class Installed:
    """What an installation, an upgrade or a removal has done: the versions before and after, None for no tables.

    `kept` names what others have put into the schema, which is why a removal has left it.
    """

    before: int | None
    after: int | None
    kept: tuple[str, ...] = ()

    @property
    def did(self) -> Literal["installed", "upgraded", "removed", "nothing"]:
        """In a word."""
        if self.before == self.after:
            return "nothing"
        if self.after is None:
            return "removed"
        return "installed" if self.before is None else "upgraded"


def installing() -> Steps[Installed]:
    """Create the schema, or bring an older one up to date. Raises SchemaRefused with the reason.

    Run it as one transaction: it holds a lock until that ends, so that two at once do it once.
    """
    found = yield from _locked()
    return (yield from _brought_up(found))


def upgrading() -> Steps[Installed]:
    """Bring an older schema up to date; as `installing`, but there must be one."""
    found = yield from _locked()
    if found.state == "absent":
        raise SchemaRefused(f"Database {found.database} has no schema jobdesk. Install it first.")
    return (yield from _brought_up(found))


def removing() -> Steps[Installed]:
    """Drop what was installed, and the schema unless others have put something into it.

    Raises SchemaRefused where there is nothing of ours. Run it as one transaction.
    """
    found = yield from _locked()
    _refuse_others(found)
    if found.version is None:
        raise SchemaRefused(f"Database {found.database} has no schema jobdesk. There is nothing to remove.")
    yield Statement(removal_sql(with_schema=not found.others), nothing)
    return Installed(found.version, None, found.others)


def _locked() -> Steps[Reported]:
    yield Statement(LOCK, nothing)
    found: Reported = yield detect()
    return found


def _brought_up(found: Reported) -> Steps[Installed]:
    _refuse_others(found)
    if found.version is not None and found.version > VERSION:
        raise SchemaRefused(
            f"The schema jobdesk of database {found.database} has version {found.version}, which is newer than this "
            f"program's version {VERSION}. Use a newer Jobdesk."
        )
    if found.version != VERSION:
        create = "" if found.is_there else f"CREATE SCHEMA {SCHEMA};\n"
        yield Statement(create + tables_sql(found.version or 0), nothing)
    return Installed(found.version, VERSION)


def _refuse_others(found: Reported) -> None:
    if found.state == "foreign":
        names = ", ".join(found.others[:5]) + (f" and {len(found.others) - 5} more" if len(found.others) > 5 else "")
        raise SchemaRefused(
            f"The schema jobdesk of database {found.database} was not made by Jobdesk (it holds {names}). "
            "Nothing was changed."
        )
    if found.state == "unreadable":
        raise SchemaRefused(
            f"Role {found.role} may not look into the schema jobdesk of database {found.database}. "
            "Do this as the role that owns it."
        )


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
