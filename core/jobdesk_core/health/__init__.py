"""How the tables fare: rows and bytes by age, dead tuples, indexes and functions against the release, retention."""

from jobdesk_core.health.advice import Advice, advice, bytes_text, short_name
from jobdesk_core.health.health import FINISHED, LIMIT_S, Health, read
from jobdesk_core.health.retention import KEEP_DAYS, Freed, freed, weekly_bytes

__all__ = [
    "FINISHED",
    "KEEP_DAYS",
    "LIMIT_S",
    "Advice",
    "Freed",
    "Health",
    "advice",
    "bytes_text",
    "freed",
    "read",
    "short_name",
    "weekly_bytes",
]
