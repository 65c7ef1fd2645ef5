"""The exit codes, for scripts to rely on."""

from __future__ import annotations

import psycopg

from jobdesk_core.exceptions import CapabilityMissing, ConnectorException, JobdeskException
from jobdesk_core.troubles import explain

DONE = 0
#: Nothing matched, or a job that was to be acted upon was not.
NOT_ALL = 1
USAGE = 2
CONNECTION = 3
REFUSED = 4
#: An error that nobody has foreseen: of this machine (a full disk), or of the program.
FAULT = 5
INTERRUPTED = 130
#: As a shell tells of a program that SIGPIPE has ended.
BROKEN_PIPE = 141

EPILOG = """\
exit codes:
  0    done
  1    nothing matched, or some of the jobs were not acted upon (refused, changed meanwhile, or
       ids given that could not be)
  2    the command line, the filter or the input was not understood; or --yes was needed
  3    no connection, or it was lost
  4    refused: a right, a lock, a limit or time-out of the server's, a read-only profile or
       server, or a release that cannot do it
  5    something else went wrong: on this machine (a full disk), or in Jobdesk itself
  130  ended by Ctrl+C; what had been done before stays done
  141  the reader of the output has gone (such as head)
"""


#: What an error means for a script, by the kind of its trouble; any other is one of the connection.
_OF_A_KIND = {
    "rights": REFUSED,
    "refused": REFUSED,
    "limit": REFUSED,
    "locked": REFUSED,
    "timeout": REFUSED,
    "no_schema": REFUSED,
    "capability": REFUSED,
    "bad_dsn": USAGE,
    "bad_input": USAGE,
    "queueing_lock": NOT_ALL,
}
#: What the server says of values that it cannot store.
_BAD_VALUE = "22"


def code_of(error: Exception) -> int:
    """The exit code of an error."""
    if isinstance(error, CapabilityMissing):
        return REFUSED
    kind, sqlstate = explain(error).kind, error.sqlstate if isinstance(error, ConnectorException) else None
    if kind == "unknown" and sqlstate is not None:
        return USAGE if sqlstate.startswith(_BAD_VALUE) else REFUSED
    is_of_the_database = isinstance(error, JobdeskException | psycopg.Error)
    return _OF_A_KIND.get(kind, CONNECTION if is_of_the_database else FAULT)


_REMEDIES = {
    "dropped": "Run it again.",
    "in_doubt": "Do not run it again before it is known: jobdesk journal --settle asks the server what became of it.",
}


def sentence_and_remedy(error: Exception) -> tuple[str, str]:
    """What went wrong, and the remedy: a command does not connect again by itself, as the window does."""
    trouble = explain(error)
    return trouble.sentence, _REMEDIES.get(trouble.kind, trouble.remedy)


class Ended(Exception):
    """The command ends with this code, after these sentences on the error stream."""

    def __init__(self, code: int, *sentences: str) -> None:
        super().__init__(*sentences)
        self.code = code
        self.sentences = sentences
