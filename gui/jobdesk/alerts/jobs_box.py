"""Asks, in the rule itself, whether its commands and webhooks are to get jobs with their arguments."""

from __future__ import annotations

from jobdesk_core.alerts.behind import MOST_JOBS
from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from jobdesk.kit import formats
from jobdesk.kit.labels import plain_label


class JobsBox(QFrame):
    """Hidden until it is asked for. `wanted`: they are to be sent."""

    wanted = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.warning = plain_label("warning")
        self.warning.setText(
            self.tr(
                "The commands and webhooks of this rule will get up to {count} jobs with each alert, with their "
                "arguments. Arguments may hold personal data and secrets: whoever gets the alert can read them."
            ).format(count=formats.number(MOST_JOBS))
        )
        self.send, self.leave = QPushButton(self.tr("Send jobs")), QPushButton(self.tr("Do not send jobs"))
        self.send.clicked.connect(self._send)
        self.leave.clicked.connect(self.hide)
        buttons = QHBoxLayout()
        buttons.setSpacing(8)
        buttons.addWidget(self.send)
        buttons.addWidget(self.leave)
        buttons.addStretch()
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 4, 0, 4)
        column.setSpacing(6)
        column.addWidget(self.warning)
        column.addLayout(buttons)
        self.hide()

    def ask(self) -> None:
        """Show the question, with the focus on the answer that sends nothing."""
        self.show()
        self.leave.setFocus(Qt.FocusReason.OtherFocusReason)

    def _send(self) -> None:
        self.hide()
        self.wanted.emit()
