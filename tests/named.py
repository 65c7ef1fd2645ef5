"""Which controls a screen reader could not name."""

from __future__ import annotations

from collections.abc import Iterator

from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractItemView,
    QAbstractSpinBox,
    QComboBox,
    QLineEdit,
    QPlainTextEdit,
    QProgressBar,
    QWidget,
)


def unnamed(root: QWidget) -> Iterator[str]:
    """The visible controls that a screen reader could not name."""
    kinds = (QAbstractButton, QAbstractItemView, QLineEdit, QComboBox, QPlainTextEdit, QAbstractSpinBox, QProgressBar)
    for widget in root.findChildren(QWidget):
        if not isinstance(widget, kinds) or not widget.isVisibleTo(root) or is_part_of_qt(widget):
            continue
        text = widget.text() if isinstance(widget, QAbstractButton) else ""
        if not (widget.accessibleName() or text.strip()):
            yield f"{type(widget).__name__} in {type(widget.parent()).__name__}"


def is_part_of_qt(widget: QWidget) -> bool:
    """Whether it is an inner part of one of Qt's own controls."""
    parent = widget.parent()
    return widget.objectName().startswith("qt_") or isinstance(parent, QAbstractSpinBox | QComboBox | QAbstractItemView)
