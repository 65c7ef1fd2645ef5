"""Why a job is where it is: a headline, the reasons, and links to the jobs they name."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence

from PySide6.QtCore import QRectF, Qt, Signal
from PySide6.QtGui import QAction, QPainter, QPainterPath, QPaintEvent, QPen
from PySide6.QtWidgets import QFrame, QPushButton, QWidget

from jobdesk.kit.layouts import in_column
from jobdesk.kit.text_block import Run, TextBlock, as_tooltip
from jobdesk.kit.theme import theme
from jobdesk.kit.theme.tokens import Tone

_NUMBER = re.compile(r"#(\d[\d,]*)")
RADIUS = 8
BAR = 3


class WhyCard(QFrame):
    """A card with a bar in the tone's colour. `#4,999,973` is a link where that job was named by the explanation."""

    job_clicked = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName(self.tr("Why"))
        self._tone: Tone = "neutral"
        self._headline = ""
        self._shown: object = None
        self._block = TextBlock(self)
        self._block.linked.connect(lambda link: self.job_clicked.emit(int(link)))
        layout = in_column(self._block, within=self, margins=(12, 9, 12, 10))
        self.fix = QPushButton()
        self.fix.setAutoDefault(False)
        self.fix.hide()
        self.fix.clicked.connect(self._trigger)
        self._action: QAction | None = None
        layout.addWidget(self.fix, 0, Qt.AlignmentFlag.AlignLeft)
        theme().changed.connect(self.update)
        self.clear()

    @property
    def headline(self) -> str:
        """The headline on show, empty when there is none."""
        return self._headline

    @property
    def text(self) -> str:
        """What the card says, as plain text."""
        return self._block.plain_text

    def clear(self) -> None:
        """Say nothing and take no room."""
        self._headline, self._shown = "", None
        self._block.set_runs([])
        self.set_fix(None)
        self.setVisible(False)

    def set_explanation(self, headline: str, sentences: Sequence[str], tone: Tone, job_ids: Collection[int]) -> None:
        """Show an Explanation. Its sentences may hold names from the database: they are text, never markup."""
        shown = (headline, tuple(sentences), tone, tuple(job_ids))
        if shown == self._shown:
            return  # it is told every second, and mostly the same
        self._shown, self._tone, self._headline = shown, tone, headline
        runs = [Run(headline, is_strong=True)]
        if sentences:
            runs += [Run("\n"), *linked_runs(" ".join(sentences), job_ids)]
        self._block.set_runs(runs)
        self.setAccessibleDescription(self.text)
        self.setVisible(True)
        self.update()

    def set_fix(self, action: QAction | None) -> None:
        """Offer an action that would help, as possible or not as it is."""
        if action is self._action:
            return
        if self._action is not None:
            self._action.changed.disconnect(self._show_mend)
        self._action = action
        if action is not None:
            action.changed.connect(self._show_mend)
        self._show_mend()

    def _show_mend(self) -> None:
        action = self._action
        self.fix.setVisible(action is not None)
        if action is not None:
            self.fix.setText(action.text().replace("&", ""))
            self.fix.setEnabled(action.isEnabled())
            self.fix.setToolTip(as_tooltip(action.toolTip()))

    def _trigger(self) -> None:
        if self._action is not None:
            self._action.trigger()

    def paintEvent(self, event: QPaintEvent) -> None:
        tokens = theme().tokens
        box = QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5)
        outline = QPainterPath()
        outline.addRoundedRect(box, RADIUS, RADIUS)
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.fillPath(outline, tokens.colour("background"))
        painter.setPen(QPen(tokens.colour("line"), 1))
        painter.drawPath(outline)
        painter.setClipPath(outline)
        painter.fillRect(QRectF(0, 0, BAR + 0.5, self.height()), tokens.colour(self._tone))
        painter.end()


def linked_runs(text: str, job_ids: Collection[int], tone: Tone = "secondary") -> list[Run]:
    """The text as runs, with those job numbers as links that are in `job_ids`."""
    runs: list[Run] = []
    end = 0
    for found in _NUMBER.finditer(text):
        digits = found[1].replace(",", "")
        if int(digits) in job_ids:
            # A comma after the number belongs to the sentence.
            stop = found.start() + len(found[0].rstrip(","))
            runs += [Run(text[end : found.start()], tone), Run(text[found.start() : stop], link=digits)]
            end = stop
    runs.append(Run(text[end:], tone))
    return [run for run in runs if run.text]
