"""One connection for reports, and what is done on it: a batch at a time, each in one short transaction."""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import os
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

from jobdesk_core import processes
from jobdesk_core.connectors.limits import LimitedConnection
from jobdesk_core.reporting import faults, fingerprints, statements
from jobdesk_core.reporting.redaction import Redact, cut, cut_in_the_middle, masked, redacted, shown, writable
from jobdesk_core.reporting.runs import LONGEST_LINE, LONGEST_NOTE

if TYPE_CHECKING:
    from jobdesk_core.reporting.sessions import Failure, Session
    from jobdesk_core.reporting.targets import Target

#: No right, no schema, no table, no column, no function: nothing of it passes by itself soon.
_REFUSALS = ("42501", "3F000", "42P01", "42703", "42883", "42P10", "42804", "23514", "28000", "28P01", "3D000")
#: Seconds without a sign of life after which a worker has been lost, and between two looks at the schema.
LOST_S, LOOK_S = 30.0, 60.0
#: After a server was away others may need so many seconds more to be heard of again.
AFTER_S = 30.0
#: Rows that are forgotten at a time, and after how many that were written it is time for that.
FORGET_STEP, FORGET_EACH = 500, 400
FORGET_S = 60.0
#: Seconds after which an application tells anew what it has, and bytes of a name and of a log's tail.
INVENTORY_S = 3600.0
MOST_NAME, MOST_LINES = 300, 32_000
#: Days and rows that are kept, but of errors, for which an application may say otherwise.
KEPT = {"workers": (7, 2_000), "progress": (7, 20_000), "logs": (7, 10_000), "tasks": (30, 10_000),
        "schedules": (30, 10_000)}  # fmt: skip


class Refused(Exception):
    """Reports cannot be written here: its text says why, and holds nothing of the database's."""


@dataclass(frozen=True, slots=True)
class Settings:
    """How an application reports."""

    app: str
    redact: Redact | None = None
    keep_days: int = 30
    keep_errors: int = 100_000
    #: Packages that are the application's own, wherever they are installed.
    own: frozenset[str] = frozenset()
    versions: Callable[[], dict[str, str]] = dict
    tasks: Callable[[], list[dict[str, Any]]] = list
    schedules: Callable[[], list[dict[str, Any]]] = list
    beat_s: float = 5.0
    lost_s: float = LOST_S


@dataclass(frozen=True, slots=True)
class Batch:
    """What is written in one transaction."""

    failures: list[Failure]
    progress: list[Any]
    sessions: list[Session]
    dropped: int
    is_ascii: bool = False

    def in_ascii(self) -> Batch:
        """The same with escapes for all that an old database may not hold."""
        return replace(self, is_ascii=True)

    def text(self, text: str) -> str:
        """A text as it goes to this database."""
        return text.encode("ascii", "backslashreplace").decode() if self.is_ascii else text


