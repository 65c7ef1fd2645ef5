"""Reads the periodic tasks of a database, again and again; each time it knows more of their past runs.

A database of any size answers at once: what it holds of deferrals is small. Past runs are looked for among the jobs,
from the newest down, in stretches of ids, for as long as a reading may take; the next reading goes on from there.
"""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from jobdesk_core.chunk_size import ChunkSize
from jobdesk_core.database.asking import Asking
from jobdesk_core.database.capabilities import Capabilities
from jobdesk_core.database.limited import StatementTooLong
from jobdesk_core.database.rows import WorkerRow
from jobdesk_core.reading.workers import WORKERS
from jobdesk_core.reported import reading as reports
from jobdesk_core.reported.attempts import attempt
from jobdesk_core.reported.records import ReportedSchedule
from jobdesk_core.schedules import reading, why
from jobdesk_core.schedules.book import Book, Key
from jobdesk_core.schedules.judging import Around, Deferral, Known, Told, behind, explained, judge
from jobdesk_core.schedules.reading import FoundJob, Lives
from jobdesk_core.schedules.schedule import Schedule

#: Seconds for which past runs are looked for at one reading, and jobs per stretch: first, fewest, most.
BUDGET_S = 0.6
_FIRST, _LEAST, _MOST, _AIM_S = 20_000, 500, 200_000, 0.1
#: No jobs older than so many ids are looked through: a run of each day is not worth reading a year of all others.
MOST_READ = 10_000_000
#: Ids below the highest that were read may have been committed since.
_OVERLAP = 200
#: The newest deferrals tell how the clocks differ.
_NEWEST = 5


@dataclass(frozen=True, slots=True)
class Schedules:
    """The periodic tasks of one moment (UTC, by the server's clock), those not on time first, then by the next run.

    `untold` is why no cadence could be read from reports, a sentence, None where they could. `is_whole`: nothing is
    left to be looked through for past runs; `is_cut`: the oldest jobs are left out, for there are too many. `clocks`
    tells that the workers' clocks are not the server's; empty when they are.
    """

    read_at: dt.datetime
    schedules: tuple[Schedule, ...]
    untold: str | None = None
    is_whole: bool = True
    is_cut: bool = False
    clocks: str = ""
    lives: tuple[tuple[float, float | None], ...] | None = None
    lives_since: float = 0.0

    @property
    def late(self) -> tuple[Schedule, ...]:
        """Those that are not on time."""
        return tuple(each for each in self.schedules if not each.is_on_time)


@dataclass(frozen=True, slots=True)
class _Sought:
    """The schedules that runs are looked for of, by their tasks, too, and what is told of them."""

    keys: Sequence[Key]
    of_task: Mapping[str, Sequence[Key]]
    stated: Mapping[Key, Told]


_ORDER = {"missed": 0, "late": 1, "overlapping": 2, "abandoned": 3, "unknown": 4, "on time": 4}
_NEVER = dt.datetime.max.replace(tzinfo=dt.UTC)


def _place(schedule: Schedule) -> tuple[int, dt.datetime, str]:
    return _ORDER[schedule.state], schedule.next_at or _NEVER, schedule.name


