"""What stands between a plan and its verb: dangers to be ticked, chunks and their pace or one transaction, a name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from jobdesk_core.operations import MOST_A_SECOND, Action, Brake, Change, Fail, Plan, Rate, Retry
from jobdesk_core.operations.change.brake import LAST
from jobdesk_core.operations.confirmation import Act, Confirmation, Wants, confirmation, confirmation_of
from jobdesk_core.profiles import Profile
from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QCheckBox, QComboBox, QHBoxLayout, QLabel, QLayout, QLineEdit, QVBoxLayout, QWidget

from jobdesk.acting.words import Words
from jobdesk.kit import formats
from jobdesk.kit.dialog_frame import DialogFrame, field
from jobdesk.kit.layouts import in_row
from jobdesk.kit.number_edit import NumberEdit

#: The choice between chunks and one transaction is offered for more jobs than this.
CHOICE_FROM = 1


class Safety(QWidget):
    """Shown as far as the plan needs it; `words` are those of an act that may be forced."""

    changed = Signal()
    forced_changed = Signal()

    def __init__(self, profile: Profile, words: Words | None = None) -> None:
        super().__init__()
        self._words, self._profile = words, profile
        self._needs_name = False
        self._has_how = True
        self._is_retry = False
        self.force = QCheckBox()
        #: What is known of the jobs that may still run.
        self.risk = QLabel()
        self.risk.setTextFormat(Qt.TextFormat.PlainText)
        self.risk.setWordWrap(True)
        self.risk.setProperty("tone", "small")
        self.name = QLineEdit()
        self.name.setPlaceholderText(profile.name)
        asked = self.tr("This is production: type the profile's name, {name}").format(name=profile.name)
        self._how_row, self._brake_row = self._lay_how(), self._lay_brake()
        self._name_row = _row(field(asked, self.name))
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(12)
        for part in (self.risk, self.force, self._how_row, self._brake_row, self._name_row):
            layout.addWidget(part)
            part.hide()
        self.force.toggled.connect(self.forced_changed)
        self.name.textChanged.connect(self.changed)
        self.per_second.valueChanged.connect(self.changed)
        self.per_second.valueChanged.connect(self._show_brake)
        self.how.currentIndexChanged.connect(self._choose_how)

    def _lay_how(self) -> QWidget:
        """Chunks and their rate, or one transaction."""
        self.how = QComboBox()
        self.how.addItem(self.tr("In small chunks, which can be paused"))
        self.how.addItem(self.tr("All in one transaction: every one of them, or none"))
        # Narrower than its words, where there is no room.
        self.how.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.how.setMinimumContentsLength(24)
        self.per_second = NumberEdit()
        self.per_second.setRange(0, MOST_A_SECOND)
        self.per_second.setSpecialValueText(self.tr("no limit"))
        # An emptied field is none, not the number that stood there before.
        self.per_second.setCorrectionMode(NumberEdit.CorrectionMode.CorrectToNearestValue)
        self.per_second.setToolTip(self.tr("With a limit, chunks are small and evenly spaced, to spare the server"))
        self._rate_field = _row(field(self.tr("Jobs per second, at most"), self.per_second))
        how = in_row((field(self.tr("How"), self.how), 1), self._rate_field, spacing=12)
        return _row(how)

    def _lay_brake(self) -> QWidget:
        """What pauses a retry when its jobs fail again."""
        self.brake_on = QCheckBox(self.tr("Pause when more than"))
        self.brake_on.setToolTip(
            self.tr("Needs a limit: without one, all are retried before any of them can fail again")
        )
        self.share = NumberEdit()
        self.share.setRange(1, 99)
        self.share.setValue(10)
        self.share.setSuffix(self.tr(" %"))
        self.share.setAccessibleName(self.tr("Share of failures that pauses the retry"))
        brake = QHBoxLayout()
        brake.setSpacing(8)
        brake.addWidget(self.brake_on)
        brake.addWidget(self.share)
        brake.addWidget(QLabel(self.tr("of the last {count} fail again").format(count=LAST)))
        brake.addStretch()
        return _row(brake)

    @property
    def is_one_transaction(self) -> bool:
        """Whether all is to be done or nothing."""
        return self.how.currentIndex() == 1

    def rate(self) -> Rate | None:
        """A rate for one act, or None: as fast as the server allows, or all in one transaction."""
        self.per_second.interpretText()
        per_second = self.per_second.value()
        return Rate(per_second) if per_second and not self.is_one_transaction else None

    def brake(self) -> Brake | None:
        """The brake of a retry that has a rate, when it is ticked."""
        is_on = self.brake_on.isChecked() and self._brake_row.isVisibleTo(self) and self.rate() is not None
        return Brake(self.share.value() / 100) if is_on else None

    def _show_brake(self) -> None:
        self._brake_row.setVisible(self._is_retry and not self._how_row.isHidden() and not self.is_one_transaction)
        for each in (self.brake_on, self.share):
            each.setEnabled(self.per_second.value() > 0)

    def hide_how(self) -> None:
        """Offer no choice between chunks and one transaction."""
        self._has_how = False

    def forced(self, change: Change) -> Change:
        """The change, by force when that is ticked."""
        if isinstance(change, Retry | Fail):
            return replace(change, is_forced=self.force.isChecked())
        return change

    def show_plan(self, plan: Plan | None, ready: int) -> None:
        """Ask for what this plan needs; `ready` of its jobs can be acted upon with the options as they are."""
        dangers = plan.endangered if plan is not None else 0
        self.force.setVisible(bool(dangers) or (self.force.isChecked() and plan is not None))
        if dangers and plan is not None and self._words is not None:
            self.force.setText(_forced(self, self._words, plan.change, dangers))
        self._how_row.setVisible(ready > CHOICE_FROM and self._has_how)
        self._is_retry = plan is not None and isinstance(plan.change, Retry)
        self._show_brake()
        asked = confirmation_of(plan, is_production=self._profile.is_production) if plan is not None and ready else None
        self.ask(asked or Confirmation(Wants.NOTHING))

    def show_risk(self, sentences: Sequence[str]) -> None:
        """Tell what is known of the jobs that may still run."""
        self.risk.setText("\n".join(sentences))
        self.risk.setVisible(bool(sentences))

    def show_new(self, ready: int, act: Act = Action.DEFER) -> None:
        """Ask for what so many new jobs need."""
        self._how_row.setVisible(ready > CHOICE_FROM and self._has_how)
        self.ask(confirmation(act, ready, is_production=self._profile.is_production))

    def ask(self, asked: Confirmation) -> None:
        """Ask for the profile's name when it is wanted; the verb itself is a yes."""
        was_asked, self._needs_name = self._needs_name, asked.wants is Wants.NAME
        self._name_row.setVisible(self._needs_name)
        window = self.window()
        if self._needs_name and not was_asked and isinstance(window, DialogFrame) and window.is_untouched():
            self.name.setFocus()

    def _choose_how(self) -> None:
        # A transaction is never held open to wait.
        self._rate_field.setVisible(not self.is_one_transaction)
        self._show_brake()
        self.changed.emit()

    def problem(self) -> str | None:
        """What is still to be done before the verb, or None."""
        if self._needs_name and self.name.text().strip() != self._profile.name:
            return self.tr("Type the profile's name first.")
        return None


def _forced(safety: Safety, words: Words, change: Change, dangers: int) -> str:
    one = safety.tr("1 running job")
    many = safety.tr("{count} running jobs").format(count=formats.number(dangers))
    act = words.acting_on(one if dangers == 1 else many)
    if isinstance(change, Fail):
        it, them = safety.tr("a worker may still run it"), safety.tr("workers may still run them")
    else:
        it, them = safety.tr("it may run twice"), safety.tr("they may run twice")
    said = safety.tr("Also {act} ({risk})")
    return said.format(act=f"{act[:1].lower()}{act[1:]}", risk=it if dangers == 1 else them)


def _row(layout: QLayout) -> QWidget:
    row = QWidget()
    layout.setContentsMargins(0, 0, 0, 0)
    row.setLayout(layout)
    return row
