"""What tells about the program: the help, its keys, its versions, and what helps to mend it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QUrl
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QApplication

from jobdesk.connection.command_group import CommandGroup
from jobdesk.connection.session import Session
from jobdesk.kit.action_spec import Spec
from jobdesk.kit.dialog_frame import DialogFrame
from jobdesk.runtime.logs import log_folder
from jobdesk.window.shown import Shown

if TYPE_CHECKING:
    from jobdesk.help.window import HelpWindow


class HelpCommands(CommandGroup):
    """The help's window stays as it was left until it is asked for again."""

    _help: HelpWindow | None = None

    _window: Shown

    def __init__(self, window: Shown, session: Session) -> None:
        super().__init__(window, session)
        DialogFrame.help_opener = _open_over

    def topic(self) -> None:
        """Show the help for the current page."""
        from jobdesk.help.topics import START, topic_of_page

        self.show_topic(topic_of_page(self._window.page_key) if self._desk is not None else START)

    def show_topic(self, key: str) -> None:
        """Show a topic of the help by its key."""
        from jobdesk.help.window import HelpWindow

        if self._help is None:
            self._help = HelpWindow(self._window.frame)
        self._help.show_topic(key)
        self._help.come_forward()

    def shortcuts(self) -> None:
        """List the keyboard shortcuts."""
        from jobdesk.window.shortcuts import ShortcutsDialog

        ShortcutsDialog(self._window.frame, self._window.all_actions.specs).open()

    def diagnostics(self) -> None:
        """Copy what helps to understand a fault."""
        from jobdesk.window.diagnostics import diagnostics

        QApplication.clipboard().setText(diagnostics(self._session.desk))
        self._window.tell(self.tr("Copied. It names no server, role or job."))

    def log(self) -> None:
        """Show the folder of the log."""
        folder = log_folder()
        is_open = folder.is_dir() and QDesktopServices.openUrl(QUrl.fromLocalFile(str(folder)))
        if not is_open:
            self._window.tell(self.tr("The log is in {folder}.").format(folder=folder))

    def about(self) -> None:
        """Tell the versions and the licences."""
        from jobdesk.window.about import AboutDialog

        AboutDialog(self._window.frame).open()

    specs = (
        Spec("help.topic", "&Help", "help", topic, "info", "F1", "Show the help for the current page"),
        Spec("help.shortcuts", "&Keyboard shortcuts", "help", shortcuts, shortcut="?"),
        Spec(
            "help.diagnostics",
            "Copy &diagnostics",
            "help",
            diagnostics,
            "copy",
            tip="Copy versions and states; nothing secret",
        ),
        Spec(
            "help.log", "Open the &log folder", "help", log, tip="Show the files in which Jobdesk logs its own errors"
        ),
        Spec("help.about", "&About Jobdesk", "help", about, starts_group=True),
    )


def _open_over(dialog: DialogFrame, topic: str, anchor: str) -> None:
    """Open the help as the dialog's own: a modal one lets no other be used."""
    from jobdesk.help.window import HelpWindow

    shown = dialog.findChild(HelpWindow) or HelpWindow(dialog)
    shown.show_topic(topic, anchor)
    shown.come_forward()
