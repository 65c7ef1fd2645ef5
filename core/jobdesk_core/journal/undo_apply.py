"""Carries an undo out: some jobs in one transaction at a time, and each of them once, whoever else undoes them too.

What a transaction undoes is claimed in the journal before it is committed. A claim whose end nobody knows is settled
like any act: it stays if the transaction was committed, and is taken back if not.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from jobdesk_core import exact_json
from jobdesk_core.connectors.psycopg import PsycopgConnector
from jobdesk_core.connectors.statement import Statement, nothing
from jobdesk_core.database import statements
from jobdesk_core.database.capabilities import Capabilities
from jobdesk_core.database.rows import JobRow, row_columns, rows_by_id
from jobdesk_core.exceptions import (
    CapabilityMissing,
    ConnectorException,
    InDoubt,
    JobdeskException,
    UniqueViolation,
    cause_text,
)
from jobdesk_core.jobs import Job
from jobdesk_core.journal.ahead import AlreadyClaimed
from jobdesk_core.journal.journal import Journal
from jobdesk_core.journal.record import DONE, Entry, Header, Planned, Record
from jobdesk_core.journal.recording import STOPPED, Recording, recording
from jobdesk_core.journal.undo import AGAIN, BACK, RETRY, WORDS, act_of, moment, reason_of
from jobdesk_core.operations.commits import committing
from jobdesk_core.operations.outcomes import Outcomes
from jobdesk_core.operations.steps import Progress

#: Jobs undone in one transaction: locks are held briefly, and a stop does not wait for long.
AT_ONCE = 100
Runner = Callable[[Statement[Any]], Awaitable[Any]]


async def undo(
    journal: Journal,
    connector: PsycopgConnector,
    capabilities: Capabilities,
    entry: Entry,
    header: Header,
    on_progress: Callable[[Progress], Awaitable[bool]] | None = None,
) -> tuple[int, Counter[str]]:
    """Undo an entry, and write that down as an entry of its own; how many jobs were, and why the others were not.

    `on_progress` is told how many of the entry's jobs were looked after, and returns whether to go on: a stop, as a
    cancelling, leaves the rest as it is. Raises JournalTrouble before anything is done, and ConnectorException
    when the link breaks.
    """
    done, left, after, is_going = 0, Counter[str](), -1, True
    async with recording(journal, header, connector, Planned(), lambda trouble: None) as recorded:
        undoing = _Undoing(recorded, connector, capabilities, entry)
        recorded.left, recorded.is_whole = undoing.left, True
        while is_going and (records := await journal.records(entry.id, limit=AT_ONCE, only_open=True, after_job=after)):
            after = records[-1].job_id
            results = await undoing.undo(records)
            done += sum(result.is_done for result in results)
            left.update(result.sentence for result in results if not result.is_done)
            progress = Progress(done + left.total(), entry.done - entry.undone, done, skipped=left.total())
            is_going = on_progress is None or await on_progress(progress)
        recorded.error = "" if is_going else STOPPED
    return done, left


class _Undoing:
    """Undoes some jobs of an entry in one transaction; `left` has those that were not, and why."""

    def __init__(
        self, recorded: Recording, connector: PsycopgConnector, capabilities: Capabilities, entry: Entry
    ) -> None:
        self._recorded = recorded
        self._connector = connector
        self._capabilities = capabilities
        self._entry = entry
        self.left: list[Outcomes] = []

    async def undo(self, records: Sequence[Record]) -> list[Record]:
        """Undo these and write it down. What was not done can be undone later."""
        results = await self._together(records)
        self.left += [
            Outcomes([result.job_id], result.outcome, [result.sentence]) for result in results if not result.is_done
        ]
        return results

    async def _together(self, records: Sequence[Record]) -> list[Record]:
        """Together, or else, when the database refuses that, in halves: one refused job keeps no other back."""
        results: list[Record] = []
        try:
            async with committing(self._connector, self._recorded) as own:

                async def run(statement: Statement[Any]) -> Any:
                    return await self._connector.run_async(statement, connection=own.connection)

                results = await self._carry_out(run, records)
                own.outcomes = [_outcomes([result for result in results if result.is_done])]
        except AlreadyClaimed as taken:
            others = [Record(job_id, "skipped", "It has been undone meanwhile.") for job_id in sorted(taken.job_ids)]
            rest = [record for record in records if record.job_id not in taken.job_ids]
            return others + (await self._together(rest) if rest else [])
        except InDoubt as error:
            verdict = await self._recorded.settle()
            if verdict == "left":
                raise error.lost() from error.__cause__
            if verdict != "done":
                raise
        except (ConnectorException, CapabilityMissing) as error:
            if isinstance(error, ConnectorException) and error.sqlstate is None:
                raise  # the link broke, and nothing was undone
            if len(records) == 1:
                return [Record(records[0].job_id, "skipped", _refused(error))]
            half = len(records) // 2
            return [*await self._together(records[:half]), *await self._together(records[half:])]
        return results

    async def _carry_out(self, run: Runner, records: Sequence[Record]) -> list[Record]:
        rows = await run(_locked(self._capabilities, [record.job_id for record in records]))
        results: list[Record] = []
        again: list[Record] = []
        failed: list[Record] = []
        back: dict[str, list[Record]] = {}
        for record in records:
            reason = reason_of(self._entry, record, rows.get(record.job_id))
            action, _ = act_of(self._entry, record)
            if reason is not None:
                results.append(Record(record.job_id, "skipped", reason))
            elif action in AGAIN:
                again.append(record)
            elif action == RETRY:
                failed.append(record)
            else:
                back.setdefault(BACK[action], []).append(record)
        if again:
            results += await self._defer_again(run, again)
        if failed:
            results += await _fail_again(run, self._capabilities, failed)
        for column, some in back.items():
            results += await _set_back(run, column, some)
        return results

    async def _defer_again(self, run: Runner, records: Sequence[Record]) -> list[Record]:
        cancelled = [record.job_id for record in records if act_of(self._entry, record)[0] == "cancel"]
        held = await run(_whole(self._capabilities, cancelled)) if cancelled else {}
        jobs = [_as_it_was(held.get(record.job_id, record.before), self._connector.clock.now()) for record in records]
        new_ids = await run(statements.defer(self._capabilities, jobs))
        return [
            Record(
                record.job_id,
                DONE,
                f"Deferred again as job #{new_id:,}, in place of #{record.job_id:,}.",
                new_id=new_id,
            )
            for record, new_id in zip(records, new_ids, strict=True)
        ]


def _outcomes(done: Sequence[Record]) -> Outcomes:
    new_ids = [record.new_id for record in done]
    return Outcomes([record.job_id for record in done], DONE, [record.sentence for record in done], new_ids=new_ids)


def _refused(error: JobdeskException) -> str:
    if isinstance(error, UniqueViolation):
        return "Another waiting job has its queueing lock."
    return f"The database refused it: {cause_text(error)}" if isinstance(error, ConnectorException) else str(error)


def _as_it_was(before: Mapping[str, Any], now: dt.datetime) -> Job:
    """A new job with the columns that one had, and its time unless that has passed by the server's clock."""
    at, args = moment(before.get("scheduled_at")), before["args"]
    return Job(
        queue=before["queue_name"],
        task_name=before["task_name"],
        priority=before.get("priority") or 0,
        lock=before.get("lock"),
        queueing_lock=before.get("queueing_lock"),
        task_kwargs=exact_json.loads(args) if isinstance(args, str) else args,
        scheduled_at=at if at is not None and at > now else None,
    )


