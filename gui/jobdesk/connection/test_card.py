"""A card that shows the steps of a test of a connection: what was tried, what is being tried, and what was not."""

from __future__ import annotations

from jobdesk_core.profiles.probe import LOGIN, STEPS, Step, following
from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from jobdesk.kit.dialog_frame import note
from jobdesk.kit.dress import dress
from jobdesk.kit.layouts import empty_layout, in_row
from jobdesk.kit.sign import Sign

TOP = Qt.AlignmentFlag.AlignTop
#: Schemas that have a button of their own.
_MOST_SCHEMAS = 4


class ConnectionTest(QFrame):
    """A line per step, with what went wrong and the remedy.

    Emits `schema_chosen` when a schema that was found is to be used.
    """

    schema_chosen = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("card")
        self.steps = QVBoxLayout()
        self.steps.setSpacing(10)
        self._told: list[Step] = []
        self._seconds = 0
        #: What is being tried, and below it what was not.
        self._now = QLabel()
        self._now.setProperty("tone", "secondary")
        self._rest = note("secondary")
        self.outcome = QLabel()
        self.outcome.setProperty("tone", "small")
        self._hint = note("secondary")
        self._hint.setText(
            self.tr("Tries the name, the network, encryption, sign-in, the schema, your rights and notifications.")
        )
        self._ticking = QTimer(self)
        self._ticking.setInterval(1000)
        self._ticking.timeout.connect(self._tick)
        self._build()
        self.clear()

    def clear(self) -> None:
        """Nothing has been tried yet."""
        self._ticking.stop()
        self._told = []
        empty_layout(self.steps)
        self._hint.show()
        for label in (self._now, self._rest, self.outcome):
            label.hide()

    def begin(self) -> None:
        """The first step is being tried."""
        self.clear()
        self._hint.hide()
        self._show_now()

    def add(self, step: Step) -> None:
        """Show one more step; the next one is being tried."""
        self._told.append(step)
        self.steps.addWidget(_line(step, self._buttons(step)))
        self._show_now()

    def end(self, *, is_stopped: bool = False) -> None:
        """Nothing more is tried."""
        self._ticking.stop()
        self._now.hide()
        untried = self._following()
        self._rest.setText(self.tr("Not tried: {steps}.").format(steps=", ".join(untried)))
        self._rest.setVisible(bool(untried))
        bad = next((step for step in self._told if step.result == "bad"), None)
        doubtful = sum(step.result == "warning" for step in self._told)
        took = f"{sum(step.milliseconds for step in self._told):,.0f} ms"
        if is_stopped:
            told = self.tr("stopped")
        elif bad is not None:
            told = self.tr("{step} failed · {took}").format(step=bad.name, took=took)
        elif doubtful:
            told = self.tr("{n} to look at · {took}").format(n=doubtful, took=took)
        else:
            told = self.tr("all is well · {took}").format(took=took)
        self.outcome.setText(told)
        dress(self.outcome, tone="bad" if bad is not None and not is_stopped else "small")
        self.outcome.show()

    def _show_now(self) -> None:
        self._seconds = 0
        self._ticking.start()
        self._tick(0)

    def _tick(self, seconds: int = 1) -> None:
        coming = self._following()
        self._seconds += seconds
        self._now.setVisible(bool(coming))
        if coming:
            since = f" {self._seconds} s" if self._seconds else ""
            self._now.setText(self.tr("◐ trying: {step} …{since}").format(step=coming[0], since=since))

    def _following(self) -> tuple[str, ...]:
        """The steps that are still to come after the last one, as far as this connection has them."""
        coming = following(self._told[-1].name) if self._told else STEPS[1:]
        if self._told and self._told[-1].result == "bad" and self._told[-1].name == STEPS[0]:
            return STEPS[STEPS.index(LOGIN) :]
        return coming

    def _buttons(self, step: Step) -> list[QPushButton]:
        made = []
        for schema in step.schemas[:_MOST_SCHEMAS]:
            button = QPushButton(self.tr("Use schema {name}").format(name=schema))
            button.setAutoDefault(False)
            button.clicked.connect(lambda _=False, schema=schema: self.schema_chosen.emit(schema))
            made.append(button)
        return made

    def _build(self) -> None:
        column = QVBoxLayout(self)
        column.setContentsMargins(16, 14, 16, 14)
        head = QHBoxLayout()
        caption = QLabel(self.tr("TEST"))
        caption.setObjectName("caption")
        head.addWidget(caption)
        head.addStretch()
        head.addWidget(self.outcome)
        column.addLayout(head)
        column.addWidget(self._hint)
        column.addSpacing(6)
        column.addLayout(self.steps)
        for label in (self._now, self._rest):
            column.addWidget(label)
        column.addStretch()


def _line(step: Step, buttons: list[QPushButton]) -> QWidget:
    shown = QWidget()
    line = in_row((Sign(step.result), 0, TOP), within=shown, margins=0, spacing=8)
    texts = QVBoxLayout()
    texts.setSpacing(1)
    head = QHBoxLayout()
    name = QLabel(step.name)
    name.setProperty("strong", "true")
    if step.result == "bad":
        name.setProperty("tone", "bad")
    head.addWidget(name, 1)
    took = QLabel(f"{step.milliseconds:,.0f} ms")
    took.setProperty("tone", "small")
    head.addWidget(took)
    texts.addLayout(head)
    for words in (step.in_full, *step.lines):
        sentence = note("secondary")
        sentence.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        sentence.setText(words)
        texts.addWidget(sentence)
    for button in buttons:
        texts.addWidget(button, 0, Qt.AlignmentFlag.AlignLeft)
    line.addLayout(texts, 1)
    return shown
