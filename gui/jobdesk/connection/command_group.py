"""What the commands of every feature share: their actions are declared beside what they do, and why not."""

from __future__ import annotations

from typing import ClassVar

from PySide6.QtCore import QObject

from jobdesk.connection.desk import Desk
from jobdesk.connection.session import Session
from jobdesk.kit.action_spec import Needs, Spec
from jobdesk.kit.window import Window
from jobdesk.kit.work import Work

#: Why actions are not possible now, by their verbs; those that are possible have None, or are left out.
Reasons = dict[str, str | None]


class CommandGroup(QObject):
    """The commands of one feature. Nothing in them queries: they open the dialog or page that an action names.

    A dialog is imported when it is opened, so that the window is up sooner.
    """

    #: Its actions, each naming the method that it runs.
    specs: ClassVar[tuple[Spec, ...]] = ()

    def __init__(self, window: Window, session: Session) -> None:
        super().__init__(window.frame)
        self._window = window
        self._session = session
        self._work = Work(self)
        self._work.failed.connect(window.fail)

    def reasons(self) -> dict[str, str | None]:
        """Why each action is not possible now, by its key; None, or left out, when it is."""
        desk = self._desk
        by_verb = self._reasons()
        if desk is not None:
            by_verb |= self._reasons_on(desk)
        else:
            by_verb |= {spec.verb: self._no_desk() for spec in self.specs if spec.needs is not Needs.NOTHING}
        return {spec.key: by_verb[spec.verb] for spec in self.specs if spec.verb in by_verb}

    def _reasons(self) -> Reasons:
        """Those that have nothing to do with the open connection."""
        return {}

    def _reasons_on(self, desk: Desk) -> Reasons:
        """Those of an open connection. Without one nothing is possible that needs it."""
        return {}

    @property
    def _desk(self) -> Desk | None:
        """The open connection, when its database has the schema."""
        desk = self._session.desk
        return desk if desk is not None and desk.capabilities.has_schema else None

    def _no_desk(self) -> str:
        if self._session.desk is None:
            return self.tr("Connect to a database first.")
        return self.tr("This database has no Procrastinate schema yet.")
