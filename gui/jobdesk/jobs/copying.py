"""Copying the selected jobs: their rows, their ids, or all that is known of them as JSON."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from jobdesk_core.job.arguments import MOST_WHOLE
from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QApplication

from jobdesk.jobs.job_json import as_json
from jobdesk.kit import formats
from jobdesk.kit.work import Work
from jobdesk.linking.link import Link

if TYPE_CHECKING:
    from jobdesk.window.main_window import MainWindow


class Copying(QObject):
    """Puts texts on the clipboard and says so."""

    copied = Signal(str)  # a sentence

    def __init__(self, window: MainWindow, work: Work) -> None:
        super().__init__(window)
        self._window, self._work = window, work

    def rows(self) -> None:
        """The rows as their table shows them, with tabs between the cells."""
        text = self._window.selected_text()
        count = len(self._window.selected_rows())
        one, more = self.tr("Copied one row."), self.tr("Copied {count} rows.")
        self._put(text, one if count == 1 else more.format(count=formats.number(count)))

    def ids(self) -> None:
        """The ids, one a line, as plain digits."""
        ids = [row.id for row in self._window.selected_rows()]
        one, more = self.tr("Copied one id."), self.tr("Copied {count} ids.")
        text = "\n".join(str(job_id) for job_id in ids)
        self._put(text, one if len(ids) == 1 else more.format(count=formats.number(len(ids))))

    def link(self) -> None:
        """A link to the selected job, or else to the page on show with its filter; for a saved connection only."""
        profile = self._window.session.profile
        if profile is None:
            return
        page, rows = self._window.navigation.current, self._window.selected_rows()
        if len(rows) == 1 and page in ("jobs", "locks"):
            link = Link(profile.name, "jobs", rows[0].id)
            self._put(str(link), self.tr("Copied a link to job {id}.").format(id=link.job))
        else:
            text = self._window.jobs.model.job_filter.text if page == "jobs" else ""
            self._put(str(Link(profile.name, page, filter_text=text)), self.tr("Copied a link to this page."))

    def json(self) -> None:
        """Every column, the times of the last run and the arguments; what looks secret stays hidden."""
        desk, rows = self._window.session.desk, self._window.selected_rows()
        if desk is None or not rows:
            return
        ids = [row.id for row in rows]
        inspector = self._window.jobs.inspector
        revealed = {job_id: inspector.revealed_paths(job_id) for job_id in ids}

        async def read() -> tuple[str, int]:
            arguments, times = await desk.monitor.arguments(ids), await desk.monitor.times(ids)
            text = await asyncio.to_thread(as_json, rows, times, arguments, desk.profile.secret_keys, revealed)
            return text, sum(held is None for held in arguments.values())

        self._work.start(
            read(),
            name="job.copy_json",
            then=lambda found: self._put_json(len(rows), *found),
            replaces=True,
            says=self.tr("Reading the arguments…"),
        )

    def _put_json(self, jobs: int, text: str, left_out: int) -> None:
        one, more = self.tr("Copied one job as JSON."), self.tr("Copied {count} jobs as JSON.")
        sentence = one if jobs == 1 else more.format(count=formats.number(jobs))
        if left_out:
            without = self.tr(
                "{copied} {count} of them without arguments: at most {size} MB are copied at once. "
                "The inspector reads large ones part by part."
            )
            size = MOST_WHOLE // 1024 // 1024
            sentence = without.format(copied=sentence, count=formats.number(left_out), size=size)
        self._put(text, sentence)

    def _put(self, text: str, sentence: str) -> None:
        QApplication.clipboard().setText(text)
        self.copied.emit(sentence)
