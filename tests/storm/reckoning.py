"""What must agree when the storm is over: counts, rows, runs, journals and tables. Each contradiction is a sentence."""

from __future__ import annotations

import asyncio
import contextlib
import io
import itertools
import json
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Self

from database import run_sql
from jobdesk_core import App, PsycopgConnector, cli
from jobdesk_core.connectors.statement import Statement
from jobdesk_core.database.capabilities import DETECT
from jobdesk_core.jobs import Status
from jobdesk_core.journal import Journal, Record, Search
from jobdesk_core.journal.settling import settle
from jobdesk_core.monitor import Monitor

PLACE = "storm"
#: How long the live view may take, once all is quiet, to show what the tables hold.
QUIET_S = 30.0
#: Events that stand for one act each, by the action.
EVENTS = {"cancel": "cancelled", "abort": "abort_requested", "retry": "retried"}


class Live:
    """A live view over a bad link, from before the storm to its end."""

    def __init__(self, dsn: str) -> None:
        self._connector = PsycopgConnector(conninfo=dsn, max_size=4)
        self._following: asyncio.Task[None] | None = None
        self.modes: Counter[str] = Counter()

    async def __aenter__(self) -> Self:
        await self._connector.open_async()
        self.monitor = Monitor(self._connector, await self._connector.run_async(DETECT))
        self._following = asyncio.create_task(
            self.monitor.run(lambda changes: None, lambda state: self.modes.update([state.mode]))
        )
        return self

    async def __aexit__(self, *raised: object) -> None:
        if self._following is not None:
            self._following.cancel()
            await asyncio.gather(self._following, return_exceptions=True)
        await self._connector.close_async()

    def totals(self) -> dict[str, int]:
        """What it counts of each status."""
        return {each.value: self.monitor.counts.total(each) for each in Status if self.monitor.counts.total(each)}


async def reckon(dsn: str, folder: Path, homes: Sequence[Path], live: Live) -> list[str]:
    """Every contradiction between what was told, what was kept and what is there."""
    wrong = list(_faults(folder))
    await _work_off(dsn)
    journals = [Journal(home / "jobdesk" / "journal.sqlite") for home in homes]
    kept = [await _settled(journal, dsn) for journal in journals if journal.path.exists()]
    records = [each for one in kept for each in one]
    wrong += _acts(dsn, records)
    wrong += _runs(dsn, folder)
    wrong += _counted(dsn)
    wrong += await _seen(dsn, live)
    return wrong


def _faults(folder: Path) -> Iterator[str]:
    path = folder / "faults"
    if path.exists():
        yield from (f"a desk ended otherwise than told: {each}" for each in path.read_text().strip().split("\n\n"))


async def _work_off(dsn: str) -> None:
    """Run what is due, on a link that is sound."""
    app = App(connector=PsycopgConnector(conninfo=dsn))
    for name in ("storm.ok", "storm.fail", "storm.slow"):
        app.task(name=name)(lambda **given: None)
    async with app.open_async():
        await app.run_worker_async(wait=False, install_signal_handlers=False, listen_notify=False, concurrency=8)


async def _settled(journal: Journal, dsn: str) -> list[tuple[str, Record]]:
    """A desk's records with what each did, after its next start has settled what was in doubt."""
    connector = PsycopgConnector(conninfo=dsn)
    await connector.open_async()

    async def run(statement: Statement[Any]) -> Any:
        return await connector.run_async(statement)

    try:
        await settle(journal, run, PLACE)
    finally:
        await connector.close_async()
    found: list[tuple[str, Record]] = []
    before: int | None = None
    while entries := await journal.entries(Search(), before_id=before):
        before = entries[-1].id
        for entry in entries:
            after: int | None = None
            while records := await journal.records(entry.id, after_job=after):
                found += [(entry.header.action, record) for record in records]
                after = records[-1].job_id
    return found


