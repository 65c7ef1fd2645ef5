"""Where rows are pasted or a file is named. What is too large for an editor is kept as it is, beside it."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from PySide6.QtCore import QMimeData, Qt, QTimer, Signal
from PySide6.QtGui import QColor, QTextCursor, QTextFormat
from PySide6.QtWidgets import (
    QFileDialog,
    QLabel,
    QPlainTextEdit,
    QPushButton,
    QStackedWidget,
    QTextEdit,
    QWidget,
)

from jobdesk.kit import formats
from jobdesk.kit.layouts import STRETCH, in_column, in_row
from jobdesk.kit.theme import theme

#: A longer text is not put into the editor: laying it out would take seconds.
EDITED_CHARACTERS = 300_000
#: Milliseconds of rest before what was typed is read, and lines that are marked at most.
_TYPING_MS, _MARKS = 250, 500


class _Editor(QPlainTextEdit):
    large_pasted = Signal(str)
    file_dropped = Signal(object)  # Path

    def canInsertFromMimeData(self, source: QMimeData) -> bool:
        return source.hasUrls() or super().canInsertFromMimeData(source)

    def insertFromMimeData(self, source: QMimeData) -> None:
        paths = [url.toLocalFile() for url in source.urls() if url.isLocalFile()]
        if paths:
            self.file_dropped.emit(Path(paths[0]))
        elif len(source.text()) > EDITED_CHARACTERS:
            self.large_pasted.emit(source.text())
        else:
            super().insertFromMimeData(source)


class RowsEdit(QWidget):
    """`changed` when there is another text or file, a little after the last key."""

    changed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.edit = _Editor()
        self.edit.setObjectName("code")
        self.edit.setProperty("mono", "true")
        self.edit.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
        self.edit.setTabChangesFocus(True)
        self.edit.setAccessibleName(self.tr("Rows: CSV or JSON"))
        self.edit.setPlaceholderText(
            self.tr("Paste rows, or drop a file.")
            + "\n\nuser_id,period\n42,2026-10\n43,2026-10\n\n"
            + '{"user_id": 42, "period": "2026-10"}\n{"user_id": 43, "period": "2026-10"}'
        )
        self.file_button = QPushButton(self.tr("Choose a file…"))
        self.file_button.setAutoDefault(False)
        self.clear_button = QPushButton(self.tr("Remove"))
        self.clear_button.setAutoDefault(False)
        self._name = QLabel()
        self._name.setTextFormat(Qt.TextFormat.PlainText)
        self._name.setWordWrap(True)
        self._large: str | Path | None = None
        self._typing = QTimer(self)
        self._typing.setSingleShot(True)
        self._typing.setInterval(_TYPING_MS)
        self._lay_out()
        self._typing.timeout.connect(self.changed)
        self.edit.textChanged.connect(lambda: self._typing.start())
        self.edit.large_pasted.connect(self.take_large)
        self.edit.file_dropped.connect(self.take_file)
        self.file_button.clicked.connect(self._ask_for_file)
        self.clear_button.clicked.connect(self.clear)

    def source(self) -> str | Path:
        """The text, or the file to read it from."""
        return self._large if self._large is not None else self.edit.toPlainText()

    def take_file(self, path: Path) -> None:
        """Have the rows come from this file."""
        self._keep(path, formats.visible(str(path)))

    def take_large(self, text: str) -> None:
        """Have the rows come from this text, which is not shown."""
        size = formats.number(len(text))
        self._keep(text, self.tr("Pasted text, {count} characters").format(count=size))

    def clear(self) -> None:
        """Start anew."""
        self._large = None
        self._stack.setCurrentIndex(0)
        self.edit.clear()
        self.mark(())
        self.changed.emit()

    def mark(self, lines: Iterable[int]) -> None:
        """Mark these lines, from 1, as wrong."""
        marks = []
        colour = QColor(theme().colour("bad"))
        colour.setAlpha(40)
        for line, _ in zip(lines, range(_MARKS), strict=False):
            mark = QTextEdit.ExtraSelection()
            mark.format.setBackground(colour)
            mark.format.setProperty(QTextFormat.Property.FullWidthSelection, True)
            mark.cursor = QTextCursor(self.edit.document().findBlockByNumber(line - 1))
            marks.append(mark)
        self.edit.setExtraSelections(marks)

    def marked_lines(self) -> list[int]:
        """The lines that are marked, from 1."""
        return [mark.cursor.blockNumber() + 1 for mark in self.edit.extraSelections()]

    def _keep(self, large: str | Path, name: str) -> None:
        self._large = large
        self._name.setText(name)
        self._stack.setCurrentIndex(1)
        self.clear_button.setFocus()
        self.changed.emit()

    def _ask_for_file(self) -> None:
        dialog = QFileDialog(self, self.tr("Rows: CSV or JSON"))
        dialog.setFileMode(QFileDialog.FileMode.ExistingFile)
        dialog.setNameFilters([self.tr("Rows (*.csv *.tsv *.ndjson *.jsonl *.json *.txt)"), self.tr("All files (*)")])
        dialog.fileSelected.connect(lambda path: self.take_file(Path(path)))
        dialog.open()

    def _lay_out(self) -> None:
        kept = QWidget()
        in_row((self._name, 1), self.clear_button, within=kept, margins=0)
        self._stack = QStackedWidget()
        self._stack.addWidget(self.edit)
        self._stack.addWidget(kept)
        below = in_row(self.file_button, STRETCH)
        in_column((self._stack, 1), below, within=self, margins=0, spacing=6)
        self.setFocusProxy(self.edit)
