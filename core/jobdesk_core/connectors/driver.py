"""Which driver this is: the versions of psycopg and of the libpq under it."""

from __future__ import annotations

import psycopg


def versions() -> list[tuple[str, str]]:
    """Name and version of each, psycopg's with how it was made: `python`, `c` or `binary`."""
    return [
        ("psycopg", f"{psycopg.__version__} ({psycopg.pq.__impl__})"),
        ("libpq", dotted(psycopg.pq.version())),
    ]


def dotted(number: int) -> str:
    """PostgreSQL's number of a version as people write it: 180001 is 18.1, 90624 is 9.6.24."""
    if number >= 100_000:
        return f"{number // 10_000}.{number % 10_000}"
    return f"{number // 10_000}.{number // 100 % 100}.{number % 100}"
