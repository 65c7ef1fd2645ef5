"""What a server refused, by the code of its error: the sentence and the remedy of each."""

from __future__ import annotations

import re

import psycopg
from psycopg import errors as sqlstates

from jobdesk_core.masking import without_secrets
from jobdesk_core.troubles.trouble import Kind, Trouble
from jobdesk_core.troubles.words import RECONNECTS

#: PgBouncer's own words, which it never translates.
_STATEMENT_MODE = "statement pooling mode"


CANCELLED, NARROWER = "The query was cancelled before it ended.", "Try again, or narrow the filter."
_WHEN_FREE = "Try again when it has ended."
_LESS = "Ask for less at a time."
_IDLE: tuple[Kind, str, str] = (
    "dropped",
    "The server ended the connection, which had been idle for too long.",
    RECONNECTS,
)
#: By SQLSTATE, or by its class: kind, sentence, remedy.
BY_SQLSTATE: dict[str, tuple[Kind, str, str]] = {
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


#: By the kind of its error: kind, sentence, remedy. These come before the codes.
_BY_ERROR: tuple[tuple[tuple[type[psycopg.Error], ...], Kind, str, str], ...] = (
    (
        (sqlstates.InsufficientPrivilege,),
        "rights",
        "This role may not do that: {first}.",
        "Ask the owner of the tables for the right, or connect with another role.",
    ),
    (
        (sqlstates.ReadOnlySqlTransaction,),
        "rights",
        "The server refused the change: {first}.",
        "This connection is read-only, or the server is a standby: connect to its primary.",
    ),
    (
        (sqlstates.UntranslatableCharacter, sqlstates.CharacterNotInRepertoire),
        "bad_input",
        "The database's encoding has no place for this character: {first}.",
        "Leave it out, or use a database in UTF-8.",
    ),
    (
        (sqlstates.UndefinedTable, sqlstates.UndefinedFunction, sqlstates.UndefinedObject),
        "no_schema",
        "This database lacks a part of the Procrastinate schema: {first}.",
        "Reconnect; if that does not help, install the schema or check the search_path.",
    ),
    ((sqlstates.QueryCanceled,), "timeout", CANCELLED, NARROWER),
)


#: What the server says of a role that a session wants to take on.
_OF_A_ROLE = re.compile(r"permission denied to set role \"(?P<to_set>.+)\"|role \"(?P<unknown>.+)\" does not exist")


def _about_rights(words: str, detail: str) -> Trouble | None:
    # By the server's own words: a password that is a word, such as "role", would be a mask in them.
    role = _OF_A_ROLE.search(words)
    if role is None:
        return None
    name = without_secrets(role["to_set"] or role["unknown"])
    if role["to_set"]:
        sentence = f"Whoever has signed in may not act as role {name}."
        return Trouble("rights", sentence, f"Ask an administrator for: GRANT {name} TO that role.", detail)
    sentence = f"There is no role {name} on this server."
    return Trouble("no_role", sentence, "Check the role's name in the connection.", detail)


def of_an_answer(cause: psycopg.Error, detail: str) -> Trouble:
    """What it means that a server answered a statement with this error."""
    words = cause.diag.message_primary or detail.splitlines()[0]
    first = without_secrets(words)
    if isinstance(cause, sqlstates.InsufficientPrivilege | sqlstates.InvalidParameterValue):
        about = _about_rights(words, detail)
        if about is not None:
            return about
    if isinstance(cause, sqlstates.ProtocolViolation) and _STATEMENT_MODE in words:
        return Trouble(
            "refused",
            "This is a pooler in statement mode, which takes no transactions.",
            "Connect to the server itself, or to a pool in transaction mode.",
            detail,
        )
    for errors, kind, sentence, remedy in _BY_ERROR:
        if isinstance(cause, errors):
            return Trouble(kind, sentence.replace("{first}", first), remedy, detail)
    known = BY_SQLSTATE.get(cause.sqlstate or "") or BY_SQLSTATE.get((cause.sqlstate or "")[:2])
    if known is not None:
        kind, sentence, remedy = known
        return Trouble(kind, sentence.replace("{first}", first), remedy, detail)
    if isinstance(cause, sqlstates.InvalidParameterValue) and "channel name too long" in words:
        return Trouble(
            "bad_input",
            "The queue's name is too long for the database's notifications.",
            "Choose a queue name of at most 40 bytes.",
            detail,
        )
    if isinstance(cause, sqlstates.InvalidPassword | sqlstates.InvalidAuthorizationSpecification):
        return Trouble("password", "The server did not accept the password.", "Type it again.", detail)
    return Trouble("unknown", f"The database refused: {first}.", "", detail)
