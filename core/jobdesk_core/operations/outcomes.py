"""What became of several jobs at once, in a form that is cheap to make and to write down."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from jobdesk_core.exceptions import JobdeskException, cause_text

#: What stands in a sentence for a job's number, grouped by thousands.
JOB = "{job}"


@dataclass(frozen=True, slots=True)
class Outcomes:
    """Jobs of one result, which is a Result's value.

    `sentence` is that of every job, with JOB for its number, or one for each. `before` is what all of them had before,
    `values` by job what each had in the columns of `names`. `new_ids` are the jobs that came in their place.
    """

    ids: Sequence[int]
    result: str
    sentence: str | Sequence[str]
    before: Mapping[str, Any] = field(default_factory=dict)
    names: Sequence[str] = ()
    values: Sequence[Sequence[Any]] | None = None
    new_ids: Sequence[int | None] | None = None

    def each(self) -> Iterator[tuple[int, str, dict[str, Any], int | None]]:
        """By job: its number, its sentence, what it had before, and the job that came in its place."""
        for place, job_id in enumerate(self.ids):
            sentence = (
                self.sentence.replace(JOB, f"{job_id:,}") if isinstance(self.sentence, str) else self.sentence[place]
            )
            own = zip(self.names, self.values[place], strict=True) if self.values is not None else ()
            yield job_id, sentence, {**self.before, **dict(own)}, self.new_ids[place] if self.new_ids else None


class NothingDone(JobdeskException):
    """The one transaction was rolled back; `ledger` tells what became of each job, and of what broke it off."""

    what = "changed"

    def __init__(self, ledger: Any) -> None:
        cause = f" The reason: {cause_text(ledger.error)}" if ledger.error is not None else ""
        super().__init__(f"Nothing was {self.what}: everything was rolled back.{cause}")
        self.ledger = ledger
