"""What tells about the program: the help, its keys, its versions, and what helps to mend it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QUrl
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QApplication, QWidget

from jobdesk.kit.command_group import Noun
from jobdesk.kit.dialog_frame import DialogFrame
from jobdesk.runtime.logs import log_folder

if TYPE_CHECKING:
    from jobdesk.help.window import HelpWindow
    from jobdesk.window.main_window import MainWindow


class HelpCommands(Noun):
    """The help's window stays as it was left until it is asked for again."""

    _help: HelpWindow | None = None

    def __init__(self, window: MainWindow) -> None:
        super().__init__(window)
        window.jobs.inspector.help_asked_for.connect(self._show_reporting)
        window.pages.made.connect(self._page_made)
        DialogFrame.help_opener = _open_over

    def _page_made(self, key: str, page: QWidget) -> None:
        if key == "workers":
            page.side.help_asked_for.connect(self._show_reporting)  # type: ignore[attr-defined]

    def _show_reporting(self) -> None:
        self.show_topic("reporting")

    def topic(self) -> None:
        """Show the help for the current page."""
        from jobdesk.help.topics import START, topic_of_page

        self.show_topic(topic_of_page(self._window.navigation.current) if self._desk is not None else START)

    def show_topic(self, key: str) -> None:
        """Show a topic of the help by its key."""
        from jobdesk.help.window import HelpWindow

        if self._help is None:
            self._help = HelpWindow(self._window)
        self._help.show_topic(key)
        self._help.come_forward()

    def shortcuts(self) -> None:
        """List the keyboard shortcuts."""
        from jobdesk.window.shortcuts import ShortcutsDialog

        ShortcutsDialog(self._window).open()

    def diagnostics(self) -> None:
        """Copy what helps to understand a fault."""
        from jobdesk.window.diagnostics import diagnostics

        QApplication.clipboard().setText(diagnostics(self._session.desk))
        self.done.emit(self.tr("Copied. It names no server, role or job."))

    def log(self) -> None:
        """Show the folder of the log."""
        folder = log_folder()
        is_open = folder.is_dir() and QDesktopServices.openUrl(QUrl.fromLocalFile(str(folder)))
        if not is_open:
            self.done.emit(self.tr("The log is in {folder}.").format(folder=folder))

    def about(self) -> None:
        """Tell the versions and the licences."""
        from jobdesk.window.about import AboutDialog

        AboutDialog(self._window).open()


def _open_over(dialog: DialogFrame, topic: str, anchor: str) -> None:
    """Open the help as the dialog's own: a modal one lets no other be used."""
    from jobdesk.help.window import HelpWindow

    shown = dialog.findChild(HelpWindow) or HelpWindow(dialog)
    shown.show_topic(topic, anchor)
    shown.come_forward()
