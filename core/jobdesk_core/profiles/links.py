"""Links from a job to where else something is known of it, such as its logs: templates that a profile holds."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlsplit

from jobdesk_core.database.rows import EventRow, JobRow
from jobdesk_core.jobs import EventType

#: What a template may name in braces.
FIELDS = (
    "job_id",
    "task",
    "queue",
    "status",
    "attempts",
    "priority",
    "lock",
    "queueing_lock",
    "worker_id",
    "scheduled_at",
    "deferred_at",
    "started_at",
    "ended_at",
)
_FIELD = re.compile(r"\{([^{}]*)\}")
_ENDS = (EventType.SUCCEEDED, EventType.FAILED, EventType.ABORTED, EventType.CANCELLED)
#: A longer address is not made: no browser takes it.
LONGEST = 8_000


def problem(template: str) -> str | None:
    """Why a template cannot be a link, or None."""
    try:
        parts = urlsplit(template)
        host = parts.hostname
    except ValueError:
        return "This address cannot be read."
    if parts.scheme not in ("http", "https") or not host:
        return "A link starts with https:// or http:// and the name of a host."
    if "{" in parts.netloc or "}" in parts.netloc:
        return "The host cannot depend on the job."
    if "@" in parts.netloc:
        return "A link must not contain a user name or password."
    unknown = [name for name in _FIELD.findall(template) if name not in FIELDS]
    if unknown:
        return f"There is no field {{{unknown[0]}}}. The fields are {', '.join(FIELDS)}."
    if "{" in _FIELD.sub("", template) or "}" in _FIELD.sub("", template):
        return "A brace is not closed."
    if re.search(r"[\s\x00-\x1f\x7f]", template):
        return "An address must not contain spaces."
    return None


def filled(template: str, values: Mapping[str, str | None]) -> str | None:
    """The address for one job, every value quoted. None when a value that it needs is not there."""
    asked = _FIELD.findall(template)
    # Of dots alone a path would lead elsewhere on the host, however they are quoted.
    if problem(template) or any(not (values.get(name) or "").strip(".") for name in asked):
        return None
    address = _FIELD.sub(lambda match: quote(values[match[1]] or "", safe="", errors="replace"), template)
    return address if len(address) <= LONGEST else None


def values_of(row: JobRow, events: list[EventRow]) -> dict[str, str | None]:
    """A job's values by the names of FIELDS; times in UTC, as ISO 8601 writes them."""
    latest = {event.type: event.at for event in events}
    ended = [at for kind, at in latest.items() if kind in _ENDS] if row.status.is_final else []
    values: dict[str, Any] = {
        "job_id": row.id,
        "task": row.task_name,
        "queue": row.queue_name,
        "status": row.status.value,
        "attempts": row.attempts,
        "priority": row.priority,
        "lock": row.lock,
        "queueing_lock": row.queueing_lock,
        "worker_id": row.worker_id,
        "scheduled_at": _moment(row.scheduled_at),
        "deferred_at": _moment(row.deferred_at),
        "started_at": _moment(latest.get(EventType.STARTED)),
        "ended_at": _moment(max(ended, default=None)),
    }
    return {name: None if value is None else str(value) for name, value in values.items()}


def _moment(at: dt.datetime | None) -> str | None:
    return None if at is None else at.astimezone(dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
