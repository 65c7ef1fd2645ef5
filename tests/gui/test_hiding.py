"""A connection that hides all arguments: no value of one is in sight anywhere in the window, and none can be had."""

from __future__ import annotations

import json
from pathlib import Path

from jobdesk.deferring.dialog import DeferDialog
from jobdesk.exporting.dialog import ExportDialog
from jobdesk.window.desk_view import DeskView
from jobdesk_core.profiles.secret_keys import HIDDEN
from opened import Others, dialog_of, live
from PySide6.QtCore import QAbstractItemModel, QModelIndex, Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QLabel, QLineEdit, QPlainTextEdit, QTableView, QTextEdit, QTreeView, QWidget
from waiting import until

PLANTED = "planted"


def texts(window: QWidget) -> str:
    """All that is written in a window, its tables and its fields."""
    found: list[str] = []
    for widget in window.findChildren(QWidget):
        found.append(widget.toolTip())
        if isinstance(widget, QLabel | QLineEdit):
            found.append(widget.text())
        elif isinstance(widget, QPlainTextEdit | QTextEdit):
            found.append(widget.toPlainText())
        elif isinstance(widget, QTableView | QTreeView) and widget.model() is not None:
            found += cells(widget.model(), QModelIndex())
    return "\n".join(found)


def cells(model: QAbstractItemModel, parent: QModelIndex) -> list[str]:
    found = []
    for row in range(min(model.rowCount(parent), 50)):
        for column in range(model.columnCount(parent)):
            index = model.index(row, column, parent)
            found += [str(index.data(role)) for role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.ToolTipRole)]
        found += cells(model, model.index(row, 0, parent))
    return found


async def test_no_value_of_an_argument_is_in_sight(dsn: str, tmp_path: Path) -> None:
    with Others(dsn) as others:
        others.defer(args=json.dumps({"customer": f"{PLANTED}-1", "deep": {"list": [f"{PLANTED}-2"]}}))
    async with live(tmp_path, dsn, hides_arguments=True) as window:
        for path in (("customer",), ("deep", "list")):
            window.jobs.show_argument(path)
        window.jobs.table.selectRow(0)
        arguments = window.jobs.inspector.arguments
        tree = arguments.tree
        await until(lambda: tree.model().rowCount() == 2, what="the arguments")
        for row in range(2):
            tree._json.reveal(tree.model().index(row, 0))
        assert not tree.revealed_paths
        await until(lambda: HIDDEN in "".join(cells(window.jobs.model, QModelIndex())), what="the columns")
        arguments.form.choose(1)
        assert HIDDEN in arguments.json.toPlainText() and PLANTED not in texts(window)

        window.all_actions["job.copy_json"].trigger()
        await until(lambda: HIDDEN in QGuiApplication.clipboard().text(), what="the copy")
        assert PLANTED not in QGuiApplication.clipboard().text()

        await exported(window, tmp_path)

        window.all_actions["job.again"].trigger()
        dialog = await dialog_of(window, DeferDialog)
        await until(lambda: HIDDEN in texts(dialog), what="the arguments to defer again")
        assert PLANTED not in texts(dialog)


async def exported(window: DeskView, folder: Path) -> None:
    window.all_actions["list.export"].trigger()
    dialog = await dialog_of(window, ExportDialog)
    assert dialog.secrets.isHidden()
    dialog.kind.choose(2)
    dialog.write_to(folder / "jobs.ndjson")
    await until((folder / "jobs.ndjson").exists, what="the file")
    written = (folder / "jobs.ndjson").read_text()
    assert HIDDEN in written and PLANTED not in written
