"""What each action does, one class per noun. They open the dialog or the page that the action's name says.

Nothing here queries. The class of a noun has a method per verb, and `reasons` for the verbs that are not possible now.
A dialog is imported when it is opened, so that the window is up sooner.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject

from jobdesk.acting.commands import JobCommands
from jobdesk.acting.matching_commands import MatchingCommands
from jobdesk.connection.commands import AppCommands, ConnectionCommands, DemoCommands
from jobdesk.exporting.commands import ExportCommands
from jobdesk.failures.commands import FailureCommands
from jobdesk.filtering.commands import SavedViewCommands
from jobdesk.kit.command_group import Noun
from jobdesk.queues.commands import NameCommands
from jobdesk.staging.commands import StagedCommands
from jobdesk.window.help_commands import HelpCommands
from jobdesk.window.view_commands import ViewCommands
from jobdesk.workers.commands import WorkerCommands

if TYPE_CHECKING:
    from jobdesk.window.main_window import MainWindow


class Commands(QObject):
    """The nouns of the table of actions by name."""

    def __init__(self, window: MainWindow) -> None:
        super().__init__(window)
        self.connection = ConnectionCommands(window)
        self.demo = DemoCommands(window)
        self.app = AppCommands(window)
        self.job = JobCommands(window)
        self.jobs = ExportCommands(window)
        self.matching = MatchingCommands(window)
        self.queue = NameCommands(window, "queue")
        self.task = NameCommands(window, "task")
        self.worker = WorkerCommands(window)
        self.failure = FailureCommands(window)
        self.staged = StagedCommands(window)
        self.view = ViewCommands(window)
        self.saved_view = SavedViewCommands(window)
        self.help = HelpCommands(window)

    @property
    def nouns(self) -> dict[str, Noun]:
        """Every noun by its name in the keys of actions."""
        return {name: value for name, value in vars(self).items() if isinstance(value, Noun)}

    def method(self, key: str) -> Callable[[], Any]:
        """What carries out the action of this key, `noun.verb`."""
        noun, _, verb = key.partition(".")
        method: Callable[[], Any] = getattr(getattr(self, noun), verb)
        return method

    def reasons(self) -> dict[str, str | None]:
        """Why each action that is not possible now is not, by key."""
        return {
            f"{name}.{verb}": reason for name, noun in self.nouns.items() for verb, reason in noun.reasons().items()
        }
