"""The window of the help: contents or what was found at the left, the topic at the right."""

from __future__ import annotations

from PySide6.QtCore import QModelIndex, QSize, Qt
from PySide6.QtGui import QKeySequence, QShortcut
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QListWidget,
    QListWidgetItem,
    QSplitter,
    QToolButton,
    QWidget,
)

from jobdesk.help.browser import HelpBrowser
from jobdesk.help.search import search, words_of
from jobdesk.help.topics import TOPICS, topic
from jobdesk.kit.layouts import in_column
from jobdesk.kit.theme import theme
from jobdesk.kit.theme.icons import icon

Place = tuple[str, str]  # topic and anchor
_PLACE = Qt.ItemDataRole.UserRole
MOST_PLACES = 200


class HelpWindow(QWidget):
    """Stands beside the window that it belongs to and goes with it. `place` is the topic and the heading on show."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent, Qt.WindowType.Window)
        self.setObjectName("page")
        self.setWindowTitle(self.tr("Help for Jobdesk"))
        self.resize(QSize(theme().grown(1040), theme().grown(760)).boundedTo(self.screen().availableSize()))
        self.setMinimumSize(560, 400)
        self.browser = HelpBrowser()
        self.field = QLineEdit()
        self.field.setPlaceholderText(self.tr("Search, or paste a message"))
        self.field.setAccessibleName(self.tr("Search the help"))
        self.field.setClearButtonEnabled(True)
        self.list = QListWidget()
        self.list.setAccessibleName(self.tr("Help contents"))
        self.list.setObjectName("helpContents")
        self.list.setWordWrap(True)
        self.list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.list.setTextElideMode(Qt.TextElideMode.ElideRight)
        self.nothing = QLabel()
        self.nothing.setTextFormat(Qt.TextFormat.PlainText)
        self.nothing.setWordWrap(True)
        self.nothing.setProperty("tone", "secondary")
        self._places: list[Place] = []
        self._at = -1
        self.back = self._button("chevron-left", self.tr("Back"), "Alt+Left", lambda: self._step(-1))
        self.forward = self._button("chevron-right", self.tr("Forward"), "Alt+Right", lambda: self._step(1))
        self.smaller = self._button("minus", self.tr("Smaller text"), "Ctrl+-", lambda: self._resize_print(-1))
        self.larger = self._button("plus", self.tr("Larger text"), "Ctrl++", lambda: self._resize_print(1))
        self._build()
        self._connect()
        self._show_contents()

    @property
    def place(self) -> Place:
        """The topic and the anchor on show."""
        return self._places[self._at] if self._places else (TOPICS[0], "")

    def show_topic(self, key: str, anchor: str = "") -> None:
        """Show a topic and remember the one before for going back."""
        if (key, anchor) != (self._places[self._at] if self._places else None):
            self._places = [*self._places[: self._at + 1], (key, anchor)][-MOST_PLACES:]
            self._at = len(self._places) - 1
        self._show()

    def come_forward(self) -> None:
        """Be seen, before all other windows."""
        self.show()
        self.raise_()
        self.activateWindow()

    def follow(self, link: str) -> None:
        """Follow a link of a topic: `jobs.md`, `jobs.md#columns` or `#columns`. Any other leads nowhere."""
        file, _, anchor = link.partition("#")
        key = file.removesuffix(".md") if file else self.place[0]
        if key in TOPICS:
            self.show_topic(key, anchor)

    # Building

    def _build(self) -> None:
        top = QFrame()
        top.setObjectName("toolbar")
        row = QHBoxLayout(top)
        row.setContentsMargins(8, 0, 8, 0)
        row.setSpacing(4)
        row.addWidget(self.back)
        row.addWidget(self.forward)
        row.addWidget(self.field, 1)
        row.addWidget(self.smaller)
        row.addWidget(self.larger)
        left = QFrame()
        left.setObjectName("panel")
        column = in_column((self.list, 1), within=left, margins=0)
        self.nothing.setContentsMargins(12, 12, 12, 12)
        column.addWidget(self.nothing)
        splitter = QSplitter()
        splitter.addWidget(left)
        splitter.addWidget(self.browser)
        splitter.setSizes([260, 780])
        splitter.setStretchFactor(1, 1)
        splitter.setChildrenCollapsible(False)
        in_column(top, (splitter, 1), within=self, margins=0, spacing=0)

    def _button(self, picture: str, text: str, keys: str, clicked: object) -> QToolButton:
        button = QToolButton()
        button.setIcon(icon(picture))
        # Not the button's own shortcut: that presses it visibly first, and the keys may come faster.
        QShortcut(QKeySequence(keys), self, button.click)
        shown = QKeySequence(keys).toString(QKeySequence.SequenceFormat.NativeText)
        button.setToolTip(f"{text} ({shown})")
        button.setAccessibleName(text)
        button.clicked.connect(clicked)
        return button

    def _connect(self) -> None:
        self.browser.link_followed.connect(self.follow)
        self.field.textChanged.connect(self._search)
        self.field.returnPressed.connect(self._open_first)
        self.list.activated.connect(self._open)
        self.list.clicked.connect(self._open)
        for keys, run in (
            ("Ctrl+F", self._to_field),
            ("Ctrl+=", lambda: self._resize_print(1)),
            ("Ctrl+0", lambda: self._resize_print(0)),
            ("F1", self._to_field),
            ("Escape", self._escape),
        ):
            QShortcut(QKeySequence(keys), self, run)

    # Acting

    def _step(self, steps: int) -> None:
        self._at = max(0, min(self._at + steps, len(self._places) - 1))
        self._show()

    def _show(self) -> None:
        key, anchor = self.place
        self.browser.show_topic(topic(key), anchor, words_of(self.field.text()))
        self.back.setEnabled(self._at > 0)
        self.forward.setEnabled(self._at < len(self._places) - 1)
        if not self.field.text():
            self.list.setCurrentRow(TOPICS.index(key))

    def _search(self, text: str) -> None:
        if not words_of(text):
            self._show_contents()
            return
        self.list.clear()
        hits = search(text)
        for hit in hits:
            title = topic(hit.section.topic).title
            heading = hit.section.heading if hit.section.anchor else ""
            lines = [f"{title}: {heading}" if heading else title, hit.snippet]
            item = QListWidgetItem("\n".join(lines))
            item.setData(_PLACE, (hit.section.topic, hit.section.anchor))
            self.list.addItem(item)
        self.nothing.setText(self.tr("Nothing found. Try fewer words, or browse the contents."))
        self.nothing.setVisible(not hits)

    def _show_contents(self) -> None:
        self.list.clear()
        self.nothing.hide()
        for key in TOPICS:
            item = QListWidgetItem(topic(key).title)
            item.setData(_PLACE, (key, ""))
            self.list.addItem(item)
        self.list.setCurrentRow(TOPICS.index(self.place[0]))

    def _open(self, index: QModelIndex) -> None:
        self.show_topic(*index.data(_PLACE))

    def _open_first(self) -> None:
        if self.field.text() and self.list.count():
            self.list.setCurrentRow(0)
            self._open(self.list.currentIndex())
            self.list.setFocus()

    def _to_field(self) -> None:
        self.field.setFocus()
        self.field.selectAll()

    def _escape(self) -> None:
        if self.field.text():
            self.field.clear()
            self._show()
        else:
            self.close()

    def _resize_print(self, steps: int) -> None:
        """The one size of text, of the help and of the window alike."""
        if steps:
            theme().step_text(steps)
        else:
            theme().set_text_percent(100)
