"""What became of each job: kept on disk beyond a few megabytes, told in numbers, exported as CSV or NDJSON."""

from __future__ import annotations

import enum
import json
import tempfile
import weakref
from array import array
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jobdesk_core.files import CsvLines, whole_file
from jobdesk_core.jobs import Status
from jobdesk_core.moments import safe_local
from jobdesk_core.operations.acts import kept
from jobdesk_core.operations.changes import Action, Retry
from jobdesk_core.operations.plan import Plan
from jobdesk_core.operations.rules import Reason

#: What is kept in memory before the ledger goes to disk, in bytes.
_IN_MEMORY_BYTES = 4_000_000
#: Ids kept by result and words, to be shown.
EXAMPLES = 50


class Result(enum.Enum):
    """What became of a job."""

    DONE = "done"
    SKIPPED = "skipped"
    REFUSED = "refused"
    #: The link broke while it was acted upon: it may have been done or not.
    UNKNOWN = "unknown"
    NOT_REACHED = "not reached"
    ROLLED_BACK = "rolled back"


@dataclass(frozen=True, slots=True)
class Entry:
    """One job's outcome in words, its status before, and what the act changed of it, by column."""

    job_id: int
    result: Result
    sentence: str
    status: Status | None = None
    before: dict[str, Any] | None = None


_DONE = {
    Action.CANCEL: "Cancelled job #{job}.",
    Action.ABORT: "Asked job #{job} to abort.",
    Action.DELETE: "Cancelled and deleted job #{job}.",
    Action.RETRY: "Job #{job} is to run again{when}.",
    Action.RESCUE: "Job #{job} is to run again{when}.",
    Action.FAIL: "Marked job #{job} as failed.",
    Action.RUN_NOW: "Job #{job} is due now.",
    Action.RESCHEDULE: "Job #{job} is scheduled{when}.",
    Action.REPRIORITISE: "Job #{job} has priority {priority}.",
    Action.PURGE: "Deleted job #{job}.",
}


