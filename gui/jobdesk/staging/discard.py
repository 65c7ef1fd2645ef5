"""Asks before staged changes are lost."""

from __future__ import annotations

from collections.abc import Mapping

from PySide6.QtWidgets import QWidget

from jobdesk.kit import formats
from jobdesk.kit.dialog_frame import DialogFrame
from jobdesk.staging.words import changes


class DiscardDialog(DialogFrame):
    """`counts` are the numbers of changes by connection; `is_end`: their tab or window would close."""

    help_place = ("staged-changes", "what-it-does-not-do")

    def __init__(self, parent: QWidget | None, *, counts: Mapping[str, int], is_end: bool = False) -> None:
        total = changes(sum(counts.values()))
        super().__init__(parent, title="", sentence="", verb=" ", width=480)
        self.title.setText(self.tr("Discard {changes}?").format(changes=total))
        self.setWindowTitle(self.title.text())
        names = ", ".join(formats.cut(name, 80) for name in counts)
        where = self.tr("They are staged for {names}, and have not been applied.").format(names=names)
        lost = (
            self.tr("They are not kept when this is closed.") if is_end else self.tr("Discarding them changes no job.")
        )
        self.sentence.setText(f"{where} {lost}")
        self.sentence.show()
        self.verb.setText(self.tr("Discard and close") if is_end else self.tr("Discard"))
        self.warn_of_verb()
        self.cancel_button.setText(self.tr("Keep them"))
