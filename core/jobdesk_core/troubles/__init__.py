"""What went wrong, for people: a sentence that names the cause, and the remedy. Never a secret."""

from __future__ import annotations

import psycopg

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
    OwnFileTrouble,
    PasswordCommandFailed,
    PasswordCommandNotAllowed,
    QueueNameTooLong,
    SchemaChanged,
    SchemaRefused,
    TunnelFailed,
    cause_text,
)
from jobdesk_core.masking import without_secrets
from jobdesk_core.troubles.answers import of_an_answer
from jobdesk_core.troubles.links import about_dsn, of_a_link, of_words
from jobdesk_core.troubles.trouble import LINK_LOST, Kind, Trouble

__all__ = ["LINK_LOST", "Kind", "Trouble", "about_dsn", "check_queue_name", "explain"]


def explain(error: BaseException) -> Trouble:
    """The sentence and the remedy for any error of the core. An error we do not know keeps its own words."""
    ours = _of_the_core(error)
    if ours is not None:
        return ours
    cause = error.__cause__ if isinstance(error, ConnectorException) and error.__cause__ is not None else error
    detail = without_secrets(cause_text(error))
    if isinstance(cause, psycopg.Error) and cause.sqlstate is not None and not isinstance(cause, ConnectionRefused):
        return of_an_answer(cause, detail)
    return (
        of_a_link(cause, detail)
        or _of_the_machine(cause, error, detail)
        or of_words(cause, detail)
        or Trouble("unknown", detail or type(cause).__name__, "", detail)
    )


def _of_the_core(error: BaseException) -> Trouble | None:
    match error:
        case AlreadyEnqueued():
            lock = f" {error.queueing_lock}" if error.queueing_lock else ""
            return Trouble(
                "queueing_lock",
                f"The queueing lock{lock} is taken: a job with it is waiting already.",
                "Cancel that job, wait until it has started, or choose another queueing lock.",
            )
        case NothingReported():
            return Trouble("capability", str(error), "The help's page “Why did it fail?” tells how workers report.")
        case CapabilityMissing():
            return Trouble("capability", str(error), "A newer Procrastinate schema can.")
        case QueueNameTooLong():
            return Trouble("bad_input", str(error), f"Choose a queue name of at most {error.limit_bytes} bytes.")
        case ArgumentsTooDeep():
            return Trouble("bad_input", str(error), "The inspector shows them as text.")
        case IndexLeftInvalid():
            remedy = f"What is left of it is of no use and slows down every write. Drop it: {error.drop_sql}"
            return Trouble("refused", str(error), remedy)
        case InDoubt():
            return _in_doubt(error)
        case PasswordCommandNotAllowed():
            remedy = "Connect in the window or on a terminal, where Jobdesk shows it and asks."
            return Trouble("password_command", str(error), remedy)
        case PasswordCommandFailed():
            remedy = "Run it in a terminal: what it prints and what it complains of is not shown here."
            return Trouble("password_command", str(error), remedy)
        case TunnelFailed():
            sentence, remedy = TUNNELS[error.reason]
            kind: Kind = "bad_dsn" if error.reason == "bad host" else "unreachable"
            sentence = sentence.format(what=without_secrets(error.what))
            return Trouble(kind, sentence, remedy, without_secrets(error.detail))
        case SchemaRefused() | NotWritten():
            return Trouble("refused", str(error))
        case OwnFileTrouble():
            return Trouble("unknown", str(error), "", cause_text(error))
        case SchemaChanged() if error.__cause__ is None:
            return Trouble("no_schema", str(error))
    return None


def _in_doubt(error: InDoubt) -> Trouble:
    if error.reason:
        sentence = f"Whether this was done cannot be known, because {error.reason}."
        remedy = "Look at the jobs before you do it again."
    else:
        sentence = str(error)
        remedy = "It is looked up as soon as the connection is back. Do not do it again before that."
    return Trouble("in_doubt", sentence, remedy, without_secrets(cause_text(error)))


def _of_the_machine(cause: BaseException, error: BaseException, detail: str) -> Trouble | None:
    """What this machine, or what was typed, is to blame for."""
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
    return None


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
