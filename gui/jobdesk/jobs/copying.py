"""Copying the selected jobs: their rows, their ids, or all that is known of them as JSON."""

from __future__ import annotations

import asyncio

from jobdesk_core.job.arguments import MOST_WHOLE
from PySide6.QtWidgets import QApplication

from jobdesk.connection.command_group import CommandGroup, Reasons
from jobdesk.connection.desk import Desk
from jobdesk.connection.session import Session
from jobdesk.inspector import Inspector
from jobdesk.jobs.job_json import as_json
from jobdesk.kit import formats
from jobdesk.kit.action_spec import Needs, Spec
from jobdesk.kit.window import Window
from jobdesk.linking.link import Link


class CopyCommands(CommandGroup):
    """Put texts about the selected jobs on the clipboard, and say so."""

    def __init__(self, window: Window, session: Session, inspector: Inspector) -> None:
        super().__init__(window, session)
        self._inspector = inspector

    def _reasons_on(self, desk: Desk) -> Reasons:
        none = None if self._window.selected_rows() else self.tr("Select a job first.")
        profile = self._session.profile
        unsaved = self.tr("Save this connection first: a link names it.")
        has_link = profile is not None and bool(profile.saved_as)
        reasons: Reasons = {spec.verb: none for spec in self.specs}
        return reasons | {"copy_link": None if has_link else unsaved}

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
        profile = self._session.profile
        if profile is None:
            return
        page, rows = self._window.page_key, self._window.selected_rows()
        if len(rows) == 1 and page in ("jobs", "locks"):
            link = Link(profile.name, "jobs", rows[0].id)
            self._put(str(link), self.tr("Copied a link to job {id}.").format(id=link.job))
        else:
            text = self._window.job_filter().text if page == "jobs" else ""
            self._put(str(Link(profile.name, page, filter_text=text)), self.tr("Copied a link to this page."))

    def json(self) -> None:
        """Every column, the times of the last run and the arguments; what looks secret stays hidden."""
        desk, rows = self._session.desk, self._window.selected_rows()
        if desk is None or not rows:
            return
        ids = [row.id for row in rows]
        revealed = {job_id: self._inspector.revealed_paths(job_id) for job_id in ids}

        async def read() -> tuple[str, int]:
            arguments, times = await desk.monitor.arguments(ids), await desk.monitor.times(ids)
            text = await asyncio.to_thread(as_json, rows, times, arguments, desk.profile.hidden_keys, revealed)
            return text, sum(held is None for held in arguments.values())

        self._work.start(
            read(),
            name="job.copy_json",
            then=lambda found: self._put_json(len(rows), *found),
            replaces=True,
            says=self.tr("Reading the arguments…"),
        )

    specs = (
        Spec(
            "job.copy_rows",
            "&Rows",
            "job",
            rows,
            "copy",
            "Ctrl+C",
            "Copy the selected rows as shown, separated by tabs, ids as plain digits",
            Needs.JOBS,
            submenu="copy",
            name="Copy rows",
            is_of_table=True,
        ),
        Spec(
            "job.copy_ids",
            "&Ids",
            "job",
            ids,
            tip="Copy the ids of the selected jobs, one per line",
            needs=Needs.JOBS,
            submenu="copy",
            name="Copy ids",
        ),
        Spec(
            "job.copy_json",
            "As &JSON",
            "job",
            json,
            shortcut="Ctrl+Shift+C",
            tip="Copy all that is known about the selected jobs, arguments and times included",
            needs=Needs.JOBS,
            submenu="copy",
            name="Copy as JSON",
        ),
        Spec(
            "job.copy_link",
            "&Link",
            "job",
            link,
            shortcut="Ctrl+Shift+L",
            tip="Copy a link that opens the selected job, or the page on show, in Jobdesk",
            needs=Needs.DESK,
            submenu="copy",
            name="Copy link",
        ),
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
        self._window.tell(sentence)
