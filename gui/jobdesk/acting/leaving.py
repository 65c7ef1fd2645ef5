"""Asks before a connection, or the program, is left while acts run: nothing is lost, whichever is chosen."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtWidgets import QWidget

from jobdesk.acting.act import Act
from jobdesk.acting.acts import Acts
from jobdesk.kit import formats
from jobdesk.kit.dialog_frame import DialogFrame


class LeaveDialog(DialogFrame):
    """`go_on` is called when the acts have been stopped and have ended."""

    help_place = ("acting", "acts-in-the-background")

    def __init__(
        self, parent: QWidget | None, *, acts: Acts, concerned: list[Act], is_end: bool, go_on: Callable[[], object]
    ) -> None:
        super().__init__(parent, title=" ", sentence=" ", verb=" ")
        self._acts, self._concerned, self._is_end, self._go_on = acts, concerned, is_end, go_on
        self.setWindowTitle(self.tr("An act is running"))
        self.cancel_button.setText(self.tr("Stay"))
        self.cancel_button.setFocus()
        acts.changed.connect(self._show)
        self._show()

    def submit(self) -> None:
        """Stop them, wait for their end, then go on."""
        self.run(self._acts.stop([act for act in self._concerned if not act.is_over]), self._leave)

    def reject(self) -> None:
        """Stay; what has been told to stop is not taken back."""
        self.work.cancel("act")
        super().reject()

    def _leave(self, _: object) -> None:
        self.accept()
        self._go_on()

    def _show(self) -> None:
        running = [act for act in self._concerned if not act.is_over]
        to_go = formats.number(sum(act.to_go for act in running))
        if not running:
            self.title.setText(self.tr("Nothing is running any more."))
            self.sentence.setText(self.tr("What was done is in the journal."))
            self.verb.setText(self.tr("Close") if self._is_end else self.tr("Disconnect"))
            return
        if len(running) == 1:
            self.title.setText(self.tr("An act is running: {count} jobs to go.").format(count=to_go))
            verb = self.tr("Stop it and close") if self._is_end else self.tr("Stop it and disconnect")
        else:
            said = self.tr("{acts} acts are running: {count} jobs to go.")
            self.title.setText(said.format(acts=len(running), count=to_go))
            verb = self.tr("Stop them and close") if self._is_end else self.tr("Stop them and disconnect")
        self.sentence.setText(
            self.tr("What has been done stays done and is in the journal; the other jobs are left as they were.")
        )
        self.verb.setText(verb)
