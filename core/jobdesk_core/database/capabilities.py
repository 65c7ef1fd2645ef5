"""What a given database can do, read from its catalog in one query. No version number is stored there.

Source of the rules: the released schemas from 1.1.2 to 3.11, the states between two migrations, and the changes that
are announced for later releases (a pause of queues, a lock's mode, a job's result).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from importlib.resources import files
from typing import Any, Literal

from jobdesk_core.clock import ServerClock
from jobdesk_core.connectors.statement import Rows, Statement
from jobdesk_core.database.bodies import KNOWN
from jobdesk_core.database.reported import Reported

_VARCHAR = "character varying"
_AT = "timestamp with time zone"

#: Per operation its functions, the newest first, as name and argument types.
FUNCTIONS: dict[str, tuple[tuple[str, str], ...]] = {
    "batch": (
        ("procrastinate_defer_jobs_v2", "procrastinate_job_to_defer_v2[]"),
        ("procrastinate_defer_jobs_v1", "procrastinate_job_to_defer_v1[]"),
    ),
    "defer": (
        ("procrastinate_defer_job_v1", f"{_VARCHAR},{_VARCHAR},integer,text,text,jsonb,{_AT}"),
        ("procrastinate_defer_job", f"{_VARCHAR},{_VARCHAR},integer,text,text,jsonb,{_AT}"),
        ("procrastinate_defer_job", f"{_VARCHAR},{_VARCHAR},text,text,jsonb,{_AT}"),
    ),
    "periodic": (
        (
            "procrastinate_defer_periodic_job_v3",
            f"{_VARCHAR},{_VARCHAR},procrastinate_lock_mode,{_VARCHAR},{_VARCHAR},integer,{_VARCHAR},bigint,jsonb",
        ),
        ("procrastinate_defer_periodic_job_v2", f"{(_VARCHAR + ',') * 4}integer,{_VARCHAR},bigint,jsonb"),
        ("procrastinate_defer_periodic_job_v1", f"{(_VARCHAR + ',') * 4}integer,{_VARCHAR},bigint,jsonb"),
        ("procrastinate_defer_periodic_job", f"{(_VARCHAR + ',') * 4}integer,{_VARCHAR},bigint,jsonb"),
        ("procrastinate_defer_periodic_job", f"{(_VARCHAR + ',') * 5}bigint,jsonb"),
    ),
    "fetch": (
        ("procrastinate_fetch_job_v3", f"{_VARCHAR}[],bigint"),
        ("procrastinate_fetch_job_v2", f"{_VARCHAR}[],bigint"),
        ("procrastinate_fetch_job_v1", f"{_VARCHAR}[]"),
        ("procrastinate_fetch_job", f"{_VARCHAR}[]"),
    ),
    "finish": (
        ("procrastinate_finish_job_v1", "bigint,procrastinate_job_status,boolean,text"),
        ("procrastinate_finish_job_v1", "bigint,procrastinate_job_status,boolean"),
        ("procrastinate_finish_job", "bigint,procrastinate_job_status,boolean"),
    ),
    "cancel": (
        ("procrastinate_cancel_job_v1", "bigint,boolean,boolean"),
        ("procrastinate_cancel_job", "bigint,boolean,boolean"),
    ),
    "retry": (
        ("procrastinate_retry_job_v2", f"bigint,{_AT},integer,{_VARCHAR},{_VARCHAR}"),
        ("procrastinate_retry_job_v1", f"bigint,{_AT},integer,{_VARCHAR},{_VARCHAR}"),
        ("procrastinate_retry_job", f"bigint,{_AT},integer,{_VARCHAR},{_VARCHAR}"),
        ("procrastinate_retry_job", f"bigint,{_AT}"),
    ),
}

#: The texts of the functions that cancel, as hashes without blanks: releases 2.7 and 3.0 on, and our own schema.
#: Without abort or deletion each does one thing: UPDATE ... SET status = 'cancelled' WHERE status = 'todo'.
_PLAIN_CANCELS = (
    "procrastinate_cancel_job f4971fb7b220c745f9a7c9d331c63667",
    "procrastinate_cancel_job_v1 6383ebbcd4b778a6b4b675082998c0ea",
    "procrastinate_cancel_job_v1 7bb29b47e63d9b4e7f9fd809d0a0df5c",
)

#: The newest release whose functions are known.
NEWEST = "3.11"
#: The columns of a job that some release has; what else there is, a deployment or a later release has added.
JOB_COLUMNS = frozenset(
    ("id", "queue_name", "task_name", "priority", "lock", "queueing_lock", "args", "status", "scheduled_at", "attempts")
) | {"abort_requested", "worker_id"}

_JOBS, _EVENTS = "procrastinate_jobs", "procrastinate_events"
_SEQUENCES = ("procrastinate_jobs_id_seq", "procrastinate_events_id_seq")

#: The privileges that an action needs: its functions run with the caller's rights (not SECURITY DEFINER).
PRIVILEGES: dict[str, tuple[tuple[str, str], ...]] = {
    # What a job's page shows: whoever acts on a job reads as much first.
    "read": (
        (_JOBS, "SELECT"),
        (_EVENTS, "SELECT"),
        ("procrastinate_workers", "SELECT"),
        ("procrastinate_periodic_defers", "SELECT"),
    ),
    "defer": (
        (_JOBS, "SELECT"),
        (_JOBS, "INSERT"),
        (_EVENTS, "INSERT"),
        *((sequence, "USAGE") for sequence in _SEQUENCES),
    ),
    "cancel": (
        (_JOBS, "SELECT"),
        (_JOBS, "UPDATE"),
        (_EVENTS, "INSERT"),
        (_SEQUENCES[1], "USAGE"),
    ),
    "retry": (
        (_JOBS, "SELECT"),
        (_JOBS, "UPDATE"),
        (_EVENTS, "INSERT"),
        (_SEQUENCES[1], "USAGE"),
    ),
    # The function's cancel statements are planned together with the deletion.
    "delete": (
        (_JOBS, "SELECT"),
        (_JOBS, "DELETE"),
        ("procrastinate_periodic_defers", "SELECT"),
        ("procrastinate_periodic_defers", "UPDATE"),
    ),
}
_WANTED = sorted({wanted for group in PRIVILEGES.values() for wanted in group})


@dataclass(frozen=True, slots=True)
class Rights:
    """Per action None when this role may do it, otherwise a sentence that names what is missing."""

    read: str | None = None
    defer: str | None = None
    cancel: str | None = None
    retry: str | None = None
    delete: str | None = None
    install: str | None = None

    @property
    def is_complete(self) -> bool:
        """Whether everything but installing a schema is allowed."""
        return not any((self.read, self.defer, self.cancel, self.retry, self.delete))


@dataclass(frozen=True, slots=True, kw_only=True)
class Capabilities:
    """What one database offers, as of the moment it was asked."""

    role: str
    database: str
    server_version: int
    is_standby: bool
    has_schema: bool
    has_remains: bool
    has_workers: bool
    has_priority: bool
    has_abort_requested: bool
    has_worker_id: bool
    has_priority_locks: bool
    statuses: tuple[str, ...]
    event_types: tuple[str, ...]
    functions: frozenset[str]
    channels: tuple[str, ...]
    rights: Rights = field(default_factory=Rights)
    #: The schema that the tables lie in, or where there are none the first of the search_path; empty when to none.
    schema: str = ""
    #: The schemas beside the search_path that hold a whole set of tables, and those with the jobs' table alone.
    elsewhere: tuple[str, ...] = ()
    halves_elsewhere: tuple[str, ...] = ()
    #: Whether a foreign key deletes the events with their job, and a trigger frees its periodic defers.
    deletes_events: bool = True
    frees_periodic_defers: bool = True
    #: Whether the functions that cancel are the released ones, so that one UPDATE of many jobs does the same.
    has_plain_cancel: bool = False
    #: The server's clock, by which times are told: that of the connector that asked.
    clock: ServerClock = field(default_factory=ServerClock, compare=False, repr=False)
    #: Whether the jobs are a view, or a table elsewhere: rows without versions and statistics of their own.
    is_view: bool = False
    #: Whether queues can be paused, and a waiting job that is not due may leave its lock to others: announced only.
    has_paused_queues: bool = False
    has_mutex_locks: bool = False
    #: Whether a job without a lock is spared the look at others: from 3.11 on.
    is_3_11: bool = False
    #: The columns of a job that no release has, in the table's order.
    extra_columns: tuple[str, ...] = ()
    #: The functions whose text is not of any release that this program knows.
    unknown_functions: tuple[str, ...] = ()
    #: What workers report into this database, as far as whoever asked has looked; see `reported.detection`.
    reported: Reported = field(default_factory=Reported)

    def function(self, operation: str) -> str | None:
        """The signature of the newest function for an operation of FUNCTIONS, or None."""
        for name, types in FUNCTIONS[operation]:
            if f"{name}({types})" in self.functions:
                return f"{name}({types})"
        return None

    @property
    def abort_model(self) -> Literal["flag", "status"] | None:
        """How an abort is asked for: by the column, by the status `aborting`, or not at all."""
        if self.has_abort_requested:
            return "flag"
        return "status" if "aborting" in self.statuses else None

    @property
    def has_aborting_status(self) -> bool:
        """Whether a running job may have the status `aborting`: from 2.7 on until 3.0's migration is complete."""
        return self.abort_model == "status" or "procrastinate_cancel_job(bigint,boolean,boolean)" in self.functions

    @property
    def can_batch(self) -> bool:
        """Whether one function takes many jobs (from 3.2); before, one statement calls a function for each."""
        return self.function("batch") is not None

    @property
    def can_cancel(self) -> bool:
        """Whether there is a function to cancel a job (from 2.7)."""
        return self.function("cancel") is not None

    @property
    def can_retry_failed(self) -> bool:
        """Whether a failed job can be retried (from 3.4)."""
        return "procrastinate_retry_job_v2" in (self.function("retry") or "")

    @property
    def can_change_on_retry(self) -> bool:
        """Whether a retry can set another priority, queue or lock (from 2.9)."""
        return "integer" in (self.function("retry") or "")

    @property
    def queue_name_limit_bytes(self) -> int:
        """The longest queue name that the NOTIFY channel, at most 63 bytes with its prefix, leaves room for."""
        return 40 if "procrastinate_any_queue_v1" in self.channels else 43

    @property
    def queue_channel_prefixes(self) -> tuple[str, ...]:
        """What stands before a queue's name in the name of its channel."""
        return tuple(channel.replace("any_queue", "queue") + "#" for channel in self.channels)

    @property
    def release(self) -> str:
        """The releases whose schema this is, as far as names show: `3.4–3.10`, or `3.4–3.10, 1 function altered`."""
        if not self.has_schema:
            return "none"
        if not self.unknown_functions:
            return self.nearest_release
        # A function of a name that no release has is a later one's; a text that none has was altered.
        if self._is_newest and any(name not in KNOWN for name in self.unknown_functions):
            return f"newer than {NEWEST}"
        count = len(self.unknown_functions)
        return f"{self.nearest_release}, {count} function{'s' if count > 1 else ''} altered"

    @property
    def nearest_release(self) -> str:
        """As `release`, of those that are known, whatever has been altered since."""
        return next((shown for shown, is_it in self._releases() if is_it), "before 2.5")

    @property
    def strangeness(self) -> str | None:
        """A sentence that names what this program does not know of the schema; None when it knows all of it."""
        if not self.unknown_functions:
            return None
        names = ", ".join(self.unknown_functions[:3]) + (", …" if len(self.unknown_functions) > 3 else "")
        return f"This schema is newer than this Jobdesk knows, or was altered: {names}."

    @property
    def is_fetch_unknown(self) -> bool:
        """Whether workers take jobs by a function whose rules this program does not know."""
        return (self.function("fetch") or "").partition("(")[0] in self.unknown_functions

    @property
    def _is_newest(self) -> bool:
        # The post-migrations that are announced take 3.10's functions away one by one.
        return "retry_job_v2" in (self.function("retry") or "")

    def _releases(self) -> Iterable[tuple[str, bool]]:
        retry, defer = self.function("retry") or "", self.function("defer") or ""
        yield "3.11", self._is_newest and self.is_3_11
        yield "3.4–3.10", "retry_job_v2" in retry
        yield "3.3", self.can_batch and self.has_priority_locks
        yield "3.2", self.can_batch
        yield "3.1", self.has_workers
        yield "3.0", self.has_abort_requested
        yield "2.9–2.15", self.can_change_on_retry
        yield "2.7–2.8", self.can_cancel
        yield "2.6", "integer" in (self.function("periodic") or "")
        yield "2.5", "integer" in defer