@dataclass(slots=True)
class ScheduleReader:
    """Reads one database, and remembers what it found. `told_here` is what the application told that was asked here."""

    capabilities: Capabilities
    told_here: Sequence[Told] = ()
    _book: Book = field(default_factory=Book)
    _width: ChunkSize = field(default_factory=lambda: ChunkSize(_FIRST, _LEAST, _MOST, _AIM_S))

    def more(self, budget_s: float = BUDGET_S) -> Asking[Schedules]:
        """Read once, and judge by all that is known. Raises ConnectorException."""
        deferrals, highest = yield reading.deferrals()
        answer = yield from attempt(self.capabilities.reported, "schedules", lambda _: reports.schedules())
        told_lives = yield from attempt(self.capabilities.reported, "workers", lambda _: reading.lives())
        begun = told_lives.value.begun if told_lives.value is not None else {}
        stated = {each.key: each for each in self.told_here} | _stated(answer.value or [], begun)
        keys = {key: None for key in [*((each.task, each.periodic_id) for each in deferrals), *stated]}
        if highest < self._book.high:
            self._book = Book()  # emptied, or restored
        yield from self._find(deferrals, _Sought(list(keys), _by_task(list(keys)), stated), highest, budget_s)
        workers: list[WorkerRow] | None = None
        if self.capabilities.has_workers and keys:
            workers = yield WORKERS
        now = self.capabilities.clock.now()
        deferral_of = {(each.task, each.periodic_id): each for each in deferrals}
        known = [self._known(key, stated.get(key), deferral_of.get(key)) for key in keys]
        around = self._around(now, known, workers, told_lives.value)
        judged = [judge(each, around) for each in known]
        found = sorted((explained(each, judged, around.behind_s) for each in judged), key=_place)
        return Schedules(
            now,
            tuple(found),
            answer.refusal,
            self._book.low is None or not self._wanted(list(keys), stated),
            self._book.is_cut and bool(self._wanted(list(keys), stated)),
            why.clocks(around.behind_s) if around.behind_s else "",
            tuple(around.lives) if around.lives is not None else None,
            around.lives_since,
        )

    def _find(self, deferrals: Sequence[Deferral], sought: _Sought, highest: int, budget_s: float) -> Asking[None]:
        """Look for runs: those that are new, then older ones for as long as there is time; and what became of them."""
        book, ends_at = self._book, time.monotonic() + budget_s
        ids = [each.job_id for each in deferrals if each.job_id is not None]
        if ids:
            latest: tuple[FoundJob, ...] = yield reading.jobs_of(self.capabilities, ids)
            book.learn(deferrals, latest)
        if not book.high:
            book.low = highest or None
        elif sought.of_task and highest > book.high:
            high: int | None = highest
            bottom = max(0, book.high - _OVERLAP)
            while high is not None and high > bottom:
                low = max(bottom, high - self._width.size)
                high = yield from self._stretch(list(sought.of_task), low, high, sought)
        book.high = max(book.high, highest)
        yield from self._find_older(sought, ends_at)
        while asked := book.open():
            found = yield reading.courses(asked)
            book.note(asked, found)
            is_last = len(asked) < reading.MOST_COURSES or not any(each.status.is_final for each in found.values())
            if is_last or time.monotonic() >= ends_at + budget_s:
                break

    def _find_older(self, sought: _Sought, ends_at: float) -> Asking[None]:
        """Go on downwards from where the last reading ended: one stretch, however little time there is."""
        book = self._book
        while book.low is not None and (tasks := self._wanted(sought.keys, sought.stated)):
            bottom = max(0, book.high - MOST_READ)
            book.low = yield from self._stretch(tasks, max(bottom, book.low - self._width.size), book.low, sought)
            if book.low is not None and book.low <= bottom:
                book.low, book.is_cut = None, True
            if time.monotonic() >= ends_at:
                break

    def _stretch(self, tasks: Sequence[str], low: int, high: int, sought: _Sought) -> Asking[int | None]:
        """Look through the jobs between two ids; from where on to go down, None when nothing is left."""
        started = time.monotonic()
        try:
            stretch = yield reading.jobs_within(self.capabilities, tasks, low, high)
        except StatementTooLong:
            if self._width.is_least:
                return None
            self._width.shrink(8)
            return high
        self._width.note(time.monotonic() - started)
        self._book.sort(stretch.jobs, sought.of_task, sought.stated)
        below: int | None = stretch.below
        return below

    def _wanted(self, keys: Sequence[Key], stated: Mapping[Key, Told]) -> list[str]:
        """The tasks of which older runs are wanted."""
        return sorted({key[0] for key in keys if not self._book.is_full(key, is_told=key in stated)})

    def _known(self, key: Key, stated: Told | None, deferral: Deferral | None) -> Known:
        newest = self._book.newest(key)
        return Known(
            *key,
            stated,
            deferral,
            self._book.runs(key),
            newest.queue if newest is not None else "",
            newest.queueing_lock if newest is not None else None,
            self._book.hours[key],
        )

    def _around(
        self, now: dt.datetime, known: Sequence[Known], workers: Sequence[WorkerRow] | None, lives: Lives | None
    ) -> Around:
        newest = sorted(
            (each.runs[-1].deferred_at.timestamp(), each.runs[-1].expected_at.timestamp(), each.deferral.timestamp)
            for each in known
            if each.runs and each.runs[-1].deferred_at is not None and each.deferral is not None
        )[-_NEWEST:]
        # Only of the job that the table of deferrals names is it sure that no one deferred it by hand.
        behind_s = behind([written - due for written, due, deferred in newest if due == deferred])
        heartbeats = [worker.last_heartbeat.timestamp() for worker in workers or ()]
        is_any_alive = None if workers is None else any(worker.is_alive(now) for worker in workers)
        # A worker that does not report may have been alive at any time.
        is_told = lives is not None and bool(lives.spans)
        return Around(
            now.timestamp(),
            behind_s,
            lives.spans if is_told and lives is not None else None,
            lives.since if lives is not None else 0.0,
            is_any_alive,
            max(heartbeats, default=None) if is_any_alive is False else None,
            max((each.deferral.timestamp for each in known if each.deferral is not None), default=None),
        )


def _by_task(keys: Sequence[Key]) -> dict[str, list[Key]]:
    found: dict[str, list[Key]] = {}
    for key in keys:
        found.setdefault(key[0], []).append(key)
    return found


def _stated(rows: Sequence[ReportedSchedule], begun: Mapping[str, float]) -> dict[Key, Told]:
    """What applications report; of two that tell of the same, the one that told last.

    A process knows its schedules from its start on: what is told now all live workers have known for as long as the
    newest of them lives.
    """
    newest: dict[str, float] = {}
    for row in rows:
        newest[row.app] = max(newest.get(row.app, 0.0), row.reported_at.timestamp())
    found = [_told(row, newest[row.app], begun.get(row.app)) for row in rows]
    return {told.key: told for told in sorted(found, key=lambda told: told.told_at or 0.0)}


def _told(row: ReportedSchedule, newest: float, begun: float | None) -> Told:
    at = row.reported_at.timestamp()
    return Told(row.task, row.periodic_id, row.cron, row.zone, row.queue, row.app, at, newest, begun)
