"""Every exception of the core. An exception without a message speaks its own docstring."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from jobdesk_core.retry import RetryDecision

#: Beginnings of the SQLSTATEs that pass: connection, resources, shutdown or cancellation, rolled back for
#: a conflict, a lock not available, read-only (after a failover), a broken system under the server.
PASSING = ("08", "53", "57", "40", "55P03", "25006", "58")


class ProcrastinateException(Exception):
    """Something went wrong in jobdesk_core."""

    def __init__(self, message: str | None = None) -> None:
        if message is None:
            message = (self.__doc__ or type(self).__name__).strip().splitlines()[0]
        super().__init__(message)


#: The root, by its other name.
JobdeskException = ProcrastinateException


class TaskNotFound(JobdeskException):
    """No task of this name is registered in the app."""


class TaskAlreadyRegistered(JobdeskException):
    """Another task of the app has this name already."""


class UnboundTaskError(JobdeskException):
    """The task belongs to no app yet: call `app.add_tasks_from` with its blueprint first."""


class FunctionPathError(JobdeskException):
    """No name for a task can be made of this function."""


class LoadFromPathError(JobdeskException, ImportError):
    """There is no app at this path."""


class MiddlewareKindMismatch(JobdeskException):
    """A synchronous task takes synchronous middleware, an asynchronous one asynchronous middleware."""


class CallerModuleUnknown(JobdeskException):
    """The calling module has no name."""


class RunTaskError(JobdeskException):
    """A task beside the jobs of a worker has failed."""


class MovedElsewhere(JobdeskException):
    """This name stands in another module now."""


class AppNotOpen(JobdeskException):
    """The app is not open. Call `app.open()` or `await app.open_async()` first."""


class MissingApp(JobdeskException):
    """This needs an app."""


class SyncConnectorConfigurationError(JobdeskException):
    """A synchronous connector can only defer, cancel and read the status of jobs.

    Use an asynchronous connector such as PsycopgConnector for everything else.
    """


class ExtraMissing(JobdeskException, ImportError):
    """This needs an optional extra that is not installed."""

    def __init__(self, extra: str, what: str) -> None:
        super().__init__(f"{what} needs the extra {extra}. Install it with: pip install 'jobdesk[{extra}]'")
        self.extra = extra


class CapabilityMissing(JobdeskException):
    """This database's Procrastinate schema cannot do that."""

    def __init__(self, capability: str, message: str | None = None) -> None:
        super().__init__(message or f"This database's Procrastinate schema has no {capability}.")
        self.capability = capability


class NothingReported(CapabilityMissing):
    """Nothing is reported in this database: its workers do not report, or this role may not read what they do."""

    def __init__(self, message: str | None = None) -> None:
        super().__init__("reports", message)


class SchemaRefused(JobdeskException):
    """The schema cannot be installed on this database."""


class IndexLeftInvalid(JobdeskException):
    """The index was not finished."""

    def __init__(self, name: str, drop_sql: str, reason: str) -> None:
        super().__init__(f"The index {name} was not finished: {reason.strip().rstrip('.')}.")
        self.name = name
        self.drop_sql = drop_sql


class ConnectorException(JobdeskException):
    """Database error."""

    @property
    def sqlstate(self) -> str | None:
        """The server's code of the error; None when the link broke or there was none."""
        cause: Any = self.__cause__
        return getattr(cause, "sqlstate", None) or getattr(cause, "pgcode", None)

    @property
    def is_passing(self) -> bool:
        """Whether the same may succeed later: the link, the server or a conflict was to blame, not the request."""
        if self.sqlstate is not None:
            return self.sqlstate.startswith(PASSING)
        # By name, for several drivers: none of them is imported here.
        names = {kind.__name__ for kind in type(self.__cause__).__mro__}
        return bool(names & {"OperationalError", "InterfaceError", "OSError"})


class InDoubt(ConnectorException):
    """Whether this was done is not known: the connection was lost before the server's answer came.

    `value` is what the transaction had found and done, if it was committed. `entry_id` is the journal's entry by which
    it can be found out, None without one; `reason` is why it can never be, once that is known.
    """

    def __init__(self, message: str | None = None, value: Any = None) -> None:
        super().__init__(message)
        self.value = value
        self.entry_id: int | None = None
        self.reason = ""

    def lost(self) -> ConnectorException:
        """What is left of it once it is known what was done: the link was lost."""
        error = ConnectorException(f"Database error: {cause_text(self)}")
        error.__cause__ = self.__cause__
        return error


