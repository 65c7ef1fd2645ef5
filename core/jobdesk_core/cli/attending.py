"""The Situation of one moment for a command, read once without a feed. Each part is read for a short time at most."""

from __future__ import annotations

import contextlib
import datetime as dt
import time
from collections.abc import Mapping
from typing import TypeVar

from jobdesk_core.cli.connection import LIMIT_S, Opened
from jobdesk_core.cli.history import path_of
from jobdesk_core.connectors.sync_psycopg import SyncPsycopgConnector
from jobdesk_core.database.asking import Asking, alone
from jobdesk_core.database.limited import StatementTooLong, ask_limited, attempted, limited_now
from jobdesk_core.exceptions import ConnectorException
from jobdesk_core.feed.gaps import recent_events
from jobdesk_core.feed.history import HistoryReader
from jobdesk_core.history.history import History
from jobdesk_core.reading.open_jobs import OpenJobs
from jobdesk_core.reading.progress import progress
from jobdesk_core.reading.series import Series
from jobdesk_core.schedules.reader import ScheduleReader
from jobdesk_core.watching.facts import BLOCKER, Facts, read_facts
from jobdesk_core.watching.growth import growths
from jobdesk_core.watching.situation import Situation
from jobdesk_core.watching.watch import lock_lines, long_runs, rises

T = TypeVar("T")

#: Seconds for which the last hour, and past runs of periodic tasks, are read; what is beyond is not known.
HOUR_S, SCHEDULES_S = 3.0, 2.0


def situation(desk: Opened, jobs: OpenJobs, starts: Mapping[str, dt.datetime]) -> Situation:
    """What the rules may know now; `starts` are the latest ones of the queues (UTC). Raises ConnectorException."""
    series, now = _hour(desk), jobs.read_at
    for name, at in starts.items():
        series.add_start(name, at)
    found = [rise for rise in rises(series, now) if rise is not None]
    facts = _asked(read_facts(desk.capabilities, jobs, found), desk.connector) or Facts()
    blocker = _asked(alone(BLOCKER), desk.connector) or ""
    schedules = _asked(ScheduleReader(desk.capabilities).more(SCHEDULES_S), desk.connector)
    return Situation(
        now,
        jobs,
        {name: progress(group, series, now, name) for name, group in jobs.queues.items()},
        found,
        schedules=schedules.schedules if schedules is not None else None,
        lock_lines=lock_lines(facts, now, series.tasks) if facts.locks is not None else None,
        served=facts.served,
        long_runs=long_runs(series.tasks, facts.running, now, None) if facts.running is not None else None,
        causes=facts.causes,
        growths=list(growths(series, jobs, now)) if series.is_whole else None,
        started_at=series.last_start(),
        blocker=blocker,
    )


def unrecorded(desk: Opened) -> str | None:
    """Why a window on this machine cannot write what happens in this database; None where none has."""
    try:
        history = History(path_of(desk))
    except ConnectorException:
        return None
    history.try_file()
    return str(history.trouble) if history.trouble is not None else None


def _asked(steps: Asking[T], connector: SyncPsycopgConnector) -> T | None:
    """The value of statements; None where they take too long or are refused. Raises when the link is lost."""
    return ask_limited(attempted(steps), connector, LIMIT_S)


def _hour(desk: Opened) -> Series:
    """The last hour as far as it can be read in a short time, the newest first; `is_whole`: all of it."""
    series, started = Series(), time.monotonic()
    with contextlib.suppress(StatementTooLong):
        present = limited_now(desk.connector, recent_events(), LIMIT_S)
        reading = HistoryReader(series, max(present, default=0))
        while not reading.is_done and time.monotonic() - started < HOUR_S:
            ask_limited(reading.stretch(), desk.connector, LIMIT_S)
        series.is_whole = reading.is_done
    return series
