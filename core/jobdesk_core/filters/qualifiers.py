"""The filter's own words: what a condition may ask for, what needs no key, and what is likely meant by others."""

from __future__ import annotations

from jobdesk_core.jobs import Status

#: What a condition may ask for.
KEYS = (
    *("status", "queue", "task", "lock", "queueing_lock", "priority", "attempts", "id", "age", "deferred", "scheduled"),
    *("started", "ended", "duration", "waited", "worker", "error", "host", "is", "args", "args.<key>", "result"),
    "column.<name>",
)
#: The words that need no key: `stalled` is `is:stalled`.
FLAGS = ("aborting", "abort_requested", "paused", "scheduled", "stalled")
WORDS = ("and", "or", "not")
#: What a status is called besides, and days that need no key; and what is taken for a mistake, unless it is quoted.
STATUS_WORDS = {
    **{each.value: each.value for each in Status if each is not Status.ABORTING},
    **{"running": "doing", "waiting": "todo", "canceled": "cancelled"},
}
DAY_WORDS = {"today": "deferred:today", "yesterday": "deferred:yesterday", "tomorrow": "scheduled:tomorrow"}
LIKELY_WORDS = {
    **dict.fromkeys(("pending", "queued", "enqueued", "ready", "unstarted"), ("status:todo",)),
    **dict.fromkeys(("active", "processing", "in_progress", "busy", "executing", "working"), ("status:doing",)),
    **dict.fromkeys(
        ("success", "successful", "succeeding", "passed", "done", "completed", "complete", "ok"), ("status:succeeded",)
    ),
    **dict.fromkeys(
        ("failure", "failures", "fail", "fails", "failing", "error", "errors", "errored", "crashed", "broken", "dead"),
        ("status:failed",),
    ),
    **dict.fromkeys(("cancel", "cancelling", "canceling", "cancellation"), ("status:cancelled",)),
    **dict.fromkeys(("open", "unfinished", "incomplete"), ("status:todo,doing",)),
    **dict.fromkeys(("finished", "over"), ("status:succeeded,failed,cancelled,aborted",)),
    **dict.fromkeys(("due", "overdue", "late"), ("status:todo scheduled:<now", "status:todo -scheduled")),
    **dict.fromkeys(("retried", "retrying", "retries"), ("attempts:>1",)),
    **dict.fromkeys(
        ("stuck", "stale", "orphaned", "zombie", "hung", "hanging", "stalling", "unresponsive", "silent"), ("stalled",)
    ),
    **dict.fromkeys(("delayed", "future", "later", "postponed"), ("scheduled",)),
    **dict.fromkeys(("locked", "blocked"), ("lock:*",)),
    **dict.fromkeys(("unlocked", "lockless"), ("lock:none",)),
    **dict.fromkeys(("aborts", "abort", "killed", "stopped"), ("abort_requested", "status:aborted")),
    **dict.fromkeys(("now", "recent", "new", "newest", "latest"), ("deferred:>-1h",)),
    **dict.fromkeys(("old", "oldest"), ("age:>1d",)),
    **dict.fromkeys(("slow", "long"), ("duration:>1m",)),
    # Days, which are looked up in the calendar, and words that only a phrase has.
    **dict.fromkeys(("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"), ()),
    **dict.fromkeys(
        ("older", "newer", "younger", "longer", "shorter", "than", "since", "before", "after", "until"), ()
    ),
    **dict.fromkeys(("between", "last", "past", "ago", "in", "no", "with", "without", "like", "contains", "where"), ()),
}
NO_VALUES = ("none", "null", "nil", "empty", "undefined")
ANY_VALUES = ("any", "some", "set", "notnull")
OWN_WORDS = frozenset((*KEYS, *FLAGS, *WORDS, *STATUS_WORDS, *DAY_WORDS, *LIKELY_WORDS))
ODD_STARTS = ("{", "<", ">", "=", "!", "~", "'", "[")
#: Other names of what a condition asks for.
ALIASES = {
    **dict.fromkeys(
        ("created", "created_at", "enqueued", "enqueued_at", "queued_at", "deferred_at", "added"), "deferred"
    ),
    **dict.fromkeys(("finished", "finished_at", "ended_at", "completed", "completed_at", "done", "end"), "ended"),
    **dict.fromkeys(("failed", "failed_at", "succeeded", "succeeded_at"), "ended"),
    **dict.fromkeys(("started_at", "start", "begun", "fetched", "attempted_at"), "started"),
    **dict.fromkeys(("due", "eta", "run_at", "at", "schedule", "scheduled_at", "schedule_at", "when"), "scheduled"),
    **dict.fromkeys(("attempt", "tries", "retries", "retry", "tried", "attempts_made"), "attempts"),
    **dict.fromkeys(("runtime", "run_time", "took", "elapsed", "ran", "time", "length", "seconds"), "duration"),
    **dict.fromkeys(("wait", "waiting", "latency", "delay", "wait_time"), "waited"),
    **dict.fromkeys(("state", "stat", "job_status"), "status"),
    **dict.fromkeys(("name", "task_name", "function", "func", "class", "type", "job_name"), "task"),
    **dict.fromkeys(("queue_name", "queues"), "queue"),
    **dict.fromkeys(("prio", "job_priority"), "priority"),
    **dict.fromkeys(("job", "job_id", "jid", "number", "no", "ids"), "id"),
    **dict.fromkeys(("worker_id", "workers", "by"), "worker"),
    **dict.fromkeys(("arg", "argument", "arguments", "kwargs", "kwarg", "params", "param", "payload", "data"), "args"),
    **dict.fromkeys(("queuing_lock", "queueinglock", "unique", "unique_key"), "queueing_lock"),
    **dict.fromkeys(("flag", "has"), "is"),
    **dict.fromkeys(
        ("errors", "exception", "exc", "exc_info", "traceback", "message", "reason", "failure", "error_type"), "error"
    ),
    **dict.fromkeys(("hostname", "machine", "server", "node", "pod", "instance"), "host"),
}
#: What the database does not hold, and what is no matter of the filter.
NOT_KEPT = {
    **dict.fromkeys(
        ("output", "log", "logs", "stdout"),
        "What a task prints or logs is no matter of the filter: jobdesk errors shows what is reported of a job.",
    ),
    **dict.fromkeys(("sort", "order_by", "orderby", "limit"), "The order is chosen above the list, not in the filter."),
}
