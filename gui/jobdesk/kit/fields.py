"""A list of labels and values, such as a job's columns: selectable, wrapped, brought up to date in place."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QGridLayout, QWidget

from jobdesk.kit.growing import keep_sizes
from jobdesk.kit.one_line import OneLine
from jobdesk.kit.text_block import Run, TextBlock
from jobdesk.kit.theme import theme
from jobdesk.kit.theme.tokens import Tone

#: A label, its value, and how the value looks: a tone, `mono`, or empty.
Field = tuple[str, str, Tone | Literal["mono"]]
LABEL_WIDTH, WIDEST_LABEL = 106, 132


class FieldList(QWidget):
    """Shows fields. What follows a middle dot in a value (`acct-7 · free`) is written as an aside."""

    def __init__(self, parent: QWidget | None = None, *, label_width: int = LABEL_WIDTH) -> None:
        super().__init__(parent)
        self._label_width = label_width
        self._labels: list[OneLine] = []
        self._values: list[TextBlock] = []
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setHorizontalSpacing(8)
        self._grid.setVerticalSpacing(4)
        theme().changed.connect(self._take_size)
        self._take_size()
        self._grid.setColumnStretch(1, 1)

    def set_fields(self, fields: Sequence[Field]) -> None:
        """Show these fields in this order. Values that stay the same keep their selection."""
        while len(self._labels) < len(fields):
            self._add_row()
        for position, (label, value) in enumerate(zip(self._labels, self._values, strict=True)):
            is_used = position < len(fields)
            label.setVisible(is_used)
            value.setVisible(is_used)
            if is_used:
                name, text, tone = fields[position]
                label.set_whole(name)
                value.setAccessibleName(name)
                value.set_runs(_runs(text, tone))

    def value(self, label: str) -> str:
        """The text of the field with that label. KeyError when there is none."""
        for name, block in zip(self._labels, self._values, strict=True):
            if name.whole == label and not block.isHidden():
                return block.plain_text
        raise KeyError(label)

    def _take_size(self) -> None:
        self._grid.setColumnMinimumWidth(0, theme().grown(self._label_width))

    def _add_row(self) -> None:
        label = OneLine("secondary")
        # A label may be a key from the database: it gives way, so that nothing is pushed out of sight.
        keep_sizes(label, most_width=WIDEST_LABEL)
        value = TextBlock()
        row = len(self._labels)
        self._grid.addWidget(label, row, 0, Qt.AlignmentFlag.AlignTop)
        self._grid.addWidget(value, row, 1)
        self._labels.append(label)
        self._values.append(value)


def _runs(text: str, tone: Tone | Literal["mono"]) -> list[Run]:
    value, dot, aside = text.partition(" · ")
    runs = [Run(value, is_mono=True) if tone == "mono" else Run(value, tone)]
    return [*runs, Run(dot + aside, "secondary")] if dot else runs
