"""Which minutes are recorded: those that were followed from their beginning to their end, by the server's clock."""

from __future__ import annotations

import datetime as dt

import pytest
from jobdesk_core import EventType
from jobdesk_core.history.history import History
from jobdesk_core.history.recorder import Recorder
from jobdesk_core.reading.pace import Occurrence, minute_of

NOON = dt.datetime(2026, 5, 4, 12, 0, tzinfo=dt.UTC)
FIRST = minute_of(NOON)


class Clocks:
    """A feed that looks once a second, a server's clock and ours."""

    def __init__(self) -> None:
        self.server, self.ours = NOON + dt.timedelta(seconds=20), 1000.0
        self.history = History()
        self.recorder = Recorder(self.history, lambda: self.ours)
        self.recorder.begin(self.server)

    def go_on(self, seconds: int, every: float = 1.0, *, jobs: bool = True, is_whole: bool = True) -> None:
        """A job ends at every look."""
        for _ in range(int(seconds / every)):
            self.server += dt.timedelta(seconds=every)
            self.ours += every
            if jobs:
                self.end(self.server)
            self.recorder.see(self.server, is_whole=is_whole)

    def end(self, at: dt.datetime) -> None:
        ended = Occurrence(minute_of(at), "mail", "send", EventType.SUCCEEDED, 0.5)
        self.recorder.add([ended], self.server)

    def recorded(self, first: int = FIRST, minutes: int = 12) -> list[int | None]:
        """How many runs ended in each minute; None: not recorded."""
        columns = self.history.read(first, first + minutes, 1).columns
        return [column.counts[EventType.SUCCEEDED] if column.recorded else None for column in columns]


def test_minutes_are_recorded_from_the_first_whole_one_on_and_the_running_one_is_not() -> None:
    clocks = Clocks()
    clocks.go_on(200)
    assert clocks.recorded(minutes=5) == [None, 60, 60, None, None]
    clocks.go_on(6)
    assert clocks.recorded(minutes=5) == [None, 60, 60, None, None], "in its grace a minute is not whole yet"
    clocks.go_on(30)
    assert clocks.recorded(minutes=5) == [None, 60, 60, 60, None]
    clocks.go_on(120, jobs=False)
    assert clocks.recorded(minutes=6) == [None, 60, 60, 60, 17, 0], "that nothing happened is known, too"


@pytest.mark.parametrize(
    "happens",
    [
        lambda clocks: clocks.recorder.begin(clocks.server),
        lambda clocks: setattr(clocks, "server", clocks.server + dt.timedelta(seconds=50)),
        lambda clocks: (
            setattr(clocks, "server", clocks.server + dt.timedelta(seconds=50)),
            setattr(clocks, "ours", clocks.ours + 50),
        ),
        lambda clocks: clocks.go_on(1, is_whole=False),
    ],
    ids=["the link was lost", "asleep, and our clock with us", "stopped", "events were given up"],
)
def test_a_minute_with_a_break_in_it_is_a_gap(happens: object) -> None:
    clocks = Clocks()
    clocks.go_on(200)  # 12:03:40
    assert callable(happens)
    happens(clocks)
    clocks.go_on(150)
    found = clocks.recorded(minutes=7)
    assert found[:4] == [None, 60, 60, None]
    assert 60 in found[4:]
    assert all(each in (60, None) for each in found[4:])


def test_out_of_sight_the_looks_are_rarer_and_all_is_recorded() -> None:
    clocks = Clocks()
    clocks.go_on(240, every=6.0)
    assert clocks.recorded(minutes=4) == [None, 10, 10, 10]


@pytest.mark.parametrize("days", [1, -1, 30, -0.1])
def test_a_clock_that_is_set_spoils_no_recorded_minute(days: float) -> None:
    clocks = Clocks()
    clocks.go_on(340)
    before = clocks.recorded()
    assert before[:5] == [None, 60, 60, 60, 60]
    clocks.server += dt.timedelta(days=days)
    clocks.end(clocks.server)
    clocks.go_on(200)
    after = clocks.recorded()
    assert after[:5] == before[:5]
    elsewhere = minute_of(clocks.server) - 4
    assert clocks.recorded(elsewhere, 4) == [None, None, 60, 60]
    between = clocks.history.read(min(FIRST, elsewhere) + 20, max(FIRST, elsewhere) - 20, 1)
    assert between.recorded == 0, "the minutes that were skipped never were"


def test_what_is_committed_late_is_added_once_and_what_claims_to_be_later_is_not_kept() -> None:
    clocks = Clocks()
    clocks.go_on(340)
    clocks.end(NOON + dt.timedelta(minutes=2))
    clocks.end(NOON + dt.timedelta(days=300))
    clocks.end(NOON - dt.timedelta(days=300))
    clocks.end(NOON)
    clocks.go_on(2)
    assert clocks.recorded(minutes=4) == [None, 60, 61, 60]
    assert len(clocks.recorder._open) == 2, "the running minute, and the one in its grace"
    assert clocks.history.recorded_since == FIRST + 1


def test_a_batch_after_a_jump_of_the_clock_is_not_added_to_earlier_minutes() -> None:
    """The clock is set back by two minutes, and the first thing told is of then."""
    clocks = Clocks()
    clocks.go_on(340)
    clocks.server -= dt.timedelta(minutes=2)
    clocks.end(clocks.server)
    assert clocks.recorded(minutes=5) == [None, 60, 60, 60, 60]
