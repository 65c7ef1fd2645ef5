"""Behind a real PgBouncer: nothing crosses, nothing is left in a session that others get, and read only is kept."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import psycopg
import pytest
from database import run_sql
from jobdesk_core import PsycopgConnector, SyncPsycopgConnector
from jobdesk_core.cli import main
from jobdesk_core.connectors.settings import Route
from jobdesk_core.connectors.statement import Statement
from jobdesk_core.database.capabilities import DETECT
from jobdesk_core.exceptions import CannotListen, ConnectorException
from jobdesk_core.feed.state import FeedState
from jobdesk_core.monitor import Monitor
from jobdesk_core.profiles import Profile, connection_parameters
from jobdesk_core.profiles.probe import PAST_THE_POOLER, probe
from jobdesk_core.troubles import explain
from pgbouncer import needs_pgbouncer, pgbouncer
from waiting import until

pytestmark = needs_pgbouncer


def constant(number: int, text: str = "%(n)s::integer") -> Statement[int]:
    return Statement(f"SELECT {text} AS n", lambda rows: rows[0]["n"], {"n": number})


async def test_each_of_two_connectors_gets_its_own_answers(dsn: str) -> None:
    with pgbouncer(dsn) as pooled:
        connectors = [PsycopgConnector(conninfo=pooled) for _ in range(2)]
        for connector in connectors:
            await connector.open_async()
        assert {connector.route for connector in connectors} == {Route.POOLED}

        async def ask(connector: PsycopgConnector, number: int) -> int:
            return await connector.run_async(Statement(f"SELECT {number} AS n", lambda rows: rows[0]["n"]))

        wrong = 0
        for _ in range(40):
            calls = [ask(connector, n) for n, connector in enumerate(connectors) for _ in range(3)]
            wrong += sum(answer != n // 3 for n, answer in enumerate(await asyncio.gather(*calls)))
        for connector in connectors:
            await connector.close_async()
    assert wrong == 0
    with psycopg.connect(dsn) as connection:
        assert connection.execute("SELECT count(*) FROM pg_prepared_statements").fetchone() == (0,)


def settings_of(connection: Any) -> list[tuple[Any, ...]]:
    sql = "SELECT name, setting FROM pg_settings WHERE source = 'session' AND "
    sql += "name NOT IN ('client_encoding', 'application_name')"
    found: list[tuple[Any, ...]] = connection.execute(sql + " ORDER BY name").fetchall()
    return found


def test_a_pooled_session_is_left_as_it_was(dsn: str) -> None:
    with (
        pgbouncer(dsn, servers=1) as pooled,
        psycopg.connect(pooled, autocommit=True, prepare_threshold=None) as other,
    ):
        before = settings_of(other)
        connector = SyncPsycopgConnector(**parameters(pooled))
        connector.open()
        style = Statement("SELECT current_setting('statement_timeout') AS n", lambda rows: rows[0]["n"], {})
        other.execute("SET statement_timeout = '7s'")
        assert connector.run(style) == "0"
        connector.close()
        assert other.execute("SHOW statement_timeout").fetchone() == ("7s",)
        other.execute("RESET statement_timeout")
        assert settings_of(other) == before


def parameters(dsn: str, **profile: Any) -> dict[str, Any]:
    made = connection_parameters(Profile(name="x", method="dsn", dsn=dsn, **profile))
    return made | {"max_size": 2}


DEFER = Statement(
    "INSERT INTO procrastinate_jobs (queue_name, task_name, args) VALUES ('q', 't', %(args)s) RETURNING id",
    lambda rows: rows[0]["id"],
    {"args": {}},
)


@pytest.mark.parametrize("way", ["direct", "pooled"])
async def test_read_only_is_enforced_by_the_server(dsn: str, way: str) -> None:
    with pgbouncer(dsn) as pooled:
        given = parameters(pooled if way == "pooled" else dsn, is_read_only=True)
        asynchronous, synchronous = PsycopgConnector(**given), SyncPsycopgConnector(**given)
        await asynchronous.open_async()
        synchronous.open()
        refusals = []
        with pytest.raises(ConnectorException) as refused:
            await asynchronous.run_async(DEFER)
        refusals.append(refused.value)
        with pytest.raises(ConnectorException) as refused:
            async with asynchronous.transaction() as connection:
                await asynchronous.run_async(DEFER, connection=connection)
        refusals.append(refused.value)
        with pytest.raises(ConnectorException) as refused:
            synchronous.run(DEFER)
        refusals.append(refused.value)
        await asynchronous.close_async()
        synchronous.close()
    assert [error.sqlstate for error in refusals] == ["25006"] * 3
    assert "cannot execute INSERT in a read-only transaction" in explain(refusals[0]).sentence


@pytest.mark.parametrize("where", ["role", "database"])
def test_a_desk_that_may_write_does_so_whatever_the_session_inherits(dsn: str, where: str) -> None:
    with psycopg.connect(dsn, autocommit=True) as connection:
        name = connection.info.dbname
        connection.execute(f"ALTER DATABASE {name} SET default_transaction_isolation = 'serializable'".encode())
    with pgbouncer(dsn) as pooled:
        connector = SyncPsycopgConnector(**parameters(pooled if where == "role" else dsn))
        connector.open()
        level = Statement("SELECT current_setting('transaction_isolation') AS n", lambda rows: rows[0]["n"], {})
        with connector.transaction() as connection:
            assert connector.run(level, connection=connection) == "read committed"
        connector.close()


def test_nothing_is_listened_to_behind_a_pooler(dsn: str) -> None:
    with pgbouncer(dsn) as pooled:
        connector = SyncPsycopgConnector(**parameters(pooled))
        connector.open()
        with pytest.raises(CannotListen), connector.listening(["x"]):
            pass
        connector.close()
    with psycopg.connect(dsn) as connection:
        assert connection.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE query ILIKE 'LISTEN%%' AND datname = current_database()"
        ).fetchone() == (0,)


async def test_statement_mode_is_told_as_what_it_is(dsn: str) -> None:
    with pgbouncer(dsn, mode="statement") as pooled:
        with pytest.raises(ConnectorException) as refused:
            await PsycopgConnector(**parameters(pooled)).open_async()
        trouble = explain(refused.value)
    assert "statement mode" in trouble.sentence
    assert "transaction" in trouble.remedy


@pytest.mark.parametrize(
    ("mode", "servers"), [("session", 3), ("transaction", 1), ("transaction", 3), ("statement", 3)]
)
async def test_what_the_test_of_a_connection_says_of_each_mode(dsn: str, mode: str, servers: int) -> None:
    with pgbouncer(dsn, mode=mode, servers=servers) as pooled:
        steps = [step async for step in probe(Profile(name="x", method="dsn", dsn=pooled))]
    told = {step.name: step.sentence for step in steps}
    proposed = [step.lines for step in steps if step.name == "Pooler"]
    assert proposed == ([] if mode == "statement" else [(PAST_THE_POOLER,)])
    if mode == "statement":
        assert told["Server"] == "This is a pooler in statement mode, which takes no transactions."
        return
    assert told["Pooler"] == f"A pooler in {mode} mode: nothing is listened to, changes are polled for."
    assert told["Clock"] == "This machine's clock and the server's agree."


@pytest.mark.parametrize("mode", ["session", "transaction", "statement"])
def test_in_each_mode_jobs_are_listed_and_acted_upon_or_the_mode_is_told(
    dsn: str, mode: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    insert = "INSERT INTO procrastinate_jobs (queue_name, task_name) VALUES ('q', 't') RETURNING id"
    ids = [run_sql(dsn, insert)[0] for _ in range(3)]
    with pgbouncer(dsn, mode=mode) as pooled:
        codes = [
            main([*words, "--dsn", pooled])
            for words in (["jobs", "status:todo"], ["cancel", str(ids[0]), "--yes"], ["check"])
        ]
    told = capsys.readouterr()
    statuses = run_sql(dsn, "SELECT status::text FROM procrastinate_jobs ORDER BY id")
    if mode == "statement":
        assert codes == [4, 4, 4] and statuses == ["todo"] * 3
        assert told.err.count("This is a pooler in statement mode, which takes no transactions.") == 2
        assert "Connect to the server itself, or to a pool in transaction mode." in told.err
        return
    assert codes == [0, 0, 0] and statuses == ["cancelled", "todo", "todo"], told.err
    assert f"A pooler in {mode} mode: nothing is listened to, changes are polled for." in told.out


async def test_a_direct_connection_prepares_and_its_user_may_choose(dsn: str) -> None:
    for given, expected in (({}, 5), ({"prepare_threshold": None}, None), ({"prepare_threshold": 2}, 2)):
        connector = PsycopgConnector(conninfo=dsn, kwargs=given)
        await connector.open_async()
        assert connector.route is Route.DIRECT
        async with connector.pool.connection() as connection:
            assert connection.prepare_threshold == expected
        await connector.close_async()


async def test_the_desk_polls_behind_a_pooler_and_says_so(dsn: str) -> None:
    with pgbouncer(dsn) as pooled:
        connector = PsycopgConnector(**parameters(pooled))
        await connector.open_async()
        monitor = Monitor(connector, await connector.run_async(DETECT))
        states: list[FeedState] = []
        heard: list[int] = []
        following = asyncio.create_task(
            monitor.run(lambda changes: heard.extend(event.job_id for event in changes.events), states.append)
        )
        await until(lambda: any(state.mode == "polling" for state in states))
        job_id = await connector.run_async(DEFER)
        await until(lambda: job_id in heard)
        # Twice as long as the listener once took to be missed.
        await asyncio.sleep(1.5)
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)
        await connector.close_async()
    assert states[-1].reason == "Behind a pooler, transaction mode: polling."
    assert {state.mode for state in states} <= {"connecting", "polling"}


@pytest.mark.parametrize(
    "words",
    [["jobs"], ["jobs", "--csv"], ["jobs", "--json", "status:todo"], ["show", "1"], ["why", "1"], ["status"]],
)
def test_what_a_command_reads_at_one_moment_is_read_behind_a_pooler_too(
    dsn: str, words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    run_sql(dsn, "INSERT INTO procrastinate_jobs (queue_name, task_name) VALUES ('q', 't')")
    with pgbouncer(dsn) as pooled:
        code = main([*words, "--dsn", pooled])
    told = capsys.readouterr()
    assert code == 0 and told.out, told.err
