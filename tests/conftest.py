"""A real PostgreSQL for every test that needs one: a fresh database each, copied from a template."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import inspect
import itertools
import os
import signal
import tempfile
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any

import hypothesis
import psycopg
import pytest
import releases
from jobdesk_core import masking
from jobdesk_core.database.schema import schema_sql
from jobdesk_core.embedded import EmbeddedServer
from keyrings import own_keyring
from made_up_server import MadeUpServer
from psycopg import sql
from psycopg.conninfo import make_conninfo

pytest_plugins = ["hanging"]
_numbers = itertools.count(1)
# A shell that runs the suite in the background has Ctrl+C ignored, and every program that a test starts inherits that.
signal.signal(signal.SIGINT, signal.default_int_handler)
# How long an example takes says more of the machine than of what is tested.
hypothesis.settings.register_profile("jobdesk", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow])
hypothesis.settings.load_profile("jobdesk")


@pytest.fixture(scope="session")
def server_dsn() -> Iterator[str]:
    """A server to create databases on: JOBDESK_TEST_DSN, or an embedded one for this session."""
    given = os.environ.get("JOBDESK_TEST_DSN")
    if given:
        yield given
        return
    with tempfile.TemporaryDirectory(prefix="jobdesk-tests-") as folder:
        Path(folder).chmod(0o755)
        with EmbeddedServer(Path(folder), is_durable=False) as server:
            yield server.dsn


@pytest.fixture(scope="session")
def template_name(server_dsn: str) -> Iterator[str]:
    """The name of a database with our schema, to copy."""
    name = f"jobdesk_template_{os.getpid()}"
    with _created(server_dsn, name) as dsn:
        with psycopg.connect(dsn) as connection:
            connection.execute(schema_sql().encode())
        yield name


@pytest.fixture
def dsn(server_dsn: str, template_name: str) -> Iterator[str]:
    """The connection string of a fresh database with the schema."""
    with _created(server_dsn, f"jobdesk_{os.getpid()}_{next(_numbers)}", template_name) as created:
        yield created


@pytest.fixture(scope="module")
def module_dsn(server_dsn: str, template_name: str) -> Iterator[str]:
    """As `dsn`, for the tests of one module together: none of them changes what the others read."""
    with _created(server_dsn, f"jobdesk_{os.getpid()}_{next(_numbers)}", template_name) as created:
        yield created


@pytest.fixture
def empty_dsn(server_dsn: str) -> Iterator[str]:
    """The connection string of a fresh database without a schema."""
    with _created(server_dsn, f"jobdesk_{os.getpid()}_{next(_numbers)}") as created:
        yield created


@pytest.fixture(scope="session")
def released_name(server_dsn: str) -> Iterator[Callable[[str], str]]:
    """Gives the name of a database in a state of `releases.STATES`; each is made when first asked for."""
    with contextlib.ExitStack() as stack:

        @functools.cache
        def name_of(state: str) -> str:
            scripts = releases.scripts_of(state)
            name = f"jobdesk_released_{os.getpid()}_{releases.STATES.index(state)}"
            releases.apply(stack.enter_context(_created(server_dsn, name)), scripts)
            return name

        yield name_of


@pytest.fixture
def released_dsn(server_dsn: str, released_name: Callable[[str], str], state: str) -> str:
    """The connection string of the database in the test's `state`, emptied. The test leaves the schema as it is.

    Not a copy for each test, as elsewhere: hundreds of copies took four fifths of the time (measured).
    """
    dsn = make_conninfo(server_dsn, dbname=released_name(state))
    releases.empty(dsn)
    return dsn


@pytest.fixture
def own_released_dsn(
    server_dsn: str, released_dsn: str, released_name: Callable[[str], str], state: str
) -> Iterator[str]:
    """The connection string of a fresh copy of `released_dsn`, for a test that changes the schema."""
    name = f"jobdesk_{os.getpid()}_{next(_numbers)}"
    with _created(server_dsn, name, released_name(state)) as created:
        yield created


class _created:
    """A database that exists within a with block."""

    def __init__(self, server_dsn: str, name: str, template: str = "template1") -> None:
        self._server_dsn, self._name, self._template = server_dsn, name, template

    def __enter__(self) -> str:
        with psycopg.connect(self._server_dsn, autocommit=True) as connection:
            # A third of the time, for a checkpoint costs nothing where nothing is synchronised.
            strategy = "STRATEGY file_copy" if connection.info.server_version >= 150_000 else ""
            create = sql.SQL(f"CREATE DATABASE {{}} TEMPLATE {{}} {strategy}")
            connection.execute(create.format(sql.Identifier(self._name), sql.Identifier(self._template)))
        return make_conninfo(self._server_dsn, dbname=self._name)

    def __exit__(self, *_: object) -> None:
        drop = sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)")
        with psycopg.connect(self._server_dsn, autocommit=True) as connection:
            connection.execute(drop.format(sql.Identifier(self._name)))


@pytest.fixture
def run_coroutine() -> Callable[[Coroutine[Any, Any, Any]], Any]:
    """How a coroutine test is run; the window's tests run theirs on Qt's loop."""
    return asyncio.run


@pytest.fixture(autouse=True)
def _has_runner(run_coroutine: Callable[[Coroutine[Any, Any, Any]], Any]) -> None:
    """Have a runner ready for every test that turns out to be a coroutine function."""


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Run a test that is a coroutine function."""
    if not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    names = inspect.signature(pyfuncitem.obj).parameters
    arguments = {name: pyfuncitem.funcargs[name] for name in names}
    from hanging import in_time  # a plugin is imported by pytest first

    pyfuncitem.funcargs["run_coroutine"](in_time(pyfuncitem, pyfuncitem.obj(**arguments)))
    return True


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder with a short path, for a socket, which a server's user may enter."""
    with tempfile.TemporaryDirectory(prefix="jobdesk-tests-") as name:
        Path(name).chmod(0o755)
        yield Path(name)


@pytest.fixture
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No variable of libpq, no file of this machine's user, and no password that went anywhere before."""
    for name in [name for name in os.environ if name.startswith("PG")]:
        monkeypatch.delenv(name)
    for name in ("CONFIG", "STATE", "DATA", "CACHE"):
        monkeypatch.setenv(f"XDG_{name}_HOME", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("PGCONNECT_TIMEOUT", "5")
    monkeypatch.setattr("jobdesk_core.profiles.places._first_servers", {})


@pytest.fixture(autouse=True)
def _no_secrets_of_others() -> None:
    """Each test begins without the passwords that others have used: one that is a word would be a mask in sentences."""
    masking._known.clear()
    masking._pattern = masking._typed_pattern = masking._NOTHING


@pytest.fixture
def ring() -> Iterator[dict[str, str]]:
    """A keyring that lasts as long as the test: its passwords by their keys."""
    with own_keyring() as words:
        yield words


@pytest.fixture
def home() -> Iterator[MadeUpServer]:
    """The server that a password is kept for."""
    with MadeUpServer() as server:
        yield server


@pytest.fixture
def elsewhere() -> Iterator[MadeUpServer]:
    """A server that must not be sent it."""
    with MadeUpServer() as server:
        yield server
