"""Conditions on when something happened to a job, and on how long: its events tell, in a bounded read for each job."""

from __future__ import annotations

import datetime as dt
from typing import Any

from jobdesk_core.database.rows import JobRow
from jobdesk_core.filters.condition import Condition, Verdict
from jobdesk_core.filters.ranges import Span, TimeRange, age_range, span_range, time_range
from jobdesk_core.filters.syntax import Token, Value

_TIMES = (
    'a date, today, yesterday, a time such as "2026-11-20 12:30", now, -2h, +1d or infinity, with >, >=, < or <= '
    "before it, or X..Y"
)
#: When each of these happened: one value, NULL when it has not. Of a job that waits or runs again no end is told.
MOMENTS = {
    "deferred": (
        "SELECT min(event.at) AS event_at FROM procrastinate_events AS event "
        "WHERE event.job_id = job.id AND event.type = 'deferred'"
    ),
    "started": (
        "SELECT max(event.at) AS event_at FROM procrastinate_events AS event "
        "WHERE event.job_id = job.id AND event.type = 'started'"
    ),
    "ended": (
        "SELECT max(event.at) AS event_at FROM procrastinate_events AS event WHERE event.job_id = job.id "
        "AND event.type::text IN ('succeeded', 'failed', 'cancelled', 'aborted') "
        "AND job.status::text IN ('succeeded', 'failed', 'cancelled', 'aborted')"
    ),
}
#: How long the last run took (one that goes on: until now), and from when the job was due until it was first
#: started (one that was not: until now). NULL when it never ran, is not due yet, or a time is infinite: nothing can be
#: subtracted from that before PostgreSQL 17.
SPANS = {
    "duration": (
        "SELECT coalesce((SELECT min(event.at) FROM procrastinate_events AS event WHERE event.job_id = job.id "
        "AND event.id > start.id AND event.type::text IN ('succeeded', 'failed', 'aborted', 'deferred_for_retry') "
        "AND isfinite(event.at)), CASE WHEN job.status::text IN ('doing', 'aborting') THEN now() END) "
        "- CASE WHEN isfinite(start.at) THEN start.at END AS took FROM (SELECT event.id, "
        "event.at FROM procrastinate_events AS event WHERE event.job_id = job.id AND event.type = 'started' "
        "ORDER BY event.id DESC LIMIT 1) AS start"
    ),
    "waited": (
        "SELECT CASE WHEN NOT isfinite(until) THEN NULL "
        "WHEN until <= due OR NOT isfinite(due) THEN interval '0' ELSE until - due END AS took FROM ("
        "SELECT coalesce(start.at, CASE WHEN job.status = 'todo' AND coalesce(job.scheduled_at, now()) <= now() "
        "THEN now() END) AS until, (SELECT max(event.at) FROM procrastinate_events AS event WHERE event.job_id = "
        "job.id AND event.type::text IN ('deferred', 'scheduled') AND event.id < coalesce(start.id, "
        "9223372036854775807)) AS due FROM (SELECT 1) AS one LEFT JOIN LATERAL (SELECT event.id, event.at "
        "FROM procrastinate_events AS event WHERE event.job_id = job.id AND event.type = 'started' "
        "ORDER BY event.id LIMIT 1) AS start ON true) AS wait WHERE until IS NOT NULL AND due IS NOT NULL"
    ),
}
#: Of these a distance without a sign lies in the past: `ended:<10m` is `ended:>-10m`.
_PAST = ("age", "deferred", "started", "ended")


def time_condition(token: Token, name: str) -> Condition:
    """What a condition on a time asks for. Raises FilterError."""
    has_none = token.key != "age" and any(value.is_none for value in token.values)
    ranges = [_range(token, value) for value in token.values if not (has_none and value.is_none)]
    column = "job.scheduled_at" if token.key == "scheduled" else "event_at"
    pieces = [f"{column} IS NULL"] if has_none else []
    parameters: dict[str, Any] = {}
    for index, each in enumerate(ranges):
        sql, found_parameters = each.sql(column, f"{name}_{index}")
        pieces.append(sql)
        parameters |= found_parameters
    sql = " OR ".join(f"({piece})" for piece in pieces)
    if token.key != "scheduled":
        sql = f"(SELECT {sql} FROM ({MOMENTS.get(token.key, MOMENTS['deferred'])}) AS event)"

    def test(row: JobRow, now: dt.datetime) -> Verdict:
        if token.key == "started" or (token.key == "ended" and row.status.is_final):
            return None  # a row does not tell when it started or ended
        at = {"scheduled": row.scheduled_at, "ended": None}.get(token.key, row.deferred_at)
        return has_none if at is None else any(each.holds(at, now) for each in ranges)

    return Condition(lambda capabilities: sql, parameters, test)


def _range(token: Token, value: Value) -> TimeRange:
    ways = (age_range, time_range) if token.key == "age" else (time_range, age_range)
    if token.key not in _PAST:
        ways = (time_range, time_range)
    found = ways[0](value.text)
    if found is None and (token.key != "age" or (any(sign in value.text for sign in "+-") and value.text[:1] in "<>")):
        found = ways[1](value.text)
    if found is None and token.key == "age":
        message = "age takes a bound such as >1h or <10m, or a range such as 1h..2h (s, m, h, d, w)."
        raise token.error(message, value)
    if found is None:
        raise token.error(f"{token.key} takes {_TIMES}; or none.", value)
    return found


def span_condition(token: Token, name: str) -> Condition:
    """What a condition on how long something took asks for: no row tells that. Raises FilterError."""
    has_none = any(value.is_none for value in token.values)
    pieces = ["took IS NULL"] if has_none else []
    parameters: dict[str, Any] = {}
    for index, value in enumerate(token.values):
        if value.is_none:
            continue
        found: Span | None = span_range(value.text)
        if found is None:
            message = f"{token.key} takes a bound such as >5s or <1.5h, a range such as 1m..2m, or none."
            raise token.error(message, value)
        for place, (_, seconds) in enumerate(found):
            parameters[f"{name}_{index}_{place}"] = seconds
        bounds = (
            f"EXTRACT(epoch FROM took) {sign} %({name}_{index}_{place})s" for place, (sign, _) in enumerate(found)
        )
        pieces.append(" AND ".join(bounds))
    sql = " OR ".join(f"({piece})" for piece in pieces)
    # One row at least: a job that never ran took NULL.
    took = f"SELECT (SELECT took FROM ({SPANS[token.key]}) AS run) AS took"
    return Condition(lambda capabilities: f"(SELECT {sql} FROM ({took}) AS span)", parameters)
