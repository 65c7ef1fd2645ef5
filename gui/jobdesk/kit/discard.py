"""Asks before something is lost: staged changes, what has been typed into a dialog, or a saved connection."""

from __future__ import annotations

from collections.abc import Mapping

from PySide6.QtWidgets import QWidget

from jobdesk.kit import formats
from jobdesk.kit.dialog_frame import DialogFrame
from jobdesk.staging.words import changes


class DiscardDialog(DialogFrame):
    """`counts` are the numbers of changes by connection; `is_end`: the program would end."""

    help_place = ("staged-changes", "what-it-does-not-do")

    def __init__(self, parent: QWidget | None, *, counts: Mapping[str, int], is_end: bool = False) -> None:
        total = changes(sum(counts.values()))
        super().__init__(parent, title="", sentence="", verb=" ", width=480)
        self.title.setText(self.tr("Discard {changes}?").format(changes=total))
        self.setWindowTitle(self.title.text())
        names = ", ".join(formats.cut(name, 80) for name in counts)
        where = self.tr("They are staged for {names}, and have not been applied.").format(names=names)
        lost = (
            self.tr("They are not kept when Jobdesk quits.") if is_end else self.tr("Discarding them changes no job.")
        )
        self.sentence.setText(f"{where} {lost}")
        self.sentence.show()
        self.verb.setText(self.tr("Discard and quit") if is_end else self.tr("Discard"))
        self.warn_of_verb()
        self.cancel_button.setText(self.tr("Keep them"))


class ForgetDialog(DialogFrame):
    """Asks before a dialog is closed with what has been typed into it."""

    help_place = ("first-steps", "keys")

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent, title="", sentence="", verb="", width=380)
        self.title.setText(self.tr("Discard what you typed?"))
        self.setWindowTitle(self.title.text())
        self.verb.setText(self.tr("Discard"))
        self.warn_of_verb()
        self.verb.show()
        self.cancel_button.setText(self.tr("Keep editing"))


class ConnectionLossDialog(DialogFrame):
    """Asks before a saved connection is deleted, or replaced by another."""

    help_place = ("connections", "saved-connections")

    def __init__(self, parent: QWidget, *, title: str, sentence: str, verb: str) -> None:
        super().__init__(parent, title=title, sentence=sentence, verb=verb, width=440)
        self.warn_of_verb()
