"""What a session inherits changes nothing: the same reads and acts under many settings, beside the plain result."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import psycopg
import pytest
from jobdesk_core import App, PsycopgConnector
from jobdesk_core.cli import main
from jobdesk_core.connectors.settings import LIMITS
from jobdesk_core.database.capabilities import DETECT
from jobdesk_core.monitor import Monitor
from jobdesk_core.profiles import Profile, connection_parameters
from psycopg.conninfo import make_conninfo

#: By PGOPTIONS, ALTER DATABASE and DSN options in turn.
SETTINGS = {
    "DateStyle": ("German", "SQL, DMY", "Postgres, MDY"),
    "IntervalStyle": ("iso_8601", "sql_standard"),
    "TimeZone": ("Pacific/Kiritimati", "America/St_Johns", "<+03>-3"),
    "client_encoding": ("SQL_ASCII", "LATIN1", "EUC_JP"),
    "bytea_output": ("escape",),
    "extra_float_digits": ("-15", "3"),
    "quote_all_identifiers": ("on",),
    "standard_conforming_strings": ("off",),
    "array_nulls": ("off",),
    "transform_null_equals": ("on",),
    "xmloption": ("document",),
    "row_security": ("off",),
    "default_transaction_isolation": ("serializable", "repeatable read"),
    "default_transaction_deferrable": ("on",),
    "statement_timeout": ("15ms",),
    "lock_timeout": ("1ms",),
    "idle_in_transaction_session_timeout": ("1ms",),
    "idle_session_timeout": ("50ms",),
    "gin_fuzzy_search_limit": ("1",),
    "jit": ("on",),
    "jit_above_cost": ("0",),
    "plan_cache_mode": ("force_generic_plan", "force_custom_plan"),
    "enable_seqscan": ("off",),
    "enable_indexscan": ("off",),
    "join_collapse_limit": ("1",),
    "backslash_quote": ("off",),
    "check_function_bodies": ("off",),
    "search_path": ("public, pg_catalog", '"$user", public, nowhere'),
    "client_min_messages": ("debug5",),
    "synchronous_commit": ("off",),
    "work_mem": ("64kB",),
    "lc_messages": ("C",),
}
CASES = [(name, value) for name, values in SETTINGS.items() for value in values]
VOLATILE = (
    *("waited_s", "duration_s", "at", "deferred_at", "as_of", "id", "latency_ms", "database", "profile"),
    *("read_at", "since", "oldest_due_since", "clock_ahead_s"),
)


def refill(connection: Any) -> None:
    connection.execute("TRUNCATE procrastinate_jobs, procrastinate_workers RESTART IDENTITY CASCADE")
    connection.execute(
        "INSERT INTO procrastinate_jobs (queue_name, task_name, args, scheduled_at) VALUES "
        """('mail', 'send', '{"n": 1.5, "name": "Zoë \\\\ 日本"}', NULL),"""
        "('mail', 'send', '{}', '2100-02-03 04:05:06+00'), ('reports', 'run', '{}', NULL)"
    )
    connection.execute("UPDATE procrastinate_jobs SET status = 'failed' WHERE id = 3")


def stable(value: Any) -> Any:
    """The value without what differs from run to run."""
    if isinstance(value, dict):
        return {name: stable(held) for name, held in value.items() if name not in VOLATILE}
    return [stable(held) for held in value] if isinstance(value, list) else value


class Day:
    """What the desk reads and does in one go, on the command line and by the connectors of the window and a worker."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys

    def run(self, dsn: str, *, has_worker: bool = True) -> list[Any]:
        """Everything that was told and done; a worker's limits are its application's affair."""
        seen: list[Any] = []
        for words in (
            ["status", "--json"],
            ["jobs", "--json", "args.name:*日*"],
            ["jobs", "--json", "scheduled:>2050-01-01"],
            ["show", "--json", "1"],
            ["why", "2"],
            ["defer", "--json", "send", "--queue", "mail", "--at", "2099-01-02T03:04:05Z", 'name="ü"', "day=1.5"],
            ["cancel", "--json", "2", "--yes"],
            ["retry", "--json", "3", "--yes"],
        ):
            code = main([*words, "--dsn", dsn])
            told = self._capsys.readouterr()
            lines = told.out.splitlines()
            seen.append([code, told.err, *([stable(json.loads(line)) for line in lines] if "--json" in words else [])])
        seen.append(asyncio.run(_window(dsn)))
        if has_worker:
            seen.append(asyncio.run(_worker(dsn)))
        return seen


