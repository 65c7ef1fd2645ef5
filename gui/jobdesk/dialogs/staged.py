"""Staged changes: looked at together, taken out, thrown away, or applied in one transaction, and what came of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from jobdesk_core.connectors.statement import Statement
from jobdesk_core.operations import ChangeSet, Result, SetLedger, SetPlan, StagedDefer, first_statement
from jobdesk_core.troubles import explain
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFrame, QGridLayout, QLabel, QLineEdit, QPushButton, QScrollArea, QWidget

from jobdesk import formats
from jobdesk.desk import Desk
from jobdesk.dialogs import ledger_files
from jobdesk.dialogs.act_words import jobs, words_of
from jobdesk.dialogs.discard_staged import DiscardDialog
from jobdesk.dialogs.frame import WORK, DialogFrame, field
from jobdesk.dialogs.outcome_list import Sign, empty_layout
from jobdesk.dialogs.pace import Pace
from jobdesk.dialogs.safety import MANY
from jobdesk.dialogs.shown_sql import ShownSql
from jobdesk.dialogs.staged_words import refusals, troubles, what

LOOK = "look at staged changes"


class StagedDialog(DialogFrame):
    """Looks at once. `done` is told when all was applied; what was not stays staged."""

    def __init__(self, parent: QWidget | None, *, desk: Desk, done: Callable[[str], None]) -> None:
        super().__init__(parent, title="", sentence="", verb="", width=680)
        self._desk, self._staging, self._done = desk, desk.staging, done
        self.plan: SetPlan | None = None
        self.ledger: SetLedger | None = None
        self.pace, self.sql = Pace(), ShownSql()
        self.name = QLineEdit()
        self.name.setPlaceholderText(desk.profile.name)
        self.lines: list[tuple[str, list[str]]] = []
        self._lay_out()
        self.name.textChanged.connect(self._check)
        self.keep_button.clicked.connect(self._keep_what_can_be_done)
        self.discard_button.clicked.connect(self._discard)
        self.export_button.clicked.connect(self._export)
        self._look()

    def submit(self) -> None:
        """Apply all of it, or look again after it was not applied."""
        if self.ledger is not None:
            self._look()
            return
        if self.plan is None or not self.verb.isEnabled():
            return
        self.message.clear()
        self._set_acting(True)
        self.pace.start(self.tr("{at} of {of} jobs"), can_pause=False)
        applying = self._staging.apply(self.plan, self.pace.step)
        self.work.start(applying, name=WORK, then=self._show_ledger, failed=self._failed)

    def reject(self) -> None:
        """Close; while it is being applied stop instead, which rolls back."""
        if self.work.is_running(WORK):
            self.pace.stop()
            return
        self.work.cancel(LOOK)
        super().reject()

    # Looking

    def _look(self) -> None:
        self.plan = self.ledger = None
        self.message.clear()
        if not self._staging.count:
            self.accept()
            return
        self._show()
        self.pace.start(self.tr("Looking at the jobs: {at} of {of}"), can_pause=False)
        looking = self._staging.look(self.pace.step)
        self.work.start(looking, name=LOOK, then=self._looked, failed=self._failed, replaces=True)

    def _looked(self, made: SetPlan) -> None:
        self.pace.hide()
        if not made.is_complete:
            again = [(self.tr("Look again"), self._look)]
            self.message.show_message("info", self.tr("Stopped before every job was looked at."), "", again)
            return
        self.plan = made
        self._show()

    def _failed(self, error: Exception) -> None:
        self.pace.hide()
        self._set_acting(False)
        self.say(explain(error))

    def _show(self) -> None:
        count, made = self._staging.count, self.plan
        self.title.setText(
            self.tr("{count} staged changes on {profile}").format(
                count=formats.number(count), profile=self._desk.profile.name
            )
            if count != 1
            else self.tr("1 staged change on {profile}").format(profile=self._desk.profile.name)
        )
        said = self.tr("All of it is applied in one transaction, or nothing.")
        if made is not None and made.as_of is not None:
            as_of = self.tr("As of {time}; nothing has been changed yet.").format(time=formats.time_of_day(made.as_of))
            said = f"{said} {as_of}"
        self.sentence.setText(said)
        self.sentence.show()
        lines = []
        for position, entry in enumerate(self._staging.held.entries):
            part = made.parts[position] if made is not None else None
            kind = "info" if part is None else "good" if part.is_ready else "warning"
            lines.append((kind, what(entry), troubles(part) if part is not None else []))
        self._show_lines(lines)
        self.sql.show_statements(self._statements())
        self.keep_button.setVisible(made is not None and not made.is_ready)
        self._name_row.setVisible(self._needs_name())
        self.export_button.hide()
        self.discard_button.show()
        self.cancel_button.setText(self.tr("Close"))
        self._check()

    def _check(self) -> None:
        if self.ledger is not None:
            return
        count = self._staging.held.jobs
        self.verb.setText(self.tr("Apply to {jobs}").format(jobs=jobs(count)))
        reason = None
        if self.plan is None:
            reason = self.tr("The jobs are being looked at.")
        elif not self.plan.is_ready:
            reason = self.tr("Not everything can be applied. Take out what cannot.")
        elif self._needs_name() and self.name.text().strip() != self._desk.profile.name:
            reason = self.tr("Type the profile's name first.")
        self.verb.setEnabled(reason is None)
        self.verb.setToolTip(reason or "")

    def _needs_name(self) -> bool:
        """As the preflight: on production for many jobs, and for what cannot be undone."""
        acts = [entry.action for entry in self._staging.held.entries if not isinstance(entry, StagedDefer)]
        is_destructive = any(words_of(action).is_destructive for action in acts)
        is_much = is_destructive or self._staging.held.jobs > MANY
        return self._desk.profile.environment == "production" and is_much

    def _statements(self) -> list[Statement[object]]:
        """What would be sent first for each change; of new jobs without what looks secret."""
        found: list[Statement[object] | None] = []
        for part in self.plan.in_order() if self.plan is not None else ():
            if isinstance(part.entry, StagedDefer):
                found.append(self._desk.defer_sql(part.entry.job))  # type: ignore[arg-type]
            elif part.plan is not None:
                found.append(first_statement(part.plan))  # type: ignore[arg-type]
        return [statement for statement in found if statement is not None]

    # Changing the set

    def _remove(self, position: int) -> None:
        self._staging.set(self._staging.held.without(position))
        self._look()

    def _keep_what_can_be_done(self) -> None:
        if self.plan is not None:
            self._staging.set(self.plan.as_they_are())
            self._look()

    def _discard(self) -> None:
        dialog = DiscardDialog(self, count=self._staging.count)
        dialog.accepted.connect(lambda: self._staging.set(ChangeSet()))
        dialog.accepted.connect(self.accept)
        dialog.open()

    # Applying

    def _set_acting(self, is_acting: bool) -> None:
        self.verb.setEnabled(not is_acting)
        for widget in (self._scroll, self._name_row, self.discard_button, self.keep_button):
            widget.setEnabled(not is_acting)

    def _show_ledger(self, ledger: SetLedger) -> None:
        self.pace.hide()
        self._set_acting(False)
        if ledger.is_applied:
            count = len(ledger.made.parts)
            said = self.tr("Applied {count} staged changes to {jobs}, in one transaction.")
            one = self.tr("Applied the staged change to {jobs}.")
            told = one if count == 1 else said
            self._done(told.format(count=formats.number(count), jobs=jobs(ledger.made.staged.jobs)))
            self.accept()
            return
        self.ledger = ledger
        bad = set(ledger.refused_positions())
        self._show_lines(
            [
                ("bad" if part.position in bad else "info", what(part.entry), refusals(ledger, part))
                for part in ledger.made.parts
            ]
        )
        self.sentence.setText(self.tr("What was staged stays staged."))
        self._tell_the_end(ledger)
        self._name_row.hide()
        self.keep_button.hide()
        self.export_button.show()
        self.verb.setText(self.tr("Look again"))
        self.verb.setToolTip("")
        self.verb.setEnabled(True)

    def _tell_the_end(self, ledger: SetLedger) -> None:
        if ledger.fate is Result.UNKNOWN:
            self.message.show_message(
                "bad",
                self.tr("The link broke at the commit: all of it was applied, or nothing."),
                self.tr("Look at the jobs before you apply it again."),
            )
        elif ledger.is_stopped:
            self.message.show_message("info", self.tr("Stopped, and everything was rolled back: nothing was changed."))
        elif ledger.error is not None:
            self.say(explain(ledger.error))
        else:
            said = self.tr("Nothing was changed: everything was rolled back.")
            self.message.show_message("bad", said, self.tr("The jobs that stood in the way are named above."))

    def _export(self) -> None:
        if self.ledger is not None:
            ledger_files.ask(self, self.ledger, self.work, self.message)

    # Building

    def _show_lines(self, lines: Sequence[tuple[str, str, list[str]]]) -> None:
        self.lines = [(text, notes) for _, text, notes in lines]
        empty_layout(self._grid)
        row = 0
        for position, (kind, text, notes) in enumerate(lines):
            self._grid.addWidget(Sign(kind), row, 0, Qt.AlignmentFlag.AlignTop)
            self._grid.addWidget(_label(text), row, 1, Qt.AlignmentFlag.AlignTop)
            remove = QPushButton(self.tr("Take out"))
            remove.setObjectName("link")
            remove.setAutoDefault(False)
            remove.setAccessibleName(self.tr("Take out: {change}").format(change=text))
            remove.clicked.connect(partial(self._remove, position))
            self._grid.addWidget(remove, row, 2, Qt.AlignmentFlag.AlignTop)
            for note in notes:
                row += 1
                self._grid.addWidget(_label(note, "secondary"), row, 1, 1, 2, Qt.AlignmentFlag.AlignTop)
            row += 1
        self._grid.setRowStretch(row, 1)

    def _link(self, text: str) -> QPushButton:
        button = QPushButton(text)
        button.setObjectName("link")
        button.setAutoDefault(False)
        self.links.addWidget(button)
        return button

    def _lay_out(self) -> None:
        self.setWindowTitle(self.tr("Staged changes"))
        self.verb.show()
        self.links.addWidget(self.sql.button)
        self.keep_button = self._link(self.tr("Keep only what can be done"))
        self.discard_button = self._link(self.tr("Throw all away…"))
        self.export_button = self._link(self.tr("Export…"))
        card = QFrame()
        card.setObjectName("card")
        self._grid = QGridLayout(card)
        self._grid.setContentsMargins(14, 10, 10, 10)
        self._grid.setHorizontalSpacing(10)
        self._grid.setVerticalSpacing(4)
        self._grid.setColumnStretch(1, 1)
        self._scroll = QScrollArea()
        self._scroll.setWidgetResizable(True)
        self._scroll.setFrameShape(QFrame.Shape.NoFrame)
        self._scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._scroll.setWidget(card)
        self._name_row = QWidget()
        asked = self.tr("Type the profile's name, {name}, for this is production")
        box = field(asked.format(name=self._desk.profile.name), self.name)
        box.setContentsMargins(0, 0, 0, 0)
        self._name_row.setLayout(box)
        self.content.addWidget(self._scroll, 1)
        for widget in (self._name_row, self.sql, self.pace):
            self.content.addWidget(widget)
        self.resize(720, 440)


def _label(text: str, tone: str = "") -> QLabel:
    label = QLabel(formats.visible_lines(text))
    label.setTextFormat(Qt.TextFormat.PlainText)
    label.setWordWrap(True)
    if tone:
        label.setProperty("tone", tone)
    return label
