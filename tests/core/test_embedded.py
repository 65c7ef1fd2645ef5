"""The embedded server: keeps its data, keeps others out of its folder, and outlives nobody."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest
from database import run_sql
from jobdesk_core.embedded import EmbeddedServer, EmbeddedServerError, FolderInUse
from jobdesk_core.embedded_user import FREE_IDS
from programs import server_pid, started
from psycopg.conninfo import make_conninfo
from waiting import until


def is_alive(pid: int) -> bool:
    """Whether a process runs. A zombie, which only waits for its parent to look, does not."""
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False


def test_data_are_kept_from_one_start_to_the_next(folder: Path) -> None:
    server = EmbeddedServer(folder, is_durable=False)
    with server:
        run_sql(server.dsn, "CREATE DATABASE kept")
        run_sql(server.dsn_of("kept"), "CREATE TABLE kept AS SELECT 'ü' AS word")
        pid = server_pid(folder)
    assert not is_alive(pid)
    with server:
        assert run_sql(server.dsn_of("kept"), "SELECT word FROM kept") == ["ü"]
        assert server_pid(folder) != pid


def test_it_stops_while_clients_are_busy_and_a_second_stop_is_fine(folder: Path) -> None:
    server = EmbeddedServer(folder, is_durable=False).start()
    busy = f"import psycopg; psycopg.connect({server.dsn!r}).execute('SELECT pg_sleep(60)')"
    with started([sys.executable, "-c", busy], stderr=subprocess.DEVNULL):
        server.stop()
        server.stop()
    assert not list(folder.glob("data-*/postmaster.pid"))


def test_it_listens_on_a_socket_only_that_is_its_owners(folder: Path) -> None:
    with EmbeddedServer(folder, is_durable=False) as server:
        assert run_sql(server.dsn, "SELECT current_setting('listen_addresses')") == [""]
        assert (folder / "run").stat().st_mode & 0o777 == 0o700
        (data,) = folder.glob("data-*")
        assert data.stat().st_mode & 0o777 == 0o700


@pytest.mark.skipif(sys.platform == "win32" or os.geteuid() != 0, reason="Only root can be another user.")
def test_roots_server_is_nobody_elses_superuser(folder: Path) -> None:
    import pwd

    with EmbeddedServer(folder, is_durable=False) as server:
        owner = (folder / "run").stat().st_uid
        (data,) = folder.glob("data-*")
        assert owner in FREE_IDS and {path.stat().st_uid for path in (data, *data.rglob("*"))} == {owner}
        assert {int(number) for number in ids_of(server_pid(folder))} == {owner}
        with pytest.raises(KeyError):
            pwd.getpwuid(owner)
        run_sql(server.dsn, "CREATE TABLE kept AS SELECT 1 AS number")
        # Nobody else gets in, whoever it is that has no rights.
        for name in ("nobody", "daemon"):
            attempt = subprocess.run(
                ["ls", str(folder / "run")], user=name, extra_groups=[], capture_output=True, text=True, cwd="/"
            )
            assert "Permission denied" in attempt.stderr
    # As an earlier release left them.
    nobody = pwd.getpwnam("nobody")
    for path in (data, *data.rglob("*")):
        os.chown(path, nobody.pw_uid, nobody.pw_gid, follow_symlinks=False)
    with EmbeddedServer(folder, is_durable=False) as server:
        assert run_sql(server.dsn, "SELECT number FROM kept") == [1]
        assert data.stat().st_uid == owner


def ids_of(pid: int) -> list[str]:
    """The user ids of a process: real, effective, saved, and that of the file system."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(line for line in lines if line.startswith("Uid:")).split()[1:]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no modes.")
def test_what_it_writes_is_its_owners_whatever_the_umask(folder: Path) -> None:
    (folder / "deep").mkdir()
    (folder / "deep" / "server.log").touch(0o644)
    (folder / "deep" / "server.log").chmod(0o644)
    before = os.umask(0)
    try:
        with EmbeddedServer(folder / "deep", is_durable=False):
            modes = {name: (folder / "deep" / name).stat().st_mode & 0o777 for name in ("server.log", "lock")}
    finally:
        os.umask(before)
    assert modes == {"server.log": 0o600, "lock": 0o600}
    before = os.umask(0o077)
    try:
        with EmbeddedServer(folder / "a" / "b" / "c", is_durable=False) as server:
            assert run_sql(server.dsn, "SELECT 1") == [1]
    finally:
        os.umask(before)


def test_on_the_loopback_it_asks_everyone_for_its_password(folder: Path) -> None:
    with EmbeddedServer(folder, is_durable=False, transport="loopback") as server:
        assert run_sql(server.dsn, "SELECT current_setting('listen_addresses')") == ["127.0.0.1"]
        assert run_sql(server.dsn, "SELECT current_setting('unix_socket_directories')") == [""]
        assert run_sql(server.dsn, "SELECT rolpassword LIKE 'SCRAM-SHA-256$%' FROM pg_authid WHERE rolname = user") == [
            True
        ]
        password = (folder / "pgpass").read_text().strip().rpartition(":")[2]
        assert len(password) >= 24 and password not in server.dsn
        for wrong in ({"passfile": "/nowhere"}, {"passfile": "/nowhere", "password": "guessed"}):
            with pytest.raises(psycopg.OperationalError, match="password"):
                psycopg.connect(make_conninfo(server.dsn, **wrong))
    assert not (folder / "new-password").exists()
    assert all(password not in path.read_text() for path in folder.glob("server.log"))


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no modes.")
def test_the_password_of_the_loopback_is_its_owners(folder: Path) -> None:
    with EmbeddedServer(folder, is_durable=False, transport="loopback"):
        assert (folder / "pgpass").stat().st_mode & 0o777 == 0o600


