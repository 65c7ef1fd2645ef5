"""Defers many jobs of one task: rows of CSV or NDJSON are their arguments, checked while they are typed."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Coroutine, Mapping, Sequence
from pathlib import Path
from typing import Any

from jobdesk_core.jobs import Job
from jobdesk_core.operations import DeferPlan, Rows, RowsNotUnderstood, decoded, from_rows, open_rows
from jobdesk_core.operations.deferring.known_task import KnownTask
from jobdesk_core.operations.deferring.rows import MOST_BYTES
from PySide6.QtWidgets import QVBoxLayout, QWidget

from jobdesk.acting.act import Errand
from jobdesk.acting.errands import act_on_new_jobs
from jobdesk.acting.plan_dialog import Act
from jobdesk.acting.safety import Safety
from jobdesk.acting.staged_changes import StagedChanges
from jobdesk.acting.words import jobs
from jobdesk.connection.desk import Desk
from jobdesk.deferring.column_types import ColumnTypes
from jobdesk.deferring.defers_panel import DefersPanel
from jobdesk.deferring.known_tasks import KnownTasks
from jobdesk.deferring.new_job_fields import NewJobFields
from jobdesk.deferring.new_jobs_dialog import NewJobsDialog
from jobdesk.deferring.rows_edit import RowsEdit
from jobdesk.kit import formats
from jobdesk.kit.dialog_frame import field, note
from jobdesk.kit.layouts import in_column, in_row
from jobdesk.kit.slices import in_slices
from jobdesk.kit.theme import theme

#: Rows whose arguments are compared with what is known of the task, and remarks that are shown.
_COMPARED, _REMARKS = 1_000, 3


class DeferManyDialog(NewJobsDialog):
    """`act` is handed the act, to be done in the background; `done` told of what was staged."""

    help_place = ("acting", "many-jobs-from-rows")

    def __init__(
        self,
        parent: QWidget | None,
        *,
        desk: Desk,
        tasks: KnownTasks,
        start: Job,
        act: Act,
        done: Callable[[str], None],
        staged: StagedChanges,
    ) -> None:
        super().__init__(parent, desk=desk, act=act, width=760)
        self.title.setText(self.tr("Defer many jobs on {profile}").format(profile=desk.profile.name))
        self.setWindowTitle(self.title.text())
        self._staged, self._rest = staged, staged.keep_rest(desk.profile, done)
        self.secret_keys = desk.profile.hidden_keys
        self._read: tuple[str | Path, tuple[tuple[str, str], ...], Rows] | None = None
        self._known: KnownTask | None = None
        self.fields = NewJobFields(
            task_names=desk.task_names(),
            queues=desk.queue_names(),
            start=start,
            queue_limit_bytes=desk.capabilities.queue_name_limit_bytes,
            tasks=tasks,
            is_queue_given=start.queue != "default",
        )
        self.fields.set_locks_note(self.tr("A lock may name an argument in braces, such as customer-{customer_id}."))
        self.rows = RowsEdit()
        panel = DefersPanel(self.tr("Line"), self.secret_keys, ("task", "queue", "priority", "scheduled"))
        self.lay_panel(panel, self.tr("The job of each row appears here, and which rows cannot be deferred."))
        self.safety: Safety = self.set_safety(Safety(desk.profile))
        self.columns, self._remarks = ColumnTypes(), note("warning")
        self.offer_staging(done)
        self._lay_out()
        self._connect()
        self.fields.start()
        self.fields.task.setFocus()
        self.start_look()

    def errand(self, plan: DeferPlan) -> Errand:
        whole, rate = self.safety.is_one_transaction, self.safety.rate()
        return act_on_new_jobs(self._desk, plan, is_one_transaction=whole, rate=rate, stage=self._rest)

    def put_aside(self, plan: DeferPlan) -> str:
        self._staged.add_defers(self._desk.profile, plan)
        return self.tr("Staged. Nothing has been changed yet.")

    # Looking

    def look(self) -> Coroutine[Any, Any, DeferPlan]:
        """Reads the rows anew, a little at a time, and asks the database which could not be deferred."""
        types = self._known.types if self._known is not None else {}
        # The task's name need not be there yet for the rows to be checked.
        return self._looking(self.rows.source(), types, self.fields.job())

    async def _looking(self, source: str | Path, types: Mapping[str, str], pattern: Job) -> DeferPlan:
        known = self._known
        try:
            rows = await self._rows_of(source, types)
        except (RowsNotUnderstood, OSError) as error:
            return self._not_understood(error)
        new = await in_slices(from_rows(pattern, rows.rows))
        remarks = (*(column.remark for column in rows.columns if column.remark), *_remarks_of(rows, known))
        self.pace.start(self.tr("Checking the rows: {at} of {of}"))
        plan = await self._desk.plan_defers(new, self.pace.step)
        self._show_rows(rows, remarks)
        return plan

    async def _rows_of(self, source: str | Path, types: Mapping[str, str]) -> Rows:
        kept, chosen = self._read, self.columns.chosen()
        key = (*sorted(types.items()), ("", ""), *sorted(chosen.items()))
        if kept is not None and kept[:2] == (source, key) and isinstance(source, str):
            return kept[2]
        text = source if isinstance(source, str) else await asyncio.to_thread(_content, source)
        # Of a CSV all of it is looked through for the types of its columns.
        reader = await asyncio.to_thread(open_rows, text, types, chosen)
        rows = Rows(reader.form, tuple(await in_slices(reader.rows)), reader.columns)
        self._read = (source, key, rows)
        return rows

    def _not_understood(self, error: RowsNotUnderstood | OSError) -> DeferPlan:
        self._show_rows(None, ())
        problem = str(error)
        if isinstance(error, OSError):
            problem = self.tr("The file cannot be read: {reason}.").format(reason=error.strerror or problem)
        return DeferPlan([], self._desk.capabilities, problem=problem)

    def _show_rows(self, rows: Rows | None, remarks: Sequence[str]) -> None:
        self.columns.show_columns(rows.columns if rows is not None else ())
        self._remarks.setText(formats.visible_lines("\n".join(remarks)))
        self._remarks.setVisible(bool(remarks))
        self.rows.mark(row.line for row in (rows.mistakes if rows is not None else ()))

    def say_stopped(self, sentence: str, remedy: str = "") -> None:
        super().say_stopped(self.tr("Stopped before every row was checked."))

    def refuse(self, problem: str) -> None:
        super().refuse(problem)
        self.panel.clear()

    def look_failed(self, error: Exception) -> None:
        self.panel.clear()
        super().look_failed(error)

    def words_of_verb(self, ready: int) -> str:
        verb = self.tr("Defer {jobs}").format(jobs=jobs(ready)) if ready else self.tr("Defer")
        return f"{verb} {self.fields.schedule.words()}".strip()

    def words_of_staging(self) -> str:
        return self.tr("Stage them, to be applied together with other changes")

    def missing(self) -> str | None:
        wrong = self.fields.problem()
        if wrong is not None:
            return wrong
        if self.plan is None or not self.plan.jobs:
            return self.tr("Paste rows, or choose a file.")
        if not self.plan.ready:
            return self.tr("None of these rows can be deferred.")
        return self.tr("Fix the rows that cannot be deferred, or exclude them.") if self.has_refused() else None

    def _take_known(self, known: KnownTask | None) -> None:
        self._known = known
        self.start_look()

    # Building

    def _connect(self) -> None:
        self.fields.changed.connect(self.start_look)
        self.fields.known.connect(self._take_known)
        self.rows.changed.connect(self.start_look)
        self.columns.changed.connect(self.start_look)

    def _lay_out(self) -> None:
        self._remarks.hide()
        self._input = QWidget()
        left = QVBoxLayout(self._input)
        left.setContentsMargins(0, 0, 0, 0)
        left.setSpacing(12)
        left.addWidget(self.fields)
        left.addLayout(field(self.tr("Arguments, one row per job"), self.rows, grows=True), 1)
        left.addWidget(self.columns)
        left.addWidget(self._remarks)
        right = in_column((self.panel, 1), self.sql, self.leave_out, self.safety, spacing=10)
        both = in_row((self._input, 5), (right, 6), spacing=16)
        self.content.addLayout(both, 1)
        self.resize(theme().grown(1160), theme().grown(660))


def _content(path: Path) -> str:
    with path.open("rb") as file:
        return decoded(file.read(MOST_BYTES + 1))


def _remarks_of(rows: Rows, known: KnownTask | None) -> tuple[str, ...]:
    """What is unusual about the arguments of the first rows."""
    if known is None:
        return ()
    counted: Counter[str] = Counter()
    first = [row.args for row in rows.rows[:_COMPARED] if row.args is not None]
    for args in first:
        counted.update(known.remarks(args))
    told = "{words} ({count:,} of the first {all:,} rows)"
    found = counted.most_common(_REMARKS)
    return tuple(told.format(words=words, count=count, all=len(first)) for words, count in found)
