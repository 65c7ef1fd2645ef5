"""Reading reports within an operation: what cannot be read is a sentence, and the operation goes on."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from jobdesk_core.connectors.statement import Statement
from jobdesk_core.database.asking import Asking
from jobdesk_core.database.reported import Reported
from jobdesk_core.exceptions import ConnectorException
from jobdesk_core.reported.reading import Answer, unreadable

T = TypeVar("T")


def attempt(reported: Reported, table: str, make: Callable[[Reported], Statement[T]]) -> Asking[Answer[T]]:
    """Read from a table as far as that can be done. Only that the link is lost is raised."""
    refusal = reported.refusal(table)
    if refusal is not None:
        return Answer(None, refusal)
    try:
        value: T = yield make(reported)
    except ConnectorException as error:
        return Answer(None, unreadable(table, error))
    return Answer(value)
