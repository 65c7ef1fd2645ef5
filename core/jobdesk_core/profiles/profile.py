"""One way to reach a database, as a value without its password."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from jobdesk_core import exact_json, masking
from jobdesk_core.connectors.access import Access
from jobdesk_core.connectors.settings import desk_settings
from jobdesk_core.connectors.ssh.askpass import Ask
from jobdesk_core.connectors.ssh.command import destination_of
from jobdesk_core.connectors.ssh.command import problem as ssh_problem
from jobdesk_core.connectors.ssh.tunnel import Tunnel
from jobdesk_core.exceptions import TunnelFailed, UnreadableDsn
from jobdesk_core.profiles.places import (
    NO_PASSWORD_FILE,
    Place,
    Resolved,
    Secret,
    filed_password,
    is_led_elsewhere,
    is_misplaced,
    names_itself,
    password_to_send,
    resolved,
)
from jobdesk_core.profiles.pool import Pool
from jobdesk_core.profiles.secret_keys import EVERYTHING

Method = Literal["environment", "dsn", "arguments"]

#: Environment names offered, and the colour that each frames the window with.
ENVIRONMENTS = {
    "production": "#d92d2d",
    "staging": "#b45f06",
    "development": "#147244",
    "demo": "#6b4bc4",
    "": "",
}
#: Whoever has set one of these variables wants that database.
NAMES_A_DATABASE = ("PGSERVICE", "PGDATABASE", "PGHOST")
#: Parameters of libpq that are never saved or shown.
SECRETS = ("password", "sslpassword", "scram_client_key", "scram_server_key", "oauth_client_secret")
_BEFORE_HOST = re.compile(r"^(postgres(?:ql)?://[^:/@?]*):[^@]*@")
#: Settings of a session may be secrets of an application.
_UNSHOWN = (*SECRETS, "options")
#: Named in every session, so that the server's own lists say who it is.
APPLICATION_NAME = "jobdesk"


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """A named connection. `dsn` and `arguments` count only under their own method.

    `schema` is the schema that Procrastinate lies in; empty: where the search_path leads.

    `links` are templates by their names (see `links`), `secret_keys` is the pattern of keys whose values are
    hidden, empty for the default one (see `secret_keys`), `editor` the address of a place in the code (see `editors`).
    `app_python`, `app_path` and `app_folder` name the application's interpreter, its app (package.module.app) and the
    folder of its code (see `introspect`), `app_variables` the variables of our environment that it gets, with blanks
    between their names; its code is run only if `app_is_allowed`. `password_command` prints the password (see
    `password_command`), which new connections use for `password_lifetime_s` seconds at most, 0 for as long as the
    server takes it. `role` is taken on by every transaction, also one that only reads; `hides_arguments` shows no value
    of an argument anywhere. `ssh` names the host of SSH that connections go through (see `connectors.ssh`).
    Without `records_history` what happened there is kept in memory only (see `history`).
    `saved_as` is the name that the profile was read from the file by. `folder` and `tags` are for finding it among
    many. `is_on_fleet`: it is followed on the page of all of them. `is_shared`: it comes from the file that a team
    keeps, and cannot be changed here. `is_unlocked`: it is read-only otherwise, and may do one act.
    """

    name: str
    method: Method = "environment"
    dsn: str = ""
    arguments: Mapping[str, str] = field(default_factory=dict)
    environment: str = ""
    colour: str = ""
    is_read_only: bool = False
    links: Mapping[str, str] = field(default_factory=dict)
    secret_keys: str = ""
    editor: str = ""
    app_python: str = ""
    app_path: str = ""
    app_folder: str = ""
    schema: str = ""
    app_variables: str = ""
    app_is_allowed: bool = False
    password_command: tuple[str, ...] = ()
    password_lifetime_s: int = 0
    ssh: str = ""
    role: str = ""
    pool: Pool = field(default_factory=Pool)
    hides_arguments: bool = False
    records_history: bool = True
    folder: str = ""
    tags: tuple[str, ...] = ()
    is_on_fleet: bool = True
    is_shared: bool = field(default=False, compare=False)
    is_unlocked: bool = field(default=False, compare=False)
    saved_as: str = field(default="", compare=False)

    @property
    def hidden_keys(self) -> str:
        """The pattern of the arguments whose values are hidden, see `secret_keys`."""
        return EVERYTHING if self.hides_arguments else self.secret_keys

    @property
    def is_production(self) -> bool:
        """Whether what is done there wants a second thought."""
        return self.environment.strip().lower() == "production"

    @property
    def display_dsn(self) -> str:
        """Where the profile leads, for people; never with a password."""
        host = self.ssh if ssh_problem(self.ssh) is None else "a host that cannot be read"
        server = f"{self._server} through SSH, {host}" if self.ssh else self._server
        return f"{server}, schema {self.schema}" if self.schema else server

    @property
    def _server(self) -> str:
        """The server and the database, without the schema, for people; never with a password."""
        if self.method == "environment":
            return "libpq's environment"
        if self.method == "dsn":
            return _without(self.dsn, _UNSHOWN) if is_readable(self.dsn) else "an unreadable connection string"
        if is_misplaced(self.arguments):
            return "a connection string in a field of another kind"
        return " ".join(f"{name}={value}" for name, value in self.arguments.items() if name not in _UNSHOWN)


def is_readable(dsn: str) -> bool:
    """Whether libpq can parse a DSN. In one that it cannot a password cannot be told from the rest."""
    return _parts(dsn) is not None


def _parts(dsn: str) -> dict[str, Any] | None:
    """The parameters of a DSN with its password, or None when they cannot be told for certain."""
    try:
        parts: dict[str, Any] = conninfo_to_dict(dsn)
    except psycopg.ProgrammingError:
        return None
    return None if _hides_password(dsn, parts) else parts


def _hides_password(dsn: str, parts: Mapping[str, Any]) -> bool:
    """Whether libpq finds a part of a password where a host or a name stands."""
    return _is_taken_apart(dsn) or is_misplaced(parts)


def _is_taken_apart(dsn: str) -> bool:
    """Whether an address has an @ in its host or its path: libpq then sees a part of the password there."""
    scheme, _, rest = dsn.partition("://")
    if scheme not in ("postgresql", "postgres"):
        return False
    before_query = rest.partition("?")[0] if "@" not in rest.partition("?")[2] else rest
    people, at, place = before_query.partition("@")
    return ("/" in people and bool(at)) or "@" in (place if at else people).partition("?")[0]


def split_password(dsn: str) -> tuple[str, str | None]:
    """The DSN without its password, and the password. A DSN that cannot be parsed comes back as it is."""
    password = (_parts(dsn) or {}).get("password")
    return (dsn, None) if password is None else (_without(dsn, ("password",)), str(password))


def public_dsn(dsn: str) -> str:
    """The DSN without anything secret. Ask only of one that `is_readable`."""
    return _without(dsn, SECRETS)


def _without(dsn: str, names: Collection[str]) -> str:
    parts: dict[str, Any] = conninfo_to_dict(dsn)
    kept = {name: value for name, value in parts.items() if name not in names}
    # An address stays one, if its password is all that goes.
    for text in (dsn, _BEFORE_HOST.sub(r"\1@", dsn)):
        if conninfo_to_dict(text) == kept:
            return text
    return make_conninfo("", **kept)


def parameters_of(dsn: str) -> dict[str, str]:
    """The parameters that a DSN names, empty when it cannot be read."""
    return {name: str(value) for name, value in (_parts(dsn) or {}).items()}


def dsn_of(parameters: Mapping[str, str]) -> str:
    """The DSN, as libpq's words with `=`, that names these parameters."""
    return make_conninfo("", **dict(parameters))


