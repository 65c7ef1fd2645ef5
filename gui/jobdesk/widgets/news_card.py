"""What changed: one line for each thing that an operator should look at, with a link to its jobs."""

from __future__ import annotations

from collections.abc import Sequence

from jobdesk_core.monitor.news import News
from PySide6.QtCore import Signal
from PySide6.QtWidgets import QFrame, QLabel, QVBoxLayout, QWidget

from jobdesk import formats
from jobdesk.widgets.text_block import Run, TextBlock

#: Lines shown; what is worst comes first.
SHOWN = 6


class NewsCard(QFrame):
    """Emits the filter of the line whose link was followed."""

    filter_asked_for = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("card")
        self.setProperty("pane", True)
        self.setAccessibleName(self.tr("What changed"))
        self._news: list[News] = []
        title = QLabel(self.tr("What changed"))
        title.setProperty("strong", "true")
        self._block = TextBlock()
        self._block.linked.connect(self._follow)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(15, 11, 15, 12)
        layout.setSpacing(6)
        layout.addWidget(title)
        layout.addWidget(self._block)

    def show_news(self, news: Sequence[News]) -> None:
        """Show these, the worst first."""
        self._news = list(news[:SHOWN])
        runs = []
        for place, each in enumerate(self._news):
            runs += [
                Run(f"{formats.local(each.since)}  ", "secondary"),
                Run(f"{each.sentence}  ", each.tone),
                Run(self.tr("Show the jobs"), link=str(place)),
                Run("\n"),
            ]
        if len(news) > SHOWN:
            runs.append(Run(self.tr("and {count} more").format(count=len(news) - SHOWN), "secondary"))
        nothing = self.tr("Nothing unusual: failures do not rise, no queue stands still, no worker is unresponsive.")
        self._block.set_runs(runs[:-1] if runs and len(news) <= SHOWN else runs or [Run(nothing, "secondary")])

    def _follow(self, place: str) -> None:
        self.filter_asked_for.emit(self._news[int(place)].filter_text)
