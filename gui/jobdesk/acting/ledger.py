"""The ledger of an act that is over: what became of the jobs, by reason, and each of them as a file."""

from __future__ import annotations

from PySide6.QtWidgets import QPushButton, QWidget

from jobdesk.acting import ledger_files
from jobdesk.acting.act import Act, Ended
from jobdesk.acting.outcome_list import OutcomeList, reader
from jobdesk.kit.dialog_frame import DialogFrame
from jobdesk.kit.layouts import scrolling
from jobdesk.kit.theme import theme


class LedgerDialog(DialogFrame):
    """Shows how an act ended."""

    help_place = ("acting", "acts-in-the-background")

    def __init__(self, parent: QWidget | None, *, act: Act, ended: Ended) -> None:
        super().__init__(parent, title=act.errand.title, sentence=ended.sentence, verb="", width=640)
        self._ended = ended
        self.outcomes = OutcomeList(reader(act.errand.desk, self.work))
        self.export_button = QPushButton(self.tr("Export…"))
        self.export_button.setObjectName("link")
        self.export_button.setAutoDefault(False)
        self.export_button.setVisible(ended.ledger is not None)
        self.export_button.clicked.connect(self._export)
        self.links.addWidget(self.export_button)
        self.cancel_button.setText(self.tr("Close"))
        self.content.addWidget(scrolling(self.outcomes), 1)
        self.outcomes.show_lines(ended.lines)
        if ended.remedy:
            self.message.show_message(ended.kind, ended.remedy)
        self.resize(theme().grown(680), theme().grown(420))
        self.cancel_button.setFocus()

    def _export(self) -> None:
        if self._ended.ledger is not None:
            ledger_files.ask(self, self._ended.ledger, self.work, self.message)