class NotWritten(ConnectorException):
    """What was about to be done could not be written down before, and so it was not done."""


class UnreadableDsn(ConnectorException):
    """This connection string has an @ where none can be: a password may have been taken apart."""


class PasswordCommandFailed(ConnectorException):
    """The password command did not give a password."""


class PasswordCommandNotAllowed(PasswordCommandFailed):
    """The password command has not been allowed to run on this machine."""


TunnelReason = Literal[
    "missing",
    "bad host",
    "host unknown",
    "refused",
    "unreachable",
    "no ssh",
    "key changed",
    "key unknown",
    "authentication",
    "declined",
    "forwarding refused",
    "database unknown",
    "database unreachable",
    "config",
    "no port",
    "given up",
    "ended",
]


class TunnelFailed(ConnectorException):
    """The tunnel through SSH does not stand, or does not lead to the server: why, of whom, and the words of ssh."""

    def __init__(self, reason: TunnelReason, what: str, detail: str = "") -> None:
        super().__init__(f"SSH, {what}: {reason}.")
        self.reason, self.what, self.detail = reason, what, detail


class CannotListen(ConnectorException):
    """Nothing can be listened to behind a pooler: sessions are shared there."""


class NoResult(ConnectorException):
    """The query was expected to return a row and returned none."""


class SchemaChanged(ConnectorException):
    """The schema lacks what it had before: it was migrated, or is not there."""


class SchemaMissing(CapabilityMissing, ConnectorException):
    """This database has no Procrastinate schema."""


class QueueNameTooLong(ConnectorException):
    """The queue's name leaves no room for the name of its notification channel."""

    def __init__(self, queue: str, limit_bytes: int) -> None:
        super().__init__(
            f"The queue name {queue!r} has {len(queue.encode())} bytes; "
            f"the name of its notification channel leaves room for {limit_bytes}."
        )
        self.limit_bytes = limit_bytes


class UniqueViolation(ConnectorException):
    """A unique index refused the row."""

    def __init__(self, *args: Any, constraint_name: str | None = None, queueing_lock: str | None = None) -> None:
        super().__init__(*args)
        self.constraint_name = constraint_name
        #: The queueing lock that was taken, when it was one and the server said which.
        self.queueing_lock = queueing_lock


class AlreadyEnqueued(JobdeskException):
    """A job with this queueing lock is waiting already."""

    def __init__(self, message: str | None = None, *, queueing_lock: str | None = None) -> None:
        if message is None and queueing_lock is not None:
            message = (
                f"Job cannot be enqueued: there is already a job in the queue with the queueing lock {queueing_lock}"
            )
        super().__init__(message)
        self.queueing_lock = queueing_lock


class InvalidTimestamp(JobdeskException):
    """A periodic job's argument `timestamp` is another than the time it is deferred for."""


class JobRetry(JobdeskException):
    """The job is to run again."""

    def __init__(self, retry_decision: RetryDecision) -> None:
        super().__init__()
        self.retry_decision = retry_decision


class JobAborted(JobdeskException):
    """Raised by a task to end its job as aborted."""


def require_aware(moment: dt.datetime) -> dt.datetime:
    """Return `moment` unchanged, or raise ValueError when it carries no time zone."""
    if moment.utcoffset() is None:
        raise ValueError("Timezone aware datetime is required")
    return moment


def cause_text(error: BaseException) -> str:
    """The driver's own words behind a ConnectorException, or the error's, as one stripped string."""
    cause: Any = error.__cause__ or error
    return str(cause).strip()


class OwnFileTrouble(JobdeskException):
    """A file that Jobdesk keeps cannot be read or written; the sentence says why, and what becomes of it."""


class ArgumentsTooDeep(JobdeskException):
    """These arguments are nested more deeply than Python can read."""

    def __init__(self, text: str) -> None:
        super().__init__()
        #: The arguments as they are in the database.
        self.text = text
