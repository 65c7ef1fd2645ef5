"""What has been typed into a dialog's fields since it was shown, or since it was kept."""

from __future__ import annotations

from collections.abc import Iterator

from PySide6.QtWidgets import QLineEdit, QPlainTextEdit, QWidget


class Typed:
    """Compares the fields with what they held; those made later held nothing."""

    def __init__(self, dialog: QWidget) -> None:
        self._dialog = dialog
        # They hold on to the fields: Qt's own ones would get another wrapper each time.
        self._kept: dict[QWidget, str] = {}

    def keep(self) -> None:
        """Take what the fields hold now as nothing typed."""
        self._kept = dict(self._texts())

    def is_any(self) -> bool:
        """Whether closing would lose something that was typed."""
        return any(text != self._kept.get(field, "") for field, text in self._texts())

    def _texts(self) -> Iterator[tuple[QWidget, str]]:
        for edit in self._dialog.findChildren(QLineEdit):
            if not edit.isReadOnly():
                yield edit, edit.text()
        for area in self._dialog.findChildren(QPlainTextEdit):
            if not area.isReadOnly():
                yield area, area.toPlainText()
