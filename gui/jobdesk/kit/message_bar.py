"""One sentence about what has happened, its remedy, and buttons that take it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from PySide6.QtCore import QRectF, Qt, QTimer, Signal
from PySide6.QtGui import QAccessible, QAccessibleAnnouncementEvent, QKeyEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QPushButton, QToolButton, QWidget

from jobdesk.kit.layouts import empty_layout
from jobdesk.kit.text_block import Run, TextBlock
from jobdesk.kit.theme import theme
from jobdesk.kit.theme.icons import icon
from jobdesk.kit.theme.shapes import paint_shape
from jobdesk.kit.theme.tokens import KIND_SHAPE, Kind

Action = tuple[str, Callable[[], object]]
#: Words of the sentence, and what a click on them does.
Link = tuple[str, Callable[[], object]]
SIDE = 14
LEFT = 14
#: How long a message about something done stays, in milliseconds.
GOOD_NEWS_MS = 6_000


class MessageBar(QFrame):
    """Hidden until there is something to say. `closed` when the person has put it away."""

    closed = Signal()
    changed = Signal()  # another message is on show

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._kind: Kind = "info"
        self._sentence = ""
        self._block = TextBlock(self)
        self._follow: Callable[[], object] | None = None
        self._block.linked.connect(lambda _: self.follow())
        self._actions = QHBoxLayout()
        self._actions.setSpacing(8)
        self._close = QToolButton()
        self._close.setObjectName("plain")
        self._close.setIcon(icon("close", "secondary"))
        self._close.setAccessibleName(self.tr("Close this message"))
        self._close.setToolTip(self.tr("Close this message"))
        self._close.clicked.connect(self._put_away)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(LEFT + SIDE + 8, 6, 8, 6)
        layout.setSpacing(12)
        layout.addWidget(self._block, 1, Qt.AlignmentFlag.AlignVCenter)
        layout.addLayout(self._actions)
        layout.addWidget(self._close, 0, Qt.AlignmentFlag.AlignVCenter)
        theme().changed.connect(self.update)
        self.hide()

    @property
    def kind(self) -> Kind:
        """The kind of the message on show."""
        return self._kind

    @property
    def sentence(self) -> str:
        """The sentence on show, without its remedy; empty when there is nothing."""
        return self._sentence

    @property
    def text(self) -> str:
        """The sentence and the remedy on show, empty when there is nothing."""
        return self._block.plain_text

    def show_message(
        self, kind: Kind, sentence: str, remedy: str = "", actions: Sequence[Action] = (), link: Link | None = None
    ) -> None:
        """Show a message of a kind (`info`, `good`, `warning`, `bad`) instead of the one before."""
        if kind not in KIND_SHAPE:
            raise ValueError(f"There is no message of the kind {kind!r}.")
        self._kind, self._sentence = kind, sentence
        runs = [Run(sentence)]
        self._follow = None
        if link is not None and link[0] in sentence:
            before, named, after = sentence.partition(link[0])
            runs = [run for run in (Run(before), Run(named, link="jobs"), Run(after)) if run.text]
            self._follow = link[1]
        if remedy:
            runs.append(Run(f"  {remedy}", "secondary"))
        self._block.set_runs(runs)
        self._block.setAccessibleName(self.tr("Message"))
        self.set_actions(actions)
        self.setAccessibleName(f"{sentence} {remedy}".strip())
        self.show()
        self.update()
        self.changed.emit()
        QAccessible.updateAccessibility(QAccessibleAnnouncementEvent(self, self.accessibleName()))

    def show_good_news(self, sentence: str) -> None:
        """Say that something was done. It leaves by itself."""
        self.show_message("good", sentence)
        QTimer.singleShot(GOOD_NEWS_MS, self, lambda: self.clear() if self._sentence == sentence else None)

    def clear(self) -> None:
        """Say nothing and take no room."""
        self.set_actions(())
        self._sentence = ""
        self._block.set_runs([])
        self.hide()

    def rename_action(self, text: str) -> None:
        """Have the first button say something else; the focus stays on it."""
        item = self._actions.itemAt(0)
        button = item.widget() if item is not None else None
        if isinstance(button, QPushButton) and button.text() != text:
            button.setText(text)

    def set_actions(self, actions: Sequence[Action]) -> None:
        """Offer these buttons instead of those before."""
        empty_layout(self._actions)
        for text, act in actions:
            button = QPushButton(text)
            button.setAutoDefault(False)
            button.clicked.connect(lambda _checked=False, act=act: act())
            self._actions.addWidget(button)

    def follow(self) -> None:
        """Do what the link in the sentence does."""
        if self._follow is not None:
            self._follow()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape:
            self._put_away()
        else:
            super().keyPressEvent(event)

    def paintEvent(self, event: QPaintEvent) -> None:
        tokens = theme().tokens
        colour = tokens.colour(self._kind)
        painter = QPainter(self)
        painter.fillRect(self.rect(), tokens.colour("panel"))
        painter.fillRect(0, 0, 3, self.height(), colour)
        painter.fillRect(0, self.height() - 1, self.width(), 1, tokens.colour("line"))
        side = min(theme().grown(SIDE), SIDE + 6)
        top = (self.height() - side) / 2
        paint_shape(painter, KIND_SHAPE[self._kind], QRectF(LEFT, top, side, side), colour)
        painter.end()

    def _put_away(self) -> None:
        self.clear()
        self.closed.emit()
