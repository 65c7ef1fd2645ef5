"""The panel of the acts at the right of the window: one below the other, each with what became of its jobs."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QKeyEvent, QResizeEvent
from PySide6.QtWidgets import QFrame, QToolButton, QWidget

from jobdesk.acting.act import Act
from jobdesk.acting.acts import Acts
from jobdesk.acting.view import ActView
from jobdesk.kit.growing import keep_sizes
from jobdesk.kit.layouts import STRETCH, in_column, scrolled
from jobdesk.kit.theme.icons import icon

WIDTH = 372


class ActsPanel(QFrame):
    """Hidden until it is asked for. `opened` and `closed` say so, for what else stands at the right."""

    opened = Signal()
    closed = Signal()
    made = Signal(object)  # ActView

    def __init__(self, acts: Acts, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._acts = acts
        self.views: dict[Act, ActView] = {}
        self.setObjectName("actsPanel")
        self.setProperty("pane", True)
        keep_sizes(self, width=WIDTH)
        self.close_button = QToolButton(self)
        self.close_button.setObjectName("plain")
        self.close_button.setIcon(icon("close", "secondary"))
        self.close_button.setAccessibleName(self.tr("Close this panel"))
        self.close_button.setToolTip(self.tr("Close this panel; the act goes on"))
        self.close_button.clicked.connect(self.put_away)
        inner = QWidget()
        inner.setObjectName("actsInner")
        self._column = in_column(STRETCH, within=inner, margins=0, spacing=0)
        in_column((scrolled(inner), 1), within=self, margins=(1, 0, 0, 0), spacing=0)
        acts.changed.connect(self._follow)
        acts.forgotten.connect(self._forget)
        self.close_button.raise_()
        self.hide()

    def come(self) -> None:
        """Show the acts."""
        self._follow()
        if self.views and self.isHidden():
            self.show()
            self.opened.emit()

    def put_away(self) -> None:
        """Close it; the acts go on."""
        if not self.isHidden():
            self.hide()
            self.closed.emit()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape:
            self.put_away()
        else:
            super().keyPressEvent(event)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        size = self.close_button.sizeHint()
        self.close_button.setGeometry(self.width() - size.width() - 12, 10, size.width(), size.height())

    def _follow(self) -> None:
        for act in self._acts.listed:
            if act not in self.views:
                view = self.views[act] = ActView(act)
                # The newest first.
                self._column.insertWidget(0, view)
                self.made.emit(view)

    def _forget(self, act: Act) -> None:
        view = self.views.pop(act, None)
        if view is not None:
            view.hide()
            self._column.removeWidget(view)
            view.deleteLater()
        if not self.views:
            self.put_away()
