"""Asks before a saved connection is lost."""

from __future__ import annotations

from PySide6.QtWidgets import QWidget

from jobdesk.kit.dialog_frame import DialogFrame


class ProfileLossDialog(DialogFrame):
    """Asks before a saved connection is deleted, or replaced by another."""

    help_place = ("connections", "saved-connections")

    def __init__(self, parent: QWidget, *, title: str, sentence: str, verb: str) -> None:
        super().__init__(parent, title=title, sentence=sentence, verb=verb, width=440)
        self.warn_of_verb()
