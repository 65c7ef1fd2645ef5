"""Undo: shows what would become of each job of a journal's entry, then does it and tells what was left alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from jobdesk_core.journal import Entry
from jobdesk_core.journal.undo import NAMED, UndoPlan, will
from jobdesk_core.operations.confirmation import Other, confirmation
from PySide6.QtCore import QCoreApplication
from PySide6.QtWidgets import QWidget

from jobdesk.acting.act import Errand
from jobdesk.acting.errands import act_of_undo
from jobdesk.acting.preflight_words import Words
from jobdesk.acting.safety import Safety
from jobdesk.connection.desk import Desk
from jobdesk.kit import formats
from jobdesk.kit.dialog_frame import DialogFrame
from jobdesk.kit.growing import keep_sizes
from jobdesk.kit.table import Table
from jobdesk.kit.values_model import Cell, Title, ValuesModel

LOOK = "check what an undo would do"
TABLE_HEIGHT = 220


class UndoDialog(DialogFrame):
    """Looks first; `act` is handed the undo to be done in the background."""

    help_place = ("journal", "undo")

    def __init__(self, parent: QWidget | None, *, desk: Desk, entry: Entry, act: Callable[[Errand], object]) -> None:
        super().__init__(parent, title=_title(entry), sentence="", verb="", width=640)
        self._desk, self._entry, self._act = desk, entry, act
        self._ready = 0
        self.setWindowTitle(self.tr("Undo"))
        self.verb.setVisible(True)
        self.verb.setText(self.tr("Undo"))
        self.verb.setEnabled(False)
        self.cancel_button.setText(self.tr("Cancel"))
        self.model = ValuesModel([Title(self.tr("job"), 120), Title(self.tr("what"), 440, is_right=False)], self)
        self.table = Table(self.tr("What an undo would do"))
        self.table.set_ground("panel")
        self.table.setModel(self.model)
        self.table.lay_columns(self.model.titles)
        keep_sizes(self.table, least_height=TABLE_HEIGHT)
        self.content.addWidget(self.table)
        self.safety = Safety(Words("", "", "", ""), desk.profile)
        self.safety.changed.connect(self._check)
        self.content.addWidget(self.safety)
        self._say(self.tr("Checking {jobs}…").format(jobs=_jobs(entry.done - entry.undone)))
        self.work.start(desk.plan_undo(entry), name=LOOK, then=self._show_plan, failed=self._failed)

    def submit(self) -> None:
        """Do it."""
        if self.verb.isEnabled():
            self._act(act_of_undo(self._desk, self._entry, self._ready))
            self.accept()

    def _show_plan(self, plan: UndoPlan) -> None:
        words = will(self._entry)
        rows = [
            (
                str(item.job_id),
                [
                    Cell(formats.job_number(item.job_id), is_mono=True),
                    Cell(item.reason or words, "secondary" if item.reason else "good"),
                ],
            )
            for item in plan.items
        ]
        self.model.set_rows(rows)
        can = (
            self.tr("1 job can be undone: it {what}.")
            if plan.ready == 1
            else self.tr("{jobs} can be undone: each {what}.")
        )
        sentences = [
            can.format(jobs=_jobs(plan.ready), what=words) if plan.ready else self.tr("Nothing can be undone.")
        ]
        sentences += _left_words(plan.left)
        if plan.ready + plan.left.total() > len(plan.items):
            sentences.append(self.tr("The first {count} are listed.").format(count=NAMED))
        self._say(" ".join(sentences))
        self.verb.setText(self.tr("Undo {jobs}").format(jobs=_jobs(plan.ready)))
        self._ready = plan.ready
        self.safety.ask(confirmation(Other.UNDO, plan.ready, is_production=self._desk.profile.is_production))
        self._check()

    def _check(self) -> None:
        reason = self.safety.problem()
        self.verb.setEnabled(self._ready > 0 and reason is None)
        self.verb.setToolTip(reason or "")

    def _say(self, sentence: str) -> None:
        self.sentence.setText(sentence)
        self.sentence.setVisible(True)


def _title(entry: Entry) -> str:
    text = entry.header.sentence
    return _tr("Undo: {act}").format(act=text if len(text) <= 80 else f"{text[:80]}…")


def _left_words(left: Counter[str]) -> list[str]:
    """Why jobs are left alone, the most common reasons first."""
    return [f"{_jobs(count)}: {reason}" for reason, count in left.most_common(5)]


def _jobs(count: int) -> str:
    return _tr("1 job") if count == 1 else _tr("{count} jobs").format(count=formats.number(count))


def _tr(text: str) -> str:
    return QCoreApplication.translate("UndoDialog", text)