def _decode(rows: Rows) -> Capabilities:
    row = rows[0]
    columns, triggers = set(row["columns"]), set(row["triggers"])
    # Of two functions that take jobs workers call the newer.
    fetch = max(row["fetches"], default="").casefold()
    channels = []
    if any("job_inserted_v1" in name or "job_inserted_temp" in name for name in triggers):
        channels.append("procrastinate_any_queue_v1")
    if "procrastinate_jobs_notify_queue" in triggers:
        channels.append("procrastinate_any_queue")
    return Capabilities(
        role=row["role"],
        database=row["database"],
        server_version=row["server_version"],
        is_standby=row["is_standby"],
        has_schema=row["has_schema"],
        has_remains=bool(row["functions"] or row["statuses"] or row["has_workers"]),
        has_workers=row["has_workers"],
        has_priority="priority" in columns,
        has_abort_requested="abort_requested" in columns,
        has_worker_id="worker_id" in columns,
        has_priority_locks="priority >" in fetch,
        statuses=tuple(row["statuses"]),
        event_types=tuple(row["event_types"]),
        functions=frozenset(row["functions"]),
        channels=tuple(channels),
        rights=_rights(row),
        schema=row["schema"],
        elsewhere=tuple(each[:-2] for each in row["elsewhere"] if each.endswith(" 2")),
        halves_elsewhere=tuple(each[:-2] for each in row["elsewhere"] if not each.endswith(" 2")),
        deletes_events=row["deletes_events"],
        has_plain_cancel=bool(row["cancels"]) and set(row["cancels"]) <= set(_PLAIN_CANCELS),
        is_view=row["is_view"],
        has_paused_queues=row["has_paused_queues"],
        has_mutex_locks="lock_mode" in columns and "lock_mode" in fetch,
        is_3_11="jobs.lock is null or" in fetch,
        extra_columns=tuple(name for name in row["columns"] if name not in JOB_COLUMNS),
        unknown_functions=_unknown(row["bodies"]),
        frees_periodic_defers=any("delete_jobs" in name for name in triggers),
    )


