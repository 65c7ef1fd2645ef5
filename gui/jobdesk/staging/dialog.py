"""The staged changes of a connection: what each would do, all together; applied in one transaction, or thrown away."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from jobdesk_core.operations import ChangeSet, SetPlan, StagedDefer, first_statement
from jobdesk_core.operations.confirmation import confirmation_of_set
from PySide6.QtCore import Signal
from PySide6.QtWidgets import QWidget

from jobdesk.acting.act import Errand
from jobdesk.acting.outcome_list import OutcomeList, reader
from jobdesk.acting.plan_dialog import Act, PlanDialog
from jobdesk.acting.safety import Safety
from jobdesk.acting.staged_changes import StagedChanges
from jobdesk.connection.desk import Desk
from jobdesk.kit import formats
from jobdesk.kit.layouts import STRETCH, in_row, scrolling
from jobdesk.kit.table import HEADER_HEIGHT, Table
from jobdesk.kit.theme import theme
from jobdesk.kit.values_model import Cell, ValuesModel
from jobdesk.staging import words

#: Rows of the table in sight, at least and at most.
FEWEST_ROWS, MOST_ROWS = 3, 7


class StagedDialog(PlanDialog[SetPlan]):
    """Follows the set while it is open: it may be edited. `errand` makes the act of what is to be applied."""

    help_place = ("staged-changes", "")

    edit_asked_for = Signal(int)
    discard_asked_for = Signal()

    def __init__(
        self,
        parent: QWidget | None,
        *,
        desk: Desk,
        changes: StagedChanges,
        errand: Callable[[SetPlan], Errand],
        act: Act,
    ) -> None:
        super().__init__(parent, desk=desk, act=act, width=680)
        self._changes, self._errand = changes, errand
        self.model = ValuesModel(words.titles(), self)
        self.table = Table(self.tr("Staged changes"))
        self.table.setModel(self.model)
        self.outcomes = OutcomeList(reader(desk, self.work))
        self.safety: Safety = self.set_safety(Safety(desk.profile))
        self.edit_button = self.link(self.tr("Edit…"), lambda: self.edit_asked_for.emit(self._chosen()))
        self.remove_button = self.link(self.tr("Exclude"), self._remove)
        self.discard_button = self.link(self.tr("Discard all…"), self.discard_asked_for.emit)
        self._lay_out()
        self.table.selectionModel().selectionChanged.connect(lambda *_: self._show_chosen())
        changes.changed.connect(self._set_changed)
        self.start_look()
        self.table.setFocus()

    def errand(self, plan: SetPlan) -> Errand:
        return self._errand(plan)

    # Looking

    def _set_changed(self) -> None:
        if self._set().entries:
            self.start_look()
        else:
            super().reject()

    def _set(self) -> ChangeSet:
        return self._changes.of(self._desk.profile)

    def look(self) -> Coroutine[Any, Any, SetPlan]:
        self.message.clear()
        self.pace.start(self.tr("Checking the jobs: {at} of {of}"))
        return self._desk.look_staged(self._set(), self.pace.step)

    def take_look(self, plan: SetPlan) -> None:
        super().take_look(plan)
        if plan.is_complete and not plan.is_ready:
            smaller = plan.as_they_are()
            keep = [(self.tr("Keep what can be done"), lambda: self._changes.keep(self._desk.profile, smaller))]
            remedy = self.tr("Jobs that have merely changed are taken as they are now; the others are excluded.")
            is_smaller = smaller != plan.staged
            self.message.show_message(
                "warning", words.together(plan), remedy if is_smaller else "", keep if is_smaller else []
            )

    # Showing

    def show_plan(self) -> None:
        entries, chosen = self._set().entries, self._chosen()
        secret = self._desk.profile.hidden_keys
        self.model.set_rows(
            [(str(position), words.cells(entry, self._now(position), secret)) for position, entry in enumerate(entries)]
        )
        rows = min(max(len(entries), FEWEST_ROWS), MOST_ROWS)
        self.table.setFixedHeight(theme().grown(HEADER_HEIGHT) + rows * theme().row_height + 2)
        if entries and self._chosen() < 0:
            self.table.selectRow(min(max(chosen, 0), len(entries) - 1))
        count = words.changes(len(entries))
        self.title.setText(self.tr("{changes} on {profile}").format(changes=count, profile=self._desk.profile.name))
        self.setWindowTitle(self.title.text())
        self.sentence.setText(self._meaning())
        self.sentence.show()
        self._ask_for_name()
        self._show_chosen()

    def _now(self, position: int) -> Cell:
        return words.now_of(self.plan.parts[position] if self.plan is not None else None)

    def _meaning(self) -> str:
        said = self.tr("They are applied in one transaction: all of them, or none.")
        if self.plan is None or self.plan.as_of is None:
            return said
        as_of = formats.time_of_day(self.plan.as_of)
        return f"{said} {self.tr('As of {time}; nothing has been changed yet.').format(time=as_of)}"

    def _show_chosen(self) -> None:
        position = self._chosen()
        plan = self.plan
        lines = []
        if plan is not None and 0 <= position < len(plan.parts):
            lines = words.part_lines(plan.parts[position])
        self.outcomes.setVisible(bool(lines))
        self.outcomes.show_lines(lines)
        self._show_sql(position)
        self.check()

    def _show_sql(self, position: int) -> None:
        entries = self._set().entries
        if self.plan is None or not 0 <= position < len(entries):
            self.sql.show_statement(None)
            return
        entry, part = entries[position], self.plan.parts[position]
        if isinstance(entry, StagedDefer):
            self.sql.show_statement(self._desk.defer_sql(entry.job))
        else:
            self.sql.show_statement(first_statement(part.plan) if part.plan is not None else None)

    def _chosen(self) -> int:
        rows = self.table.selectionModel().selectedRows()
        return rows[0].row() if rows else -1

    def _ask_for_name(self) -> None:
        at_risk = self.plan.at_risk if self.plan is not None else 0
        profile = self._desk.profile
        self.safety.ask(confirmation_of_set(self._set(), is_production=profile.is_production, at_risk=at_risk))

    def missing(self) -> str | None:
        is_ready = self.plan is not None and self.plan.is_ready
        return None if is_ready else self.tr("Some of it cannot be done: exclude that first.")

    def check(self) -> None:
        super().check()
        position, entries = self._chosen(), self._set().entries
        self.verb.setText(self.tr("Apply {changes}").format(changes=words.changes(len(entries))))
        is_one = 0 <= position < len(entries)
        self.remove_button.setEnabled(is_one)
        self.edit_button.setEnabled(is_one)
        self.edit_button.setVisible(is_one and isinstance(entries[position], StagedDefer))

    def _remove(self) -> None:
        position = self._chosen()
        if position >= 0:
            self._changes.keep(self._desk.profile, self._set().without(position))

    # Building

    def _lay_out(self) -> None:
        self.cancel_button.setText(self.tr("Keep for later"))
        self.table.lay_columns(self.model.titles)
        buttons = in_row(self.edit_button, self.remove_button, STRETCH, self.discard_button, spacing=12)
        self.links.addWidget(self.sql.button)
        self.content.addWidget(self.table)
        self.content.addLayout(buttons)
        self.content.addWidget(scrolling(self.outcomes, self.sql), 1)
        self.content.addWidget(self.safety)
        self.content.addWidget(self.pace)
        self.resize(theme().grown(760), theme().grown(620))
