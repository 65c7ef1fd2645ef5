"""The core of Jobdesk: defer, run, watch and manage Procrastinate jobs on PostgreSQL. Never needs Qt."""

from jobdesk_core import exceptions
from jobdesk_core.app import App
from jobdesk_core.connectors.psycopg import PsycopgConnector
from jobdesk_core.connectors.sync_psycopg import SyncPsycopgConnector
from jobdesk_core.context import AbortReason, JobContext
from jobdesk_core.exceptions import AlreadyEnqueued, ConnectorException, JobAborted, JobdeskException
from jobdesk_core.jobs import EventType, Job, Status
from jobdesk_core.manager import JobManager
from jobdesk_core.retry import BaseRetryStrategy, RetryDecision, RetryStrategy
from jobdesk_core.tasks import JobDeferrer, Task
from jobdesk_core.worker import Worker

__all__ = [
    "AbortReason",
    "AlreadyEnqueued",
    "App",
    "BaseRetryStrategy",
    "ConnectorException",
    "EventType",
    "Job",
    "JobAborted",
    "JobContext",
    "JobDeferrer",
    "JobManager",
    "JobdeskException",
    "PsycopgConnector",
    "RetryDecision",
    "RetryStrategy",
    "Status",
    "SyncPsycopgConnector",
    "Task",
    "Worker",
    "exceptions",
]
