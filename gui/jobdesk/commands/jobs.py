"""Acting on jobs."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from typing import Any

from jobdesk_core.exceptions import ArgumentsTooDeep
from jobdesk_core.jobs import Job
from jobdesk_core.monitor.rows import JobRow
from jobdesk_core.operations import Action, Outcome, Request
from jobdesk_core.profiles.secret_keys import masked
from PySide6.QtWidgets import QApplication

from jobdesk import formats
from jobdesk.commands.noun import Noun
from jobdesk.desk import Desk
from jobdesk.dialogs.act import ActDialog
from jobdesk.dialogs.defer import DeferDialog
from jobdesk.dialogs.retry import RetryDialog

#: The action of the core behind each verb.
ACTIONS = {
    "defer": Action.DEFER,
    "retry": Action.RETRY,
    "cancel": Action.CANCEL,
    "abort": Action.ABORT,
    "delete": Action.DELETE,
    "again": Action.DEFER,
}


class JobCommands(Noun):
    """New jobs, and the selected ones."""

    def reasons(self) -> dict[str, str | None]:
        desk = self._desk
        if desk is None:
            return dict.fromkeys([*ACTIONS, "copy_json"], self._no_desk())
        rows = self._window.jobs.selected_rows()
        reasons = {verb: self._reason(desk, action, rows) for verb, action in ACTIONS.items()}
        reasons["defer"] = desk.refusal(Action.DEFER, None)
        if not rows:
            reasons["copy_json"] = self.tr("Select a job first.")
        if len(rows) > 1:
            reasons["again"] = self.tr("Select just one job.")
        return reasons

    def _reason(self, desk: Desk, action: Action, rows: Sequence[JobRow]) -> str | None:
        if not rows:
            return self.tr("Select a job first.")
        refusals = [desk.refusal(action, row) for row in rows]
        # Of several jobs the dialog acts on those it can and says why not on the others.
        return None if None in refusals else refusals[0]

    def defer(self) -> None:
        """Ask for a new job."""
        self.open_defer(None)

    def again(self) -> None:
        """Ask for a new job that starts out as the selected one."""
        desk, rows = self._session.desk, self._window.jobs.selected_rows()
        if desk is None or len(rows) != 1:
            return
        self._work.start(
            desk.monitor.arguments(rows[0].id),
            name="job.again",
            then=lambda arguments: self.open_defer(_as_new(rows[0], arguments or {})),
            replaces=True,
        )

    def retry(self) -> None:
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

    def cancel(self) -> None:
        """Cancel the selected jobs."""
        self._open_act(Action.CANCEL)

    def abort(self) -> None:
        """Ask the selected running jobs to stop."""
        self._open_act(Action.ABORT)

    def delete(self) -> None:
        """Cancel and delete the selected jobs."""
        self._open_act(Action.DELETE)

    def copy_json(self) -> None:
        """Copy every column of the selected jobs, arguments included; what looks secret stays hidden."""
        desk, rows = self._session.desk, self._window.jobs.selected_rows()
        if desk is None or not rows:
            return

        async def read() -> list[dict[str, Any]]:
            arguments = await asyncio.gather(*(desk.monitor.arguments(row.id) for row in rows))
            return [_as_json(row, self._masked(desk, row, args)) for row, args in zip(rows, arguments, strict=True)]

        self._work.start(read(), name="job.copy_json", then=self._copy, replaces=True)

    def _masked(self, desk: Desk, row: JobRow, arguments: dict[str, Any] | None) -> Any:
        """The arguments without what looks secret, but for what was shown by a click."""
        revealed = self._window.jobs.inspector.revealed_paths(row.id)
        try:
            return masked(arguments, desk.profile.secret_keys, revealed)
        except RecursionError as error:
            raise ArgumentsTooDeep("") from error

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

    def open_defer(self, prefill: Job | None) -> None:
        """Ask for a new job that starts out as this one."""
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
