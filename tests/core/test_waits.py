"""Every wait for the server ends, whatever it does after the login: by its answer, by our limit, or by a stop."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from subprocess import PIPE
from typing import Any

import pytest
from database import run_sql
from faulty import FaultyLink
from jobdesk_core import processes
from jobdesk_core.cli import exit_codes
from jobdesk_core.connectors import limits
from jobdesk_core.connectors.psycopg import PsycopgConnector
from jobdesk_core.connectors.statement import Statement, nothing
from jobdesk_core.connectors.sync_psycopg import SyncPsycopgConnector
from jobdesk_core.database.capabilities import DETECT
from jobdesk_core.database.limited import StatementTooLong, limited
from jobdesk_core.exceptions import ConnectorException
from jobdesk_core.profiles import Profile, connection_parameters
from jobdesk_core.troubles import explain
from programs import started
from waiting import until

ONE = Statement("SELECT 1 AS one", lambda rows: rows[0]["one"])
SLEEPS = Statement("SELECT pg_sleep(60)", nothing)


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """The limits, shortened for the tests."""
    for name, seconds in {"ANSWER_LIMIT_S": 1.0, "SIGN_LIMIT_S": 1.0, "CANCEL_LIMIT_S": 0.5}.items():
        monkeypatch.setattr(limits, name, seconds)


@pytest.fixture
def link(dsn: str) -> Iterator[FaultyLink]:
    with FaultyLink(dsn) as faulty:
        yield faulty


def parameters(dsn: str) -> dict[str, Any]:
    return connection_parameters(Profile(name="test", method="dsn", dsn=dsn)) | {"timeout": 1.0}


@contextlib.asynccontextmanager
async def opened(dsn: str) -> AsyncIterator[PsycopgConnector]:
    connector = PsycopgConnector(**parameters(dsn))
    await connector.open_async()
    try:
        yield connector
    finally:
        await connector.close_async()


@contextlib.contextmanager
def within(seconds: float) -> Iterator[None]:
    started = time.monotonic()
    yield
    assert time.monotonic() - started < seconds


async def test_a_server_that_accepts_the_login_and_then_nothing_is_given_up(dsn: str, short: None) -> None:
    with FaultyLink(dsn, freezes_after_login=True) as link, within(30), pytest.raises(ConnectorException) as caught:
        async with opened(link.dsn):
            pass
    trouble = explain(caught.value)
    assert trouble.kind == "unanswered" and trouble.sentence == "The server has not answered for 1 s."


def test_the_same_without_a_loop(dsn: str, short: None) -> None:
    with FaultyLink(dsn, freezes_after_login=True) as link, within(30), pytest.raises(ConnectorException) as caught:
        SyncPsycopgConnector(**parameters(link.dsn)).open()
    assert explain(caught.value).kind == "unanswered"


async def test_a_server_that_freezes_later_is_given_up(link: FaultyLink, short: None) -> None:
    async with opened(link.dsn) as connector:
        await connector.run_async(DETECT)
        async with connector.own_connection() as connection:
            link.freeze()
            with within(20), pytest.raises(ConnectorException) as caught:
                await connector.run_async(ONE, connection=connection)
            assert explain(caught.value).kind == "unanswered"
        with within(30), pytest.raises(ConnectorException):
            await connector.run_async(ONE)
        with within(30), pytest.raises(ConnectorException):
            async with connector.transaction():
                pass
        link.thaw()
        assert await connector.run_async(ONE) == 1


def test_a_server_that_freezes_in_a_transaction_is_given_up_at_its_commit(link: FaultyLink, short: None) -> None:
    connector = SyncPsycopgConnector(**parameters(link.dsn))
    connector.open()
    with within(30), pytest.raises(ConnectorException) as caught, connector.transaction() as connection:
        connector.run(ONE, connection=connection)
        link.freeze()
    assert explain(caught.value).kind == "unanswered"
    connector.close()


async def test_a_limited_statement_tells_a_frozen_server_from_a_slow_one(link: FaultyLink, short: None) -> None:
    async with opened(link.dsn) as connector:
        with pytest.raises(StatementTooLong):
            await limited(connector, SLEEPS, 0.5)
        async with connector.own_connection() as connection:
            link.freeze()
            with within(30), pytest.raises(ConnectorException) as caught:
                await limited(connector, ONE, 0.5, connection)
        assert not isinstance(caught.value, StatementTooLong)
        assert explain(caught.value).kind == "unanswered"


async def test_waiting_can_be_ended_at_any_time(link: FaultyLink) -> None:
    async with opened(link.dsn) as connector, connector.own_connection() as connection:
        link.freeze()
        with limits.patience() as patience:
            asyncio.get_running_loop().call_later(0.3, patience.end)
            # Every tenth of a second a wait looks whether it is still meant.
            with within(20), pytest.raises(ConnectorException) as caught, limits.patience(100):
                await connector.run_async(ONE, connection=connection)
        assert explain(caught.value).sentence == "The server was not waited for any longer."


async def test_a_cancelled_wait_ends_soon_although_the_server_takes_no_note(link: FaultyLink, short: None) -> None:
    async with opened(link.dsn) as connector, connector.own_connection() as connection:
        link.freeze()
        task = asyncio.create_task(connector.run_async(ONE, connection=connection))
        await asyncio.sleep(0.2)
        task.cancel()
        with within(20):
            await asyncio.wait({task}, timeout=60)
        assert task.cancelled()


@pytest.mark.parametrize("size", [100, 3_000_000])
async def test_rows_without_end_are_given_up_before_they_fill_the_memory(
    link: FaultyLink, size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "MOST_BYTES", 32 * 1024 * 1024)
    row = b"x" * size
    async with opened(link.dsn) as connector, connector.own_connection() as connection:
        link.flood(lambda: row)
        before = processes.most_memory()
        with pytest.raises(ConnectorException) as caught:
            await connector.run_async(ONE, connection=connection)
    assert "larger than" in explain(caught.value).sentence
    assert processes.most_memory() - before < 100 * 1024 * 1024


async def test_a_listener_may_hear_nothing_for_long(link: FaultyLink, short: None) -> None:
    heard: list[str] = []
    async with opened(link.dsn) as connector:
        listening = asyncio.Event()
        task = asyncio.create_task(
            connector.listen_notify(lambda channel, _: heard.append(channel), ["own"], on_listening=listening.set)
        )
        await listening.wait()
        await asyncio.sleep(2.5)
        assert not task.done()
        await connector.run_async(Statement("SELECT pg_notify('own', '')", nothing))
        for _ in range(100):
            if heard:
                break
            await asyncio.sleep(0.05)
        task.cancel()
    assert heard == ["own"]


# The command line


@contextlib.contextmanager
def running(home: Path, dsn: str, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """The program, running a command with a home of its own."""
    own = {name: str(home) for name in ("HOME", "XDG_STATE_HOME", "XDG_CONFIG_HOME")}
    command = [sys.executable, "-m", "jobdesk_core", "--dsn", dsn, *arguments]
    environment = os.environ | own | {"PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring"}
    with started(command, env=environment, stdout=PIPE, stderr=PIPE, text=True) as program:
        yield program


def test_a_command_ends_with_the_code_of_a_lost_connection(dsn: str, tmp_path: Path) -> None:
    with FaultyLink(dsn, freezes_after_login=True) as link, running(tmp_path, link.dsn, "jobs") as program:
        told = program.communicate(timeout=40)[1]
        assert program.returncode == exit_codes.CONNECTION
    assert told.splitlines()[0] == "The server has not answered for 5 s."


def test_an_act_that_is_stopped_while_the_server_is_silent_ends_soon_and_says_what_is_unknown(
    link: FaultyLink, dsn: str, tmp_path: Path
) -> None:
    run_sql(dsn, "INSERT INTO procrastinate_jobs (task_name, queue_name) SELECT 't', 'q' FROM generate_series(1, 900)")
    done = "SELECT count(*) FROM procrastinate_jobs WHERE status = 'cancelled'"
    with running(tmp_path, link.dsn, "cancel", "queue:q", "--yes", "--rate", "200") as program:
        asyncio.run(until(lambda: run_sql(dsn, done)[0] or program.poll() is not None, what="the first of them"))
        link.freeze()
        time.sleep(1)
        program.send_signal(signal.SIGINT)
        with within(30):
            told = program.communicate(timeout=40)[0]
        assert program.returncode == exit_codes.INTERRUPTED
    told_done = re.search(r"(\d+)  done", told)
    assert told_done is not None and ("rolled back" in told or "unknown" in told)
    more = run_sql(dsn, done)[0] - int(told_done[1])
    # What was broken off before its COMMIT is certainly not done; what was sent may be.
    assert more == 0 or ("unknown" in told and 0 < more <= 200)


#: Ctrl+C comes while the command line's own modules are loaded, which takes seconds on a busy machine.
LOADING = """
import os, signal, sys
from jobdesk_core import cli

class Finder:
    def find_spec(self, name, path, target=None):
        if name == "jobdesk_core.cli.acting":
            os.kill(os.getpid(), signal.SIGINT)

signal.signal(signal.SIGINT, signal.default_int_handler)
sys.meta_path.insert(0, Finder())
sys.exit(cli.main(["status"]))
"""


def test_ctrl_c_while_the_program_is_loaded_ends_it_without_a_traceback() -> None:
    ended = subprocess.run([sys.executable, "-c", LOADING], capture_output=True, text=True, timeout=60)
    assert (ended.returncode, ended.stdout, ended.stderr) == (exit_codes.INTERRUPTED, "", "")
