"""How the latest runs of the shown job's task went, as bars and in words. Hidden where none is known."""

from __future__ import annotations

import statistics
from collections import Counter

from jobdesk_core.job.related_jobs import FEWEST_RUNS, UsualTimes
from jobdesk_core.jobs import EventType
from PySide6.QtCore import Signal
from PySide6.QtWidgets import QWidget

from jobdesk.inspector.run_strip import RunStrip
from jobdesk.kit import formats
from jobdesk.kit.labels import caption, plain_label
from jobdesk.kit.layouts import in_column

#: Ends of runs that were not cut short.
WHOLE_ENDS = (EventType.SUCCEEDED, EventType.FAILED)


class RunsPanel(QWidget):
    """Shows a task's latest runs, and asks for the job of one."""

    job_clicked = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.strip = RunStrip()
        self.strip.job_clicked.connect(self.job_clicked)
        self.words = plain_label("small")
        in_column(
            caption(self.tr("LATEST RUNS OF THIS TASK")), self.strip, self.words, within=self, margins=0, spacing=4
        )
        self.hide()

    def show_usual(self, usual: UsualTimes | None, job_id: int) -> None:
        """Show these runs, with those of this job marked; None shows nothing."""
        runs = usual.latest if usual is not None else ()
        text = self._in_words(usual) if usual is not None and runs else ""
        self.words.setText(text)
        self.strip.set_runs(runs, job_id, text)
        self.setVisible(bool(runs))

    def _in_words(self, usual: UsualTimes) -> str:
        ends = Counter(run.end for run in usual.latest)
        count = len(usual.latest)
        parts = [self.tr("1 run") if count == 1 else self.tr("{count} runs").format(count=count)]
        failed = ends[EventType.FAILED]
        parts.append(self.tr("{count} failed").format(count=failed) if failed else self.tr("none failed"))
        if ends[EventType.DEFERRED_FOR_RETRY]:
            parts.append(self.tr("{count} retried").format(count=ends[EventType.DEFERRED_FOR_RETRY]))
        if ends[EventType.ABORTED]:
            parts.append(self.tr("{count} aborted").format(count=ends[EventType.ABORTED]))
        times = [run.seconds for run in usual.latest if run.end in WHOLE_ENDS and run.ended_at >= run.started_at]
        if len(times) >= FEWEST_RUNS:
            # Of the runs told here and no others, so that what stands in one line is of one kind.
            is_all = len(times) == count
            part = self.tr("median {time}") if is_all else self.tr("median of those that succeeded or failed {time}")
            parts.append(part.format(time=formats.duration(statistics.median(times))))
        return ", ".join(parts)
