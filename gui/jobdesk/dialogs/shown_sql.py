"""The SQL of a statement on request, behind a button."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from jobdesk_core.connectors.shown import shown_sql
from jobdesk_core.connectors.statement import Statement
from PySide6.QtWidgets import QPlainTextEdit, QPushButton, QWidget

#: Characters that are shown.
_CHARACTERS = 20_000


class ShownSql(QPlainTextEdit):
    """Hidden until `button` is clicked, which its dialog places."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._statements: Sequence[Statement[Any]] = ()
        self.button = QPushButton(self.tr("Show the SQL"))
        self.button.setObjectName("link")
        self.button.setAutoDefault(False)
        self.button.clicked.connect(self._toggle)
        self.setObjectName("code")
        self.setReadOnly(True)
        self.setTabChangesFocus(True)
        self.setAccessibleName(self.tr("SQL of the first jobs"))
        self.setMinimumHeight(120)
        self.setMaximumHeight(160)
        self.hide()

    def show_statement(self, statement: Statement[Any] | None) -> None:
        """Have this one ready to be shown."""
        self.show_statements([statement] if statement is not None else [])

    def show_statements(self, statements: Sequence[Statement[Any]]) -> None:
        """Have these ready to be shown, one below the other."""
        self._statements = statements
        self.button.setEnabled(bool(statements))
        self._write()

    def _toggle(self) -> None:
        self.setVisible(self.isHidden())
        self.button.setText(self.tr("Show the SQL") if self.isHidden() else self.tr("Hide the SQL"))
        self._write()

    def _write(self) -> None:
        if self.isHidden():
            return
        text = ";\n\n".join(map(shown_sql, self._statements))
        self.setPlainText(text if len(text) <= _CHARACTERS else f"{text[:_CHARACTERS]}…")
