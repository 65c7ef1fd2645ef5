"""To which other databases the rules are copied: chosen in the panel itself."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QCheckBox, QFrame, QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from jobdesk.kit import formats
from jobdesk.kit.layouts import empty_layout


class CopyBox(QFrame):
    """Hidden until it is asked for."""

    copied = Signal(list, list)  # names of databases, and of folders

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.boxes: dict[str, QCheckBox] = {}
        self.folders: dict[str, QCheckBox] = {}
        self._names = QVBoxLayout()
        self._names.setSpacing(2)
        self.button, self.cancel = QPushButton(), QPushButton(self.tr("Cancel"))
        self.button.clicked.connect(self._copy)
        self.cancel.clicked.connect(self.hide)
        buttons = QHBoxLayout()
        buttons.setSpacing(8)
        buttons.addWidget(self.button)
        buttons.addWidget(self.cancel)
        buttons.addStretch()
        column = QVBoxLayout(self)
        column.setContentsMargins(16, 0, 16, 12)
        column.addLayout(self._names)
        column.addLayout(buttons)
        self.hide()

    def show_names(self, names: Sequence[str], folders: Sequence[str] = ()) -> None:
        """Offer these; a second time: close it again."""
        if self.isVisible():
            self.hide()
            return
        empty_layout(self._names)
        self.boxes = {name: QCheckBox(_label(name)) for name in names}
        of_folder = self.tr("all of folder {name} without rules of their own")
        self.folders = {name: QCheckBox(_label(of_folder.format(name=name))) for name in folders}
        for box in (*self.folders.values(), *self.boxes.values()):
            box.toggled.connect(self._count)
            self._names.addWidget(box)
        self._count()
        self.show()
        if self.boxes:
            next(iter(self.boxes.values())).setFocus()

    def _count(self) -> None:
        count, folders = len(_chosen(self.boxes)), len(_chosen(self.folders))
        one, more = self.tr("Copy to 1 database"), self.tr("Copy to {count} databases")
        text = one if count == 1 else more.format(count=formats.number(count))
        text = text if count else self.tr("Copy")
        self.button.setText(text if not folders else self.tr("Copy to all of these"))
        self.button.setEnabled(bool(count or folders))

    def _copy(self) -> None:
        self.copied.emit(_chosen(self.boxes), _chosen(self.folders))
        self.hide()


def _chosen(boxes: dict[str, QCheckBox]) -> list[str]:
    return [name for name, box in boxes.items() if box.isChecked()]


def _label(text: str) -> str:
    return formats.visible(text).replace("&", "&&")
