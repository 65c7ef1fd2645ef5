"""Every kind of act on a database of its own: what is there before, the act, and whether journal and tables agree.

Run as a program it does acts in children that a test kills: see `Killable`.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from database import run_sql
from jobdesk_core import Job, PsycopgConnector
from jobdesk_core.database.capabilities import DETECT, Capabilities
from jobdesk_core.journal import Entry, Header, Journal, Record, Search, recorded
from jobdesk_core.journal.settling import settle
from jobdesk_core.journal.undo import refusal
from jobdesk_core.journal.undo_apply import undo
from jobdesk_core.operations import (
    Cancel,
    Change,
    ChangeSet,
    Chosen,
    NewJob,
    Reprioritise,
    Retry,
    look,
    plan,
    plan_defers,
    read_jobs,
    run_async,
)
from jobdesk_core.operations.deferring.many import JOB
from jobdesk_core.profiles import Profile, where

PROFILE = Profile(name="test", method="dsn", dsn="host=db dbname=app")
PLACE = where(PROFILE)
CHANGES: dict[str, Change] = {
    "cancel": Cancel(),
    "abort": Cancel(abort=True),
    "delete": Cancel(delete=True),
    "retry": Retry(),
    "reprioritise": Reprioritise(9),
}
KINDS = (*CHANGES, "defer", "defer many", "staged", "replay", "undo", "prune")
#: Jobs of an act, and of a chunk of it.
JOBS, AT_ONCE = 120, 10
_FILL = """
INSERT INTO procrastinate_jobs (queue_name, task_name, args, priority, status, attempts)
SELECT 'q', 'old', jsonb_build_object('n', number), 1, '{status}', 0 FROM generate_series(1, %s) AS number
"""


def fill(dsn: str, kind: str, jobs: int = JOBS) -> None:
    """Have the jobs there that an act of this kind is about."""
    status = {"retry": "failed", "abort": "doing"}.get(kind, "todo")
    if kind == "prune":
        run_sql(
            dsn,
            "INSERT INTO procrastinate_workers (last_heartbeat) "
            "SELECT now() - interval '1 day' FROM generate_series(1, 3)",
        )
    elif kind not in ("defer", "defer many"):
        run_sql(dsn, _FILL.format(status=status), jobs)


async def prepared(kind: str, connector: PsycopgConnector, able: Capabilities, journal: Journal) -> Any:
    """What the operator has looked at before they act."""
    ids = tuple(await connector.run_async(_ids()))
    if kind in CHANGES:
        return await run_async(plan(Chosen(ids), CHANGES[kind], able), connector)
    if kind == "defer many":
        jobs = [NewJob(n, Job(task_name="new", queue="q", task_kwargs={"n": n})) for n in range(1, JOBS + 1)]
        return await run_async(plan_defers(jobs, able), connector)
    if kind == "replay":
        read = await run_async(read_jobs(ids, able, now=_far()), connector)
        jobs = [NewJob(new.origin, _renamed(new.job)) for new in read]
        return await run_async(plan_defers(jobs, able, origin=JOB), connector)
    if kind == "staged":
        third = len(ids) // 3
        held = ChangeSet()
        for change, some in (
            (Cancel(), ids[:third]),
            (Cancel(delete=True), ids[third : 2 * third]),
            (Reprioritise(9), ids[2 * third :]),
        ):
            held = held.with_plan(await run_async(plan(Chosen(some), change, able), connector))
        return await run_async(look(held.with_defer(Job(task_name="new", queue="q")), able), connector)
    if kind == "undo":
        made = await run_async(plan(Chosen(ids), Cancel(delete=True), able), connector)
        await recorded.act(made, connector, PROFILE, journal, on_trouble=print)
        return (await journal.entries(Search()))[0]
    return None


async def done(kind: str, made: Any, connector: PsycopgConnector, able: Capabilities, journal: Journal) -> Any:
    """The act."""
    about: Any = (connector, PROFILE, journal)
    if kind in CHANGES:
        return await recorded.act(made, *about, on_trouble=print)
    if kind in ("defer many", "replay"):
        source = "elsewhere" if kind == "replay" else ""
        return await recorded.defer_many(made, *about, on_trouble=print, source=source)
    if kind == "staged":
        return await recorded.staged(made, *about, on_trouble=print)
    if kind == "undo":
        return await undone(made, connector, able, journal)
    if kind == "prune":
        return await recorded.prune(connector, able, PROFILE, journal, on_trouble=print)
    job = Job(task_name="new", queue="q", task_kwargs={"n": 1})
    return await recorded.defer_one(job, connector, able, PROFILE, journal, on_trouble=print)


async def undone(entry: Entry, connector: PsycopgConnector, able: Capabilities, journal: Journal) -> Any:
    """The undo of an entry."""
    header = Header(action="undo", sentence="Undo", profile="test", place=PLACE, role="r", undoes=entry.id)
    return await undo(journal, connector, able, entry, header)


def _ids() -> Any:
    from jobdesk_core.connectors.statement import Statement

    return Statement("SELECT id FROM procrastinate_jobs ORDER BY id", lambda rows: [row["id"] for row in rows])


def _far() -> Any:
    import datetime as dt

    return dt.datetime(2090, 1, 1, tzinfo=dt.UTC)


def _renamed(job: Job) -> Job:
    from dataclasses import replace

    return replace(job, task_name="new")


# Afterwards


async def settled(journal: Journal, connector: PsycopgConnector) -> None:
    """Settle all that is in doubt, as soon as the server knows."""
    until = time.monotonic() + 30
    while True:
        await settle(journal, connector.run_async, PLACE)
        if not await journal.in_doubt():
            break
        assert time.monotonic() < until, "what is in doubt is settled"
        await asyncio.sleep(0.05)
    for entry in await journal.entries(Search()):
        assert entry.ended_at is not None and not entry.in_doubt, entry


async def agree(dsn: str, kind: str, journal: Journal, jobs: int = JOBS) -> Counter[str]:
    """Compare the newest entry of an act with the tables; how many of its jobs came to which end."""
    entries = await journal.entries(Search())
    if not entries or (kind == "undo" and entries[0].header.action != "undo"):
        assert_untouched(dsn, kind, jobs)
        return Counter()
    entry = entries[0]
    records = await _all(journal, entry)
    for record in records:
        assert record.outcome in ("done", "rolled back", "not reached"), record
    rows = {row[0]: row for row in run_sql(dsn, _ROWS)}
    if kind in CHANGES or kind == "staged":
        assert {record.job_id for record in records} >= ({*range(1, jobs + 1)} if kind in CHANGES else set()), entry
        for record in records:
            _agree_on(dsn, kind, record, rows)
    if kind in ("defer", "defer many", "replay", "staged"):
        new = {number for number, row in rows.items() if row[5] == "new"}
        held = {each.job_id for each in records if each.is_done and each.before.get("act", "defer") == "defer"}
        assert new == held, (new, held)
    if kind == "undo":
        again = Counter(row[4] for row in rows.values())
        assert not again or again.most_common(1)[0][1] == 1, "nothing is deferred twice"
        (undone_entry,) = [each for each in entries if each.id == entry.header.undoes]
        old = await _all(journal, undone_entry)
        assert {each.before["args"] for each in old if each.undone_by is not None} == {
            json.dumps({"n": n}) for n in again
        }
        assert {each.new_id for each in records if each.is_done} <= set(rows)
        assert undone_entry.undone == len(again)
    if kind == "prune":
        left = run_sql(dsn, "SELECT count(*) FROM procrastinate_workers")[0]
        assert left == (0 if any(each.is_done for each in records) else 3)
    assert entry.done == sum(each.is_done for each in records), entry
    return Counter(each.outcome for each in records)


_ROWS = (
    "SELECT id, status::text, priority, attempts, (args ->> 'n')::int, task_name, abort_requested "
    "FROM procrastinate_jobs"
)


def assert_untouched(dsn: str, kind: str, jobs: int) -> None:
    """Nothing is written, and nothing was done."""
    there = 0 if kind in ("defer", "defer many", "undo", "prune") else jobs
    kept = "SELECT count(*) FROM procrastinate_jobs WHERE task_name = 'old' AND priority = 1 AND attempts = 0"
    assert run_sql(dsn, f"{kept} AND status IN ('todo', 'failed', 'doing') AND NOT abort_requested") == [there]
    assert run_sql(dsn, "SELECT count(*) FROM procrastinate_jobs") == [there]


def _agree_on(dsn: str, kind: str, record: Record, rows: dict[int, Any]) -> None:
    act = record.before.get("act", kind) if kind == "staged" else kind
    row = rows.get(record.job_id)
    is_done = {
        "cancel": row is not None and row[1] == "cancelled",
        "abort": row is not None and row[6],
        "delete": row is None,
        "retry": row is not None and (row[1], row[3]) == ("todo", 1),
        "reprioritise": row is not None and row[2] == 9,
    }.get(act)
    if is_done is None or (kind == "staged" and not record.is_done):
        return
    assert is_done is record.is_done, (record, row)
    if not is_done:
        assert row is not None and row[2:4] == (1, 0) and row[1] in ("todo", "failed", "doing"), (record, row)


async def _all(journal: Journal, entry: Entry) -> list[Record]:
    return await journal.records(entry.id, limit=100_000)


async def undo_all(dsn: str, kind: str, connector: PsycopgConnector, able: Capabilities, journal: Journal) -> None:
    """Undo what was done, and compare again: every job is there once, as it was."""
    newest = (await journal.entries(Search()))[0] if await journal.entries(Search()) else None
    if newest is not None and kind == "undo":
        newest = await journal.entry(newest.header.undoes or newest.id)
    if newest is None or refusal(newest, PROFILE, able) is not None:
        return
    if kind == "defer":
        return
    (count, left) = await undone(newest, connector, able, journal)
    rows = run_sql(dsn, _ROWS)
    undoable = {"cancel", "delete", "retry", "reprioritise", "undo", "staged"}
    assert kind in undoable and (count > 0 or left), (kind, count, left)
    waiting = Counter(row[4] for row in rows if row[1] in ("todo", "failed") and row[5] == "old")
    assert waiting == Counter(range(1, JOBS + 1)), "each waits, or has failed, exactly once"
    assert {(row[2], row[3]) for row in rows if row[5] == "old"} == {(1, 0)}


# Killed

#: After so many seconds; before a line ("file:number") for the so manieth time; or before so many lines of any.
Kill = float | tuple[str, int] | int


class Killable:
    """A program that does acts in children of its own, which are killed at any moment: see `act`."""

    def __init__(self) -> None:
        folder = Path(__file__).parent
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(folder), *filter(None, sys.path)])}
        command = [sys.executable, str(folder / "every_act.py")]
        self._program = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
            bufsize=1,
            start_new_session=True,
        )
        #: The lines that the last act has run, and how often, when it was asked to tell.
        self.lines: Counter[str] = Counter()

    def act(self, kind: str, dsn: str, journal: Path, kill: Kill | None) -> float:
        """Do an act, or settle, and kill it; how long it took.

        After so many seconds; or before it runs one of its lines for so many times; or before so many lines of any.
        """
        assert self._program.stdin is not None
        told = None if isinstance(kill, float) else kill
        self._program.stdin.write(json.dumps([kind, dsn, str(journal), told]) + "\n")
        process = int(self._line())
        assert self._line() == "ready"
        began = time.monotonic()
        if isinstance(kill, float):
            time.sleep(kill)
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        line = self._line()
        while not line.startswith("ended"):
            if line.startswith("lines "):
                self.lines = Counter(json.loads(line.removeprefix("lines ")))
            line = self._line()
        assert line in ("ended 0", f"ended {-signal.SIGKILL}"), line
        return time.monotonic() - began

    def _line(self) -> str:
        assert self._program.stdout is not None
        return self._program.stdout.readline().strip()

    def close(self) -> None:
        """End it."""
        assert self._program.stdin is not None and self._program.stdout is not None
        self._program.stdin.close()
        try:
            self._program.wait(10)
        finally:  # with the child that it waits for
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._program.pid, signal.SIGKILL)
            self._program.stdout.close()


@contextlib.contextmanager
def killable() -> Iterator[Killable]:
    """A program whose acts can be killed."""
    program = Killable()
    try:
        yield program
    finally:
        program.close()


def kills(seed: str, took_s: float, lines: Counter[str], count: int) -> list[Kill]:
    """How an act that takes so long, and runs these lines, is killed: by the clock, and between any two lines.

    The clock hits what takes long, such as an fsync; every line is as likely as another, however short it takes.
    """
    chosen = random.Random(seed)
    found: list[Kill] = []
    for number in range(count):
        if number % 2:
            found.append(chosen.uniform(0, 1.05 * took_s))
        else:
            line = chosen.choice(sorted(lines))
            found.append((line, chosen.randint(1, lines[line])))
    return found


class _Lines:
    """Watches which of our lines are run, in every thread, and ends the program before a chosen one."""

    def __init__(self, kill: Kill | None) -> None:
        self.is_on = False
        self.seen: Counter[str] = Counter()
        #: JSON made a list of the line and its number of times.
        self._at = (kill[0], kill[1]) if kill is not None and not isinstance(kill, int | float) else None
        self._left = kill if isinstance(kill, int) else 0
        sys.settrace(self._call)
        threading.settrace(self._call)

    def _call(self, frame: Any, event: str, argument: Any) -> Any:
        return self._line if frame.f_code.co_filename in _WATCHED else None

    def _line(self, frame: Any, event: str, argument: Any) -> Any:
        if self.is_on and event == "line":
            place = f"{Path(frame.f_code.co_filename).stem}:{frame.f_lineno}"
            self.seen[place] += 1
            self._left -= 1
            if self._left == 0 or self._at == (place, self.seen[place]):
                os.kill(os.getpid(), signal.SIGKILL)
        return self._line


#: Where an act's lines are watched: what acts, what writes the journal, and what waits for the server.
_WATCHED = tuple(
    str(importlib.import_module(name).__file__)
    for name in (
        *("jobdesk_core.journal.recorded", "jobdesk_core.journal.recording", "jobdesk_core.journal.ahead"),
        *(
            "jobdesk_core.journal.alive",
            "jobdesk_core.journal.file",
            "jobdesk_core.journal.journal",
            "jobdesk_core.journal.store",
        ),
        *("jobdesk_core.journal.settling", "jobdesk_core.journal.undo_apply", "jobdesk_core.operations.commits"),
        *("jobdesk_core.operations.steps", "jobdesk_core.operations.change.apply"),
        *("jobdesk_core.operations.deferring.one", "jobdesk_core.operations.deferring.many"),
        *("jobdesk_core.operations.staged.apply", "psycopg.transaction", "psycopg.waiting"),
        "psycopg._connection_base",
    )
)


async def _child(kind: str, dsn: str, path: str, kill: Any) -> None:
    lines = _Lines(kill) if kill is not None else None
    # Many small transactions, so that there are many moments between them.
    applying, deferring, undoing = (
        importlib.import_module(f"jobdesk_core.{name}")
        for name in ("operations.change.apply", "operations.deferring.many", "journal.undo_apply")
    )
    for module in (applying, undoing):
        vars(module).update(CHUNK=AT_ONCE, AT_ONCE=AT_ONCE)
    for function in (applying.apply, deferring.apply_defers):
        function.__kwdefaults__["chunk_size"] = AT_ONCE
    journal = Journal(Path(path))
    connector = PsycopgConnector(conninfo=dsn)
    await connector.open_async()
    able = await connector.run_async(DETECT)
    made = await prepared(kind, connector, able, journal) if kind != "settle" else None
    print("ready", flush=True)
    if lines is not None:
        lines.is_on = True
    if kind == "settle":
        await settle(journal, connector.run_async, PLACE)
    else:
        await done(kind, made, connector, able, journal)
    await connector.close_async()
    if lines is not None:
        lines.is_on = False
        print("lines", json.dumps(lines.seen), flush=True)


def _serve() -> None:
    for line in sys.stdin:
        process = os.fork()
        if process == 0:
            code = 1
            try:
                asyncio.run(_child(*json.loads(line)))
                code = 0
            finally:
                sys.stdout.flush()
                os._exit(code)
        print(process, flush=True)
        print("ended", os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]), flush=True)


if __name__ == "__main__":
    _serve()
