"""Which servers, role and database a connection leads to, as libpq itself resolves it, and which password may go there.

A password belongs to one place. One that libpq would take from the environment or from a service file belongs to the
place that these name, and is kept from any other; of a password file libpq itself takes only a place's own line.
"""

from __future__ import annotations

import contextlib
import ipaddress
import os
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psycopg
from psycopg import pq
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from jobdesk_core.profiles.password_command import PasswordSource

#: The parameters that make a place, and the variables that name each of them.
_VARIABLES = {"host": "PGHOST", "hostaddr": "PGHOSTADDR", "port": "PGPORT", "user": "PGUSER", "dbname": "PGDATABASE"}
_SERVERS = frozenset({"host", "hostaddr", "port"})
#: A connection string, or a part of one with a password in it.
_ADDRESS = re.compile(r"://|\w:.*@|passw(?:or)?d\s*=", re.IGNORECASE | re.DOTALL)
NO_PASSWORD_FILE = f"{os.devnull}/none"
#: Shown instead of what is secret.
HIDDEN = "••••••"
#: libpq resolves everything and then refuses this, before it looks at the network or at a password file.
_REFUSED = {"sslmode": "-", "passfile": NO_PASSWORD_FILE}


@dataclass(frozen=True, slots=True)
class Place:
    """The servers that may answer (host, its address where one is given, port), the role, and the database.

    `via` is the host of SSH that they are reached through, as which they are named; empty for none. The same name is
    another server there.
    """

    servers: tuple[tuple[str, str, str], ...]
    user: str
    dbname: str
    via: str = ""

    @property
    def parameters(self) -> dict[str, str]:
        """The parameters that lead there, whatever the environment and the service files say by then."""
        hosts, addresses, ports = (",".join(each) for each in zip(*self.servers, strict=True))
        addresses = addresses if addresses.strip(",") else ""
        return {"host": hosts, "hostaddr": addresses, "port": ports, "user": self.user, "dbname": self.dbname}

    @property
    def names(self) -> frozenset[str]:
        """The hosts, the role and the database."""
        return frozenset((self.user, self.dbname, *(host for host, _, _ in self.servers)))

    @property
    def label(self) -> str:
        """The place as one text, another one for each place."""
        servers = ",".join(_label(*server) for server in self.servers)
        label = f"postgresql://{_one_word(self.user)}@{servers}/{_one_word(self.dbname)}"
        return f"{label}?ssh={_one_word(self.via)}" if self.via else label

    @property
    def is_by_socket(self) -> bool:
        """Whether it is reached by this machine's own sockets alone, where a server seldom asks for a password."""
        return not self.via and all(host.startswith(("/", "@")) and not address for host, address, _ in self.servers)

    @property
    def is_named_alike_everywhere(self) -> bool:
        """Whether each of its names means the same server on any machine."""
        return not any(host.startswith("/") or _is_loopback(address or host) for host, address, _ in self.servers)


def _is_loopback(host: str) -> bool:
    with contextlib.suppress(ValueError):
        return ipaddress.ip_address(host).is_loopback
    return host.lower().rstrip(".") in ("", "localhost") or host.lower().endswith(".localhost")


def _label(host: str, address: str, port: str) -> str:
    return f"{_one_word(host)}{f'({_one_word(address)})' if address else ''}:{_one_word(port)}"


def _one_word(text: str) -> str:
    return quote(text, safe="")


