"""What became of each job: kept on disk beyond a few megabytes, told in numbers, exported as CSV or NDJSON."""

from __future__ import annotations

import enum
import json
import tempfile
import weakref
from array import array
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jobdesk_core.files import CsvLines, whole_file
from jobdesk_core.jobs import Status
from jobdesk_core.moments import here
from jobdesk_core.operations.change.action_sql import kept
from jobdesk_core.operations.change.changes import Action, Retry
from jobdesk_core.operations.change.plan import Plan
from jobdesk_core.operations.change.rules import Reason
from jobdesk_core.operations.outcomes import JOB, Outcomes

#: What is kept in memory before the ledger goes to disk, in bytes.
_IN_MEMORY_BYTES = 4_000_000
#: Ids kept by result and words, to be shown.
FIRST_IDS = 50
#: Jobs that are written down together at most.
AT_ONCE = 5_000
IN_DOUBT = Reason(
    "may have been acted upon or not: the connection was lost before the server's answer came.",
    "unknown: the connection was lost before the server's answer came",
)


class Result(enum.Enum):
    """What became of a job."""

    DONE = "done"
    SKIPPED = "skipped"
    REFUSED = "refused"
    #: COMMIT was sent and never answered: it may have been done or not.
    UNKNOWN = "unknown"
    NOT_REACHED = "not reached"
    ROLLED_BACK = "rolled back"


@dataclass(frozen=True, slots=True)
class JobOutcome:
    """One job's outcome in words, its status before, and what the act changed of it, by column."""

    job_id: int
    result: Result
    sentence: str
    status: Status | None = None
    before: dict[str, Any] | None = None


