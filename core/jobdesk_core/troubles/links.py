"""Why there is no connection, or none any more."""

from __future__ import annotations

import re

import psycopg
from psycopg_pool import PoolTimeout

from jobdesk_core.connectors.certificates import CertificateRefused
from jobdesk_core.connectors.limits import AnswerTooLarge, Unanswered
from jobdesk_core.connectors.refusals import ConnectionRefused
from jobdesk_core.exceptions import UnreadableDsn
from jobdesk_core.troubles.answers import BY_SQLSTATE, CANCELLED, NARROWER
from jobdesk_core.troubles.trouble import Kind, Trouble
from jobdesk_core.troubles.words import CERTIFICATES, RECONNECTS, WORDS

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


def of_a_link(cause: BaseException, detail: str) -> Trouble | None:
    """Why a connection could not be had, or gave no answer, where that can be told by what was raised."""
    match cause:
        case CertificateRefused():
            sentence, remedy = CERTIFICATES[cause.reason]
            return Trouble("unreachable", sentence, remedy, detail)
        case Unanswered():
            remedy = "Is it frozen or overloaded, or the network broken? Try again."
            return Trouble("unanswered", str(cause), remedy, detail)
        case AnswerTooLarge():
            return Trouble("unanswered", str(cause), "Is this the right server? Ask for less at a time.", detail)
        case ConnectionRefused():
            return _of_a_refusal(cause, detail)
        case TimeoutError() if not cause.errno:
            return Trouble("timeout", CANCELLED, NARROWER, detail)
        case psycopg.ProgrammingError() | UnreadableDsn():
            why = about_dsn(str(cause))
            return Trouble("bad_dsn", f"The connection string cannot be read: {why}.", _DSN_LOOKS, why)
    return None


def of_words(cause: BaseException, detail: str) -> Trouble | None:
    """What libpq or the system says of a connection; None of what is not of one."""
    if not isinstance(cause, psycopg.OperationalError | OSError):
        return None
    if isinstance(cause, PoolTimeout):
        return Trouble(
            "unreachable", "The server did not give a connection in time.", "Is it running? Try again.", detail
        )
    for pattern, kind, sentence, remedy in WORDS:
        match = re.search(pattern, detail, re.IGNORECASE)
        if match is not None:
            found = {"what": "there"} | {name: text for name, text in match.groupdict().items() if text}
            return Trouble(kind, sentence.format(**found), remedy, detail)
    if _is_of_a_link(cause):
        # The words may be of any language; the state tells.
        return Trouble("dropped", "The connection to the server was lost.", RECONNECTS, detail)
    # Behind the reason libpq asks whether the server is there, in lines of their own that are indented.
    reasons = [line for line in detail.splitlines() if line.strip() and not line[0].isspace()]
    said = reasons[-1].removeprefix("connection failed: ") if reasons else "no reason given"
    return _by_state(cause, detail) or Trouble("unreachable", f"The connection failed: {said}", "", detail)


def _of_a_refusal(cause: ConnectionRefused, detail: str) -> Trouble:
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
        **BY_SQLSTATE,
    }
    found = told.get(cause.sqlstate or "") or told.get((cause.sqlstate or "")[:2])
    if found is None:
        return Trouble("unreachable", f"The connection failed: {words}", "", detail)
    kind, sentence, remedy = found
    return Trouble(kind, sentence.replace("{first}", words), remedy, detail)


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
