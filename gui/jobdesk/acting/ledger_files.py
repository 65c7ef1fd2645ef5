"""Saves a ledger as a file."""

from __future__ import annotations

import asyncio
from pathlib import Path

from jobdesk_core.operations import DeferLedger, Ledger, SetLedger
from PySide6.QtCore import QCoreApplication
from PySide6.QtWidgets import QFileDialog, QWidget

from jobdesk.kit.message_bar import MessageBar
from jobdesk.kit.work import Work

_FILTERS = ("CSV (*.csv)", "NDJSON (*.ndjson)")


def ask(parent: QWidget, ledger: Ledger | DeferLedger | SetLedger, work: Work, message: MessageBar) -> None:
    """Ask for a file and write every job's outcome into it."""
    dialog = QFileDialog(parent, _tr("Export the outcome of every job"))
    dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
    dialog.setNameFilters(list(_FILTERS))
    dialog.setDefaultSuffix("csv")
    dialog.filterSelected.connect(lambda name: dialog.setDefaultSuffix("csv" if name == _FILTERS[0] else "ndjson"))
    dialog.fileSelected.connect(lambda path: save(Path(path), ledger, work, message))
    dialog.open()


def save(path: Path, ledger: Ledger | DeferLedger | SetLedger, work: Work, message: MessageBar) -> None:
    """Write the file, as NDJSON when its name says so, else as CSV."""
    write = ledger.write_ndjson if path.suffix in (".ndjson", ".jsonl") else ledger.write_csv

    def failed(error: Exception) -> None:
        if not isinstance(error, OSError):
            raise error
        said = _tr("The file could not be written: {reason}").format(reason=error.strerror or str(error))
        message.show_message("bad", said)

    def written(_: None) -> None:
        message.show_message("good", _tr("Written to {path}").format(path=path))

    # In a thread: it may be a million lines.
    work.start(asyncio.to_thread(write, path), name="export", then=written, failed=failed, replaces=True)


def _tr(text: str) -> str:
    return QCoreApplication.translate("LedgerFiles", text)
