"""One contract for ours and the real Procrastinate: an app outlives whatever became of the schema meanwhile."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest
from database import run_sql
from interop.twins import MODULES, Twin, twin_of
from jobdesk_core.database.schema import schema_sql
from psycopg.conninfo import make_conninfo

NO_SCHEMA = "DROP SCHEMA public CASCADE; CREATE SCHEMA public"


@pytest.fixture(params=["async", "sync"])
def is_sync(request: pytest.FixtureRequest) -> bool:
    """The kind of connector."""
    return bool(request.param == "sync")


@pytest.fixture(params=list(MODULES))
def module(request: pytest.FixtureRequest) -> Any:
    """The implementation under test."""
    return MODULES[request.param]


async def fails(twin: Twin, **options: Any) -> None:
    """A defer is refused by an exception of the implementation's own."""
    with pytest.raises((twin.exceptions.ConnectorException, getattr(twin.exceptions, "CapabilityMissing", OSError))):
        await twin.defer(**options)


async def test_a_schema_that_is_installed_later_is_used(empty_dsn: str, module: Any, is_sync: bool) -> None:
    async with twin_of(module, empty_dsn, is_sync=is_sync) as twin:
        await fails(twin)
        run_sql(empty_dsn, schema_sql())
        assert [await twin.defer(), await twin.defer()] == [1, 2]
        # A restore under traffic: there, away, and there again.
        run_sql(empty_dsn, NO_SCHEMA)
        await fails(twin)
        await fails(twin)
        run_sql(empty_dsn, schema_sql())
        assert [await twin.defer(), await twin.defer()] == [1, 2]
        assert await twin.act("get_job_status", 2) is twin.module.jobs.Status.TODO


async def test_what_a_callers_connection_sees_is_not_what_the_app_sees(dsn: str, module: Any, is_sync: bool) -> None:
    """The first call of an app goes to another search_path, where nothing is, and to one with an own schema."""
    elsewhere = make_conninfo(dsn, options="-c search_path=elsewhere")
    async with twin_of(module, dsn, is_sync=is_sync) as twin:
        run_sql(dsn, "CREATE SCHEMA elsewhere")
        kind = psycopg.Connection if is_sync else psycopg.AsyncConnection
        connection: Any = kind.connect(elsewhere, autocommit=True)
        if not is_sync:
            connection = await connection
        try:
            await fails(twin, connection=connection)
            assert [await twin.defer(), await twin.defer()] == [1, 2]
            run_sql(elsewhere, schema_sql())
            assert [await twin.defer(connection=connection) for _ in range(2)] == [1, 2]
            assert await twin.defer() == 3
        finally:
            closing = connection.close()
            if closing is not None:
                await closing
    assert run_sql(dsn, "SELECT count(*) FROM elsewhere.procrastinate_jobs") == [2]
