"""A rule of alerts: what it watches, from when on it tells, and by which ways; and its sentence with editable parts."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from fnmatch import fnmatchcase
from types import MappingProxyType
from typing import Any, Literal, get_args

from jobdesk_core.durations import in_words
from jobdesk_core.watching.attention import RuleKey, Thresholds

#: The way to the desktop's notifications; any other is the name of a command or a webhook.
DESKTOP = "desktop"
#: What matches every subject.
ANY = "*"
KEYS: tuple[RuleKey, ...] = get_args(RuleKey)

#: How a value is written and read: seconds, a number, a number of times, minutes, or a name with * in it.
Unit = Literal["s", "count", "times", "min", "subject"]

#: The longest duration that makes sense in a rule, in seconds.
LONGEST_S = 30 * 86_400.0


@dataclass(frozen=True, slots=True)
class Value:
    """One value of a kind of rule: its name in files, how it is written, its default and its limits (inclusive)."""

    name: str
    unit: Unit
    default: float
    least: float
    most: float


@dataclass(frozen=True, slots=True)
class Kind:
    """What all rules of one key have in common.

    `sentence` holds the names of its values in braces, and `{subject}` where it is about one of several; `anything`
    is how every subject is called ("any queue"). `over` says what ended it.
    """

    key: RuleKey
    title: str
    sentence: str
    anything: str
    over: str
    values: tuple[Value, ...] = ()


def _span(name: str, default: float, least: float = 0.0) -> Value:
    return Value(name, "s", default, least, LONGEST_S)


#: In the order in which new rules are offered.
KINDS: Mapping[RuleKey, Kind] = MappingProxyType(
    {
        kind.key: kind
        for kind in (
            Kind(
                "no_worker",
                "No worker is alive",
                "no worker is alive for {for_s}",
                "",
                "A worker is alive again.",
                (_span("for_s", 30),),
            ),
            Kind(
                "idle_queue",
                "A queue stands still",
                "{subject} has jobs due and none started for {idle_s}",
                "any queue",
                "Jobs start again, or none is due.",
                (_span("idle_s", 30, 1),),
            ),
            Kind(
                "failures",
                "A task fails more than usual",
                "{subject} fails {failures_times_usual} its usual, at least {failures_at_least} in {failures_minutes}",
                "any task",
                "It fails no more than usual.",
                (
                    Value("failures_times_usual", "times", 10, 1, 1_000),
                    Value("failures_at_least", "count", 5, 1, 1_000_000),
                    Value("failures_minutes", "min", 10, 1, 60),
                ),
            ),
            Kind(
                "oldest_due",
                "The oldest due job is old",
                "{subject} has a job due for more than {oldest_due_s}",
                "any queue",
                "It caught up.",
                (_span("oldest_due_s", 300, 1),),
            ),
            Kind(
                "schedule",
                "A schedule is missed",
                "{subject} with a known cadence is {schedule_late_s} late",
                "any schedule",
                "It was deferred.",
                (_span("schedule_late_s", 300, 1),),
            ),
            Kind(
                "unreachable",
                "The database is unreachable",
                "no answer, or nothing but refusals, for {for_s}",
                "",
                "It answers again.",
                (_span("for_s", 60),),
            ),
            Kind(
                "stalled_jobs",
                "Jobs have stalled",
                "{subject} has running jobs without a live worker for {for_s}",
                "any queue",
                "No job of it is stalled any more.",
                (_span("for_s", 30),),
            ),
            Kind(
                "unresponsive_worker",
                "A worker is unresponsive",
                "{subject} has sent no heartbeat and is unresponsive for {for_s}",
                "any worker",
                "It is alive again, or gone.",
                (_span("for_s", 30),),
            ),
            Kind(
                "lock",
                "A lock holds up a line",
                "{subject} holds up {lock_waiting} jobs or more behind one that cannot run, for {for_s}",
                "any lock",
                "The line moves again.",
                (Value("lock_waiting", "count", 5, 1, 1_000_000), _span("for_s", 60)),
            ),
            Kind(
                "backlog",
                "A queue falls behind",
                "{subject} grows faster than it is served, for {for_s}",
                "any queue",
                "It is served as fast as it grows.",
                (_span("for_s", 300),),
            ),
            Kind(
                "long_run",
                "A run takes far too long",
                "{subject} has a run of {long_run_times_usual} its usual time",
                "any task",
                "It has ended.",
                (Value("long_run_times_usual", "times", 5, 1, 1_000),),
            ),
            Kind(
                "slow_database",
                "The database answers slowly",
                "the database takes {slow_s} or more to answer, for {for_s}",
                "",
                "It answers as fast as usual.",
                (_span("slow_s", 1, 0.1), _span("for_s", 60)),
            ),
            Kind(
                "unserved",
                "Nobody serves some jobs",
                "{subject} has jobs due that no live worker serves, for {for_s}",
                "any queue or task",
                "They are served.",
                (_span("for_s", 60),),
            ),
            Kind(
                "paused",
                "A queue is paused",
                "{subject} is paused with jobs due, for {for_s}",
                "any queue",
                "It is no longer paused, or no job is due.",
                (_span("for_s", 3_600),),
            ),
        )
    }
)


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of a rule's sentence; `name` is that of the value it shows, empty for words that stand as they are."""

    text: str
    name: str = ""


