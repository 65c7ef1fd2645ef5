"""The names and values in what is pasted: lines of variables, settings of Django, Rails and JSON, psql's words."""

from __future__ import annotations

import ast
import json
import re
import shlex
from itertools import chain
from typing import Any

#: What a variable that ends so is about: `DB_HOST`, `POSTGRES_USER`, `RDS_DB_NAME`, `MYAPP_DATABASE_PASSWORD`.
_ENDINGS = (
    ("HOSTADDR", "hostaddr"),
    ("HOSTNAME", "host"),
    ("HOST", "host"),
    ("SERVER", "host"),
    ("PORT", "port"),
    ("USERNAME", "user"),
    ("USER", "user"),
    ("PASSWORD", "password"),
    ("PASS", "password"),
    ("DBNAME", "dbname"),
    ("DATABASE", "dbname"),
    ("NAME", "dbname"),
    ("DB", "dbname"),
    ("SSLMODE", "sslmode"),
    ("SSLROOTCERT", "sslrootcert"),
    ("SSLCERT", "sslcert"),
    ("SSLKEY", "sslkey"),
    ("SCHEMA", "schema"),
    ("URL", "url"),
    ("URI", "url"),
    ("DSN", "url"),
)
#: libpq's own variables whose names do not end in their parameter's.
_LIBPQ = {
    "PGAPPNAME": "application_name",
    "PGCONNECT_TIMEOUT": "connect_timeout",
    "PGCHANNELBINDING": "channel_binding",
    "PGCLIENTENCODING": "client_encoding",
    "PGTARGETSESSIONATTRS": "target_session_attrs",
    "PGLOADBALANCEHOSTS": "load_balance_hosts",
    "PGREQUIREAUTH": "require_auth",
    "PGREQUIREPEER": "requirepeer",
    "PGKRBSRVNAME": "krbsrvname",
    "PGSSLMINPROTOCOLVERSION": "ssl_min_protocol_version",
    "PGSSLMAXPROTOCOLVERSION": "ssl_max_protocol_version",
}
_ASSIGNMENT = re.compile(
    r"\s*(?:export\s+|set\s+|setx\s+|\$env:|ENV\s+|-\s+|-e\s+)?([A-Za-z_][A-Za-z0-9_.-]*)\s*(=|:(?=\s|$))\s*(.*)",
    re.IGNORECASE,
)
#: `[billing]` of a file of services; `production:` of YAML, which may be marked for others to take over.
_SECTION = re.compile(r"\s*\[([^\]]+)\]\s*|([A-Za-z_]\w*):(?:\s+&\w+)?\s*")
_SHELL_PART = re.compile(r"[A-Z_][A-Z0-9_]*=")
_NET_PART = re.compile(r"\s*([A-Za-z][A-Za-z ]*?)\s*=")
_REFERENCE = re.compile(r"\$\{?\w|<%|\{\{|\(")
_DJANGO = re.compile(r"""['"](\w+)['"]\s*:\s*([^,{}\n]+|'[^']*'|"[^"]*")""")
#: host:port:database:user:password, where a colon or backslash within is preceded by a backslash.
_FIELD = r"(?:\\.|[^:\\\n])"
PASSWORD_LINE = re.compile(rf"{_FIELD}+:(?:\d+|\*):{_FIELD}+:{_FIELD}+:{_FIELD}+")
_PSQL_VALUES = {
    "-h": "host",
    "--host": "host",
    "-p": "port",
    "--port": "port",
    "-U": "user",
    "--username": "user",
    "-d": "dbname",
    "--dbname": "dbname",
}
#: psql's other options that take a value.
_PSQL_OTHERS = frozenset({"-c", "--command", "-f", "--file", "-v", "--set", "--variable", "-o", "--output", "-L"})
_PSQL_OTHERS |= {"--log-file", "-F", "--field-separator", "-P", "--pset", "-R", "--record-separator", "-T"}
#: Of a command around psql's (`sudo -u postgres psql`, `docker exec db psql`).
_PROGRAMS = frozenset({"psql", "pg_dump", "pg_restore", "pg_isready", "pgcli", "createdb", "dropdb", "pg_dumpall"})


