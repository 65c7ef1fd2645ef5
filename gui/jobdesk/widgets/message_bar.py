"""One sentence about what happened or what is wrong, with the way out, above what it is about."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from PySide6.QtCore import QPointF, QRectF, Qt, QTimer
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QPushButton, QSizePolicy, QToolButton, QVBoxLayout, QWidget

from jobdesk.theme import theme
from jobdesk.theme.icons import draw_icon, icon

Action = tuple[str, Callable[[], None]]
_ICONS = {"info": "info", "good": "check", "warning": "warning", "bad": "warning"}
#: Good news goes by itself after this many milliseconds.
GOOD_NEWS_MS = 6_000


class _Sign(QWidget):
    def __init__(self) -> None:
        super().__init__()
        self.kind = "info"
        self.setFixedSize(18, 18)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        centre = QPointF(9, 9)
        box = QRectF(centre.x() - 8, centre.y() - 8, 16, 16)
        draw_icon(painter, box, _ICONS[self.kind], theme().colour(self.kind))


class MessageBar(QFrame):
    """Hidden until there is something to say."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("message")
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Maximum)
        self._sign = _Sign()
        self._sentence = QLabel()
        self._sentence.setTextFormat(Qt.TextFormat.PlainText)
        self._sentence.setWordWrap(True)
        self._sentence.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self._way_out = QLabel()
        self._way_out.setTextFormat(Qt.TextFormat.PlainText)
        self._way_out.setWordWrap(True)
        self._way_out.setProperty("tone", "secondary")
        self._buttons = QHBoxLayout()
        self._buttons.setSpacing(8)
        close = QToolButton()
        close.setObjectName("plain")
        close.setIcon(icon("close"))
        close.setAccessibleName(self.tr("Close this message"))
        close.setToolTip(self.tr("Close this message"))
        close.clicked.connect(self.clear)
        texts = QVBoxLayout()
        texts.setSpacing(2)
        texts.addWidget(self._sentence)
        texts.addWidget(self._way_out)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(14, 8, 8, 8)
        layout.setSpacing(10)
        layout.addWidget(self._sign, 0, Qt.AlignmentFlag.AlignTop)
        layout.addLayout(texts, 1)
        layout.addLayout(self._buttons)
        layout.addWidget(close, 0, Qt.AlignmentFlag.AlignTop)
        self._leaving = QTimer(self)
        self._leaving.setSingleShot(True)
        self._leaving.timeout.connect(self.clear)
        self.hide()

    @property
    def sentence(self) -> str:
        """What is being said; empty when nothing is."""
        return self._sentence.text() if not self.isHidden() else ""

    def show_message(self, kind: str, sentence: str, way_out: str = "", actions: Sequence[Action] = ()) -> None:
        """Say something: info, good, warning or bad. Good news leaves by itself."""
        self._sign.kind = kind
        self._sign.update()
        self._sentence.setText(sentence)
        self._way_out.setText(way_out)
        self._way_out.setVisible(bool(way_out))
        self.setAccessibleName(f"{sentence} {way_out}".strip())
        self._take_buttons()
        for text, run in actions:
            button = QPushButton(text)
            button.clicked.connect(run)
            self._buttons.addWidget(button)
        self.show()
        if kind == "good":
            self._leaving.start(GOOD_NEWS_MS)
        else:
            self._leaving.stop()

    def clear(self) -> None:
        """Say nothing."""
        self._leaving.stop()
        self._take_buttons()
        self.hide()

    def _take_buttons(self) -> None:
        while (item := self._buttons.takeAt(0)) is not None:
            widget = item.widget()
            if widget is not None:
                widget.hide()
                widget.deleteLater()
