"""The schema of the reports: installed once, brought up to date, removed without a trace; and what one may read."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
import pytest
from jobdesk_core.connectors.sync_psycopg import SyncPsycopgConnector
from jobdesk_core.database.reported import Reported
from jobdesk_core.exceptions import ConnectorException, SchemaRefused
from jobdesk_core.operations import steps
from jobdesk_core.reported import ddl, detection, schema
from jobdesk_core.reported.schema import Installed
from psycopg import sql

TABLES = frozenset(("version", "errors", "workers", "tasks", "schedules", "progress", "logs"))


@contextlib.contextmanager
def connector_to(dsn: str, **settings: Any) -> Iterator[SyncPsycopgConnector]:
    """An open connector with one connection."""
    connector = SyncPsycopgConnector(conninfo=dsn, min_size=1, max_size=1, **settings)
    connector.open()
    try:
        yield connector
    finally:
        connector.close()


def carried_out(dsn: str, acting: steps.Steps[Installed]) -> Installed:
    """Carry out an installation, an upgrade or a removal."""
    with connector_to(dsn) as connector:
        return steps.run(acting, connector, is_one_transaction=True)


def detected(dsn: str, **settings: Any) -> Reported:
    """What is found."""
    with connector_to(dsn, **settings) as connector:
        return connector.run(schema.detect())


def executed(dsn: str, *commands: str) -> None:
    """Run commands as the owner."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        for command in commands:
            connection.execute(command.encode())


@contextlib.contextmanager
def role(dsn: str, name: str, *commands: str) -> Iterator[str]:
    """A role that may do what the commands allow, and its connection string."""
    with contextlib.suppress(psycopg.errors.UndefinedObject):
        executed(dsn, f"DROP OWNED BY {name}", f"DROP ROLE {name}")
    executed(dsn, f"CREATE ROLE {name} LOGIN PASSWORD 'x'", *commands)
    try:
        yield psycopg.conninfo.make_conninfo(dsn, user=name, password="x")
    finally:
        executed(dsn, f"DROP OWNED BY {name}", f"DROP ROLE {name}")


def catalog(dsn: str) -> set[tuple[str, str, str]]:
    """Everything that lies in the database outside of PostgreSQL's own schemas, with the schemas and comments."""
    asked = """
        SELECT 'schema', nspname, coalesce(obj_description(oid, 'pg_namespace'), '') FROM pg_namespace
         WHERE nspname !~ '^pg_'
        UNION ALL SELECT 'class', relnamespace::regnamespace || '.' || relname, relacl::text FROM pg_class
         WHERE relnamespace::regnamespace::text !~ '^(pg_|information_schema)'
        UNION ALL SELECT 'type', typnamespace::regnamespace || '.' || typname, '' FROM pg_type
         WHERE typnamespace::regnamespace::text !~ '^(pg_|information_schema)'
        UNION ALL SELECT 'proc', pronamespace::regnamespace || '.' || proname, '' FROM pg_proc
         WHERE pronamespace::regnamespace::text !~ '^(pg_|information_schema)'
        UNION ALL SELECT 'default', defaclrole::regrole::text, defaclacl::text FROM pg_default_acl"""
    with psycopg.connect(dsn) as connection:
        return set(connection.execute(asked.encode()).fetchall())


def test_installed_twice_and_removed_without_a_trace(dsn: str) -> None:
    before = catalog(dsn)
    found = detected(dsn)
    assert (found.state, found.readable, found.version) == ("absent", frozenset(), None)

    assert carried_out(dsn, schema.installing()) == Installed(None, 1)
    found = detected(dsn)
    assert (found.state, found.readable, found.version) == ("current", TABLES, 1)
    again = carried_out(dsn, schema.installing())
    assert (again, again.did) == (Installed(1, 1), "nothing")
    assert carried_out(dsn, schema.upgrading()).did == "nothing"

    removed = carried_out(dsn, schema.removing())
    assert (removed, removed.did) == (Installed(1, None), "removed")
    assert catalog(dsn) == before
    with pytest.raises(SchemaRefused, match="nothing to remove"):
        carried_out(dsn, schema.removing())
    with pytest.raises(SchemaRefused, match="Install it first"):
        carried_out(dsn, schema.upgrading())
    assert catalog(dsn) == before


def test_the_printed_sql_makes_the_same(dsn: str, empty_dsn: str) -> None:
    carried_out(dsn, schema.installing())
    executed(empty_dsn, schema.schema_sql())
    assert detected(empty_dsn).state == "current"
    ours = {each for each in catalog(dsn) if each[1].startswith("jobdesk")}
    assert ours == {each for each in catalog(empty_dsn) if each[1].startswith("jobdesk")}
    assert len(ours) > 20


def test_eight_at_once_install_once(dsn: str) -> None:
    with ThreadPoolExecutor(8) as pool:
        done = list(pool.map(lambda _: carried_out(dsn, schema.installing()).did, range(8)))
    assert sorted(done) == ["installed", *["nothing"] * 7]
    assert detected(dsn).state == "current"


def test_an_empty_schema_is_taken_and_a_strange_one_refused(dsn: str) -> None:
    executed(dsn, "CREATE SCHEMA jobdesk")
    assert detected(dsn).state == "absent"
    assert carried_out(dsn, schema.installing()).did == "installed"
    carried_out(dsn, schema.removing())

    for strange in (
        "CREATE TABLE jobdesk.procrastinate_jobs (id int)",
        "CREATE TABLE jobdesk.version (version text, installed_at date)",
        "CREATE FUNCTION jobdesk.odd() RETURNS int LANGUAGE sql AS 'SELECT 1'",
        "CREATE VIEW jobdesk.errors AS SELECT 1 AS id",
        "CREATE TYPE jobdesk.mood AS ENUM ('bad')",
    ):
        executed(dsn, "CREATE SCHEMA jobdesk", strange)
        before = catalog(dsn)
        assert detected(dsn).state == "foreign", strange
        for acting in (schema.installing, schema.upgrading, schema.removing):
            with pytest.raises(SchemaRefused, match="was not made by Jobdesk"):
                carried_out(dsn, acting())
        assert catalog(dsn) == before
        executed(dsn, "DROP SCHEMA jobdesk CASCADE")


