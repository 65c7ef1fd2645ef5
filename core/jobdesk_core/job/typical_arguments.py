"""A task's usual arguments, learned from a bounded read of its newest jobs: keys, types, frequent values."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from jobdesk_core import exact_json
from jobdesk_core.connectors.statement import Statement
from jobdesk_core.database.asking import Asking
from jobdesk_core.database.capabilities import Capabilities
from jobdesk_core.filters.language import JobFilter, term
from jobdesk_core.reading.pages import Order, PageReading

#: Jobs learned from, and the arguments' size in the table beyond which a job is passed over.
MOST_JOBS, MOST_BYTES = 100, 8 * 1024
#: Values shown per key, and what makes one frequent: seen so often at least.
MOST_VALUES, FREQUENT = 3, 2
#: Characters of a value.
MOST_CHARACTERS = 80
#: Keys kept; a task whose arguments are a map of data has any number.
MOST_KEYS = 40


@dataclass(frozen=True, slots=True)
class UsualArgument:
    """One key: in how many of the jobs it was, the JSON types of its values, and the plain ones
    (no lists or objects: what these hold is neither read nor shown) seen more than once."""

    key: str
    jobs: int
    types: tuple[str, ...]
    values: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class UsualArguments:
    """What the newest jobs of a task have been given. `jobs`: how many were read; `queue`: their most usual one."""

    jobs: int
    queue: str | None
    arguments: tuple[UsualArgument, ...]


def of_task(capabilities: Capabilities, task: str, look_s: float) -> Asking[UsualArguments]:
    """What the newest jobs of a task have been given, as far as some are found within so many seconds."""
    found: list[int] = []
    after, started = None, time.monotonic()
    reading = PageReading(capabilities)
    while len(found) < MOST_JOBS and time.monotonic() - started < look_s:
        page = yield from reading.read(
            JobFilter.parse(term("task", task)), Order.NEWEST, after=after, limit=MOST_JOBS - len(found)
        )
        found += [row.id for row in page.rows]
        after = page.next_key
        if page.is_last:
            break
    return learn((yield arguments_of(found)))


def learn(jobs: Iterable[tuple[str, dict[str, Any]]]) -> UsualArguments:
    """Learn from the queue and the arguments of some jobs; the most usual keys first."""
    found = list(jobs)
    queues = Counter(queue for queue, _ in found)
    values: dict[str, list[Any]] = {}
    for _, args in found:
        for key, value in args.items():
            values.setdefault(key, []).append(value)
    ordered = sorted(values.items(), key=lambda pair: -len(pair[1]))
    usual = tuple(_argument(key, held) for key, held in ordered[:MOST_KEYS])
    return UsualArguments(len(found), queues.most_common(1)[0][0] if queues else None, usual)


def arguments_of(job_ids: list[int]) -> Statement[list[tuple[str, dict[str, Any]]]]:
    """The queue and the arguments of those of these jobs that have small ones."""
    return Statement(
        "SELECT queue_name, args::text AS args FROM procrastinate_jobs "
        "WHERE id = ANY (%(ids)s) AND pg_column_size(args) <= %(bytes)s ORDER BY id DESC",
        lambda rows: [(row["queue_name"], args) for row in rows if (args := _parsed(row["args"])) is not None],
        {"ids": job_ids, "bytes": MOST_BYTES},
    )


def _argument(key: str, held: list[Any]) -> UsualArgument:
    types = Counter(_type(value) for value in held)
    texts = Counter(_text(value) for value in held if not isinstance(value, list | dict))
    frequent = tuple((text, number) for text, number in texts.most_common(MOST_VALUES) if number >= FREQUENT)
    return UsualArgument(key, len(held), tuple(name for name, _ in types.most_common()), frequent)


def _type(value: Any) -> str:
    if value is None:
        return "null"
    names = {bool: "boolean", int: "number", float: "number", str: "text", list: "list", dict: "object"}
    return names.get(type(value), type(value).__name__)


def _text(value: Any) -> str:
    text = exact_json.dumps(value, ensure_ascii=False)
    return text if len(text) <= MOST_CHARACTERS else f"{text[: MOST_CHARACTERS - 1]}…"


def _parsed(text: str) -> dict[str, Any] | None:
    # Nested too deeply, or no object at all: nothing is learned from it.
    try:
        value = exact_json.loads(text)
    except RecursionError:
        return None
    return value if isinstance(value, dict) else None