async def _window(dsn: str) -> Any:
    connector = PsycopgConnector(**connection_parameters(Profile(name="x", method="dsn", dsn=dsn)))
    await connector.open_async()
    able = await connector.run_async(DETECT)
    monitor = Monitor(connector, able)
    refreshed = asyncio.Event()
    modes: list[str] = []
    following = asyncio.create_task(
        monitor.run(lambda changes: refreshed.set(), lambda state: modes.append(state.mode))
    )
    await asyncio.wait_for(refreshed.wait(), 60)
    detail = await monitor.detail(2)
    following.cancel()
    await asyncio.gather(following, return_exceptions=True)
    await connector.close_async()
    assert detail is not None
    return able.release, detail.row.scheduled_at, detail.row.status, "stale" in modes


async def _worker(dsn: str) -> list[Any]:
    ran: list[Any] = []
    app = App(connector=PsycopgConnector(conninfo=dsn, kwargs={"application_name": "worker"}))
    app.task(name="send")(lambda **given: ran.append(given))
    app.task(name="run")(lambda **given: ran.append(given))
    async with app.open_async():
        await app.run_worker_async(wait=False, install_signal_handlers=False, listen_notify=False)
    return ran


@pytest.fixture
def day(capsys: pytest.CaptureFixture[str], alone: None) -> Day:
    return Day(capsys)


@pytest.fixture
def plain(day: Day, dsn: str) -> list[Any]:
    with psycopg.connect(dsn, autocommit=True) as connection:
        refill(connection)
    return day.run(dsn)


@pytest.mark.parametrize("part", range(4))
def test_settings_of_the_environment_the_database_and_the_dsn(
    day: Day, plain: list[Any], dsn: str, monkeypatch: pytest.MonkeyPatch, part: int
) -> None:
    name = psycopg.conninfo.conninfo_to_dict(dsn)["dbname"]
    wrong = {}
    # Opened before there is anything to inherit.
    with psycopg.connect(dsn, autocommit=True) as plain_one:
        for number, (setting, value) in list(enumerate(CASES))[part::4]:
            given, option = dsn, f"-c {setting}={value.replace(' ', chr(92) + ' ')}"
            plain_one.execute(f"ALTER DATABASE {name} RESET ALL".encode())
            refill(plain_one)
            if number % 3 == 0:
                monkeypatch.setenv("PGOPTIONS", option)
            elif number % 3 == 1:
                given = make_conninfo(dsn, options=option)
            else:
                plain_one.execute(f"ALTER DATABASE {name} SET {setting} = {_literal(setting, value)}".encode())
            seen = day.run(given, has_worker=setting not in LIMITS)
            monkeypatch.delenv("PGOPTIONS", raising=False)
            if seen != plain[: len(seen)]:
                wrong[f"{setting}={value}"] = [pair for pair in zip(seen, plain, strict=False) if pair[0] != pair[1]]
    assert not wrong


def _literal(setting: str, value: str) -> str:
    return value if setting == "search_path" else f"'{value}'"


def test_a_read_only_session_is_a_safeguard_that_nobody_overrules(day: Day, plain: list[Any], dsn: str) -> None:
    with psycopg.connect(dsn, autocommit=True) as connection:
        refill(connection)
    read_only = make_conninfo(dsn, options="-c default_transaction_read_only=on")
    seen = day.run(read_only, has_worker=False)
    assert seen[:5] == plain[:5]
    for code, told, *_ in seen[5:8]:
        assert code == 4
        assert "read-only" in told


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("PGCLIENTENCODING", "SQL_ASCII"),
        ("PGCLIENTENCODING", "auto"),
        ("PGDATESTYLE", "German"),
        ("PGTZ", "Pacific/Kiritimati"),
        ("PGGEQO", "off"),
    ],
)
def test_variables_of_libpq(
    day: Day, plain: list[Any], dsn: str, monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    with psycopg.connect(dsn, autocommit=True) as connection:
        refill(connection)
    monkeypatch.setenv(variable, value)
    monkeypatch.setenv("LC_ALL", "C")
    assert day.run(dsn) == plain
