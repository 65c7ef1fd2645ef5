"""What each action does: it opens the dialog or the page that its name says. Nothing here queries."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from jobdesk_core.jobs import Job
from jobdesk_core.monitor.rows import JobRow
from jobdesk_core.operations import Action, Outcome, Request
from jobdesk_core.profiles import Profile
from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QApplication

from jobdesk import formats
from jobdesk.desk import Desk
from jobdesk.dialogs.about import AboutDialog
from jobdesk.dialogs.act import ActDialog
from jobdesk.dialogs.connection import ConnectionDialog
from jobdesk.dialogs.defer import DeferDialog
from jobdesk.dialogs.password import PasswordDialog
from jobdesk.dialogs.retry import RetryDialog
from jobdesk.dialogs.shortcuts import ShortcutsDialog
from jobdesk.theme import theme
from jobdesk.work import Work

if TYPE_CHECKING:
    from jobdesk.main_window import MainWindow

#: The action of the core behind each action of the window.
JOB_ACTIONS = {
    "job.defer": Action.DEFER,
    "job.retry": Action.RETRY,
    "job.cancel": Action.CANCEL,
    "job.abort": Action.ABORT,
    "job.delete": Action.DELETE,
    "job.again": Action.DEFER,
}


class Commands(QObject):
    """The methods named by the table of actions, `noun.verb` as `noun_verb`."""

    done = Signal(str)  # a sentence about what was done
    demo_asked_for = Signal()
    quit_asked_for = Signal()

    def __init__(self, window: MainWindow) -> None:
        super().__init__(window)
        self._window = window
        self._session = window.session
        self._work = Work(self)
        self.failed = self._work.failed

    def reasons(self) -> dict[str, str | None]:
        """Why each action that is not possible now is not."""
        desk = self._session.desk
        if desk is None or not desk.capabilities.has_schema:
            why = self.tr("Connect to a database first.")
            if desk is not None:
                why = self.tr("This database has no Procrastinate schema yet.")
            keys = [*JOB_ACTIONS, "job.copy_json", "view.refresh"]
            reasons: dict[str, str | None] = dict.fromkeys(keys, why)
            if desk is None:
                reasons["connection.close"] = self.tr("There is no open connection.")
            if self._session.profile is None:
                reasons["connection.reopen"] = self.tr("There is no open connection.")
            return reasons
        rows = self._window.jobs.selected_rows()
        reasons = {key: self._reason(desk, action, rows) for key, action in JOB_ACTIONS.items()}
        reasons["job.defer"] = desk.refusal(Action.DEFER, None)
        if not rows:
            reasons["job.copy_json"] = self.tr("Select a job first.")
        if len(rows) > 1:
            reasons["job.again"] = self.tr("Select just one job.")
        return reasons

    def _reason(self, desk: Desk, action: Action, rows: Sequence[JobRow]) -> str | None:
        if not rows:
            return self.tr("Select a job first.")
        refusals = [desk.refusal(action, row) for row in rows]
        # Of several jobs the dialog acts on those it can and says why not on the others.
        return None if None in refusals else refusals[0]

    # Connections

    def connection_choose(self) -> None:
        """Open the dialog of connections."""
        dialog = ConnectionDialog(self._window, store=self._session.store, profile=self._session.profile)
        dialog.chosen.connect(self._session.open)
        dialog.open()

    def connection_reopen(self) -> None:
        """Close the connection and open it again."""
        self._session.reopen()

    def connection_close(self) -> None:
        """Disconnect."""
        self._session.close()

    async def ask_password(self, profile: Profile, why: str) -> str | None:
        """Ask for a connection's password; None when the operator gives up."""
        dialog = PasswordDialog(self._window, profile=profile, why=why)
        dialog.open()
        try:
            return await dialog.answer
        except asyncio.CancelledError:
            dialog.reject()  # another connection is wanted meanwhile
            raise

    def demo_open(self) -> None:
        """Start the demo and connect to it."""
        self.demo_asked_for.emit()

    def app_quit(self) -> None:
        """End the program."""
        self.quit_asked_for.emit()

    # Jobs

    def job_defer(self) -> None:
        """Ask for a new job."""
        self._open_defer(None)

    def job_again(self) -> None:
        """Ask for a new job that starts out as the selected one."""
        desk, rows = self._session.desk, self._window.jobs.selected_rows()
        if desk is None or len(rows) != 1:
            return
        self._work.start(
            desk.monitor.arguments(rows[0].id),
            name="job.again",
            then=lambda arguments: self._open_defer(_as_new(rows[0], arguments or {})),
            replaces=True,
        )

    def job_retry(self) -> None:
        """Ask when and how to retry the selected jobs."""
        desk = self._session.desk
        rows, reasons = self._chosen(Action.RETRY)
        if rows and desk is not None:
            RetryDialog(
                self._window,
                rows=rows,
                reasons=reasons,
                submit=self._submit,
                queues=desk.queue_names(),
                can_change=desk.capabilities.can_change_on_retry,
                queue_limit_bytes=desk.capabilities.queue_name_limit_bytes,
            ).open()

    def job_cancel(self) -> None:
        """Cancel the selected jobs."""
        self._open_act(Action.CANCEL)

    def job_abort(self) -> None:
        """Ask the selected running jobs to stop."""
        self._open_act(Action.ABORT)

    def job_delete(self) -> None:
        """Cancel and delete the selected jobs."""
        self._open_act(Action.DELETE)

    def job_copy_json(self) -> None:
        """Copy every column of the selected jobs, arguments included."""
        desk, rows = self._session.desk, self._window.jobs.selected_rows()
        if desk is None or not rows:
            return

        async def read() -> list[dict[str, Any]]:
            arguments = await asyncio.gather(*(desk.monitor.arguments(row.id) for row in rows))
            return [_as_json(row, args) for row, args in zip(rows, arguments, strict=True)]

        self._work.start(read(), name="job.copy_json", then=self._copy, replaces=True)

    def _copy(self, jobs: list[dict[str, Any]]) -> None:
        value = jobs[0] if len(jobs) == 1 else jobs
        QApplication.clipboard().setText(json.dumps(value, indent=2, ensure_ascii=False))
        count = formats.number(len(jobs))
        self.done.emit(
            self.tr("Copied one job as JSON.")
            if len(jobs) == 1
            else self.tr("Copied {count} jobs as JSON.").format(count=count)
        )

    def _chosen(self, action: Action) -> tuple[list[JobRow], dict[int, str]]:
        desk, rows = self._session.desk, self._window.jobs.selected_rows()
        if desk is None:
            return [], {}
        reasons = {row.id: desk.refusal(action, row) for row in rows}
        return rows, {job_id: reason for job_id, reason in reasons.items() if reason is not None}

    def _open_act(self, action: Action) -> None:
        rows, reasons = self._chosen(action)
        if rows:
            ActDialog(self._window, action=action, rows=rows, reasons=reasons, submit=self._submit).open()

    def _open_defer(self, prefill: Job | None) -> None:
        desk = self._session.desk
        if desk is not None:
            DeferDialog(
                self._window,
                task_names=desk.task_names(),
                queues=desk.queue_names(),
                prefill=prefill,
                submit=self._submit,
                queue_limit_bytes=desk.capabilities.queue_name_limit_bytes,
            ).open()

    async def _submit(self, request: Request) -> list[Outcome]:
        desk = self._session.desk
        if desk is None:
            raise ConnectionError(self.tr("The connection was closed meanwhile."))
        outcomes = await desk.perform(request)
        finished = [outcome for outcome in outcomes if outcome.is_done]
        if len(finished) == 1:
            self.done.emit(finished[0].sentence)
        elif finished:
            self.done.emit(self.tr("Done for {count} jobs.").format(count=f"{len(finished):,}"))
        return outcomes

    # The window

    def view_overview(self) -> None:
        """Show the overview."""
        self._window.show_page("overview")

    def view_jobs(self) -> None:
        """Show the jobs."""
        self._window.show_page("jobs")

    def view_queues(self) -> None:
        """Show the queues."""
        self._window.show_page("queues")

    def view_tasks(self) -> None:
        """Show the tasks."""
        self._window.show_page("tasks")

    def view_workers(self) -> None:
        """Show the workers."""
        self._window.show_page("workers")

    def view_filter(self) -> None:
        """Type into the filter bar."""
        self._window.header.filter_bar.focus_edit()

    def view_refresh(self) -> None:
        """Read everything shown anew."""
        if self._session.desk is not None:
            self._session.desk.monitor.wake()
            self._window.jobs.read_again()

    def view_theme(self) -> None:
        """Change between light and dark."""
        theme().set_mode("light" if theme().tokens.is_dark else "dark")

    def help_shortcuts(self) -> None:
        """List the keyboard shortcuts."""
        ShortcutsDialog(self._window).open()

    def help_about(self) -> None:
        """Tell the versions."""
        AboutDialog(self._window).open()


def _as_new(row: JobRow, arguments: dict[str, Any]) -> Job:
    return Job(
        queue=row.queue_name,
        task_name=row.task_name,
        priority=row.priority,
        lock=row.lock,
        queueing_lock=row.queueing_lock,
        task_kwargs=arguments,
    )


def _as_json(row: JobRow, arguments: dict[str, Any] | None) -> dict[str, Any]:
    scheduled_at = row.scheduled_at.isoformat() if row.scheduled_at else None
    return {
        "id": row.id,
        "queue_name": row.queue_name,
        "task_name": row.task_name,
        "status": row.status.value,
        "priority": row.priority,
        "attempts": row.attempts,
        "lock": row.lock,
        "queueing_lock": row.queueing_lock,
        "args": arguments,
        "scheduled_at": scheduled_at,
        "abort_requested": row.abort_requested,
        "worker_id": row.worker_id,
    }
