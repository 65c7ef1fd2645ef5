"""What the journal holds: an entry for each act, and a record for each of its jobs.

Arguments of jobs are kept for `delete` alone, whose undo needs them. Nothing secret is ever handed to it: the
SQL is text with placeholders, the place a DSN without passwords.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

DONE = "done"
UNKNOWN, LEFT, NOT_REACHED = "unknown", "rolled back", "not reached"
#: The action of removing unresponsive workers, which acts on no job.
PRUNE = "prune"
#: An entry of several acts, each of whose records says which.
STAGED = "staged"
UNDO = "undo"


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """What is known of an act before it begins.

    `action` is the value of an operation's Action, UNDO, STAGED or PRUNE; `set_to` what it gives the jobs, by column;
    `undoes` the number of the entry that it undoes.
    """

    action: str
    sentence: str
    profile: str
    place: str
    role: str
    sql: str = ""
    set_to: Mapping[str, Any] = field(default_factory=dict)
    undoes: int | None = None


@dataclass(frozen=True, slots=True)
class Planned:
    """What an act is about to do: to these jobs, or (for new ones) to so many. `server` is a Server's name.

    By `ahead_s` seconds this machine's clock, which the journal's times are of, was ahead of the server's.
    """

    job_ids: Sequence[int] = ()
    jobs: int = 0
    server: str = ""
    ahead_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Record:
    """What became of one job, in a sentence. `outcome` is `done`, `skipped`, or another word of the act's ledger.

    `before` holds the job's columns before the act, times as ISO texts. `new_id` is the job that came in its
    place. `undone_by` is the entry that has undone it.
    """

    job_id: int
    outcome: str
    sentence: str
    before: Mapping[str, Any] = field(default_factory=dict)
    new_id: int | None = None
    undone_by: int | None = None

    @property
    def is_done(self) -> bool:
        """Whether the act was carried out on this job."""
        return self.outcome == DONE


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """An act. Times are UTC-aware, and by this machine's clock, as one journal holds what was done on many servers: by
    `ahead_s` seconds it was ahead of the server's. `ended_at` is None for one that is still going on.

    `done` and `left` count its jobs, of which `kept` have a record; `undone` of them were undone since. Of `in_doubt`
    more nobody knows yet: the server is asked when it is connected to.
    """

    id: int
    at: dt.datetime
    ended_at: dt.datetime | None
    os_user: str
    header: Header
    error: str
    done: int
    left: int
    kept: int
    undone: int
    in_doubt: int = 0
    ahead_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Chunk:
    """A transaction whose end nobody knows: how many jobs, by which mark and where, and some of their records."""

    id: int
    entry_id: int
    header: Header
    mark: str
    server: str
    jobs: int
    records: Sequence[Record]


Verdict = Literal["done", "left", "unknown"]
#: How a transaction ended for whoever sent it; of one that is `void` their ledger tells what became of its jobs.
End = Literal["done", "left", "void"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """Which entries are wanted; empty parts are met by all. `since` is inclusive and UTC-aware.

    `text` is looked for in sentences, SQL, place, role and user; a number in it is also a job's id.
    """

    text: str = ""
    action: str = ""
    profile: str = ""
    outcome: str = ""
    job_id: int | None = None
    since: dt.datetime | None = None
    until: dt.datetime | None = None
