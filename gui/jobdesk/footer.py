"""The line at the foot of the window: how much is on show, how fresh it is, the release and the rights."""

from __future__ import annotations

from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QPushButton, QWidget

from jobdesk import formats
from jobdesk.desk import Desk

HEIGHT = 28


class Footer(QFrame):
    """Shows one sentence on the left, about the page, and one on the right, about the database."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("footer")
        self.setFixedHeight(HEIGHT)
        self._left, self._right = QLabel(), QLabel()
        self.staged = QPushButton()
        self.staged.setObjectName("link")
        self.staged.hide()
        row = QHBoxLayout(self)
        row.setContentsMargins(12, 0, 12, 0)
        row.addWidget(self._left)
        row.addStretch()
        row.addWidget(self.staged)
        row.addWidget(self._right)

    def show_desk(self, desk: Desk | None, footnote: str | None = None) -> None:
        """Show a page's own footnote, or else how far the feed has read; nothing without a desk."""
        if desk is None:
            self._left.clear()
            self._right.clear()
            return
        self._left.setText(footnote if footnote is not None else self._freshness(desk))
        able = desk.capabilities
        rights = self.tr("all") if able.rights.is_complete else self.tr("limited")
        if desk.profile.is_read_only:
            rights = self.tr("read only")
        text = self.tr("release {release} · rights: {rights}").format(release=able.release, rights=rights)
        self._right.setText(self.tr("times in UTC · {rest}").format(rest=text) if formats.shows_utc() else text)

    def show_staged(self, text: str) -> None:
        """Show how many changes are staged, or nothing."""
        self.staged.setText(text)
        self.staged.setVisible(bool(text))

    def _freshness(self, desk: Desk) -> str:
        counts = desk.monitor.counts
        text = self.tr("events to #{id}").format(id=formats.number(desk.state.last_event_id))
        if counts.as_of is None:
            return text
        words = self.tr("counts exact as of {time}") if counts.is_exact else self.tr("counting…")
        return f"{text}   {words.format(time=formats.local(counts.as_of))}"
