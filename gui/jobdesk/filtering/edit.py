"""Where a filter is typed: underlines what is wrong, offers what may stand there, and tells the keys that mean more."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QCoreApplication, QEvent, QModelIndex, QObject, QStringListModel, Qt, Signal
from PySide6.QtGui import QFocusEvent, QKeyEvent, QMouseEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QApplication, QCompleter, QLineEdit, QWidget

from jobdesk.kit.theme import theme

_TAKE_KEYS = (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Tab)
#: Longer than any list of ids that someone pastes; Qt's own limit would cut one off without a word.
LONGEST = 4_000_000
#: Why an edit that is being typed into may be without the focus for a moment.
_PASSING = (Qt.FocusReason.PopupFocusReason, Qt.FocusReason.ActiveWindowFocusReason)
LEAST_WIDTH, WIDEST_NEEDED = 120, 320
LEAST_POPUP, WIDEST_POPUP = 200, 480


class FilterEdit(QLineEdit):
    """A line edit. Enter and Tab take what is offered; Up and Down go through past filters when nothing is."""

    backed_out = Signal()  # Backspace in an empty edit
    given_up = Signal()  # Escape
    focused = Signal(bool)
    past_asked_for = Signal(int)  # so many steps into the past
    whole_asked_for = Signal()  # Ctrl+A
    offers_asked_for = Signal()  # Ctrl+Space
    completed = Signal(str)  # what was taken

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setMaxLength(LONGEST)
        self._mark = (0, 0)
        self._start = 0
        #: Whether it is being typed into: its own popup may have the focus meanwhile.
        self.is_typing = False
        self._offered = QStringListModel(self)
        self._completer = QCompleter(self._offered, self)
        self._completer.setCompletionMode(QCompleter.CompletionMode.UnfilteredPopupCompletion)
        self._completer.setMaxVisibleItems(10)
        self._completer.setWidget(self)
        self._completer.activated.connect(self._take)
        popup = self._completer.popup()
        assert popup is not None, "a completer that completes has one"
        self.popup = popup
        self.popup.setObjectName("completions")
        self.popup.setAccessibleName(self.tr("Suggestions"))
        self.popup.installEventFilter(self)
        self.textChanged.connect(self._make_room)
        self._make_room("")

    def mark(self, position: int, length: int) -> None:
        """Underline these characters; none when `length` is 0."""
        self._mark = (position, length)
        self.update()

    def offer(self, start: int, texts: Sequence[str]) -> None:
        """Offer texts for what stands between `start` and the cursor; none takes the offer back."""
        self._start = start
        if list(texts) != self._offered.stringList():
            self._offered.setStringList(list(texts))
        if not texts or not self.is_typing:
            self.popup.hide()
            return
        metrics = self.popup.fontMetrics()
        width = max(metrics.horizontalAdvance(text[:80]) for text in texts) + 48
        place = self.cursorRect()
        place.setLeft(self._x_of(start))
        place.setWidth(min(WIDEST_POPUP, max(LEAST_POPUP, width)))
        self._completer.complete(place)
        # Nothing is chosen yet: Enter must not take what was only offered.
        self.popup.setCurrentIndex(QModelIndex())

    def keyPressEvent(self, event: QKeyEvent) -> None:
        key, is_offering = event.key(), self.popup.isVisible()
        if is_offering and self._answers_offer(key):
            event.accept()
        elif key == Qt.Key.Key_Backspace and not self.text():
            self.backed_out.emit()
        elif key == Qt.Key.Key_Escape:
            self.given_up.emit()
            event.ignore()  # the window goes back to its table
        elif key in (Qt.Key.Key_Up, Qt.Key.Key_Down):
            self.past_asked_for.emit(1 if key == Qt.Key.Key_Up else -1)
        elif key == Qt.Key.Key_Space and event.modifiers() == Qt.KeyboardModifier.ControlModifier:
            self.offers_asked_for.emit()
        elif key == Qt.Key.Key_A and event.modifiers() == Qt.KeyboardModifier.ControlModifier:
            self.whole_asked_for.emit()
        else:
            super().keyPressEvent(event)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """A press beside the popup closes it and goes on to what it was meant for."""
        if watched is self.popup and isinstance(event, QMouseEvent) and event.type() == QEvent.Type.MouseButtonPress:
            at = event.globalPosition()
            if not self.popup.rect().contains(self.popup.mapFromGlobal(at.toPoint())):
                self.popup.hide()
                target = QApplication.widgetAt(at.toPoint())
                handle = target.window().windowHandle() if target is not None else None
                if handle is not None:
                    place = handle.mapFromGlobal(at)
                    press = QMouseEvent(event.type(), place, at, event.button(), event.buttons(), event.modifiers())
                    QCoreApplication.postEvent(handle, press)
                return True
        return super().eventFilter(watched, event)

    def focusNextPrevChild(self, is_next: bool) -> bool:
        return not self.popup.isVisible() and super().focusNextPrevChild(is_next)

    def focusInEvent(self, event: QFocusEvent) -> None:
        super().focusInEvent(event)
        self.is_typing = True
        self.focused.emit(True)

    def focusOutEvent(self, event: QFocusEvent) -> None:
        super().focusOutEvent(event)
        self.is_typing = event.reason() in _PASSING
        self.focused.emit(False)

    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        position, length = self._mark
        if not length or not self.text():
            return
        start = min(max(0, position), len(self.text()) - 1)
        end = max(start + 1, min(position + length, len(self.text())))
        left, right = self._x_of(start), self._x_of(end)
        painter = QPainter(self)
        painter.fillRect(left, self.height() - 3, right - left, 2, theme().colour("bad"))
        painter.end()

    def _answers_offer(self, key: int) -> bool:
        """Take or refuse what is offered, when the key means that."""
        if key == Qt.Key.Key_Escape:
            self.popup.hide()
            return True
        if key not in _TAKE_KEYS:
            return False
        chosen = self.popup.currentIndex()
        if key == Qt.Key.Key_Tab and not chosen.isValid():
            chosen = self._completer.completionModel().index(0, 0)
        self.popup.hide()
        if not chosen.isValid():
            return False  # Enter takes what was typed when nothing was chosen
        self._take(chosen.data())
        return True

    def _make_room(self, text: str) -> None:
        """What is being typed comes before the chips beside it."""
        width = self.fontMetrics().horizontalAdvance(text[:100]) + 24
        self.setMinimumWidth(min(theme().grown(WIDEST_NEEDED), max(theme().grown(LEAST_WIDTH), width)))

    def _x_of(self, position: int) -> int:
        """Where a character stands. Where the text begins follows from the cursor: a long text is scrolled."""
        advance = self.fontMetrics().horizontalAdvance
        origin = self.cursorRect().center().x() - advance(self.text()[: self.cursorPosition()])
        return origin + advance(self.text()[:position])

    def _take(self, chosen: str) -> None:
        text, end = self.text(), self.cursorPosition()
        self.setText(text[: self._start] + chosen + text[end:])
        self.setCursorPosition(self._start + len(chosen))
        self.completed.emit(chosen)
