"""What every dialog shares: title, sentence, content, a place for troubles, and a verb at the lower right."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any, ClassVar, TypeVar

from jobdesk_core.troubles import Trouble, explain
from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QCloseEvent, QKeyEvent, QKeySequence, QShortcut, QShowEvent
from PySide6.QtWidgets import (
    QAbstractSpinBox,
    QComboBox,
    QDialog,
    QFrame,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from jobdesk.kit.layouts import in_column
from jobdesk.kit.message_bar import MessageBar
from jobdesk.kit.pressing import is_return, press
from jobdesk.kit.tab_order import set_tab_order
from jobdesk.kit.theme import theme
from jobdesk.kit.theme.tokens import Look
from jobdesk.kit.typed import Typed
from jobdesk.kit.work import Work
from jobdesk.runtime.logs import fault

WORK = "act"
T = TypeVar("T")


#: Pixels of the window that stay in sight beside a dialog.
MARGIN = 32


class DialogFrame(QDialog):
    """Opened with `open()`. While its work runs the verb is disabled and Cancel cancels the work.

    Return presses the focused button and no other; it opens with the focus on Cancel unless the dialog says where.
    Escape asks before it loses what was typed. No button is Qt's default, which Return would press from anywhere.
    """

    #: Where the help tells of this dialog: a topic, and the anchor of one of its headings.
    help_place = ("first-steps", "")
    #: Opens the help for a dialog, at a topic and an anchor; nothing in the kit knows the help.
    help_opener: ClassVar[Callable[[DialogFrame, str, str], object]] = lambda dialog, topic, anchor: None
    #: Whether Return in a field of one line presses the verb, too: only where the verb changes no job.
    submits_on_return = False

    def __init__(self, parent: QWidget | None, *, title: str, sentence: str, verb: str, width: int = 560) -> None:
        super().__init__(parent)
        self.setWindowTitle(title)
        self.setModal(True)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setMinimumWidth(theme().grown(width))
        self.work = Work(self)
        self.typed = Typed(self)
        self._is_arranged = False
        #: Whether the work of the verb is under way, and whether what it has done is not known yet.
        self.is_busy = self.is_in_doubt = False
        self.title = QLabel(title)
        self.title.setObjectName("title")
        self.title.setTextFormat(Qt.TextFormat.PlainText)
        self.sentence = QLabel(sentence)
        self.sentence.setTextFormat(Qt.TextFormat.PlainText)
        self.sentence.setProperty("tone", "secondary")
        self.sentence.setWordWrap(True)
        self.sentence.setVisible(bool(sentence))
        self.content = QVBoxLayout()
        self.content.setSpacing(12)
        self.message = MessageBar()
        self.message.changed.connect(self.make_room_on_screen)
        self.cancel_button = QPushButton(self.tr("Cancel"))
        self.cancel_button.setAutoDefault(False)
        self.cancel_button.clicked.connect(self.reject)
        self.verb = QPushButton(verb)
        self.verb.setObjectName("primary")
        self.verb.setAutoDefault(False)
        self.verb.setVisible(bool(verb))
        self.verb.clicked.connect(self._pressed)
        #: Beside the verb, and hidden: what else may be done with what the dialog holds.
        self.second = QPushButton()
        self.second.setAutoDefault(False)
        self.second.hide()
        self.links = QHBoxLayout()
        self.links.setSpacing(16)
        for keys in ("Ctrl+Return", "Ctrl+Enter"):
            QShortcut(QKeySequence(keys), self, self.verb.click).setAutoRepeat(False)
        QShortcut(QKeySequence("F1"), self, self.show_help)
        self._build()

    def warn_of_verb(self) -> None:
        """Make the verb red: something is lost by it."""
        self.verb.setObjectName("danger")
        # The frame has laid it out by now, as the sheet had it under its other name.
        self.verb.style().unpolish(self.verb)
        self.verb.style().polish(self.verb)

    def showEvent(self, event: QShowEvent) -> None:
        # A minimum of one's own puts the layout's out of force: words may need more in another language.
        self.setMinimumWidth(max(self.minimumWidth(), self._rows.minimumSize().width()))
        parent = self.parentWidget()
        if parent is not None:
            # On a small screen not wider than the window, as far as its words allow.
            self.resize(max(self.minimumWidth(), min(self.width(), parent.window().width() - MARGIN)), self.height())
        if not self._is_arranged:
            self._is_arranged = True
            for each in self.findChildren(QWidget):
                # As large as it will be written.
                each.ensurePolished()
            self.make_room()
            self._fit_screen(self.screen().availableSize())
            self._arrange_keys()
        super().showEvent(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if is_return(event):
            # A key held since before the dialog came says nothing to it.
            if not event.isAutoRepeat():
                self._return_in(self.focusWidget())
        elif event.matches(QKeySequence.StandardKey.Cancel):
            self.leave()
        else:
            super().keyPressEvent(event)

    def closeEvent(self, event: QCloseEvent) -> None:
        if event.spontaneous() and self.isVisible():
            event.ignore()
            self.leave()
        else:
            super().closeEvent(event)

    def focusNextPrevChild(self, is_next: bool) -> bool:
        # What has been shown since belongs where it stands, not at the end.
        set_tab_order(self)
        return super().focusNextPrevChild(is_next)

    def leave(self) -> None:
        """Close by Escape or by the window's frame; what was typed is asked about first."""
        if self.work.is_running(WORK) or not self.would_lose():
            self.reject()
            return
        asking = ForgetDialog(self)
        asking.accepted.connect(self.reject)
        asking.open()

    def is_untouched(self) -> bool:
        """Whether the focus is still where a dialog that acts opens with it."""
        return self.focusWidget() in (None, self.cancel_button)

    def would_lose(self) -> bool:
        """Whether closing would lose what was typed. Nothing is lost where the verb has had its turn."""
        return self.verb.isVisibleTo(self) and self.typed.is_any()

    def make_room(self, *, gives_back: bool = False) -> None:
        """Grow as far as what has been unfolded needs: by itself the layout forgets how words wrap.

        With `gives_back` shrink to that, too, when something has been folded.
        """
        layout = self._rows
        layout.activate()
        height = max(layout.totalHeightForWidth(self.width()), layout.totalMinimumSize().height())
        self.resize(self.width(), height if gives_back else max(self.height(), height))

    def show_help(self) -> None:
        """Open the help where it tells of this dialog."""
        DialogFrame.help_opener(self, *self.help_place)

    def submit(self) -> None:
        """What the verb does; each dialog says."""
        self.accept()

    def run(self, coroutine: Coroutine[Any, Any, T], then: Callable[[T], None]) -> None:
        """Do the work of the verb; a failure is told here and everything typed stays."""
        self.message.clear()
        self._set_busy(True)

        def done(value: T) -> None:
            self._set_busy(False)
            then(value)

        self.work.start(coroutine, name=WORK, then=done, failed=self._failed, replaces=True)

    def say(self, trouble: Trouble) -> None:
        """Tell what went wrong."""
        self.message.show_message("bad", trouble.sentence, trouble.remedy)

    def tell_doubt(self, sentence: str) -> None:
        """Say what nobody knows yet; the work of the verb goes on until it is known, and the verb waits for it."""
        self.is_in_doubt = True
        self.verb.setToolTip(sentence)
        remedy = self.tr("It is looked up as soon as the link is back. Until then it is not offered again.")
        self.message.show_message("warning", sentence, remedy)

    def reject(self) -> None:
        """Close; work that is under way is cancelled first."""
        if self.work.is_running(WORK) and not self.is_in_doubt:
            self.work.cancel(WORK)
            self._set_busy(False)
            self.message.show_message(
                "info", self.tr("Stopped. What the server was just doing may still be done; the list shows it.")
            )
            return
        super().reject()

    def make_room_on_screen(self) -> None:
        """Grow as far as what is shown now needs, and the screen allows; before it is open, the opening does that."""
        if self.isVisible():
            self.make_room()
            self.resize(self.size().boundedTo(self.screen().availableSize()))

    def _pressed(self) -> None:
        self.submit()
        if not self.verb.isEnabled():
            # Not to whatever comes next in the order of the keys.
            self.cancel_button.setFocus()

    def _return_in(self, focused: QWidget | None) -> None:
        is_field = isinstance(focused, QLineEdit | QComboBox | QAbstractSpinBox)
        if not press(focused) and self.submits_on_return and is_field:
            self.verb.click()

    def _fit_screen(self, most: QSize) -> None:
        """Be no larger than the screen: what does not fit into it scrolls, and the verbs stay in sight."""
        layout = self._rows
        least = layout.minimumSize().expandedTo(self.minimumSize())
        # Words that are wrapped need a height that the minimum does not know of.
        least.setHeight(max(least.height(), layout.totalMinimumHeightForWidth(min(self.width(), most.width()))))
        if least.width() > most.width() or least.height() > most.height():
            focused = self.focusWidget()
            scroll = QScrollArea()
            self._body.removeWidget(self._inner_content)
            scroll.setWidgetResizable(True)
            scroll.setFrameShape(QFrame.Shape.NoFrame)
            scroll.setWidget(self._inner_content)
            self._body.addWidget(scroll)
            # By itself only in the loop's next round: until then nothing in it could take the focus.
            scroll.show()
            if focused is not None:
                focused.setFocus()
            self.setMinimumSize(0, 0)
        if self.width() > most.width():
            # Narrower, its words take more lines.
            self.resize(most.width(), self.height())
            self.make_room()
        self.resize(self.size().boundedTo(most))

    def _arrange_keys(self) -> None:
        set_tab_order(self)
        if self.focusWidget() is None:
            (self.cancel_button if self.cancel_button.isVisibleTo(self) else self.verb).setFocus()
        self.typed.keep()

    def _failed(self, error: Exception) -> None:
        self._set_busy(False)
        fault("Told in a dialog", error)
        self.say(explain(error))

    def _set_busy(self, is_busy: bool) -> None:
        self.is_busy, self.is_in_doubt = is_busy, False
        self.verb.setEnabled(not is_busy)
        self.setCursor(Qt.CursorShape.BusyCursor if is_busy else Qt.CursorShape.ArrowCursor)

    def _build(self) -> None:
        head = in_column(self.title, self.sentence, margins=(20, 18, 20, 4), spacing=4)
        body = self._body = QVBoxLayout()
        body.setContentsMargins(20, 8, 20, 16)
        self._inner_content = QWidget()
        self._inner_content.setLayout(self.content)
        self.content.setContentsMargins(0, 0, 0, 0)
        body.addWidget(self._inner_content)
        foot = QFrame()
        foot.setObjectName("dialogFooter")
        row = QHBoxLayout(foot)
        row.setContentsMargins(20, 10, 20, 10)
        row.setSpacing(8)
        row.addLayout(self.links)
        row.addStretch()
        row.addWidget(self.cancel_button)
        row.addWidget(self.second)
        row.addWidget(self.verb)
        layout = self._rows = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addLayout(head)
        layout.addLayout(body, 1)
        layout.addWidget(self.message)
        layout.addWidget(foot)


class ForgetDialog(DialogFrame):
    """Asks before a dialog is closed with what has been typed into it."""

    help_place = ("first-steps", "keys")

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent, title="", sentence="", verb="", width=380)
        self.title.setText(self.tr("Discard what you typed?"))
        self.setWindowTitle(self.title.text())
        self.verb.setText(self.tr("Discard"))
        self.warn_of_verb()
        self.verb.show()
        self.cancel_button.setText(self.tr("Keep editing"))


def field(label: str, widget: QWidget, note: QWidget | None = None, *, grows: bool = False) -> QVBoxLayout:
    """A labelled field, with a line for what is wrong below it."""
    box = QVBoxLayout()
    box.setSpacing(4)
    name = QLabel(label)
    name.setProperty("tone", "small")
    name.setBuddy(widget)
    if not widget.accessibleName():
        widget.setAccessibleName(label)
    box.addWidget(name)
    box.addWidget(widget, 1 if grows else 0)
    if note is not None:
        box.addWidget(note)
    return box


def note(tone: Look = "small") -> QLabel:
    """A small line below a field."""
    label = QLabel()
    label.setTextFormat(Qt.TextFormat.PlainText)
    label.setProperty("tone", tone)
    label.setWordWrap(True)
    return label
