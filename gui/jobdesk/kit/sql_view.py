"""The SQL of a statement on request, behind a button."""

from __future__ import annotations

from typing import Any

from jobdesk_core.connectors.rendered_sql import shown_sql
from jobdesk_core.connectors.statement import Statement
from PySide6.QtWidgets import QPlainTextEdit, QPushButton, QWidget

#: Characters that are shown.
_CHARACTERS = 20_000


class ShownSql(QPlainTextEdit):
    """Hidden until `button` is clicked, which its dialog places."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._statement: Statement[Any] | None = None
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
        self._statement = statement
        self.button.setEnabled(statement is not None)
        self._write()

    def _toggle(self) -> None:
        self.setVisible(self.isHidden())
        self.button.setText(self.tr("Show the SQL") if self.isHidden() else self.tr("Hide the SQL"))
        self._write()

    def _write(self) -> None:
        if self.isHidden():
            return
        text = shown_sql(self._statement) if self._statement is not None else ""
        self.setPlainText(text if len(text) <= _CHARACTERS else f"{text[:_CHARACTERS]}…")
