"""The columns of a CSV with the type of each: as it was decided, or as one chooses here."""

from __future__ import annotations

from collections.abc import Sequence

from jobdesk_core.operations.deferring.row_types import TYPES, Column
from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QComboBox, QGridLayout, QLabel, QScrollArea, QWidget

from jobdesk.kit import formats
from jobdesk.kit.layouts import in_column

#: Columns that can be chosen for, beside each other, and pixels of height at most. The header can name every type.
MOST_COLUMNS, ACROSS, MOST_HEIGHT = 60, 2, 104
LONGEST_NAME = 24


class ColumnTypes(QWidget):
    """`changed` when one was chosen. A column that nobody chose for is decided by the reader."""

    changed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._chosen: dict[str, str] = {}
        self._columns: tuple[Column, ...] = ()
        self._area = QScrollArea()
        self._area.setWidgetResizable(True)
        self._area.setFrameShape(QScrollArea.Shape.NoFrame)
        self._area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._hint = QLabel(self.tr("An empty cell is left out. Write zip:text in the header to force a type."))
        self._hint.setProperty("tone", "small")
        self._hint.setWordWrap(True)
        in_column(self._area, self._hint, within=self, margins=0, spacing=4)
        self.boxes: dict[str, QComboBox] = {}
        self.hide()

    def chosen(self) -> dict[str, str]:
        """The types that were chosen, by the columns' names."""
        return dict(self._chosen)

    def show_columns(self, columns: Sequence[Column]) -> None:
        """Show these columns; what was chosen for others is forgotten."""
        if tuple(columns) == self._columns:
            return
        self._columns = tuple(columns)
        names = {column.name for column in columns}
        self._chosen = {name: kind for name, kind in self._chosen.items() if name in names}
        had_focus = next((name for name, box in self.boxes.items() if box.hasFocus()), None)
        self.boxes = {}
        grid_owner = QWidget()
        grid = QGridLayout(grid_owner)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setVerticalSpacing(4)
        for place, column in enumerate(columns[:MOST_COLUMNS]):
            name = QLabel(formats.visible(formats.cut(column.name, LONGEST_NAME)))
            name.setTextFormat(Qt.TextFormat.PlainText)
            box = self._box(column)
            self.boxes[column.name] = box
            name.setBuddy(box)
            row, across = divmod(place, ACROSS)
            grid.addWidget(name, row, 2 * across)
            grid.addWidget(box, row, 2 * across + 1)
        for across in range(ACROSS):
            grid.setColumnStretch(2 * across + 1, 1)
        self._area.setWidget(grid_owner)
        self._area.setFixedHeight(min(MOST_HEIGHT, grid_owner.sizeHint().height() + 6))
        self.setVisible(bool(columns))
        if had_focus in self.boxes:
            self.boxes[had_focus].setFocus()

    def _box(self, column: Column) -> QComboBox:
        box = QComboBox()
        box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        box.setMinimumContentsLength(6)
        box.setAccessibleName(self.tr("Type of {column}").format(column=formats.visible(column.name)))
        names = {
            "text": self.tr("text"),
            "number": self.tr("number"),
            "boolean": self.tr("true or false"),
            "json": self.tr("JSON"),
        }
        if column.origin != "header":
            decided = self.tr("auto-detected")
            if column.origin != "chosen":
                decided = self.tr("{type} (auto-detected)").format(type=names[column.kind])
            box.addItem(decided, "")
        for kind in TYPES:
            box.addItem(names[kind], kind)
        box.setCurrentIndex(box.findData(column.kind if column.origin in ("chosen", "header") else ""))
        if column.remark:
            box.setToolTip(column.remark)
        box.activated.connect(lambda _, name=column.name, box=box: self._choose(name, str(box.currentData())))
        return box

    def _choose(self, name: str, kind: str) -> None:
        if kind:
            self._chosen[name] = kind
        else:
            self._chosen.pop(name, None)
        self.changed.emit()
