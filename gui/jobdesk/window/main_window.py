"""The window: a frame with the menu bar around what shows a connection."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QCloseEvent, QKeyEvent
from PySide6.QtWidgets import QMainWindow, QMenuBar

from jobdesk.connection.session import Session
from jobdesk.kit.pressing import is_return, press
from jobdesk.window.arrangement import fit_screen
from jobdesk.window.desk_view import DeskView
from jobdesk.window.header import TopOfWindow
from jobdesk.window.menus import MENUS


class MainWindow(QMainWindow):
    """Holds the view of a session. Closing it asks the program to end."""

    closing = Signal()

    def __init__(self, session: Session) -> None:
        super().__init__()
        self.setWindowTitle("Jobdesk")
        self.setAnimated(False)  # nothing docks here, and each new layout would make an animation
        fit_screen(self)
        self.view = DeskView(session)
        bar = QMenuBar()
        bar.setNativeMenuBar(True)
        self.view.all_actions.fill_menu_bar(bar, MENUS)
        self.setMenuWidget(TopOfWindow(self.view.strip, bar))
        self.setCentralWidget(self.view)
        self.view.commands.app.quit_asked_for.connect(self.close)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Return presses what has the focus; an Esc that nobody had a use for goes back to the table."""
        if event.key() == Qt.Key.Key_Escape:
            self.view.alerts.put_away()
            self.view.panes.go_back()
        elif not is_return(event) or event.isAutoRepeat() or not press(self.focusWidget()):
            super().keyPressEvent(event)

    def closeEvent(self, event: QCloseEvent) -> None:
        event.ignore()
        self.view.ask_to_end(self.closing.emit)