def test_what_others_have_put_into_it_stays(dsn: str) -> None:
    carried_out(dsn, schema.installing())
    executed(dsn, "CREATE TABLE jobdesk.mine AS SELECT 7 AS n")
    assert detected(dsn).state == "current"
    assert carried_out(dsn, schema.removing()) == Installed(1, None, ("mine",))
    assert detected(dsn).state == "foreign"
    executed(dsn, "DROP TABLE jobdesk.mine")
    carried_out(dsn, schema.installing())

    # What uses a table of ours is nobody's to drop but its owner's.
    executed(dsn, "CREATE VIEW public.mine AS SELECT type FROM jobdesk.errors")
    with pytest.raises(ConnectorException, match="depend"):
        carried_out(dsn, schema.removing())
    assert detected(dsn).state == "current"


def test_older_and_newer_versions(dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    carried_out(dsn, schema.installing())
    executed(dsn, "UPDATE jobdesk.version SET version = 99", "CREATE TABLE jobdesk.later (id int)")
    found = detected(dsn)
    assert (found.state, found.version, found.readable) == ("newer", 99, TABLES)
    for acting in (schema.installing, schema.upgrading):
        with pytest.raises(SchemaRefused, match="version 99, which is newer"):
            carried_out(dsn, acting())
    executed(dsn, "DROP TABLE jobdesk.later")
    assert carried_out(dsn, schema.removing()).did == "removed"

    carried_out(dsn, schema.installing())
    executed(dsn, "INSERT INTO jobdesk.tasks (name) VALUES ('kept')")
    second = (*ddl.MIGRATIONS, "ALTER TABLE jobdesk.tasks ADD COLUMN later text;\n")
    monkeypatch.setattr(ddl, "MIGRATIONS", second)
    for module in (ddl, schema, detection):
        monkeypatch.setattr(module, "VERSION", 2)
    assert detected(dsn).state == "older"
    assert carried_out(dsn, schema.upgrading()) == Installed(1, 2)
    assert detected(dsn).state == "current"
    with psycopg.connect(dsn) as connection:
        assert connection.execute("SELECT name, later FROM jobdesk.tasks").fetchall() == [("kept", None)]
        assert connection.execute("SELECT version FROM jobdesk.version").fetchall() == [(2,)]


def test_rights(dsn: str) -> None:
    carried_out(dsn, schema.installing())
    odd = 'writer "of" reports'
    with (
        role(dsn, "reported_nobody") as nobody,
        role(dsn, "reported_reader", schema.grants_for_readers("reported_reader")) as reader,
        role(dsn, "reported_half", "GRANT USAGE ON SCHEMA jobdesk TO reported_half") as half,
        role(dsn, sql.Identifier(odd).as_string(None), schema.grants_for_workers(odd)),
    ):
        found = detected(nobody)
        assert (found.state, found.readable) == ("unreadable", frozenset())
        assert (
            found.refusal("errors")
            == "The reported errors cannot be read here: role reported_nobody may not read the schema jobdesk."
        )
        with pytest.raises(SchemaRefused, match="reported_nobody may not look into"):
            carried_out(nobody, schema.installing())

        executed(dsn, "GRANT SELECT ON jobdesk.version, jobdesk.workers TO reported_half")
        found = detected(half)
        assert (found.state, found.readable) == ("current", {"version", "workers"})
        assert found.refusal("workers") is None
        assert (
            found.refusal("errors")
            == "The reported errors cannot be read here: role reported_half may not read the table jobdesk.errors."
        )

        assert detected(reader).readable == TABLES
        for asked in (reader, half):
            with pytest.raises(ConnectorException, match="must be owner"):
                carried_out(asked, schema.removing())
        writer = psycopg.conninfo.make_conninfo(dsn, user=odd, password="x")
        executed(
            writer,
            "INSERT INTO jobdesk.errors (job_id, attempt, at, task_name, queue_name, type, outcome) "
            "VALUES (1, 1, now(), 't', 'q', 'ValueError', 'failed')",
            "UPDATE jobdesk.errors SET outcome = 'lost'",
            "DELETE FROM jobdesk.errors WHERE at < now()",
            *(f"DELETE FROM jobdesk.{name} WHERE false" for name in TABLES - {"version"}),
        )
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            executed(writer, "UPDATE jobdesk.version SET version = 2")
    assert detected(dsn).state == "current"


def test_detection_changes_nothing_and_needs_no_search_path(dsn: str) -> None:
    carried_out(dsn, schema.installing())
    for options in ("-c default_transaction_read_only=on", "-c search_path=nowhere", "-c xmlbinary=hex"):
        assert detected(psycopg.conninfo.make_conninfo(dsn, options=options)).state == "current", options


def test_a_version_that_never_was_is_refused_in_a_sentence_and_can_be_removed(dsn: str) -> None:
    carried_out(dsn, schema.installing())
    executed(dsn, "UPDATE jobdesk.version SET version = 0")
    for acting in (schema.installing(), schema.upgrading()):
        with pytest.raises(
            SchemaRefused, match=r"has version 0, which Jobdesk has never made\. Remove it, and install"
        ):
            carried_out(dsn, acting)
    assert carried_out(dsn, schema.removing()).did == "removed"
    assert detected(dsn).state == "absent"
