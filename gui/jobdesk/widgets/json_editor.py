"""An editor for a JSON object that checks as one types and says what is wrong, and where."""

from __future__ import annotations

import json
import re
from typing import Any

from PySide6.QtCore import QCoreApplication, Qt, Signal
from PySide6.QtGui import QColor, QSyntaxHighlighter, QTextCharFormat, QTextDocument, QTextFormat
from PySide6.QtWidgets import QHBoxLayout, QLabel, QPlainTextEdit, QPushButton, QTextEdit, QVBoxLayout, QWidget

from jobdesk.theme import theme

_WORDS = {
    "Expecting ',' delimiter": "a comma or a closing bracket is missing",
    "Expecting property name enclosed in double quotes": "a key in double quotes is missing",
    "Expecting ':' delimiter": "a colon is missing after the key",
    "Expecting value": "a value is missing, or it is not in JSON's spelling",
    "Unterminated string starting at": "a string is not closed",
    "Invalid control character at": "a string holds a line break or a control character",
    "Invalid \\escape": "a backslash is not doubled",
    "Extra data": "something follows after the end",
    "Illegal trailing comma before end of object": "a comma stands before the closing bracket",
    "Illegal trailing comma before end of array": "a comma stands before the closing bracket",
}
_PARTS = (
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
        self._edit.setFont(theme().mono_font(12))
        self._colours = _Colours(self._edit.document())
        self._says = QLabel()
        self._says.setTextFormat(Qt.TextFormat.PlainText)
        self._says.setWordWrap(True)
        self._tidy = QPushButton(self.tr("Tidy up"))
        self._tidy.setObjectName("link")
        self._tidy.setAutoDefault(False)
        self._tidy.clicked.connect(self._tidy_up)
        below = QHBoxLayout()
        below.addWidget(self._says, 1)
        below.addWidget(self._tidy, 0, Qt.AlignmentFlag.AlignTop)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addWidget(self._edit, 1)
        layout.addLayout(below)
        self.setFocusProxy(self._edit)
        self._value: dict[str, Any] | None = {}
        self._problem: str | None = None
        self._edit.textChanged.connect(self._check)
        self.set_text(json.dumps(value or {}, indent=2, ensure_ascii=False))

    def text(self) -> str:
        """What was typed."""
        return self._edit.toPlainText()

    def set_text(self, text: str) -> None:
        """Start with another text."""
        self._edit.setPlainText(text)

    def value(self) -> dict[str, Any] | None:
        """The object, or None while something is wrong."""
        return self._value

    def problem(self) -> str | None:
        """What is wrong, or None."""
        return self._problem

    def _check(self) -> None:
        self._value, self._problem, line = check_object(self.text())
        says = self._problem or self.tr("a JSON object")
        self._says.setText(says)
        self._says.setProperty("tone", "bad" if self._problem else "small")
        self._edit.setProperty("problem", self._problem is not None)
        for widget in (self._says, self._edit):
            widget.style().unpolish(widget)
            widget.style().polish(widget)
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
            self.set_text(json.dumps(self._value, indent=2, ensure_ascii=False))


class _Twice(ValueError):
    pass


def check_object(text: str) -> tuple[dict[str, Any] | None, str | None, int | None]:
    """The JSON object in a text; or else what is wrong with it, and in which line (from 1) if in any."""
    try:
        value = json.loads(text, object_pairs_hook=_pairs, parse_constant=_constant)
    except json.JSONDecodeError as error:
        words = _tr("Line {line}, column {column}: {what}.")
        what = _tr(_WORDS.get(error.msg, error.msg))
        return None, words.format(line=error.lineno, column=error.colno, what=what), error.lineno
    except (_Twice, RecursionError) as error:
        return None, str(error), None
    if not isinstance(value, dict):
        kinds = {list: _tr("a list"), str: _tr("a string"), bool: _tr("true or false"), type(None): "null"}
        kind = kinds.get(type(value), _tr("a number"))
        words = _tr("Arguments are a JSON object, such as {example}; this is {kind}.")
        return None, words.format(example='{"user_id": 42}', kind=kind), 1
    if "\\u0000" in json.dumps(value):
        return None, _tr("PostgreSQL cannot store the character NUL (\\u0000)."), None
    return value, None, None


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise _Twice(_tr('The key "{key}" stands twice.').format(key=key))
        found[key] = value
    return found


def _constant(name: str) -> Any:
    raise _Twice(_tr("{name} is not JSON.").format(name=name))


def _tr(text: str) -> str:
    return QCoreApplication.translate("JsonEditor", text)