def named_values(text: str) -> tuple[str, list[tuple[str, str]]] | None:
    """The kind, "variables" or "settings", and names with values in libpq's terms; None for text that has none."""
    whole = _of_json(text) or _of_braces(text)
    if whole is not None:
        return "settings", [(_plain(name), value) for name, value in whole]
    lines = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    found: list[tuple[str, str]] = []
    is_yaml = False
    for line in chain.from_iterable(map(_one_by_one, _of_one_section(lines))):
        match = _ASSIGNMENT.fullmatch(line)
        if match is None:
            continue
        is_yaml = is_yaml or match[2] == ":"
        value = _unquoted(match[3])
        if value and not _REFERENCE.match(value):
            found.append((match[1], value))
    if not found:
        return None
    return ("settings" if is_yaml else "variables"), [(_plain(name), value) for name, value in found]


def _of_one_section(lines: list[str]) -> list[str]:
    """The lines of one database, where several have a section each: one's host and another's password never meet.

    Of a file of services the first, of Rails' environments production or else the last, with what it takes over.
    """
    sections: dict[str, list[str]] = {"": []}
    name, is_service_file = "", False
    for line in lines:
        head = _SECTION.fullmatch(line)
        if head is not None:
            name = head[1] or head[2]
            is_service_file = is_service_file or bool(head[1])
            sections.setdefault(name, [])
        elif not is_service_file and not line[0].isspace():
            sections[""].append(line)
        else:
            sections[name].append(line)
    named = [each for each in sections if each and any(_is_of_database(line) for line in sections[each])]
    if len(named) < 2:
        return lines
    chosen = named[0] if is_service_file else "production" if "production" in named else named[-1]
    taken_over = [base for line in sections[chosen] for base in re.findall(r"<<:\s*\*(\w+)", line) if base != chosen]
    return [line for each in ("", *taken_over, chosen) for line in sections.get(each, [])]


def _is_of_database(line: str) -> bool:
    match = _ASSIGNMENT.fullmatch(line)
    return match is not None and _plain(match[1]) in ("host", "hostaddr", "dbname", "user", "password", "url")


def _one_by_one(line: str) -> list[str]:
    """The assignments of a line: `export A=1 B=2` of a shell, `Server=db;User Id=me` of .NET, otherwise the line."""
    parts = [each for each in line.split(";") if each.strip()]
    if len(parts) > 1 and "://" not in line and all(_NET_PART.match(each) for each in parts):
        return [_NET_PART.sub(lambda match: match[1].replace(" ", "_") + "=", each, count=1) for each in parts]
    try:
        words = shlex.split(line.strip().removeprefix("export "))
    except ValueError:
        return [line]
    if len(words) > 1 and all(_SHELL_PART.match(each) for each in words):
        return [f"{name}={shlex.quote(value)}" for name, _, value in (each.partition("=") for each in words)]
    return [line]


def password_line(text: str) -> tuple[str, str, str, str, str]:
    """Host, port, database, user and password of a line that PASSWORD_LINE matches."""
    host, port, name, user, password = re.findall(rf"(?:^|:)({_FIELD}+)", text)
    plain = [re.sub(r"\\(.)", r"\1", each) for each in (host, port, name, user, password)]
    return plain[0], plain[1], plain[2], plain[3], plain[4]


def psql_words(text: str) -> tuple[dict[str, str], str | None, str, tuple[str, ...]] | None:
    """Of a psql command line: parameters, the password, a connection string of its own, what was left out."""
    try:
        words = shlex.split(text.removeprefix("$ ").replace("\\\n", " "))
    except ValueError:
        return None
    at = next((n for n, word in enumerate(words) if word.rpartition("/")[2] in _PROGRAMS), None)
    if at is None:
        return None
    found: dict[str, str] = {}
    left_out: list[str] = []
    password = None
    for word in words[:at]:
        name, equals, value = word.partition("=")
        if equals and re.fullmatch(r"[A-Z_]+", name):
            parameter = _plain(name)
            if parameter == "password":
                password = value
            elif name.startswith("PG"):
                found[parameter] = value
            else:
                left_out.append(name)
    around = [word for word in words[:at] if "=" not in word]
    left_out += [around[0]] if around else []
    plain, rest = _psql_options(words[at + 1 :], left_out)
    whole = plain.pop("dbname", "") if _is_whole(plain.get("dbname", "")) else ""
    for place, word in enumerate(rest):
        if place == 0 and not whole and _is_whole(word):
            whole = word
        elif place < 2 and (name := "dbname" if "dbname" not in plain and not whole else "user") not in plain:
            plain[name] = word
    return {**found, **plain}, password, whole, tuple(left_out)


