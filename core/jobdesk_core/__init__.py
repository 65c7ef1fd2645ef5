"""The core of Jobdesk: defer, run, watch and manage Procrastinate jobs on PostgreSQL. Never needs Qt."""

import importlib
import importlib.metadata
from typing import TYPE_CHECKING, Any

from jobdesk_core import exceptions
from jobdesk_core.app import App
from jobdesk_core.blueprints import Blueprint
from jobdesk_core.connector import BaseConnector
from jobdesk_core.exceptions import AlreadyEnqueued, ConnectorException, JobAborted, JobdeskException
from jobdesk_core.job_context import AbortReason, JobContext
from jobdesk_core.jobs import EventType, Job, JobDeferrer, Status
from jobdesk_core.manager import JobManager
from jobdesk_core.psycopg_connector import PsycopgConnector
from jobdesk_core.retry import BaseRetryStrategy, RetryDecision, RetryStrategy
from jobdesk_core.sync_psycopg_connector import SyncPsycopgConnector
from jobdesk_core.tasks import Task
from jobdesk_core.worker import Worker

if TYPE_CHECKING:
    from jobdesk_core.contrib.aiopg import AiopgConnector as AiopgConnector
    from jobdesk_core.contrib.psycopg2 import Psycopg2Connector as Psycopg2Connector
    from jobdesk_core.contrib.sqlalchemy import SQLAlchemyPsycopg2Connector as SQLAlchemyPsycopg2Connector

__all__ = [
    "AbortReason",
    "AlreadyEnqueued",
    "App",
    "BaseConnector",
    "BaseRetryStrategy",
    "Blueprint",
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

#: Loaded when asked for, as each needs an extra.
_IN_CONTRIB = {
    "AiopgConnector": "aiopg",
    "Psycopg2Connector": "psycopg2",
    "SQLAlchemyPsycopg2Connector": "sqlalchemy",
}


def __getattr__(name: str) -> Any:
    if name == "__version__":
        return importlib.metadata.version("jobdesk-core")
    if name not in _IN_CONTRIB:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.contrib.{_IN_CONTRIB[name]}"), name)
