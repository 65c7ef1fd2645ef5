"""Writes jobs into a file in the background, tells in the footer how far it is, and in a banner how it ended."""

from __future__ import annotations

import asyncio
import errno
from pathlib import Path

from jobdesk_core.database.limited import StatementTooLong
from jobdesk_core.exceptions import ConnectorException
from jobdesk_core.reading.export import Exported, ExportIncomplete, Wanted, export_jobs
from jobdesk_core.troubles import explain
from PySide6.QtCore import QCoreApplication

from jobdesk.acting.banners import Banners
from jobdesk.connection.desk import Desk
from jobdesk.exporting.leaving import Running
from jobdesk.kit import formats
from jobdesk.runtime.logs import fault


def start(desk: Desk, banners: Banners, wanted: Wanted, path: Path, about: int | None) -> Running:
    """Begin; `about` is how many jobs it is likely to be. The desk's end stops it, and so does Stop in the footer."""
    written = 0

    def on_progress(jobs: int) -> None:
        nonlocal written
        written = jobs

    async def go() -> Exported | None:
        try:
            return await export_jobs(desk.connector, desk.capabilities, wanted, path, on_progress)
        except (asyncio.CancelledError, ConnectorException) as error:
            task = asyncio.current_task()
            # A connection that did not survive the cancelling of its query says that it is lost.
            if isinstance(error, asyncio.CancelledError) or (task is not None and task.cancelling()):
                return None
            raise

    def end(exported: Exported | None) -> None:
        if exported is None:
            banners.add("info", _tr("The export was stopped. Nothing was written to {path}.").format(path=_told(path)))
        else:
            banners.add("good", end_words(exported, wanted, path))

    def failed(error: Exception) -> None:
        fault("An export failed", error)
        banners.add("bad", *failure_words(error, path))

    def says() -> str:
        return progress_words(written, about, path)

    return Running(desk, desk.work.start(go(), name="export", then=end, failed=failed, says=says), says)


def progress_words(written: int, about: int | None, path: Path) -> str:
    """How far it is. A count that was only about right is dropped as soon as it proves wrong."""
    name, count = formats.cut(formats.visible(path.name), 40), formats.number(written)
    if about is None or about < written:
        return _tr("Exporting to {name}: {count} jobs").format(name=name, count=count)
    whole = formats.number(about)
    return _tr("Exporting to {name}: {count} of {whole} jobs").format(name=name, count=count, whole=whole)


def end_words(exported: Exported, wanted: Wanted, path: Path) -> str:
    """What was written, where, and as of when."""
    gone = len(wanted.ids) - exported.jobs if wanted.ids is not None else 0
    one, more = _tr("Exported 1 job to {path}, as of {time}."), _tr("Exported {count} jobs to {path}, as of {time}.")
    said = (one if exported.jobs == 1 else more).format(
        count=formats.number(exported.jobs), path=_told(path), time=formats.local(exported.as_of)
    )
    if not gone:
        return said
    left = _tr("1 selected job is no longer there.") if gone == 1 else _tr("{count} selected jobs are no longer there.")
    return f"{said} {left.format(count=formats.number(gone))}"


def list_words(count: int, path: Path, at: str) -> str:
    """That what a table showed at a time was written."""
    said = (
        _tr("Exported 1 row to {path}, as of {time}.")
        if count == 1
        else _tr("Exported {count} rows to {path}, as of {time}.")
    )
    return said.format(count=formats.number(count), path=_told(path), time=at)


def chart_words(path: Path) -> str:
    """That a chart was written."""
    return _tr("Exported the chart to {path}.").format(path=_told(path))


def failure_words(error: Exception, path: Path) -> tuple[str, str]:
    """The cause, and the remedy. Nothing has been written then."""
    if isinstance(error, ExportIncomplete):
        return _tr("The export was given up: {reason}").format(reason=error), _tr("Export again.")
    if isinstance(error, StatementTooLong):
        said = _tr("The export was given up: the database took more than a minute for one page.")
        return said, _tr("Narrow the filter, or look for an index that makes it fast.")
    if isinstance(error, ConnectorException) or not isinstance(error, OSError):
        trouble = explain(error)
        said = _tr("The export failed, and nothing was written. {reason}").format(reason=trouble.sentence)
        return said, trouble.remedy or _tr("Export again.")
    folder = _told(path.parent)
    said = _tr("Nothing was written to {path}: {reason}.").format(path=_told(path), reason=_reason(error, folder))
    return said, _remedy(error)


def _reason(error: OSError, folder: str) -> str:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return _tr("there is no space left in {folder}").format(folder=folder)
    if error.errno in (errno.EACCES, errno.EPERM):
        return _tr("you may not write to {folder}").format(folder=folder)
    if error.errno == errno.EROFS:
        return _tr("{folder} cannot be written to").format(folder=folder)
    if error.errno in (errno.ENOENT, errno.ENOTDIR):
        return _tr("the folder {folder} does not exist").format(folder=folder)
    return error.strerror or str(error)


def _remedy(error: OSError) -> str:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return _tr("Free some space, or export somewhere else.")
    return _tr("Export somewhere else.")


def _told(path: Path) -> str:
    return formats.visible(str(path))


def _tr(text: str) -> str:
    return QCoreApplication.translate("Export", text)
