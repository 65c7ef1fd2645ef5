"""The one flow of every act: look at what would be done, show it, and hand it over to be done in the background."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any, Generic, Protocol, TypeVar

from jobdesk_core.operations import TooManyNewJobs, TooManyStaged
from jobdesk_core.troubles import explain
from PySide6.QtWidgets import QPushButton, QWidget

from jobdesk.acting.act import Errand
from jobdesk.acting.safety import Safety
from jobdesk.connection.desk import Desk
from jobdesk.kit.dialog_frame import DialogFrame
from jobdesk.kit.sql_view import ShownSql
from jobdesk.kit.stoppable import Pace

LOOK = "look"
Act = Callable[[Errand], object]


class LookedAt(Protocol):
    """What would be done; of a look that was stopped it is not complete."""

    @property
    def is_complete(self) -> bool: ...


P = TypeVar("P", bound=LookedAt)


class PlanDialog(DialogFrame, Generic[P]):
    """Each kind of act says how it looks, how its plan is shown, what is missing, and which errand it hands to `act`.

    What can be staged as well calls `offer_staging`.
    """

    def __init__(
        self,
        parent: QWidget | None,
        *,
        desk: Desk,
        act: Act,
        title: str = "",
        sentence: str = "",
        verb: str = " ",
        width: int = 560,
    ) -> None:
        super().__init__(parent, title=title, sentence=sentence, verb=verb, width=width)
        self._desk, self._act = desk, act
        #: What would be done; None while it is not known.
        self.plan: P | None = None
        self.pace = Pace()
        self.sql = ShownSql()
        self.safety: Safety | None = None

    # What a kind of act says

    def look(self) -> Coroutine[Any, Any, P] | None:
        """Looks, and tells the pace each step; None while there is nothing to look at."""
        raise NotImplementedError

    def show_plan(self) -> None:
        """Show the plan, or that it is not known."""
        raise NotImplementedError

    def missing(self) -> str | None:
        """What is missing for a plan that can be carried out, or None."""
        raise NotImplementedError

    def errand(self, plan: P) -> Errand:
        """The carrying out of the plan."""
        raise NotImplementedError

    def put_aside(self, plan: P) -> str:
        """Stage it and say so. Raises TooManyStaged and TooManyNewJobs."""
        raise NotImplementedError

    # What all have in common

    def start_look(self) -> None:
        """Look anew, in place of a look that is under way."""
        self.plan = None
        self.show_plan()
        looking = self.look()
        if looking is None:
            self.stop_look()
        else:
            self.work.start(looking, name=LOOK, then=self.take_look, failed=self.look_failed, replaces=True)

    def stop_look(self) -> None:
        """Look no further."""
        self.work.cancel(LOOK)
        self.pace.hide()

    def take_look(self, plan: P) -> None:
        """The look has ended: show what it tells."""
        self.pace.hide()
        if plan.is_complete:
            self.plan = plan
            self.show_plan()
        else:
            self.say_stopped(self.tr("Stopped before every job was checked."))

    def say_stopped(self, sentence: str, remedy: str = "") -> None:
        """Say that the look was stopped, and offer another."""
        self.message.show_message("info", sentence, remedy, [(self.tr("Check again"), self.start_look)])

    def look_failed(self, error: Exception) -> None:
        """The look broke off: say why."""
        self.pace.hide()
        self.say(explain(error))

    def problem(self) -> str | None:
        """What is still to be done before the verb, or None."""
        return self.missing() or (self.safety.problem() if self.safety is not None else None)

    def check(self) -> None:
        """Enable the verb, or let its tool tip say what is still to be done."""
        problem = self.problem()
        self.verb.setEnabled(problem is None)
        self.verb.setToolTip(problem or "")

    def submit(self) -> None:
        """Hand the plan over to be carried out."""
        if self.plan is not None and self.verb.isEnabled():
            self._act(self.errand(self.plan))
            self.accept()

    def reject(self) -> None:
        """Close, and look no further."""
        self.work.cancel(LOOK)
        super().reject()

    def set_safety(self, safety: Safety) -> Safety:
        """What stands between the plan and its verb."""
        self.safety = safety
        safety.changed.connect(self.check)
        return safety

    def offer_staging(self, done: Callable[[str], object]) -> None:
        """Let the plan be staged instead; `done` is told of that."""
        self._done = done
        self.second.setText(self.tr("Add to staged changes"))
        self.second.clicked.connect(self.stage)
        self.second.show()

    def stage(self) -> None:
        """Add the plan to the staged changes instead of carrying it out."""
        if self.plan is None or not self.second.isEnabled():
            return
        try:
            told = self.put_aside(self.plan)
        except (TooManyStaged, TooManyNewJobs) as error:
            self.message.show_message("bad", str(error))
        else:
            self._done(told)
            self.accept()

    def link(self, text: str, clicked: Callable[[], object]) -> QPushButton:
        """A button that looks like a link."""
        button = QPushButton(text)
        button.setObjectName("link")
        button.setAutoDefault(False)
        button.clicked.connect(lambda: clicked())
        return button