def database_of(dsn: str) -> str:
    """The database (or else the service or host) that a DSN names, empty when it names none."""
    parts = _parts(dsn) or {}
    return str(parts.get("dbname") or parts.get("service") or parts.get("host") or "")


def place_of(profile: Profile) -> Place | None:
    """Where the profile leads now, as libpq resolves it; None when it leads nowhere."""
    conninfo, arguments = words_of(profile)
    is_certain = is_readable(conninfo) and not is_misplaced(arguments)
    found = _resolved(profile, conninfo, arguments) if is_certain else None
    return found.place if found is not None else None


def _resolved(profile: Profile, conninfo: str, arguments: Mapping[str, str]) -> Resolved | None:
    found = resolved(conninfo, arguments)
    if found is None or not profile.ssh:
        return found
    return replace(found, place=replace(found.place, via=profile.ssh.strip()))


def where(profile: Profile) -> str:
    """Where the profile leads now, as one text: another one for each place and schema, and never with a password."""
    place = place_of(profile)
    if place is None:
        return profile.display_dsn
    return f"{place.label}, schema {profile.schema}" if profile.schema else place.label


def was_done_here(place: str, profile: Profile) -> bool:
    """Whether what the journal names by this text is where the profile leads now.

    Earlier releases noted the words of the profile, which say nothing where the environment decides.
    """
    return place == where(profile) or (place == profile.display_dsn and is_own_place(profile))


