"""What went wrong, for people: a sentence that names the cause, and the way out. Never a secret."""

from __future__ import annotations

import re
from dataclasses import dataclass

import psycopg
from psycopg import errors as sqlstates
from psycopg_pool import PoolTimeout

from jobdesk_core.connectors.certificates import CertificateRefused
from jobdesk_core.connectors.limits import AnswerTooLarge, Unanswered
from jobdesk_core.connectors.refusals import ConnectionRefused
from jobdesk_core.connectors.ssh.refusals import TUNNELS
from jobdesk_core.exceptions import (
    AlreadyEnqueued,
    ArgumentsTooDeep,
    CapabilityMissing,
    ConnectorException,
    IndexLeftInvalid,
    InDoubt,
    NothingReported,
    NotWritten,
    PasswordCommandFailed,
    PasswordCommandNotAllowed,
    QueueNameTooLong,
    SchemaChanged,
    SchemaRefused,
    TunnelFailed,
    UnreadableDsn,
    cause_text,
)
from jobdesk_core.masking import masked
from jobdesk_core.trouble_words import CERTIFICATES, RECONNECTS, WORDS, Kind

#: The troubles of a server that is not to be reached; all others are answers of its.
LINK_LOST: tuple[Kind, ...] = ("dropped", "unreachable", "unanswered")


@dataclass(frozen=True, slots=True)
class Trouble:
    """A failure as told to an operator; `detail` holds the driver's own words."""

    kind: Kind
    sentence: str
    way_out: str = ""
    detail: str = ""


def explain(error: BaseException) -> Trouble:
    """The sentence and the way out for any error of the core. An error we do not know keeps its own words."""
    own = _of_our_own(error)
    if own is not None:
        return own
    cause = error.__cause__ if isinstance(error, ConnectorException) and error.__cause__ is not None else error
    detail = without_secrets(cause_text(error))
    if isinstance(cause, CertificateRefused):
        sentence, way_out = CERTIFICATES[cause.reason]
        return Trouble("unreachable", sentence, way_out, detail)
    if isinstance(cause, Unanswered | AnswerTooLarge):
        way_out = (
            "Is it frozen or overloaded, or the network broken? Try again." if isinstance(cause, Unanswered) else ""
        )
        return Trouble("unanswered", str(cause), way_out or "Is this the right server? Ask for less at a time.", detail)
    if isinstance(cause, ConnectionRefused):
        return _by_refusal(cause, detail)
    if isinstance(cause, psycopg.Error) and cause.sqlstate is not None:
        return _by_sqlstate(cause, detail)
    if isinstance(cause, TimeoutError) and not cause.errno:
        return Trouble("timeout", _CANCELLED, _NARROWER, detail)
    if isinstance(cause, psycopg.ProgrammingError | UnreadableDsn):
        why = about_dsn(str(cause))
        return Trouble("bad_dsn", f"The connection string cannot be read: {why}.", _DSN_LOOKS, why)
    if isinstance(cause, UnicodeError):
        return Trouble("bad_input", "A character is invalid, or missing from the encoding.", "Leave it out.")
    if isinstance(cause, MemoryError):
        return Trouble("unknown", "There is not enough memory for this.", "Ask for less at a time.")
    if isinstance(cause, RecursionError):
        return Trouble("bad_input", "This is nested too deeply.", "Make it flatter.")
    if isinstance(cause, OSError) and cause.errno and not isinstance(error, ConnectorException | ConnectionError):
        what = f" {cause.filename}" if cause.filename else ""
        return Trouble("unknown", f"This machine refused{what}: {cause.strerror or cause}.", "", detail)
    if isinstance(cause, psycopg.DataError | psycopg.NotSupportedError | ValueError | OverflowError):
        return Trouble("bad_input", f"The database does not accept this: {detail}.", "Change it and try again.", detail)
    if isinstance(cause, psycopg.OperationalError | OSError):
        return _by_words(cause, detail)
    return Trouble("unknown", detail or type(cause).__name__, "", detail)


