"""The runs of periodic tasks as far as they have been found, and how far back the jobs were looked through for them."""

from __future__ import annotations

import datetime as dt
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from jobdesk_core.schedules.cadence import HOUR_S, told
from jobdesk_core.schedules.judging import MOST_RUNS, Deferral, Told
from jobdesk_core.schedules.reading import MOST_COURSES, Course, FoundJob
from jobdesk_core.schedules.schedule import Run
from jobdesk_core.schedules.usual import add

#: How far back it is noted when one was run whose cadence nobody tells: enough to know each weekday, and a month. At
#: most so many times are looked for.
USUAL_S, MOST_TIMES = 35 * 86_400.0, 15_000

Key = tuple[str, str]


@dataclass(slots=True)
class Book:
    """What has been found, kept from one reading to the next.

    `jobs` by the second of their time, of each schedule. All jobs above `low` and up to `high` have been looked
    through; `low` None: everything. What the jobs of a schedule have in common is its mark.
    """

    high: int = 0
    low: int | None = 0
    #: Whether older ones were left out, for there are too many.
    is_cut: bool = False
    jobs: dict[Key, dict[float, FoundJob]] = field(default_factory=lambda: defaultdict(dict))
    courses: dict[int, Course] = field(default_factory=dict)
    marks: dict[Key, set[str]] = field(default_factory=lambda: defaultdict(set))
    #: When each was run, for longer than its jobs are held, and how many times were noted.
    hours: dict[Key, dict[int, int]] = field(default_factory=lambda: defaultdict(dict))
    noted: Counter[Key] = field(default_factory=Counter)
    #: Jobs of a task with several schedules, any of which may have deferred them.
    unclear: dict[str, dict[int, FoundJob]] = field(default_factory=lambda: defaultdict(dict))

    def learn(self, deferrals: Sequence[Deferral], latest: Iterable[FoundJob]) -> None:
        """Take in the jobs that are known to be of a schedule, and what they tell of others."""
        job_of = {job.id: job for job in latest}
        for each in deferrals:
            job = job_of.get(each.job_id) if each.job_id is not None else None
            if job is None:
                continue
            key = (each.task, each.periodic_id)
            self.marks[key].add(job.mark)
            self._keep(key, job)

    def sort(self, found: Iterable[FoundJob], keys: Mapping[str, Sequence[Key]], stated: Mapping[Key, Told]) -> None:
        """Give jobs to the schedule whose they are; those of which it is not clear wait until it is."""
        for job in found:
            of_task = keys.get(job.task, ())
            self.unclear[job.task][job.id] = job
            if len(of_task) == 1:
                self._keep(of_task[0], job)
        for task, waiting in list(self.unclear.items()):
            of_task = keys.get(task, ())
            for job in list(waiting.values()):
                owner = _owner(job, of_task, self.marks, stated)
                if owner is not None:
                    self._keep(owner, job)
            self._share(task, of_task, stated)
            while len(waiting) > MOST_RUNS * 10:
                del waiting[min(waiting)]

    def _share(self, task: str, keys: Sequence[Key], stated: Mapping[Key, Told]) -> None:
        """Give those of one time to the schedules that all have that time: they were deferred alike, one for each."""
        held = {job.id for key in keys for job in self.jobs[key].values()}
        alike: dict[tuple[float, str], list[FoundJob]] = defaultdict(list)
        for job in self.unclear[task].values():
            if job.id not in held:
                alike[job.timestamp, job.mark].append(job)
        of_mark = {
            mark: [key for key in keys if mark in self.marks[key] or not self.marks[key]]
            for mark in {m for _, m in alike}
        }
        common = {
            mark for mark, sharing in of_mark.items() if self._have_all_times_in_common(mark, sharing, stated, alike)
        }
        for (at, mark), jobs in alike.items():
            wanting = [
                key
                for key in of_mark[mark]
                if at not in self.jobs[key] and (mark in common or _has_time(stated.get(key), at))
            ]
            if len(jobs) >= len(wanting):
                for key, job in zip(wanting, sorted(jobs, key=lambda job: job.id), strict=False):
                    self._keep(key, job)

    def _have_all_times_in_common(
        self,
        mark: str,
        keys: Sequence[Key],
        stated: Mapping[Key, Told],
        alike: Mapping[tuple[float, str], Sequence[FoundJob]],
    ) -> bool:
        """Whether these, of none of which a cadence is told, were each deferred at all times at which one was.

        Of the oldest time some jobs may not have been looked through yet.
        """
        if any(key in stated for key in keys):
            return False
        times = sorted(at for at, its in alike if its == mark)
        return all(len(alike[at, mark]) >= sum(at not in self.jobs[key] for key in keys) for at in times[1:])

    def _keep(self, key: Key, job: FoundJob) -> None:
        self.unclear[job.task].pop(job.id, None)
        self._note(key, job.timestamp)
        held = self.jobs[key]
        known = held.get(job.timestamp)
        # Of several of one time the first is the schedule's: the others were deferred by hand.
        if known is None or job.id < known.id:
            held[job.timestamp] = job
        while len(held) > MOST_RUNS:
            self.courses.pop(held.pop(min(held)).id, None)

    def _note(self, key: Key, at: float) -> None:
        hours = self.hours[key]
        add(hours, at)
        self.noted[key] += 1
        # A day more than is looked for, so that this is not done for each.
        if len(hours) > USUAL_S / HOUR_S + 24:
            for hour in sorted(hours)[:24]:
                del hours[hour]

    def is_full(self, key: Key, *, is_told: bool) -> bool:
        """Whether no older run is wanted: of one whose cadence nobody tells, until it is known when it usually runs."""
        if len(self.jobs[key]) < MOST_RUNS:
            return False
        hours = self.hours[key]
        return is_told or self.noted[key] >= MOST_TIMES or (max(hours) - min(hours)) * HOUR_S >= USUAL_S

    def open(self) -> list[int]:
        """The jobs whose course is not known, or not over; the newest first, up to as many as are read at once."""
        ids = (job.id for held in self.jobs.values() for job in held.values())
        return sorted((i for i in ids if not self._is_over(i)), reverse=True)[:MOST_COURSES]

    def _is_over(self, job_id: int) -> bool:
        course = self.courses.get(job_id)
        return course is not None and course.status.is_final

    def note(self, asked: Sequence[int], found: Mapping[int, Course]) -> None:
        """Take in what became of jobs; those that are there no more are forgotten."""
        self.courses.update(found)
        gone = set(asked) - set(found)
        for held in self.jobs.values() if gone else ():
            for at in [at for at, job in held.items() if job.id in gone]:
                self.courses.pop(held.pop(at).id, None)

    def runs(self, key: Key) -> tuple[Run, ...]:
        """The runs of a schedule whose course is known, the oldest first."""
        found = []
        for at, job in sorted(self.jobs[key].items()):
            course = self.courses.get(job.id)
            if course is not None:
                expected = dt.datetime.fromtimestamp(at, dt.UTC)
                times = (course.started_at, course.ended_at)
                found.append(Run(expected, course.deferred_at, job.id, course.status, *times))
        return tuple(found)

    def newest(self, key: Key) -> FoundJob | None:
        """The job of the latest time."""
        held = self.jobs[key]
        return held[max(held)] if held else None


def _owner(job: FoundJob, keys: Sequence[Key], marks: Mapping[Key, set[str]], stated: Mapping[Key, Told]) -> Key | None:
    """The one schedule of a task that defers like this: by all else it was deferred with, or by its time."""
    if len(keys) == 1:
        return keys[0]
    alike = [key for key in keys if job.mark in marks.get(key, ())]
    if len(alike) == 1:
        return alike[0]
    fitting = [key for key in alike or keys if _has_time(stated.get(key), job.timestamp)]
    return fitting[0] if len(fitting) == 1 else None


def _has_time(stated: Told | None, at: float) -> bool:
    cadence = told(stated.cron, stated.zone) if stated is not None else None
    return cadence is not None and cadence.is_time(at)
