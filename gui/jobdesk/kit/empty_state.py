"""What stands where there is nothing to show: an icon, why, and what to do about it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from PySide6.QtCore import QRect, QSize, Qt
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from jobdesk.kit import formats
from jobdesk.kit.layouts import empty_layout
from jobdesk.kit.theme import theme
from jobdesk.kit.theme.icons import icon

Action = tuple[str, Callable[[], object]]
ICON_SIDE = 32
#: The width beyond which the sentence is not let to grow, and the room beside it, in pixels.
WIDEST, MARGIN = 420, 24


class EmptyState(QWidget):
    """Centred in whatever room there is. The first action is the one most people want."""

    def __init__(
        self,
        icon_name: str,
        title: str,
        sentence: str,
        actions: Sequence[Action] = (),
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._icon_name = icon_name
        self._shown: tuple[str, ...] | None = None
        self._labels: list[str] | None = None
        self._acts: list[Callable[[], object]] = []
        self._picture = QLabel()
        self._picture.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._title = _centred_label("title")
        self._sentence = _centred_label("secondary")
        self._row = QHBoxLayout()
        self._row.setSpacing(8)
        self._row.setAlignment(Qt.AlignmentFlag.AlignCenter)
        #: One below the other: what else there is to choose from.
        self._others = QVBoxLayout()
        self._others.setSpacing(4)
        self._others.setContentsMargins(0, 8, 0, 0)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(MARGIN, MARGIN, MARGIN, MARGIN)
        layout.setSpacing(8)
        layout.addStretch(2)
        layout.addWidget(self._picture)
        layout.addWidget(self._title)
        layout.addWidget(self._sentence, 0, Qt.AlignmentFlag.AlignHCenter)
        layout.addSpacing(4)
        layout.addLayout(self._row)
        layout.addLayout(self._others)
        layout.addStretch(3)
        theme().changed.connect(self._paint_icon)
        self.set_content(icon_name, title, sentence, actions)

    @property
    def title(self) -> str:
        """The title on show."""
        return self._title.text()

    def set_content(
        self, icon_name: str, title: str, sentence: str, actions: Sequence[Action] = (), others: Sequence[Action] = ()
    ) -> None:
        """Say something else. Buttons that stay the same are left as they are, with the focus on them.

        `others` are offered as links below the buttons.
        """
        self._acts = [act for _, act in (*actions, *others)]
        shown = (icon_name, title, sentence, str(len(others)), *(text for text, _ in (*actions, *others)))
        if shown == self._shown:
            return
        self._shown = shown
        self._icon_name = icon_name
        self._paint_icon()
        self._title.setText(title)
        self._sentence.setText(formats.breakable(formats.visible_lines(sentence)))
        self._sentence.setVisible(bool(sentence))
        self._fit_sentence()
        self.setAccessibleName(title)
        self.setAccessibleDescription(sentence)
        labels = [text for text, _ in (*actions, *others)]
        if labels == self._labels:
            return
        self._labels = labels
        empty_layout(self._row)
        empty_layout(self._others)
        for position, text in enumerate(labels):
            button = QPushButton(text)
            if position == 0:
                button.setObjectName("primary")
            button.clicked.connect(lambda _checked=False, position=position: self._acts[position]())
            if position < len(actions):
                self._row.addWidget(button)
            else:
                button.setObjectName("link")
                self._others.addWidget(button, 0, Qt.AlignmentFlag.AlignHCenter)

    def focus_first(self) -> None:
        """Let Return do the first action."""
        item = self._row.itemAt(0)
        button = item.widget() if item is not None else None
        if button is not None:
            button.setFocus()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit_sentence()

    def _fit_sentence(self) -> None:
        # A layout asks a wrapped label for its height at the layout's width, not at the label's own.
        self._sentence.ensurePolished()
        width = max(100, min(WIDEST, self.width() - 2 * MARGIN))
        flags = int(Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap)
        box = self._sentence.fontMetrics().boundingRect(QRect(0, 0, width, 1_000), flags, self._sentence.text())
        self._sentence.setFixedSize(width, box.height() + 4)

    def _paint_icon(self) -> None:
        pixmap = icon(self._icon_name, "secondary").pixmap(QSize(ICON_SIDE, ICON_SIDE), self.devicePixelRatioF())
        self._picture.setPixmap(pixmap)


def _centred_label(name: str) -> QLabel:
    label = QLabel()
    label.setObjectName(name)
    label.setTextFormat(Qt.TextFormat.PlainText)
    label.setWordWrap(True)
    label.setAlignment(Qt.AlignmentFlag.AlignCenter)
    return label
