"""Several selected jobs: what they share, and where they differ."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from jobdesk_core.database.rows import JobRow
from jobdesk_core.job.comparison import Comparison, SharedKey
from jobdesk_core.profiles.secret_keys import HIDDEN, compiled, masked
from PySide6.QtCore import Signal
from PySide6.QtWidgets import QWidget

from jobdesk.connection.desk import Desk
from jobdesk.kit import formats
from jobdesk.kit.fields import Field, FieldList
from jobdesk.kit.labels import caption, plain_label
from jobdesk.kit.layouts import in_column
from jobdesk.kit.work import Work

#: Columns are compared of so many jobs; the database compares the arguments of fewer.
MOST_ROWS = 10_000


class ComparisonPanel(QWidget):
    """Compares rows at once, and their arguments as soon as the database has."""

    failed = Signal(Exception)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._desk: Desk | None = None
        self._ids: tuple[int, ...] = ()
        self._work = Work(self)
        self.title = plain_label("strong")
        self.title.setObjectName("jobNumber")
        self.note = plain_label("small")
        self.shared, self.differing = FieldList(), FieldList()
        self.shared_arguments, self.differing_arguments = FieldList(), FieldList()
        self.arguments_note = plain_label("small")
        layout = in_column(self.title, self.note, within=self, margins=(16, 12, 16, 16), spacing=4)
        self._captions = {}
        for text, fields in (
            (self.tr("SHARED"), self.shared),
            (self.tr("DIFFERENT"), self.differing),
            (self.tr("SHARED ARGUMENTS"), self.shared_arguments),
            (self.tr("DIFFERENT ARGUMENTS"), self.differing_arguments),
        ):
            self._captions[fields] = caption(text)
            layout.addWidget(self._captions[fields])
            layout.addWidget(fields)
        layout.addWidget(self.arguments_note)
        layout.addStretch()

    def show_desk(self, desk: Desk | None) -> None:
        """Ask another connection from now on."""
        self._desk, self._ids = desk, ()

    def show_rows(self, rows: Sequence[JobRow], selected: int) -> None:
        """Compare these rows, of so many that are selected."""
        rows = rows[:MOST_ROWS]
        self.title.setText(self.tr("{count} jobs selected").format(count=formats.number(selected)))
        left_out = selected - len(rows)
        self.note.setText(
            self.tr("{count} of them are compared.").format(count=formats.number(len(rows))) if left_out > 0 else ""
        )
        self.note.setVisible(left_out > 0)
        columns = [(name, Counter(_text(row, name) for row in rows)) for name in COLUMNS]
        self._show(self.shared, [(_word(name), next(iter(found)), "") for name, found in columns if len(found) == 1])
        self._show(self.differing, [(_word(name), _spread(found), "") for name, found in columns if len(found) > 1])
        self._compare_arguments(tuple(row.id for row in rows))

    def _compare_arguments(self, ids: tuple[int, ...]) -> None:
        desk = self._desk
        if desk is None or ids == self._ids:
            return
        self._ids = ids
        self._show(self.shared_arguments, [])
        self._show(self.differing_arguments, [])
        self.arguments_note.setText(self.tr("Comparing the arguments…"))
        self._work.start(
            desk.monitor.compare(ids),
            name="compare",
            then=self._show_comparison,
            failed=lambda _: self.arguments_note.setText(self.tr("The arguments could not be compared in time.")),
            replaces=True,
        )

    def _show_comparison(self, found: Comparison) -> None:
        pattern = self._desk.profile.hidden_keys if self._desk is not None else ""
        shared = [each for each in found.keys if each.values == 1 and each.jobs == found.jobs]
        differing = [each for each in found.keys if each not in shared]
        self._show(self.shared_arguments, [(_key(each), _value(each, pattern), "mono") for each in shared])
        self._show(
            self.differing_arguments, [(_key(each), self._differing(each, found, pattern), "") for each in differing]
        )
        notes = [] if found.keys else [self.tr("No arguments to compare.")]
        if found.left_out:
            left_out = self.tr("The arguments of {count} jobs are left out: deleted, too large, or too many.")
            notes.append(left_out.format(count=formats.number(found.left_out)))
        self.arguments_note.setText(" ".join(notes))
        self.arguments_note.setVisible(bool(notes))

    def _differing(self, each: SharedKey, found: Comparison, pattern: str) -> str:
        texts = [self.tr("{count} values").format(count=formats.number(each.values))] if each.values > 1 else []
        if each.frequency > 1 or each.values == 1:
            texts.append(f"{_value(each, pattern)} ×{formats.number(each.frequency)}")
        if each.jobs < found.jobs:
            missing = self.tr("not in {count}").format(count=formats.number(found.jobs - each.jobs))
            texts.append(missing)
        return ", ".join(texts)

    def _show(self, fields: FieldList, values: list[Field]) -> None:
        fields.set_fields(values)
        fields.setVisible(bool(values))
        self._captions[fields].setVisible(bool(values))


COLUMNS = (
    "task_name",
    "queue_name",
    "status",
    "priority",
    "attempts",
    "scheduled_at",
    "lock",
    "queueing_lock",
    "worker_id",
    "abort_requested",
)


def _word(column: str) -> str:
    return {"task_name": "task", "queue_name": "queue", "worker_id": "worker"}.get(column, column.replace("_", " "))


def _text(row: JobRow, column: str) -> str:
    value = getattr(row, column)
    if column == "status":
        return row.status.value
    if column == "scheduled_at":
        return formats.local(row.scheduled_at)
    if column == "abort_requested":
        return "yes" if value else "no"
    return formats.DASH if value is None else formats.cut(str(value), 120)


def _spread(found: Counter[str]) -> str:
    """The most frequent values with their numbers, and how many others there are."""
    first = [f"{text} ×{formats.number(count)}" for text, count in found.most_common(3)]
    rest = len(found) - len(first)
    return ", ".join(first) + (f", … {formats.number(rest)}" if rest else "")


def _key(each: SharedKey) -> str:
    return formats.cut(each.key, 24)


def _value(each: SharedKey, pattern: str) -> str:
    if compiled(pattern).search(each.key):
        return HIDDEN
    return formats.cut(formats.as_json(masked(each.most_frequent, pattern)), 200)
