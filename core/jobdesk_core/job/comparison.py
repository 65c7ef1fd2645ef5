"""What the arguments of several jobs share, and where they differ: grouped by the database, in one bounded read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from jobdesk_core import exact_json
from jobdesk_core.connectors.statement import Rows, Statement

#: The first of the selected jobs whose arguments are read, and the largest of these (in bytes on disk).
MOST_JOBS = 2_000
LARGEST_BYTES = 16 * 1024
#: The keys that are told, and the characters of a value.
MOST_KEYS = 100
MOST_CHARACTERS = 500


@dataclass(frozen=True, slots=True)
class SharedKey:
    """A top-level key of the arguments: in how many jobs, with how many values, and the most frequent of these."""

    key: str
    jobs: int
    values: int
    most_frequent: Any
    frequency: int


@dataclass(frozen=True, slots=True)
class Comparison:
    """The keys of `jobs` jobs in the order of their names; `left_out` jobs are gone, too large, or too many."""

    keys: list[SharedKey]
    jobs: int
    left_out: int


def compare(job_ids: Sequence[int]) -> Statement[Comparison]:
    """Compare the arguments of these jobs, key by key."""
    chosen = list(job_ids[:MOST_JOBS])

    def decode(rows: Rows) -> Comparison:
        jobs = rows[0]["total"]
        keys = [
            SharedKey(row["key"], row["jobs"], row["values"], _value(row["value"]), row["frequency"])
            for row in rows
            if row["key"] is not None
        ]
        return Comparison(keys, jobs, len(job_ids) - jobs)

    return Statement(
        "WITH chosen AS MATERIALIZED (SELECT args FROM procrastinate_jobs WHERE id = ANY (%(ids)s::bigint[]) "
        "AND pg_column_size(args) <= %(largest)s AND jsonb_typeof(args) = 'object'), "
        "counted AS (SELECT pair.key, pair.value, count(*) AS frequency FROM chosen, jsonb_each(args) AS pair "
        "GROUP BY pair.key, pair.value), ranked AS (SELECT key, value, frequency, "
        "sum(frequency) OVER (PARTITION BY key) AS jobs, count(*) OVER (PARTITION BY key) AS values, "
        "row_number() OVER (PARTITION BY key ORDER BY frequency DESC, value) AS place FROM counted) "
        "SELECT total, key, left(value::text, %(most)s) AS value, frequency, jobs::bigint AS jobs, values "
        "FROM (SELECT count(*) AS total FROM chosen) AS totals LEFT JOIN (SELECT * FROM ranked WHERE place = 1 "
        "ORDER BY key LIMIT %(keys)s) AS first ON true ORDER BY key",
        decode,
        {"ids": chosen, "largest": LARGEST_BYTES, "most": MOST_CHARACTERS, "keys": MOST_KEYS},
    )


def _value(text: str) -> Any:
    if len(text) < MOST_CHARACTERS:
        return exact_json.loads(text)
    # A part of an object is not told: which of its keys are secret can no longer be seen.
    return text + "…" if text.startswith('"') else f"{text[0]}…"