def _psql_options(words: list[str], left_out: list[str]) -> tuple[dict[str, str], list[str]]:
    found: dict[str, str] = {}
    rest: list[str] = []
    words = list(words)
    while words:
        word = words.pop(0)
        name, equals, value = word.partition("=")
        if word.startswith("--") and equals:
            if name in _PSQL_VALUES:
                found[_PSQL_VALUES[name]] = value
            else:
                left_out.append(name)
        elif word in _PSQL_VALUES and words:
            found[_PSQL_VALUES[word]] = words.pop(0)
        elif word in _PSQL_OTHERS and words:
            left_out.append(word)
            words.pop(0)
        elif word[:2] in _PSQL_VALUES and not word.startswith("--"):
            found[_PSQL_VALUES[word[:2]]] = word[2:]
        elif word.startswith("-"):
            left_out.append(word)
        else:
            rest.append(word)
    return found, rest


def _is_whole(text: str) -> bool:
    return "://" in text or "=" in text


def _plain(name: str) -> str:
    """The parameter that a variable or setting is about, or its own name."""
    upper = name.upper().replace("-", "_").replace(".", "_")
    if upper in _LIBPQ:
        return _LIBPQ[upper]
    if upper.startswith("PG") and not upper.startswith(("PG_", "PGSQL")):
        return upper[2:].lower().replace("database", "dbname")
    if upper in ("ENGINE", "ADAPTER", "APP_NAME", "HOSTNAME_EXTERNAL"):
        return name
    for ending, parameter in _ENDINGS:
        if upper == ending or upper.endswith("_" + ending):
            return parameter
    return name.lower()


#: A word in single quotes, with the single quotes in it written as a shell wants them.
_SHELL_WORD = re.compile(r"""'(?:[^']|'"'"'|'\\'')*'""")


def _unquoted(value: str) -> str:
    """A value as a shell, .env or YAML has it: within quotes whole, otherwise up to a remark."""
    value = value.strip().removesuffix(",").removesuffix(";").strip()
    if _SHELL_WORD.fullmatch(value):
        return value[1:-1].replace("'\"'\"'", "'").replace("'\\''", "'")
    if len(value) > 1 and value[0] == value[-1] and value[0] in "'\"":
        return value[1:-1]
    match = re.match(r"""(['"])(.*)\1\s*#""", value)
    if match is not None:
        return match[2]
    return re.split(r"\s#", value, maxsplit=1)[0].strip()


def _of_json(text: str) -> list[tuple[str, str]] | None:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return _flat(value) if isinstance(value, dict) else None


def _of_braces(text: str) -> list[tuple[str, str]] | None:
    """A dict of Python, such as Django's DATABASES, whole or in part; values that are no constants are left out."""
    start = text.find("{")
    if (start < 0 or "://" in text[:start]) and not _DJANGO.match(text):
        return None
    try:
        value = _constants(ast.parse(text[max(0, start) : text.rfind("}") + 1].strip(), mode="eval").body)
    except (ValueError, SyntaxError, RecursionError, MemoryError, TypeError):
        found = []
        for name, words in _DJANGO.findall(text):
            try:
                constant = ast.literal_eval(words.strip())
            except (ValueError, SyntaxError):
                continue
            found.append((name, str(constant)))
        return found or None
    return _flat(value) if isinstance(value, dict) else None


def _constants(node: ast.expr) -> Any:
    """A dict of Python without what is no constant (`os.environ["PASSWORD"]`), which is another's to know."""
    if isinstance(node, ast.Dict):
        pairs = [(_constants(key), _constants(value)) for key, value in zip(node.keys, node.values, strict=True) if key]
        return {key: value for key, value in pairs if isinstance(key, str) and value is not None}
    return node.value if isinstance(node, ast.Constant) else None


def _flat(value: dict[Any, Any]) -> list[tuple[str, str]]:
    """Names and plain values; of several databases Django's default one, otherwise the first."""
    inner = value.get("default")
    if not isinstance(inner, dict):
        dicts = [each for each in value.values() if isinstance(each, dict)]
        inner = dicts[0] if dicts and len(dicts) == len(value) else value
    found: list[tuple[str, str]] = []
    for name, each in inner.items():
        if isinstance(each, dict):
            found += [(str(key), str(one)) for key, one in each.items() if isinstance(one, str | int)]
        elif isinstance(each, str | int) and not isinstance(each, bool):
            found.append((str(name), str(each)))
    return found
