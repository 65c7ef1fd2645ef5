"""The arguments of one job: whole, or of large ones a part at a time, by the path to it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from jobdesk_core import exact_json
from jobdesk_core.connectors.statement import Rows, Statement
from jobdesk_core.database.asking import Asking
from jobdesk_core.exceptions import ArgumentsTooDeep

#: Larger arguments (as text) are read on demand only, and in parts.
ARGS_LIMIT_BYTES = 256 * 1024
#: Arguments nested more deeply are read in parts, too: much of what handles a value calls itself at every level.
DEEPEST = 100
#: The entries of one part, the largest that comes whole within it, and the characters of a text that is cut.
PART_ENTRIES = 200
WHOLE_BYTES = 2_048
CUT_CHARACTERS = 2_000
#: What is read whole of the arguments of all the jobs asked for, in bytes, and of how many jobs at a time.
MOST_WHOLE, WHOLE_JOBS = 8 * 1024 * 1024, 100
#: The longest text that is read to be copied.
LONGEST_TEXT = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class ArgumentEntry:
    """One value within an object or a list: `value` when it `is_whole`, of a long text its beginning.

    `size` counts the entries of an object or a list, and the characters of a text.
    """

    key: str | int
    kind: str
    size: int
    value: Any
    is_whole: bool


@dataclass(frozen=True, slots=True)
class Part:
    """Some entries of an object or a list, from one place on, and how many it has."""

    entries: list[ArgumentEntry]
    total: int


def whole_of(job_ids: Sequence[int], most: int) -> Asking[dict[int, str | None]]:
    """As `whole`, of any number of jobs; `most` bytes are for all of them."""
    found: dict[int, str | None] = {}
    for start in range(0, len(job_ids), WHOLE_JOBS):
        texts: dict[int, str | None] = yield whole(job_ids[start : start + WHOLE_JOBS], most)
        most -= sum(len(text.encode()) for text in texts.values() if text is not None)
        found |= texts
    return found


def whole(job_ids: Sequence[int], most: int) -> Statement[dict[int, str | None]]:
    """The arguments of jobs as JSON texts, by id; None for what goes beyond `most` bytes in all."""
    return Statement(
        "SELECT id, CASE WHEN sum(octet_length(args)) OVER (ORDER BY id) <= %(most)s THEN args END AS args FROM ("
        "SELECT id, CASE WHEN octet_length(args) <= %(most)s THEN args END AS args FROM ("
        # What takes more than that on disk is not even unpacked to be measured.
        "SELECT id, CASE WHEN pg_column_size(args) <= %(most)s THEN args::text END AS args FROM procrastinate_jobs "
        "WHERE id = ANY (%(ids)s) OFFSET 0) AS unpacked) AS held",
        lambda rows: {row["id"]: row["args"] for row in rows},
        {"ids": list(job_ids), "most": most},
    )


def parsed(text: str) -> dict[str, Any]:
    """Arguments from their text. Raises ArgumentsTooDeep."""
    try:
        value: dict[str, Any] = exact_json.loads(text)
    except RecursionError as error:
        raise ArgumentsTooDeep(text) from error
    return value


def is_deep(value: object) -> bool:
    """Whether a value is nested more deeply than DEEPEST."""
    level = [value]
    for _ in range(DEEPEST):
        level = [
            child
            for each in level
            if isinstance(each, dict | list)
            for child in (each.values() if isinstance(each, dict) else each)
        ]
        if not level:
            return False
    return True


def part(job_id: int, path: Sequence[str | int], start: int) -> Statement[Part | None]:
    """Up to PART_ENTRIES entries of the object or list at a path, from the `start`-th; None when it is gone."""
    return Statement(
        "WITH held AS MATERIALIZED (SELECT args #> %(path)s::text[] AS value FROM procrastinate_jobs "
        "WHERE id = %(id)s), kinds AS (SELECT value, jsonb_typeof(value) AS kind FROM held), "
        "entries AS (SELECT entry.key, entry.value, entry.number FROM kinds, jsonb_each("
        "CASE kind WHEN 'object' THEN value ELSE '{}' END) WITH ORDINALITY AS entry(key, value, number) "
        "UNION ALL SELECT NULL, entry.value, entry.number FROM kinds, jsonb_array_elements("
        "CASE kind WHEN 'array' THEN value ELSE '[]' END) WITH ORDINALITY AS entry(value, number)), "
        "counted AS (SELECT count(*) AS total FROM entries), "
        "chosen AS (SELECT *, jsonb_typeof(value) AS kind FROM entries WHERE number > %(start)s "
        "ORDER BY number LIMIT %(limit)s) "
        "SELECT total, key, number, kind, CASE WHEN pg_column_size(value) <= %(whole)s THEN value::text END AS whole, "
        "CASE WHEN kind = 'string' THEN left(value #>> '{}', %(cut)s) END AS beginning, "
        "CASE kind WHEN 'string' THEN length(value #>> '{}') WHEN 'array' THEN jsonb_array_length(value) "
        "WHEN 'object' THEN (SELECT count(*) FROM jsonb_object_keys(value)) ELSE 0 END AS size "
        "FROM counted LEFT JOIN chosen ON true WHERE EXISTS (SELECT FROM held WHERE value IS NOT NULL) "
        "ORDER BY number",
        _part,
        {
            "id": job_id,
            "path": [str(key) for key in path],
            "start": start,
            "limit": PART_ENTRIES,
            "whole": WHOLE_BYTES,
            "cut": CUT_CHARACTERS,
        },
    )


def text(job_id: int, path: Sequence[str | int]) -> Statement[str | None]:
    """The text at a path, up to LONGEST_TEXT characters; None when it is gone."""
    return Statement(
        "SELECT left(args #>> %(path)s::text[], %(limit)s) AS text FROM procrastinate_jobs WHERE id = %(id)s",
        lambda rows: rows[0]["text"] if rows else None,
        {"id": job_id, "path": [str(key) for key in path], "limit": LONGEST_TEXT},
    )


def _part(rows: Rows) -> Part | None:
    if not rows:
        return None
    return Part([_entry(row) for row in rows if row["number"] is not None], rows[0]["total"])


def _entry(row: dict[str, Any]) -> ArgumentEntry:
    key = row["key"] if row["key"] is not None else row["number"] - 1
    if row["whole"] is not None:
        try:
            value = exact_json.loads(row["whole"])
            if not is_deep(value):
                return ArgumentEntry(key, row["kind"], row["size"], value, True)
        except RecursionError:
            pass
    elif row["kind"] not in ("object", "array", "string"):
        # A number of thousands of digits; no other value is so large.
        return ArgumentEntry(key, row["kind"], row["size"], None, False)
    return ArgumentEntry(key, row["kind"], row["size"], row["beginning"], False)
