"""A card that shows the steps of a test of a connection as each has been tried."""

from __future__ import annotations

from jobdesk_core.profiles.probe import Step
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QVBoxLayout, QWidget

from jobdesk.kit.dialog_frame import note
from jobdesk.kit.layouts import empty_layout
from jobdesk.kit.sign import Sign

TOP = Qt.AlignmentFlag.AlignTop


class ConnectionTest(QFrame):
    """A line per step, with what went wrong and the way out of it."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("card")
        self.steps = QVBoxLayout()
        self.steps.setSpacing(10)
        column = QVBoxLayout(self)
        column.setContentsMargins(16, 14, 16, 14)
        caption = QLabel(self.tr("TEST"))
        caption.setObjectName("caption")
        column.addWidget(caption)
        hint = note("secondary")
        hint.setText(self.tr("Checks the server, the schema, your permissions and notifications."))
        column.addWidget(hint)
        column.addSpacing(6)
        column.addLayout(self.steps)
        column.addStretch()

    def clear(self) -> None:
        """Nothing has been tried yet."""
        empty_layout(self.steps)

    def add(self, step: Step) -> None:
        """Show one more step."""
        line = QHBoxLayout()
        line.setSpacing(8)
        line.addWidget(Sign({"good": "good", "warning": "warning", "bad": "bad"}[step.result]), 0, TOP)
        texts = QVBoxLayout()
        texts.setSpacing(1)
        name = QLabel(step.name)
        name.setProperty("strong", "true")
        texts.addWidget(name)
        sentence = note("secondary")
        sentence.setText(_in_full(step))
        texts.addWidget(sentence)
        line.addLayout(texts, 1)
        took = QLabel(f"{step.milliseconds:,.0f} ms")
        took.setProperty("tone", "small")
        line.addWidget(took, 0, TOP)
        self.steps.addLayout(line)


def _in_full(step: Step) -> str:
    way_out = step.trouble.way_out if step.trouble is not None else ""
    if not way_out:
        return step.sentence
    # The words of a server may end without a full stop.
    stop = "" if step.sentence.endswith((".", "!", "?", ":", "…")) else "."
    return f"{step.sentence}{stop} {way_out}"
