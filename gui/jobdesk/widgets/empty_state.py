"""What a page shows when it has nothing to show: what is so, and what to do."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from jobdesk.theme import theme
from jobdesk.theme.icons import draw_icon

Action = tuple[str, Callable[[], None]]


class _Picture(QWidget):
    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name
        self.setFixedSize(40, 40)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        draw_icon(painter, QRectF(4, 4, 32, 32), self.name, theme().colour("secondary"), is_faint=True)


class EmptyState(QWidget):
    """An icon, a title, a sentence, and buttons. The first button is the one to press."""

    def __init__(
        self, picture: str = "info", title: str = "", sentence: str = "", actions: Sequence[Action] = ()
    ) -> None:
        super().__init__()
        self._picture = _Picture(picture)
        self._title = QLabel()
        self._title.setObjectName("title")
        self._title.setTextFormat(Qt.TextFormat.PlainText)
        self._sentence = QLabel()
        self._sentence.setTextFormat(Qt.TextFormat.PlainText)
        self._sentence.setProperty("tone", "secondary")
        self._sentence.setWordWrap(True)
        self._sentence.setAlignment(Qt.AlignmentFlag.AlignHCenter)
        self._sentence.setMaximumWidth(420)
        self._buttons = QHBoxLayout()
        self._buttons.setSpacing(8)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(24, 24, 24, 24)
        layout.setSpacing(8)
        layout.addStretch(2)
        layout.addWidget(self._picture, 0, Qt.AlignmentFlag.AlignHCenter)
        layout.addWidget(self._title, 0, Qt.AlignmentFlag.AlignHCenter)
        row = QHBoxLayout()
        row.addStretch()
        row.addWidget(self._sentence, 10)
        row.addStretch()
        layout.addLayout(row)
        layout.addSpacing(8)
        buttons = QHBoxLayout()
        buttons.addStretch()
        buttons.addLayout(self._buttons)
        buttons.addStretch()
        layout.addLayout(buttons)
        layout.addStretch(3)
        self.set_content(picture, title, sentence, actions)

    @property
    def title(self) -> str:
        """The title on show."""
        return self._title.text()

    def set_content(self, picture: str, title: str, sentence: str, actions: Sequence[Action] = ()) -> None:
        """Show something else."""
        self._picture.name = picture
        self._picture.update()
        self._title.setText(title)
        self._sentence.setText(sentence)
        while (item := self._buttons.takeAt(0)) is not None:
            widget = item.widget()
            if widget is not None:
                widget.hide()
                widget.deleteLater()
        for position, (text, run) in enumerate(actions):
            button = QPushButton(text)
            if position == 0:
                button.setObjectName("primary")
            button.clicked.connect(run)
            self._buttons.addWidget(button)
