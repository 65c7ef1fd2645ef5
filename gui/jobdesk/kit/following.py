"""A button that does what an action does."""

from __future__ import annotations

from PySide6.QtGui import QAction
from PySide6.QtWidgets import QPushButton


def follow(button: QPushButton, action: QAction) -> None:
    """Let a button do what an action does, and say why when that is not possible."""

    def take() -> None:
        button.setEnabled(action.isEnabled())
        button.setToolTip(action.toolTip())

    button.clicked.connect(lambda _=False: action.trigger())
    action.changed.connect(take)
    take()
