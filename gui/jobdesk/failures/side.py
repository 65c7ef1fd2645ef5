"""What stands beside the list: the selected group, its newest traceback, what its jobs have in common, and jobs."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

from jobdesk_core import durations
from jobdesk_core.failures.records import By, Contrast, Failures
from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QHeaderView, QLabel, QPushButton, QSizePolicy, QWidget

from jobdesk.failures import words
from jobdesk.failures.common import CommonTable
from jobdesk.failures.muted import Mute
from jobdesk.failures.rows import Row
from jobdesk.kit import formats
from jobdesk.kit.actions import Actions
from jobdesk.kit.dress import dress
from jobdesk.kit.flow import Flow
from jobdesk.kit.following import follow
from jobdesk.kit.labels import caption, plain_label
from jobdesk.kit.layouts import in_column, in_row
from jobdesk.kit.table import Table
from jobdesk.kit.text_block import Run, TextBlock
from jobdesk.kit.theme import theme
from jobdesk.kit.theme.tokens import Tone
from jobdesk.kit.traceback_view import TracebackView
from jobdesk.kit.values_model import Cell, Title, ValuesModel

#: Jobs that are listed, the newest.
MOST_JOBS = 5


@dataclass(frozen=True, slots=True)
class FailedJob:
    """A job of a group: when its newest failed run ended (UTC), how long that ran in seconds, and its worker."""

    id: int
    at: dt.datetime
    ran_s: float | None
    worker: int | None


class FailuresSide(QWidget):
    """Shows one group. Nothing here reads: whoever owns it says what has been read, or why nothing was."""

    filter_asked_for = Signal(str)
    help_asked_for = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("panel")
        self.secret_keys = ""
        self.name = TextBlock(size_px=15)
        self.number = QLabel()
        self.number.setTextFormat(Qt.TextFormat.PlainText)
        self.about = TextBlock()
        self.retry = QPushButton()
        self.retry.setObjectName("primary")
        self.jobs, self.mute = QPushButton(self.tr("Show jobs")), QPushButton()
        self.traceback = TracebackView()
        self.traceback.help_asked_for.connect(self.help_asked_for)
        self._common_title = caption(self.tr("WHAT THESE HAVE IN COMMON"))
        self.common_note = plain_label("small")
        self.common = CommonTable(self.tr("What the failed have in common"))
        self.common.filter_asked_for.connect(self.filter_asked_for)
        self.common_rest = TextBlock(size_px=12)
        self.common_rest.linked.connect(lambda _: self._show_slight())
        self._jobs_title = caption(self.tr("JOBS"))
        self._job_model = ValuesModel(self._job_titles(), self)
        self.job_table = Table(self.tr("The jobs that failed last"))
        self.jobs_note = TextBlock(size_px=12)
        self._contrast: Contrast | None = None
        self._has_slight = False
        self._place()

    def set_actions(self, actions: Actions) -> None:
        """Let the buttons do what the actions of a group do, and be possible when those are."""
        pairs = ((self.retry, "retry"), (self.jobs, "show"), (self.mute, "mute"))
        for button, verb in (*pairs, (self.traceback.copy, "copy")):
            follow(button, actions[f"failure.{verb}"])

    # What is shown

    def show_group(self, row: Row | None, found: Failures | None, mute: Mute | None) -> None:
        """Show what is known of a group by the list itself."""
        for part in (self.retry, self.jobs, self.mute, self._common_title, self._jobs_title, self.number):
            part.setVisible(row is not None)
        if row is None or found is None:
            self.name.set_runs([Run(self.tr("Select a group to see what its jobs have in common."), "secondary")])
            self.about.hide()
            return
        group = row.group
        tone: Tone = "secondary" if row.is_muted else "bad"
        self.name.set_runs([Run(_name(row, found), is_strong=True)])
        self.number.setText(self.tr("{count} failed").format(count=formats.number(group.failed)))
        dress(self.number, tone=tone)
        lines = [Run(words.share_sentence(group), "secondary")] if words.share_sentence(group) else []
        for sentence in filter(None, (words.mark_sentence(group), self._rising(row))):
            lines += [Run("\n" if lines else ""), Run(sentence, "warning")]
        if row.is_muted:
            lines += [Run("\n" if lines else ""), Run(self._muted(mute), "secondary")]
        self.about.set_runs(lines)
        self.about.setVisible(bool(lines))
        self.retry.setText(self.tr("Retry {count}…").format(count=formats.number(group.still_failed)))
        self.mute.setText(self.tr("Unmute") if row.is_muted else self.tr("Mute until it grows"))

    def show_contrast(self, contrast: Contrast | None, note: str = "") -> None:
        """Show what the failed have in common; None with a note of why it is not known, or that it is being read."""
        if contrast is None or self._contrast is None or contrast.task != self._contrast.task:
            self._has_slight = False
        self._contrast = contrast
        values = list(contrast.values) if contrast is not None else []
        if contrast is not None and self._has_slight:
            values += contrast.slight
        self.common.set_values(values, self.secret_keys)
        self.common.setVisible(bool(values))
        self.common_note.setText(note or (self._compared(contrast) if contrast is not None else ""))
        self.common_note.setVisible(bool(self.common_note.text()))
        runs = self._rest(contrast) if contrast is not None else []
        self.common_rest.set_runs(runs)
        self.common_rest.setVisible(bool(runs))

    def show_jobs(self, jobs: Sequence[FailedJob], more: int, now: dt.datetime, note: str = "") -> None:
        """Show the newest failed jobs of the group and how many more there are; or a note of why none is shown."""
        self._job_model.set_rows([(str(job.id), self._job_cells(job, now)) for job in jobs[:MOST_JOBS]])
        self.job_table.setVisible(bool(jobs))
        self.job_table.setFixedHeight(max(1, len(jobs[:MOST_JOBS])) * theme().row_height + 2)
        text = note or (self.tr("{count} more").format(count=formats.number(more)) if more > 0 else "")
        self.jobs_note.set_runs([Run(text, "secondary", link="" if note else "more")] if text else [])
        self.jobs_note.setVisible(bool(text))

    # Within

    def _compared(self, contrast: Contrast) -> str:
        failed, succeeded = formats.number(contrast.failed), formats.number(contrast.succeeded)
        counts = self.tr("{failed} failed beside {succeeded} succeeded jobs of the same range.")
        parts = [contrast.note] if contrast.note else []
        parts.append(counts.format(failed=failed, succeeded=succeeded))
        if contrast.is_sample:
            parts.append(self.tr("An even sample of them."))
        if not contrast.is_whole:
            parts.append(self.tr("Still comparing …"))
        return " ".join(parts)

    def _rest(self, contrast: Contrast) -> list[Run]:
        trivial = list(dict.fromkeys(each.trivial for each in contrast.values if each.trivial))
        runs = [Run(" ".join(trivial) + " ", "secondary")] if trivial else []
        count = len(contrast.slight)
        if count and not self._has_slight:
            one, more = (
                self.tr("1 more value differs by less than twice."),
                self.tr("{count} more values differ by less than twice."),
            )
            runs.append(Run((one if count == 1 else more.format(count=formats.number(count))) + " ", "secondary"))
            runs.append(Run(self.tr("Show"), link="slight"))
        return runs

    def _show_slight(self) -> None:
        self._has_slight = True
        self.show_contrast(self._contrast)

    def _rising(self, row: Row) -> str:
        return self.tr("Rising: twice as often of late as before.") if row.group.is_rising and not row.is_muted else ""

    def _muted(self, mute: Mute | None) -> str:
        if mute is None:
            return self.tr("Muted with its task.")
        time = durations.roughly(dt.timedelta(seconds=mute.seconds))
        text = self.tr("Muted at {count} within {time}. It comes back when more fail than that.")
        return text.format(count=formats.number(mute.failed), time=time)

    def _job_cells(self, job: FailedJob, now: dt.datetime) -> list[Cell]:
        ran = self.tr("ran {time}").format(time=formats.duration(job.ran_s)) if job.ran_s is not None else ""
        worker = self.tr("worker #{number}").format(number=job.worker) if job.worker is not None else ""
        return [
            Cell(formats.job_number(job.id), "accent", is_mono=True),
            Cell(worker, "secondary"),
            Cell(ran, "secondary"),
            Cell(formats.short(job.at, now)),
        ]

    def _job_titles(self) -> list[Title]:
        return [
            Title(self.tr("job"), 92, is_right=False, sample="#99,999,999"),
            Title(self.tr("worker"), 84, is_right=False, sample="worker #999"),
            Title(self.tr("ran"), 84, is_right=False, sample="ran 59 min 59 s"),
            Title(self.tr("failed"), 80),
        ]

    def _place(self) -> None:
        table = self.job_table
        table.setModel(self._job_model)
        table.set_ground("panel")
        table.lay_columns(self._job_model.titles)
        head = table.horizontalHeader()
        head.hide()
        # A long time is cut before the moment behind it is.
        head.setStretchLastSection(False)
        head.setSectionResizeMode(2, QHeaderView.ResizeMode.Stretch)
        table.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        table.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        table.setSelectionMode(Table.SelectionMode.SingleSelection)
        for signal in (table.activated, table.clicked):
            signal.connect(lambda index: self.filter_asked_for.emit(f"id:{self._job_model.key_at(index.row())}"))
        self.jobs_note.linked.connect(lambda _: self.jobs.click())
        top = in_row((self.name, 1), (self.number, 0, Qt.AlignmentFlag.AlignTop))
        self.number.setProperty("strong", "true")
        buttons = QWidget()
        flow = Flow(buttons)
        policy = QSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        policy.setHeightForWidth(True)
        buttons.setSizePolicy(policy)
        for button in (self.retry, self.jobs, self.mute):
            button.setAutoDefault(False)
            flow.addWidget(button)
        layout = in_column(top, self.about, buttons, within=self, margins=(16, 14, 16, 16), spacing=6)
        parts = (self.traceback, self._common_title, self.common_note, self.common, self.common_rest)
        for part in (*parts, self._jobs_title, self.job_table, self.jobs_note):
            layout.addWidget(part)
        layout.addStretch()
        self.show_group(None, None, None)
        self.show_contrast(None)
        self.show_jobs([], 0, dt.datetime.now(dt.UTC))


def _name(row: Row, found: Failures) -> str:
    """What a group is called: by its task, its error, or its worker."""
    group = row.group
    parts = [words.worker_words(group.worker)] if found.by is By.WORKER else []
    error = words.error_parts(group.error)[0] if group.error is not None else words.not_reported(found)
    if found.by is By.ERROR:
        parts.append(error)
    if group.task is not None:
        parts.append(group.task)
    if found.by is By.TASK and row.is_child:
        parts.append(error)
    return " · ".join(parts) or words.not_reported(found)