@dataclass(frozen=True, slots=True)
class AlertRule:
    """Tells when the trouble `key` of a matching subject has lasted for `for_s` seconds.

    `subject` is a name, with `*` for any characters. `values` are those that differ from the kind's defaults.
    `ways` are `DESKTOP` and the names of commands and webhooks. Unless `is_in_quiet_hours` it waits for their end.
    With `sends_jobs` commands and webhooks get some of the jobs with their arguments, which may be private.
    """

    key: RuleKey
    subject: str = ANY
    values: Mapping[str, float] = field(default_factory=dict, hash=False)
    ways: tuple[str, ...] = (DESKTOP,)
    is_in_quiet_hours: bool = False
    has_sound: bool = False
    is_on: bool = True
    sends_jobs: bool = False

    @property
    def kind(self) -> Kind:
        """What it has in common with others of its key."""
        return KINDS[self.key]

    def value(self, name: str) -> float:
        """A value by its name, the kind's default where none is given."""
        default = next((each.default for each in self.kind.values if each.name == name), 0.0)
        return self.values.get(name, default)

    @property
    def for_s(self) -> float:
        """Seconds that the trouble has to last before it is told."""
        return self.value("for_s")

    @property
    def thresholds(self) -> Thresholds:
        """What the engine of attention is asked with."""
        known = {each.name for each in fields(Thresholds)}
        given: dict[str, Any] = {
            each.name: _as_field(each.name, self.value(each.name)) for each in self.kind.values if each.name in known
        }
        return replace(Thresholds(), **given)

    def matches(self, subject: str) -> bool:
        """Whether it is about this subject."""
        return self.subject == ANY or fnmatchcase(subject, _pattern(self.subject))

    def with_value(self, name: str, value: float | str) -> AlertRule:
        """The rule with another value, or another `subject`."""
        if name == "subject":
            return replace(self, subject=str(value).strip() or ANY)
        return replace(self, values={**self.values, name: float(value)})

    def with_ways(self, ways: Sequence[str]) -> AlertRule:
        """The rule with these ways. Without a command or webhook nobody is sent jobs, nor by one that comes later."""
        is_sent = any(way != DESKTOP for way in ways)
        return replace(self, ways=tuple(ways), sends_jobs=self.sends_jobs and is_sent)

    def parts(self) -> list[Part]:
        """Its sentence: words and values, in order."""
        found = []
        for words in re.split(r"(\{\w+\})", self.kind.sentence):
            name = words[1:-1] if words.startswith("{") else ""
            if words:
                found.append(Part(self.shown(name), name) if name else Part(words))
        return found

    @property
    def sentence(self) -> str:
        """All its parts."""
        return "".join(part.text for part in self.parts())

    def shown(self, name: str) -> str:
        """A value as its sentence writes it."""
        if name == "subject":
            return self.kind.anything if self.subject == ANY else self.subject
        return written(self.value(name), unit_of(self.kind, name))


def _as_field(name: str, value: float) -> float | int:
    return int(value) if isinstance(getattr(Thresholds(), name), int) else value


def _pattern(subject: str) -> str:
    """Only the star stands for others: names of queues may hold brackets and question marks."""
    return re.sub(r"[\[?]", lambda sign: f"[{sign[0]}]", subject)


def unit_of(kind: Kind, name: str) -> Unit:
    """How a value is written."""
    return next((each.unit for each in kind.values if each.name == name), "subject")


def written(value: float, unit: Unit) -> str:
    """A value in words."""
    if unit == "s":
        return in_words(value)
    number = f"{value:,.10g}"
    return {"times": f"{number}×", "min": f"{number} min"}.get(unit, number)


#: The seconds of each unit of time, as people write them.
_SECONDS = {"s": 1, "sec": 1, "m": 60, "min": 60, "h": 3_600, "d": 86_400}
_TERM = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([a-z]*)", re.IGNORECASE)


def read_value(text: str, wanted: Value) -> float:
    """What somebody has typed for a value: "90", "90 s", "1 min 30 s", "10×". Raises ValueError with a sentence."""
    place, total, typed = 0, 0.0, text.strip().rstrip("×x").strip().replace(",", "")
    units = _SECONDS if wanted.unit == "s" else {"min": 1, "m": 1} if wanted.unit == "min" else {}
    while place < len(typed):
        term = _TERM.match(typed, place)
        if term is None or (term[2] and term[2].lower() not in units):
            raise ValueError(_how(wanted))
        total, place = total + float(term[1]) * units.get(term[2].lower(), 1), term.end()
    if not typed:
        raise ValueError(_how(wanted))
    return checked(total, wanted)


def checked(value: float, wanted: Value) -> float:
    """The value, within its limits. Raises ValueError with a sentence."""
    if not wanted.least <= value <= wanted.most:
        least, most = written(wanted.least, wanted.unit), written(wanted.most, wanted.unit)
        raise ValueError(f"It is between {least} and {most}.")
    if wanted.unit in ("count", "min") and value != int(value):
        raise ValueError("It is a whole number.")
    return value


def _how(wanted: Value) -> str:
    return {
        "s": "A duration is written as 30 s, 5 min or 1 h 30 min.",
        "min": "It is a number of minutes.",
        "times": "It is a number, as 10×.",
    }.get(wanted.unit, "It is a number.")


#: What is watched until somebody says otherwise: few, and true.
DEFAULT_RULES: tuple[AlertRule, ...] = (
    AlertRule("no_worker", is_in_quiet_hours=True),
    AlertRule("idle_queue", is_in_quiet_hours=True),
    AlertRule("failures"),
    AlertRule("oldest_due"),
    AlertRule("schedule"),
    AlertRule("unreachable", is_in_quiet_hours=True),
)


def named(rules: Sequence[AlertRule]) -> list[tuple[str, AlertRule]]:
    """Each rule with the name that it has in the history: the same while its values change."""
    seen: dict[str, int] = {}
    found = []
    for rule in rules:
        name = rule.key if rule.subject == ANY else f"{rule.key}:{rule.subject}"
        seen[name] = seen.get(name, 0) + 1
        found.append((name if seen[name] == 1 else f"{name}#{seen[name]}", rule))
    return found
