"""The field at the top of a connection: what is pasted there fills the others, and it says what it has read."""

from __future__ import annotations

from jobdesk_core.profiles.pasted import Pasted, PasteNotUnderstood, address_of, read_pasted
from jobdesk_core.profiles.places import services
from PySide6.QtCore import QMimeData, Qt, Signal
from PySide6.QtGui import QFocusEvent, QKeyEvent
from PySide6.QtWidgets import QPlainTextEdit, QWidget

from jobdesk.kit import formats
from jobdesk.kit.dialog_frame import field, note
from jobdesk.kit.dress import dress
from jobdesk.kit.growing import keep_sizes
from jobdesk.kit.layouts import in_column
from jobdesk.kit.theme.tokens import Look

#: Characters of a text that is read at all; longer ones say more than where a database is.
_MOST = 20_000


class _Editor(QPlainTextEdit):
    """One line high, for what has several lines."""

    came = Signal()

    def insertFromMimeData(self, source: QMimeData) -> None:
        if self.document().isModified():
            # A part of what is being typed, such as its password.
            super().insertFromMimeData(source)
            return
        self.setPlainText(source.text()[:_MOST])
        self.came.emit()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            # What has been read is not read again: its password is gone from here, and would go from its field too.
            if self.document().isModified():
                self.came.emit()
        else:
            super().keyPressEvent(event)

    def focusOutEvent(self, event: QFocusEvent) -> None:
        super().focusOutEvent(event)
        if self.document().isModified():
            self.came.emit()


class PasteField(QWidget):
    """Emits `understood` with a Pasted. A password in what was pasted does not stay in the field.

    `promise` says what becomes of what is pasted; without it, it fills the fields below.
    """

    understood = Signal(Pasted)
    told = Signal()  # its line below says something else

    def __init__(self, promise: str = "", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._promise = promise or self.tr("It fills the fields below.")
        self.edit = _Editor()
        self.edit.setProperty("mono", "true")
        self.edit.setTabChangesFocus(True)
        self.edit.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
        self.edit.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.edit.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.edit.setPlaceholderText(self.tr("a URL, DSN, .env line, psql command or host"))
        keep_sizes(self.edit, height=34)
        self.says = note("secondary")
        in_column(field(self.tr("Paste"), self.edit, self.says), within=self, margins=0)
        self.edit.came.connect(self._read)
        self.clear()

    def clear(self) -> None:
        """As before anything was pasted."""
        self.edit.clear()
        self.edit.document().setModified(False)
        self._say(self._promise)

    def _read(self) -> None:
        text = self.edit.toPlainText()
        self.edit.document().setModified(False)
        if not text.strip():
            self.clear()
            return
        try:
            found = read_pasted(text, services)
        except PasteNotUnderstood as refusal:
            self._say(str(refusal), "warning")
            return
        # What stays in sight has no password.
        self.edit.setPlainText(address_of(found.parameters))
        self.edit.document().setModified(False)
        self._say(self._told(found), "warning" if found.guess else "good")
        self.understood.emit(found)

    def _told(self, found: Pasted) -> str:
        number = len(found.parameters) + bool(found.schema)
        filled = self.tr("Filled one field.") if number == 1 else self.tr("Filled {n} fields.").format(n=number)
        password = self.tr("No password in it.") if found.password is None else self.tr("The password is in its field.")
        sentences = [filled, password, found.guess]
        if found.left_out:
            names = ", ".join(formats.cut(name, 30) for name in found.left_out[:5])
            more = len(found.left_out) - 5
            names += self.tr(" and {n} more").format(n=more) if more > 0 else ""
            sentences.append(self.tr("Left out: {names}.").format(names=names))
        return " ".join(filter(None, sentences))

    def _say(self, text: str, tone: Look = "secondary") -> None:
        self.says.setText(text)
        dress(self.says, tone=tone)
        self.told.emit()