def _of_our_own(error: BaseException) -> Trouble | None:
    """What the core itself refuses, or does not know; None for what comes from elsewhere."""
    if isinstance(error, AlreadyEnqueued):
        lock = f" {error.queueing_lock}" if error.queueing_lock else ""
        return Trouble(
            "queueing_lock",
            f"The queueing lock{lock} is taken: a job with it is waiting already.",
            "Cancel that job, wait until it has started, or choose another queueing lock.",
        )
    if isinstance(error, NothingReported):
        return Trouble("capability", str(error), "The help's page “Why did it fail?” tells how workers report.")
    if isinstance(error, CapabilityMissing):
        return Trouble("capability", str(error), "A newer Procrastinate schema can.")
    if isinstance(error, QueueNameTooLong):
        return Trouble("bad_input", str(error), f"Choose a queue name of at most {error.limit_bytes} bytes.")
    if isinstance(error, ArgumentsTooDeep):
        return Trouble("bad_input", str(error), "The inspector shows them as text.")
    if isinstance(error, IndexLeftInvalid):
        way_out = f"What is left of it is of no use and slows down every write. Drop it: {error.drop_sql}"
        return Trouble("refused", str(error), way_out)
    if isinstance(error, InDoubt) and error.reason:
        sentence = f"Whether this was done cannot be known, because {error.reason}."
        return Trouble(
            "in_doubt", sentence, "Look at the jobs before you do it again.", without_secrets(cause_text(error))
        )
    if isinstance(error, InDoubt):
        way_out = "It is looked up as soon as the connection is back. Do not do it again before that."
        return Trouble("in_doubt", str(error), way_out, without_secrets(cause_text(error)))
    if isinstance(error, TunnelFailed):
        sentence, way_out = TUNNELS[error.reason]
        what = without_secrets(error.what)
        kind: Kind = "bad_dsn" if error.reason == "bad host" else "unreachable"
        return Trouble(kind, sentence.format(what=what), way_out, without_secrets(error.detail))
    if isinstance(error, PasswordCommandNotAllowed):
        way_out = "Connect in the window or on a terminal, where Jobdesk shows it and asks."
        return Trouble("password_command", str(error), way_out)
    if isinstance(error, PasswordCommandFailed):
        way_out = "Run it in a terminal: what it prints and what it complains of is not shown here."
        return Trouble("password_command", str(error), way_out)
    if isinstance(error, SchemaRefused | NotWritten):
        return Trouble("refused", str(error))
    if isinstance(error, SchemaChanged) and error.__cause__ is None:
        return Trouble("no_schema", str(error))
    return None


_DSN_LOOKS = (
    "It looks like postgresql://user@host:5432/database or host=... dbname=... "
    "In the first, a password writes / ? # @ and % as %2F %3F %23 %40 and %25."
)
#: What libpq says of a connection string, without what it quotes of it: that may be a part of the password.
_ABOUT_DSN = (
    ("invalid percent-encoded token", "a % is not followed by two hexadecimal digits"),
    ("forbidden value %00", "it contains %00"),
    ("missing key/value separator", 'a parameter after the ? has no "="'),
    ("extra key/value separator", 'a parameter after the ? has more than one "="'),
    ("invalid URI query parameter", "a parameter after the ? has an unknown name"),
    ("invalid connection option", "a parameter has an unknown name"),
    ('missing "="', 'a word has no "=" after it'),
    ("unterminated quoted string", "a quotation mark is not closed"),
    ("unexpected character", "there is a character that does not belong there"),
    ("end of string reached", "a bracket of an IPv6 address is not closed"),
    ("IPv6 host address may not be empty", "the brackets of an IPv6 address are empty"),
    ("bad value for connect_timeout", "connect_timeout is no number of seconds"),
    ("definition of service", "the service is not defined"),
)


def about_dsn(words: str) -> str:
    """Why a connection string cannot be read, from libpq's words, none of which come from the string."""
    for beginning, told in _ABOUT_DSN:
        if words.startswith(beginning):
            return told
    return "it is of neither form"


def check_queue_name(queue: str, limit_bytes: int) -> str | None:
    """Why a queue cannot have this name, or None when it can (its NOTIFY channel has 63 bytes at most)."""
    length = len(queue.encode())
    if not queue:
        return "A queue needs a name."
    if "\0" in queue:
        return "A queue's name cannot hold the character NUL."
    if length > limit_bytes:
        return f"This queue name has {length} bytes; the database's notifications allow {limit_bytes} at most."
    return None


#: What libpq quotes of a connection string that it cannot read may be a part of the password.
_QUOTED = (
    r"(percent-encoded token: |unexpected spaces found in |missing \"=\" after |invalid port number: )\".*\"",
    r"(invalid integer value )\".*\"(?= for)",
    r"(host (?:name )?)[\"'].*@[^@\s]*[\"']",
)


#: A name by which libpq and others know a secret, and its value: bare, in quotes, or in quotes after a quoted name.
_NAMED = re.compile(
    r"((?:pass(?:word|wd|phrase)|scram_(?:client|server)_key|client_secret)(?:\s*=|[\"']\s*:)\s*)"
    r"('(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"|[^\s&]+)",
    re.IGNORECASE,
)


