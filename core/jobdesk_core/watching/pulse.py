"""Follows one database from afar: one cheap question per interval on one connection, and what the answers tell.

It reads no more than a bounded number of open jobs and events at a time. Where there are more, numbers are told as "at
least". What a release does not know (its workers before 3.1) is None, as is what has not been watched for long enough.
"""

from __future__ import annotations

import datetime as dt
import statistics
import time
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from jobdesk_core.clock import ServerClock
from jobdesk_core.connectors.psycopg import PsycopgConnector
from jobdesk_core.connectors.settings import Route
from jobdesk_core.connectors.sync_psycopg import SyncPsycopgConnector
from jobdesk_core.database.asking import Asking, ask_async
from jobdesk_core.database.capabilities import DETECT, Capabilities
from jobdesk_core.database.limited import ask_limited, limited
from jobdesk_core.database.schema import found_elsewhere
from jobdesk_core.exceptions import SchemaChanged
from jobdesk_core.jobs import EventType
from jobdesk_core.reading.open_jobs import OpenGroup, OpenJobs
from jobdesk_core.reading.pace import ARRIVALS, ENDS, MINUTES, PUT_OFF, Pace, minute_of
from jobdesk_core.reading.progress import Progress, progress
from jobdesk_core.reading.rise import Rise, is_clear, is_storm
from jobdesk_core.reading.series import Series
from jobdesk_core.watching.pulse_question import MOST, Answer, question
from jobdesk_core.watching.situation import Situation, Usual
from jobdesk_core.watching.tally import Tally

#: Seconds that the question may take; then it is cancelled, on the server too.
LIMIT_S = 4.0
#: The share of the time that the server may spend on the questions: what takes long is asked more rarely.
SHARE = 0.01
#: After so many seconds it is asked anew what the database can do: it may have been migrated.
DETECT_AGAIN_S = 120.0
#: Whole minutes of which a rate is told.
RATE_MINUTES = 10
#: Whole minutes whose failures are compared with those before, at least so many of these, and the fewest failures.
RISE_MINUTES, RISE_AFTER_MINUTES, FEWEST_FAILURES = 5, 15, 5
#: Seconds for which what a transaction in flight has left out is asked for again.
MISSING_S = 30.0


@dataclass(frozen=True, slots=True)
class Look:
    """What one question has told, and those before it. Rates are per minute over the last whole minutes.

    `ended` and `failed`: how many runs ended (to be retried or not) and failed in each of the last sixty whole minutes,
    the oldest first; None where nobody has looked. `is_at_least`: there are more open jobs than were counted;
    `is_rate_at_least`: there were more events. A rate is None until a whole minute has been seen. `server_time` is UTC;
    `latency_ms` the round trip, `cost_ms` what of it the server took. `capabilities`: what the database can do.
    `workers`: how many are alive, of how many registered; None where the release does not record them.
    """

    situation: Situation
    capabilities: Capabilities
    server_time: dt.datetime
    latency_ms: float
    cost_ms: float
    is_pooled: bool
    is_at_least: bool
    is_rate_at_least: bool
    ended_per_minute: float | None
    failed_per_minute: float | None
    ended: tuple[int | None, ...]
    failed: tuple[int | None, ...]
    workers: tuple[int, int] | None = field(init=False)

    def __post_init__(self) -> None:
        known, now = self.situation.open.workers, self.situation.now
        found = None if known is None else (sum(each.is_alive(now) for each in known), len(known))
        object.__setattr__(self, "workers", found)

    @property
    def release(self) -> str:
        """The releases of Procrastinate whose schema it is: `3.4–3.10`."""
        return self.capabilities.release

    @property
    def can_listen(self) -> bool:
        """Whether an open connection hears of changes at once, rather than polling for them."""
        return not (self.is_pooled or self.capabilities.is_standby)

    @property
    def all(self) -> OpenGroup:
        """The open jobs of all queues together."""
        return self.situation.open.all


