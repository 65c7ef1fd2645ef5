"""What the extra columns of the table of jobs hold: times and arguments, read for the jobs in sight alone.

What was read stays on show while something newer is asked for, so that nothing flickers; secrets are never asked for.
"""

from __future__ import annotations

import datetime as dt
import json
import re
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from jobdesk_core import exact_json
from jobdesk_core.database.rows import JobRow
from jobdesk_core.jobs import Status
from jobdesk_core.profiles.secret_keys import HIDDEN, compiled, masked
from jobdesk_core.reading.records import LONGEST_SHOWN, JobTimes
from jobdesk_core.reported.records import Progress
from jobdesk_core.reported.shown import Shown

from jobdesk.jobs.job_columns import EXTRAS, Column, argument_column
from jobdesk.kit import clock, formats

Path = tuple[str, ...]
_NOTHING = Shown()
#: Stands where a value is being read.
READING = "…"
#: Jobs of which values are kept, at most, when others are read.
MOST_KEPT = 6_000
#: For so long after a job was due it is asked again since when it waits: the server's clock may be late.
CLOCKS_S, AGAIN_S = 60.0, 1.0
#: Seconds between two looks at how far a running job says it has come.
PROGRESS_S = 3.0
_NUMBER = re.compile(r"-?\d+(\.\d+)?([eE][+-]?\d+)?")
_KEY = re.compile(r'("(?:[^"\\]|\\.)*")\s*:')


class _Read(NamedTuple):
    """The row as it was when the values were asked for, the values, and when (`time.monotonic`, wall clock)."""

    row: JobRow
    times: JobTimes | None
    reported: Shown
    at_s: float
    at: dt.datetime


