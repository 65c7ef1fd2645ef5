"""When an act wants the profile's name typed, a yes, or nothing, and when more than that: one rule for every way in."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Final

from jobdesk_core.operations.change.changes import Action
from jobdesk_core.operations.change.plan import Plan
from jobdesk_core.operations.staged.changes import ChangeSet

#: On production more jobs than this want the profile's name typed.
MANY = 100


class Other(enum.Enum):
    """Acts that are not one of the actions on jobs."""

    #: Deferring jobs again on another connection than the one at hand.
    REPLAY = "replay"
    UNDO = "undo"
    #: Removing workers; its jobs are those that they run.
    PRUNE = "prune"
    #: Dropping the schema of the reports with all that was reported.
    REMOVE_REPORTS = "remove the reports"


Act = Action | Other

#: What cannot be taken back by the journal's undo or by another act, or leads to another database than the one at hand.
DESTRUCTIVE: Final[frozenset[Act]] = frozenset(
    {Action.ABORT, Action.DELETE, Action.PURGE, Other.REPLAY, Other.REMOVE_REPORTS}
)


class Wants(enum.IntEnum):
    """What an act wants before it begins; the window's verb, which tells what it does to how many, is a yes."""

    NOTHING = 0
    YES = 1
    NAME = 2


@dataclass(frozen=True, slots=True)
class Confirmation:
    """What an act wants, and of how many of its jobs nobody knows that they no longer run.

    For these a yes is not enough: the window has a tick, the command line --force.
    """

    wants: Wants
    at_risk: int = 0

    @property
    def needs_force(self) -> bool:
        """Whether more than a yes is needed."""
        return self.at_risk > 0


def confirmation(act: Act, jobs: int, *, is_production: bool, at_risk: int = 0) -> Confirmation:
    """What an act on so many jobs wants, of which `at_risk` may still be running.

    On production the name: of what cannot be taken back, of more than MANY jobs, and of jobs that may run twice.
    Otherwise a yes; new jobs want none, for whoever defers them has just written them down.
    """
    if not jobs:
        return Confirmation(Wants.NOTHING, at_risk)
    if is_production and (act in DESTRUCTIVE or jobs > MANY or at_risk):
        return Confirmation(Wants.NAME, at_risk)
    return Confirmation(Wants.NOTHING if act is Action.DEFER else Wants.YES, at_risk)


def confirmation_of(plan: Plan, *, is_production: bool) -> Confirmation:
    """What a plan wants before it is carried out."""
    return confirmation(plan.change.action, plan.ready, is_production=is_production, at_risk=plan.at_risk)


def confirmation_of_set(staged: ChangeSet, *, is_production: bool, at_risk: int = 0) -> Confirmation:
    """What staged changes want before they are applied: the most that one of them does, or all of them together."""
    each = [confirmation(entry.action, entry.count, is_production=is_production).wants for entry in staged.entries]
    together = confirmation(Action.RETRY, staged.jobs, is_production=is_production, at_risk=at_risk)
    return Confirmation(max([together.wants, *each]), at_risk)