def without_secrets(text: str) -> str:
    """The text with every password of a connection string, and every one that is known, blotted out."""
    text = masked(text)
    text = re.sub(r"(://[^:/@\s]*):\S*@", r"\1:•••@", text)
    # An address that was cut short has no @ any more; what is no port may be a password.
    text = re.sub(r"(://[^:/@\s\[]+):(?![\d,]*(?:[/?\s\"',;.]|$))(?!•••)[^\s\"']+", r"\1:•••", text)
    text = _NAMED.sub(r"\1•••", text)
    for pattern in _QUOTED:
        text = re.sub(pattern, r'\1"•••"', text)
    return text


#: PgBouncer's own words, which it never translates.
_STATEMENT_MODE = "statement pooling mode"


_CANCELLED, _NARROWER = "The query was cancelled before it ended.", "Try again, or narrow the filter."
_WHEN_FREE = "Try again when it has ended."
_LESS = "Ask for less at a time."
_IDLE: tuple[Kind, str, str] = (
    "dropped",
    "The server ended the connection, which had been idle for too long.",
    RECONNECTS,
)
#: By SQLSTATE, or by its class: kind, sentence, way out.
_BY_SQLSTATE: dict[str, tuple[Kind, str, str]] = {
    "55P03": ("locked", "Another transaction holds a lock on what this needs.", _WHEN_FREE),
    "40P01": ("locked", "Another transaction and this one waited for each other, so this one was ended.", _WHEN_FREE),
    "40": ("locked", "Another transaction got in the way.", "Try again."),
    "53100": ("limit", "The server's disk is full.", "Its administrator can make room."),
    "53200": ("limit", "The server has not enough memory for this.", "Ask for less at a time, or try again later."),
    "53300": ("busy", "The server has no connection to spare.", "Try again later."),
    "53": ("limit", "The server has reached a limit: {first}.", "Its administrator knows its limits. Try again later."),
    "54": ("limit", "This goes beyond a limit of the server's: {first}.", _LESS),
    "25P03": _IDLE,
    "25P04": ("timeout", "The server ended the transaction, which took longer than it allows.", _LESS),
    "57P01": ("dropped", "The server ended the connection: {first}.", RECONNECTS),
    "57P02": ("dropped", "The server ended the connection: {first}.", RECONNECTS),
    "57P03": ("busy", "The server is starting or stopping.", "Try again in a moment."),
    "57P05": _IDLE,
    # PgBouncer's only code; a server that is restarted leaves it refusing for a while.
    "08P01": (
        "busy",
        "The pooler in front of the server refused: {first}.",
        "Try again in a moment. If it stays so, look at the pooler's log and limits.",
    ),
    "08": ("dropped", "The connection to the server was lost.", RECONNECTS),
}


#: What the server says of a role that a session wants to take on.
_OF_A_ROLE = re.compile(r"permission denied to set role \"(?P<to_set>.+)\"|role \"(?P<unknown>.+)\" does not exist")


def _about_rights(cause: psycopg.Error, first: str, detail: str) -> Trouble | None:
    role = _OF_A_ROLE.search(first)
    if role is not None and role["to_set"]:
        sentence = f"Whoever has signed in may not act as role {role['to_set']}."
        return Trouble("rights", sentence, f"Ask an administrator for: GRANT {role['to_set']} TO that role.", detail)
    if role is not None:
        sentence = f"There is no role {role['unknown']} on this server."
        return Trouble("no_role", sentence, "Check the role's name in the connection.", detail)
    if isinstance(cause, sqlstates.InsufficientPrivilege):
        return Trouble(
            "rights",
            f"This role may not do that: {first}.",
            "Ask the owner of the tables for the right, or connect with another role.",
            detail,
        )
    return None


def _by_sqlstate(cause: psycopg.Error, detail: str) -> Trouble:
    first = without_secrets(cause.diag.message_primary or detail.splitlines()[0])
    if isinstance(cause, sqlstates.InsufficientPrivilege | sqlstates.InvalidParameterValue):
        about = _about_rights(cause, first, detail)
        if about is not None:
            return about
    if isinstance(cause, sqlstates.ReadOnlySqlTransaction):
        return Trouble(
            "rights",
            f"The server refused the change: {first}.",
            "This connection is read-only, or the server is a standby: connect to its primary.",
            detail,
        )
    if isinstance(cause, sqlstates.ProtocolViolation) and _STATEMENT_MODE in first:
        return Trouble(
            "refused",
            "This is a pooler in statement mode, which takes no transactions.",
            "Connect to the server itself, or to a pool in transaction mode.",
            detail,
        )
    if isinstance(cause, sqlstates.UntranslatableCharacter | sqlstates.CharacterNotInRepertoire):
        return Trouble(
            "bad_input",
            f"The database's encoding has no place for this character: {first}.",
            "Leave it out, or use a database in UTF-8.",
            detail,
        )
    if isinstance(cause, sqlstates.UndefinedTable | sqlstates.UndefinedFunction | sqlstates.UndefinedObject):
        return Trouble(
            "no_schema",
            f"This database lacks a part of the Procrastinate schema: {first}.",
            "Reconnect; if that does not help, install the schema or check the search_path.",
            detail,
        )
    if isinstance(cause, sqlstates.QueryCanceled):
        return Trouble("timeout", _CANCELLED, _NARROWER, detail)
    told = _BY_SQLSTATE.get(cause.sqlstate or "") or _BY_SQLSTATE.get((cause.sqlstate or "")[:2])
    if told is not None:
        kind, sentence, way_out = told
        return Trouble(kind, sentence.replace("{first}", first), way_out, detail)
    if isinstance(cause, sqlstates.InvalidParameterValue) and "channel name too long" in first:
        return Trouble(
            "bad_input",
            "The queue's name is too long for the database's notifications.",
            "Choose a queue name of at most 40 bytes.",
            detail,
        )
    if isinstance(cause, sqlstates.InvalidPassword | sqlstates.InvalidAuthorizationSpecification):
        return Trouble("password", "The server did not accept the password.", "Type it again.", detail)
    return Trouble("unknown", f"The database refused: {first}.", "", detail)


