"""What a broken link is to whoever only reads: nothing that has to be told once more."""

from __future__ import annotations

from jobdesk_core.exceptions import ConnectorException


def leave_to_feed(error: Exception) -> None:
    """Ignore that a link is broken, which the feed reports, once. Raises anything else: it is a fault of ours."""
    if not isinstance(error, ConnectorException):
        raise error
