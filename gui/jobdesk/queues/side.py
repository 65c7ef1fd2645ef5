"""What stands beside the table of queues or tasks: the selected one's pace, its backlog, its usual arguments."""

from __future__ import annotations

import datetime as dt

from jobdesk_core.job.typical_arguments import UsualArgument, UsualArguments
from jobdesk_core.jobs import EventType
from jobdesk_core.profiles.secret_keys import compiled
from jobdesk_core.reading.name_rows import NameRow
from jobdesk_core.reading.pace import Pace, first_minute
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLabel, QVBoxLayout, QWidget

from jobdesk.kit import formats
from jobdesk.kit.fields import FieldList
from jobdesk.kit.sparkline import Sparkline
from jobdesk.kit.text_block import Run, TextBlock
from jobdesk.queues.words import count_cell, course_cell, rate, running_cell, seconds, trouble_sentence


class NamesSide(QWidget):
    """Shows one queue or task."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("panel")
        #: Which keys look secret, as the profile says.
        self.secret_keys = ""
        self._name = TextBlock(size_px=15)
        self._trouble = TextBlock()
        self._fields = FieldList()
        self._backlog_title = _heading(self.tr("Waiting jobs, last hour"))
        self._backlog = Sparkline(self.tr("Waiting jobs over the last hour"))
        self._usual_title = _heading(self.tr("Usual arguments"))
        self._usual = TextBlock()
        self._reported_title = _heading(self.tr("As its workers report"))
        self._reported = TextBlock()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(16, 14, 16, 16)
        layout.setSpacing(8)
        parts = (self._name, self._trouble, self._fields)
        for part in (*parts, self._backlog_title, self._backlog, self._reported_title, self._reported):
            layout.addWidget(part)
        for part in (self._usual_title, self._usual):
            layout.addWidget(part)
        layout.addStretch()
        self.show_usual(None)
        self.show_reported([])

    @property
    def reported_text(self) -> str:
        """What is said of what workers report; empty when nothing is."""
        return "" if self._reported.isHidden() else self._reported.plain_text

    def show_reported(self, runs: list[Run]) -> None:
        """Show what a task's workers report of it; nothing where that is not asked for."""
        self._reported.set_runs(runs)
        for part in (self._reported_title, self._reported):
            part.setVisible(bool(runs))

    @property
    def usual_text(self) -> str:
        """What is said of the usual arguments; empty when nothing is."""
        return "" if self._usual.isHidden() else self._usual.plain_text

    def show_row(self, row: NameRow, pace: Pace, now: dt.datetime) -> None:
        """Show what is known now."""
        self._name.set_runs([Run(row.name, is_strong=True)])
        trouble = trouble_sentence(row, now)
        self._trouble.set_runs([Run(trouble, "bad")])
        self._trouble.setVisible(bool(trouble))
        waiting = row.open.waiting
        backlog = pace.backlog(waiting, now, row.name)
        failed = pace.total(EventType.FAILED, now, row.name)
        self._fields.set_fields(
            [
                (self.tr("due"), *count_cell(row.open.due)),
                (self.tr("held by locks"), *count_cell(row.open.held, "warning")),
                (self.tr("scheduled"), *count_cell(row.open.scheduled)),
                (self.tr("running"), *running_cell(row.open)),
                (self.tr("waiting in all"), f"{formats.number(waiting)} · {self._growth(backlog)}", ""),
                (self.tr("oldest due"), formats.age(row.oldest, now), ""),
                (self.tr("clears in"), *course_cell(row.progress)),
                (self.tr("due at once / min"), *rate(row.came_rate)),
                (self.tr("started / min"), *rate(row.started_rate)),
                (self.tr("ended / min"), *rate(row.ended_rate)),
                (self._since(now), *count_cell(failed, "bad")),
                (self.tr("wait p50, p95"), _pair(pace.waited_s(row.name, now, 0.5), pace.waited_s(row.name, now)), ""),
                (self.tr("run p50, p95"), _pair(pace.ran_s(row.name, now, 0.5), pace.ran_s(row.name, now)), ""),
            ]
        )
        self._backlog.set_values(backlog)

    def show_usual(self, usual: UsualArguments | None) -> None:
        """Show what a task's newest jobs have been given; None where that is not known."""
        self._usual_title.setVisible(usual is not None)
        self._usual.setVisible(usual is not None)
        if usual is None:
            return
        if not usual.jobs:
            sentence = self.tr("None of the latest jobs is one of its, or their arguments are too large to learn from.")
            self._usual.set_runs([Run(sentence, "secondary")])
            return
        runs = [Run(self.tr("From the latest {count} jobs:").format(count=usual.jobs), "secondary")]
        for argument in usual.arguments:
            runs += [Run("\n"), *self._argument(argument, usual.jobs)]
        if not usual.arguments:
            runs.append(Run("\n" + self.tr("no arguments")))
        self._usual.set_runs(runs)

    def show_usual_note(self, sentence: str) -> None:
        """Say why no usual arguments are shown, or that they are being read."""
        self._usual_title.show()
        self._usual.show()
        self._usual.set_runs([Run(sentence, "secondary")])

    def _argument(self, argument: UsualArgument, jobs: int) -> list[Run]:
        runs = [Run(argument.key, is_mono=True, is_strong=True), Run(f"  {', '.join(argument.types)}", "secondary")]
        if argument.jobs < jobs:
            share = self.tr("in {percent} %").format(percent=max(1, round(100 * argument.jobs / jobs)))
            runs.append(Run(f"  {share}", "secondary"))
        if argument.values and compiled(self.secret_keys).search(argument.key):
            runs.append(Run("\n    " + self.tr("hidden: the key looks secret"), "secondary"))
        else:
            for value, count in argument.values:
                runs += [Run(f"\n    {value}", is_mono=True), Run(f"  ×{count}", "secondary")]
        return runs

    def _since(self, now: dt.datetime) -> str:
        return self.tr("failed since {time}").format(time=formats.minute_of_day(first_minute(now)))

    def _growth(self, backlog: list[int]) -> str:
        change = backlog[-1] - backlog[0]
        if not change:
            return self.tr("as an hour ago")
        more = self.tr("{count} more than an hour ago") if change > 0 else self.tr("{count} fewer than an hour ago")
        return more.format(count=formats.number(abs(change)))


def _pair(half: float | None, most: float | None) -> str:
    return f"{seconds(half)[0]}, {seconds(most)[0]}" if most is not None else formats.DASH


def _heading(text: str) -> QLabel:
    label = QLabel(text)
    label.setTextFormat(Qt.TextFormat.PlainText)
    label.setProperty("strong", "true")
    label.setContentsMargins(0, 8, 0, 0)
    return label