class Pulse:
    """Ask again and again; between two questions nothing happens. `usual`: what the history knows of this database.

    `tally` counts what happens, and how long jobs wait and run, which is asked for where there is one.
    """

    def __init__(self, usual: Usual | None = None, tally: Tally | None = None) -> None:
        self.usual, self.tally = usual, tally
        self.clock = ServerClock()
        #: The last answer; None before the first one.
        self.look: Look | None = None
        self._capabilities: Capabilities | None = None
        self._detected_at = 0.0
        self._costs_ms: deque[float] = deque(maxlen=3)
        self._series = Series()
        self._cursor: int | None = None
        self._missing: dict[int, float] = {}
        #: The first minute (since 1970) that has been seen as a whole, and the last one of which not all was read.
        self._seen_from = self._left_out_at = 0
        self._seen_since: dt.datetime | None = None
        self._failing: dict[tuple[Literal["queue", "task"], str, EventType], int] = {}

    async def ask(self, connector: PsycopgConnector, connection: Any = None, *, limit_s: float = LIMIT_S) -> Look:
        """Ask on one connection, the pool's or this one. Raises ConnectorException; StatementTooLong at the limit."""
        look = await ask_async(self.steps(), lambda statement: limited(connector, statement, limit_s, connection))
        return self._routed(look, connector.route)

    def ask_now(self, connector: SyncPsycopgConnector, *, limit_s: float = LIMIT_S) -> Look:
        """As `ask`, without an event loop."""
        return self._routed(ask_limited(self.steps(), connector, limit_s), connector.route)

    def wait_s(self, interval_s: float) -> float:
        """For how many seconds to wait until the next question, so that the server's share stays small.

        One that took long for once, as the first one may, changes nothing.
        """
        return max(interval_s, statistics.median_low(self._costs_ms) / 1000 / SHARE) if self._costs_ms else interval_s

    def steps(self) -> Asking[Look]:
        """The statements of one question."""
        capabilities = self._capabilities
        if capabilities is None or time.monotonic() - self._detected_at > DETECT_AGAIN_S:
            capabilities = yield DETECT
            assert isinstance(capabilities, Capabilities)
            if not capabilities.has_schema:
                sentence = f"Database {capabilities.database} has no Procrastinate schema."
                raise SchemaChanged(found_elsewhere(capabilities) or sentence)
            self._capabilities, self._detected_at = capabilities, time.monotonic()
        asked_at = time.monotonic()
        is_timed = self.tally is not None and (self._cursor is not None or self.tally.of_before)
        try:
            answer = yield question(capabilities, self._cursor, list(self._missing), is_timed=is_timed)
        except BaseException:
            self._capabilities = None  # perhaps it has just been migrated
            raise
        answered_at = time.monotonic()
        assert isinstance(answer, Answer)
        self.clock.note(answer.server_time, asked_at, answered_at)
        self._take(answer)
        self._costs_ms.append(answer.cost_ms)
        self.look = self._seen(answer, capabilities, 1000 * (answered_at - asked_at))
        return self.look

    def _routed(self, look: Look, route: Route | None) -> Look:
        if (route is Route.POOLED) is not look.is_pooled:
            look = self.look = replace(look, is_pooled=not look.is_pooled)
        return look

    # Keeping

    def _take(self, answer: Answer) -> None:
        now = answer.server_time
        if self.tally is not None:
            events = ((queue, task, kind, n) for _, queue, task, kind, n, _, _ in answer.happened)
            self.tally.take(events, answer.lasted, is_first=self._cursor is None)
        is_full = answer.events >= MOST
        if self._cursor is None:
            since = answer.first_at if is_full and answer.first_at is not None else now - dt.timedelta(days=1)
            self._seen_since, self._seen_from = since, minute_of(since) + 1
        elif is_full:
            self._left_out_at = minute_of(now)
        before, asked = self._missing, time.monotonic()
        if self._cursor is not None:
            found = {missing: before.get(missing, asked) for missing in (*answer.missing, *before)}
            for missing in answer.appeared:
                found.pop(missing, None)
            self._missing = {missing: at for missing, at in found.items() if asked - at < MISSING_S}
        # Having fallen behind it goes on from now.
        self._cursor = answer.newest if is_full else answer.cursor
        series = self._series
        series.add_history((minute, queue, task, kind, n) for minute, queue, task, kind, n, _, _ in answer.happened)
        for minute, queue, task, kind, _, later, at in answer.happened:
            if kind is EventType.STARTED:
                series.add_started(queue, task, at)
            elif kind is EventType.FAILED:
                self._failing["queue", queue, kind] = self._failing["task", task, kind] = minute
            elif kind is EventType.DEFERRED_FOR_RETRY:
                self._failing["task", task, kind] = minute
            if later and kind in ARRIVALS:
                series.add_history([(minute, queue, task, PUT_OFF, later)])

    # Telling

    def _seen(self, answer: Answer, capabilities: Capabilities, latency_ms: float) -> Look:
        now, jobs = answer.server_time, answer.open
        courses = {name: course for name, course in self._courses(jobs, now)}
        situation = Situation(
            now,
            jobs,
            courses,
            list(self._rises(now)),
            usual=self.usual,
            started_at=self._series.last_start(),
            is_at_least=answer.is_at_least,
        )
        ended, failed = self._minutes(ENDS, now), self._minutes((EventType.FAILED,), now)
        return Look(
            situation,
            capabilities,
            now,
            latency_ms,
            answer.cost_ms,
            False,
            answer.is_at_least,
            minute_of(now) - self._left_out_at <= RATE_MINUTES,
            rate(ended),
            rate(failed),
            ended,
            failed,
        )

    def _minutes(self, kinds: tuple[EventType, ...], now: dt.datetime) -> tuple[int | None, ...]:
        counts = self._series.last(kinds, now, None, MINUTES + 1)[:-1]
        unseen = min(max(0, self._seen_from - (minute_of(now) - MINUTES)), len(counts))
        return (None,) * unseen + tuple(counts[unseen:])

    def _courses(self, jobs: OpenJobs, now: dt.datetime) -> Iterator[tuple[str, Progress]]:
        """How the queues with due jobs get on. Whose last start is not known has started none since we look."""
        since = self._seen_since or now
        is_whole = (now - since).total_seconds() >= 60 * MINUTES
        for name, group in jobs.queues.items():
            if not group.due:
                continue
            if is_whole or self._series.last_start(name) is not None:
                yield name, progress(group, self._series, now, name)
                continue
            pace = Pace()
            pace.add_start(name, since)
            yield name, replace(progress(group, pace, now, name), is_at_least=(group.oldest or now) < since)

    def _rises(self, now: dt.datetime) -> Iterator[Rise]:
        """The queues and tasks that fail more than before, once it has been watched what was before."""
        recent_from = minute_of(now) - RISE_MINUTES
        self._failing = {each: minute for each, minute in self._failing.items() if minute >= recent_from}
        before_from = max(self._seen_from, minute_of(now) - MINUTES + 1)
        before_minutes = recent_from - before_from
        if before_minutes < RISE_AFTER_MINUTES:
            return
        risen: set[tuple[str, str]] = set()
        for kind, name, event in sorted(self._failing, key=lambda each: each[2] is not EventType.FAILED):
            pace = self._series if kind == "queue" else self._series.tasks
            counts = pace.last((event,), now, name, RISE_MINUTES + before_minutes + 1)[:-1]
            recent, before = counts[-RISE_MINUTES:], counts[:-RISE_MINUTES]
            usual = sum(before) * RISE_MINUTES / before_minutes
            is_more = is_clear(sum(recent), sum(before), RISE_MINUTES / before_minutes)
            if sum(recent) < FEWEST_FAILURES or not is_more:
                continue
            is_retried = event is not EventType.FAILED
            ended = pace.last(ENDS, now, name, RISE_MINUTES + 1)[:-1] if is_retried else ()
            if is_retried and ((kind, name) in risen or not is_storm(recent, ended)):
                continue
            risen.add((kind, name))
            first = next((place for place, count in enumerate(recent) if count > usual / RISE_MINUTES), 0)
            since = dt.datetime.fromtimestamp(60 * (recent_from + first), dt.UTC)
            yield Rise(kind, name, sum(recent), usual, RISE_MINUTES, since, is_retried)


def rate(minutes: Sequence[int | None]) -> float | None:
    """How many per minute, over the last of these minutes; None when none of them was seen."""
    seen = [count for count in minutes[-RATE_MINUTES:] if count is not None]
    return sum(seen) / len(seen) if seen else None
