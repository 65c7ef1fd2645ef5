"""An editor for a JSON object that checks as one types and says what is wrong, and where."""

from __future__ import annotations

import re
from typing import Any

from jobdesk_core import exact_json
from jobdesk_core.operations.deferring.json_objects import check_object
from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QColor, QSyntaxHighlighter, QTextCharFormat, QTextDocument, QTextFormat
from PySide6.QtWidgets import QLabel, QPlainTextEdit, QPushButton, QTextEdit, QWidget

from jobdesk.kit.dress import dress
from jobdesk.kit.layouts import in_column, in_row
from jobdesk.kit.theme import theme
from jobdesk.kit.theme.tokens import Tone

_PARTS: tuple[tuple[re.Pattern[str], Tone], ...] = (
    (re.compile(r'"(?:[^"\\]|\\.)*"(?=\s*:)'), "accent"),
    (re.compile(r'"(?:[^"\\]|\\.)*"(?!\s*:)'), "good"),
    (re.compile(r"\b(?:true|false|null)\b"), "cancelled"),
)


class _Colours(QSyntaxHighlighter):
    def __init__(self, document: QTextDocument) -> None:
        super().__init__(document)
        theme().changed.connect(self.rehighlight)

    def highlightBlock(self, text: str) -> None:
        for pattern, tone in _PARTS:
            shape = QTextCharFormat()
            shape.setForeground(theme().colour(tone))
            for match in pattern.finditer(text):
                self.setFormat(match.start(), match.end() - match.start(), shape)


class JsonEditor(QWidget):
    """Holds a JSON object as text. What is wrong is said below it at once; the text is never touched."""

    changed = Signal()

    def __init__(self, value: dict[str, Any] | None = None, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._edit = QPlainTextEdit()
        self._edit.setObjectName("code")
        self._edit.setAccessibleName(self.tr("Arguments, a JSON object"))
        self._edit.setTabChangesFocus(True)
        self._edit.setMinimumHeight(120)
        self._edit.setProperty("mono", "true")
        self._colours = _Colours(self._edit.document())
        self._verdict = QLabel()
        self._verdict.setTextFormat(Qt.TextFormat.PlainText)
        self._verdict.setWordWrap(True)
        self._tidy = QPushButton(self.tr("Tidy up"))
        self._tidy.setObjectName("link")
        self._tidy.setAutoDefault(False)
        self._tidy.clicked.connect(self._tidy_up)
        below = in_row((self._verdict, 1), (self._tidy, 0, Qt.AlignmentFlag.AlignTop))
        in_column((self._edit, 1), below, within=self, margins=0, spacing=4)
        self.setFocusProxy(self._edit)
        self._value: dict[str, Any] | None = {}
        self._problem: str | None = None
        self._edit.textChanged.connect(self._check)
        self.set_value(value or {})

    def text(self) -> str:
        """What was typed."""
        return self._edit.toPlainText()

    def set_text(self, text: str) -> None:
        """Start with another text."""
        self._edit.setPlainText(text)

    def set_value(self, value: dict[str, Any]) -> None:
        """Start with this object."""
        self.set_text(exact_json.dumps(value, indent=2, ensure_ascii=False))

    def value(self) -> dict[str, Any] | None:
        """The object, or None while something is wrong."""
        return self._value

    def problem(self) -> str | None:
        """What is wrong, or None."""
        return self._problem

    def _check(self) -> None:
        self._value, self._problem, line = check_object(self.text())
        verdict = self._problem or self.tr("a JSON object")
        self._verdict.setText(verdict)
        dress(self._verdict, tone="bad" if self._problem else "small")
        dress(self._edit, problem=self._problem is not None)
        self._tidy.setEnabled(self._value is not None)
        self._mark(line)
        self.changed.emit()

    def _mark(self, line: int | None) -> None:
        marks = []
        if line is not None:
            mark = QTextEdit.ExtraSelection()
            colour = QColor(theme().colour("bad"))
            colour.setAlpha(40)
            mark.format.setBackground(colour)
            mark.format.setProperty(QTextFormat.Property.FullWidthSelection, True)
            cursor = self._edit.textCursor()
            cursor.setPosition(self._edit.document().findBlockByNumber(line - 1).position())
            mark.cursor = cursor
            marks.append(mark)
        self._edit.setExtraSelections(marks)

    def _tidy_up(self) -> None:
        if self._value is not None:
            self.set_value(self._value)
