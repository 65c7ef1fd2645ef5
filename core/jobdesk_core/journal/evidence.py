"""What the jobs themselves tell of a transaction that the server cannot tell of any more.

One transaction has changed all of its jobs or none, so each job that tells must tell the same.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from jobdesk_core.connectors.statement import Statement
from jobdesk_core.database.marks import Runner
from jobdesk_core.jobs import Status
from jobdesk_core.journal.journal import Journal
from jobdesk_core.journal.record import PRUNE, STAGED, UNDO, Chunk, Record, Verdict
from jobdesk_core.journal.undo import AGAIN, BACK, RETRY, act_of, moment

Row = Mapping[str, Any]
#: The newest events, among which those of a transaction just before or after a crash are looked for.
_NEWEST = 20_000


async def by_events(run: Runner, mark: str, crashed_at: str) -> Verdict | None:
    """What the events tell that the transaction with this id has written; None: it has written none.

    When the server was last back from a crash is `crashed_at`, in microseconds: what another transaction that was
    given the same id has written came later.
    """
    xmin = str(int(mark.partition(":")[0]) % 2**32)
    told: Verdict | None = await run(
        Statement(
            "SELECT extract(epoch FROM at) * 1000000 <= %(crashed_at)s::bigint AS is_ours FROM "
            "(SELECT xmin::text AS xmin, at FROM procrastinate_events ORDER BY id DESC LIMIT %(newest)s) AS event "
            "WHERE xmin = %(xmin)s LIMIT 1",
            lambda rows: ("done" if rows[0]["is_ours"] else "left") if rows else None,
            {"crashed_at": crashed_at, "newest": _NEWEST, "xmin": xmin},
        )
    )
    return told


async def by_rows(journal: Journal, run: Runner, chunk: Chunk, crashed_at: str = "") -> Verdict | None:
    """What the jobs tell; None: nothing, or not all of them the same.

    `crashed_at` is when the server was last back from a crash, in microseconds, by which a job that has got the number
    of one that was never committed is told apart.
    """
    if chunk.header.action == PRUNE:
        return await _by_workers(run, chunk)
    ids = [record.new_id or record.job_id for record in chunk.records]
    rows = await run(_rows([number for number in ids if number], crashed_at))
    if chunk.header.action == UNDO:
        undone = await _undone(journal, chunk)
        found = {_told_of_undo(undone.get(each.job_id), each, rows) for each in chunk.records}
    else:
        found = {_told(chunk, record, rows.get(number)) for record, number in zip(chunk.records, ids, strict=True)}
    found.discard(None)
    return found.pop() if len(found) == 1 else None


def _told(chunk: Chunk, record: Record, row: Row | None) -> Verdict | None:
    """What one job tells of its transaction; None: nothing."""
    header, before = chunk.header, record.before
    action = before.get("act", "") if header.action == STAGED else header.action
    set_to = before.get("set_to", {}) if header.action == STAGED else header.set_to
    if action == "defer":
        return _told_of_new(row)
    if action in ("delete", "purge"):
        # Only we delete a job that waits; whoever purges ended ones may have been another.
        return "left" if row is not None else "done" if action == "delete" else None
    if row is None:
        return None
    if action == "cancel":
        return _first(done=row["status"] == Status.CANCELLED.value, left=row["status"] == Status.TODO.value)
    if action == "abort":
        asked = bool(row["abort_requested"]) or row["status"] in (Status.ABORTING.value, Status.ABORTED.value)
        return _first(done=asked, left=row["status"] == Status.DOING.value)
    if action == "reprioritise":
        return _first(
            done=row["priority"] == set_to.get("priority"), left=row["priority"] == before.get("priority", object())
        )
    if action in BACK:
        return _told_of_time(set_to, before, row)
    return _told_of_run(action, before, row)


def _told_of_run(action: str, before: Row, row: Row) -> Verdict | None:
    """A failed job counts another attempt only by a retry; one that was running by its own end as well."""
    had, attempts = before.get("attempts"), row["attempts"]
    if not isinstance(attempts, int) or not isinstance(had, int):
        return None
    is_as_before = attempts == had and row["status"] == before.get("status")
    is_retried = action == RETRY and before.get("status") == Status.FAILED.value and attempts > had
    return _first(done=is_retried, left=is_as_before)


def _told_of_time(set_to: Row, before: Row, row: Row) -> Verdict | None:
    if "scheduled_at" not in before:
        return None
    is_as_before = row["scheduled_at"] == moment(before["scheduled_at"])
    # Without a time it was made due by the server's clock.
    is_as_set = row["scheduled_at"] == moment(set_to["scheduled_at"]) if "scheduled_at" in set_to else not is_as_before
    return _first(done=is_as_set, left=is_as_before)


def _told_of_new(row: Row | None) -> Verdict | None:
    """A job that is not there may have been run and deleted; one that is may have got its number after a crash."""
    if row is None:
        return None
    return "left" if row["is_later"] else "done"


def _told_of_undo(undone: tuple[str, Record] | None, record: Record, rows: Mapping[int, Row]) -> Verdict | None:
    """What a job that was about to be undone tells, beside what was done to it."""
    if record.new_id is not None:
        return _told_of_new(rows.get(record.new_id))
    row = rows.get(record.job_id)
    if undone is None or row is None or undone[0] in AGAIN:
        return None
    action, before = undone[0], undone[1].before
    if action == RETRY:
        attempts = before.get("attempts")
        if not isinstance(attempts, int):
            return None
        return _first(
            done=(row["status"], row["attempts"]) == (Status.FAILED.value, attempts),
            left=(row["status"], row["attempts"]) == (Status.TODO.value, attempts + 1),
        )
    column = BACK.get(action, "")
    if column not in before:
        return None
    had = moment(before[column]) if column == "scheduled_at" else before[column]
    # What else it is now, someone may have made it since.
    return "done" if row[column] == had else "left" if column == "priority" else None


async def _by_workers(run: Runner, chunk: Chunk) -> Verdict | None:
    """Workers that are still there were not removed; of those that are gone, another may have removed them."""
    ids = [worker_id for record in chunk.records for worker_id in record.before.get("workers", ())]
    sql = "SELECT count(*) AS held FROM procrastinate_workers WHERE id = ANY (%(ids)s::bigint[])"
    held = await run(Statement(sql, lambda rows: rows[0]["held"], {"ids": ids}))
    return "left" if held else None


def _first(*, done: bool, left: bool) -> Verdict | None:
    """Nothing where it could be both."""
    return None if done is left else "done" if done else "left"


async def _undone(journal: Journal, chunk: Chunk) -> dict[int, tuple[str, Record]]:
    """What had been done to the jobs that an undo is about, by job: the act and its record."""
    entry = await journal.entry(chunk.header.undoes) if chunk.header.undoes is not None else None
    if entry is None:
        return {}
    found: dict[int, tuple[str, Record]] = {}
    for record in chunk.records:
        for held in await journal.records(entry.id, after_job=record.job_id - 1, limit=1):
            found[held.job_id] = (act_of(entry, held)[0], held)
    return found


def _rows(ids: Sequence[int], crashed_at: str) -> Statement[dict[int, Row]]:
    later = (
        "(SELECT extract(epoch FROM min(at)) * 1000000 > %(crashed_at)s::bigint FROM procrastinate_events "
        "WHERE job_id = job.id AND type = 'deferred')"
    )
    return Statement(
        "SELECT job.id, job.status::text AS status, to_jsonb(job) -> 'priority' AS priority, job.attempts, "
        "job.scheduled_at, to_jsonb(job) -> 'abort_requested' AS abort_requested, "
        f"{later if crashed_at else 'NULL::boolean'} AS is_later "
        "FROM procrastinate_jobs AS job WHERE job.id = ANY (%(ids)s::bigint[])",
        lambda rows: {row["id"]: row for row in rows},
        {"ids": list(ids)} | ({"crashed_at": crashed_at} if crashed_at else {}),
    )
