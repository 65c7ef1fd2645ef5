"""In which zone moments are told: one choice, for what the window formats and for the sentences of the core."""

import datetime as dt
import time
from collections.abc import Iterator

import pytest
from jobdesk_core import moments
from jobdesk_core.cli import output
from jobdesk_core.jobs import Job
from jobdesk_core.operations.deferring.one import _sentence

NOON = dt.datetime(2026, 1, 1, 12, tzinfo=dt.UTC)


@pytest.fixture(autouse=True)
def tokyo(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    yield
    moments.tell_in(None)
    monkeypatch.undo()
    time.tzset()


@pytest.mark.parametrize(
    ("zone", "told", "listed"),
    [(None, "21:00:00 JST", "2026-01-01 21:00:00+09:00"), (dt.UTC, "12:00:00 UTC", "2026-01-01 12:00:00+00:00")],
)
def test_sentences_and_lists_are_in_the_zone_of_choice(zone: dt.tzinfo | None, told: str, listed: str) -> None:
    moments.tell_in(zone)
    assert f" for 2026-01-01 {told}: t in queue default." in _sentence(Job(task_name="t", scheduled_at=NOON), 7, None)
    assert output.moment(NOON) == listed
