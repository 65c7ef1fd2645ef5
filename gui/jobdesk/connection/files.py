"""Files of connections for others: asks where they lie, and has them looked at or written. What went wrong is told."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

from jobdesk_core.profiles import Profile, ProfileStore, UnreadableProfiles
from jobdesk_core.profiles.shared import UnreadableShared, export
from PySide6.QtCore import QObject
from PySide6.QtWidgets import QFileDialog, QWidget

from jobdesk.connection.import_dialog import ImportDialog
from jobdesk.kit.message_bar import MessageBar


class ProfileFiles(QObject):
    """Speaks in the dialog that it belongs to; `imported` is called once something has been saved."""

    def __init__(
        self, dialog: QWidget, store: ProfileStore, message: MessageBar, imported: Callable[[], object]
    ) -> None:
        super().__init__(dialog)
        self._dialog, self._store, self._message, self._imported = dialog, store, message, imported

    def import_from(self, path: Path) -> None:
        """Show what a file of connections would bring."""
        try:
            dialog = ImportDialog(self._dialog, store=self._store, path=path)
        except (UnreadableShared, UnreadableProfiles) as error:
            self._message.show_message("bad", self.tr("Nothing was imported."), str(error))
            return
        dialog.imported.connect(self._tell)
        dialog.open()

    def export_to(self, path: Path, profiles: Iterable[Profile]) -> None:
        """Write connections into a file for others, without anything secret."""
        try:
            count = export(profiles, path)
        except OSError as error:
            self._message.show_message("bad", self.tr("The file was not written."), error.strerror or str(error))
            return
        said = self.tr("Exported {count}, without passwords.").format(count=self._counted(count))
        self._message.show_message("good", said)

    def ask_for_import(self) -> None:
        """Ask which file to look at."""
        dialog = QFileDialog(self._dialog, self.tr("Import connections"))
        dialog.setFileMode(QFileDialog.FileMode.ExistingFile)
        dialog.setNameFilters([self.tr("Connections (*.toml)"), self.tr("All files (*)")])
        dialog.fileSelected.connect(lambda path: self.import_from(Path(path)))
        dialog.open()

    def ask_for_export(self, profiles: Iterable[Profile]) -> None:
        """Ask where to write these."""
        wanted = list(profiles)
        name = f"{wanted[0].name}.toml" if len(wanted) == 1 else "connections.toml"
        dialog = QFileDialog(self._dialog, self.tr("Export connections"), name.replace("/", "-"))
        dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        dialog.setDefaultSuffix("toml")
        dialog.fileSelected.connect(lambda path: self.export_to(Path(path), wanted))
        dialog.open()

    def _tell(self, names: list[str]) -> None:
        self._imported()
        if names:
            said = self.tr("Imported {count}.").format(count=self._counted(len(names)))
            self._message.show_message("good", said)

    def _counted(self, count: int) -> str:
        return self.tr("1 connection") if count == 1 else self.tr("{count} connections").format(count=count)
