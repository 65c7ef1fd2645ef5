"""What became of each of many new jobs: in numbers, job by job, as CSV or NDJSON."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from jobdesk_core.files import CsvLines, whole_file
from jobdesk_core.operations.ledger import AT_ONCE, Result
from jobdesk_core.operations.outcomes import Outcomes

#: What is said of one that nobody knows of; its id is the one that it has if it was deferred.
IN_DOUBT = "May have been deferred or not: the connection was lost before the server's answer came."


@dataclass(frozen=True, slots=True)
class Deferred:
    """One: where it came from (a line, or another job's id), what became of it, the new job's id, or why not."""

    origin: int
    result: Result
    job_id: int | None = None
    sentence: str = ""


class DeferLedger:
    """By position. `error` is what broke it off, `is_stopped` that the operator did.

    `origin` says in words where one comes from, with its {number}.
    """

    def __init__(self, origins: Sequence[int], origin: str = "line {number}") -> None:
        self._origins = origins
        self._origin = origin
        self._found: dict[int, Deferred] = {}
        self.counts: Counter[Result] = Counter()
        self.error: Exception | None = None
        self.is_stopped = False
        self.is_rolled_back = False
        #: Its entry's number in the journal, once it has one.
        self.entry_id: int | None = None

    def __len__(self) -> int:
        return len(self._origins)

    def defer(self, positions: Sequence[int], job_ids: Sequence[int]) -> None:
        """Note the new jobs' ids."""
        for position, job_id in zip(positions, job_ids, strict=True):
            self._note(position, Result.DONE, job_id, "")

    def refuse(self, refusals: Mapping[int, str]) -> None:
        """Note why some were not deferred."""
        for position, sentence in refusals.items():
            self._note(position, Result.REFUSED, None, sentence)

    def note(self, positions: Iterable[int], result: Result, sentence: str) -> None:
        """Note the same of several."""
        for position in positions:
            self._note(position, result, None, sentence)

    def note_rest(self) -> None:
        """Note that the others were not reached."""
        self.counts[Result.NOT_REACHED] = len(self._origins) - len(self._found)

    def roll_back(self) -> None:
        """Note that whatever had been deferred is not there any more."""
        self.is_rolled_back = True
        self._change(Result.DONE, Result.ROLLED_BACK, "Rolled back with all the others.")

    def lose(self, error: Exception) -> None:
        """Note that nobody knows whether the one transaction was committed."""
        self.error = error
        self._change(Result.DONE, Result.UNKNOWN, IN_DOUBT)

    def doubt(self, positions: Sequence[int], job_ids: Sequence[int]) -> None:
        """Note that nobody knows whether these were committed, and the ids that they have if they were."""
        for position, job_id in zip(positions, job_ids, strict=True):
            self._note(position, Result.UNKNOWN, job_id, IN_DOUBT)

    def settle(self, *, is_done: bool) -> None:
        """Note what was found out of those that nobody knew of."""
        if is_done:
            self._change(Result.UNKNOWN, Result.DONE, "")
        else:
            self._change(Result.UNKNOWN, Result.ROLLED_BACK, "Not deferred: the connection was lost before.")

    def outcomes_of(self, positions: Sequence[int], job_ids: Sequence[int]) -> Outcomes:
        """Jobs that are being deferred, to be written down."""
        sentences = [
            f"Deferred job #{job_id:,}, of {self._of(self._origins[position])}."
            for position, job_id in zip(positions, job_ids, strict=True)
        ]
        return Outcomes(job_ids, Result.DONE.value, sentences)

    def done_outcomes(self) -> Iterator[Outcomes]:
        """All that were deferred, to be written down."""
        done = [(position, found.job_id) for position, found in self._found.items() if found.result is Result.DONE]
        for start in range(0, len(done), AT_ONCE):
            chunk = [(position, job_id) for position, job_id in done[start : start + AT_ONCE] if job_id is not None]
            yield self.outcomes_of([position for position, _ in chunk], [job_id for _, job_id in chunk])

    def left_outcomes(self) -> Iterator[Outcomes]:
        """All the others, to be written down, but for those that nobody knows of: what was staged tells of them."""
        for entry in self.entries():
            if entry.result not in (Result.DONE, Result.UNKNOWN):
                yield Outcomes([0], entry.result.value, [f"Of {self._of(entry.origin)}: {entry.sentence}"])

    def _of(self, origin: int) -> str:
        return self._origin.format(number=f"{origin:,}")

    def entries(self) -> Iterator[Deferred]:
        """Every one in its order."""
        for position, origin in enumerate(self._origins):
            yield self._found.get(position) or Deferred(origin, Result.NOT_REACHED, None, "Not reached.")

    def write_csv(self, path: Path) -> None:
        """Write one line for each. Raises OSError."""
        with whole_file(path) as file:
            lines = CsvLines(file, ["origin", "result", "job_id", "sentence"])
            for entry in self.entries():
                lines.write([entry.origin, entry.result.value, entry.job_id, entry.sentence])

    def write_ndjson(self, path: Path) -> None:
        """Write one JSON object for each, on a line of its own. Raises OSError."""
        with whole_file(path) as file:
            for entry in self.entries():
                fields = {"origin": entry.origin, "result": entry.result.value, "job_id": entry.job_id}
                file.write(json.dumps(fields | {"sentence": entry.sentence}, ensure_ascii=False) + "\n")

    def _note(self, position: int, result: Result, job_id: int | None, sentence: str) -> None:
        before = self._found.get(position)
        if before is not None:
            self.counts[before.result] -= 1
        self._found[position] = Deferred(self._origins[position], result, job_id, sentence)
        self.counts[result] += 1

    def _change(self, before: Result, after: Result, sentence: str) -> None:
        for position, entry in list(self._found.items()):
            if entry.result is before:
                keeps_id = after in (Result.DONE, Result.UNKNOWN)
                self._note(position, after, entry.job_id if keeps_id else None, sentence)
