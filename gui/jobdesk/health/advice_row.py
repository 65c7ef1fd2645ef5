"""One thing to do: what it is, why, and its SQL behind a button. Nothing is run here."""

from __future__ import annotations

from jobdesk_core.health import Advice
from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QApplication, QFrame, QHBoxLayout, QPlainTextEdit, QPushButton, QVBoxLayout, QWidget

from jobdesk.kit.flow import Flow
from jobdesk.kit.shape_label import ShapeLabel
from jobdesk.kit.text_block import Run, TextBlock
from jobdesk.kit.theme import theme
from jobdesk.kit.theme.tokens import Tone

_SHAPES: dict[str, tuple[str, Tone]] = {
    "bad": ("cross", "bad"),
    "warning": ("triangle", "warning"),
    "info": ("circle", "secondary"),
}
#: Lines of SQL that are seen at once.
MOST_LINES = 9


class AdviceRow(QWidget):
    """Shows one piece of advice."""

    filter_asked_for = Signal(str)
    purge_asked_for = Signal()
    differences_asked_for = Signal()
    told = Signal(str)

    def __init__(self, advice: Advice, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.advice = advice
        self.mark = ShapeLabel()
        shape, tone = _SHAPES[advice.tone]
        self.mark.set_content(shape, "", tone)
        self.mark.setAccessibleName(advice.tone)
        self.text = TextBlock(size_px=12)
        title = TextBlock()
        title.set_runs([Run(advice.title, is_strong=True)])
        self.text.set_runs([Run(advice.sentence, "secondary")])
        self.sql = _sql(advice.sql)
        self.sql.setAccessibleName(self.tr("What would do it"))
        self.buttons = self._buttons()
        row = QWidget()
        flow = Flow(row)
        for button in self.buttons:
            flow.addWidget(button)
        column = QVBoxLayout()
        column.setSpacing(4)
        for part in (title, self.text, row, self.sql):
            column.addWidget(part)
        row.setVisible(bool(self.buttons))
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 8, 0, 8)
        layout.setSpacing(8)
        layout.addWidget(self.mark, 0, Qt.AlignmentFlag.AlignTop)
        layout.addLayout(column, 1)

    def _buttons(self) -> list[QPushButton]:
        found: list[QPushButton] = []

        def add(text: str, run: object) -> QPushButton:
            button = QPushButton(text)
            button.setAutoDefault(False)
            button.clicked.connect(run)
            found.append(button)
            return button

        if self.advice.sql:
            is_sql = self.advice.remedy != "commands"
            self.show_button = add(self.tr("Show the SQL") if is_sql else self.tr("Show the commands"), self._toggle)
            add(self.tr("Copy") if is_sql else self.tr("Copy commands"), self._copy)
        if self.advice.filter_text:
            add(self.tr("Find such jobs"), lambda: self.filter_asked_for.emit(self.advice.filter_text))
        if self.advice.remedy == "purge":
            add(self.tr("Preview…"), self.purge_asked_for.emit)
        if self.advice.remedy == "differences":
            add(self.tr("Show the differences"), self.differences_asked_for.emit)
        return found

    @property
    def is_open(self) -> bool:
        """Whether its SQL is shown."""
        return not self.sql.isHidden()

    def set_open(self, is_open: bool) -> None:
        """Show its SQL, where it has any, or no longer."""
        if self.advice.sql and is_open != self.is_open:
            self._toggle()

    def _toggle(self) -> None:
        is_shown = self.sql.isHidden()
        self.sql.setVisible(is_shown)
        is_sql = self.advice.remedy != "commands"
        shown = self.tr("Hide the SQL") if is_sql else self.tr("Hide the commands")
        hidden = self.tr("Show the SQL") if is_sql else self.tr("Show the commands")
        self.show_button.setText(shown if is_shown else hidden)

    def _copy(self) -> None:
        QApplication.clipboard().setText(self.advice.sql)
        self.told.emit(self.tr("Copied. Jobdesk runs none of it."))


def _sql(text: str) -> QPlainTextEdit:
    """The text to be read and copied, hidden until it is asked for."""
    made = QPlainTextEdit(text)
    made.setObjectName("code")
    made.setReadOnly(True)
    made.setTabChangesFocus(True)
    made.setFrameShape(QFrame.Shape.NoFrame)
    # Long names wrap: about so many lines at the width of the panel.
    lines = sum(1 + len(line) // 44 for line in text.splitlines())
    made.setFixedHeight(theme().grown(15 * min(MOST_LINES, max(2, lines)) + 18))
    made.hide()
    return made