@dataclass(frozen=True, slots=True)
class Secret:
    """A password, and the one place that it may be sent to; from a command, if it has a `source`."""

    place: Place
    text: str = field(repr=False)
    source: PasswordSource | None = field(default=None, repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class Resolved:
    """Where some parameters lead, the password that libpq would send there, and whether the parameters name it."""

    place: Place
    service: str
    password: str | None = field(repr=False)
    is_own_password: bool


def resolved(conninfo: str = "", arguments: Mapping[str, str] | None = None) -> Resolved | None:
    """Where these parameters lead; None when libpq cannot tell, and would not connect either. Nothing is asked.

    Reads the environment and the service files.
    """
    try:
        named = conninfo_to_dict(conninfo, **dict(arguments or {}))
        found = found_by_libpq(named)
    except (psycopg.Error, ValueError):
        return None
    if not found or is_misplaced(found):
        return None
    place = Place(_servers(found, found["usual host"]), found["user"], found["dbname"] or found["user"])
    return Resolved(place, found["service"], found["password"] or None, bool(named.get("password")))


def found_by_libpq(named: Mapping[str, Any]) -> dict[str, str]:
    """Every parameter as libpq resolves it, but those of _REFUSED, and its `usual host`; empty when it cannot.

    Raises psycopg's errors and ValueError for what is no connection string.
    """
    connection = pq.PGconn.connect_start(make_conninfo("", **{**named, **_REFUSED}).encode())
    try:
        found = {each.keyword.decode(): (each.val or b"").decode("utf-8", "replace") for each in connection.info}
        if not connection.db or found["sslmode"] != _REFUSED["sslmode"]:
            return {}  # an unknown service, or more ports than hosts
        return found | {"usual host": connection.host.decode("utf-8", "replace")}
    finally:
        connection.finish()


def filed_password(conninfo: str, arguments: Mapping[str, str]) -> str | None:
    """What libpq's password file has for where these parameters lead; for the first of several servers."""
    try:
        # No other password is one of the file's; and refused after it has looked there, and before the network.
        asked = {**conninfo_to_dict(conninfo, **dict(arguments)), "password": "", "sslmode": _REFUSED["sslmode"]}
        connection = pq.PGconn.connect_start(make_conninfo("", **asked).encode())
    except (psycopg.Error, ValueError):
        return None
    try:
        return connection.password.decode("utf-8", "replace") or None
    finally:
        connection.finish()


def is_misplaced(parameters: Mapping[str, Any]) -> bool:
    """Whether a connection string stands where one host or name belongs: libpq takes it for that, password and all."""
    return any(
        _ADDRESS.search(f"{name}\n{value}" if name in (*_VARIABLES, "service") else name)
        for name, value in parameters.items()
    )


def _servers(found: Mapping[str, str], usual: str) -> tuple[tuple[str, str, str], ...]:
    hosts, addresses, ports = (found[name].split(",") for name in ("host", "hostaddr", "port"))
    number = max(len(hosts), len(addresses))
    if not found["hostaddr"]:
        hosts[0] = hosts[0] or usual
    lists = (each * number if len(each) == 1 else each for each in (hosts, addresses, ports))
    return tuple(zip(*lists, strict=True))


def names_itself(conninfo: str, arguments: Mapping[str, str]) -> bool:
    """Whether these parameters lead to the same place in any environment that is like this one."""
    try:
        named = set(conninfo_to_dict(conninfo, **dict(arguments)))
    except (psycopg.Error, ValueError):
        return False
    if os.environ.get("PGSERVICE") and "service" not in named:
        return {"host", "port", "user", "dbname"} <= named
    return all(name in named for name, variable in _VARIABLES.items() if os.environ.get(variable))


def password_to_send(found: Resolved, secret: Secret | None) -> str | None:
    """The password to connect with: the secret if it belongs there; None to leave it to libpq.

    Empty when libpq would send one that was kept for another place: it then looks into its password file only.
    """
    if secret is not None and secret.place == found.place:
        return secret.text
    if found.place.via and not found.is_own_password:
        # It was kept for where the same names lead from this machine.
        return None if found.password is None else ""
    if found.password is None or found.is_own_password or _is_for(found):
        return None
    return ""


def is_led_elsewhere(place: Place, written: Mapping[str, Any]) -> bool:
    """Whether only one of host and address is written in the connection, and the other comes from around it.

    libpq looks into its password file for the host, and sends what it finds there to the address.
    """
    has_both = any(host and address for host, address, _ in place.servers)
    return has_both and bool(written.get("host")) is not bool(written.get("hostaddr"))


#: Where a password of the environment went that was kept for no server in particular: it goes nowhere else.
_first_servers: dict[str, tuple[tuple[str, str, str], ...]] = {}


def _is_for(found: Resolved) -> bool:
    """Whether a password of the environment or of a service file was kept for this place."""
    assert found.password is not None
    alone = resolved(f"service={_quoted(found.service)}" if found.service else "")
    if alone is None:
        return False
    names = {name for name, variable in _VARIABLES.items() if os.environ.get(variable)}
    names |= set(named_by_service(found.service)[0]) if found.service else set()
    place, own = found.place, alone.place
    if ("user" in names and place.user != own.user) or ("dbname" in names and place.dbname != own.dbname):
        return False
    if names & _SERVERS:
        return place.servers == own.servers
    return _first_servers.setdefault(found.password, place.servers) == place.servers


def _quoted(value: str) -> str:
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"


def services() -> frozenset[str]:
    """The names of the services that libpq finds on this machine. Reads the service files."""
    found: set[str] = set()
    for path in _service_files():
        with contextlib.suppress(OSError):
            lines = path.read_text("utf-8", "replace").splitlines() if path.is_file() else []
            found |= {
                line.strip()[1:-1] for line in lines if line.strip().startswith("[") and line.strip().endswith("]")
            }
    return frozenset(found)


def named_by_service(service: str) -> tuple[dict[str, str], str]:
    """The parameters that a service's definition names, and its file; all of them where it is not found."""
    for path in _service_files():
        found = _defined_in(path, service)
        if found is not None:
            return found, str(path)
    return dict.fromkeys(_VARIABLES, ""), "a file of the system"


def _service_files() -> list[Path]:
    own = os.environ.get("PGSERVICEFILE")
    if own:
        files = [Path(own)]
    elif sys.platform == "win32":
        files = [Path(os.environ.get("APPDATA", "")) / "postgresql" / ".pg_service.conf"]
    else:
        files = [Path("~/.pg_service.conf").expanduser()]
    system = os.environ.get("PGSYSCONFDIR")
    return [*files, *([Path(system) / "pg_service.conf"] if system else [])]


def _defined_in(path: Path, service: str) -> dict[str, str] | None:
    try:
        lines = path.read_text("utf-8", "replace").splitlines() if path.is_file() else []
    except OSError:
        return None
    found: dict[str, str] | None = None
    for line in map(str.strip, lines):
        if line.startswith("["):
            if found is not None:
                break
            found = {} if line.startswith(f"[{service}]") else None
        elif found is not None and line and not line.startswith("#"):
            name, equals, value = line.partition("=")
            # A line without "=" leads to a directory service, which may name anything.
            is_one = bool(equals) and "://" not in line
            found |= {name.strip(): value} if is_one else dict.fromkeys(_VARIABLES, "")
    return found
