"""Return does what the focused control says, where Qt would press a dialog's default button or nothing."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QAbstractButton, QComboBox, QPushButton, QToolButton, QWidget

_RETURN = (Qt.Key.Key_Return, Qt.Key.Key_Enter)


def is_return(event: QKeyEvent) -> bool:
    """Whether this is Return or Enter by itself."""
    modifiers = event.modifiers() & ~Qt.KeyboardModifier.KeypadModifier
    return event.key() in _RETURN and modifiers == Qt.KeyboardModifier.NoModifier


def press(widget: QWidget | None) -> bool:
    """Do what this control says. False: it says nothing, as a field or a table."""
    if isinstance(widget, QPushButton | QToolButton) and (menu := widget.menu()) is not None:
        menu.popup(widget.mapToGlobal(widget.rect().bottomLeft()))
        return True
    if isinstance(widget, QAbstractButton):
        widget.click()
        return True
    if isinstance(widget, QComboBox) and not widget.isEditable():
        widget.showPopup()
        return True
    return False
