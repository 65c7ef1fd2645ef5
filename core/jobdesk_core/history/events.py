"""What the events that are still there tell of the minutes before one looked, counted by the server."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from jobdesk_core.connectors.statement import Rows, Statement
from jobdesk_core.history.histogram import bucket_sql
from jobdesk_core.history.minutes import FILLED, Minute
from jobdesk_core.jobs import EventType
from jobdesk_core.reading.pace import ARRIVALS, ENDS, KINDS, PUT_OFF

#: Times that can be subtracted, and told in minutes.
SANE = "BETWEEN '1000-01-01' AND '9000-01-01'"


@dataclass(frozen=True, slots=True)
class Bounds:
    """The first and the last event's id, and the minute of the first; None and zeros without any."""

    lowest: int
    highest: int
    minute: int | None


BOUNDS: Statement[Bounds] = Statement(
    "SELECT coalesce(min(id), 0) AS lowest, coalesce(max(id), 0) AS highest, "
    "(SELECT floor(extract(epoch FROM at) / 60)::bigint FROM procrastinate_events "
    f"WHERE type <> 'scheduled' AND at {SANE} ORDER BY id LIMIT 1) AS minute FROM procrastinate_events",
    lambda rows: Bounds(rows[0]["lowest"], rows[0]["highest"], rows[0]["minute"]),
)


def minute_at(event_id: int) -> Statement[int | None]:
    """The minute of the first event from this id on; None where there is none."""
    return Statement(
        "SELECT floor(extract(epoch FROM at) / 60)::bigint AS minute FROM procrastinate_events "
        f"WHERE id >= %(id)s AND type <> 'scheduled' AND at {SANE} ORDER BY id LIMIT 1",
        lambda rows: rows[0]["minute"] if rows else None,
        {"id": event_id},
    )


def latest_minute(low_id: int, high_id: int) -> Statement[int | None]:
    """The latest minute of the events with low_id < id <= high_id; None where there is none."""
    return Statement(
        "SELECT floor(extract(epoch FROM max(at)) / 60)::bigint AS minute FROM procrastinate_events "
        f"WHERE id > %(low)s AND id <= %(high)s AND type <> 'scheduled' AND at {SANE}",
        lambda rows: rows[0]["minute"],
        {"low": low_id, "high": high_id},
    )


# A job that has run more than once was scheduled anew: since when its first run was due is not known any more.
_IS_FIRST_RUN = (
    "job.status <> 'todo' AND job.attempts = CASE WHEN job.status::text IN ('doing', 'aborting') THEN 0 ELSE 1 END"
)
_MOMENT = (
    "(SELECT max(before.at) FROM procrastinate_events AS before WHERE before.job_id = event.job_id "
    f"AND before.id < event.id AND before.at {SANE} AND before.type = '{{type}}')"
)
#: When the run began that an `event` ends.
STARTED = _MOMENT.format(type="started")


def seconds_sql(started: str = STARTED) -> str:
    """The seconds that a first run's start, as `event` of `job`, had waited, or that the run took which it ends.

    NULL where they are not known, negative where a clock was set. It takes `ends`, the kinds of events that end a run.
    """
    due = f"greatest({_MOMENT.format(type='deferred')}, CASE WHEN job.scheduled_at {SANE} THEN job.scheduled_at END)"
    return (
        f"CASE WHEN event.type = 'started' AND {_IS_FIRST_RUN} THEN extract(epoch FROM event.at - {due}) "
        f"WHEN event.type::text = ANY (%(ends)s) THEN extract(epoch FROM event.at - {started}) END"
    )


def minutes_of(low_id: int, high_id: int, first: int, end: int) -> Statement[Mapping[int, Minute]]:
    """What the events with low_id < id <= high_id tell of the minutes from `first` to before `end`."""

    def decode(rows: Rows) -> Mapping[int, Minute]:
        minutes: dict[int, Minute] = {}
        for row in rows:
            minute = minutes.setdefault(row["minute"], Minute(FILLED))
            cell, kind = minute.cell(row["queue_name"], row["task_name"]), EventType(row["type"])
            cell.add(kind, row["count"])
            if row["put_off"]:
                cell.add(PUT_OFF, row["put_off"])
            if row["bucket"] is not None:
                cell.add_duration(kind, row["bucket"], row["count"])
        return minutes

    return Statement(
        "SELECT floor(extract(epoch FROM at) / 60)::bigint AS minute, queue_name, task_name, type, "
        f"{bucket_sql('seconds')} AS bucket, count(*)::integer AS count, "
        "(count(*) FILTER (WHERE is_put_off))::integer AS put_off FROM ("
        "SELECT event.at, job.queue_name, job.task_name, event.type::text AS type, "
        "event.type::text = ANY (%(arrivals)s) AND job.status = 'todo' AND job.scheduled_at > event.at AS is_put_off, "
        f"({seconds_sql()})::float8 AS seconds "
        "FROM procrastinate_events AS event JOIN procrastinate_jobs AS job ON job.id = event.job_id "
        "WHERE event.id > %(low)s AND event.id <= %(high)s AND event.type::text = ANY (%(kinds)s) "
        f"AND event.at {SANE} AND event.at >= to_timestamp(%(first)s::float8) "
        "AND event.at < to_timestamp(%(end)s::float8) OFFSET 0) AS event GROUP BY 1, 2, 3, 4, 5",
        decode,
        {
            "low": low_id,
            "high": high_id,
            "first": first * 60,
            "end": end * 60,
            "kinds": [kind.value for kind in KINDS],
            "arrivals": [kind.value for kind in ARRIVALS],
            "ends": [kind.value for kind in ENDS],
        },
    )
