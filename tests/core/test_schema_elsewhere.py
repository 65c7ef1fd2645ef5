"""A schema in a place that the search_path does not lead to is named and can be chosen, not installed a second time."""

from __future__ import annotations

import asyncio
import contextlib
import csv
from collections.abc import Iterator

import psycopg
import pytest
from database import run_sql
from jobdesk_core import PsycopgConnector
from jobdesk_core.cli import main
from jobdesk_core.database.capabilities import DETECT
from jobdesk_core.database.schema import install, schema_sql
from jobdesk_core.exceptions import SchemaRefused
from jobdesk_core.monitor import Monitor
from jobdesk_core.profiles import Profile, ProfileStore, connection_parameters
from jobdesk_core.profiles.probe import probe
from pgbouncer import needs_pgbouncer, pgbouncer
from psycopg import sql
from psycopg.conninfo import make_conninfo
from waiting import until

#: Names that need quoting, and one that would be taken for more than a name.
ODD = 'Odd "x", public'


pytestmark = pytest.mark.usefixtures("alone")


def make_schemas(dsn: str, *names: str) -> None:
    """A whole set of Procrastinate's in each, with one job of the queue of its name."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        for name in names:
            place = sql.Identifier(name)
            connection.execute(sql.SQL("CREATE SCHEMA {}").format(place))
            connection.execute(sql.SQL("SET search_path = {}").format(place))
            connection.execute(schema_sql().encode())
            connection.execute("INSERT INTO procrastinate_jobs (queue_name, task_name) VALUES (%s, 't')", [name])


def jobs_in(dsn: str, name: str) -> list[str]:
    query = sql.SQL("SELECT status::text FROM {}.procrastinate_jobs ORDER BY id").format(sql.Identifier(name))
    with psycopg.connect(dsn) as connection:
        return [row[0] for row in connection.execute(query)]


def test_the_schema_is_the_one_that_the_tables_lie_in(empty_dsn: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The first of the search_path, the role's own for instance, may hold something else."""
    make_schemas(empty_dsn, "catalog")
    run_sql(empty_dsn, "CREATE SCHEMA mine")
    dsn = make_conninfo(empty_dsn, options="-c search_path=mine,catalog")
    main(["health", "--dsn", dsn])
    assert ", schema catalog\n" in capsys.readouterr().out


async def test_a_schema_elsewhere_is_named_and_not_installed_again(
    empty_dsn: str, capsys: pytest.CaptureFixture[str]
) -> None:
    make_schemas(empty_dsn, "catalog")
    run_sql(empty_dsn, "CREATE SCHEMA half")
    run_sql(empty_dsn, "CREATE TABLE half.procrastinate_jobs ()")
    connector = PsycopgConnector(conninfo=empty_dsn)
    await connector.open_async()
    able = await connector.run_async(DETECT)
    assert (able.has_schema, able.elsewhere, able.halves_elsewhere) == (False, ("catalog",), ("half",))
    with pytest.raises(SchemaRefused, match="schema in catalog"):
        await install(connector)
    await connector.close_async()
    assert main(["status", "--dsn", empty_dsn]) == 4
    assert "Give --schema catalog." in capsys.readouterr().err
    assert main(["status", "--dsn", make_conninfo(empty_dsn, options="-csearch_path=catalog")]) == 0


@contextlib.contextmanager
def way_to(dsn: str, way: str) -> Iterator[str]:
    if way == "direct":
        yield dsn
        return
    with pgbouncer(dsn, servers=1) as pooled:
        yield pooled


