"""Asks which jobs go into a file, in which format, and where. It writes nothing itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from jobdesk_core.profiles.secret_keys import EVERYTHING
from jobdesk_core.reading.export import Wanted
from PySide6.QtWidgets import QCheckBox, QFileDialog, QVBoxLayout, QWidget

from jobdesk.kit.dialog_frame import DialogFrame, field, note
from jobdesk.kit.segmented import Segmented

KINDS = ("csv", "json", "ndjson")


@dataclass(frozen=True, slots=True)
class Choice:
    """Some jobs that may be exported, as the dialog names them; `count` is how many these are about, if known."""

    name: str
    wanted: Wanted
    count: int | None


Begin = Callable[[Wanted, Path, int | None], object]


class ExportDialog(DialogFrame):
    """`begin` is called with what to write, where, and about how many jobs these are, once a place is chosen.

    Values that look secret, by `secret_keys`, are left out unless the box is ticked.
    """

    help_place = ("jobs", "export")

    def __init__(self, parent: QWidget | None, *, choices: list[Choice], secret_keys: str, begin: Begin) -> None:
        super().__init__(parent, title="", sentence="", verb="", width=520)
        self._choices, self._secret_keys, self._begin = choices, secret_keys, begin
        self.title.setText(self.tr("Export jobs"))
        self.setWindowTitle(self.tr("Export jobs"))
        self.sentence.setText(self.tr("Every field, the arguments and the times, as of one moment."))
        self.sentence.show()
        self.verb.setText(self.tr("Choose where…"))
        self.verb.show()
        self.what = Segmented([choice.name for choice in choices])
        self.kind = Segmented(["CSV", "JSON", "NDJSON"])
        self.bom = QCheckBox(self.tr("Start with a &BOM, by which Excel recognises UTF-8"))
        self.secrets = QCheckBox(self.tr("&Include values that look secret"))
        self._about_kind, self._about_secrets = note(), note()
        self.content.addLayout(field(self.tr("Jobs"), self.what))
        self.content.addLayout(field(self.tr("Format"), self.kind, self._about_kind))
        self.content.addWidget(self.bom)
        secrets = QVBoxLayout()
        secrets.setSpacing(0)
        secrets.addWidget(self.secrets)
        secrets.addWidget(self._about_secrets)
        self.content.addLayout(secrets)
        self.content.addStretch()
        self.kind.changed.connect(self._show)
        self.secrets.toggled.connect(self._show)
        self.secrets.setVisible(secret_keys != EVERYTHING)
        self._show()

    def submit(self) -> None:
        """Ask for the file."""
        kind = KINDS[self.kind.current()]
        dialog = QFileDialog(self, self.tr("Export jobs"))
        dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        dialog.setNameFilters([f"{kind.upper()} (*.{kind})"])
        dialog.setDefaultSuffix(kind)
        dialog.selectFile(f"jobs.{kind}")
        dialog.fileSelected.connect(lambda path: self.write_to(Path(path)))
        dialog.open()

    def write_to(self, path: Path) -> None:
        """Begin to write what is chosen into this file, and close."""
        choice = self._choices[self.what.current()]
        wanted = replace(
            choice.wanted,
            kind=KINDS[self.kind.current()],
            has_bom=self.bom.isEnabled() and self.bom.isChecked(),
            secret_keys=None if self.secrets.isChecked() else self._secret_keys,
        )
        self._begin(wanted, path, choice.count)
        self.accept()

    def _show(self) -> None:
        kind = KINDS[self.kind.current()]
        about = {
            "csv": self.tr(
                "One line per job, arguments as JSON. Safe in spreadsheets: no cell is taken for a formula."
            ),
            "json": self.tr("One array, for programs that read the whole file."),
            "ndjson": self.tr("One object per line, for jq, scripts and imports."),
        }
        self._about_kind.setText(about[kind])
        self.bom.setEnabled(kind == "csv")
        self._about_secrets.setText(
            self.tr("Passwords, tokens and the like will be readable in the file.")
            if self.secrets.isChecked()
            else self.tr("Arguments named like a password or a token are written as ••••••.")
            if self._secret_keys != EVERYTHING
            else self.tr("This connection hides all arguments: their values are written as ••••••.")
        )
