"""Exporting what the list of jobs shows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from jobdesk_core.number import Number
from jobdesk_core.reading.export import Wanted
from PySide6.QtCore import QCoreApplication

from jobdesk.acting.banners import Banners
from jobdesk.connection.command_group import CommandGroup
from jobdesk.connection.desk import Desk
from jobdesk.connection.session import Session
from jobdesk.jobs.page import JobsPage
from jobdesk.kit import formats
from jobdesk.kit.action_spec import Needs, Spec
from jobdesk.kit.window import Window

if TYPE_CHECKING:
    from jobdesk.exporting.leaving import Running


class ExportCommands(CommandGroup):
    """The whole list of the jobs page, or the selected jobs. It only reads: no right to act is needed."""

    def __init__(self, window: Window, session: Session, jobs: JobsPage, banners: Banners) -> None:
        super().__init__(window, session)
        self._jobs, self._banners = jobs, banners
        self._running: list[Running] = []

    def export(self) -> None:
        """Ask what to export, and where."""
        from jobdesk.exporting import export
        from jobdesk.exporting.dialog import Choice, ExportDialog

        desk = self._desk
        if desk is None:
            return
        model, table = self._jobs.model, self._jobs.table
        # What is not reported at all is no reason to refuse a file.
        has_reports = table.shows_reported() and bool(desk.capabilities.reported.readable & {"errors", "progress"})
        wanted = Wanted(model.job_filter, model.order, "csv", paths=table.shown_paths(), has_reports=has_reports)
        about = self._jobs.reading.whole_count()
        choices = [Choice(_name_of_all(wanted, about), wanted, about.value if about is not None else None)]
        rows = self._window.selected_rows()
        if rows:
            name = self.tr("{count} selected").format(count=formats.number(len(rows)))
            chosen = replace(wanted, ids=[row.id for row in rows])
            choices.append(Choice(name, chosen, len(rows)))

        def begin(asked: Wanted, path: Path, about: int | None) -> None:
            self._running = [each for each in self._running if not each.is_over]
            self._running.append(export.start(desk, self._banners, asked, path, about))

        ExportDialog(self._window.frame, choices=choices, secret_keys=desk.profile.hidden_keys, begin=begin).open()

    specs = (
        Spec(
            "jobs.export",
            "E&xport…",
            "job",
            export,
            tip="Export the jobs listed, or those selected, to a file: CSV, JSON or NDJSON",
            shortcut="Ctrl+Shift+E",
            needs=Needs.DESK,
            name="Export jobs…",
        ),
    )

    # Leaving

    def before_close(self, desk: Desk | None, go_on: Callable[[], object]) -> None:
        """Close a connection; while exports run on it, only once they have been stopped, if that is meant."""
        self._before([each for each in self._running if each.desk is desk], go_on, is_end=False)

    def before_end(self, go_on: Callable[[], object]) -> None:
        """End the program; while exports run, only once they have been stopped, if that is meant."""
        self._before(self._running, go_on, is_end=True)

    def _before(self, concerned: list[Running], go_on: Callable[[], object], *, is_end: bool) -> None:
        from jobdesk.exporting.leaving import ExportLeaveDialog

        concerned = [each for each in concerned if not each.is_over]
        if not concerned:
            go_on()
            return
        shown = next((each for each in self._window.frame.findChildren(ExportLeaveDialog) if each.isVisible()), None)
        if shown is not None:
            shown.raise_()
            return
        ExportLeaveDialog(self._window.frame, concerned=concerned, is_end=is_end, go_on=go_on).open()


def _name_of_all(wanted: Wanted, about: Number | None) -> str:
    """What the whole list is, and how many jobs that is as far as is known."""
    is_filtered = bool(wanted.job_filter.tokens)
    if about is None:
        return _tr("All that match") if is_filtered else _tr("The whole list")
    count = formats.count(about)
    if not about.is_exact:
        said = _tr("All that match ({count})") if is_filtered else _tr("The whole list ({count})")
    elif about.value == 1:
        return _tr("The one that matches") if is_filtered else _tr("The only job")
    else:
        said = _tr("All {count} that match") if is_filtered else _tr("All {count}")
    return said.format(count=count)


def _tr(text: str) -> str:
    return QCoreApplication.translate("Export", text)