def _acts(dsn: str, records: list[tuple[str, Record]]) -> Iterator[str]:
    """The journals against the tables, both ways."""
    there = set(run_sql(dsn, "SELECT id FROM procrastinate_jobs"))
    events = defaultdict(Counter[str])
    for job_id, kind, number in run_sql(
        dsn, "SELECT job_id, type::text, count(*) FROM procrastinate_events GROUP BY job_id, type"
    ):
        events[job_id][kind] = number
    done, unknown = defaultdict(Counter[int]), defaultdict(Counter[int])
    for action, record in records:
        number = record.new_id if action == "defer" and record.new_id is not None else record.job_id
        if record.outcome == "done":
            done[action][number] += 1
        elif record.outcome == "unknown":
            unknown[action][number] += 1
    gone = set(done["delete"]) | set(done["purge"]) | set(unknown["delete"]) | set(unknown["purge"])
    if sum(unknown[action].total() for action in unknown):
        yield f"in doubt to the last: {[(action, dict(held)) for action, held in unknown.items()]}"
    for action in ("delete", "purge"):
        yield from (
            f"job {each} is there, though a journal has it done: {action}" for each in set(done[action]) & there
        )
    yield from (f"job {each} was deferred, and nobody deleted it" for each in set(done["defer"]) - there - gone)
    known = set(done["defer"]) | set(unknown["defer"])
    yield from (f"job {each} is there, and no journal deferred it" for each in there - known)
    for action, kind in EVENTS.items():
        for job_id in there:
            kept, happened = done[action][job_id], events[job_id][kind]
            possible = kept + unknown[action][job_id]
            if not kept <= happened <= possible:
                yield f"job {job_id}: {happened} times {kind}, and the journals have it {kept} times"


def _runs(dsn: str, folder: Path) -> Iterator[str]:
    """Each run was started in the database once, and no two of one lock at once."""
    runs: Counter[int] = Counter()
    spans: dict[str, list[tuple[float, float, int]]] = defaultdict(list)
    for path in folder.glob("runs-*"):
        open_since: dict[int, float] = {}
        for line in path.read_text().splitlines():
            word, number, lock, at = line.split()
            if word == "begin":
                runs[int(number)] += 1
                open_since[int(number)] = float(at)
            elif lock != "-":
                spans[lock].append((open_since.pop(int(number), float(at)), float(at), int(number)))
    started = dict(
        run_sql(dsn, "SELECT job_id, count(*) FROM procrastinate_events WHERE type = 'started' GROUP BY job_id")
    )
    there = set(run_sql(dsn, "SELECT id FROM procrastinate_jobs"))
    for job_id, number in runs.items():
        if job_id in there and number > started.get(job_id, 0):
            yield f"job {job_id} ran {number} times, and was started {started.get(job_id, 0)} times"
    for lock, held in spans.items():
        held.sort()
        for (_, end, first), (begin, _, second) in itertools.pairwise(held):
            if begin < end and first != second:
                yield f"lock {lock}: jobs {first} and {second} ran at once"


def _counted(dsn: str) -> Iterator[str]:
    """The command line's counts and rows against the table's."""
    expected = dict(run_sql(dsn, "SELECT status::text, count(*) FROM procrastinate_jobs GROUP BY status"))
    told = json.loads(_said("status", "--json", "--dsn", dsn))["counts"]
    for status, number in expected.items():
        if told[status] != number:
            yield f"status says {told[status]} {status}, the table {number}"
    listed = [json.loads(line)["id"] for line in _said("jobs", "--json", "--limit", "0", "--dsn", dsn).splitlines()]
    if sorted(listed) != run_sql(dsn, "SELECT id FROM procrastinate_jobs ORDER BY id"):
        yield f"jobs lists {len(listed)} jobs, the table holds {sum(expected.values())}"


def _said(*words: str) -> str:
    told = io.TextIOWrapper(io.BytesIO())
    with contextlib.redirect_stdout(told):
        cli.main(words)
    told.seek(0)
    return told.read()


async def _seen(dsn: str, live: Live) -> list[str]:
    """The live view against the table, once it has had the time to see the end."""
    expected: dict[str, int] = {}
    for _ in range(int(QUIET_S * 4)):
        expected = dict(
            await asyncio.to_thread(
                run_sql, dsn, "SELECT status::text, count(*) FROM procrastinate_jobs GROUP BY status"
            )
        )
        if live.monitor.counts.is_exact and live.totals() == expected:
            return []
        await asyncio.sleep(0.25)
    return [f"the live view counts {live.totals()} ({dict(live.modes)}), the table {expected}"]