def is_own_place(profile: Profile) -> bool:
    """Whether the profile itself names its place, so that no variable of the environment has moved it."""
    return profile.method != "environment" and names_itself(*words_of(profile))


def connection_parameters(profile: Profile, secret: Secret | None = None, ask: Ask | None = None) -> dict[str, Any]:
    """The keywords for PsycopgConnector. Raises UnreadableDsn, TunnelFailed for what is no host of SSH.

    `ask` is asked what `ssh` asks; without it `ssh` does not ask. The secret is sent only to its own place. Without one
    libpq looks in the environment, its service files and its password file; what is kept there for another place is not
    sent.
    """
    conninfo, named = words_of(profile)
    with contextlib.suppress(psycopg.ProgrammingError):  # libpq tells it
        if _hides_password(conninfo, conninfo_to_dict(conninfo) | named):
            raise UnreadableDsn()
    found = _resolved(profile, conninfo, named)
    # Unless the connection string, a service file or PGAPPNAME has another name.
    source, tunnel = None, None
    arguments: dict[str, Any] = {"fallback_application_name": APPLICATION_NAME, **named}
    if found is not None:
        # As it was resolved: what the environment says by the next connection would lead the password elsewhere.
        arguments |= found.place.parameters
        password = password_to_send(found, secret)
        written = conninfo_to_dict(conninfo) | named
        used = {name: str(value) for name, value in written.items() if name in SECRETS}
        masking.hide(filter(None, (password, found.password, *used.values())), names=found.place.names)
        if password is not None:
            arguments["password"] = password
            source = secret.source if secret is not None and secret.place == found.place else None
        elif is_led_elsewhere(found.place, written):
            arguments["passfile"] = NO_PASSWORD_FILE
        if profile.ssh:
            tunnel = _tunnel(profile, found.place, ask)
            arguments |= _of_password_file(conninfo, arguments, found.place)
    return {
        "conninfo": conninfo,
        "kwargs": arguments,
        **profile.pool.parameters,
        "session": desk_settings(is_read_only=profile.is_read_only, schema=profile.schema, role=profile.role),
        "json_loads": exact_json.loads,
        "access": Access(source, tunnel) if source is not None or tunnel is not None else None,
    }


def _tunnel(profile: Profile, place: Place, ask: Ask | None) -> Tunnel | None:
    try:
        destination = destination_of(profile.ssh)
    except ValueError:
        raise TunnelFailed("bad host", "SSH") from None
    servers = [(address or host, port) for host, address, port in place.servers]
    return Tunnel(destination, servers, ask) if destination is not None else None


def _of_password_file(conninfo: str, arguments: Mapping[str, Any], place: Place) -> dict[str, str]:
    """What libpq's password file has for a server that is reached through SSH: libpq would look for the tunnel's end.

    A line for this machine's own servers is for none of another machine's.
    """
    found = {"passfile": NO_PASSWORD_FILE}
    if place.is_named_alike_everywhere and not arguments.get("password"):
        password = filed_password(conninfo, arguments)
        if password is not None:
            masking.hide([password], names=place.names)
            found["password"] = password
    return found


def words_of(profile: Profile) -> tuple[str, dict[str, str]]:
    """What the profile says to libpq: its connection string and its parameters."""
    arguments = {name: value for name, value in profile.arguments.items() if value != ""}
    conninfo = profile.dsn if profile.method == "dsn" else ""
    arguments = arguments if profile.method == "arguments" else {}
    return conninfo, {**({"host": "localhost"} if _is_on_the_host(profile, conninfo, arguments) else {}), **arguments}


def _is_on_the_host(profile: Profile, conninfo: str, arguments: Mapping[str, str]) -> bool:
    """Whether the server is on the host of SSH itself, for want of another name."""
    if not profile.ssh or any(os.environ.get(name) for name in ("PGHOST", "PGHOSTADDR", "PGSERVICE")):
        return False
    return not {"host", "hostaddr", "service"} & {*parameters_of(conninfo), *arguments}


def profile_of_dsn(dsn: str) -> tuple[Profile, str | None]:
    """An unsaved profile for a connection string that was typed, and the password in it."""
    clean, password = split_password(dsn)
    return Profile(name=database_of(clean) or "environment", method="dsn", dsn=clean), password


def profile_of_environment() -> Profile:
    """An unsaved profile that leads to where libpq's variables lead."""
    database = os.environ.get("PGDATABASE", "")
    is_name = bool(database) and "=" not in database and not is_misplaced({"dbname": database})
    return Profile(name=database if is_name else "environment", method="environment")
