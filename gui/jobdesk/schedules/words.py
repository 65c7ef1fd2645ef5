"""The words and cells of the Schedules page."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from jobdesk_core import durations
from jobdesk_core.jobs import Status
from jobdesk_core.schedules.reader import Schedules
from jobdesk_core.schedules.schedule import Run, Schedule, State
from jobdesk_core.schedules.told import state_told
from PySide6.QtCore import QCoreApplication

from jobdesk.kit import formats
from jobdesk.kit.theme.tokens import STATUS_SHAPE, Tone

#: What asks for something now, and what for a look today.
TONES: dict[State, Tone] = {"missed": "bad", "late": "warning", "overlapping": "warning", "abandoned": "warning"}


@dataclass(frozen=True, slots=True)
class Shown:
    """What a cell shows: a text in a tone, what stands behind it in the secondary colour, and a shape before it.

    The shape has the text's tone, or where there is a `lead` that one.
    """

    text: str
    aside: str = ""
    tone: Tone = ""
    shape: str = ""
    is_strong: bool = False
    tip: str = ""
    lead: Tone = ""


def name_cell(schedule: Schedule) -> Shown:
    """The task and its periodic id."""
    aside = f"· {schedule.periodic_id}" if schedule.periodic_id else ""
    # Where there is no room for the id, the tooltip has it.
    return Shown(schedule.task, aside, is_strong=not schedule.is_on_time, tip=schedule.name if aside else "")


def cadence_cell(schedule: Schedule, now: dt.datetime) -> Shown:
    """When it comes, in words."""
    words = schedule.words(now, formats.here(now).tzinfo or dt.UTC)
    if schedule.is_inferred:
        return Shown(words, _tr("(inferred)"), "secondary", tip=schedule.cron or "")
    if not words:
        return Shown(formats.DASH, tone="secondary", tip=_tr("Too few runs to tell a cadence, and nobody has told it."))
    return Shown(words, tip=cron_told(schedule))


def cron_told(schedule: Schedule) -> str:
    """The cron expression and its zone; empty where nobody has told it."""
    if not schedule.cron:
        return ""
    return f"{schedule.cron}  ({schedule.zone or 'UTC'})"


def last_cell(run: Run | None, now: dt.datetime) -> Shown:
    """The last run: when, how it ended, how long it took."""
    if run is None:
        return Shown(_tr("never"), tone="secondary")
    at = when(run.expected_at, now)
    if run.status is None:
        return Shown(at, _tr("its job is gone"), "secondary", "dash", tip=formats.full(run.expected_at))
    told, shape = took(run, now), STATUS_SHAPE[run.status]
    return Shown(at, told, "", shape, tip=formats.full(run.expected_at), lead=run.status.value)


def took(run: Run, now: dt.datetime) -> str:
    """How long a run took, or takes so far, or has waited."""
    if run.ran_s is not None:
        return durations.in_words(run.ran_s)
    if run.status is Status.DOING and run.started_at is not None:
        return _tr("{time} so far").format(time=durations.so_far(now - run.started_at))
    if run.status is Status.TODO and run.deferred_at is not None:
        return _tr("due for {time}").format(time=durations.roughly(now - run.deferred_at))
    return ""


def when(at: dt.datetime, now: dt.datetime) -> str:
    """A time today as 22:05:00, another as yesterday 02:00, Mon 23 Nov, or with its year."""
    there, today = formats.here(at), formats.here(now)
    days = (today.date() - there.date()).days
    if not days:
        return f"{there:%H:%M:%S}"
    if days == 1:
        return _tr("yesterday {time}").format(time=f"{there:%H:%M}")
    return f"{there:%m-%d %H:%M}" if there.year == today.year else f"{there:%Y-%m-%d}"


def next_cell(schedule: Schedule, now: dt.datetime) -> Shown:
    """When it comes next."""
    if schedule.next_at is None:
        return Shown(formats.DASH, tone="secondary")
    seconds = (schedule.next_at - now).total_seconds()
    tip = formats.full(schedule.next_at)
    if seconds < 0:
        return Shown(_tr("{time} ago").format(time=durations.roughly(-seconds)), tone="warning", tip=tip)
    return Shown(_tr("in {time}").format(time=durations.so_far(seconds)), tip=tip)


def state_cell(schedule: Schedule, now: dt.datetime) -> Shown:
    """Whether it is on time."""
    text = state_told(schedule, now)
    tone = TONES.get(schedule.state)
    if tone is None:
        return Shown(text, tone="secondary")
    return Shown(text, tone=tone, shape="triangle", is_strong=True, tip=schedule.reason)


def why(schedule: Schedule, now: dt.datetime) -> tuple[str, str, Tone]:
    """A headline, the reason and its tone; an empty headline where nothing is to be said."""
    at = when(schedule.expected_at, now).removesuffix(":00") if schedule.expected_at is not None else ""
    tone = TONES.get(schedule.state, "")
    coming = ""
    if schedule.next_at is not None and schedule.next_at > now:
        left = durations.so_far(schedule.next_at - now)
        coming = _tr("The next run is at {time}, in {left}.").format(time=clock(schedule.next_at, now), left=left)
    if schedule.state == "missed":
        headline = _tr("Nobody deferred the run of {time}.").format(time=at)
        if schedule.missed > 1:
            headline = _tr("Nobody has deferred it since {time}: {count} runs.").format(
                time=at, count=state_told(schedule, now).removeprefix("missed ")
            )
        return headline, " ".join(filter(None, (schedule.reason, coming))), tone
    if schedule.state == "late":
        ago = durations.roughly(now - schedule.expected_at) if schedule.expected_at is not None else ""
        headline = _tr("The run of {time} is {ago} late.").format(time=at, ago=ago)
        inferred = _tr("Its cadence is inferred from past runs.") if schedule.is_inferred else ""
        return headline, " ".join(filter(None, (schedule.reason, inferred))), tone
    if schedule.state == "overlapping":
        return _tr("The last run began before the one before it had ended."), coming, tone
    if schedule.state == "abandoned":
        return _tr("Nobody defers it any more."), schedule.reason, tone
    if schedule.reason:
        return _tr("The job of the last run is gone."), schedule.reason, "warning"
    return "", "", ""


def clock(at: dt.datetime, now: dt.datetime) -> str:
    """A time to come: its hour and minute, with its day unless that is within a day."""
    there = formats.here(at)
    return f"{there:%H:%M}" if abs((at - now).total_seconds()) < 86_400 else f"{there:%m-%d %H:%M}"


def note(found: Schedules) -> str:
    """What is to be said below the list: of cadences that nobody has told, and of clocks that differ."""
    inferred = sum(each.is_inferred for each in found.schedules)
    told = []
    if inferred:
        one = _tr("1 cadence is inferred from past runs: this database does not store it, and the app did not tell it.")
        more = _tr(
            "{count} cadences are inferred from past runs: this database does not store them, "
            "and the app did not tell them."
        )
        told.append(one if inferred == 1 else more.format(count=formats.number(inferred)))
        told.append(_tr("A late run of an inferred schedule is never called missed."))
    if not found.is_whole:
        told.append(_tr("Older runs are still being read."))
    if found.is_cut:
        told.append(_tr("Older runs lie too far back among the jobs to be looked up."))
    if found.clocks:
        told.append(found.clocks)
    return " ".join(told)


def _tr(text: str) -> str:
    return QCoreApplication.translate("SchedulesWords", text)
