"""What someone pastes to say where a database is, read into libpq's parameters.

Understood are addresses (`postgresql://`, with a driver's name, `jdbc:`, `postgis://`), connection strings (`host=…`),
hosts (`db.example:5432`, `me@db.example/orders`, a folder of sockets), lines of variables (`.env`, `PG*`), the settings
of Django, Rails and JSON, a psql command line, a line of a password file and the name of a service. What is no
parameter of libpq's is left out and named. Nothing is asked of a server, and of files only which services there are.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from urllib.parse import quote, unquote

import psycopg
from psycopg import pq
from psycopg.conninfo import conninfo_to_dict

from jobdesk_core.exceptions import JobdeskException
from jobdesk_core.profiles.pasted_settings import (
    PASSWORD_LINE,
    named_values,
    password_line,
    psql_words,
)

#: Schemes of PostgreSQL in frameworks; a driver's name may follow with a plus sign.
_SCHEMES = frozenset({"postgresql", "postgres", "pgsql", "postgis", "psql", "timescale", "timescaledb", "cockroachdb"})
_ADDRESS = re.compile(r"(?:jdbc:)?([a-zA-Z][a-zA-Z0-9]*)(?:\+[a-zA-Z0-9_]+)?://", re.IGNORECASE)
_HOST = re.compile(r"[\w.-]+|\[[0-9a-fA-F:.]+(?:%[\w.-]+)?\]|[0-9a-fA-F]*:[0-9a-fA-F:.]+(?:%[\w.-]+)?")
_NO_HOST = re.compile(r"""[\s=;'"<>{}\\]""")
_KEYWORD = re.compile(r"\s*[a-z_]+\s*=")
#: What other drivers and frameworks call libpq's parameters.
_OTHER_NAMES = {
    "username": "user",
    "database": "dbname",
    "db": "dbname",
    "dbname": "dbname",
    "hostname": "host",
    "server": "host",
    "servername": "host",
    "user_id": "user",
    "userid": "user",
    "uid": "user",
    "applicationname": "application_name",
    "sslcertificate": "sslcert",
    "connecttimeout": "connect_timeout",
    "timeout": "connect_timeout",
    "logintimeout": "connect_timeout",
    "targetservertype": "target_session_attrs",
    "channelbinding": "channel_binding",
    "gssencmode": "gssencmode",
    "ssl_mode": "sslmode",
    "ssl_cert": "sslcert",
    "ssl_key": "sslkey",
    "ssl_ca": "sslrootcert",
    "ssl_root_cert": "sslrootcert",
}
_SSL_WORDS = {
    "true": "require",
    "1": "require",
    "on": "require",
    "yes": "require",
    "false": "disable",
    "0": "disable",
    "off": "disable",
    "no": "disable",
}
_SSL_MODES = frozenset({"disable", "allow", "prefer", "require", "verify-ca", "verify-full"})
_SCHEMA_NAMES = frozenset({"schema", "currentschema", "search_path"})
_SERVER_TYPES = {
    "primary": "read-write",
    "master": "read-write",
    "secondary": "standby",
    "slave": "standby",
    "preferslave": "prefer-standby",
    "prefersecondary": "prefer-standby",
}


class PasteNotUnderstood(JobdeskException):
    """Text that says nothing of where a database is. It is not repeated, for it may hold a password."""


@dataclass(frozen=True, slots=True)
class Pasted:
    """What a text says: `parameters` of libpq without the password, and what was left out, by name.

    `kind` is "address", "connection string", "host", "variables", "settings", "psql", "password file" or "service".
    `guess` is a sentence about what could have been meant otherwise, empty without any.
    """

    kind: str
    parameters: Mapping[str, str]
    password: str | None = field(default=None, repr=False)
    schema: str = ""
    left_out: tuple[str, ...] = ()
    guess: str = ""


def read_pasted(text: str, services: Callable[[], frozenset[str]] = frozenset) -> Pasted:
    """What a pasted text says. `services` names the services of this machine. Raises PasteNotUnderstood."""
    text = _bare(text.strip().strip("\ufeff").strip())
    if not text or "\x00" in text:
        raise PasteNotUnderstood("There is nothing to read.")
    found = _read(text, services)
    # What was split wrongly would be kept as a host, with the password in it.
    if any(_NO_HOST.search(each) for each in _hosts_of(found)):
        raise PasteNotUnderstood("This cannot be taken apart: the host would have blanks or signs in it.")
    return found


def _read(text: str, services: Callable[[], frozenset[str]]) -> Pasted:
    for read in (_of_psql, _of_address, _of_keywords, _of_settings, _of_password_line):
        found = read(text)
        if found is not None:
            return found
    return _of_word(text, services)


def _bare(text: str) -> str:
    """Without the quotes or angle brackets that the whole was copied with."""
    if len(text) > 1 and text[0] + text[-1] in ("''", '""', "``", "<>") and not {text[0], text[-1]} & set(text[1:-1]):
        return text[1:-1].strip()
    return text


def _hosts_of(found: Pasted) -> list[str]:
    """The names and addresses of servers; a folder of sockets may be called anything."""
    listed = [*found.parameters.get("host", "").split(","), *found.parameters.get("hostaddr", "").split(",")]
    return [each for each in listed if not each.startswith(("/", "@"))]


def address_of(parameters: Mapping[str, str], password: str | None = None) -> str:
    """The parameters as one `postgresql://` address, which `read_pasted` and libpq read back without a loss."""
    rest = dict(parameters)
    user, name = rest.pop("user", ""), rest.pop("dbname", "")
    people = _quoted(user) + (f":{_quoted(password)}" if password is not None else "")
    hosts, ports = rest.get("host", ""), rest.get("port", "")
    place = ""
    # Lists, sockets and addresses go into the query, where libpq takes each of them as it is.
    if hosts and "," not in hosts + ports and "/" not in hosts and "@" not in hosts:
        host = f"[{_quoted(hosts, ':')}]" if ":" in hosts else _quoted(hosts)
        place = host + (f":{ports}" if ports else "")
        rest = {key: value for key, value in rest.items() if key not in ("host", "port")}
    query = "&".join(f"{key}={_quoted(value)}" for key, value in rest.items())
    at = f"{people}@" if people else ""
    return f"postgresql://{at}{place}/{_quoted(name)}" + (f"?{query}" if query else "")


def _quoted(text: str, safe: str = "") -> str:
    return quote(text, safe=safe)


# What reads each kind: None for a text of another one


def _of_address(text: str) -> Pasted | None:
    match = _ADDRESS.match(text)
    if match is None:
        return None
    if match[1].lower() not in _SCHEMES:
        raise PasteNotUnderstood(f"An address that begins with {match[1].lower()}:// is none of PostgreSQL's.")
    if re.search(r"\s", text):
        raise PasteNotUnderstood("An address has no blanks. In a password a blank is written %20.")
    rest, guess = text[match.end() :], ""
    people, place = _people_and_place(rest)
    if people is not None and ("@" in people or "/" in people or "?" in people or "#" in people):
        guess = "The password holds characters that an address has to encode: it was read up to the last @."
    place, _, query = place.partition("?")
    servers, _, name = place.partition("/")
    found: dict[str, str] = {}
    user, colon, password = (people or "").partition(":")
    if user:
        found["user"] = unquote(user)
    hosts, ports = _servers(servers)
    found |= {key: value for key, value in (("host", hosts), ("port", ports), ("dbname", unquote(name))) if value}
    values = [tuple(each.partition("=")[::2]) for each in query.partition("#")[0].split("&") if each]
    rest_of = _of_values([*((key, unquote(value)) for key, value in values)], "address")
    hidden = rest_of.password
    secret = unquote(password) if colon else hidden
    return Pasted("address", {**found, **rest_of.parameters}, secret or None, rest_of.schema, rest_of.left_out, guess)


def _people_and_place(rest: str) -> tuple[str | None, str]:
    """User and password, None without them, and what follows their @: in a query an @ is no such sign."""
    head = rest.partition("?")[0]
    if "@" in head:
        people, _, _ = head.rpartition("@")
        return people, rest[len(people) + 1 :]
    people, at, place = rest.rpartition("@")
    # A question mark in a password: what follows its @ is a place, and what precedes it no query.
    if at and ":" in head and "=" not in people.partition("?")[2]:
        return people, place
    return None, rest


def _servers(text: str) -> tuple[str, str]:
    """libpq's lists of hosts and ports."""
    hosts, ports = [], []
    for each in text.split(","):
        match = re.fullmatch(r"(\[[^\]]*\]|[^:]*)(?::(\d*))?", each)
        if match is None:
            if each.count(":") > 1:
                hosts.append(unquote(each))
                ports.append("")
                continue
            raise PasteNotUnderstood("A port is a number.")
        hosts.append(unquote(match[1].strip("[]")))
        ports.append(match[2] or "")
    return ",".join(hosts) if any(hosts) else "", ",".join(ports) if any(ports) else ""


def _of_keywords(text: str) -> Pasted | None:
    if "://" in text or not _KEYWORD.match(text):
        return None
    try:
        found = {key: str(value) for key, value in conninfo_to_dict(text).items()}
    except psycopg.Error:
        return None
    if not found:
        return None
    password = found.pop("password", None)
    return Pasted("connection string", found, password or None)


def _of_psql(text: str) -> Pasted | None:
    words = psql_words(text)
    if words is None:
        return None
    found, password, whole, left_out = words
    inner = Pasted("psql", {})
    if whole:
        read = _of_address(whole) or _of_keywords(whole)
        inner = read if read is not None else Pasted("psql", {"dbname": whole})
    parameters = {**found, **inner.parameters}
    return Pasted(
        "psql", parameters, inner.password or password, inner.schema, (*left_out, *inner.left_out), inner.guess
    )


def _of_settings(text: str) -> Pasted | None:
    """Lines of variables, and the settings of frameworks: where one is an address, that is read, and the rest goes."""
    values = named_values(text)
    if values is None:
        return None
    kind, pairs = values
    for key, value in pairs:
        if _ADDRESS.match(value) and _ADDRESS.match(value)[1].lower() in _SCHEMES:  # type: ignore[index]
            inner = _of_address(value)
            assert inner is not None
            others = tuple(other for other, _ in pairs if other != key)
            return Pasted(kind, inner.parameters, inner.password, inner.schema, (*inner.left_out, *others), inner.guess)
    found = _of_values(pairs, kind)
    return found if found.parameters or found.password else None


def _of_password_line(text: str) -> Pasted | None:
    if not PASSWORD_LINE.fullmatch(text):
        return None
    host, port, name, user, password = password_line(text)
    named = {"host": host, "port": port, "dbname": name, "user": user}
    return Pasted("password file", {key: value for key, value in named.items() if value not in ("", "*")}, password)


def _of_word(text: str, services: Callable[[], frozenset[str]]) -> Pasted:
    """A host, or else a service."""
    if re.search(r"\s", text):
        raise PasteNotUnderstood("This is no address, connection string, host, service or setting of PostgreSQL.")
    known = services()
    if text in known:
        return Pasted("service", {"service": text})
    if text.startswith(("/", "@")) and "://" not in text:
        return Pasted("host", {"host": text})
    people, at, place = text.rpartition("@")
    user, colon, password = people.partition(":")
    servers, slash, name = place.partition("/")
    if not _HOST.fullmatch(servers) and not re.fullmatch(rf"(?:{_HOST.pattern}):\d+", servers):
        raise PasteNotUnderstood("This is no address, connection string, host, service or setting of PostgreSQL.")
    hosts, ports = _servers(servers)
    named = {"user": unquote(user), "host": hosts, "port": ports, "dbname": unquote(name)}
    is_plain = not at and not slash and not ports and "." not in hosts and ":" not in hosts and hosts != "localhost"
    guess = "One word is read as a host: no service of this name is known." if is_plain else ""
    found = {key: value for key, value in named.items() if value}
    return Pasted("host", found, unquote(password) if colon else None, guess=guess)


# Names and values


def _of_values(pairs: list[tuple[str, str]], kind: str) -> Pasted:
    """libpq's parameters among names and values, under whatever name a driver has them."""
    known = {each.keyword.decode() for each in pq.Conninfo.get_defaults()}
    found: dict[str, str] = {}
    password, schema, left_out = None, "", []
    for key, value in pairs:
        plain = key.lower()
        name = plain if plain in known else _OTHER_NAMES.get(plain, plain)
        if not value:
            continue
        if name == "password" or plain in ("pass", "pwd"):
            password = value
        elif plain in _SCHEMA_NAMES:
            schema = value.split(",")[0].strip().strip('"')
        elif plain == "ssl" and (mode := _SSL_WORDS.get(value.lower(), value.lower())) in _SSL_MODES:
            found.setdefault("sslmode", mode)
        elif plain == "targetservertype":
            found[name] = _SERVER_TYPES.get(value.lower(), value.lower())
        elif name in known:
            found[name] = value
        else:
            left_out.append(key)
    return Pasted(kind, found, password, schema, tuple(left_out))
