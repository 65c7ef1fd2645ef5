"""Writes acts into the journal: before they begin, and what became of each job. The one place that does."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable, Iterable
from typing import Any

from jobdesk_core.connectors.psycopg import PsycopgConnector
from jobdesk_core.connectors.statement import Rows, Statement
from jobdesk_core.database import statements
from jobdesk_core.database.capabilities import Capabilities
from jobdesk_core.exceptions import CapabilityMissing, cause_text
from jobdesk_core.journal.journal import Journal, JournalTrouble
from jobdesk_core.journal.record import DONE, Header, Record
from jobdesk_core.monitor.rows import jobs_table
from jobdesk_core.operations import Cancel, Defer, Outcome, Request, perform
from jobdesk_core.profiles import Profile

#: Arguments larger than this many bytes, as stored, are not kept, and so their deletion cannot be undone.
ARGUMENTS_KEPT_BYTES = 65_536
UNKNOWN = "It may have been acted upon or not: look at the job."
_COLUMNS = ("status", "task_name", "queue_name", "priority", "lock", "queueing_lock", "scheduled_at", "attempts")


OnTrouble = Callable[[JournalTrouble], object]


class Keeping:
    """An act that is being written down. Its `records` are written when it is over."""

    def __init__(self) -> None:
        self.records: Iterable[Record] = ()


@contextlib.asynccontextmanager
async def kept(journal: Journal, header: Header, on_trouble: OnTrouble) -> AsyncIterator[Keeping]:
    """Write down the act done within: that it begins, the records it leaves, its end and what broke it off.

    A journal that cannot be written is told, and does not keep anyone from acting.
    """
    keeping, error, entry_id = Keeping(), "It was stopped.", None
    try:
        entry_id = await journal.begin(header)
    except JournalTrouble as trouble:
        on_trouble(trouble)
    try:
        yield keeping
        error = ""
    except Exception as broken:
        error = cause_text(broken)
        raise
    finally:
        if entry_id is not None:
            try:
                await journal.add(entry_id, keeping.records)
                await journal.end(entry_id, error)
            except JournalTrouble as trouble:
                on_trouble(trouble)


async def perform_kept(
    request: Request,
    connector: PsycopgConnector,
    capabilities: Capabilities,
    profile: Profile,
    journal: Journal,
    on_trouble: OnTrouble,
) -> list[Outcome]:
    """Carry out a request and write it down; see `perform`."""
    before = {} if isinstance(request, Defer) else await connector.run_async(_before(request, capabilities))
    async with kept(journal, header_of(request, capabilities, profile), on_trouble) as keeping:
        # What is known if the link breaks, or the operator stops it, before an answer comes.
        keeping.records = [Record(job_id, "unknown", UNKNOWN, held) for job_id, held in before.items()]
        outcomes = await perform(request, connector, capabilities, is_read_only=profile.is_read_only)
        keeping.records = [_record(outcome, before) for outcome in outcomes]
    return outcomes


def header_of(request: Request, capabilities: Capabilities, profile: Profile) -> Header:
    """What is known of a request before it is carried out. A new job's arguments are not among it."""
    if isinstance(request, Defer):
        action, sentence = "defer", f"Defer {request.job.task_name} in queue {request.job.queue}"
    else:
        action = request.action.value if isinstance(request, Cancel) else "retry"
        words = {"delete": "Cancel and delete"}.get(action, action.capitalize())
        count = len(request.job_ids)
        sentence = f"{words} job #{request.job_ids[0]:,}" if count == 1 else f"{words} {count:,} jobs"
    return Header(
        action=action,
        sentence=sentence,
        profile=profile.name,
        place=profile.display_dsn,
        role=capabilities.role,
        sql=_sql(request, capabilities),
    )


def _sql(request: Request, capabilities: Capabilities) -> str:
    """The SQL with its placeholders: values, and with them arguments, are left out."""
    with contextlib.suppress(CapabilityMissing, ValueError):
        if isinstance(request, Defer):
            return statements.defer(capabilities, [request.job]).sql
        if isinstance(request, Cancel):
            return statements.cancel(capabilities, 0, abort=request.abort, delete_job=request.delete).sql
    return ""


def _before(request: Any, capabilities: Capabilities) -> Statement[dict[int, dict[str, Any]]]:
    columns = ", ".join(f"job.{name}" for name in _COLUMNS).replace("job.status", "job.status::text")
    if isinstance(request, Cancel) and request.delete:
        columns += f", CASE WHEN octet_length(job.args::text) <= {ARGUMENTS_KEPT_BYTES} THEN job.args::text END AS args"

    def decode(rows: Rows) -> dict[int, dict[str, Any]]:
        return {row.pop("id"): row for row in rows}

    return Statement(
        f"SELECT job.id, {columns} FROM {jobs_table(capabilities)} WHERE job.id = ANY (%(ids)s)",
        decode,
        {"ids": list(request.job_ids)},
    )


def _record(outcome: Outcome, before: dict[int, dict[str, Any]]) -> Record:
    job_id = outcome.job_id or 0
    held = before.get(job_id, {})
    if not outcome.is_done:
        held = {name: value for name, value in held.items() if name != "args"}
    return Record(job_id, DONE if outcome.is_done else "refused", outcome.sentence, held)
