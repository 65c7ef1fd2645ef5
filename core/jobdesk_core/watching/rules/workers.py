"""Rules about workers: none alive, one unresponsive, and what none of them serves."""

from __future__ import annotations

import datetime as dt
from collections.abc import Container, Iterator, Mapping
from typing import Literal

from jobdesk_core.database.rows import WorkerRow
from jobdesk_core.durations import so_far
from jobdesk_core.filters.language import DUE, term
from jobdesk_core.reading.open_jobs import OpenGroup
from jobdesk_core.watching.lines import Attention, Severity, Thresholds
from jobdesk_core.watching.rules.order import most_due
from jobdesk_core.watching.situation import Situation
from jobdesk_core.watching.words import are, how_long, jobs

#: A worker that is started anew in its place is back within so many seconds: until then none is missed.
RESTART_S = 15.0
#: Where the workers have all ended in good order, as at night, the next job is none of their business for so long.
SOON_S = 3_600.0
#: Tasks of the library's own, which every worker knows.
_BUILT_IN = ("builtin:", "procrastinate.builtin_tasks.")


def no_worker(situation: Situation, limits: Thresholds) -> Iterator[Attention]:
    """No live worker at all, where the release keeps a record of workers."""
    if not situation.is_none_alive:
        return
    of_all, now, dead = situation.open.all, situation.now, situation.open.workers or ()
    seen = situation.worker_seen_at
    # One that is started anew is not registered for a moment; and the server's clock may just have been set back.
    is_unheard = all(worker.last_heartbeat > now for worker in dead)
    if is_unheard and seen is not None and abs((now - seen).total_seconds()) < RESTART_S:
        return
    since = max((worker.last_heartbeat for worker in dead), default=seen or of_all.oldest)
    blocker = f" {situation.blocker}" if situation.blocker else ""
    if of_all.due or of_all.running:
        more = situation.is_at_least
        count, verb = jobs(of_all.due, is_at_least=more), are(of_all.due, is_at_least=more)
        due = f"{count} {verb} due." if of_all.due else "No job is due."
        filter_text = DUE if of_all.due else "status:doing"
        yield _none_alive(f"No worker is alive. {due}{blocker}", since, "bad", of_all.due, filter_text)
    elif of_all.scheduled and of_all.next_due is not None:
        if not dead and (of_all.next_due - now).total_seconds() > SOON_S:
            return
        sentence = f"No worker is alive. The next job is due in {so_far(of_all.next_due - now)}."
        yield _none_alive(sentence + blocker, since, "warning", of_all.scheduled, "status:todo")
    elif dead:
        yield _none_alive(f"No worker is alive. No job is waiting.{blocker}", since, "warning", 0, "")


def _none_alive(sentence: str, since: dt.datetime | None, tone: Severity, number: int, filter_text: str) -> Attention:
    return Attention("no_worker", "", "No worker is alive", sentence, since, tone, number, filter_text, "workers")


def unresponsive_worker(situation: Situation, limits: Thresholds) -> Iterator[Attention]:
    """A registered worker that has sent no heartbeat for too long; `count` is how many jobs it is running."""
    for worker in situation.open.workers or ():
        if not worker.is_alive(situation.now):
            yield _unresponsive(worker, situation.now)


def _unresponsive(worker: WorkerRow, now: dt.datetime) -> Attention:
    name, silent_s = f"Worker #{worker.id:,}", (now - worker.last_heartbeat).total_seconds()
    runs = f"It was running {jobs(worker.running)}." if worker.running else "It runs no job."
    return Attention(
        "unresponsive_worker",
        name,
        f"{name} is unresponsive",
        f"unresponsive, last heartbeat {how_long(worker.last_heartbeat, now)} ago. {runs}",
        worker.last_heartbeat,
        "warning",
        silent_s,
        "",
        "workers",
        worker.running,
    )


def unserved(situation: Situation, limits: Thresholds) -> Iterator[Attention]:
    """Due jobs of queues, and of tasks, that no live worker serves, as far as all of them report what they serve."""
    served, now = situation.served, situation.now
    if served is None or situation.is_none_alive:
        return
    if served.queues is not None:
        for name, group in most_due(_others(situation.open.queues, served.queues, now)):
            if name not in situation.open.paused:
                due = jobs(group.due, is_at_least=situation.is_at_least)
                sentence = f"{due} due, and no live worker serves this queue."
                yield _unserved("queue", name, sentence, group, f"{name} is served by nobody")
    if served.tasks is not None:
        for name, group in most_due(_others(situation.open.tasks, served.tasks, now)):
            if not name.startswith(_BUILT_IN):
                due = jobs(group.due, is_at_least=situation.is_at_least)
                sentence = f"{due} due, and no live worker knows this task: a run of it will fail."
                yield _unserved("task", name, sentence, group, f"{name} is known to nobody")


def _others(
    groups: Mapping[str, OpenGroup], served: Container[str], now: dt.datetime
) -> Iterator[tuple[str, OpenGroup]]:
    """Those that are not served, and whose jobs have been due for longer than a worker takes to be started anew."""
    until = now - dt.timedelta(seconds=RESTART_S)
    for name, group in groups.items():
        if group.due and name not in served and (group.oldest is None or group.oldest <= until):
            yield name, group


def _unserved(kind: Literal["queue", "task"], name: str, sentence: str, group: OpenGroup, title: str) -> Attention:
    shown = f"{term(kind, name)} {DUE}"
    return Attention("unserved", name, title, sentence, group.oldest, "bad", group.due, shown, "workers")