def _unknown(bodies: list[str]) -> tuple[str, ...]:
    """The functions of a known kind whose text is not known, each once. A deployment's own others are left alone."""
    kinds = {_kind(name) for name in KNOWN}
    found = [(name, text) for name, _, text in (body.partition(" ") for body in bodies)]
    return tuple(
        dict.fromkeys(name for name, text in found if _kind(name) in kinds and text not in KNOWN.get(name, ()))
    )


def _kind(name: str) -> str:
    """A function's name without its version."""
    return re.sub(r"_v\d+$", "", name)


def _rights(row: dict[str, Any]) -> Rights:
    missing = set(row["missing"])
    sentences: dict[str, str | None] = {}
    for action, wanted in PRIVILEGES.items():
        lacks = [(relation, privilege) for relation, privilege in wanted if f"{privilege} {relation}" in missing]
        sentences[action] = _sentence(row["role"], lacks) if lacks else None
    if not row["may_create"]:
        sentences["install"] = (
            f"Role {row['role']} may not create tables in {row['database']}. "
            f"Ask the database's owner for: GRANT CREATE ON SCHEMA public TO {_quoted(row['role'])};"
        )
    return Rights(**sentences)


def _sentence(role: str, lacks: list[tuple[str, str]]) -> str:
    relation, privilege = lacks[0]
    grants = " ".join(
        f"GRANT {wanted} ON {'SEQUENCE ' if wanted == 'USAGE' else ''}{name} TO {_quoted(role)};"
        for name, wanted in lacks
    )
    return f"Role {role} may not {privilege} on {relation}. Ask its owner for: {grants}"


def _quoted(role: str) -> str:
    return role if role.isidentifier() and role.islower() else '"' + role.replace('"', '""') + '"'


#: The one query of detection.
DETECT: Statement[Capabilities] = Statement(
    files(__package__).joinpath("detect.sql").read_text("utf-8"),
    _decode,
    {
        "relations": [relation for relation, _ in _WANTED],
        "privileges": [privilege for _, privilege in _WANTED],
    },
)

#: Tells one schema from every other, and from itself before a migration: cheap enough to ask before each statement.
STAMP: Statement[str] = Statement(
    """\
SELECT concat_ws(' ', current_user, current_database(), current_schemas(true),
                 to_regclass('procrastinate_jobs')::oid, to_regclass('procrastinate_workers')::oid,
                 (SELECT string_agg(oid || '.' || xmin, ' ' ORDER BY oid) FROM pg_proc
                   WHERE proname LIKE 'procrastinate\\_%' AND pg_function_is_visible(oid)),
                 (SELECT string_agg(oid || '.' || xmin, ' ' ORDER BY oid) FROM pg_trigger
                   WHERE tgrelid = to_regclass('procrastinate_jobs') AND NOT tgisinternal)) AS stamp
""",
    lambda rows: str(rows[0]["stamp"]),
)
