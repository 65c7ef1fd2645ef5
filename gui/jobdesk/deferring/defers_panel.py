"""Many new jobs on show: how many will be deferred, which not and why, and how far the look at them is."""

from __future__ import annotations

from collections.abc import Sequence

from jobdesk_core.operations import DeferPlan, NewJob
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QCheckBox, QLabel, QWidget

from jobdesk.acting.words import jobs
from jobdesk.deferring.new_jobs_model import COLUMNS, WIDTHS, NewJobsModel
from jobdesk.kit import formats
from jobdesk.kit.layouts import in_column
from jobdesk.kit.stoppable import Pace
from jobdesk.kit.table import Table
from jobdesk.kit.theme import theme

#: Jobs that are looked through for what their columns say.
_COMPARED = 1_000


class DefersPanel(QWidget):
    """Only shows. `hidden` columns are those that are the same for every job."""

    def __init__(self, origin: str, secret_keys: str, hidden: Sequence[str] = ()) -> None:
        super().__init__()
        self.summary = QLabel()
        self.summary.setTextFormat(Qt.TextFormat.PlainText)
        self.summary.setProperty("strong", "true")
        self.refused_only = QCheckBox(self.tr("Only those that will not be deferred"))
        self.model = NewJobsModel(origin, secret_keys, self)
        self.table = Table(self.tr("New jobs"))
        self.table.set_ground("panel")
        self.table.setModel(self.model)
        for position, (name, width) in enumerate(zip(COLUMNS, WIDTHS, strict=True)):
            self.table.setColumnWidth(position, theme().grown(width))
            self.table.setColumnHidden(position, name in hidden)
        self._empty = QLabel()
        self._empty.setProperty("tone", "secondary")
        self._empty.setWordWrap(True)
        self._empty.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._hidden = hidden
        self.pace = Pace()
        self.refused_only.toggled.connect(self.model.set_refused_only)
        layout = in_column(self.summary, within=self, margins=0, spacing=6)
        # Below, not beside: on a small screen the two would cut each other's words.
        layout.addWidget(self.refused_only)
        layout.addWidget(self.table, 1)
        layout.addWidget(self._empty, 1)
        layout.addWidget(self.pace)
        self.refused_only.hide()
        self.clear()

    def set_empty(self, text: str) -> None:
        """What stands here as long as there are no jobs."""
        self._empty.setText(text)

    def show_plan(self, plan: DeferPlan) -> None:
        """Show what would be."""
        self.model.show_jobs(plan.jobs, plan.refusals)
        self._show_table(plan.jobs)
        refused = len(plan.refusals)
        # Room for the arguments, unless there are reasons to read.
        width = WIDTHS[COLUMNS.index("outcome")] if refused else 130
        self.table.setColumnWidth(COLUMNS.index("outcome"), theme().grown(width))
        said = self.tr("{jobs} will be deferred").format(jobs=jobs(plan.ready))
        if refused:
            said = self.tr("{said}, {count} will not").format(said=said, count=formats.number(refused))
        self.summary.setText(said if plan.jobs else "")
        self._offer(bool(refused))

    def clear(self) -> None:
        """Show nothing."""
        self.model.show_jobs((), {})
        self._show_table(())
        self.summary.setText("")
        self._offer(False)

    def _show_table(self, new: Sequence[NewJob]) -> None:
        """Show the table of what there is, and the columns that say something."""
        self.table.setVisible(bool(new))
        self._empty.setVisible(not new)
        first = [each.job for each in new[:_COMPARED]]
        said = {
            "lock": any(job.lock is not None for job in first),
            "queueing_lock": any(job.queueing_lock is not None for job in first),
            "scheduled": any(job.scheduled_at is not None for job in first),
            "priority": any(job.priority for job in first),
        }
        for position, name in enumerate(COLUMNS):
            self.table.setColumnHidden(position, name in self._hidden or not said.get(name, True))

    def _offer(self, has_refused: bool) -> None:
        if not has_refused:
            self.refused_only.setChecked(False)
        self.refused_only.setVisible(has_refused)
