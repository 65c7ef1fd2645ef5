"""Exporting what the list of jobs shows."""

from __future__ import annotations

from pathlib import Path

from jobdesk_core.monitor.counts import MatchCount
from jobdesk_core.monitor.export import Wanted
from PySide6.QtCore import QCoreApplication

from jobdesk import formats
from jobdesk.commands.noun import Noun


class ExportCommands(Noun):
    """The whole list of the jobs page, or the selected jobs. It only reads: no right to act is needed."""

    def reasons(self) -> dict[str, str | None]:
        return {"export": self._no_desk() if self._desk is None else None}

    def export(self) -> None:
        """Ask what to export, and where."""
        from jobdesk.exporting import export
        from jobdesk.exporting.dialog import Choice, ExportDialog

        desk = self._desk
        if desk is None:
            return
        model = self._window.jobs.model
        wanted = Wanted(model.job_filter, model.order, "csv")
        about = self._window.jobs.reading.whole_count()
        choices = [Choice(_name_of_all(wanted, about), wanted, about.count if about is not None else None)]
        rows = self._window.selected_rows()
        if rows:
            name = self.tr("{count} selected").format(count=formats.number(len(rows)))
            chosen = Wanted(model.job_filter, model.order, "csv", ids=[row.id for row in rows])
            choices.append(Choice(name, chosen, len(rows)))

        def begin(asked: Wanted, path: Path, about: int | None) -> None:
            export.start(desk, self._window.banners, asked, path, about)

        ExportDialog(self._window, choices=choices, secret_keys=desk.profile.secret_keys, begin=begin).open()


def _name_of_all(wanted: Wanted, about: MatchCount | None) -> str:
    """What the whole list is, and how many jobs that is as far as is known."""
    is_filtered = bool(wanted.job_filter.tokens)
    if about is None:
        return _tr("All that match") if is_filtered else _tr("The whole list")
    count = formats.number(about.count)
    if not about.is_exact:
        said = _tr("All that match (about {count})") if is_filtered else _tr("The whole list (about {count})")
    elif about.count == 1:
        return _tr("The one that matches") if is_filtered else _tr("The only job")
    else:
        said = _tr("All {count} that match") if is_filtered else _tr("All {count}")
    return said.format(count=count)


def _tr(text: str) -> str:
    return QCoreApplication.translate("Export", text)
