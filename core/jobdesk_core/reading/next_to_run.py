"""The waiting jobs in the order in which workers take them, by key: highest priority, then lowest id.

No index can be entered at a priority and an id under this mixed order, so a stretch of it is read in up to
three arms, each one range of the index on (priority DESC, id).
"""

from __future__ import annotations

from typing import Any

from jobdesk_core.connectors.statement import Statement
from jobdesk_core.database.capabilities import Capabilities
from jobdesk_core.database.rows import JobRow, job_tuples, jobs_table, row_columns
from jobdesk_core.filters.ranges import BIGINT

#: A priority and an id.
Place = tuple[int, int]


def stretch(after: Place | None, end: Place | None, *, backwards: bool) -> tuple[Place | None, Place | None]:
    """The first and the last place, both included, beyond `after` (excluded) as far as `end` (included)."""
    step = -1 if backwards else 1
    beyond = None if after is None else (after[0], min(max(after[1] + step, BIGINT[0]), BIGINT[1]))
    return (end, beyond) if backwards else (beyond, end)


def page(
    capabilities: Capabilities,
    condition: tuple[str, dict[str, Any]],
    first: Place | None,
    last: Place | None,
    *,
    limit: int,
    backwards: bool,
) -> Statement[list[JobRow]]:
    """The first `limit` jobs from `first` to `last` that meet the condition; backwards the last ones, from the end."""
    sql, parameters = _union(capabilities, row_columns(capabilities), condition[0], (first, last), backwards=backwards)
    return Statement(f"{sql} LIMIT %(limit)s", job_tuples, condition[1] | parameters | {"limit": limit}, is_page=True)


def end_of_stretch(
    capabilities: Capabilities, first: Place | None, last: Place | None, *, jobs: int, backwards: bool
) -> Statement[Place | None]:
    """The place of the `jobs`-th job from `first` on, backwards from `last` on; None when there are fewer."""
    sql, parameters = _union(capabilities, "job.priority, job.id", "true", (first, last), backwards=backwards)
    return Statement(
        f"{sql} OFFSET %(limit)s - 1 LIMIT 1",
        lambda rows: (rows[0]["priority"], rows[0]["id"]) if rows else None,
        parameters | {"limit": jobs},
    )


def _union(
    capabilities: Capabilities,
    columns: str,
    condition: str,
    places: tuple[Place | None, Place | None],
    *,
    backwards: bool,
) -> tuple[str, dict[str, Any]]:
    order = "priority, id DESC" if backwards else "priority DESC, id"
    arms = " UNION ALL ".join(
        f"(SELECT {columns} FROM {jobs_table(capabilities)} WHERE job.status = 'todo' AND {arm} AND {condition} "
        f"ORDER BY {order} LIMIT %(limit)s)"
        for arm in _arms(*places)
    )
    parameters: dict[str, Any] = {}
    for name, place in zip(("first", "last"), places, strict=True):
        if place is not None:
            parameters |= {f"{name}_priority": place[0], f"{name}_id": place[1]}
    return f"SELECT * FROM ({arms}) AS found ORDER BY {order}", parameters


def _arms(first: Place | None, last: Place | None) -> list[str]:
    from_first = "job.priority = %(first_priority)s::integer AND job.id >= %(first_id)s::bigint"
    to_last = "job.priority = %(last_priority)s::integer AND job.id <= %(last_id)s::bigint"
    if first is not None and last is not None and first[0] == last[0]:
        return [f"{from_first} AND {to_last}"]
    arms, between = [], []
    if first is not None:
        arms.append(from_first)
        between.append("job.priority < %(first_priority)s::integer")
    if last is not None:
        arms.append(to_last)
        between.append("job.priority > %(last_priority)s::integer")
    return [*arms, " AND ".join(between) or "true"]
