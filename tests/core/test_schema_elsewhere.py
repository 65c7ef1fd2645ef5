"""A schema in a place that the search_path does not lead to is named, not installed a second time."""

from __future__ import annotations

import psycopg
import pytest
from jobdesk_core import PsycopgConnector
from jobdesk_core.cli import main
from jobdesk_core.database.capabilities import DETECT
from jobdesk_core.database.schema import install, schema_sql
from jobdesk_core.exceptions import SchemaRefused
from psycopg.conninfo import make_conninfo


async def test_a_schema_elsewhere_is_named_and_not_installed_again(
    empty_dsn: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with psycopg.connect(empty_dsn, autocommit=True) as connection:
        connection.execute("CREATE SCHEMA catalog; SET search_path = catalog")
        connection.execute(schema_sql().encode())
        connection.execute("CREATE SCHEMA half; CREATE TABLE half.procrastinate_jobs ()")
    connector = PsycopgConnector(conninfo=empty_dsn)
    await connector.open_async()
    able = await connector.run_async(DETECT)
    assert (able.has_schema, able.elsewhere, able.halves_elsewhere) == (False, ("catalog",), ("half",))
    with pytest.raises(SchemaRefused, match="schema in catalog"):
        await install(connector)
    await connector.close_async()
    assert main(["status", "--dsn", empty_dsn]) == 4
    assert "options=-csearch_path=catalog" in capsys.readouterr().err
    assert main(["status", "--dsn", make_conninfo(empty_dsn, options="-csearch_path=catalog")]) == 0
