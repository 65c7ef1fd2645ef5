"""The item roles that models answer and delegates paint by, and the index they are asked with."""

from __future__ import annotations

from typing import NamedTuple

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, Qt

from jobdesk.kit.theme.tokens import Tone

#: What Qt hands to a model and to a delegate.
AnyIndex = QModelIndex | QPersistentModelIndex

_FIRST = int(Qt.ItemDataRole.UserRole) + 100

#: Name of the token or tone that a cell's text is painted in; None or empty for plain text.
TONE_ROLE = _FIRST
#: Whether a cell is painted in the monospaced font.
MONO_ROLE = _FIRST + 1
#: A `Status`: the cell shows its shape and word in its colour instead of the text.
STATUS_ROLE = _FIRST + 2
#: `time.monotonic()` of the cell's last change, 0.0 or None when it has not changed: its ground fades for a second.
CHANGED_ROLE = _FIRST + 3
#: Name of a shape (see theme.shapes) that stands before the text in the colour of the tone.
SHAPE_ROLE = _FIRST + 4
#: Whether a cell is painted in semibold.
STRONG_ROLE = _FIRST + 5
#: All that a cell is painted by, as a `PaintedCell`: one question instead of seven. A model need not answer it.
CELL_ROLE = _FIRST + 6
#: Two sequences of counts per minute, of which the second is part of the first: drawn as columns.
SPARK_ROLE = _FIRST + 7
#: What a cell stands for, as an export has it: a time instead of an age, seconds instead of "3 min". Where a model
#: does not answer it, the text is taken, and a number out of it.
VALUE_ROLE = _FIRST + 8
#: A sequence of numbers, None where one is not known, and a tone: drawn as a line.
LINE_ROLE = _FIRST + 9


class PaintedCell(NamedTuple):
    """A cell's text; its tone, shape and time of change as the roles of these names tell; and how it is set."""

    text: str
    tone: Tone
    shape: str
    changed_at: float
    is_mono: bool
    is_strong: bool
    is_right: bool