def test_data_on_the_loopback_are_kept_with_their_password(folder: Path) -> None:
    server = EmbeddedServer(folder, is_durable=False, transport="loopback")
    with server:
        run_sql(server.dsn, "CREATE TABLE kept AS SELECT 1 AS number")
    with server:
        assert run_sql(server.dsn, "SELECT number FROM kept") == [1]


def test_two_servers_on_the_loopback_stand_side_by_side(folder: Path) -> None:
    with (
        EmbeddedServer(folder / "one", is_durable=False, transport="loopback") as one,
        EmbeddedServer(folder / "two", is_durable=False, transport="loopback") as two,
    ):
        assert run_sql(one.dsn, "SELECT 1") == run_sql(two.dsn, "SELECT 1") == [1]
        with pytest.raises(FolderInUse):
            EmbeddedServer(folder / "two", transport="loopback").start()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no sockets in folders.")
def test_the_two_transports_do_not_share_data(folder: Path) -> None:
    with EmbeddedServer(folder, is_durable=False, transport="socket") as server:
        run_sql(server.dsn, "CREATE TABLE here ()")
    with EmbeddedServer(folder, is_durable=False, transport="loopback") as server:
        assert run_sql(server.dsn, "SELECT to_regclass('here') IS NULL") == [True]


def test_a_second_server_in_the_folder_is_refused_and_the_first_goes_on(folder: Path) -> None:
    with EmbeddedServer(folder, is_durable=False) as first:
        with pytest.raises(FolderInUse, match=str(folder)):
            EmbeddedServer(folder).start()
        assert run_sql(first.dsn, "SELECT 1") == [1]
    with EmbeddedServer(folder, is_durable=False) as second:
        assert run_sql(second.dsn, "SELECT 1") == [1]


def test_a_folder_with_a_very_long_path_works(folder: Path) -> None:
    deep = folder / ("long" * 20) / ("longer" * 20)
    with EmbeddedServer(deep, is_durable=False) as server:
        assert run_sql(server.dsn, "SELECT 1") == [1]
        sockets = Path(run_sql(server.dsn, "SELECT current_setting('unix_socket_directories')")[0])
        assert not sockets.is_relative_to(folder)
    assert not sockets.exists()
    assert list(deep.glob("data-*"))


def test_a_folder_with_odd_characters_works(folder: Path) -> None:
    with EmbeddedServer(folder / 'it\'s a "földer" %s', is_durable=False) as server:
        assert run_sql(server.dsn, "SELECT 1") == [1]


def test_an_attempt_that_was_interrupted_is_begun_anew(folder: Path) -> None:
    with EmbeddedServer(folder, is_durable=False):
        (data,) = folder.glob("data-*")
    (data / "PG_VERSION").unlink()
    with EmbeddedServer(folder, is_durable=False) as server:
        assert run_sql(server.dsn, "SELECT 1") == [1]


def test_a_server_that_does_not_start_says_why_and_lets_go_of_its_folder(folder: Path) -> None:
    with EmbeddedServer(folder, is_durable=False):
        (data,) = folder.glob("data-*")
    settings = (data / "postgresql.conf").read_text()
    (data / "postgresql.conf").write_text(f"{settings}\nno_such_setting = on\n")
    server = EmbeddedServer(folder, is_durable=False)
    with pytest.raises(EmbeddedServerError, match="no_such_setting"):
        server.start()
    (data / "postgresql.conf").write_text(settings)
    with server:
        assert run_sql(server.dsn, "SELECT 1") == [1]


def test_a_folder_that_cannot_be_made_is_told(folder: Path) -> None:
    (folder / "file").write_text("in the way")
    with pytest.raises(EmbeddedServerError, match="cannot be written"):
        EmbeddedServer(folder / "file" / "server").start()


PARENT = """
import sys
from pathlib import Path
from jobdesk_core.embedded import EmbeddedServer
server = EmbeddedServer(Path(sys.argv[1]), is_durable=False).start()
print(server.dsn, flush=True)
sys.stdin.read()
"""


@pytest.mark.skipif(sys.platform != "linux", reason="Only Linux ends a child with its parent.")
async def test_the_server_ends_when_its_parent_is_killed_and_its_data_stay(folder: Path) -> None:
    pid = start_and_kill_parent(folder)
    # At once, while the former server may still be ending.
    with EmbeddedServer(folder, is_durable=False) as server:
        assert run_sql(server.dsn, "SELECT number FROM kept") == [1]
    await until(lambda: not is_alive(pid), timeout_s=60, what="the server to end")


@pytest.mark.skipif(sys.platform != "linux", reason="Only Linux ends a child with its parent.")
async def test_without_anyone_else_the_server_ends_when_its_parent_is_killed(folder: Path) -> None:
    pid = start_and_kill_parent(folder)
    await until(lambda: not is_alive(pid), timeout_s=60, what="the server to end")


def start_and_kill_parent(folder: Path) -> int:
    """The process id of a server whose parent has just been killed."""
    command = [sys.executable, "-c", PARENT, str(folder)]
    with started(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        run_sql(parent.stdout.readline().strip(), "CREATE TABLE kept AS SELECT 1 AS number")
        pid = server_pid(folder)
        assert is_alive(pid)
        parent.kill()
    return pid
