"""To which other databases the rules are copied: chosen in the panel itself."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QCheckBox, QFrame, QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from jobdesk.kit import formats
from jobdesk.kit.layouts import empty_layout


class CopyBox(QFrame):
    """Hidden until it is asked for."""

    copied = Signal(list)  # names

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.boxes: dict[str, QCheckBox] = {}
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

    def show_names(self, names: Sequence[str]) -> None:
        """Offer these; a second time: close it again."""
        if self.isVisible():
            self.hide()
            return
        empty_layout(self._names)
        self.boxes = {name: QCheckBox(formats.visible(name).replace("&", "&&")) for name in names}
        for box in self.boxes.values():
            box.toggled.connect(self._count)
            self._names.addWidget(box)
        self._count()
        self.show()
        if self.boxes:
            next(iter(self.boxes.values())).setFocus()

    def _chosen(self) -> list[str]:
        return [name for name, box in self.boxes.items() if box.isChecked()]

    def _count(self) -> None:
        count = len(self._chosen())
        one, more = self.tr("Copy to 1 database"), self.tr("Copy to {count} databases")
        self.button.setText(one if count == 1 else more.format(count=formats.number(count)))
        self.button.setEnabled(bool(count))

    def _copy(self) -> None:
        self.copied.emit(self._chosen())
        self.hide()
