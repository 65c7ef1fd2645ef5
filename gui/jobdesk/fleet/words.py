"""The words and tones of the board: what a state is called, and what each cell says."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Sequence

from jobdesk_core.durations import roughly
from jobdesk_core.number import at_least, exact
from jobdesk_core.watching.attention import THRESHOLDS
from jobdesk_core.watching.fleet import INTERVAL_S
from jobdesk_core.watching.member import Member
from PySide6.QtCore import QCoreApplication

from jobdesk.kit import formats
from jobdesk.kit.theme.tokens import Tone
from jobdesk.kit.values_model import Cell, Title

#: Seconds from which what is shown of a database is old, and too old, where it is asked every few seconds.
OLD_S, TOO_OLD_S = 10.0, 30.0
KEYS = ("database", "state", "release", "due", "oldest", "failed", "workers", "stalled", "age", "finished")
#: Given up where there is no room, the first one first.
OPTIONAL = ("finished", "age", "release", "stalled")


def titles() -> list[Title]:
    """The heads of the columns, in the order of KEYS."""
    return [
        Title(_tr("database"), 132, is_right=False),
        Title(_tr("state"), 166, is_right=False),
        Title(_tr("release"), 72, is_right=False, sample="3.4–3.10"),
        Title(_tr("due"), 60, sample="10,000+"),
        Title(_tr("oldest due"), 92, sample="59 min"),
        Title(_tr("failed/min"), 90),
        Title(_tr("workers"), 78, sample="12 of 13"),
        Title(_tr("stalled"), 68),
        Title(_tr("feed age"), 82, sample="59 min"),
        Title(_tr("finished, 1 h"), 104, is_right=False),
    ]


def state_cell(member: Member) -> Cell:
    """What its state is called, with its shape."""
    look = member.look
    if member.state == "unreachable":
        since = (dt.datetime.now(dt.UTC) - member.since).total_seconds()
        return Cell(_tr("unreachable {time}").format(time=roughly(since)), "bad", shape="cross")
    if member.state == "polling":
        is_pooled = look is not None and look.is_pooled
        tip = _tr("Behind a pooler, through which it cannot tell of changes.") if is_pooled else ""
        text = _tr("polling, pooler") if is_pooled else _tr("polling")
        return Cell(text, "secondary", shape="half-circle", tip=tip)
    if member.state == "live":
        return Cell(_tr("live"), "good", shape="dot")
    if member.state == "connecting":
        return Cell(_tr("connecting"), "secondary", shape="circle")
    if member.state == "password":
        return Cell(_tr("needs a password"), "warning", shape="circle")
    if member.state == "slow":
        return Cell(_tr("answers slowly"), "warning", shape="half-circle")
    kind = member.trouble.kind if member.trouble is not None else ""
    refused = {
        "no_schema": _tr("no schema"),
        "no_database": _tr("no such database"),
        "no_role": _tr("no such role"),
        "rights": _tr("no right to read"),
        "password_command": _tr("password command failed"),
    }
    return Cell(refused.get(kind, _tr("refuses")), "warning", shape="cross")


def cells(member: Member, wait_s: float = INTERVAL_S) -> list[Cell]:
    """Its row. Numbers of a database that does not answer are its last ones, in grey."""
    look, is_now = member.look, member.is_answering
    name = Cell(member.name, "" if is_now else "secondary", is_strong=member.rank < 3)
    if look is None:
        return [name, state_cell(member), *[Cell(formats.DASH, "secondary")] * 8]
    row = [
        _release(member),
        _number(look.all.due, is_at_least=look.is_at_least),
        _oldest(member),
        _failed(member),
        _workers(member),
        Cell(formats.number(look.all.stalled), "bad" if look.all.stalled else "secondary", is_strong=True),
    ]
    if not look.all.stalled:
        row[-1] = Cell("0", "secondary")
    row = row if is_now else [Cell(cell.text, "secondary", value=cell.value) for cell in row]
    return [name, state_cell(member), *row, age_cell(member, wait_s), Cell("")]


def _release(member: Member) -> Cell:
    assert member.look is not None
    capabilities, whole = member.look.capabilities, member.look.release
    is_strange = capabilities is not None and capabilities.strangeness is not None
    # What is behind the comma is in the tip: how many functions are altered.
    shown = whole.partition(",")[0].replace("before ", "< ").replace("newer than ", "> ")
    return Cell(shown, "warning" if is_strange else "", tip=whole if shown != whole else "")


def _number(value: int, *, is_at_least: bool = False) -> Cell:
    number = (at_least if is_at_least else exact)(value)
    return Cell(*formats.count_cell(number), tip=formats.count_tip(number), value=number)


def _oldest(member: Member) -> Cell:
    seconds = member.oldest_s
    if seconds is None:
        return Cell(formats.DASH, "secondary")
    is_old = seconds >= THRESHOLDS.oldest_due_s
    return Cell(
        roughly(seconds), "warning" if is_old else "", is_strong=is_old, value=member.look and member.look.all.oldest
    )


def _failed(member: Member) -> Cell:
    assert member.look is not None
    rate = member.look.failed_per_minute
    if rate is None:
        return Cell(formats.DASH, "secondary")
    is_bad = any(line.rule == "failures" for line in member.lines)
    text = f"{rate:,.1f}" + ("+" if member.look.is_rate_at_least else "")
    return Cell(text, "bad" if is_bad else "" if rate >= 0.05 else "secondary", is_strong=is_bad, value=rate)


def _workers(member: Member) -> Cell:
    assert member.look is not None
    if member.look.workers is None:
        return Cell(formats.DASH, "secondary")
    alive, known = member.look.workers
    if alive < known:
        return Cell(_tr("{live} of {all}").format(live=alive, all=known), "bad", is_strong=True)
    if not known and (member.look.all.due or member.look.all.running):
        return Cell("0", "bad", is_strong=True)
    return Cell(formats.number(known), "" if known else "secondary")


def age_cell(member: Member, wait_s: float) -> Cell:
    """How old what is shown is."""
    seconds = member.age_s(time.monotonic())
    if seconds is None:
        return Cell(formats.DASH, "secondary")
    late_s = max(0.0, seconds - wait_s)
    tone: Tone = "bad" if late_s > TOO_OLD_S else "warning" if late_s > OLD_S else "secondary"
    return Cell(age(seconds), tone)


def age(seconds: float) -> str:
    """Under ten seconds with a tenth."""
    return _tr("{seconds} s").format(seconds=f"{seconds:.1f}") if seconds < 10 else roughly(seconds)


def reason(member: Member) -> str:
    """Why a database does not answer, when it is tried next, and of when its numbers are; empty when it answers."""
    trouble = member.trouble
    if trouble is None or member.state in ("live", "polling", "connecting"):
        return ""
    sentences = [trouble.sentence if trouble.sentence.endswith((".", "!", "?")) else f"{trouble.sentence}."]
    if member.tries_at is not None:
        seconds = max(0, round(member.tries_at - time.monotonic()))
        sentences.append(_tr("Next try in {seconds} s.").format(seconds=seconds))
    elif member.state != "password":
        sentences.append(_tr("Trying now."))
    if member.look is not None:
        at = formats.local(member.look.server_time)
        sentences.append(_tr("Its numbers are of {time} and not in the sums.").format(time=at))
    return " ".join(sentences)


def named(members: Sequence[Member], most: int = 3) -> str:
    """Their names, the first few of them."""
    names = [formats.cut(member.name, 24) for member in members]
    if len(names) <= most:
        return ", ".join(names)
    return _tr("{names} and {count} more").format(names=", ".join(names[: most - 1]), count=len(names) - most + 1)


def _tr(text: str) -> str:
    return QCoreApplication.translate("Fleet", text)
