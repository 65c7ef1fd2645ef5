"""Creates the schema on a database that has none, and refuses every other one with the reason."""

from __future__ import annotations

from importlib.resources import files

from jobdesk_core.connectors.psycopg import PsycopgConnector
from jobdesk_core.connectors.statement import Statement, nothing
from jobdesk_core.database.capabilities import DETECT, Capabilities
from jobdesk_core.exceptions import SchemaRefused

#: The releases of Procrastinate that work with the schema of schema.sql.
RELEASES = "3.4–3.10"


def schema_sql() -> str:
    """The SQL that creates the schema: types, tables, indexes, functions and triggers."""
    return files(__package__).joinpath("schema.sql").read_text("utf-8")


def found_elsewhere(capabilities: Capabilities) -> str | None:
    """Where the schema is that the search_path does not lead to, and how to get there; None when nowhere."""
    if capabilities.elsewhere:
        *first, last = capabilities.elsewhere
        if not first:
            return f"Database {capabilities.database} has its Procrastinate schema in {last}, not where this looks."
        names = f"{', '.join(first)} and {last}"
        return f"Database {capabilities.database} has Procrastinate schemas in {names}, not where this looks."
    if capabilities.halves_elsewhere:
        names = ", ".join(capabilities.halves_elsewhere)
        return f"Database {capabilities.database} has a part of a Procrastinate schema in {names}. Drop or complete it."
    return None


def refusal(capabilities: Capabilities) -> str | None:
    """Why the schema cannot be created here, or None when it can."""
    if capabilities.has_schema:
        return f"Database {capabilities.database} has the schema of Procrastinate {capabilities.release} already."
    found = found_elsewhere(capabilities)
    if found is not None:
        return found
    if capabilities.has_remains:
        return (
            f"Database {capabilities.database} contains remains of a Procrastinate schema without its jobs table. "
            "Drop them first, or use another database."
        )
    if capabilities.is_standby:
        return f"Database {capabilities.database} is a read-only standby. Connect to its primary."
    return capabilities.rights.install


async def install(connector: PsycopgConnector) -> None:
    """Create the schema in one transaction. Raises SchemaRefused with the reason, or ConnectorException."""
    async with connector.transaction() as connection:
        capabilities = await connector.run_async(DETECT, connection=connection)
        reason = refusal(capabilities)
        if reason is not None:
            raise SchemaRefused(reason)
        # Without parameters the driver sends the text as it is: the doubled percent signs of other
        # statements are not needed here, and many commands travel as one.
        await connector.run_async(Statement(schema_sql(), nothing), connection=connection)
