"""Words that the core gives as values, in the user's language: orders, outcomes, and what numbers are worth.

The states of jobs stay as the database has them: that is how they are written in a filter.
"""

from __future__ import annotations

from jobdesk_core.reading.pages import Order
from PySide6.QtCore import QCoreApplication

#: As the core says them; a test holds the two together.
WORDS = (
    *("newest first", "oldest first", "next to run"),
    *("done", "skipped", "refused", "unknown", "not reached", "rolled back"),
    *("exact", "as of {time}", "estimated", "so far", "at least", "not known"),
    *("{count} as of {time}", "{count} so far", "As of {time}; it may have changed since."),
    *("Estimated, not counted.", "Estimated, not counted; as of {time}.", "Counted so far; counting goes on."),
    *("At least this many: no more were counted.", "Not known."),
)


def translated(word: str) -> str:
    """One of WORDS in the user's language; any other stays as it is."""
    return QCoreApplication.translate("CoreWords", word)


def order_label(order: Order) -> str:
    """The name of an order."""
    return translated(order.label)
