"""The bell in the header: how many alerts are active, and the way to their panel."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QToolButton, QWidget

from jobdesk.kit.dress import dress
from jobdesk.kit.theme import theme
from jobdesk.kit.theme.icons import icon


class Bell(QToolButton):
    """Red with a number while something is active."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("bell")
        self.setCheckable(True)
        self.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self._count = -1
        theme().changed.connect(self._dress)
        self.show_count(0)

    def show_count(self, count: int) -> None:
        """How many alerts are active."""
        if count == self._count:
            return
        self._count = count
        self.setText(f"{count:,}" if count else "")
        told = self.tr("1 alert") if count == 1 else self.tr("{count} alerts").format(count=f"{count:,}")
        self.setAccessibleName(told if count else self.tr("Alerts"))
        self.setToolTip(self.tr("{alerts} active. Show them").format(alerts=told) if count else self.tr("Show alerts"))
        self._dress()

    def _dress(self) -> None:
        self.setIcon(icon("bell", "accent" if self._count else "secondary"))
        dress(self, active=bool(self._count))
