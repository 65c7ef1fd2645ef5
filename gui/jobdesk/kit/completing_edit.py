"""A line edit that offers names known from the database, found anywhere in them."""

from __future__ import annotations

from collections.abc import Iterable

from PySide6.QtCore import QStringListModel, Qt
from PySide6.QtWidgets import QCompleter, QLineEdit, QWidget


class CompletingEdit(QLineEdit):
    """Any text may be typed; what contains it is offered."""

    def __init__(self, names: Iterable[str], placeholder: str = "", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setPlaceholderText(placeholder)
        self._names = QStringListModel(sorted(names), self)
        completer = QCompleter(self._names, self)
        completer.setCaseSensitivity(Qt.CaseSensitivity.CaseInsensitive)
        completer.setFilterMode(Qt.MatchFlag.MatchContains)
        completer.setMaxVisibleItems(12)
        self.setCompleter(completer)

    def set_names(self, names: Iterable[str]) -> None:
        """Offer others from now on."""
        self._names.setStringList(sorted(names))
