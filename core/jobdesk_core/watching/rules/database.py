"""Rules about the database itself, and about what is kept of it here: it answers slowly, or not, or is not recorded."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

from jobdesk_core.durations import in_words
from jobdesk_core.watching.lines import Attention, Thresholds
from jobdesk_core.watching.situation import Situation
from jobdesk_core.watching.words import clock_time


def slow_database(situation: Situation, limits: Thresholds) -> Iterator[Attention]:
    """The database takes far longer than usual to answer one small question."""
    latency = situation.latency
    if latency is None or latency.now_s < max(limits.slow_s, limits.slow_times_usual * latency.usual_s):
        return
    sentence = f"The database takes {in_words(latency.now_s)} to answer, usually {in_words(latency.usual_s)}."
    if situation.blocker:
        sentence += f" {situation.blocker}"
    yield Attention("slow_database", "", "The database answers slowly", sentence, latency.since, "bad", latency.now_s)


def unrecorded(situation: Situation, limits: Thresholds) -> Iterator[Attention]:
    """What happens is not written on this machine, since its disk is full, for example."""
    if situation.unrecorded:
        sentence, since = situation.unrecorded, situation.unrecorded_since
        yield Attention("unrecorded", "", "The history is not written", sentence, since, "warning")


def unreachable(reason: str, since: dt.datetime, now: dt.datetime) -> Attention:
    """The database does not answer; of it there is no Situation. `reason` is a sentence or a part of one."""
    why = f": {reason.rstrip('.')}." if reason else "."
    sentence = f"does not answer since {clock_time(since, now)}{why}"
    silent_s = (now - since).total_seconds()
    return Attention("unreachable", "Database", "The database does not answer", sentence, since, "bad", silent_s)
