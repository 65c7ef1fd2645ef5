"""What a database's newest jobs hold, for completion: locks, and the paths and values of arguments.

Read in bounded statements and kept for a while; nobody waits for it.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass

from jobdesk_core.connectors.psycopg import PsycopgConnector
from jobdesk_core.connectors.statement import Rows, Statement
from jobdesk_core.database.limited import limited
from jobdesk_core.profiles.secret_keys import compiled

#: Seconds for which an answer counts as fresh, and how many answers are kept.
FRESH_S = 60.0
MOST_KEPT = 32
#: Among so many of the newest ids the jobs are looked for, and so many jobs are looked at.
NEWEST_IDS = 20_000
LOCKED_JOBS, ARGUMENTS_JOBS = 2_000, 200
#: Larger arguments, in stored bytes, are left out: taking them apart is not worth it.
LARGEST_ARGUMENTS = 4_000
DEEPEST_PATH = 4
LONGEST_VALUE = 80


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked for: the values of `lock` or `queueing_lock`, of `args` of a task (any when empty), or what has
    been reported as `error` or `host`, where that can be read.
    """

    key: str
    task: str = ""


@dataclass(frozen=True, slots=True)
class Held:
    """One value, most frequent first; its path is empty but for arguments. None: the path is known, no value is."""

    path: tuple[str, ...]
    value: str | None


class KnownValues:
    """Answers from memory. `secret_pattern` finds the keys of arguments whose values are not even kept."""

    def __init__(self, connector: PsycopgConnector, *, secret_pattern: str, limit_s: float = 2.0) -> None:
        self._connector = connector
        self._secret = compiled(secret_pattern)
        self._limit_s = limit_s
        self._answers: OrderedDict[Question, Sequence[Held]] = OrderedDict()
        self._asked_at: dict[Question, float] = {}

    def values(self, question: Question, path: tuple[str, ...] = ()) -> list[str]:
        """The values known at a path."""
        return [each.value for each in self._held(question) if each.path == path and each.value is not None]

    def segments(self, question: Question, path: tuple[str, ...]) -> list[str]:
        """What may follow a path of the arguments."""
        depth = len(path)
        return list(
            dict.fromkeys(
                each.path[depth]
                for each in self._held(question)
                if len(each.path) > depth and each.path[:depth] == path
            )
        )

    def is_due(self, question: Question) -> bool:
        """Whether the question has not been asked for a while: one that fails is not asked at every key."""
        return time.monotonic() - self._asked_at.get(question, -FRESH_S) >= FRESH_S

    async def read(self, question: Question) -> None:
        """Ask the database. Raises StatementTooLong and ConnectorException."""
        self._asked_at[question] = time.monotonic()
        if question.key == "args":
            statement = _arguments(question.task)
        else:
            statement = _REPORTED[question.key] if question.key in _REPORTED else _locks(question.key)
        found = await limited(self._connector, statement, self._limit_s)
        self._answers[question] = [self._without_secret(each) for each in found]
        self._answers.move_to_end(question)
        while len(self._answers) > MOST_KEPT:
            forgotten, _ = self._answers.popitem(last=False)
            self._asked_at.pop(forgotten, None)

    def _held(self, question: Question) -> Sequence[Held]:
        return self._answers.get(question, ())

    def _without_secret(self, held: Held) -> Held:
        return Held(held.path, None) if any(self._secret.search(part) for part in held.path) else held


def _held(rows: Rows) -> list[Held]:
    return [Held(tuple(row["path"]), row["value"]) for row in rows]


def _locks(key: str) -> Statement[list[Held]]:
    """The locks of the newest jobs, the most frequent first."""
    column = {"lock": "lock", "queueing_lock": "queueing_lock"}[key]
    return Statement(
        f"SELECT '{{}}'::text[] AS path, {column} AS value FROM (SELECT {column} FROM procrastinate_jobs "
        f"ORDER BY id DESC LIMIT {LOCKED_JOBS}) AS newest WHERE length({column}) BETWEEN 1 AND {LONGEST_VALUE} "
        f"GROUP BY {column} ORDER BY count(*) DESC, {column} LIMIT 500",
        _held,
    )


def _arguments(task: str) -> Statement[list[Held]]:
    """The paths and values in the arguments of the newest jobs of a task."""
    return Statement(
        "WITH RECURSIVE newest AS (SELECT args FROM procrastinate_jobs "
        f"WHERE id > (SELECT max(id) FROM procrastinate_jobs) - {NEWEST_IDS} "
        "AND (%(task)s::text = '' OR task_name = %(task)s::text) "
        f"AND pg_column_size(args) <= {LARGEST_ARGUMENTS} ORDER BY id DESC LIMIT {ARGUMENTS_JOBS}), "
        "walk (path, value) AS (SELECT '{}'::text[], args FROM newest UNION ALL "
        "SELECT walk.path || part.key, part.value FROM walk, "
        "jsonb_each(CASE jsonb_typeof(walk.value) WHEN 'object' THEN walk.value ELSE '{}' END) AS part "
        f"WHERE cardinality(walk.path) < {DEEPEST_PATH}) "
        f"SELECT path, CASE WHEN length(text) <= {LONGEST_VALUE} AND jsonb_typeof NOT IN ('object', 'array', 'null') "
        "THEN text END AS value FROM (SELECT path, value #>> '{}' AS text, jsonb_typeof(value) FROM walk "
        f"WHERE cardinality(path) > 0 AND length(path[cardinality(path)]) <= {LONGEST_VALUE}) AS held "
        "GROUP BY 1, 2 ORDER BY count(*) DESC, 1, 2 LIMIT 1000",
        _held,
        {"task": task},
    )


#: The names of the latest errors, and the hosts of the workers that were heard of last; the most frequent first.
_REPORTED: dict[str, Statement[list[Held]]] = {
    "error": Statement(
        "SELECT '{}'::text[] AS path, type AS value FROM (SELECT regexp_replace(type, '^.*\\.', '') AS type "
        f"FROM jobdesk.errors ORDER BY at DESC LIMIT {LOCKED_JOBS}) AS latest "
        f"WHERE length(type) BETWEEN 1 AND {LONGEST_VALUE} GROUP BY type ORDER BY count(*) DESC, type LIMIT 500",
        _held,
    ),
    "host": Statement(
        "SELECT '{}'::text[] AS path, host AS value FROM (SELECT host FROM jobdesk.workers "
        f"ORDER BY beat_at DESC LIMIT {LOCKED_JOBS}) AS latest "
        f"WHERE length(host) BETWEEN 1 AND {LONGEST_VALUE} GROUP BY host ORDER BY count(*) DESC, host LIMIT 500",
        _held,
    ),
}
