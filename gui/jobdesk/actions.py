"""Every action, declared once: menus, toolbar, context menu and the shortcut page read this table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from PySide6.QtCore import QCoreApplication, QObject, Qt
from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtWidgets import QMenu, QMenuBar, QWidget

from jobdesk.theme.icons import icon

if TYPE_CHECKING:
    from jobdesk.commands import Commands


class Needs(Enum):
    """What must be there before an action makes sense."""

    NOTHING = "nothing"
    DESK = "desk"
    JOBS = "jobs"


@dataclass(frozen=True, slots=True)
class Spec:
    """One action. `key` is `noun.verb`, as in the package of commands."""

    key: str
    text: str
    menu: str
    icon: str = ""
    shortcut: str = ""
    tip: str = ""
    needs: Needs = Needs.NOTHING
    starts_group: bool = False


MENUS = {"desk": "&Desk", "job": "&Job", "view": "&View", "help": "&Help"}

SPECS = (
    Spec("connection.choose", "&Connections…", "desk", "plug", "Ctrl+O", "Connect to another database"),
    Spec(
        "connection.reopen",
        "&Reconnect",
        "desk",
        "refresh",
        tip="Close the connection and open it again",
        needs=Needs.DESK,
    ),
    Spec("connection.close", "&Disconnect", "desk", tip="Close the connection", needs=Needs.DESK),
    Spec("demo.open", "Open the de&mo", "desk", tip="An embedded PostgreSQL with sample jobs"),
    Spec("app.quit", "&Quit", "desk", shortcut="Ctrl+Q", starts_group=True),
    Spec("job.defer", "&Defer…", "job", "defer", "Ctrl+N", "Defer a new job", Needs.DESK),
    Spec(
        "job.retry",
        "&Retry…",
        "job",
        "retry",
        "Ctrl+R",
        "Put the job back in its queue, now or later",
        Needs.JOBS,
        starts_group=True,
    ),
    Spec(
        "job.cancel",
        "&Cancel…",
        "job",
        "cancel",
        "Del",
        "Cancel the waiting job, so that no worker starts it",
        Needs.JOBS,
    ),
    Spec("job.abort", "&Abort…", "job", "abort", "Ctrl+Del", "Ask the running job to stop", Needs.JOBS),
    Spec(
        "job.delete",
        "Cancel and de&lete…",
        "job",
        "delete",
        "Shift+Del",
        "Cancel the waiting job and delete its row and its events",
        Needs.JOBS,
    ),
    Spec(
        "job.again",
        "Defer a&gain with changes…",
        "job",
        tip="A new job with this one's task and arguments",
        needs=Needs.JOBS,
        starts_group=True,
    ),
    Spec(
        "job.copy_json",
        "Copy as &JSON",
        "job",
        "copy",
        "Ctrl+Shift+C",
        "Copy every column of the selected jobs, arguments included",
        Needs.JOBS,
    ),
    Spec("view.overview", "&Overview", "view", "overview", "Ctrl+1"),
    Spec("view.jobs", "&Jobs", "view", "jobs", "Ctrl+2"),
    Spec("view.queues", "&Queues", "view", "queues", "Ctrl+3"),
    Spec("view.tasks", "&Tasks", "view", "tasks", "Ctrl+4"),
    Spec("view.workers", "&Workers", "view", "workers", "Ctrl+5"),
    Spec("view.filter", "&Filter", "view", "search", "Ctrl+F", starts_group=True),
    Spec("view.refresh", "&Read again", "view", "refresh", "F5", "Read everything shown anew", Needs.DESK),
    Spec("view.index", "Advise an &index…", "view", tip="Which index would make this filter fast", needs=Needs.DESK),
    Spec("view.theme", "&Light or dark", "view", shortcut="Ctrl+T", starts_group=True),
    Spec("help.shortcuts", "&Keyboard shortcuts", "help", shortcut="F1"),
    Spec("help.about", "&About Jobdesk", "help"),
)


def translated(text: str) -> str:
    """An action's text in the user's language."""
    return QCoreApplication.translate("Actions", text)


class Actions(QObject):
    """One QAction for each entry of the table, bound to the object that carries them out."""

    def __init__(self, window: QWidget, commands: Commands) -> None:
        super().__init__(window)
        self._actions: dict[str, QAction] = {}
        for spec in SPECS:
            action = QAction(translated(spec.text), window)
            action.setObjectName(spec.key)
            if spec.icon:
                action.setIcon(icon(spec.icon))
            if spec.shortcut:
                action.setShortcut(QKeySequence(spec.shortcut))
                action.setShortcutContext(Qt.ShortcutContext.WindowShortcut)
            action.triggered.connect(commands.method(spec.key))
            window.addAction(action)
            self._actions[spec.key] = action
        self.update({})

    def __getitem__(self, key: str) -> QAction:
        return self._actions[key]

    def update(self, reasons: Mapping[str, str | None]) -> None:
        """Disable the actions that have a reason to be, and let each say why."""
        for spec in SPECS:
            action = self._actions[spec.key]
            reason = reasons.get(spec.key)
            action.setEnabled(reason is None)
            keys = action.shortcut().toString(QKeySequence.SequenceFormat.NativeText)
            tip = translated(spec.tip or spec.text.replace("&", ""))
            text = reason or (f"{tip} ({keys})" if keys else tip)
            action.setToolTip(text)
            action.setStatusTip(text)

    def fill_menu_bar(self, bar: QMenuBar) -> None:
        """Put every action into its menu."""
        for key, title in MENUS.items():
            menu = bar.addMenu(translated(title))
            menu.setToolTipsVisible(True)
            self._fill(menu, [spec for spec in SPECS if spec.menu == key])

    def job_menu(self, parent: QWidget) -> QMenu:
        """The context menu of jobs, with the same actions as the menu bar's."""
        menu = QMenu(parent)
        menu.setToolTipsVisible(True)
        self._fill(menu, [spec for spec in SPECS if spec.needs is Needs.JOBS])
        return menu

    def _fill(self, menu: QMenu, specs: list[Spec]) -> None:
        for spec in specs:
            if spec.starts_group and menu.actions():
                menu.addSeparator()
            menu.addAction(self._actions[spec.key])
