"""The runs of a job as its workers reported them: each attempt's error, the traceback of one, its last log lines."""

from __future__ import annotations

from jobdesk_core.profiles.editors import filled
from jobdesk_core.reported.of_job import JobReports, ReportedRun
from PySide6.QtCore import QUrl, Signal
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QApplication, QVBoxLayout, QWidget

from jobdesk.kit import formats
from jobdesk.kit.labels import caption
from jobdesk.kit.text_block import Run as Text
from jobdesk.kit.text_block import TextBlock
from jobdesk.kit.traceback import Frame, parts_of
from jobdesk.kit.traceback_view import TracebackView

#: Characters of a message beside its attempt; the traceback has all of it.
MOST_MESSAGE = 300
#: Lines of a log that are shown.
MOST_LINES = 60


class AttemptsPanel(QWidget):
    """Shows nothing for a job of which there is nothing to say."""

    help_asked_for = Signal()
    copied = Signal(str)  # a sentence

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._reports, self._chosen, self._editor = JobReports(), -1, ""
        self.traceback = TracebackView()
        self.traceback.help_asked_for.connect(self.help_asked_for)
        self.traceback.copy.clicked.connect(self._copy)
        self.traceback.block.linked.connect(self._open)
        self._attempts_caption = caption(self.tr("ATTEMPTS"))
        self.attempts = TextBlock()
        self.attempts.setAccessibleName(self.tr("Attempts of this job"))
        self.attempts.linked.connect(lambda link: self._choose(int(link)))
        self._log_caption = caption(self.tr("LAST LOG LINES"))
        self.log = TextBlock(size_px=12)
        self.log.setAccessibleName(self.tr("The run's last log lines"))
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        for part in (self.traceback, self._attempts_caption, self.attempts, self._log_caption, self.log):
            layout.addWidget(part)
        self.clear()

    def clear(self) -> None:
        """Nothing is known."""
        self.show_reports(JobReports(), has_failed=False, editor="")

    def show_reports(self, reports: JobReports, *, has_failed: bool, editor: str) -> None:
        """Show these; of a job that has failed also that, and why, nothing is reported.

        `editor` is the template of an address that opens a place in the code.
        """
        is_same = reports == self._reports
        self._reports, self._editor = reports, editor
        if not is_same or self._chosen < 0:
            self._chosen = len(reports.runs) - 1
        self.setVisible(bool(reports.runs) or has_failed)
        for part in (self._attempts_caption, self.attempts):
            part.setVisible(bool(reports.runs))
        self._show_attempts()
        if reports.runs:
            self._show_run(reports.runs[self._chosen])
            return
        self._show_log(None)
        if not has_failed:
            self.traceback.show_nothing()
        elif reports.refusal is not None:
            self.traceback.show_note(reports.refusal, leads_to_help=True)
        else:
            self.traceback.show_note(self.tr("Its worker has not reported an error."), leads_to_help=True)

    def _choose(self, place: int) -> None:
        if 0 <= place < len(self._reports.runs):
            self._chosen = place
            self._show_attempts()
            self._show_run(self._reports.runs[place])

    def _show_attempts(self) -> None:
        texts: list[Text] = []
        for place, run in enumerate(self._reports.runs):
            if texts:
                texts.append(Text("\n\n"))
            name = self.tr("Attempt {n}").format(n=formats.number(run.attempt))
            is_chosen = place == self._chosen
            texts.append(Text(name, is_strong=is_chosen, link="" if is_chosen else str(place)))
            texts += self._of_run(run)
        self.attempts.set_runs(texts)

    def _of_run(self, run: ReportedRun) -> list[Text]:
        error = run.error
        if error is None:
            return [Text(self.tr("  no error reported"), "secondary")]
        outcome = {
            "failed": self.tr("failed"),
            "retried": self.tr("retried"),
            "lost": self.tr("lost with its worker"),
            "aborted": self.tr("aborted"),
        }[error.outcome]
        place = [formats.local(error.at)]
        if error.host is not None:
            place.append(formats.visible(formats.cut(error.host, 60)))
        if error.pid is not None:
            place.append(str(error.pid))
        texts = [
            Text("  "),
            Text(formats.visible(formats.cut(error.name, 80)), "bad", is_strong=True),
            Text(f"  {outcome}\n{' · '.join(place)}", "secondary"),
        ]
        if error.message:
            texts.append(Text(f"\n{formats.visible(formats.cut(error.message, MOST_MESSAGE))}", "secondary"))
        return texts

    def _show_run(self, run: ReportedRun) -> None:
        if run.error is not None and run.error.traceback:
            heading = self.tr("Attempt {n}").format(n=formats.number(run.attempt))
            self.traceback.show_text(run.error.traceback, heading, self._is_linked)
        elif run.error is not None:
            self.traceback.show_note(self.tr("Its traceback was not reported."))
        else:
            self.traceback.show_nothing()
        self._show_log(run)

    def _show_log(self, run: ReportedRun | None) -> None:
        lines = run.log.lines.rstrip("\n").split("\n") if run is not None and run.log is not None else []
        shown = [formats.visible(formats.cut(line, 400)) for line in lines[-MOST_LINES:]]
        self.log.set_runs([Text("\n".join(shown), "secondary", is_mono=True)] if shown else [])
        for part in (self._log_caption, self.log):
            part.setVisible(bool(shown))

    def _is_linked(self, frame: Frame) -> bool:
        return frame.is_own and filled(self._editor, frame.path, frame.line) is not None

    def _open(self, link: str) -> None:
        # By its number: an address is never read back from a text.
        frames = [part for part in parts_of(self.traceback.text) if isinstance(part, Frame)]
        number = link.removeprefix("frame:")
        if number.isdecimal() and int(number) < len(frames):
            frame = frames[int(number)]
            address = filled(self._editor, frame.path, frame.line)
            if address is not None:
                QDesktopServices.openUrl(QUrl(address, QUrl.ParsingMode.StrictMode))

    def _copy(self) -> None:
        QApplication.clipboard().setText(self.traceback.text)
        self.copied.emit(self.tr("Copied the traceback."))
