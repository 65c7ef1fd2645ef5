"""What the releases of Procrastinate bring along beside their tables: indexes, functions, triggers and migrations.

Releases before 3.0 have the same indexes and triggers under names without `_v1`; a schema between two migrations has
both. So an index is known by what it is, and not by what it is called.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from jobdesk_core.database.capabilities import Capabilities

Level = tuple[int, int]
#: Beyond every release that is known.
LATER: Level = (99, 0)
_TODO, _DOING = "status='todo'", "status='doing'"
_OPEN = "status=ANYARRAY['todo','doing']"
_OPEN_ABORTING = "status=ANYARRAY['todo','doing','aborting']"


@dataclass(frozen=True, slots=True)
class KnownIndex:
    """An index of the releases from `since` on. `names`: the newest first; `shapes`: what it may be, see `shape`.

    `sql` is what stands behind its table's name when it is created; `why` says what it is for, after its name and a
    colon. One that belongs to a constraint is restored by hand: its `sql` is empty.
    """

    table: str
    names: tuple[str, ...]
    shapes: tuple[str, ...]
    sql: str
    why: str
    is_unique: bool = False
    since: Level = (1, 1)


INDEXES = (
    KnownIndex(
        "procrastinate_jobs", ("procrastinate_jobs_pkey",), ("unique id",), "", "jobs are found by their id", True
    ),
    KnownIndex(
        "procrastinate_jobs",
        ("procrastinate_jobs_lock_idx_v1", "procrastinate_jobs_lock_idx"),
        (f"unique lock where {_DOING}",),
        "(lock) WHERE status = 'doing'",
        "without it two jobs with one lock could run at once",
        True,
    ),
    KnownIndex(
        "procrastinate_jobs",
        ("procrastinate_jobs_queueing_lock_idx_v1", "procrastinate_jobs_queueing_lock_idx"),
        (f"unique queueing_lock where {_TODO}",),
        "(queueing_lock) WHERE status = 'todo'",
        "without it two jobs with one queueing lock could wait at once",
        True,
    ),
    KnownIndex(
        "procrastinate_jobs",
        ("procrastinate_jobs_priority_idx_v1", "procrastinate_jobs_priority_idx"),
        (f"priority desc,id where {_TODO}",),
        "(priority DESC, id) WHERE status = 'todo'",
        "without it workers sort all waiting jobs at each fetch",
        since=(3, 0),
    ),
    KnownIndex(
        "procrastinate_jobs",
        ("procrastinate_jobs_id_lock_idx_v1", "procrastinate_jobs_id_lock_idx"),
        (f"id,lock where {_OPEN}", f"id,lock where {_OPEN_ABORTING}"),
        "(id, lock) WHERE status IN ('todo', 'doing')",
        "without it each fetch looks for the holders of locks among all jobs",
    ),
    KnownIndex(
        "procrastinate_jobs",
        ("procrastinate_jobs_queue_name_idx_v1", "procrastinate_jobs_queue_name_idx"),
        ("queue_name",),
        "(queue_name)",
        "without it the jobs of a queue are searched for in the whole table",
    ),
    KnownIndex(
        "procrastinate_jobs",
        ("idx_procrastinate_jobs_worker_not_null",),
        (f"worker_id where worker_idISNOTNULLAND{_DOING}",),
        "(worker_id) WHERE worker_id IS NOT NULL AND status = 'doing'",
        "without it stalled jobs are searched for in the whole table",
        since=(3, 1),
    ),
    KnownIndex(
        "procrastinate_events", ("procrastinate_events_pkey",), ("unique id",), "", "events are found by their id", True
    ),
    KnownIndex(
        "procrastinate_events",
        ("procrastinate_events_job_id_fkey_v1", "procrastinate_events_job_id_fkey"),
        ("job_id",),
        "(job_id)",
        "without it deleting one job, or showing it, reads all events",
    ),
    KnownIndex(
        "procrastinate_periodic_defers",
        ("procrastinate_periodic_defers_pkey",),
        ("unique id",),
        "",
        "periodic defers are found by their id",
        True,
    ),
    KnownIndex(
        "procrastinate_periodic_defers",
        ("procrastinate_periodic_defers_unique",),
        ("unique task_name,periodic_id,defer_timestamp",),
        "",
        "without it a periodic task could be deferred twice for one moment",
        True,
    ),
    KnownIndex(
        "procrastinate_periodic_defers",
        ("procrastinate_periodic_defers_job_id_fkey_v1", "procrastinate_periodic_defers_job_id_fkey"),
        ("job_id",),
        "(job_id)",
        "without it deleting one job reads all periodic defers",
    ),
    KnownIndex(
        "procrastinate_workers",
        ("procrastinate_workers_pkey",),
        ("unique id",),
        "",
        "workers are found by their id",
        True,
        since=(3, 1),
    ),
    KnownIndex(
        "procrastinate_workers",
        ("idx_procrastinate_workers_last_heartbeat",),
        ("last_heartbeat",),
        "(last_heartbeat)",
        "without it unresponsive workers are searched for in the whole table",
        since=(3, 1),
    ),
)

#: Per function since which release it is there, and up to before which.
FUNCTIONS: dict[str, tuple[Level, Level]] = {
    **dict.fromkeys(
        (
            "procrastinate_defer_job",
            "procrastinate_defer_periodic_job",
            "procrastinate_fetch_job",
            "procrastinate_finish_job",
            "procrastinate_notify_queue",
            "procrastinate_retry_job",
            "procrastinate_trigger_scheduled_events_procedure",
            "procrastinate_trigger_status_events_procedure_insert",
            "procrastinate_trigger_status_events_procedure_update",
            "procrastinate_unlink_periodic_defers",
        ),
        ((1, 1), (3, 0)),
    ),
    "procrastinate_cancel_job": ((2, 7), (3, 0)),
    **dict.fromkeys(
        (
            "procrastinate_cancel_job_v1",
            "procrastinate_finish_job_v1",
            "procrastinate_notify_queue_abort_job_v1",
            "procrastinate_notify_queue_job_inserted_v1",
            "procrastinate_retry_job_v1",
            "procrastinate_trigger_abort_requested_events_procedure_v1",
            "procrastinate_trigger_function_scheduled_events_v1",
            "procrastinate_trigger_function_status_events_insert_v1",
            "procrastinate_trigger_function_status_events_update_v1",
            "procrastinate_unlink_periodic_defers_v1",
        ),
        ((3, 0), LATER),
    ),
    "procrastinate_fetch_job_v1": ((3, 0), (3, 1)),
    "procrastinate_defer_job_v1": ((3, 0), (3, 2)),
    "procrastinate_defer_periodic_job_v1": ((3, 0), (3, 2)),
    **dict.fromkeys(
        (
            "procrastinate_fetch_job_v2",
            "procrastinate_prune_stalled_workers_v1",
            "procrastinate_register_worker_v1",
            "procrastinate_unregister_worker_v1",
            "procrastinate_update_heartbeat_v1",
        ),
        ((3, 1), LATER),
    ),
    "procrastinate_defer_jobs_v1": ((3, 2), LATER),
    "procrastinate_defer_periodic_job_v2": ((3, 2), LATER),
    "procrastinate_retry_job_v2": ((3, 4), LATER),
}

#: Per trigger on the jobs what it is, see `trigger_shape`, since which release, and up to before which.
TRIGGERS: dict[str, tuple[str, Level, Level]] = {
    "procrastinate_jobs_notify_queue": (
        "AFTER INSERT FOR EACH ROW WHEN new.status='todo' procrastinate_notify_queue",
        (1, 1),
        (3, 0),
    ),
    "procrastinate_trigger_status_events_insert": (
        "AFTER INSERT FOR EACH ROW WHEN new.status='todo' procrastinate_trigger_status_events_procedure_insert",
        (1, 1),
        (3, 0),
    ),
    "procrastinate_trigger_status_events_update": (
        "AFTER UPDATE OF status FOR EACH ROW procrastinate_trigger_status_events_procedure_update",
        (1, 1),
        (3, 0),
    ),
    "procrastinate_trigger_scheduled_events": (
        "AFTER INSERT OR UPDATE FOR EACH ROW WHEN new.scheduled_atISNOTNULLANDnew.status='todo' "
        "procrastinate_trigger_scheduled_events_procedure",
        (1, 1),
        (3, 0),
    ),
    "procrastinate_trigger_delete_jobs": (
        "BEFORE DELETE FOR EACH ROW procrastinate_unlink_periodic_defers",
        (1, 1),
        (3, 0),
    ),
    "procrastinate_jobs_notify_queue_job_inserted_v1": (
        "AFTER INSERT FOR EACH ROW WHEN new.status='todo' procrastinate_notify_queue_job_inserted_v1",
        (3, 0),
        LATER,
    ),
    "procrastinate_jobs_notify_queue_job_aborted_v1": (
        "AFTER UPDATE OF abort_requested FOR EACH ROW WHEN "
        "old.abort_requested=falseANDnew.abort_requested=trueANDnew.status='doing' "
        "procrastinate_notify_queue_abort_job_v1",
        (3, 0),
        LATER,
    ),
    "procrastinate_trigger_status_events_insert_v1": (
        "AFTER INSERT FOR EACH ROW WHEN new.status='todo' procrastinate_trigger_function_status_events_insert_v1",
        (3, 0),
        LATER,
    ),
    "procrastinate_trigger_status_events_update_v1": (
        "AFTER UPDATE OF status FOR EACH ROW procrastinate_trigger_function_status_events_update_v1",
        (3, 0),
        LATER,
    ),
    "procrastinate_trigger_scheduled_events_v1": (
        "AFTER INSERT OR UPDATE FOR EACH ROW WHEN new.scheduled_atISNOTNULLANDnew.status='todo' "
        "procrastinate_trigger_function_scheduled_events_v1",
        (3, 0),
        LATER,
    ),
    "procrastinate_trigger_abort_requested_events_v1": (
        "AFTER UPDATE OF abort_requested FOR EACH ROW WHEN new.abort_requested=true "
        "procrastinate_trigger_abort_requested_events_procedure_v1",
        (3, 0),
        LATER,
    ),
    "procrastinate_trigger_delete_jobs_v1": (
        "BEFORE DELETE FOR EACH ROW procrastinate_unlink_periodic_defers_v1",
        (3, 0),
        LATER,
    ),
}

#: The migrations to a release, by which an older schema becomes one of it. Those of 2.x that no name in the schema
#: tells apart (the index for fetching of 2.14.1) are told by what they make.
MIGRATIONS: tuple[tuple[Level, str], ...] = (
    ((2, 5), "02.00.03_01_add_job_priority.sql"),
    ((2, 6), "02.05.00_01_add_periodic_job_priority.sql"),
    ((2, 7), "02.06.00_01_add_cancel_states.sql"),
    ((2, 9), "02.08.00_01_add_additional_params_to_retry_job.sql"),
    ((3, 0), "02.14.01_01_add_indexes_for_fetch_job.sql"),
    ((3, 0), "03.00.00_01_pre_cancel_notification.sql"),
    ((3, 0), "03.00.00_50_post_cancel_notification.sql"),
    ((3, 1), "03.01.00_01_pre_add_heartbeat.sql"),
    ((3, 1), "03.01.00_50_post_add_heartbeat.sql"),
    ((3, 2), "03.02.00_01_pre_batch_defer_jobs.sql"),
    ((3, 2), "03.02.00_50_post_batch_defer_jobs.sql"),
    ((3, 3), "03.03.00_01_pre_priority_lock_fetch_job.sql"),
    ((3, 4), "03.04.00_01_pre_add_retry_failed_job_procedure.sql"),
    ((3, 4), "03.04.00_50_post_add_retry_failed_job_procedure.sql"),
)


def level(capabilities: Capabilities) -> Level:
    """The release as two numbers, the lowest of those that it may be; (1, 1) for one before 2.5."""
    found = re.search(r"(\d+)\.(\d+)", capabilities.nearest_release)
    if found is None or capabilities.nearest_release.startswith("before"):
        return (1, 1)
    return int(found[1]), int(found[2])


def shape(is_unique: bool, keys: list[str], predicate: str, orders: list[str]) -> str:
    """What an index is, whatever it is called: `unique lock where status='doing'`."""
    columns = ",".join(f"{key}{order}" for key, order in zip(keys, orders, strict=True))
    where = f" where {bare(predicate)}" if predicate else ""
    return f"{'unique ' if is_unique else ''}{columns}{where}"


def bare(expression: str) -> str:
    """An expression as the server writes it, without casts, brackets, blanks and the schema's name."""
    plain = re.sub(r"::(?:(?:\"[^\"]*\"|\w+)\.)?(?:\"[^\"]*\"|\w+)(?:\[\])?", "", expression)
    return re.sub(r"[\s()]", "", plain)


def trigger_shape(definition: str) -> str:
    """What a trigger is, of the server's own text of it: when it fires, on what, and which function it calls."""
    head, _, call = definition.rpartition(" EXECUTE ")
    function = call.split(" ", 1)[-1].partition("(")[0].replace('"', "").rpartition(".")[2]
    timing = re.sub(r"^CREATE (?:CONSTRAINT )?TRIGGER (?:\"[^\"]*\"|\S+) ", "", head)
    timing = re.sub(r" ON (?:(?:\"[^\"]*\"|\w+)\.)?(?:\"[^\"]*\"|\w+) ", " ", timing)
    before, when, condition = timing.partition(" WHEN ")
    return " ".join(filter(None, (before, f"WHEN {bare(condition)}" if when else "", function)))
