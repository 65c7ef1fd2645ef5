"""The buttons of a line of what needs attention: what each does, and to how many."""

from __future__ import annotations

from typing import Literal, NamedTuple

from jobdesk_core.watching.attention import Attention
from PySide6.QtCore import QCoreApplication

from jobdesk.kit import formats

#: What a button leads to: the jobs, or what the remedy of the line says.
Way = Literal["jobs", "rescue", "retry", "defer", "workers", "failures", "schedules", "locks", "queues"]
#: A line has so many buttons at most.
WAYS = 2
#: Those that act, once they have been looked through: not offered while what is shown is of the past.
ACTS: tuple[Way, ...] = ("rescue", "retry", "defer")


class Button(NamedTuple):
    """A button's way and its words."""

    way: Way
    text: str


def buttons_of(line: Attention) -> list[Button]:
    """Two at most, the one that mends it first."""
    ways: list[Way]
    if line.rule == "failures":
        ways = ["failures", "retry"] if line.remedy == "retry" else ["failures", "jobs"]
    elif line.remedy:
        ways = [line.remedy, "jobs"]
    else:
        ways = ["jobs"]
    if line.rule == "schedule":
        ways = ["defer", "schedules"] if line.remedy == "defer" else ["schedules", "jobs"]
    return [Button(way, _words(way, line)) for way in ways if way != "jobs" or line.filter_text]


def place_of(way: Way, line: Attention) -> str:
    """What is to be looked at on the page that a button leads to, by its name there."""
    return line.subject.removeprefix("lock ") if way == "locks" else line.subject


def _words(way: Way, line: Attention) -> str:
    count = formats.number(line.count)
    is_one = line.count == 1

    def tr(text: str) -> str:
        return QCoreApplication.translate("Remedies", text)

    if way == "rescue":
        return tr("Rescue 1 job…") if is_one else tr("Rescue {count} jobs…").format(count=count)
    if way == "retry":
        return tr("Retry {count}…").format(count=count)
    return {
        "jobs": tr("Show jobs"),
        "defer": tr("Defer now…"),
        "workers": tr("Show workers"),
        "failures": tr("Show group"),
        "schedules": tr("Show schedule"),
        "locks": tr("Show lock"),
        "queues": tr("Show queue"),
    }[way]
