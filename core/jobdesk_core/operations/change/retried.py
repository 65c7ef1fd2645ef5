"""What became of jobs that were retried: how many wait, run, succeeded and failed again, all from one cheap read."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from jobdesk_core.connectors.statement import Rows, Statement
from jobdesk_core.operations.ledger import Ledger, Result

#: So many of the retried jobs are followed, the first ones; a read of them takes some 50 ms at most.
FOLLOWED = 20_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Retried:
    """The jobs of a retry as of `as_of` (the server's clock, aware), also while it goes on.

    `chosen` is the sum of `to_go`, `retried`, `skipped`, `refused`, `unknown` (the link broke), `not_reached` and
    `rolled_back`; `retried` that of `waiting`, `running`, `succeeded`, `failed` (again), `cancelled`, `aborted`,
    `gone` (deleted) and `not_followed` (more than FOLLOWED). Of those waiting, `scheduled` are not due yet.
    """

    as_of: dt.datetime
    chosen: int
    to_go: int
    retried: int
    skipped: int
    refused: int
    unknown: int
    not_reached: int
    rolled_back: int
    waiting: int
    scheduled: int
    running: int
    succeeded: int
    failed: int
    cancelled: int
    aborted: int
    gone: int
    not_followed: int

    @property
    def ended(self) -> int:
        """How many of the retried jobs have ended again, so far as they are followed."""
        return self.succeeded + self.failed + self.cancelled + self.aborted + self.gone

    @property
    def is_over(self) -> bool:
        """Whether nothing is to be expected any more of those that are followed."""
        return not (self.to_go or self.waiting or self.running)


def what_became(ledger: Ledger) -> Statement[Retried]:
    """What became of the jobs of a ledger: what it says of them now, and what the database says when it is asked."""
    counts, chosen = dict(ledger.counts), ledger.plan.total
    retried = counts.get(Result.DONE, 0)
    ids = ledger.done_ids[:FOLLOWED].tolist()

    def decode(rows: Rows) -> Retried:
        found = {row["status"]: row["jobs"] for row in rows if row["status"] is not None}
        running = found.get("doing", 0) + found.get("aborting", 0)
        return Retried(
            as_of=rows[0]["as_of"],
            chosen=chosen,
            to_go=chosen - sum(counts.values()),
            retried=retried,
            skipped=counts.get(Result.SKIPPED, 0),
            refused=counts.get(Result.REFUSED, 0),
            unknown=counts.get(Result.UNKNOWN, 0),
            not_reached=counts.get(Result.NOT_REACHED, 0),
            rolled_back=counts.get(Result.ROLLED_BACK, 0),
            waiting=found.get("todo", 0),
            scheduled=sum(row["scheduled"] for row in rows),
            running=running,
            succeeded=found.get("succeeded", 0),
            failed=found.get("failed", 0),
            cancelled=found.get("cancelled", 0),
            aborted=found.get("aborted", 0),
            gone=len(ids) - sum(found.values()),
            not_followed=retried - len(ids),
        )

    return Statement(
        "SELECT now() AS as_of, job.status::text AS status, count(job.id) AS jobs, "
        "count(*) FILTER (WHERE job.status::text = 'todo' AND job.scheduled_at > now()) AS scheduled "
        "FROM (SELECT) AS once LEFT JOIN procrastinate_jobs AS job ON job.id = ANY (%(ids)s::bigint[]) "
        "GROUP BY job.status",
        decode,
        {"ids": ids},
    )