_BECAME = {Result.ROLLED_BACK: "was left as it was: everything was rolled back.", Result.UNKNOWN: IN_DOUBT.one}
_DONE = {
    Action.CANCEL: "Cancelled job #{job}.",
    Action.ABORT: "Asked job #{job} to abort.",
    Action.DELETE: "Cancelled and deleted job #{job}.",
    Action.RETRY: "Job #{job} will run again{when}.",
    Action.RESCUE: "Job #{job} will run again{when}.",
    Action.FAIL: "Marked job #{job} as failed.",
    Action.RUN_NOW: "Job #{job} is due now.",
    Action.RESCHEDULE: "Job #{job} is scheduled to start{when}.",
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
        self.first_ids: dict[tuple[Result, str], list[int]] = {}
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
        #: What has become in the end of those that once had another result.
        self._became: dict[Result, Result] = {}
        self._in_doubt: list[int] = []
        # Not a block of `with`: the ledger outlives whoever makes it.
        self._spool = tempfile.SpooledTemporaryFile(_IN_MEMORY_BYTES, "w+", encoding="utf-8")  # noqa: SIM115
        weakref.finalize(self, self._spool.close)
        for group in plan.groups:
            if group.reason is not None:
                self._count(Result.SKIPPED, group.reason.many, group.count, group.first_ids(FIRST_IDS))

    @property
    def is_rolled_back(self) -> bool:
        """Whether all that had been done was undone by the rollback of the one transaction."""
        return self._became.get(Result.DONE) is Result.ROLLED_BACK

    def outcomes_of(self, ids: list[int], before: list[list[Any]] | None, status: Status) -> Outcomes:
        """The jobs that are being acted upon; `before` has what each had in the columns of `kept`."""
        names = kept(self.plan.change.action)
        return Outcomes(ids, Result.DONE.value, self._sentence(JOB), {"status": status.value}, names, before)

    def add_done(self, done: Outcomes, status: Status) -> None:
        """Note the jobs that were acted upon."""
        self._write(list(done.ids), Result.DONE, None, status, done.values)
        if isinstance(self.plan.change, Retry):
            self.done_ids.extend(done.ids)

    def add_unknown(self, done: Outcomes, status: Status) -> None:
        """Note the jobs that were acted upon if what was sent was committed, which nobody knows."""
        self._write(list(done.ids), Result.UNKNOWN, IN_DOUBT, status, done.values)
        self._in_doubt += done.ids

    def add(self, ids: Iterable[int], result: Result, reason: Reason, status: Status | None) -> None:
        """Note jobs that were not."""
        self._write(list(ids), result, reason, status, None)

    def roll_back(self) -> None:
        """Note that whatever had been done is undone."""
        del self.done_ids[:]
        self._change(Result.DONE, Result.ROLLED_BACK)

    def lose(self, error: Exception) -> None:
        """Note that nobody knows whether the one transaction of them all was committed."""
        self.error = error
        self._in_doubt, self.done_ids = self.done_ids.tolist(), array("q")
        self._change(Result.DONE, Result.UNKNOWN)

    def settle(self, *, is_done: bool) -> None:
        """Note what was found out of the jobs that nobody knew of."""
        if self._became.get(Result.DONE) is Result.UNKNOWN:
            del self._became[Result.DONE]
            self._move(Result.UNKNOWN, Result.DONE)
            if not is_done:
                self.roll_back()
        else:
            self._change(Result.UNKNOWN, Result.DONE if is_done else Result.ROLLED_BACK)
        if is_done and isinstance(self.plan.change, Retry):
            self.done_ids.extend(self._in_doubt)
        self._in_doubt = []

    def done_outcomes(self) -> Iterator[Outcomes]:
        """The jobs that were acted upon, to be written down."""
        for ids, result, _, status, before in self._lines():
            if result is Result.DONE:
                yield self.outcomes_of(ids, before, Status(status))

    def left_outcomes(self) -> Iterator[Outcomes]:
        """All the others, to be written down, but for those that nobody knows of: what was staged tells of them."""
        for ids, result, words, status, _ in self._lines():
            if result not in (Result.DONE, Result.UNKNOWN):
                yield Outcomes(ids, result.value, [f"Job {job_id} {words}" for job_id in ids], _before(status))
        for group in self.plan.groups:
            for batch in group.batches if group.reason is not None else ():
                status = group.status.value if group.status is not None else None
                for start in range(0, len(batch.ids), AT_ONCE):
                    ids = batch.ids[start : start + AT_ONCE].tolist()
                    assert group.reason is not None
                    sentences = [group.reason.of(job_id) for job_id in ids]
                    yield Outcomes(ids, Result.SKIPPED.value, sentences, _before(status))

    def entries(self) -> Iterator[JobOutcome]:
        """Every job's outcome: of those acted upon, then of those that the preflight left out."""
        kept_names = kept(self.plan.change.action)
        for ids, result, words, status, before in self._lines():
            for position, job_id in enumerate(ids):
                had = dict(zip(kept_names, before[position], strict=True)) if before is not None else None
                yield self._entry(job_id, result, words, status, had)
        for group in self.plan.groups:
            if group.reason is not None:
                for batch in group.batches:
                    for job_id in batch.ids:
                        yield JobOutcome(job_id, Result.SKIPPED, group.reason.of(job_id), group.status)

    def sentence_of(self, job_id: int) -> str:
        """What was done to a job, in words."""
        return self._sentence(f"{job_id:,}")

    def _sentence(self, job: str) -> str:
        change = self.plan.change
        at, priority = getattr(change, "at", None), getattr(change, "priority", None)
        when = f" for {here(at):%Y-%m-%d %H:%M:%S %Z}" if at is not None else ""
        return _DONE[change.action].format(job=job, when=when, priority=priority)

    def write_csv(self, path: Path) -> None:
        """Write one line for each job. Raises OSError."""
        write_csv(path, self.entries)

    def lines(self) -> Iterator[str]:
        """One JSON object for each job."""
        return ndjson_lines(self.entries())

    def write_ndjson(self, path: Path) -> None:
        """Write one JSON object for each job, on a line of its own. Raises OSError."""
        write_ndjson(path, self.entries())

    def _lines(self) -> Iterator[tuple[list[int], Result, str | None, str | None, list[list[Any]] | None]]:
        """What was noted: ids, what has become of them, in words unless it is done, their status and columns before."""
        self._spool.seek(0)
        for line in self._spool:
            ids, noted, words, status, before = json.loads(line)
            result = self._became.get(Result(noted), Result(noted))
            if result.value != noted:
                words = _BECAME.get(result)
            yield ids, result, words, status, before
        self._spool.seek(0, 2)

    def _entry(
        self, job_id: int, result: Result, words: str | None, status: str | None, before: dict[str, Any] | None
    ) -> JobOutcome:
        sentence = f"Job {job_id} {words}" if words is not None else self.sentence_of(job_id)
        return JobOutcome(job_id, result, sentence, Status(status) if status else None, before)

    def _change(self, before: Result, after: Result) -> None:
        self._became[before] = after
        self._move(before, after)

    def _move(self, before: Result, after: Result) -> None:
        self.counts[after] += self.counts.pop(before, 0)
        words_after = IN_DOUBT.many if after is Result.UNKNOWN else ""
        for result, words in [key for key in self.numbers if key[0] is before]:
            self.numbers[after, words_after] += self.numbers.pop((result, words))
            first_ids = self.first_ids.setdefault((after, words_after), [])
            first_ids += self.first_ids.pop((result, words), [])[: FIRST_IDS - len(first_ids)]

    def _write(
        self, ids: list[int], result: Result, reason: Reason | None, status: Status | None, before: Sequence[Any] | None
    ) -> None:
        """A line for jobs of one result; `before` has the values of the kept columns for each."""
        if not ids:
            return
        line = [ids, result.value, reason.one if reason else None, status.value if status else None, before]
        self._spool.write(json.dumps(line, default=str) + "\n")
        self._count(result, reason.many if reason else "", len(ids), ids[:FIRST_IDS])

    def _count(self, result: Result, words: str, number: int, ids: list[int]) -> None:
        self.counts[result] += number
        self.numbers[result, words] += number
        first_ids = self.first_ids.setdefault((result, words), [])
        if len(first_ids) < FIRST_IDS:
            first_ids += ids


def _before(status: str | None) -> dict[str, str]:
    return {"status": status} if status is not None else {}


def write_csv(path: Path, entries: Callable[[], Iterator[JobOutcome]]) -> None:
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


def write_ndjson(path: Path, entries: Iterable[JobOutcome]) -> None:
    """Write one JSON object for each job, on a line of its own. Raises OSError."""
    with whole_file(path) as file:
        file.writelines(f"{line}\n" for line in ndjson_lines(entries))


def ndjson_lines(entries: Iterable[JobOutcome]) -> Iterator[str]:
    """One JSON object for each job."""
    for entry in entries:
        status = entry.status.value if entry.status else None
        fields = {"id": entry.job_id, "result": entry.result.value, "sentence": entry.sentence}
        yield json.dumps(fields | {"before": {"status": status} | (entry.before or {})}, ensure_ascii=False)
