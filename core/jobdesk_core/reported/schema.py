"""Installing, upgrading and removing the schema of the reports, each as one transaction.

Nothing of Procrastinate's is touched, and nothing that Jobdesk did not make: a schema `jobdesk` of somebody else's is
refused, and what others have put into ours stays.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from jobdesk_core.connectors.statement import Statement, nothing
from jobdesk_core.database.asking import Asking
from jobdesk_core.database.reported import Reported
from jobdesk_core.exceptions import SchemaRefused
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
from jobdesk_core.reported.detection import detect

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


def installing() -> Asking[Installed]:
    """Create the schema, or bring an older one up to date. Raises SchemaRefused with the reason.

    Run it as one transaction: it holds a lock until that ends, so that two at once do it once.
    """
    found = yield from _locked()
    return (yield from _brought_up(found))


def upgrading() -> Asking[Installed]:
    """Bring an older schema up to date; as `installing`, but there must be one."""
    found = yield from _locked()
    if found.state == "absent":
        raise SchemaRefused(f"Database {found.database} has no schema jobdesk. Install it first.")
    return (yield from _brought_up(found))


def removing() -> Asking[Installed]:
    """Drop what was installed, and the schema unless others have put something into it.

    Raises SchemaRefused where there is nothing of ours. Run it as one transaction.
    """
    found = yield from _locked()
    _refuse_others(found)
    if found.version is None:
        raise SchemaRefused(f"Database {found.database} has no schema jobdesk. There is nothing to remove.")
    yield Statement(removal_sql(with_schema=not found.others), nothing)
    return Installed(found.version, None, found.others)


def _locked() -> Asking[Reported]:
    yield Statement(LOCK, nothing)
    found: Reported = yield detect()
    return found


def _brought_up(found: Reported) -> Asking[Installed]:
    _refuse_others(found)
    if found.version is not None and found.version > VERSION:
        raise SchemaRefused(
            f"The schema jobdesk of database {found.database} has version {found.version}, which is newer than this "
            f"program's version {VERSION}. Use a newer Jobdesk."
        )
    if found.version is not None and found.version < 1:
        raise SchemaRefused(
            f"The schema jobdesk of database {found.database} has version {found.version}, which Jobdesk has never "
            "made. Remove it, and install it again."
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
