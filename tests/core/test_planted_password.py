"""A password stands in every carrier that libpq or Jobdesk knows: no command, log, error or file tells any part of it,
however the connection goes."""

from __future__ import annotations

import asyncio
import logging
import os
import subprocess
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from jobdesk_core.cli import main
from jobdesk_core.connectors.psycopg import PsycopgConnector
from jobdesk_core.exceptions import JobdeskException
from jobdesk_core.profiles import ProfileStore, connection_parameters, profile_of_dsn
from jobdesk_core.profiles.secrets import Passwords, typed
from jobdesk_core.troubles import explain
from made_up_server import MadeUpServer
from planted import CARRIERS, PASSWORDS, of_error, plant, tells, written
from psycopg.conninfo import conninfo_to_dict

pytestmark = pytest.mark.usefixtures("alone")
FATES = ("it works", "refused", "refused with an echo", "no server", "no such database", "a server of another kind")
COMMANDS = (
    ["status"],
    ["status", "--json"],
    ["jobs", "--json"],
    ["jobs", "--csv"],
    ["show", "1"],
    ["why", "1"],
    ["defer", "planted", "--queue", "q"],
    ["cancel", "status:todo", "--yes"],
    ["errors", "1"],
    ["failures", "--json"],
    ["schema"],
    ["reporting", "status"],
    ["journal", "--json"],
    ["jobs", "nonsense:1"],
)
FEWER = (["status"], ["defer", "planted", "--queue", "q"])
#: What a hostile server says of it: nothing that Jobdesk has a sentence of its own for, so that its words are shown.
ECHO, ECHOED = "refused with an echo", "what is {}?"


@pytest.fixture(scope="module")
def servers() -> Iterator[dict[str, int]]:
    """A server that refuses any password, and one that repeats it: their ports."""
    with MadeUpServer() as refusing, MadeUpServer(echoes=True, words=ECHOED) as echoing:
        yield {"refused": refusing.port, ECHO: echoing.port}


def words_of(fate: str, dsn: str, servers: dict[str, int]) -> dict[str, str]:
    """What leads to a connection that ends so."""
    real = {name: str(value) for name, value in conninfo_to_dict(dsn).items()}
    real = {"port": "5432", "user": "postgres", "host": "127.0.0.1"} | real
    if fate == "it works":
        return real
    if fate == "no such database":
        return real | {"dbname": "none"}
    if fate == "a server of another kind":
        return {"host": real["host"], "port": "1", "user": "me", "dbname": "d", "sslmode": "nonsense"}
    return {"host": "127.0.0.1", "port": str(servers.get(fate, 1)), "user": "me", "dbname": "d"}


# What the other fates come to has no word of what was sent: nothing could be told there, and no test would fail.
@pytest.mark.parametrize("fate", ["it works", ECHO])
async def test_no_command_tells_it(
    module_dsn: str,
    servers: dict[str, int],
    ring: dict[str, str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
    fate: str,
) -> None:
    caplog.set_level(logging.DEBUG)
    words, echoes = words_of(fate, module_dsn, servers), 0
    for number, (carrier, password) in enumerate((each, secret) for secret in PASSWORDS for each in CARRIERS):
        folder = tmp_path / str(number)
        folder.mkdir()
        with monkeypatch.context() as patch:
            for name in ("HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME", "XDG_DATA_HOME"):
                patch.setenv(name, str(folder))
            patch.setattr("jobdesk_core.profiles.places._first_servers", {})
            planted = await plant(carrier, password, words, folder, patch)
            codes = set()
            for command in COMMANDS if (fate, password) == ("it works", PASSWORDS[1]) else FEWER:
                # In a thread, as the command line has no loop around it.
                codes.add(await asyncio.to_thread(main, [*command, *planted.words]))
                told = capsys.readouterr()
                assert not tells(told.out, told.err), (carrier, command, told)
                echoes += ECHOED.format("•••") in told.err
                assert "Traceback" not in told.err
            assert (0 in codes) is (fate == "it works") or carrier == "options", (carrier, codes)
            assert not tells(caplog.text), (carrier, fate)
            caplog.clear()
            for name, content in written(folder, planted.files):
                assert not tells(content), (carrier, name)
    assert (echoes > 0) is (fate == ECHO)


@pytest.mark.parametrize("fate", FATES)
async def test_no_error_log_or_representation_of_a_connector_tells_it(
    module_dsn: str,
    servers: dict[str, int],
    ring: dict[str, str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    fate: str,
) -> None:
    caplog.set_level(logging.DEBUG)
    words = words_of(fate, module_dsn, servers)
    for carrier in CARRIERS:
        for password in PASSWORDS:
            with monkeypatch.context() as patch:
                patch.setattr("jobdesk_core.profiles.places._first_servers", {})
                planted = await plant(carrier, password, words, tmp_path, patch)
                profile, in_dsn = profile_of_dsn(planted.dsn)
                if planted.profile:
                    saved = ProfileStore().get(planted.profile)
                    assert saved is not None
                    profile = saved
                secret = typed(profile, in_dsn) or await Passwords().of(profile)
                parameters = connection_parameters(profile, secret)
                connector = PsycopgConnector(**parameters)
                said = [profile.name, profile.display_dsn, repr(secret), repr(connector), repr(vars(connector).keys())]
                try:
                    await connector.open_async()
                    if fate == "it works":
                        said += _seen_by_others(module_dsn)
                except JobdeskException as error:
                    trouble = explain(error)
                    said += [repr(trouble), "".join(traceback.format_exception(error)) if fate != ECHO else ""]
                    said += list(of_error(error)) if fate != ECHO else [str(error)]
                finally:
                    await connector.close_async()
                assert not tells(*said), (carrier, fate, [each for each in said if tells(each)])
                assert not tells(caplog.text), (carrier, fate)
                for path in planted.files:
                    path.unlink()


def _seen_by_others(dsn: str) -> list[str]:
    with psycopg.connect(dsn) as connection:
        return [repr(row) for row in connection.execute("SELECT * FROM pg_stat_activity").fetchall()]


def test_a_child_of_ours_is_not_given_it(tmp_path: Path) -> None:
    """Development mode, too, which tells of more: what the interpreter says when it ends, and of what was left open."""
    environment = os.environ | {"PGPASSWORD": PASSWORDS[0], "PYTHONWARNINGS": "default"}
    words = [sys.executable, "-X", "dev", "-m", "jobdesk_core", "status", "--dsn", "host=127.0.0.1 port=1 user=me"]
    ended = subprocess.run(words, env=environment, capture_output=True, cwd=tmp_path)
    assert ended.returncode == 3 and not tells(ended.stdout, ended.stderr), ended
