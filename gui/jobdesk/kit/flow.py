"""A layout that places widgets from left to right and goes on in the next line, as words do."""

from __future__ import annotations

from PySide6.QtCore import QPoint, QRect, QSize, Qt
from PySide6.QtWidgets import QLayout, QLayoutItem, QWidget

GAP = 6


class Flow(QLayout):
    """Places what it holds from left to right, and goes on in the next line."""

    def __init__(self, parent: QWidget | None = None, margin_x: int = 0, margin_y: int = 0) -> None:
        super().__init__(parent)
        #: Pixels between two of them, and between two lines.
        self.gap = GAP
        self._margin_x, self._margin_y = margin_x, margin_y
        self._items: list[QLayoutItem] = []

    def addItem(self, item: QLayoutItem) -> None:
        self._items.append(item)

    def count(self) -> int:
        return len(self._items)

    def itemAt(self, index: int) -> QLayoutItem | None:
        return self._items[index] if 0 <= index < len(self._items) else None

    def takeAt(self, index: int) -> QLayoutItem | None:
        return self._items.pop(index) if 0 <= index < len(self._items) else None

    def sizeHint(self) -> QSize:
        return QSize(400, self.heightForWidth(400))

    def minimumSize(self) -> QSize:
        return QSize(120, 20)

    def expandingDirections(self) -> Qt.Orientation:
        # As Qt has it, it would take what height is left over, beside any stretch.
        return Qt.Orientation.Horizontal

    def hasHeightForWidth(self) -> bool:
        return True

    def heightForWidth(self, width: int) -> int:
        return self._place(width, moves=False)

    def setGeometry(self, rect: QRect) -> None:
        super().setGeometry(rect)
        self._place(rect.width(), moves=True)

    def _place(self, width: int, *, moves: bool) -> int:
        x, y, high = self._margin_x, self._margin_y, 0
        for item in self._items:
            if item.isEmpty():
                continue
            size = item.sizeHint()
            if x > self._margin_x and x + size.width() > width - self._margin_x:
                x, y = self._margin_x, y + high + self.gap
                high = 0
            if moves:
                item.setGeometry(
                    QRect(QPoint(x, y), QSize(min(size.width(), width - 2 * self._margin_x), size.height()))
                )
            x += size.width() + self.gap
            high = max(high, size.height())
        return y + high + self._margin_y
