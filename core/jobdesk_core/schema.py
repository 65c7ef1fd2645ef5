"""Creates Procrastinate's schema through any connector."""

from __future__ import annotations

import pathlib

from jobdesk_core.connector import BaseConnector
from jobdesk_core.connectors.statement import Statement, nothing
from jobdesk_core.database import named
from jobdesk_core.database.schema import schema_sql

#: Where migrations would lie: there are none here, see the file in it.
migrations_path = pathlib.Path(__file__).parent / "database" / "migrations"


class SchemaManager:
    """The schema of Procrastinate 3.4 to 3.10, and how it comes into a database that has none."""

    def __init__(self, connector: BaseConnector) -> None:
        self.connector = connector

    @staticmethod
    def get_schema() -> str:
        """The SQL that creates the schema, several commands."""
        return schema_sql()

    @staticmethod
    def get_migrations_path() -> str:
        """The folder of migrations, which holds none: an older schema is migrated by the library's own."""
        return str(migrations_path)

    def apply_schema(self) -> None:
        """Create the schema, all or nothing. Raises ConnectorException, also where there is one already."""
        self.connector.get_sync_connector().run(Statement(self.get_schema(), nothing, named=named.apply_schema()))

    async def apply_schema_async(self) -> None:
        """Create the schema, all or nothing. Raises ConnectorException, also where there is one already."""
        await self.connector.run_async(Statement(self.get_schema(), nothing, named=named.apply_schema()))
