"""Saves the filter and the order on show by a name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtWidgets import QLineEdit, QWidget

from jobdesk.kit.core_words import order_label
from jobdesk.kit.dialog_frame import DialogFrame, field, note
from jobdesk.kit.fields import FieldList

if TYPE_CHECKING:
    from jobdesk.filtering.finding import Finding

LONGEST_NAME = 60


class SaveViewDialog(DialogFrame):
    """A name that is taken changes that view; the dialog says so."""

    help_place = ("filter", "keep-a-filter")
    submits_on_return = True

    def __init__(self, parent: QWidget, finding: Finding) -> None:
        super().__init__(parent, title="", sentence="", verb="", width=440)
        self._finding = finding
        self.title.setText(self.tr("Save this view"))
        self.setWindowTitle(self.tr("Save this view"))
        self.verb.setText(self.tr("Save the view"))
        self.verb.show()
        current = self._finding.current_view()
        self.name = QLineEdit(current.name if current is not None else "")
        self.name.setMaxLength(LONGEST_NAME)
        self.name.textChanged.connect(self._show)
        self._note = note()
        self.content.addLayout(field(self.tr("Name"), self.name, self._note))
        facts = FieldList()
        facts.set_fields(
            [
                (self.tr("filter"), self._finding.bar.text() or self.tr("none: all jobs"), "mono"),
                (self.tr("order"), order_label(finding.order), ""),
            ]
        )
        self.content.addWidget(facts)
        self._show()
        self.name.setFocus()

    def submit(self) -> None:
        """Save it."""
        self._finding.save_view(self._name())
        self.accept()

    def _name(self) -> str:
        return " ".join(self.name.text().split())

    def _show(self) -> None:
        name = self._name()
        self.verb.setEnabled(bool(name))
        is_taken = any(view.name == name for view in self._finding.views)
        self._note.setText(self.tr("The saved view of this name will be replaced.") if is_taken else "")
