"""What is wrong with the filter, below its bar, with what was likely meant as buttons."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QFrame, QLabel, QPushButton, QSizePolicy, QWidget

from jobdesk.kit import formats
from jobdesk.kit.layouts import STRETCH, in_column, in_row

#: Characters of a suggestion that its button shows.
LONGEST = 60


class FilterProblem(QFrame):
    """Lies over the window below the bar. `chosen` is told the place of the suggestion that was clicked."""

    chosen = Signal(int)

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setObjectName("filterProblem")
        self._sentence = QLabel()
        self._sentence.setTextFormat(Qt.TextFormat.PlainText)
        self._sentence.setWordWrap(True)
        self._question = QLabel(self.tr("Did you mean"))
        self._question.setProperty("tone", "small")
        self._buttons = in_row(self._question, STRETCH, spacing=6)
        in_column(self._sentence, self._buttons, within=self, margins=(10, 6, 10, 6), spacing=6)
        self.suggestions: list[QPushButton] = []

    def show_problem(self, sentence: str, suggestions: Sequence[str], most_width: int) -> None:
        """Say what is wrong, and offer these texts instead."""
        for button in self.suggestions:
            button.hide()
            button.deleteLater()
        self.suggestions = [self._button(place, text) for place, text in enumerate(suggestions)]
        for place, button in enumerate(self.suggestions, 1):
            self._buttons.insertWidget(place, button)
        self._question.setVisible(bool(suggestions))
        self._sentence.setText(sentence)
        needed = self._sentence.fontMetrics().horizontalAdvance(sentence) + 28
        offered = self._buttons.sizeHint().width() + 28 if suggestions else 0
        self.setFixedWidth(max(min(most_width, needed), offered))
        self.adjustSize()

    def _button(self, place: int, text: str) -> QPushButton:
        shown = formats.visible(text if len(text) <= LONGEST else f"{text[:LONGEST]}…")
        button = QPushButton(shown.replace("&", "&&"), self)
        button.setProperty("suggestion", True)
        button.setAutoDefault(False)
        button.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        button.setAccessibleName(self.tr("Filter by {filter} instead").format(filter=shown))
        # Queued: the button goes away while it is still in its own event.
        button.clicked.connect(lambda: self.chosen.emit(place), Qt.ConnectionType.QueuedConnection)
        return button
