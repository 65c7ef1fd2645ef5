"""How a lock looks as a row, and what the Locks page says of all of them."""

from __future__ import annotations

import datetime as dt

from jobdesk_core.database.rows import JobRow
from jobdesk_core.locks.locks import Chain, LockKind, LockList, LockRow
from jobdesk_core.locks.reasons import LockState
from PySide6.QtCore import QCoreApplication

from jobdesk.kit import formats
from jobdesk.kit.theme.tokens import Tone
from jobdesk.kit.values_model import Cell, Title
from jobdesk.queues.columns import LONG_AGE, LONG_TIME

TONES: dict[LockState, Tone] = {
    LockState.STALLED: "bad",
    LockState.UNSERVED: "bad",
    LockState.SCHEDULED: "warning",
    LockState.TAKEN_AGAIN: "warning",
    LockState.HELD: "doing",
    LockState.READY: "todo",
}
#: Characters of a name that are shown in one line.
LONGEST_NAME = 200


def _tr(text: str) -> str:
    return QCoreApplication.translate("LocksPage", text)


def short(name: str) -> str:
    """A name of any length, as far as it may be worth reading in one line."""
    return name if len(name) <= LONGEST_NAME else f"{name[:LONGEST_NAME]}…"


def columns_of(kind: LockKind) -> dict[str, Title]:
    """The columns of the list, by the keys under which their layout is remembered."""
    is_lock = kind is LockKind.LOCK
    counts = (
        {"waiting": Title(_tr("waiting"), 76), "longest": Title(_tr("longest wait"), 104, sample=LONG_AGE)}
        if is_lock
        else {"refused": Title(_tr("retries refused"), 120)}
    )
    return {
        "name": Title(_tr("lock") if is_lock else _tr("queueing lock"), 170, is_right=False),
        "state": Title(_tr("state"), 224, is_right=False),
        **counts,
        "job": Title(_tr("job"), 90),
        "since": Title(_tr("since"), 80, sample=LONG_AGE),
        "task": Title(_tr("task"), 180, is_right=False),
        "queue": Title(_tr("queue"), 110, is_right=False),
        **({"later": Title(_tr("not yet due"), 96)} if is_lock else {}),
    }


def lock_cells(lock: LockRow, now: dt.datetime) -> list[Cell]:
    """The cells of one lock."""
    head, is_lock = lock.head, lock.kind is LockKind.LOCK
    waited = Cell(formats.age(lock.waiting_since, now), "" if lock.waiting else "secondary", value=lock.waiting_since)
    return [
        Cell(short(lock.name), value=lock.name),
        Cell(_state(lock), TONES[lock.state]),
        *([_count(lock.waiting), waited] if is_lock else [_count(lock.waiting, "warning")]),
        Cell(formats.job_number(head.id), is_mono=True, value=head.id),
        Cell(formats.age(lock.head_since, now), "secondary", value=lock.head_since),
        Cell(head.task_name),
        Cell(head.queue_name),
        *([_count(lock.later)] if is_lock else []),
    ]


def _count(count: int, tone: Tone = "") -> Cell:
    return Cell(formats.number(count), tone if count else "secondary")


def _state(lock: LockRow) -> str:
    if lock.kind is LockKind.QUEUEING_LOCK:
        if lock.state is LockState.TAKEN_AGAIN:
            return _tr("taken again: retries refused")
        return _tr("held until its time") if lock.state is LockState.SCHEDULED else _tr("held by a waiting job")
    return {
        LockState.STALLED: _tr("held by a stalled job"),
        LockState.UNSERVED: _tr("blocked: no worker takes it"),
        LockState.SCHEDULED: _tr("blocked: scheduled later") if lock.waiting else _tr("scheduled for later"),
        LockState.HELD: _tr("held by a running job"),
        LockState.READY: _tr("free: next waits for a worker"),
    }[lock.state]


def note_of(kind: LockKind, found: LockList) -> str:
    """How many there are, and what was left out."""
    shown, total = formats.number(len(found.rows)), formats.number(found.total)
    if len(found.rows) < found.total and kind is LockKind.LOCK:
        text = _tr("The {shown} locks with the longest waits of {total}").format(shown=shown, total=total)
    elif len(found.rows) < found.total:
        text = _tr("The {shown} oldest queueing locks of {total}").format(shown=shown, total=total)
    elif kind is LockKind.LOCK:
        text = _tr("1 lock") if found.total == 1 else _tr("{total} locks").format(total=total)
    else:
        text = _tr("1 queueing lock") if found.total == 1 else _tr("{total} queueing locks").format(total=total)
    if found.blocked:
        words = _tr("{count} blocked") if kind is LockKind.LOCK else _tr("{count} taken again")
        text = f"{words.format(count=formats.number(found.blocked))} · {text}"
    more: list[str] = []
    if found.failures_since is not None:
        more.append(_tr("Failed jobs since {time} are included.").format(time=formats.local(found.failures_since)))
    if not found.is_whole:
        looked = formats.number(found.looked_jobs)
        more.append(_tr("Searched the {looked} oldest unfinished jobs.").format(looked=looked))
    # A count alone is no sentence.
    return " ".join((f"{text}.", *more)) if more else text


def empty_words(kind: LockKind, text: str) -> tuple[str, str]:
    """Why there is nothing, and what would show."""
    if text:
        return _tr("No lock name contains this"), _tr("Only locks of waiting and running jobs are searched.")
    if kind is LockKind.LOCK:
        return (
            _tr("No job holds a lock or waits for one"),
            _tr("A lock lets one of its jobs run at a time. Locks that are held, or have several jobs, appear here."),
        )
    return (
        _tr("No waiting job holds a queueing lock"),
        _tr("A queueing lock lets one job wait at a time. Those held appear here, and failed jobs kept from a retry."),
    )


def chain_titles() -> list[Title]:
    """The columns of a lock's jobs."""
    return [
        Title(_tr("job"), 90),
        Title(_tr("status"), 96, is_right=False),
        Title(_tr("priority"), 76),
        Title(_tr("due"), 90, sample=LONG_TIME),
        Title(_tr("why"), 430, is_right=False),
        Title(_tr("task"), 180, is_right=False),
        Title(_tr("queue"), 100, is_right=False),
        Title(_tr("age"), 78, sample=LONG_AGE),
    ]


def chain_cells(row: JobRow, why: str, now: dt.datetime) -> list[Cell]:
    """The cells of one job of a lock."""
    return [
        Cell(formats.job_number(row.id), is_mono=True, value=row.id),
        Cell(row.status.value, status=row.status),
        _count(row.priority),
        Cell(formats.relative(row.scheduled_at, now), "secondary", value=row.scheduled_at),
        Cell(why),
        Cell(row.task_name),
        Cell(row.queue_name),
        Cell(formats.age(row.deferred_at, now), "secondary", value=row.deferred_at),
    ]


def chain_note(lock: LockRow, chain: Chain) -> str:
    """What the line above a lock's jobs says of their number."""
    count = formats.number(len(chain.links))
    if chain.has_more:
        return _tr("the first {count} jobs, in the order workers take them").format(count=count)
    if lock.kind is LockKind.QUEUEING_LOCK:
        return _tr("its holder, and jobs that could not be retried") if len(chain.links) > 1 else ""
    return _tr("{count} jobs, in the order workers take them").format(count=count) if len(chain.links) > 1 else ""
