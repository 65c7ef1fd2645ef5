"""Why a job is where it is: a headline and sentences, with links to the jobs they name."""

from __future__ import annotations

import html
from collections.abc import Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QFrame, QLabel, QVBoxLayout, QWidget

from jobdesk.theme import theme


class WhyCard(QFrame):
    """A card with an accent bar in the explanation's tone."""

    job_clicked = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("why")
        self._tone = "neutral"
        self._shown: tuple[str, list[str], list[int]] = ("", [], [])
        self._headline = QLabel()
        self._headline.setTextFormat(Qt.TextFormat.PlainText)
        self._headline.setWordWrap(True)
        self._headline.setFont(theme().font(13, is_bold=True))
        self._headline.setStyleSheet("font-weight: 600;")
        self._text = QLabel()
        self._text.setWordWrap(True)
        self._text.setTextFormat(Qt.TextFormat.RichText)  # escaped; only our own links are markup
        self._text.setTextInteractionFlags(Qt.TextInteractionFlag.TextBrowserInteraction)
        self._text.linkActivated.connect(lambda link: self.job_clicked.emit(int(link)))
        layout = QVBoxLayout(self)
        layout.setContentsMargins(14, 10, 12, 10)
        layout.setSpacing(3)
        layout.addWidget(self._headline)
        layout.addWidget(self._text)
        theme().changed.connect(self._render)

    @property
    def headline(self) -> str:
        """The headline on show."""
        return self._headline.text()

    def clear(self) -> None:
        """Show nothing yet."""
        self.set_explanation("…", [], "neutral", [])

    def set_explanation(self, headline: str, sentences: Sequence[str], tone: str, job_ids: Sequence[int]) -> None:
        """Show an explanation; each id of `job_ids` that a sentence names becomes a link."""
        self._shown, self._tone = (headline, list(sentences), list(job_ids)), tone
        self._render()
        self.update()

    def _render(self) -> None:
        headline, sentences, job_ids = self._shown
        self._headline.setText(headline)
        text = html.escape("\n".join(sentences)).replace("\n", "<br>")
        for job_id in job_ids:
            shown = f"#{job_id:,}"
            link = f'<a href="{job_id}" style="color: {theme().tokens.accent}; text-decoration: none;">{shown}</a>'
            text = text.replace(shown, link)
        self._text.setText(f'<span style="color: {theme().tokens.secondary};">{text}</span>')
        self._text.setVisible(bool(sentences))
        self.setAccessibleName(" ".join([headline, *sentences]))

    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        painter = QPainter(self)
        tone = {"neutral": "secondary"}.get(self._tone, self._tone)
        painter.fillRect(0, 6, 3, self.height() - 12, theme().colour(tone))
        painter.setPen(Qt.PenStyle.NoPen)
