"""Every action, declared once: menus, toolbar, context menu and the shortcut page read this table."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import TYPE_CHECKING

from PySide6.QtCore import QCoreApplication, QObject, Qt
from PySide6.QtGui import QAction, QActionGroup, QKeySequence
from PySide6.QtWidgets import QMenu, QMenuBar, QWidget

from jobdesk.kit.action_spec import Needs, Spec
from jobdesk.kit.theme.icons import icon

if TYPE_CHECKING:
    from jobdesk.window.commands import Commands


SUBMENUS = {
    "copy": "C&opy",
    "matching": "All that matc&h",
    "theme": "T&heme",
    "density": "&Density of tables",
    "times": "Tim&es",
    "text": "Te&xt size",
}
MENUS = {
    "desk": "&Desk",
    "job": "&Job",
    "queue": "&Queue",
    "task": "&Task",
    "worker": "&Worker",
    "failure": "&Failures",
    "view": "&View",
    "help": "&Help",
}

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
    Spec(
        "staged.show",
        "&Staged changes…",
        "desk",
        shortcut="Ctrl+Shift+S",
        tip="Review everything that has been staged",
        needs=Needs.DESK,
        starts_group=True,
    ),
    Spec(
        "staged.apply",
        "&Apply staged changes…",
        "desk",
        tip="Apply all staged changes in one transaction",
        needs=Needs.DESK,
    ),
    Spec(
        "staged.discard",
        "D&iscard staged changes…",
        "desk",
        tip="Discard all staged changes",
        needs=Needs.DESK,
    ),
    Spec("app.quit", "&Quit", "desk", shortcut="Ctrl+Q", starts_group=True),
    Spec("job.defer", "&Defer…", "job", "defer", "Ctrl+N", "Defer a new job", Needs.DESK),
    Spec(
        "job.defer_many",
        "Defer &many…",
        "job",
        "queues",
        "Ctrl+Shift+N",
        "Defer one job for each row of CSV or NDJSON",
        Needs.DESK,
    ),
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
        "job.run_now",
        "R&un now…",
        "job",
        "play",
        "Ctrl+Shift+R",
        "Let the waiting job run as soon as a worker is free",
        Needs.JOBS,
        starts_group=True,
    ),
    Spec(
        "job.reschedule",
        "Re&schedule…",
        "job",
        "schedules",
        tip="Let the waiting job run at another time",
        needs=Needs.JOBS,
    ),
    Spec(
        "job.reprioritise",
        "Re&prioritise…",
        "job",
        "arrow-up",
        "Ctrl+P",
        "Give the waiting job another priority",
        Needs.JOBS,
    ),
    Spec(
        "job.purge",
        "Pur&ge…",
        "job",
        tip="Delete the finished job and its events",
        needs=Needs.JOBS,
    ),
    *(
        Spec(f"matching.{verb}", text, "job", picture, "", tip, Needs.DESK, submenu="matching", name=name)
        for verb, text, name, picture, tip in (
            ("retry", "&Retry…", "Retry all that match…", "retry", "Retry every job that matches the filter"),
            (
                "cancel",
                "&Cancel…",
                "Cancel all that match…",
                "cancel",
                "Cancel every waiting job that matches the filter",
            ),
            (
                "abort",
                "&Abort…",
                "Abort all that match…",
                "abort",
                "Ask every running job that matches the filter to stop",
            ),
            (
                "delete",
                "Cancel and de&lete…",
                "Cancel and delete all that match…",
                "delete",
                "Cancel and delete every waiting job that matches the filter",
            ),
            (
                "run_now",
                "R&un now…",
                "Run all that match now…",
                "play",
                "Let every waiting job that matches the filter run as soon as a worker is free",
            ),
            (
                "reschedule",
                "Re&schedule…",
                "Reschedule all that match…",
                "schedules",
                "Let every waiting job that matches the filter run at another time",
            ),
            (
                "reprioritise",
                "Re&prioritise…",
                "Reprioritise all that match…",
                "arrow-up",
                "Give every waiting job that matches the filter another priority",
            ),
            (
                "purge",
                "Pur&ge…",
                "Purge all that match…",
                "",
                "Delete the finished jobs that match the filter, by status and age",
            ),
        )
    ),
    Spec(
        "job.rescue",
        "Rescue s&talled jobs…",
        "job",
        tip="Retry the running jobs that no live worker has",
        needs=Needs.DESK,
    ),
    Spec(
        "job.fail",
        "Mark as &failed…",
        "job",
        tip="Mark the stalled job as failed, so that it does not run again",
        needs=Needs.JOBS,
    ),
    Spec(
        "job.again",
        "Defer aga&in with changes…",
        "job",
        tip="A new job with this one's task and arguments",
        needs=Needs.JOBS,
        starts_group=True,
    ),
    Spec(
        "job.replay",
        "Repla&y elsewhere…",
        "job",
        "play",
        "Ctrl+Shift+Y",
        "Defer the selected jobs again on another connection",
        Needs.JOBS,
    ),
    Spec(
        "job.copy_rows",
        "&Rows",
        "job",
        "copy",
        "Ctrl+C",
        "Copy the selected rows as shown, separated by tabs, ids as plain digits",
        Needs.JOBS,
        submenu="copy",
        name="Copy rows",
        is_of_table=True,
    ),
    Spec(
        "job.copy_ids",
        "&Ids",
        "job",
        tip="Copy the ids of the selected jobs, one per line",
        needs=Needs.JOBS,
        submenu="copy",
        name="Copy ids",
    ),
    Spec(
        "job.copy_json",
        "As &JSON",
        "job",
        shortcut="Ctrl+Shift+C",
        tip="Copy all that is known about the selected jobs, arguments and times included",
        needs=Needs.JOBS,
        submenu="copy",
        name="Copy as JSON",
    ),
    Spec(
        "job.copy_link",
        "&Link",
        "job",
        shortcut="Ctrl+Shift+L",
        tip="Copy a link that opens the selected job, or the page on show, in Jobdesk",
        needs=Needs.DESK,
        submenu="copy",
        name="Copy link",
    ),
    Spec(
        "jobs.export",
        "E&xport…",
        "job",
        tip="Export the jobs listed, or those selected, to a file: CSV, JSON or NDJSON",
        shortcut="Ctrl+Shift+E",
        needs=Needs.DESK,
        name="Export jobs…",
    ),
    Spec(
        "queue.show",
        "&Show jobs",
        "queue",
        "jobs",
        tip="Show the jobs of the selected queues",
        name="Show the jobs of the selected queues",
        needs=Needs.DESK,
    ),
    Spec(
        "queue.cancel",
        "&Cancel waiting…",
        "queue",
        "cancel",
        tip="Cancel every waiting job of the selected queues",
        name="Cancel waiting jobs of the selected queues…",
        needs=Needs.DESK,
        starts_group=True,
    ),
    Spec(
        "queue.retry",
        "&Retry failed…",
        "queue",
        "retry",
        tip="Retry every failed job of the selected queues",
        name="Retry failed jobs of the selected queues…",
        needs=Needs.DESK,
    ),
    Spec(
        "queue.purge",
        "&Purge finished…",
        "queue",
        "delete",
        tip="Delete the finished jobs of the selected queues",
        name="Purge finished jobs of the selected queues…",
        needs=Needs.DESK,
    ),
    Spec(
        "queue.defer",
        "&Defer one…",
        "queue",
        "defer",
        tip="Defer a new job into this queue",
        name="Defer a job into the selected queue…",
        needs=Needs.DESK,
        starts_group=True,
    ),
    Spec(
        "task.show",
        "&Show jobs",
        "task",
        "jobs",
        tip="Show the jobs of the selected tasks",
        name="Show the jobs of the selected tasks",
        needs=Needs.DESK,
    ),
    Spec(
        "task.cancel",
        "&Cancel waiting…",
        "task",
        "cancel",
        tip="Cancel every waiting job of the selected tasks",
        name="Cancel waiting jobs of the selected tasks…",
        needs=Needs.DESK,
        starts_group=True,
    ),
    Spec(
        "task.retry",
        "&Retry failed…",
        "task",
        "retry",
        tip="Retry every failed job of the selected tasks",
        name="Retry failed jobs of the selected tasks…",
        needs=Needs.DESK,
    ),
    Spec(
        "task.purge",
        "&Purge finished…",
        "task",
        "delete",
        tip="Delete the finished jobs of the selected tasks",
        name="Purge finished jobs of the selected tasks…",
        needs=Needs.DESK,
    ),
    Spec(
        "task.defer",
        "&Defer one…",
        "task",
        "defer",
        tip="Defer a new job of this task",
        name="Defer a job of the selected task…",
        needs=Needs.DESK,
        starts_group=True,
    ),
    Spec(
        "worker.show",
        "&Show jobs",
        "worker",
        "jobs",
        tip="Show what the selected workers run",
        name="Show what the selected workers run",
        needs=Needs.DESK,
    ),
    Spec(
        "worker.rescue",
        "&Rescue stalled jobs…",
        "worker",
        "retry",
        tip="Put the running jobs that no live worker has back in their queues",
        name="Rescue the stalled jobs of all workers…",
        needs=Needs.DESK,
        starts_group=True,
    ),
    Spec(
        "worker.fail",
        "&Mark stalled jobs as failed…",
        "worker",
        tip="Mark the running jobs that no live worker has as failed",
        needs=Needs.DESK,
    ),
    Spec(
        "worker.prune",
        "&Prune unresponsive workers…",
        "worker",
        "delete",
        tip="Remove the records of workers that have stopped sending heartbeats",
        needs=Needs.DESK,
    ),
    Spec(
        "failure.show",
        "&Show jobs",
        "failure",
        "jobs",
        tip="Show the jobs of the selected group that are still failed",
        name="Show the jobs of the selected failures",
        needs=Needs.DESK,
    ),
    Spec(
        "failure.retry",
        "&Retry…",
        "failure",
        "retry",
        tip="Retry the jobs of the selected group that are still failed",
        name="Retry the jobs of the selected failures…",
        needs=Needs.DESK,
        starts_group=True,
    ),
    Spec(
        "failure.mute",
        "&Mute until it grows",
        "failure",
        tip="List the selected group last and quietly until more of it fails; again to unmute it",
        name="Mute the selected failures until they grow",
        needs=Needs.DESK,
        starts_group=True,
    ),
    Spec(
        "failure.copy",
        "&Copy traceback",
        "failure",
        "copy",
        tip="Copy the traceback of the selected group",
        name="Copy the traceback of the selected failures",
        needs=Needs.DESK,
    ),
    Spec("view.overview", "&Overview", "view", "overview", "Ctrl+1"),
    Spec("view.jobs", "&Jobs", "view", "jobs", "Ctrl+2"),
    Spec("view.failures", "Fail&ures", "view", "failures", "Ctrl+8"),
    Spec("view.queues", "&Queues", "view", "queues", "Ctrl+3"),
    Spec("view.tasks", "&Tasks", "view", "tasks", "Ctrl+4"),
    Spec("view.workers", "&Workers", "view", "workers", "Ctrl+5"),
    Spec("view.locks", "Loc&ks", "view", "locks", "Ctrl+6"),
    Spec("view.journal", "Jour&nal", "view", "journal", "Ctrl+7"),
    Spec("view.filter", "&Filter", "view", "search", "Ctrl+F", starts_group=True),
    Spec(
        "view.palette", "&Commands…", "view", "more", "Ctrl+K", "Go to any page, action, saved view, connection or job"
    ),
    Spec(
        "saved_view.save",
        "&Save this view…",
        "view",
        shortcut="Ctrl+S",
        tip="Save the filter and the order under a name",
        needs=Needs.DESK,
        starts_group=True,
    ),
    Spec(
        "saved_view.arrange",
        "Saved &views…",
        "view",
        tip="Rename, reorder and delete the saved views; Alt+1 to Alt+9 open them",
        needs=Needs.DESK,
    ),
    Spec("view.refresh", "&Refresh", "view", "refresh", "F5", "Read everything shown again", Needs.DESK),
    Spec(
        "view.index", "Suggest an &index…", "view", tip="Show which index would make this filter fast", needs=Needs.DESK
    ),
    Spec("view.next_pane", "Next &pane", "view", shortcut="F6", starts_group=True),
    Spec("view.previous_pane", "Previous pane", "view", shortcut="Shift+F6"),
    Spec("view.columns", "Colu&mns…", "view", "columns", tip="Choose which columns the table shows"),
    Spec(
        "view.reset_layout",
        "Reset to def&aults",
        "view",
        tip="Restore the default order and widths of columns and panes",
    ),
    Spec("view.theme", "&Light or dark", "view", shortcut="Ctrl+T", starts_group=True),
    Spec("view.theme_of_system", "Theme of the &system", "view", submenu="theme", is_choice=True),
    Spec("view.light_theme", "&Light theme", "view", submenu="theme", is_choice=True),
    Spec("view.dark_theme", "&Dark theme", "view", submenu="theme", is_choice=True),
    Spec("view.light_contrast", "&High contrast, light", "view", submenu="theme", is_choice=True),
    Spec("view.dark_contrast", "High &contrast, dark", "view", submenu="theme", is_choice=True),
    Spec("view.compact_rows", "&Compact rows", "view", submenu="density", is_choice=True),
    Spec("view.comfortable_rows", "Co&mfortable rows", "view", submenu="density", is_choice=True),
    Spec("view.larger_text", "&Larger text", "view", shortcut="Ctrl++", submenu="text"),
    Spec("view.smaller_text", "&Smaller text", "view", shortcut="Ctrl+-", submenu="text"),
    Spec("view.usual_text", "&Usual text size", "view", shortcut="Ctrl+0", submenu="text"),
    Spec("view.local_times", "&Local times", "view", submenu="times", is_choice=True),
    Spec("view.utc_times", "Times in &UTC", "view", submenu="times", is_choice=True),
    Spec("help.topic", "&Help", "help", "info", "F1", "Show the help for the current page"),
    Spec("help.shortcuts", "&Keyboard shortcuts", "help", shortcut="?"),
    Spec("help.diagnostics", "Copy &diagnostics", "help", "copy", tip="Copy versions and states; nothing secret"),
    Spec("help.log", "Open the &log folder", "help", tip="Show the files in which Jobdesk logs its own errors"),
    Spec("help.about", "&About Jobdesk", "help", starts_group=True),
)


def translated(text: str) -> str:
    """An action's text in the user's language."""
    return QCoreApplication.translate("Actions", text)


class Actions(QObject):
    """One QAction for each entry of the table, bound to the object that carries them out."""

    def __init__(self, window: QWidget, commands: Commands) -> None:
        super().__init__(window)
        self._actions: dict[str, QAction] = {}
        self._groups: dict[str, QActionGroup] = {}
        for spec in SPECS:
            action = QAction(translated(spec.text), window)
            action.setObjectName(spec.key)
            if spec.icon:
                action.setIcon(icon(spec.icon))
            if spec.shortcut:
                # Plus without Shift, too: where it shares its key with the equals sign.
                also = ["Ctrl+="] if spec.shortcut == "Ctrl++" else []
                action.setShortcuts([QKeySequence(keys) for keys in (spec.shortcut, *also)])
                contexts = Qt.ShortcutContext
                action.setShortcutContext(contexts.WidgetShortcut if spec.is_of_table else contexts.WindowShortcut)
            action.triggered.connect(commands.method(spec.key))
            if spec.is_choice:
                action.setCheckable(True)
                self._groups.setdefault(spec.submenu, QActionGroup(self)).addAction(action)
            window.addAction(action)
            self._actions[spec.key] = action
        self.update({})

    def __getitem__(self, key: str) -> QAction:
        return self._actions[key]

    def update(self, reasons: Mapping[str, str | None], choices: Collection[str] = ()) -> None:
        """Disable the actions that have a reason to be, let each say why, and tick the choices in force."""
        for spec in SPECS:
            action = self._actions[spec.key]
            if spec.key in choices:
                action.setChecked(True)
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
        keys = [*self.of("jobs"), *self.of("matching")]
        self._fill(menu, [spec for spec in SPECS if spec.needs is Needs.JOBS or spec.key in keys])
        return menu

    def of(self, noun: str) -> list[str]:
        """The keys of a noun's actions, in the table's order."""
        return [spec.key for spec in SPECS if spec.key.partition(".")[0] == noun]

    def menu_of(self, keys: Iterable[str], parent: QWidget) -> QMenu:
        """A menu of these actions."""
        menu = QMenu(parent)
        menu.setToolTipsVisible(True)
        self._fill(menu, [spec for spec in SPECS if spec.key in keys])
        return menu

    def _fill(self, menu: QMenu, specs: list[Spec]) -> None:
        inner: dict[str, QMenu] = {}
        for spec in specs:
            if spec.starts_group and menu.actions():
                menu.addSeparator()
            if not spec.submenu:
                menu.addAction(self._actions[spec.key])
                continue
            if spec.submenu not in inner:
                inner[spec.submenu] = menu.addMenu(translated(SUBMENUS[spec.submenu]))
                inner[spec.submenu].setToolTipsVisible(True)
            inner[spec.submenu].addAction(self._actions[spec.key])
