"""One database of the fleet as it was last seen, and what of it adds up over all of them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Literal

from jobdesk_core.profiles.profile import Profile
from jobdesk_core.troubles import LINK_LOST, Trouble
from jobdesk_core.watching.attention import Attention
from jobdesk_core.watching.pulse import Look

#: Nobody has answered yet; it answers and would tell of changes at once; it answers and has to be asked; it takes too
#: long to answer; nothing is known without a password; it refuses what is asked; it is not to be reached.
State = Literal["connecting", "live", "polling", "slow", "password", "refused", "unreachable"]
ANSWERING: tuple[State, ...] = ("live", "polling")
#: How much a database needs a person: unreachable, something is broken, look at it today, all well.
Rank = Literal[0, 1, 2, 3]


@dataclass(frozen=True, slots=True)
class Member:
    """A database and what is known of it. `since` (UTC, our clock): when its state began.

    `look` is its last answer and `looked_at` when that came, `tries_at` when it is tried anew (both `time.monotonic`);
    None where there is none. `lines` are of that answer, the worst first. `is_open`: a tab of the window follows it.
    """

    profile: Profile
    state: State = "connecting"
    since: dt.datetime = field(default_factory=lambda: dt.datetime.now(dt.UTC))
    look: Look | None = None
    looked_at: float | None = None
    trouble: Trouble | None = None
    tries_at: float | None = None
    lines: tuple[Attention, ...] = ()
    is_open: bool = False
    #: How much it needs a person, and for how many seconds its oldest due job had waited; None without any.
    rank: Rank = field(init=False)
    oldest_s: float | None = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "rank", self._rank())
        object.__setattr__(self, "oldest_s", self._oldest_s())

    @property
    def name(self) -> str:
        """The profile's name."""
        return self.profile.name

    @property
    def is_answering(self) -> bool:
        """Whether its numbers are of now, and count in sums."""
        return self.state in ANSWERING and self.look is not None

    def _rank(self) -> Rank:
        if self.state == "unreachable":
            return 0
        if self.is_answering and any(line.tone == "bad" for line in self.lines):
            return 1
        if self.state in ("slow", "password", "refused") or (self.is_answering and self.lines):
            return 2
        return 3

    @property
    def needs_attention(self) -> bool:
        """Whether a person should look at it, although it is to be reached."""
        return self.rank in (1, 2)

    def _oldest_s(self) -> float | None:
        if self.look is None or self.look.all.oldest is None:
            return None
        return max(0.0, (self.look.situation.now - self.look.all.oldest).total_seconds())

    def age_s(self, now: float) -> float | None:
        """How old what is known of it is, in seconds, at a `time.monotonic`; None before its first answer."""
        return max(0.0, now - self.looked_at) if self.looked_at is not None else None


def state_of(trouble: Trouble) -> State:
    """What a failure says of a database's state."""
    if trouble.kind in LINK_LOST:
        return "unreachable"
    if trouble.kind in ("timeout", "locked", "busy", "limit"):
        return "slow"
    return "password" if trouble.kind == "password" else "refused"


def worst_first(members: Iterable[Member]) -> list[Member]:
    """Unreachable, red, amber, and then those with the oldest due job."""
    return sorted(members, key=_place)


def _place(member: Member) -> tuple[int, float, str]:
    oldest_s = member.oldest_s if member.is_answering else None
    return member.rank, -oldest_s if oldest_s is not None else 1.0, member.name.casefold()


def folders(members: Iterable[Member]) -> list[tuple[str, list[Member]]]:
    """The members by folder, those without one under the empty name: the folder with the worst member first."""
    found: dict[str, list[Member]] = {}
    for member in worst_first(members):
        found.setdefault(member.profile.folder, []).append(member)
    return list(found.items())


@dataclass(frozen=True, slots=True)
class Totals:
    """Sums over the databases that answer; `left_out` are those that do not, and are in none of them.

    `is_at_least`: some have more due jobs than were counted. `oldest_s` in seconds. `alive` workers of `registered`.
    `unreachable`, `attention`: the databases, the worst first; `failing` and `stalling` those with the most.
    """

    databases: int
    fine: int
    unreachable: Sequence[Member]
    attention: Sequence[Member]
    left_out: Sequence[Member]
    due: int
    is_at_least: bool
    oldest_s: float | None
    failed_per_minute: float
    failing: Sequence[Member]
    alive: int
    registered: int
    stalled: int
    stalling: Sequence[Member]

    @property
    def is_known(self) -> bool:
        """Whether any database answers: otherwise the sums are of nothing, and not 0."""
        return len(self.left_out) < self.databases


def totals(members: Iterable[Member]) -> Totals:
    """What adds up."""
    every = worst_first(members)
    looks = [(each, each.look) for each in every if each.is_answering and each.look is not None]
    workers = [look.workers for _, look in looks if look.workers is not None]
    stalling = [(look.all.stalled, each) for each, look in looks if look.all.stalled]
    failing = [(look.failed_per_minute, each) for each, look in looks if look.failed_per_minute]
    return Totals(
        len(every),
        sum(each.is_answering and each.rank == 3 for each in every),
        [each for each in every if each.rank == 0],
        [each for each in every if each.needs_attention],
        [each for each in every if not each.is_answering],
        sum(look.all.due for _, look in looks),
        any(look.is_at_least for _, look in looks),
        max((each.oldest_s for each, _ in looks if each.oldest_s is not None), default=None),
        sum(rate for rate, _ in failing),
        _most(failing),
        sum(alive for alive, _ in workers),
        sum(known for _, known in workers),
        sum(number for number, _ in stalling),
        _most(stalling),
    )


def _most(found: list[tuple[float, Member]] | list[tuple[int, Member]]) -> list[Member]:
    return [each for _, each in sorted(found, key=lambda pair: -pair[0])]
