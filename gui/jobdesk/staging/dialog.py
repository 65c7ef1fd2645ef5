"""The staged changes of a connection: what each would do, all together; applied in one transaction, or thrown away."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from jobdesk_core.operations import ChangeSet, Example, SetPlan, StagedDefer, examples, first_statement, run_async
from jobdesk_core.operations.confirmation import confirmation_of_set
from jobdesk_core.troubles import explain
from PySide6.QtCore import Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QPushButton, QScrollArea, QVBoxLayout, QWidget

from jobdesk.acting.outcome_list import OutcomeList, no_examples
from jobdesk.acting.preflight_words import Words
from jobdesk.acting.safety import Safety
from jobdesk.acting.staged_changes import StagedChanges
from jobdesk.connection.desk import Desk
from jobdesk.kit.dialog_frame import DialogFrame
from jobdesk.kit.sql_view import ShownSql
from jobdesk.kit.stoppable import Pace
from jobdesk.kit.table import HEADER_HEIGHT, Table
from jobdesk.kit.theme import theme
from jobdesk.kit.values_model import Cell, ValuesModel
from jobdesk.staging import words

LOOK, EXAMPLES = "look", "examples"
#: Rows of the table in sight, at least and at most.
FEWEST_ROWS, MOST_ROWS = 3, 7


class StagedDialog(DialogFrame):
    """Follows the set while it is open: it may be edited. `apply` is handed what is to be applied."""

    help_place = ("staged-changes", "")

    edit_asked_for = Signal(int)
    discard_asked_for = Signal()

    def __init__(
        self, parent: QWidget | None, *, desk: Desk, held: StagedChanges, apply: Callable[[SetPlan], object]
    ) -> None:
        super().__init__(parent, title="", sentence="", verb=" ", width=680)
        self._desk, self._held, self._apply = desk, held, apply
        self.plan: SetPlan | None = None
        self.model = ValuesModel(words.titles(), self)
        self.table = Table(self.tr("Staged changes"))
        self.table.setModel(self.model)
        self.outcomes = OutcomeList(self._read_examples)
        self.safety = Safety(Words(self.tr("Apply"), "", "", ""), desk.profile)
        self.pace = Pace()
        self.sql = ShownSql()
        self.edit_button = self._link(self.tr("Edit…"), self._edit)
        self.remove_button = self._link(self.tr("Exclude"), self._remove)
        self.discard_button = self._link(self.tr("Discard all…"), self.discard_asked_for.emit)
        self._lay_out()
        self.table.selectionModel().selectionChanged.connect(lambda *_: self._show_chosen())
        self.safety.changed.connect(self._check)
        held.changed.connect(self._set_changed)
        self._look()
        self.table.setFocus()

    def submit(self) -> None:
        """Apply all of them."""
        if self.plan is None or not self.verb.isEnabled():
            return
        self._apply(self.plan)
        self.accept()

    def reject(self) -> None:
        """Close; the set stays."""
        self.work.cancel(LOOK)
        super().reject()

    # Looking

    def _set_changed(self) -> None:
        if self._set().entries:
            self._look()
        else:
            super().reject()

    def _set(self) -> ChangeSet:
        return self._held.of(self._desk.profile)

    def _look(self) -> None:
        """Look at every job of the set anew."""
        self.plan = None
        self.message.clear()
        self._show_rows()
        self.pace.start(self.tr("Checking the jobs: {at} of {of}"))
        looking = self._desk.look_staged(self._set(), self.pace.step)
        self.work.start(looking, name=LOOK, then=self._looked, failed=self._look_failed, replaces=True)

    def _looked(self, plan: SetPlan) -> None:
        self.pace.hide()
        if not plan.is_complete:
            again = [(self.tr("Check again"), self._look)]
            self.message.show_message("info", self.tr("Stopped before every job was checked."), "", again)
            return
        self.plan = plan
        self._show_rows()
        if not plan.is_ready:
            smaller = plan.as_they_are()
            mend = [(self.tr("Keep what can be done"), lambda: self._held.keep(self._desk.profile, smaller))]
            way_out = self.tr("Jobs that have merely changed are taken as they are now; the others are excluded.")
            can_mend = smaller != plan.staged
            said = words.together(plan)
            self.message.show_message("warning", said, way_out if can_mend else "", mend if can_mend else [])

    def _look_failed(self, error: Exception) -> None:
        self.pace.hide()
        self.say(explain(error))

    # Showing

    def _show_rows(self) -> None:
        entries, chosen = self._set().entries, self._chosen()
        secret = self._desk.profile.secret_keys
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
        as_of = f"{self.plan.as_of.astimezone():%H:%M:%S}"
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
        self._check()

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
        is_production = self._desk.profile.is_production
        self.safety.ask(confirmation_of_set(self._set(), is_production=is_production, at_risk=at_risk))

    def _check(self) -> None:
        reason = self.safety.problem()
        if self.plan is None or not self.plan.is_ready:
            reason = self.tr("Some of it cannot be done: exclude that first.")
        self.verb.setText(self.tr("Apply {changes}").format(changes=words.changes(len(self._set().entries))))
        self.verb.setEnabled(reason is None)
        self.verb.setToolTip(reason or "")
        position, entries = self._chosen(), self._set().entries
        is_one = 0 <= position < len(entries)
        self.remove_button.setEnabled(is_one)
        self.edit_button.setEnabled(is_one)
        self.edit_button.setVisible(is_one and isinstance(entries[position], StagedDefer))

    def _read_examples(self, job_ids: Sequence[int], then: Callable[[list[Example]], None]) -> None:
        reading = run_async(examples(job_ids, self._desk.capabilities), self._desk.connector)
        self.work.start(reading, name=EXAMPLES, then=then, failed=no_examples)

    # Editing

    def _edit(self) -> None:
        self.edit_asked_for.emit(self._chosen())

    def _remove(self) -> None:
        position = self._chosen()
        if position >= 0:
            self._held.keep(self._desk.profile, self._set().without(position))

    # Building

    def _link(self, text: str, clicked: Callable[[], object]) -> QPushButton:
        button = QPushButton(text)
        button.setObjectName("link")
        button.setAutoDefault(False)
        button.clicked.connect(lambda: clicked())
        return button

    def _lay_out(self) -> None:
        self.cancel_button.setText(self.tr("Keep for later"))
        self.table.lay_columns(self.model.titles)
        buttons = QHBoxLayout()
        buttons.setSpacing(12)
        for button in (self.edit_button, self.remove_button):
            buttons.addWidget(button)
        buttons.addStretch()
        buttons.addWidget(self.discard_button)
        self.links.addWidget(self.sql.button)
        inner = QWidget()
        column = QVBoxLayout(inner)
        column.setContentsMargins(0, 0, 6, 0)
        column.setSpacing(12)
        for widget in (self.outcomes, self.sql):
            column.addWidget(widget)
        column.addStretch()
        scroll = QScrollArea()
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        scroll.setWidget(inner)
        self.content.addWidget(self.table)
        self.content.addLayout(buttons)
        self.content.addWidget(scroll, 1)
        self.content.addWidget(self.safety)
        self.content.addWidget(self.pace)
        self.resize(theme().grown(760), theme().grown(620))
