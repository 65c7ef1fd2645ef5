"""Defers many jobs of one task: rows of CSV or NDJSON are their arguments, checked while they are typed."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from jobdesk_core.jobs import Job
from jobdesk_core.operations import (
    DeferPlan,
    Rows,
    RowsNotUnderstood,
    TooManyNewJobs,
    TooManyStaged,
    decoded,
    first_defer,
    from_rows,
    open_rows,
)
from jobdesk_core.operations.deferring.known_task import KnownTask
from jobdesk_core.operations.deferring.rows import MOST_BYTES
from jobdesk_core.troubles import explain
from PySide6.QtWidgets import QCheckBox, QHBoxLayout, QVBoxLayout, QWidget

from jobdesk.acting.act import Errand
from jobdesk.acting.errands import act_on_new_jobs
from jobdesk.acting.preflight_words import Words, jobs
from jobdesk.acting.safety import Safety
from jobdesk.acting.staged_changes import StagedChanges
from jobdesk.connection.desk import Desk
from jobdesk.deferring.column_types import ColumnTypes
from jobdesk.deferring.defers_panel import DefersPanel
from jobdesk.deferring.known_tasks import KnownTasks
from jobdesk.deferring.new_job_fields import NewJobFields
from jobdesk.deferring.rows_edit import RowsEdit
from jobdesk.kit import formats, sql_view
from jobdesk.kit.dialog_frame import DialogFrame, field, note
from jobdesk.kit.slices import in_slices
from jobdesk.kit.theme import theme

LOOK = "look"
#: Rows whose arguments are compared with what is known of the task, and remarks that are shown.
_COMPARED, _REMARKS = 1_000, 3


@dataclass(frozen=True, slots=True)
class Looked:
    """What was read, and what would become of it. `problem`: why nothing was understood."""

    rows: Rows | None
    plan: DeferPlan | None
    remarks: tuple[str, ...] = ()
    problem: str | None = None


class DeferManyDialog(DialogFrame):
    """`act` is handed the act, to be done in the background; `done` told of what was staged."""

    help_place = ("acting", "many-jobs-from-rows")

    def __init__(
        self,
        parent: QWidget | None,
        *,
        desk: Desk,
        tasks: KnownTasks,
        start: Job,
        act: Callable[[Errand], object],
        done: Callable[[str], None],
        staged: StagedChanges,
    ) -> None:
        super().__init__(parent, title="", sentence="", verb=" ", width=760)
        self.title.setText(self.tr("Defer many jobs on {profile}").format(profile=desk.profile.name))
        self.setWindowTitle(self.title.text())
        self._desk, self._act, self._done, self._staged = desk, act, done, staged
        self.plan: DeferPlan | None = None
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
        hidden = ("task", "queue", "priority", "scheduled")
        self.panel = DefersPanel(self.tr("Line"), desk.profile.secret_keys, hidden)
        self.panel.set_empty(self.tr("The job of each row appears here, and which rows cannot be deferred."))
        self.leave_out = QCheckBox()
        self.safety = Safety(_words(self), desk.profile)
        self.columns, self._remarks = ColumnTypes(), note("warning")
        self.sql = sql_view.ShownSql()
        self._lay_out()
        self._connect()
        self.fields.start()
        self.fields.task.setFocus()
        self._look()

    def submit(self) -> None:
        """Defer them."""
        if self.plan is None or not self.verb.isEnabled():
            return
        whole, rate = self.safety.is_one_transaction, self.safety.rate()
        stage = self._staged.keep_rest(self._desk.profile, self._done)
        self._act(act_on_new_jobs(self._desk, self.plan, is_one_transaction=whole, rate=rate, stage=stage))
        self.accept()

    def stage(self) -> None:
        """Add the rows' jobs to the staged changes instead of deferring them."""
        if self.plan is None or not self.second.isEnabled():
            return
        try:
            self._staged.add_defers(self._desk.profile, self.plan)
        except (TooManyStaged, TooManyNewJobs) as error:
            self.message.show_message("bad", str(error))
            return
        self._done(self.tr("Staged. Nothing has been changed yet."))
        self.accept()

    def reject(self) -> None:
        """Close, and look no further."""
        self.work.cancel(LOOK)
        super().reject()

    # Looking

    def _look(self) -> None:
        """Read the rows anew, a little at a time, and ask the database which could not be deferred."""
        self.plan = None
        self._check()
        types = self._known.types if self._known is not None else {}
        # The task's name need not be there yet for the rows to be checked.
        pattern = self.fields.job()
        looking = self._looking(self.rows.source(), types, pattern)
        self.work.start(looking, name=LOOK, then=self._looked, failed=self._look_failed, replaces=True)

    async def _looking(self, source: str | Path, types: Mapping[str, str], pattern: Job) -> Looked:
        known, kept = self._known, self._read
        chosen = self.columns.chosen()
        key = (*sorted(types.items()), ("", ""), *sorted(chosen.items()))
        try:
            if kept is not None and kept[:2] == (source, key) and isinstance(source, str):
                rows = kept[2]
            else:
                text = source if isinstance(source, str) else await asyncio.to_thread(_content, source)
                # Of a CSV all of it is looked through for the types of its columns.
                reader = await asyncio.to_thread(open_rows, text, types, chosen)
                rows = Rows(reader.form, tuple(await in_slices(reader.rows)), reader.columns)
                self._read = (source, key, rows)
        except RowsNotUnderstood as error:
            return Looked(None, None, problem=str(error))
        except OSError as error:
            said = self.tr("The file cannot be read: {reason}.").format(reason=error.strerror or str(error))
            return Looked(None, None, problem=said)
        new = await in_slices(from_rows(pattern, rows.rows))
        remarks = (*(column.remark for column in rows.columns if column.remark), *_remarks_of(rows, known))
        self.panel.pace.start(self.tr("Checking the rows: {at} of {of}"))
        plan = await self._desk.plan_defers(new, self.panel.pace.step)
        return Looked(rows, plan, remarks)

    def _looked(self, looked: Looked) -> None:
        self.panel.pace.hide()
        self.message.clear()
        self.plan = looked.plan
        self.columns.show_columns(looked.rows.columns if looked.rows is not None else ())
        self._remarks.setText(formats.visible_lines("\n".join(looked.remarks)))
        self._remarks.setVisible(bool(looked.remarks))
        mistakes = looked.rows.mistakes if looked.rows is not None else []
        self.rows.mark(row.line for row in mistakes)
        problem = looked.problem or (looked.plan.problem if looked.plan is not None else None)
        if problem is not None:
            self.message.show_message("bad", problem)
        if looked.plan is None or looked.plan.problem is not None:
            self.panel.clear()
            self.plan = None
        elif not looked.plan.is_complete:
            said = self.tr("Stopped before every row was checked.")
            self.message.show_message("info", said, "", [(self.tr("Check again"), self._look)])
            self.plan = None
        else:
            self.panel.show_plan(looked.plan)
        self._check()

    def _look_failed(self, error: Exception) -> None:
        self.panel.pace.hide()
        self.panel.clear()
        self.say(explain(error))

    def _check(self) -> None:
        plan = self.plan
        refused, ready = (len(plan.refusals), plan.ready) if plan is not None else (0, 0)
        self.leave_out.setVisible(bool(refused) and bool(ready))
        self.leave_out.setText(
            self.tr("Exclude the {count} that cannot be deferred").format(count=formats.number(refused))
        )
        self.safety.show_new(ready)
        problem = self._missing()
        self.second.setEnabled(problem is None)
        self.second.setToolTip(problem or self.tr("Stage them, to be applied together with other changes"))
        problem = self.problem()
        self.verb.setEnabled(problem is None)
        self.verb.setToolTip(problem or "")
        words = self.fields.schedule.words()
        verb = self.tr("Defer {jobs}").format(jobs=jobs(ready)) if ready else self.tr("Defer")
        self.verb.setText(f"{verb} {words}".strip())
        self.sql.show_statement(
            first_defer(plan, self._desk.profile.secret_keys) if plan is not None and ready else None
        )

    def problem(self) -> str | None:
        """What is still missing, or None."""
        return self._missing() or self.safety.problem()

    def _missing(self) -> str | None:
        """What is missing for the jobs to be known."""
        wrong = self.fields.problem()
        if wrong is not None:
            return wrong
        if self.plan is None or not self.plan.jobs:
            return self.tr("Paste rows, or choose a file.")
        if not self.plan.ready:
            return self.tr("None of these rows can be deferred.")
        if self.plan.refusals and not self.leave_out.isChecked():
            return self.tr("Fix the rows that cannot be deferred, or exclude them.")
        return None

    def _take_known(self, known: KnownTask | None) -> None:
        self._known = known
        self._look()

    # Building

    def _connect(self) -> None:
        self.fields.changed.connect(self._look)
        self.fields.known.connect(self._take_known)
        self.rows.changed.connect(self._look)
        self.columns.changed.connect(self._look)
        self.leave_out.toggled.connect(self._check)
        self.safety.changed.connect(self._check)
        self.second.clicked.connect(self.stage)

    def _lay_out(self) -> None:
        self.leave_out.hide()
        self._remarks.hide()
        self.second.setText(self.tr("Add to staged changes"))
        self.second.show()
        self.links.addWidget(self.sql.button)
        self._input = QWidget()
        left = QVBoxLayout(self._input)
        left.setContentsMargins(0, 0, 0, 0)
        left.setSpacing(12)
        left.addWidget(self.fields)
        left.addLayout(field(self.tr("Arguments, one row per job"), self.rows, grows=True), 1)
        left.addWidget(self.columns)
        left.addWidget(self._remarks)
        right = QVBoxLayout()
        right.setSpacing(10)
        right.addWidget(self.panel, 1)
        right.addWidget(self.sql)
        right.addWidget(self.leave_out)
        right.addWidget(self.safety)
        both = QHBoxLayout()
        both.setSpacing(16)
        both.addWidget(self._input, 5)
        both.addLayout(right, 6)
        self.content.addLayout(both, 1)
        self.resize(theme().grown(1160), theme().grown(660))


def _words(dialog: QWidget) -> Words:
    return Words(dialog.tr("Defer"), "", "", "")


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
