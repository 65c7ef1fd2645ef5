"""The events that the feed reads: those beyond its cursor, and single ones that were left out."""

from __future__ import annotations

from jobdesk_core.connectors.statement import Statement
from jobdesk_core.database.rows import EVENT_COLUMNS, EventRow, event_tuples

#: Events read at once. With more, the next read follows immediately.
BATCH_EVENTS = 5_000


def events_after(cursor: int, limit: int) -> Statement[list[EventRow]]:
    """The first events beyond the cursor."""
    return Statement(
        f"SELECT {EVENT_COLUMNS} FROM procrastinate_events WHERE id > %(cursor)s ORDER BY id LIMIT %(limit)s",
        event_tuples,
        {"cursor": cursor, "limit": limit},
        is_page=True,
    )


def events_of(event_ids: list[int]) -> Statement[list[EventRow]]:
    """The events of these ids that are there."""
    return Statement(
        f"SELECT {EVENT_COLUMNS} FROM procrastinate_events WHERE id = ANY (%(ids)s) ORDER BY id",
        event_tuples,
        {"ids": event_ids},
        is_page=True,
    )
