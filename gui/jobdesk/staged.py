"""The staged changes of every connection: in memory only, for as long as the program runs.

They are not kept on disk: a new job's arguments may be secret, and rows go on changing. Whoever would lose them is
asked before.
"""

from __future__ import annotations

from jobdesk_core.jobs import Job
from jobdesk_core.operations import ChangeSet, DeferPlan, Plan
from jobdesk_core.profiles import Profile, where
from PySide6.QtCore import QObject, Signal

Place = tuple[str, str]


class StagedChanges(QObject):
    """A set by connection: its profile's name and where it leads, so that none is ever applied elsewhere."""

    changed = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._sets: dict[Place, ChangeSet] = {}

    def of(self, profile: Profile) -> ChangeSet:
        """A connection's set."""
        return self._sets.get(place_of(profile), ChangeSet())

    def keep(self, profile: Profile, held: ChangeSet) -> None:
        """Make this the connection's set."""
        self._sets[place_of(profile)] = held
        if not held.entries:
            del self._sets[place_of(profile)]
        self.changed.emit()

    def add_plan(self, profile: Profile, plan: Plan) -> None:
        """Stage what a preflight has looked at. Raises TooManyStaged or NothingToStage."""
        self.keep(profile, self.of(profile).with_plan(plan))

    def add_defer(self, profile: Profile, job: Job, *, again_of: int | None = None) -> None:
        """Stage a new job. Raises TooManyStaged."""
        self.keep(profile, self.of(profile).with_defer(job, again_of=again_of))

    def add_defers(self, profile: Profile, plan: DeferPlan) -> None:
        """Stage the new jobs of a list. Raises TooManyStaged, TooManyNewJobs or NothingToStage."""
        self.keep(profile, self.of(profile).with_defers(plan))

    def drop_all(self) -> None:
        """Throw the sets of all connections away."""
        self._sets.clear()
        self.changed.emit()

    def rename(self, old: str, new: str) -> None:
        """The connection `old` is called `new` from now on."""
        self._sets = {(new if name == old else name, place): held for (name, place), held in self._sets.items()}
        self.changed.emit()

    def counts(self) -> dict[str, int]:
        """How many changes are staged, by the names of the connections that have any."""
        return {name: len(held.entries) for (name, _), held in self._sets.items()}


def place_of(profile: Profile) -> Place:
    """What a set belongs to."""
    return profile.name, where(profile)
