"""Labelled values one below the other, to read and to copy."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFormLayout, QLabel, QSizePolicy, QWidget

from jobdesk.theme import theme


class FieldList(QWidget):
    """Rows of label, value and tone (a token, a status, or mono). Rows are reused, so nothing flickers."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._form = QFormLayout(self)
        self._form.setContentsMargins(0, 0, 0, 0)
        self._form.setHorizontalSpacing(12)
        self._form.setVerticalSpacing(5)
        self._form.setLabelAlignment(Qt.AlignmentFlag.AlignLeft)
        self._form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.ExpandingFieldsGrow)
        self._rows: list[tuple[QLabel, QLabel]] = []
        self._fields: list[tuple[str, str, str]] = []
        theme().changed.connect(lambda: self.set_fields(self._fields))

    def set_fields(self, fields: Sequence[tuple[str, str, str]]) -> None:
        """Show these rows."""
        self._fields = list(fields)
        while len(self._rows) > len(self._fields):
            self._form.removeRow(len(self._rows) - 1)
            self._rows.pop()
        while len(self._rows) < len(self._fields):
            self._rows.append(self._add_row())
        for (label, value), (name, text, tone) in zip(self._rows, self._fields, strict=True):
            label.setText(name)
            if value.text() != text:
                value.setText(text)
            value.setAccessibleName(f"{name}: {text}")
            if tone == "mono":
                value.setFont(theme().mono_font(12))
            else:
                value.setStyleSheet(f"color: {theme().tokens.tone(tone)};" if tone else "")

    def _add_row(self) -> tuple[QLabel, QLabel]:
        label, value = QLabel(), QLabel()
        label.setProperty("tone", "secondary")
        label.setMinimumWidth(104)
        value.setTextFormat(Qt.TextFormat.PlainText)
        value.setWordWrap(True)
        value.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        value.setTextInteractionFlags(
            Qt.TextInteractionFlag.TextSelectableByMouse | Qt.TextInteractionFlag.TextSelectableByKeyboard
        )
        self._form.addRow(label, value)
        return label, value
