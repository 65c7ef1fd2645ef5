"""SyncPsycopgConnector, where the library has it."""

from jobdesk_core.connectors.sync_psycopg import SyncPsycopgConnector

__all__ = ["SyncPsycopgConnector"]
