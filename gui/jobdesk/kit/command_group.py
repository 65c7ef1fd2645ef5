"""What the commands of every noun share."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal

from jobdesk.acting.act import Errand
from jobdesk.acting.staged_changes import StagedChanges
from jobdesk.connection.desk import Desk
from jobdesk.kit.work import Work

if TYPE_CHECKING:
    from jobdesk.window.main_window import MainWindow


class Noun(QObject):
    """The commands of one noun, a method per verb."""

    done = Signal(str)  # a sentence about what was done

    def __init__(self, window: MainWindow) -> None:
        super().__init__(window)
        self._window = window
        self._session = window.session
        self._work = Work(self)
        self.failed = self._work.failed

    def reasons(self) -> dict[str, str | None]:
        """Why each verb is not possible now; None, or left out, when it is."""
        return {}

    @property
    def _desk(self) -> Desk | None:
        """The open connection, when its database has the schema."""
        desk = self._session.desk
        return desk if desk is not None and desk.capabilities.has_schema else None

    def act(self, errand: Errand) -> None:
        """Hand an act over to be done in the background."""
        self._window.acting.start(errand)

    @property
    def staged(self) -> StagedChanges:
        """What has been staged."""
        return self._window.commands.staged.held

    def _no_desk(self) -> str:
        """Why nothing can be asked of a database now."""
        if self._session.desk is None:
            return self.tr("Connect to a database first.")
        return self.tr("This database has no Procrastinate schema yet.")
