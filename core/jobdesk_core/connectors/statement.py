"""One operation on the database: its SQL, its parameters and how its rows become a value.

Synchronous and asynchronous connectors run the same statements, so no operation is written twice.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

T = TypeVar("T")
Row = Mapping[str, Any]
Rows = list[dict[str, Any]]
#: Asks a connector without SQL for an operation: its name, `run`, `one` or `all`, and its arguments as keywords.
Ask = Callable[..., Awaitable[Any]]
Named = Callable[[Ask], Awaitable[T]]


def nothing(rows: Rows) -> None:
    """Decode a statement whose rows, if any, do not matter."""


@dataclass(frozen=True, slots=True)
class Statement(Generic[T]):
    """SQL with named placeholders (`%(name)s`, a literal percent sign doubled), run as one command.

    Without parameters the text is sent as it is: percent signs single, several commands allowed.
    `decode` gets every row as a dict and may raise an exception of `jobdesk_core.exceptions`.
    One that only reads many rows, and may be asked twice, `is_page`: `decode` then gets tuples, in the columns' order.
    One that no transaction may hold (`CREATE INDEX CONCURRENTLY`) `is_bare`: then it is alone behind a pooler, too.
    A dict among the parameters is bound as jsonb; lists and tuples are adapted item by item; an array of the standard
    library is bound as text that the SQL has to cast (`%(ids)s::bigint[]`).
    One that a program brings itself (`execute_query`) `is_given`: percent signs are doubled without parameters too, and
    values come as text, which the driver reads of every type.
    `named` is the same operation for a connector that speaks no SQL, see `database.named`.
    """

    sql: str
    decode: Callable[[Any], T]
    parameters: Mapping[str, Any] = field(default_factory=dict)
    is_page: bool = False
    is_bare: bool = False
    is_given: bool = False
    named: Named[T] | None = None

    @property
    def query(self) -> str:
        """The text with every literal percent sign doubled, parameters or not."""
        return self.sql if self.parameters or self.is_given else self.sql.replace("%", "%%")

    def decoded(self, rows: Rows) -> T:
        """The value of rows that are dicts."""
        return self.decode([tuple(row.values()) for row in rows] if self.is_page else rows)
