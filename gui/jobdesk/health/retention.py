"""What a purge would free: for how long finished jobs are kept, and which; the preview leads into the preflight."""

from __future__ import annotations

from collections.abc import Sequence

from jobdesk_core.health import FINISHED, KEEP_DAYS, Freed, Health, bytes_text, freed, weekly_bytes
from jobdesk_core.jobs import Status
from jobdesk_core.number import estimated, exact
from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QColor, QPainter, QPaintEvent
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QLabel, QPushButton, QSizePolicy, QVBoxLayout, QWidget

from jobdesk.kit import formats
from jobdesk.kit.flow import Flow
from jobdesk.kit.labels import caption
from jobdesk.kit.text_block import Run, TextBlock
from jobdesk.kit.theme import theme

BAR_HEIGHT = 12
#: Growth in a week that is worth a word, in bytes.
GROWTH_BYTES = 10_000_000


class ShareBar(QWidget):
    """What would be freed, beside what is kept."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._share = 0.0
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        theme().changed.connect(self.update)

    def set_share(self, share: float) -> None:
        """Show this share, 0 to 1."""
        self._share = share
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(120, theme().grown(BAR_HEIGHT))

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        tokens = theme().tokens
        width, height = self.width(), self.height()
        left = round(width * self._share)
        kept = QColor(tokens.colour("good"))
        kept.setAlphaF(0.45)
        painter.fillRect(left, 0, width - left, height, kept)
        painter.fillRect(0, 0, max(0, left - 1), height, tokens.colour("warning"))
        painter.end()


class RetentionPanel(QWidget):
    """The choice, what it frees, and the button that counts it exactly."""

    changed = Signal()  # another choice

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._health: Health | None = None
        self.sentence, self.note = TextBlock(), TextBlock(size_px=12)
        self.bar = ShareBar()
        self.old, self.kept = QLabel(), QLabel()
        self.keep, self.of = QComboBox(), QComboBox()
        self.preview = QPushButton(self.tr("Preview…"))
        self.preview.setObjectName("primary")
        self.preview.setAutoDefault(False)
        self.estimate = QLabel()
        self._place()
        self.keep.currentIndexChanged.connect(self._chosen)
        self.of.currentIndexChanged.connect(self._chosen)

    @property
    def days(self) -> int:
        """For how many days finished jobs are kept."""
        return int(self.keep.currentData())

    @property
    def statuses(self) -> Sequence[Status]:
        """Which of the finished ones are purged."""
        chosen = self.of.currentData()
        return FINISHED if chosen is None else (Status(chosen),)

    def show_health(self, health: Health | None) -> None:
        """Tell what the chosen purge would free."""
        self._health = health
        found = freed(health, self.days, self.statuses) if health is not None else None
        self._show_freed(found)
        said = " ".join(filter(None, (self._growth(health), self._left(found)))) if health is not None else ""
        runs = [Run(said, "secondary")]
        self.note.set_runs(runs)
        self.note.setVisible(bool(said))

    def _show_freed(self, found: Freed | None) -> None:
        is_known = found is not None
        for part in (self.bar, self.old, self.kept, self.estimate):
            part.setVisible(is_known)
        days = self.days
        if found is None:
            text = self.tr("What a purge frees is not known yet; its preview counts.")
            self.sentence.set_runs([Run(text, "secondary")])
            return
        what = self.tr("finished") if self.of.currentData() is None else str(self.of.currentData())
        if not round(found.jobs):
            # Of some nothing may tell how old they are.
            text = self.tr("No {status} job is known to be older than {days} days.").format(status=what, days=days)
            if not round(found.undated.rows):
                text = self.tr("No {status} job is older than {days} days.").format(status=what, days=days)
            self.sentence.set_runs([Run(text)])
        else:
            text = self.tr("Purging {status} jobs older than {days} days frees about ")
            size = bytes_text(found.cell.bytes)
            self.sentence.set_runs([Run(text.format(status=what, days=days)), Run(size, is_strong=True), Run(".")])
        self.bar.set_share(found.share)
        share = round(100 * found.share)
        self.old.setVisible(bool(round(found.jobs)))
        self.old.setText(self.tr("older than {days} days, {share} %").format(days=days, share=share))
        self.kept.setText(self.tr("kept, {share} %").format(share=100 - share))
        self.estimate.setText(self._estimated(found))

    def _estimated(self, found: Freed) -> str:
        number = round(found.jobs)
        count = formats.count((exact if found.cell.is_exact else estimated)(number))
        jobs = self.tr("1 job") if number == 1 else self.tr("{count} jobs").format(count=count)
        if found.seconds < 1:
            return jobs
        return self.tr("{jobs}, about {time}").format(jobs=jobs, time=formats.duration(float(round(found.seconds))))

    def _left(self, found: Freed | None) -> str:
        number = round(found.undated.rows) if found is not None else 0
        if found is None or not number:
            return ""
        if number == 1:
            return self.tr("1 finished job has no age: no event tells when it ended, and a purge leaves it.")
        count = formats.count((exact if found.undated.is_exact else estimated)(number))
        said = self.tr("{count} finished jobs have no age: no event tells when they ended, and a purge leaves them.")
        return said.format(count=count)

    def _growth(self, health: Health) -> str:
        grows = weekly_bytes(health)
        parts = []
        if grows is not None and grows >= GROWTH_BYTES:
            text = self.tr("At today’s pace the tables grow by {size} a week.")
            parts.append(text.format(size=bytes_text(grows)))
        if health.retention is not None:
            last = health.retention.last
            if health.retention.is_scheduled and last is not None:
                text = self.tr("The task remove_old_jobs purges them; last deferred {time}.")
                parts.append(text.format(time=formats.local(last)))
            elif not health.retention.is_scheduled:
                parts.append(self.tr("Nothing purges them now: no retention task is known."))
        return " ".join(parts)

    def _chosen(self) -> None:
        self.show_health(self._health)
        self.changed.emit()

    def _place(self) -> None:
        for days in KEEP_DAYS:
            self.keep.addItem(self.tr("{days} days").format(days=days), days)
        self.keep.setCurrentIndex(KEEP_DAYS.index(30))
        self.of.addItem(self.tr("all finished"), None)
        for status in FINISHED:
            self.of.addItem(self.tr("{status} only").format(status=status.value), status.value)
        self.keep.setAccessibleName(self.tr("For how long finished jobs are kept"))
        self.of.setAccessibleName(self.tr("Which jobs are purged"))
        self.old.setProperty("tone", "warning")
        for label in (self.kept, self.estimate):
            label.setProperty("tone", "secondary")
        ends = QHBoxLayout()
        ends.addWidget(self.old)
        ends.addStretch()
        ends.addWidget(self.kept)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(6)
        layout.addWidget(caption(self.tr("RETENTION")))
        layout.addWidget(self.sentence)
        layout.addWidget(self.bar)
        layout.addLayout(ends)
        layout.addWidget(_flowing(QLabel(self.tr("keep")), self.keep, QLabel(self.tr("of")), self.of))
        layout.addWidget(_flowing(self.preview, self.estimate))
        layout.addWidget(self.note)


def _flowing(*widgets: QWidget) -> QWidget:
    """These beside each other, and in several lines where they do not fit into one."""
    holder = QWidget()
    flow = Flow(holder)
    policy = QSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
    policy.setHeightForWidth(True)
    holder.setSizePolicy(policy)
    for widget in widgets:
        if isinstance(widget, QLabel):
            widget.setProperty("tone", "secondary")
            widget.setTextFormat(Qt.TextFormat.PlainText)
            widget.setMinimumHeight(theme().grown(28))
        flow.addWidget(widget)
    return holder