async def _set_back(run: Runner, column: str, records: Sequence[Record]) -> list[Record]:
    kind = "integer" if column == "priority" else "timestamptz"
    values = [record.before[column] for record in records]
    await run(
        Statement(
            f"UPDATE procrastinate_jobs AS job SET {column} = given.value "
            f"FROM unnest(%(ids)s::bigint[], %(values)s::{kind}[]) AS given (id, value) "
            "WHERE job.id = given.id AND job.status = 'todo'",
            nothing,
            {
                "ids": [record.job_id for record in records],
                "values": [moment(value) for value in values] if column == "scheduled_at" else values,
            },
        )
    )
    return [
        Record(record.job_id, DONE, f"Set the {WORDS[column]} of job #{record.job_id:,} back.") for record in records
    ]


async def _fail_again(run: Runner, capabilities: Capabilities, records: Sequence[Record]) -> list[Record]:
    """End them as failed by the library's own function, then give them back what the retry changed."""
    ids = [record.job_id for record in records]
    call = statements.finish_call(capabilities, "job.id", "'failed'::procrastinate_job_status", "false")
    await run(Statement(f"SELECT {call} FROM unnest(%(ids)s::bigint[]) AS job (id)", nothing, {"ids": ids}))
    columns = {"attempts": "integer", "priority": "integer", "queue_name": "text", "lock": "text"}
    kinds = columns | {"scheduled_at": "timestamptz"}
    values = {name: [record.before[name] for record in records] for name in columns}
    await run(
        Statement(
            f"UPDATE procrastinate_jobs AS job SET {', '.join(f'{name} = given.{name}' for name in kinds)} "
            f"FROM unnest(%(ids)s::bigint[], {', '.join(f'%({name})s::{kind}[]' for name, kind in kinds.items())}) "
            f"AS given (id, {', '.join(kinds)}) WHERE job.id = given.id",
            nothing,
            {"ids": ids, "scheduled_at": [moment(record.before["scheduled_at"]) for record in records]} | values,
        )
    )
    return [
        Record(record.job_id, DONE, f"Job #{record.job_id:,} is failed again, as before the retry.")
        for record in records
    ]


def _locked(capabilities: Capabilities, job_ids: list[int]) -> Statement[dict[int, JobRow]]:
    asked = rows_by_id(capabilities, job_ids)
    # In one order, so that no two such transactions wait for each other.
    sql = f"{asked.sql} ORDER BY job.id FOR UPDATE OF job"
    return Statement(sql, asked.decode, asked.parameters, is_page=asked.is_page)


def _whole(capabilities: Capabilities, job_ids: list[int]) -> Statement[dict[int, dict[str, Any]]]:
    return Statement(
        f"SELECT {row_columns(capabilities)}, job.args::text AS args FROM procrastinate_jobs AS job "
        "WHERE id = ANY (%(ids)s)",
        lambda rows: {row["id"]: dict(row) for row in rows},
        {"ids": job_ids},
    )
