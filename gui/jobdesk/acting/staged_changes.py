"""The staged changes of every connection: in memory only, for as long as the program runs.

They are not kept on disk: a new job's arguments may be secret, and rows go on changing. Whoever would lose them is
asked before.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from jobdesk_core.exceptions import InDoubt
from jobdesk_core.jobs import Job
from jobdesk_core.operations import ChangeSet, DeferPlan, NothingToStage, Plan, TooManyNewJobs, TooManyStaged
from jobdesk_core.profiles import Profile, where
from PySide6.QtCore import QObject, Signal

Place = tuple[str, str]


@dataclass(frozen=True, slots=True)
class InQuestion:
    """Changes of which nobody knows whether they were applied, and the error by which that can be found out."""

    change_set: ChangeSet
    error: InDoubt


class StagedChanges(QObject):
    """A set by connection: its profile's name and where it leads, so that none is ever applied elsewhere."""

    changed = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._sets: dict[Place, ChangeSet] = {}
        #: Left behind with their connection before it was known whether they were applied.
        self._in_question: dict[Place, InQuestion] = {}

    def of(self, profile: Profile) -> ChangeSet:
        """A connection's set."""
        if not self._sets:
            return ChangeSet()  # where the profile leads is asked of libpq, which reads files
        return self._sets.get(place_of(profile), ChangeSet())

    def keep(self, profile: Profile, change_set: ChangeSet) -> None:
        """Make this the connection's set."""
        self._sets[place_of(profile)] = change_set
        if not change_set.entries:
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

    def keep_rest(self, profile: Profile, done: Callable[[str], object]) -> Callable[[DeferPlan], object]:
        """What stages the new jobs that an act has left, once however often it is asked to, and says so."""
        staged: list[DeferPlan] = []

        def stage(rest: DeferPlan) -> None:
            try:
                if not staged:
                    self.add_defers(profile, rest)
            except (TooManyStaged, TooManyNewJobs, NothingToStage) as error:
                done(str(error))
            else:
                staged.append(rest)
                done(self.tr("Staged. Nothing has been changed yet."))

        return stage

    def put_back(self, profile: Profile, change_set: ChangeSet) -> None:
        """Stage changes again that were not applied, before those that were staged since."""
        self.keep(profile, ChangeSet((*change_set.entries, *self.of(profile).entries)))

    def leave_in_question(self, profile: Profile, left: InQuestion) -> None:
        """Keep changes aside, until the connection is there again and can tell whether they were applied."""
        self._in_question[place_of(profile)] = left

    def take_in_question(self, profile: Profile) -> InQuestion | None:
        """What was kept aside for this connection, once."""
        return self._in_question.pop(place_of(profile), None)

    def drop_all(self) -> None:
        """Throw the sets of all connections away."""
        self._sets.clear()
        self._in_question.clear()
        self.changed.emit()

    def rename(self, old: str, new: str) -> None:
        """The connection `old` is called `new` from now on."""
        self._sets = {
            (new if name == old else name, place): change_set for (name, place), change_set in self._sets.items()
        }
        left = self._in_question.items()
        self._in_question = {(new if name == old else name, place): each for (name, place), each in left}
        self.changed.emit()

    def counts(self) -> dict[str, int]:
        """How many changes are staged, by the names of the connections that have any."""
        return {name: len(change_set.entries) for (name, _), change_set in self._sets.items()}


def place_of(profile: Profile) -> Place:
    """What a set belongs to."""
    return profile.name, where(profile)
