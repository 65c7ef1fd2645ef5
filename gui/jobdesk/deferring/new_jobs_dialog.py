"""What dialogs that defer many jobs share: the jobs on show, what leaves the refused ones out, and the SQL."""

from __future__ import annotations

from jobdesk_core.operations import DeferPlan, first_defer
from PySide6.QtWidgets import QCheckBox

from jobdesk.acting.plan_dialog import PlanDialog
from jobdesk.deferring.defers_panel import DefersPanel
from jobdesk.kit import formats


class NewJobsDialog(PlanDialog[DeferPlan]):
    """A kind says what it is called on its `panel`, and which words it has for the verb and for what is missing."""

    panel: DefersPanel
    #: What looks secret in the SQL, by the connection that the arguments come from.
    secret_keys = ""

    def lay_panel(self, panel: DefersPanel, empty: str) -> None:
        """Make the parts, the panel's pace with them."""
        self.panel, self.pace = panel, panel.pace
        panel.set_empty(empty)
        self.leave_out = QCheckBox()
        self.leave_out.hide()
        self.leave_out.toggled.connect(self.check)
        self.links.addWidget(self.sql.button)

    def words_of_verb(self, ready: int) -> str:
        """What the verb does to so many jobs; 0 while that is not known."""
        raise NotImplementedError

    def words_of_staging(self) -> str:
        """What the button beside the verb does."""
        raise NotImplementedError

    def take_look(self, plan: DeferPlan) -> None:
        self.message.clear()
        if plan.problem is None:
            super().take_look(plan)
        else:
            self.pace.hide()
            self.refuse(plan.problem)
        self.check()

    def refuse(self, problem: str) -> None:
        """None of them can be deferred."""
        self.message.show_message("bad", problem)

    def show_plan(self) -> None:
        if self.plan is not None:
            self.panel.show_plan(self.plan)
        self.check()

    def check(self) -> None:
        plan = self.plan
        refused, ready = (len(plan.refusals), plan.ready) if plan is not None else (0, 0)
        self.leave_out.setVisible(bool(refused) and bool(ready))
        self.leave_out.setText(
            self.tr("Exclude the {count} that cannot be deferred").format(count=formats.number(refused))
        )
        self.ask_for(ready)
        missing = self.missing()
        self.second.setEnabled(missing is None)
        self.second.setToolTip(missing or self.words_of_staging())
        super().check()
        self.verb.setText(self.words_of_verb(ready))
        self.sql.show_statement(first_defer(plan, self.secret_keys) if plan is not None and ready else None)

    def ask_for(self, ready: int) -> None:
        """Ask for what so many new jobs need."""
        if self.safety is not None:
            self.safety.show_new(ready)

    def has_refused(self) -> bool:
        """Whether there are refused jobs that are not left out yet."""
        return self.plan is not None and bool(self.plan.refusals) and not self.leave_out.isChecked()