@pytest.mark.parametrize("way", ["direct", pytest.param("pooled", marks=needs_pgbouncer)])
def test_each_command_stays_in_the_schema_that_is_named(dsn: str, way: str, capsys: pytest.CaptureFixture[str]) -> None:
    # The search_path leads to a set of its own, in which no job may change.
    run_sql(dsn, "INSERT INTO procrastinate_jobs (queue_name, task_name) VALUES ('public', 't')")
    make_schemas(dsn, "catalog", ODD)
    with way_to(dsn, way) as place:
        for name in ("catalog", ODD):

            def told(*words: str, schema: str = name) -> str:
                assert main([*words, "--dsn", place, "--schema", schema]) == 0, capsys.readouterr().err
                return capsys.readouterr().out

            (row,) = csv.DictReader(told("jobs", "--csv").splitlines())
            assert row["queue_name"] == name
            for words in (["jobs"], ["show", "1"], ["why", "1"], ["status"]):
                told(*words)
            told("defer", "t", "--queue", "q")
            told("cancel", "1", "--yes")
            assert main(["retry", "1", "--dsn", place, "--schema", name, "--dry-run"]) == 1
            assert "skipped: finished: cancelled" in capsys.readouterr().out
            told("cancel", "queue:q", "--yes", "--one-transaction")
            assert jobs_in(dsn, name) == ["cancelled", "cancelled"]
        with psycopg.connect(place, autocommit=True, prepare_threshold=None) as other:
            # Who gets the session next finds it as it was.
            path = other.execute("SELECT current_setting('search_path')").fetchone()
    assert path == ('"$user", public',) and jobs_in(dsn, "public") == ["todo"]


@pytest.mark.parametrize("way", ["direct", pytest.param("pooled", marks=needs_pgbouncer)])
async def test_the_monitor_reads_the_schema_of_the_profile(dsn: str, way: str) -> None:
    make_schemas(dsn, "catalog")
    with way_to(dsn, way) as place:
        profile = Profile(name="x", method="dsn", dsn=place, schema="catalog")
        connector = PsycopgConnector(**connection_parameters(profile))
        await connector.open_async()
        try:
            able = await connector.run_async(DETECT)
            monitor = Monitor(connector, able)
            heard: list[int] = []
            following = asyncio.create_task(
                monitor.run(lambda changes: heard.extend(event.job_id for event in changes.events), lambda _: None)
            )
            await until(lambda: monitor.moment is not None, what="the first moment", timeout_s=60)
            assert monitor.moment is not None and [each.name for each in monitor.moment.queues] == ["catalog"]
            run_sql(dsn, "INSERT INTO catalog.procrastinate_events (job_id, type) VALUES (1, 'deferred')")
            await until(lambda: heard, what="what happened in the schema", timeout_s=60)
            following.cancel()
            await asyncio.gather(following, return_exceptions=True)
        finally:
            await connector.close_async()
        steps = {step.name: step async for step in probe(profile)}
    assert steps["Schema"].sentence.endswith("in schema catalog.")


def test_several_are_offered_and_one_that_is_not_there_is_told(
    empty_dsn: str, capsys: pytest.CaptureFixture[str]
) -> None:
    make_schemas(empty_dsn, "a", "b c")
    for words in ([], ["--schema", "nope"]):
        assert main(["jobs", "--dsn", empty_dsn, *words]) == 4
        told = capsys.readouterr().err
        assert "schemas in a and b c" in told
        assert "--schema a or --schema 'b c'" in told
    assert main(["jobs", "--dsn", empty_dsn, "--schema", ""]) == 2
    run_sql(empty_dsn, 'DROP SCHEMA a, "b c" CASCADE')
    assert main(["jobs", "--dsn", empty_dsn, "--schema", "nope"]) == 4
    assert "no Procrastinate schema in schema nope" in capsys.readouterr().err


def test_a_saved_connection_keeps_its_schema(dsn: str, capsys: pytest.CaptureFixture[str]) -> None:
    make_schemas(dsn, "catalog")
    profile = Profile(name="billing", method="dsn", dsn=dsn, schema="catalog")
    ProfileStore().save(profile)
    assert ProfileStore().get("billing") == profile and profile.display_dsn.endswith(", schema catalog")
    assert main(["jobs", "--profile", "billing", "--csv"]) == 0
    assert "catalog" in capsys.readouterr().out
    # Another one for this time only.
    assert main(["jobs", "--profile", "billing", "--schema", "public"]) == 1
    assert ProfileStore().get("billing") == profile