def _by_words(cause: BaseException, detail: str) -> Trouble:
    if isinstance(cause, PoolTimeout):
        return Trouble(
            "unreachable", "The server did not give a connection in time.", "Is it running? Try again.", detail
        )
    for pattern, kind, sentence, way_out in WORDS:
        match = re.search(pattern, detail, re.IGNORECASE)
        if match is not None:
            found = {"what": "there"} | {name: text for name, text in match.groupdict().items() if text}
            return Trouble(kind, sentence.format(**found), way_out, detail)
    if _is_of_a_link(cause):
        # The words may be of any language; the state tells.
        return Trouble("dropped", "The connection to the server was lost.", RECONNECTS, detail)
    return _by_state(cause, detail) or Trouble(
        "unreachable", f"The connection failed: {detail.splitlines()[-1] if detail else 'no reason given'}", "", detail
    )


def _by_refusal(cause: ConnectionRefused, detail: str) -> Trouble:
    """Why a server lets nobody in, in whatever language it says so; the names are our own."""
    role, database = (_text(name) for name in (cause.pgconn.user, cause.pgconn.db)) if cause.pgconn else ("", "")
    words = (detail.partition("failed: ")[2] or detail).partition(":  ")[2].strip()
    told: dict[str, tuple[Kind, str, str]] = {
        "28P01": ("password", f"The password for role {role} is wrong.", "Type it again, or ask who set it."),
        "28": ("rights", f"The server does not let role {role} in: {words}.", "Ask the server's administrator."),
        "3D000": (
            "no_database",
            f"There is no database {database} on this server.",
            "Check the database's name, or create it.",
        ),
        "42501": ("rights", f"This role may not connect to database {database}.", "Ask its owner for: GRANT CONNECT."),
        **_BY_SQLSTATE,
    }
    found = told.get(cause.sqlstate or "") or told.get((cause.sqlstate or "")[:2])
    if found is None:
        return Trouble("unreachable", f"The connection failed: {words}", "", detail)
    kind, sentence, way_out = found
    return Trouble(kind, sentence.replace("{first}", words), way_out, detail)


def _is_of_a_link(cause: BaseException) -> bool:
    """Whether a connection that there was has broken, rather than an attempt at one failed."""
    is_of_an_attempt = isinstance(cause, psycopg.errors.ConnectionTimeout) or str(cause).startswith("failed to resolve")
    return isinstance(cause, psycopg.OperationalError) and cause.pgconn is None and not is_of_an_attempt


def _by_state(cause: BaseException, detail: str) -> Trouble | None:
    """What libpq knows of a password, where the server tells in a language of its own; the names in it are ours."""
    pgconn = cause.pgconn if isinstance(cause, psycopg.OperationalError) else None
    if pgconn is None:
        return None
    if pgconn.needs_password:
        return Trouble("password", "The server asks for a password.", "Type it, or put it into pgpass.", detail)
    role, database = (_text(name) for name in (pgconn.user, pgconn.db))
    words = detail.partition("failed: ")[2] or detail
    if not pgconn.used_password or not _names(words, role) or (database != role and _names(words, database)):
        return None
    return Trouble(
        "password",
        f"The server did not accept role {role} with this password: {words.splitlines()[0]}",
        "Type it again, or ask who set it.",
        detail,
    )


def _names(words: str, name: str) -> bool:
    return re.search(rf"(?<!\w){re.escape(name)}(?!\w)", words) is not None


def _text(name: bytes) -> str:
    return name.decode("utf-8", "replace")
