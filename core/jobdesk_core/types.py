"""The types of what goes into a job and comes out of one."""

from __future__ import annotations

import datetime as dt
from typing import Any, NamedTuple, NotRequired, TypeAlias, TypedDict

JSONValue: TypeAlias = 'dict[str, "JSONValue"] | list["JSONValue"] | str | int | float | bool | None'
JSONDict: TypeAlias = dict[str, Any]


class TimeDeltaParams(TypedDict):
    """Keywords of a timedelta, such as {"minutes": 5}."""

    weeks: NotRequired[float]
    days: NotRequired[float]
    hours: NotRequired[float]
    minutes: NotRequired[float]
    seconds: NotRequired[float]
    milliseconds: NotRequired[float]
    microseconds: NotRequired[float]


class JobToDefer(NamedTuple):
    """A new job, in the order of the fields of `procrastinate_job_to_defer_v1`."""

    queue_name: str
    task_name: str
    priority: int
    lock: str | None
    queueing_lock: str | None
    args: JSONDict
    scheduled_at: dt.datetime | None
