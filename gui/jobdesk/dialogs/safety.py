"""What stands between a plan and its verb: dangers to be ticked, one transaction or chunks, a name to be typed."""

from __future__ import annotations

from dataclasses import replace

from jobdesk_core.operations import Change, Plan, Retry
from jobdesk_core.profiles import Profile
from PySide6.QtCore import Signal
from PySide6.QtWidgets import QCheckBox, QComboBox, QLineEdit, QVBoxLayout, QWidget

from jobdesk.dialogs.act_words import Words, jobs
from jobdesk.dialogs.frame import field

#: On production more jobs than this want the profile's name typed; what cannot be undone always does.
MANY = 100
#: The choice between chunks and one transaction is offered for more jobs than this.
CHOICE_FROM = 1


class Safety(QWidget):
    """Shown as far as the plan needs it."""

    changed = Signal()
    forced_changed = Signal()

    def __init__(self, words: Words, profile: Profile) -> None:
        super().__init__()
        self._words = words
        self._profile = profile
        self._needs_name = False
        self._has_how = True
        self.force = QCheckBox()
        self.how = QComboBox()
        self.how.addItem(self.tr("In small chunks: workers are never held up, and it can be paused"))
        self.how.addItem(self.tr("All in one transaction: every one of them, or none"))
        self.name = QLineEdit()
        self.name.setPlaceholderText(profile.name)
        self._how_row, self._name_row = QWidget(), QWidget()
        asked = self.tr("Type the profile's name, {name}, for this is production").format(name=profile.name)
        for row, label, widget in ((self._how_row, self.tr("How"), self.how), (self._name_row, asked, self.name)):
            box = field(label, widget)
            box.setContentsMargins(0, 0, 0, 0)
            row.setLayout(box)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(12)
        for each in (self.force, self._how_row, self._name_row):
            layout.addWidget(each)
            each.hide()
        self.force.toggled.connect(self.forced_changed)
        self.name.textChanged.connect(self.changed)

    @property
    def is_one_transaction(self) -> bool:
        """Whether all is to be done or nothing."""
        return self.how.currentIndex() == 1

    def hide_how(self) -> None:
        """Offer no choice between chunks and one transaction."""
        self._has_how = False

    def forced(self, change: Change) -> Change:
        """The change, by force when that is ticked."""
        if isinstance(change, Retry) and not change.only_stalled:
            return replace(change, is_forced=self.force.isChecked())
        return change

    def show_plan(self, plan: Plan | None, ready: int) -> None:
        """Ask for what this plan needs."""
        dangers = 0
        if plan is not None:
            dangers = sum(group.count for group in plan.groups if group.reason and group.reason.kind == "danger")
        self.force.setVisible(bool(dangers) or (self.force.isChecked() and plan is not None))
        if dangers:
            self.force.setText(
                self.tr("{verb} the {jobs} in danger all the same: they may run twice at once").format(
                    verb=self._words.verb, jobs=jobs(dangers)
                )
            )
        self._how_row.setVisible(ready > CHOICE_FROM and self._has_how)
        self.ask_for_name(bool(ready) and (self._words.is_destructive or ready > MANY))

    def ask_for_name(self, is_needed: bool) -> None:
        """Ask for the profile's name when it is needed and this is production."""
        self._needs_name = self._profile.is_production and is_needed
        self._name_row.setVisible(self._needs_name)

    def problem(self) -> str | None:
        """What is still to be done before the verb, or None."""
        if self._needs_name and self.name.text().strip() != self._profile.name:
            return self.tr("Type the profile's name first.")
        return None
