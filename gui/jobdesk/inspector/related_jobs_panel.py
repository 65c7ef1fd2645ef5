"""Other jobs with this one's locks, task and worker: how many, and a click that filters for them."""

from __future__ import annotations

from collections.abc import Sequence

from jobdesk_core.filters.language import term
from jobdesk_core.job.related_jobs import LATEST_JOBS, LIVE_LIMIT, Others
from jobdesk_core.number import at_least, exact
from PySide6.QtCore import Signal
from PySide6.QtWidgets import QWidget

from jobdesk.kit import formats
from jobdesk.kit.labels import caption, plain_label
from jobdesk.kit.layouts import in_column
from jobdesk.kit.text_block import Run, TextBlock


class OthersPanel(QWidget):
    """Shows a line per value that other jobs may share."""

    filter_asked_for = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._shown: list[Others] = []
        self.block = TextBlock()
        self.block.setAccessibleName(self.tr("Other jobs"))
        self.block.linked.connect(self._follow)
        self.note = plain_label("small")
        in_column(caption(self.tr("RELATED JOBS")), self.block, self.note, within=self, margins=0, spacing=4)

    def clear(self) -> None:
        """Show nothing."""
        self._shown = []
        self.block.set_runs([])
        self.note.setText("")

    def show_others(self, others: Sequence[Others]) -> None:
        """Show these counts."""
        self._shown = list(others)
        runs: list[Run] = []
        for position, each in enumerate(self._shown):
            runs += [Run("\n")] if runs else []
            runs.append(Run(f"{self._word(each.key)} ", "secondary"))
            runs.append(Run(formats.cut(each.value, 60), link=f"others:{position}"))
            runs.append(Run(f"  {self._count(each)}", "secondary"))
        self.block.set_runs(runs)
        latest = self.tr("Finished ones are counted among the latest {count} jobs.")
        self.note.setText(latest.format(count=formats.number(LATEST_JOBS)))

    def show_failure(self) -> None:
        """Say that they could not be counted."""
        self._shown = []
        self.block.set_runs([])
        self.note.setText(self.tr("They could not be counted in time."))

    def _word(self, key: str) -> str:
        words = {
            "lock": self.tr("lock"),
            "queueing_lock": self.tr("queueing lock"),
            "task": self.tr("task"),
            "worker": self.tr("worker"),
        }
        return words[key]

    def _count(self, each: Others) -> str:
        if not each.live and not each.ended:
            return self.tr("none")
        live = formats.count(at_least(LIVE_LIMIT) if each.live >= LIVE_LIMIT else exact(each.live))
        return self.tr("{live} waiting or running, {ended} finished").format(
            live=live, ended=formats.number(each.ended)
        )

    def _follow(self, link: str) -> None:
        number = link.removeprefix("others:")
        if number.isdecimal() and int(number) < len(self._shown):
            each = self._shown[int(number)]
            self.filter_asked_for.emit(term(each.key, each.value))
