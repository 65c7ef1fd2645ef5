"""Undo: shows what would become of each job of a journal's entry, then does it and tells what was left alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Coroutine
from typing import Any

from jobdesk_core.journal import Entry
from jobdesk_core.journal.undo import NAMED, UndoPlan, will
from jobdesk_core.operations.confirmation import Other, confirmation
from PySide6.QtCore import QCoreApplication
from PySide6.QtWidgets import QWidget

from jobdesk.acting.act import Errand
from jobdesk.acting.errands import act_of_undo
from jobdesk.acting.plan_dialog import Act, PlanDialog
from jobdesk.acting.safety import Safety
from jobdesk.acting.words import jobs
from jobdesk.connection.desk import Desk
from jobdesk.kit import formats
from jobdesk.kit.growing import keep_sizes
from jobdesk.kit.table import Table
from jobdesk.kit.values_model import Cell, Title, ValuesModel

TABLE_HEIGHT = 220


class UndoDialog(PlanDialog[UndoPlan]):
    """Looks first; `act` is handed the undo to be done in the background."""

    help_place = ("journal", "undo")

    def __init__(self, parent: QWidget | None, *, desk: Desk, entry: Entry, act: Act) -> None:
        super().__init__(parent, desk=desk, act=act, title=_title(entry), verb=self.tr("Undo"), width=640)
        self._entry = entry
        self.setWindowTitle(self.tr("Undo"))
        self.model = ValuesModel([Title(self.tr("job"), 120), Title(self.tr("what"), 440, is_right=False)], self)
        self.table = Table(self.tr("What an undo would do"))
        self.table.set_ground("panel")
        self.table.setModel(self.model)
        self.table.lay_columns(self.model.titles)
        keep_sizes(self.table, least_height=TABLE_HEIGHT)
        self.content.addWidget(self.table)
        self.safety: Safety = self.set_safety(Safety(desk.profile))
        self.content.addWidget(self.safety)
        self.sentence.show()
        self.start_look()

    def look(self) -> Coroutine[Any, Any, UndoPlan]:
        return self._desk.plan_undo(self._entry)

    def errand(self, plan: UndoPlan) -> Errand:
        return act_of_undo(self._desk, self._entry, plan.ready)

    def missing(self) -> str | None:
        return None if self.plan is not None and self.plan.ready else self.sentence.text()

    def show_plan(self) -> None:
        plan, words = self.plan, will(self._entry)
        if plan is None:
            checking = self.tr("Checking {jobs}…").format(jobs=jobs(self._entry.done - self._entry.undone))
            self.sentence.setText(checking)
            self.check()
            return
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
        sentences = [can.format(jobs=jobs(plan.ready), what=words) if plan.ready else self.tr("Nothing can be undone.")]
        sentences += _left_words(plan.left)
        if plan.ready + plan.left.total() > len(plan.items):
            sentences.append(self.tr("The first {count} are listed.").format(count=NAMED))
        self.sentence.setText(" ".join(sentences))
        self.verb.setText(self.tr("Undo {jobs}").format(jobs=jobs(plan.ready)))
        self.safety.ask(confirmation(Other.UNDO, plan.ready, is_production=self._desk.profile.is_production))
        self.check()


def _title(entry: Entry) -> str:
    text = entry.header.sentence
    return _tr("Undo: {act}").format(act=text if len(text) <= 80 else f"{text[:80]}…")


def _left_words(left: Counter[str]) -> list[str]:
    """Why jobs are left alone, the most common reasons first."""
    return [f"{jobs(count)}: {reason}" for reason, count in left.most_common(5)]


def _tr(text: str) -> str:
    return QCoreApplication.translate("UndoDialog", text)
