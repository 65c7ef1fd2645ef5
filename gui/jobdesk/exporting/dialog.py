"""Asks what of a list goes into a file, in which format, and where. It writes nothing itself."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from jobdesk_core.lines import KINDS
from jobdesk_core.profiles.secret_keys import EVERYTHING
from PySide6.QtWidgets import QCheckBox, QFileDialog, QVBoxLayout, QWidget

from jobdesk.kit.dialog_frame import DialogFrame, field, note
from jobdesk.kit.segmented import Segmented


@dataclass(frozen=True, slots=True)
class Form:
    """How it is to be written: `kind` is one of those that are asked about.

    `is_as_shown`: only the columns on show. `has_secrets`: also values that look secret.
    """

    kind: str
    has_bom: bool
    has_secrets: bool
    is_as_shown: bool


@dataclass(frozen=True, slots=True)
class Choice:
    """Some rows that may be exported, as the dialog names them; `begin` is called with how and where."""

    name: str
    begin: Callable[[Form, Path], object]


@dataclass(frozen=True, slots=True)
class About:
    """What a list is called in the title, before its choices and as a file; and what there is to ask about it.

    `secret_keys` is what looks secret in it, None where nothing can. `sentence`: of which moment it is.
    """

    title: str
    label: str
    file_name: str
    sentence: str
    secret_keys: str | None = None
    kinds: Sequence[str] = KINDS
    has_columns: bool = True


class ExportDialog(DialogFrame):
    """The chosen one of the choices is begun once a place is chosen.

    Values that look secret are left out unless the box is ticked.
    """

    help_place = ("exporting", "")

    def __init__(self, parent: QWidget | None, *, about: About, choices: Sequence[Choice]) -> None:
        super().__init__(parent, title="", sentence="", verb="", width=520)
        self._about, self._choices = about, choices
        self._secret_keys = about.secret_keys
        self.title.setText(about.title)
        self.setWindowTitle(about.title)
        self.sentence.setText(about.sentence)
        self.sentence.show()
        self.verb.setText(self.tr("Choose where…"))
        self.verb.show()
        self.what = Segmented([choice.name for choice in choices])
        self.columns = Segmented([self.tr("Everything"), self.tr("The columns on show")])
        self.kind = Segmented([kind.upper() for kind in about.kinds])
        self.bom = QCheckBox(self.tr("Start with a &BOM, by which Excel recognises UTF-8"))
        self.secrets = QCheckBox(self.tr("&Include values that look secret"))
        self._about_kind, self._about_secrets = note(), note()
        self.content.addLayout(field(about.label, self.what))
        if about.has_columns:
            self.content.addLayout(field(self.tr("Columns"), self.columns))
        self.content.addLayout(field(self.tr("Format"), self.kind, self._about_kind))
        self.content.addWidget(self.bom)
        if self._secret_keys is not None:
            secrets = QVBoxLayout()
            secrets.setSpacing(0)
            secrets.addWidget(self.secrets)
            secrets.addWidget(self._about_secrets)
            self.content.addLayout(secrets)
            self.secrets.setVisible(self._secret_keys != EVERYTHING)
        self.content.addStretch()
        self.kind.changed.connect(self._show)
        self.secrets.toggled.connect(self._show)
        self._show()

    def submit(self) -> None:
        """Ask for the file."""
        kind = self._about.kinds[self.kind.current()]
        dialog = QFileDialog(self, self._about.title)
        dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        dialog.setNameFilters([f"{kind.upper()} (*.{kind})"])
        dialog.setDefaultSuffix(kind)
        dialog.selectFile(f"{self._about.file_name}.{kind}")
        dialog.fileSelected.connect(lambda path: self.write_to(Path(path)))
        dialog.open()

    def write_to(self, path: Path) -> None:
        """Begin to write what is chosen into this file, and close."""
        form = Form(
            self._about.kinds[self.kind.current()],
            self.bom.isEnabled() and self.bom.isChecked(),
            self.secrets.isChecked(),
            self.columns.current() == 1,
        )
        self._choices[self.what.current()].begin(form, path)
        self.accept()

    def _show(self) -> None:
        kind = self._about.kinds[self.kind.current()]
        about = {
            "png": self.tr("A picture, twice as fine as on the screen."),
            "svg": self.tr("A drawing that is sharp in any size."),
            "csv": self.tr("One line per row, objects as JSON. Safe in spreadsheets: no cell is taken for a formula."),
            "json": self.tr("One array, for programs that read the whole file."),
            "ndjson": self.tr("One object per line, for jq, scripts and imports."),
        }
        self._about_kind.setText(about[kind])
        self.bom.setVisible("png" not in self._about.kinds or kind == "csv")
        self.bom.setEnabled(kind == "csv")
        self._about_secrets.setText(
            self.tr("Passwords, tokens and the like will be readable in the file.")
            if self.secrets.isChecked()
            else self.tr("Arguments named like a password or a token are written as ••••••.")
            if self._secret_keys != EVERYTHING
            else self.tr("This connection hides all arguments: their values are written as ••••••.")
        )
