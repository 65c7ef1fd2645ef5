"""Exporting the list on show: the jobs, from the database, or what any other table shows."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from jobdesk_core.lines import write_list
from jobdesk_core.number import Number
from jobdesk_core.reading.export import Wanted
from jobdesk_core.reading.records import argument_name
from PySide6.QtCore import QCoreApplication

from jobdesk.acting.banners import Banners
from jobdesk.connection.command_group import CommandGroup
from jobdesk.connection.desk import Desk
from jobdesk.connection.session import Session
from jobdesk.jobs.page import JobsPage
from jobdesk.jobs.table import JobsTable
from jobdesk.kit import clock, formats
from jobdesk.kit.action_spec import Spec
from jobdesk.kit.listed import Listed, listed
from jobdesk.kit.table import Table
from jobdesk.kit.window import Window

if TYPE_CHECKING:
    from jobdesk.exporting.dialog import Choice, Form
    from jobdesk.exporting.leaving import Running

#: What a column of the table of jobs is called in a record of one, where that has another name.
FIELDS = {
    "task": ("task_name",),
    "queue": ("queue_name",),
    "scheduled": ("scheduled_at",),
    "age": ("deferred_at",),
    "worker": ("worker_id",),
    "started": ("started_at",),
    "ended": ("ended_at",),
    "duration": ("duration_s",),
    "waited": ("waited_s",),
    "error": ("error", "error_at"),
    "progress": ("progress_done", "progress_total", "progress_note"),
}


class ExportCommands(CommandGroup):
    """All of a list, or the selected rows. It only reads: no right to act is needed."""

    def __init__(self, window: Window, session: Session, jobs: JobsPage, banners: Banners) -> None:
        super().__init__(window, session)
        self._jobs, self._banners = jobs, banners
        self._running: list[Running] = []

    def export(self) -> None:
        """Ask what to export of the list on show, and where."""
        table = self._window.table()
        if isinstance(table, JobsTable):
            self._ask_for_jobs(table)
        elif table is not None:
            self._ask_for_rows(table)
        else:
            self._window.warn(self.tr("There is no list here to export."), "")

    def export_chart(self) -> None:
        """Ask how to save the chart on show, as a picture or as its values, and where."""
        from jobdesk.exporting import charts

        chart = charts.on_show(self._window.frame)
        if chart is None or not len(chart.shown):
            self._window.warn(self.tr("There is no chart here to export."), "")
            return
        profile = self._session.profile
        charts.ask(self._window.frame, chart, profile.name if profile is not None else "", self._work, self._banners)

    specs = (
        Spec(
            "list.export",
            "E&xport…",
            "view",
            export,
            tip="Export the list on show, or the rows selected, to a file: CSV, JSON or NDJSON",
            shortcut="Ctrl+Shift+E",
            after="view.columns",
            name="Export list…",
        ),
        Spec(
            "chart.export",
            "Export c&hart…",
            "view",
            export_chart,
            tip="Save the chart on show as a picture (PNG, SVG) or its values (CSV, JSON, NDJSON)",
        ),
    )

    # The jobs

    def _ask_for_jobs(self, table: JobsTable) -> None:
        from jobdesk.exporting import export
        from jobdesk.exporting.dialog import About, Choice, ExportDialog

        desk = self._desk
        if desk is None:
            return
        model = self._jobs.model
        # What is not reported at all is no reason to refuse a file.
        has_reports = table.shows_reported() and bool(desk.capabilities.reported.readable & {"errors", "progress"})
        wanted = Wanted(model.job_filter, model.order, "csv", paths=table.shown_paths(), has_reports=has_reports)
        shown, secret_keys = _fields_of(table, has_reports=has_reports), desk.profile.hidden_keys

        def begin(asked: Wanted, about: int | None, form: Form, path: Path) -> None:
            self._running = [each for each in self._running if not each.is_over]
            asked = replace(
                asked,
                kind=form.kind,
                has_bom=form.has_bom,
                secret_keys=None if form.has_secrets else secret_keys,
                columns=shown if form.is_as_shown else None,
            )
            self._running.append(export.start(desk, self._banners, asked, path, about))

        about = self._jobs.reading.whole_count()
        count = about.value if about is not None else None
        choices = [Choice(_name_of_all(wanted, about), partial(begin, wanted, count))]
        rows = self._window.selected_rows()
        if rows:
            chosen = replace(wanted, ids=[row.id for row in rows])
            choices.append(Choice(_selected(len(rows)), partial(begin, chosen, len(rows))))
        sentence = self.tr("All as of one moment, with times in UTC. Everything includes the arguments.")
        told = About(self.tr("Export jobs"), self.tr("Jobs"), "jobs", sentence, secret_keys)
        ExportDialog(self._window.frame, about=told, choices=choices).open()

    # Any other list

    def _ask_for_rows(self, table: Table) -> None:
        """What is on show now, and not when a place is chosen at last: so much has been read, and so it is named."""
        from jobdesk.exporting.dialog import About, Choice, ExportDialog

        at = formats.local(clock.now())

        def choice(name: str, places: Sequence[int] | None) -> Choice:
            whole, as_shown = listed(table, places), listed(table, places, is_as_shown=True)
            return Choice(name, lambda form, path: self._write(as_shown if form.is_as_shown else whole, at, form, path))

        rows, places = len(listed(table, is_as_shown=True).rows), table.selected_places()
        name = self.tr("The only row") if rows == 1 else self.tr("All {count}").format(count=formats.number(rows))
        choices = [choice(name, None)]
        if places and len(places) < rows:
            choices.append(choice(_selected(len(places)), places))
        title = self.tr("Export list: {name}").format(name=table.accessibleName())
        sentence = self.tr("As of {time}, with times in UTC.").format(time=at)
        told = About(title, self.tr("Rows"), table.objectName() or "list", sentence)
        ExportDialog(self._window.frame, about=told, choices=choices).open()

    def _write(self, found: Listed, at: str, form: Form, path: Path) -> None:
        from jobdesk.exporting import export

        def tell(count: int) -> None:
            self._banners.add("good", export.list_words(count, path, at))

        def failed(error: Exception) -> None:
            self._banners.add("bad", *export.failure_words(error, path))

        writing = asyncio.to_thread(write_list, path, form.kind, found.titles, found.rows, has_bom=form.has_bom)
        self._work.start(writing, name="export list", then=tell, failed=failed)

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


def _fields_of(table: JobsTable, *, has_reports: bool) -> list[str]:
    """What the columns on show are called in a record of a job, in their order."""
    head, columns = table.horizontalHeader(), table.jobs.columns
    places = [head.logicalIndex(visual) for visual in range(head.count())]
    shown = [columns[place] for place in places if not table.isColumnHidden(place)]
    if not has_reports:
        shown = [column for column in shown if column.key not in ("error", "progress")]
    return [
        name
        for column in shown
        for name in ((argument_name(column.path),) if column.path else FIELDS.get(column.key, (column.key,)))
    ]


def _selected(count: int) -> str:
    return _tr("{count} selected").format(count=formats.number(count))


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
