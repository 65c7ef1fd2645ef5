"""How the journal's entries and records look as rows, and what is said of them."""

from __future__ import annotations

import datetime as dt

from jobdesk_core.clock import TOLD_S
from jobdesk_core.journal import Entry, Record
from jobdesk_core.journal.record import UNDO
from PySide6.QtCore import QCoreApplication

from jobdesk.kit import formats
from jobdesk.kit.core_words import translated
from jobdesk.kit.fields import Field
from jobdesk.kit.theme.tokens import Tone
from jobdesk.kit.values_model import Cell, Title


def _tr(text: str) -> str:
    return QCoreApplication.translate("JournalPage", text)


def entry_titles() -> list[Title]:
    """The columns of the list."""
    return [
        Title(_tr("action"), 260, is_right=False),
        Title(_tr("when"), 150, is_right=False, sample="0000-00-00 00:00:00"),
        Title(_tr("outcome"), 200, is_right=False),
        Title(_tr("profile"), 130, is_right=False),
        Title(_tr("user"), 100, is_right=False),
        Title(_tr("role"), 100, is_right=False),
    ]


def entry_cells(entry: Entry, now: dt.datetime) -> list[Cell]:
    """The cells of one entry."""
    text, tone = outcome_words(entry, now)
    return [
        Cell(short(entry.header.sentence), value=entry.header.sentence),
        Cell(formats.local(entry.at), "secondary", value=entry.at),
        Cell(text, tone),
        Cell(short(entry.header.profile), value=entry.header.profile),
        Cell(short(entry.os_user), "secondary"),
        Cell(short(entry.header.role), "secondary"),
    ]


def outcome_words(entry: Entry, now: dt.datetime) -> tuple[str, Tone]:
    """What came of an act, and the tone of it."""
    if entry.ended_at is None:
        is_fresh = now - entry.at < dt.timedelta(minutes=1)
        return (_tr("in progress"), "doing") if is_fresh else (_tr("no outcome recorded"), "warning")
    done, left = formats.number(entry.done), formats.number(entry.left)
    if entry.in_doubt:
        words = _tr("{count} not known yet").format(count=formats.number(entry.in_doubt))
        return f"{_tr('{done} done').format(done=done)} · {words}" if entry.done else words, "warning"
    if entry.done:
        text = _tr("{done} done, {left} not") if entry.left else _tr("{done} done")
    else:
        text = _tr("none of {left} done") if entry.left else _tr("nothing done")
    text = text.format(done=done, left=left)
    if entry.undone:
        all_undone = entry.undone >= entry.done
        words = _tr("undone") if all_undone else _tr("{count} undone").format(count=formats.number(entry.undone))
        return f"{text} · {words}", "secondary"
    if entry.error and not _is_all_done(entry):
        return _tr("failed: {text}").format(text=text), "bad"
    return text, "good" if entry.done else "secondary"


def _is_all_done(entry: Entry) -> bool:
    """Whether all of it was done, although its end was interrupted. Of an undo the rest is not written."""
    return bool(entry.done and not entry.left and not entry.in_doubt and entry.header.action != UNDO)


def record_titles() -> list[Title]:
    """The columns of an entry's jobs."""
    return [
        Title(_tr("job"), 96),
        Title(_tr("outcome"), 110, is_right=False),
        Title(_tr("before"), 170, is_right=False),
        Title(_tr("message"), 320, is_right=False),
    ]


def record_cells(record: Record) -> list[Cell]:
    """The cells of one job's record."""
    tones: dict[str, Tone] = {"done": "good", "unknown": "warning", "refused": "bad"}
    outcome = _tr("undone") if record.undone_by is not None else translated(record.outcome)
    return [
        Cell(
            formats.job_number(record.job_id) if record.job_id else formats.DASH,
            is_mono=True,
            value=record.job_id or None,
        ),
        Cell(outcome, "secondary" if record.undone_by is not None else tones.get(record.outcome, "secondary")),
        Cell(short(before_words(record)), "secondary", value=before_words(record)),
        Cell(short(record.sentence), value=record.sentence),
    ]


def before_words(record: Record) -> str:
    """The state before an act: its status and what the act changed, never the arguments."""
    held = [f"{name} {value}" for name, value in record.before.items() if name in _TOLD and value is not None]
    status = record.before.get("status")
    return ", ".join([str(status), *held] if status else held)


_TOLD = ("priority", "scheduled_at")


def facts(entry: Entry) -> list[Field]:
    """An entry as labels and values."""
    header = entry.header
    found: list[Field] = [
        (_tr("when"), _when(entry), ""),
        (_tr("took"), _took(entry), ""),
        (_tr("user"), entry.os_user, ""),
        (_tr("role"), header.role, ""),
        (_tr("profile"), header.profile, ""),
        (_tr("database"), header.place, "mono"),
    ]
    if header.set_to:
        found.append((_tr("set to"), ", ".join(f"{name} {value}" for name, value in header.set_to.items()), ""))
    if header.undoes is not None:
        found.append((_tr("undoes"), _tr("entry {number}").format(number=header.undoes), ""))
    if entry.error:
        is_done = _is_all_done(entry)
        found.append((_tr("interrupted") if is_done else _tr("failed"), short(entry.error), "" if is_done else "bad"))
    return [(name, value or formats.DASH, tone) for name, value, tone in found]


def _when(entry: Entry) -> str:
    """By this machine's clock, as the journal is of many servers; a difference to this server's is told."""
    at = formats.full(entry.at)
    if abs(entry.ahead_s) < TOLD_S:
        return at
    far = formats.duration(abs(entry.ahead_s))
    said = _tr("{at} by this machine's clock, {far} ahead of the server's")
    if entry.ahead_s < 0:
        said = _tr("{at} by this machine's clock, {far} behind the server's")
    return said.format(at=at, far=far)


def _took(entry: Entry) -> str:
    if entry.ended_at is None:
        return _tr("no outcome recorded: the program quit meanwhile, or is still at work")
    return formats.duration((entry.ended_at - entry.at).total_seconds())


def short(text: str) -> str:
    """Text of any length in one line, as far as it may be worth reading there."""
    line = " ".join(text[:400].split())
    return line if len(line) <= LONGEST else f"{line[:LONGEST]}…"


#: Characters of a text that are shown in one line.
LONGEST = 200
