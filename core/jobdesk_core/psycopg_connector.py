"""PsycopgConnector, where the library has it."""

from jobdesk_core.connectors.psycopg import PsycopgConnector

__all__ = ["PsycopgConnector"]