@dataclass(slots=True)
class Store:
    """The connection. Raises psycopg's errors, or Refused; after any it is to be closed."""

    settings: Settings
    _connection: Any = None
    _pid: int = field(default_factory=os.getpid)
    #: The server's time, and ours of the monotonic clock at that moment.
    _server: tuple[dt.datetime, float] = (dt.datetime.min.replace(tzinfo=dt.UTC), 0.0)
    _looked_at: float = 0.0
    #: From when on others may be taken for lost: after a server that was away everybody has been silent for a while.
    _judges_at: float = 0.0
    _told_at: float = float("-inf")
    _forgot_at: float = field(default_factory=time.monotonic)
    _written: int = 0
    _cpu: tuple[float, float] = field(default_factory=lambda: (time.monotonic(), time.process_time()))
    _versions: dict[str, str] | None = None

    def connect(self, target: Target) -> None:
        """Open it unless it is open, and look from time to time whether the schema is the one that is known here."""
        if self._connection is None:
            self._connection = LimitedConnection.connect(
                **target.parameters(), autocommit=True, prepare_threshold=None, row_factory=dict_row
            )
        if time.monotonic() - self._looked_at > LOOK_S:
            self._look()

    def close(self) -> None:
        """Close it; a second call is fine."""
        connection, self._connection = self._connection, None
        self._looked_at, self._judges_at = 0.0, time.monotonic() + self.settings.lost_s + AFTER_S
        if connection is not None:
            with contextlib.suppress(Exception):
                connection.close()

    def write(self, batch: Batch) -> None:
        """Write a batch, all or nothing, and see to others once in a while."""
        try:
            with self._transaction():
                self._beats(batch)
                self._errors(batch)
                self._progress(batch)
                self._logs(batch)
            self._written += len(batch.failures)
            if batch.sessions:
                self._inventory()
                self._lost()
            if self._written >= FORGET_EACH or time.monotonic() - self._forgot_at > FORGET_S:
                self._forget()
        except psycopg.Error as error:
            raise _refusal(error) or error from None

    def _look(self) -> None:
        try:
            with self._transaction():
                asked = time.monotonic()
                row = self._run(statements.LOOK)[0]
                self._server = (row["now"], (asked + time.monotonic()) / 2)
        except psycopg.Error as error:
            raise _refusal(error) or error from None
        if row["version"] != statements.VERSION:
            raise Refused(
                f"The schema jobdesk has version {row['version']}, and this jobdesk-core writes version "
                f"{statements.VERSION}."
            )
        self._looked_at = time.monotonic()

    @contextlib.contextmanager
    def _transaction(self) -> Any:
        self._connection.execute(statements.BEGIN)
        try:
            yield
        except BaseException:
            with contextlib.suppress(Exception):
                self._connection.execute("ROLLBACK")
            raise
        self._connection.execute("COMMIT")

    def _run(self, text: str, **parameters: Any) -> list[dict[str, Any]]:
        cursor = self._connection.execute(text, parameters or None)
        return cursor.fetchall() if cursor.description else []

    def _at(self, moment: float) -> dt.datetime:
        """When that was by the server's clock."""
        now, then = self._server
        return now + dt.timedelta(seconds=moment - then)

    # What is written

    def _errors(self, batch: Batch) -> None:
        rows = []
        redact, own = self.settings.redact, self.settings.own
        for failure in batch.failures:
            failure.at = failure.at or self._at(failure.noticed)
            fault = failure.fault
            rows.append(
                {
                    "job_id": failure.job_id,
                    "attempt": failure.attempt,
                    "at": failure.at,
                    "app": self.settings.app,
                    "task_name": batch.text(_name(failure.task)),
                    "queue_name": batch.text(_name(failure.queue)),
                    "type": batch.text(fault.type),
                    "message": cut(batch.text(faults.message(fault, redact)), faults.MOST_MESSAGE),
                    "traceback": cut_in_the_middle(
                        batch.text(faults.traceback_text(fault, redact)), faults.MOST_TRACEBACK
                    ),
                    "fingerprint": fingerprints.fingerprint(fault, own),
                    "worker": failure.worker,
                    "outcome": failure.outcome,
                }
            )
        self._insert(statements.ERRORS, rows)

    def _progress(self, batch: Batch) -> None:
        rows = [
            {
                "job_id": told.run.job_id,
                "attempt": told.run.attempt,
                "done": told.done,
                "total": told.total,
                "note": batch.text(
                    shown(told.note.replace("\n", " "), 4 * LONGEST_NOTE, self.settings.redact)[:LONGEST_NOTE]
                ),
                "at": self._at(told.noticed),
            }
            for told in batch.progress
        ]
        self._insert(statements.PROGRESS, rows)

    def _logs(self, batch: Batch) -> None:
        last = {(each.job_id, each.attempt): each for each in batch.failures if each.tail}
        rows = [
            {"job_id": each.job_id, "attempt": each.attempt, "at": each.at, "lines": batch.text(self._lines(each))}
            for each in last.values()
        ]
        self._insert(statements.LOGS, rows)

    def _lines(self, failure: Failure) -> str:
        # One that is longer than what is kept of it is masked before it is cut, then all of them together.
        lines = (cut(each if len(each) <= LONGEST_LINE else masked(each), LONGEST_LINE) for each in failure.tail)
        text = redacted(writable("\n".join(lines)), self.settings.redact)
        return cut_in_the_middle(text, MOST_LINES)

    def _insert(self, text: str, rows: list[dict[str, Any]]) -> None:
        if rows:
            self._run(text, rows=json.dumps(rows, ensure_ascii=False, default=str))

    def _beats(self, batch: Batch) -> None:
        if not batch.sessions:
            return
        if self._versions is None:
            self._versions = self.settings.versions()
        ids = [session.id for session in batch.sessions]
        found = [row["id"] for row in self._run(statements.TAKEN_FOR_LOST, ids=ids)]
        if found:
            self._run(statements.NOT_LOST, ids=found)
        share, memory_bytes = self._cpu_share(), processes.memory()
        for session in batch.sessions:
            queues = session.queues
            self._run(
                statements.BEAT,
                id=session.id,
                worker_id=session.worker_id,
                app=self.settings.app,
                host=batch.text(_name(socket.gethostname())),
                pid=os.getpid(),
                name=batch.text(shown(session.name, MOST_NAME)),
                queues=None if queues is None else [batch.text(_name(queue)) for queue in queues[:200]],
                concurrency=session.concurrency,
                versions=Jsonb(self._versions),
                started_at=self._at(session.started),
                has_ended=session.has_ended,
                memory_bytes=memory_bytes or None,
                cpu_share=share,
                running=sorted({job_id for job_id, _ in list(session.running)})[:1000],
                dropped=batch.dropped,
            )

    def _cpu_share(self) -> float | None:
        """The cores that this process has used since it was asked last."""
        now, used = time.monotonic(), time.process_time()
        then, before = self._cpu
        if now - then < 0.5:
            return None
        self._cpu = now, used
        return (used - before) / (now - then)

    def _inventory(self) -> None:
        """Tell what the application has: at the start, and once an hour."""
        if time.monotonic() - self._told_at < INVENTORY_S:
            return
        rows: list[tuple[str, dict[str, Any]]] = []
        for task in sorted(self.settings.tasks(), key=lambda row: str(row["name"])):
            jsons = {"signature": Jsonb(task["signature"]), "retry": task["retry"] and Jsonb(task["retry"])}
            rows.append((statements.TASKS, {**task, **jsons}))
        for schedule in self.settings.schedules():
            rows.append((statements.SCHEDULES, {**schedule, "arguments": Jsonb(schedule["arguments"])}))
        try:
            self._tell(rows)
        except psycopg.DataError:
            # One of them is in letters that this database does not have.
            for row in rows:
                with contextlib.suppress(psycopg.DataError):
                    self._tell([row])
        self._told_at = time.monotonic()

    def _tell(self, rows: list[tuple[str, dict[str, Any]]]) -> None:
        with self._transaction():
            for text, row in rows:
                self._run(text, app=self.settings.app, **row)

    # Others

    def _lost(self) -> None:
        """Tell of the jobs of workers that have fallen silent. Never keeps what is our own from being written."""
        if time.monotonic() < self._judges_at:
            return
        with contextlib.suppress(psycopg.DatabaseError), self._transaction():
            silent = self._run(statements.SILENT, seconds=self.settings.lost_s)
            may_read = bool(silent) and self._run(statements.HAS_JOBS)[0]["may_read"]
            has_worker_id = may_read and self._run(statements.HAS_WORKER_ID)[0]["has_worker_id"]
            for worker in silent:
                ids = set(worker["running"])
                if has_worker_id and worker["worker_id"] is not None:
                    ids |= {row["id"] for row in self._run(statements.RUNNING_BY_WORKER, worker_id=worker["worker_id"])}
                if has_worker_id:
                    ids |= self._orphans(worker)
                if may_read and ids:
                    self._run(
                        statements.LOST,
                        ids=sorted(ids),
                        at=worker["beat_at"],
                        app=worker["app"],
                        worker=worker["id"],
                        worker_id=worker["worker_id"],
                        message=_lost_message(worker),
                    )
            if silent:
                self._run(statements.LEFT_BEHIND, ids=[worker["id"] for worker in silent])

    def _orphans(self, worker: dict[str, Any]) -> set[int]:
        """Jobs that were this worker's by all signs but its number; none where that cannot be read at once."""
        asked = {name: worker[name] for name in ("id", "queues", "beat_at")}
        with contextlib.suppress(psycopg.DatabaseError), self._connection.transaction():
            self._run("SET LOCAL statement_timeout = '1s'")
            return {row["id"] for row in self._run(statements.ORPHANS, **asked)}
        return set()

    def _forget(self) -> None:
        """Delete some of what is too old or too many, one table at a time."""
        self._written, self._forgot_at = 0, time.monotonic()
        kept = {"errors": (self.settings.keep_days, self.settings.keep_errors), **KEPT}
        for table, (days, most) in kept.items():
            with contextlib.suppress(psycopg.DatabaseError), self._transaction():
                if self._run(statements.ALONE)[0]["is_mine"]:
                    self._run(statements.FORGET[table], days=days, most=most, step=FORGET_STEP)


def _lost_message(worker: dict[str, Any]) -> str:
    return (
        f"Lost with its worker {worker['name']} (process {worker['pid']} on {worker['host']}), which has not been "
        "heard of since: it was killed, or its machine or network is away."
    )


def _name(text: str) -> str:
    return cut(writable(text[:MOST_NAME]), MOST_NAME)


def _refusal(error: psycopg.Error) -> Refused | None:
    """The error as a Refused, where trying again soon is of no use."""
    state = error.sqlstate
    if state not in _REFUSALS:
        return None
    if state in ("3F000", "42P01"):
        return Refused("The schema jobdesk is not installed here (jobdesk-core reporting install).")
    if state == "42501":
        return Refused("The role of this worker may not write into the schema jobdesk (jobdesk-core reporting status).")
    if state in ("28000", "28P01", "3D000"):
        return Refused("The server refuses the connection for reports.")
    return Refused(f"The schema jobdesk is not as this jobdesk-core knows it (code {state}).")
