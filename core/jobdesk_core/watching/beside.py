"""What a pulse does not tell of a database, asked beside it and more seldom: schedules, lines at locks, long runs.

Also who serves what, and the causes of failures. A few bounded statements, the same for the fleet and for
`watch --rules`. What is refused or takes too long is not known, and nothing is said of it.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TypeVar

from jobdesk_core.connectors.statement import Statement
from jobdesk_core.database.asking import Asking, alone
from jobdesk_core.database.capabilities import Capabilities
from jobdesk_core.database.limited import attempted
from jobdesk_core.database.reported import Reported
from jobdesk_core.reported.detection import detect
from jobdesk_core.schedules.reader import ScheduleReader
from jobdesk_core.schedules.schedule import Schedule
from jobdesk_core.watching.facts import Facts, read_facts
from jobdesk_core.watching.lines import THRESHOLDS
from jobdesk_core.watching.pulse import Look
from jobdesk_core.watching.situation import LockLine, LongRun, Situation
from jobdesk_core.watching.watch import lock_lines

T = TypeVar("T")

#: Seconds between two readings, and that one statement may take.
EVERY_S, LIMIT_S = 60.0, 2.0
#: Readings are so many times as long apart as they took, but no longer than this, in seconds.
TIMES_COST, LONGEST_S = 100.0, 600.0
#: Seconds for which past runs of periodic tasks are looked for at one reading; and after which the rest of it is left
#: for the next one.
RUNS_S, WHOLE_S = 0.3, 3.0
#: Seconds after which it is asked anew whether workers report.
REPORTED_S = 600.0
#: Events that are looked at for what a task's runs usually take.
MOST_EVENTS = 5_000


class Beside:
    """Of one database. `every_s`: seconds between two readings; the first one is due after `first_after_s`.

    Past runs of periodic tasks are looked for during `runs_s` seconds of each.
    """

    def __init__(self, every_s: float, first_after_s: float = 0.0, *, runs_s: float = RUNS_S) -> None:
        self._every_s, self._runs_s = every_s, runs_s
        self._due_at = time.monotonic() + first_after_s
        self._facts = Facts()
        self._lines: Sequence[LockLine] | None = None
        self._long_runs: Sequence[LongRun] | None = None
        self._schedules: Sequence[Schedule] | None = None
        self._reader: ScheduleReader | None = None
        self._able: Capabilities | None = None
        self._reported: Reported | None = None
        self._reported_at = self._began = 0.0

    @property
    def is_due(self) -> bool:
        """Whether it is time to read again."""
        return time.monotonic() >= self._due_at

    def added(self, seen: Situation) -> Situation:
        """The situation of a pulse with what is known beside it."""
        # What a pulse knows to be over is over at once.
        return replace(
            seen,
            schedules=self._schedules,
            lock_lines=self._lines if seen.open.all.held or self._facts.holders else self._lines and (),
            served=self._facts.served,
            long_runs=self._long_runs if seen.open.all.running else self._long_runs and (),
            causes=self._facts.causes,
        )

    def steps(self, look: Look) -> Asking[None]:
        """Read it beside this look of a pulse. Raises ConnectorException when the link is lost."""
        began = time.monotonic()
        yield from self.facts(look)
        # What took so long keeps the pulse waiting.
        if time.monotonic() - began < WHOLE_S:
            yield from self.schedules()

    def facts(self, look: Look) -> Asking[None]:
        """The first part: all but the schedules."""
        self._began = time.monotonic()
        self._due_at = self._began + self._every_s
        if self._reported is None or self._began - self._reported_at >= REPORTED_S:
            self._reported, self._reported_at = (yield from attempted(alone(detect()))), self._began
        reported = self._reported or look.capabilities.reported
        able = self._able = replace(look.capabilities, reported=reported)
        seen = look.situation
        self._facts = (yield from attempted(read_facts(able, seen.open, seen.rises))) or Facts()
        before = {line.lock: line.waiting for line in self._lines or ()}
        yield from self._take(look, before)
        self._pause()

    def schedules(self) -> Asking[None]:
        """The second part, after the first: crons take their time."""
        if self._able is None:
            return
        self._reader = self._reader or ScheduleReader(self._able)
        self._reader.capabilities = self._able
        found = yield from attempted(self._reader.more(self._runs_s))
        self._schedules = found.schedules if found is not None else None
        self._pause()

    def _pause(self) -> None:
        pause_s = min(TIMES_COST * (time.monotonic() - self._began), LONGEST_S)
        self._due_at = self._began + max(self._every_s, pause_s)

    def _take(self, look: Look, before: Mapping[str, int]) -> Asking[None]:
        """The lines and the long runs of what was read, with what their tasks' runs usually take."""
        facts, now = self._facts, look.server_time
        lines = lock_lines(facts, now, earlier=before)
        long = [run for run in facts.running or () if (now - run.since).total_seconds() >= THRESHOLDS.long_run_s]
        tasks = {run.task for run in long} | {line.task for line in lines if not line.reason}
        usual = ((yield from attempted(alone(usual_runs(sorted(tasks))))) or {}) if tasks else {}
        none = 0.0, 0
        timed = [
            replace(line, usual_s=usual.get(line.task, none)[0], runs=usual.get(line.task, none)[1]) for line in lines
        ]
        runs = [LongRun(run.job_id, run.task, run.queue, run.since, *usual.get(run.task, none)) for run in long]
        self._lines = timed if facts.locks is not None else None
        self._long_runs = runs if facts.running is not None else None


def usual_runs(tasks: Sequence[str]) -> Statement[Mapping[str, tuple[float, int]]]:
    """By task, the 99th percentile in seconds of what its latest runs took, and of how many runs."""
    return Statement(
        "SELECT task_name, percentile_cont(0.99) WITHIN GROUP (ORDER BY took_s)::float8 AS usual_s, "
        "count(*)::integer AS runs FROM (SELECT job.task_name, extract(epoch FROM latest.at - (SELECT max(started.at) "
        "FROM procrastinate_events AS started WHERE started.job_id = job.id AND started.type = 'started' "
        "AND started.at <= latest.at)) AS took_s FROM (SELECT job_id, type, at FROM procrastinate_events "
        f"WHERE isfinite(at) ORDER BY id DESC LIMIT {MOST_EVENTS}) AS latest "
        "JOIN procrastinate_jobs AS job ON job.id = latest.job_id "
        "WHERE latest.type IN ('succeeded', 'failed') AND job.task_name = ANY (%(tasks)s::text[])) AS run "
        "WHERE took_s IS NOT NULL GROUP BY task_name",
        lambda rows: {row["task_name"]: (row["usual_s"], row["runs"]) for row in rows},
        {"tasks": list(tasks)},
    )