class Ledger:
    """The outcomes of one act, in the order in which they came, then the jobs that were skipped from the start.

    `error` is what broke it off, `is_stopped` that the operator did, `held` why a brake held it when they did.
    """

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.counts: Counter[Result] = Counter()
        #: How many, and the ids of the first ones, by result and words.
        self.examples: dict[tuple[Result, str], list[int]] = {}
        self.numbers: Counter[tuple[Result, str]] = Counter()
        self.error: Exception | None = None
        self.is_stopped = False
        self.held = ""
        #: After a retry: sentences about queues whose jobs nobody takes.
        self.not_served: list[str] = []
        #: Its entry's number in the journal, once it has one.
        self.entry_id: int | None = None
        #: The jobs that were acted upon, in that order; of a retry only, whose jobs are followed.
        self.done_ids: array[int] = array("q")
        self._is_rolled_back = False
        # Not a block of `with`: the ledger outlives whoever makes it.
        self._spool = tempfile.SpooledTemporaryFile(_IN_MEMORY_BYTES, "w+", encoding="utf-8")  # noqa: SIM115
        weakref.finalize(self, self._spool.close)
        for group in plan.groups:
            if group.reason is not None:
                self._count(Result.SKIPPED, group.reason.many, group.count, group.examples(EXAMPLES))

    @property
    def is_rolled_back(self) -> bool:
        """Whether all that had been done was undone by the rollback of the one transaction."""
        return self._is_rolled_back

    def add_done(self, ids: list[int], before: list[list[Any]] | None, status: Status) -> None:
        """Note the jobs that were acted upon; `before` has what each had in the columns of `kept`."""
        self._write(ids, Result.DONE, None, status, before)
        if isinstance(self.plan.change, Retry):
            self.done_ids.extend(ids)

    def add(self, ids: Iterable[int], result: Result, reason: Reason, status: Status | None) -> None:
        """Note jobs that were not."""
        self._write(list(ids), result, reason, status, None)

    def roll_back(self) -> None:
        """Note that whatever had been done is undone."""
        self._is_rolled_back = True
        del self.done_ids[:]
        self.counts[Result.ROLLED_BACK] += self.counts.pop(Result.DONE, 0)
        self.numbers[Result.ROLLED_BACK, ""] += self.numbers.pop((Result.DONE, ""), 0)
        self.examples[Result.ROLLED_BACK, ""] = self.examples.pop((Result.DONE, ""), [])

    def entries(self) -> Iterator[Entry]:
        """Every job's outcome: of those acted upon, then of those that the preflight left out."""
        self._spool.seek(0)
        kept_names = kept(self.plan.change.action)
        for line in self._spool:
            ids, result, words, status, before = json.loads(line)
            for position, job_id in enumerate(ids):
                held = dict(zip(kept_names, before[position], strict=True)) if before is not None else None
                yield self._entry(job_id, Result(result), words, status, held)
        self._spool.seek(0, 2)
        for group in self.plan.groups:
            if group.reason is not None:
                for batch in group.batches:
                    for job_id in batch.ids:
                        yield Entry(job_id, Result.SKIPPED, group.reason.of(job_id), group.status)

    def sentence_of(self, job_id: int) -> str:
        """What was done to a job, in words."""
        change = self.plan.change
        at, priority = getattr(change, "at", None), getattr(change, "priority", None)
        when = f" for {safe_local(at, None):%Y-%m-%d %H:%M:%S %Z}" if at is not None else ""
        return _DONE[change.action].format(job=f"{job_id:,}", when=when, priority=priority)

    def write_csv(self, path: Path) -> None:
        """Write one line for each job. Raises OSError."""
        write_csv(path, self.entries)

    def lines(self) -> Iterator[str]:
        """One JSON object for each job."""
        return ndjson_lines(self.entries())

    def write_ndjson(self, path: Path) -> None:
        """Write one JSON object for each job, on a line of its own. Raises OSError."""
        write_ndjson(path, self.entries())

    def _entry(self, job_id: int, result: Result, words: str | None, status: str | None, before: Any) -> Entry:
        sentence = f"Job {job_id} {words}" if words is not None else self.sentence_of(job_id)
        if result is Result.DONE and self._is_rolled_back:
            result, sentence = Result.ROLLED_BACK, f"Job {job_id} was left as it was: everything was rolled back."
        return Entry(job_id, result, sentence, Status(status) if status else None, before)

    def _write(
        self, ids: list[int], result: Result, reason: Reason | None, status: Status | None, before: list[Any] | None
    ) -> None:
        """A line for jobs of one result; `before` has the values of the kept columns for each."""
        if not ids:
            return
        line = [ids, result.value, reason.one if reason else None, status.value if status else None, before]
        self._spool.write(json.dumps(line, default=str) + "\n")
        self._count(result, reason.many if reason else "", len(ids), ids[:EXAMPLES])

    def _count(self, result: Result, words: str, number: int, ids: list[int]) -> None:
        self.counts[result] += number
        self.numbers[result, words] += number
        examples = self.examples.setdefault((result, words), [])
        if len(examples) < EXAMPLES:
            examples += ids


def write_csv(path: Path, entries: Callable[[], Iterator[Entry]]) -> None:
    """Write one line for each job; `entries` is asked twice. Raises OSError."""
    kept = sorted({name for entry in entries() for name in entry.before or ()})
    headings = ["id", "result", "sentence", "status_before", *(f"{name}_before" for name in kept)]
    with whole_file(path) as file:
        lines = CsvLines(file, headings)
        for entry in entries():
            before = entry.before or {}
            status = entry.status.value if entry.status else ""
            values = [before.get(name) for name in kept]
            lines.write([entry.job_id, entry.result.value, entry.sentence, status, *values])


def write_ndjson(path: Path, entries: Iterable[Entry]) -> None:
    """Write one JSON object for each job, on a line of its own. Raises OSError."""
    with whole_file(path) as file:
        file.writelines(f"{line}\n" for line in ndjson_lines(entries))


def ndjson_lines(entries: Iterable[Entry]) -> Iterator[str]:
    """One JSON object for each job."""
    for entry in entries:
        status = entry.status.value if entry.status else None
        held = {"id": entry.job_id, "result": entry.result.value, "sentence": entry.sentence}
        yield json.dumps(held | {"before": {"status": status} | (entry.before or {})}, ensure_ascii=False)