class JobExtras:
    """The columns beyond those of a row, and their values for the jobs asked about so far."""

    def __init__(self) -> None:
        self.columns: tuple[Column, ...] = EXTRAS
        self.secret_keys = ""
        #: Whether what workers report is on show.
        self.follows_progress = False
        self._paths: tuple[Path, ...] = ()
        self._read: dict[int, _Read] = {}
        self._asked: dict[int, JobRow] = {}
        self._texts: dict[int, list[str]] = {}
        self._wordy: set[Path] = set()

    @property
    def paths(self) -> tuple[Path, ...]:
        """Where the arguments lie that have a column."""
        return self._paths

    def set_paths(self, paths: Sequence[Path]) -> None:
        """Have columns for other arguments; everything is asked for anew."""
        self._paths = tuple(paths)
        self.columns = EXTRAS + tuple(map(argument_column, paths))
        self.clear()

    def clear(self) -> None:
        """Forget every value."""
        for held in (self._read, self._asked, self._texts, self._wordy):
            held.clear()

    def doubt(self, job_ids: Iterable[int] | None = None) -> None:
        """These jobs, or all, may have changed: ask again."""
        if job_ids is None:
            self._asked.clear()
        else:
            for job_id in job_ids:
                self._asked.pop(job_id, None)

    def ask(self, rows: Iterable[JobRow], now: dt.datetime) -> list[JobRow]:
        """Those of these jobs whose values must be read now; they count as asked from here on."""
        wanted = [
            row
            for row in rows
            if self._asked.get(row.id) != row or self._has_become_due(row, now) or self._may_have_gone_on(row)
        ]
        self._asked.update((row.id, row) for row in wanted)
        return wanted

    def asked_paths(self) -> tuple[Path, ...]:
        """The paths that are read: never one that leads to a secret."""
        return tuple(path for path in self._paths if not self._is_secret(path))

    def take(
        self,
        asked: Sequence[JobRow],
        found: Mapping[int, JobTimes],
        reported: Mapping[int, Shown],
        paths: Sequence[Path],
    ) -> set[int]:
        """Take over what was read of the jobs asked about, at these paths, and return those whose texts are others."""
        if tuple(paths) != self.asked_paths():
            return set()  # other columns are wanted meanwhile
        now = clock.now()
        if len(self._read) > MOST_KEPT:
            self.clear()
        for row in asked:
            self._read[row.id] = _Read(row, found.get(row.id), reported.get(row.id, _NOTHING), time.monotonic(), now)
        for times in found.values():
            pairs = zip(self.asked_paths(), times.values, strict=False)
            self._wordy |= {path for path, value in pairs if value is not None and not _NUMBER.fullmatch(value)}
        self._align()
        return self.refresh([row.id for row in asked])

    def refresh(self, job_ids: Iterable[int]) -> set[int]:
        """Make the texts of these jobs for the present moment, and return the jobs whose texts are others now."""
        now = clock.now()
        changed: set[int] = set()
        for job_id in job_ids:
            read = self._read.get(job_id)
            if read is not None:
                texts = self._made(read, now)
                if self._texts.get(job_id) != texts:
                    self._texts[job_id] = texts
                    changed.add(job_id)
        return changed

    def text(self, job_id: int, place: int) -> str:
        """What stands in the column at this place."""
        texts = self._texts.get(job_id)
        return READING if texts is None else texts[place]

    def full_moment(self, job_id: int, key: str) -> str | None:
        """When the job `started` or `ended`, in full, as far as it is known."""
        read = self._read.get(job_id)
        if read is None or read.times is None:
            return None
        moment = read.times.started_at if key == "started" else read.times.ended_at
        return None if moment is None else formats.full(moment)

    def _made(self, read: _Read, now: dt.datetime) -> list[str]:
        times = read.times
        if times is None:
            return [formats.DASH] * len(self.columns)
        passed_s = time.monotonic() - read.at_s
        is_running = read.row.status in (Status.DOING, Status.ABORTING)
        is_waiting = read.row.status is Status.TODO and times.started_at is None
        values = dict(zip(self.asked_paths(), times.values, strict=False))
        return [
            formats.short(times.started_at, now),
            formats.short(times.ended_at, now),
            _span(times.duration_s, passed_s if is_running else 0.0),
            _span(times.waited_s, passed_s if is_waiting else 0.0),
            formats.visible(read.reported.error) if read.reported.error else formats.DASH,
            _progress(read.reported.progress),
            *(HIDDEN if self._is_secret(path) else self._shown(values.get(path)) for path in self._paths),
        ]

    def _shown(self, value: str | None) -> str:
        if value is None:
            return formats.DASH
        ending = "…" if len(value) >= LONGEST_SHOWN else ""
        return formats.visible(without_secrets(value, self.secret_keys) + ending)

    def _is_secret(self, path: Path) -> bool:
        secret = compiled(self.secret_keys)
        return any(secret.search(step) for step in path)

    def _has_become_due(self, row: JobRow, now: dt.datetime) -> bool:
        """Whether a job waits since a moment that had not come when it was asked about."""
        read = self._read.get(row.id)
        if row.status is not Status.TODO or read is None or read.times is None or read.times.waited_s is not None:
            return False
        due = row.scheduled_at
        if time.monotonic() - read.at_s < AGAIN_S:
            return False
        return due is not None and due <= now and (read.at - due).total_seconds() < CLOCKS_S

    def _may_have_gone_on(self, row: JobRow) -> bool:
        """Whether a running job's progress is on show and was read a while ago: no change of the row tells of it."""
        read = self._read.get(row.id)
        is_running = row.status in (Status.DOING, Status.ABORTING)
        return self.follows_progress and is_running and read is not None and time.monotonic() - read.at_s > PROGRESS_S

    def _align(self) -> None:
        """Numbers stand at the right: in a column in which nothing else was read."""
        self.columns = EXTRAS + tuple(
            argument_column(path, is_right=path not in self._wordy and not self._is_secret(path))
            for path in self._paths
        )


def without_secrets(value: str, pattern: str) -> str:
    """An object or a list as JSON text, perhaps cut, with nothing that stands under a secret key."""
    if value[:1] not in ("{", "["):
        return value
    secret = compiled(pattern)
    if not any(secret.search(json.loads(key, strict=False)) for key in _KEY.findall(value)):
        return value
    try:
        return exact_json.dumps(masked(exact_json.loads(value), pattern), ensure_ascii=False)
    except (ValueError, RecursionError):
        return HIDDEN  # cut in the middle


def _progress(progress: Progress | None) -> str:
    """How far a run says it has come: a share where it said of how much, and what it has done."""
    if progress is None:
        return formats.DASH
    done = f"{progress.done:,.0f}" if abs(progress.done) < 1e15 else formats.DASH
    return done if progress.share is None else f"{progress.share * 100:.0f} % · {done}"


def _span(seconds: float | None, more_s: float) -> str:
    return formats.DASH if seconds is None else formats.duration(seconds + more_s)
