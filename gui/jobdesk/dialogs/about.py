"""Who we are, and the versions."""

from __future__ import annotations

import importlib.metadata
import platform

from PySide6.QtCore import qVersion
from PySide6.QtWidgets import QWidget

from jobdesk.dialogs.frame import DialogFrame
from jobdesk.widgets.fields import FieldList


class AboutDialog(DialogFrame):
    """Versions, to read and to copy."""

    def __init__(self, parent: QWidget | None) -> None:
        super().__init__(
            parent,
            title="Jobdesk",
            sentence="The desktop console for Procrastinate job queues on PostgreSQL.",
            verb="Close",
            width=440,
        )
        self.cancel_button.hide()
        fields = FieldList()
        fields.set_fields(
            [
                (self.tr("version"), importlib.metadata.version("jobdesk"), ""),
                ("Python", platform.python_version(), ""),
                ("Qt", f"{qVersion()} (LGPL-3.0)", ""),
                ("psycopg", f"{importlib.metadata.version('psycopg')} (LGPL-3.0)", ""),
            ]
        )
        self.content.addWidget(fields)
