"""New jobs before they are deferred: a row each, its texts made when they are looked at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from jobdesk_core.jobs import Job
from jobdesk_core.operations import NewJob
from jobdesk_core.profiles.secret_keys import masked
from PySide6.QtCore import QAbstractTableModel, QModelIndex, QObject, QPersistentModelIndex, Qt

from jobdesk.kit import formats
from jobdesk.kit.roles import MONO_ROLE, SHAPE_ROLE, TONE_ROLE
from jobdesk.kit.values_model import NO_PARENT

COLUMNS = ("origin", "outcome", "task", "queue", "priority", "lock", "queueing_lock", "scheduled", "arguments")
WIDTHS = (56, 330, 150, 90, 64, 110, 130, 120, 480)
_MONO = ("origin", "arguments", "lock", "queueing_lock")
#: Entries of an object or list, characters of a text, and levels that are shown of arguments.
_ENTRIES, _CHARACTERS, _LEVELS = 20, 120, 3

AnyIndex = QModelIndex | QPersistentModelIndex


class NewJobsModel(QAbstractTableModel):
    """All of the jobs, or those alone that will not be deferred."""

    def __init__(self, origin: str, secret_keys: str, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._origin, self._secret_keys = origin, secret_keys
        self._jobs: Sequence[NewJob] = ()
        self._refusals: Mapping[int, str] = {}
        self._positions: Sequence[int] = ()
        self._is_refused_only = False
        self._arguments = lru_cache(maxsize=2_000)(self._arguments_at)

    def show_jobs(self, jobs: Sequence[NewJob], refusals: Mapping[int, str]) -> None:
        """Show what would be; by position why a job would not."""
        self._jobs, self._refusals = jobs, refusals
        self._choose()

    def set_refused_only(self, is_refused_only: bool) -> None:
        """Show those alone that will not be deferred, or all."""
        self._is_refused_only = is_refused_only
        self._choose()

    def text_at(self, position: int, column: str) -> str:
        """What a cell says."""
        return self._text(self._positions[position], column)

    def rowCount(self, parent: AnyIndex = NO_PARENT) -> int:
        return 0 if parent.isValid() else len(self._positions)

    def columnCount(self, parent: AnyIndex = NO_PARENT) -> int:
        return 0 if parent.isValid() else len(COLUMNS)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if orientation != Qt.Orientation.Horizontal or role != Qt.ItemDataRole.DisplayRole:
            return None
        titles = {
            "origin": self._origin,
            "outcome": self.tr("Outcome"),
            "task": self.tr("Task"),
            "queue": self.tr("Queue"),
            "priority": self.tr("Priority"),
            "lock": self.tr("Lock"),
            "queueing_lock": self.tr("Queueing lock"),
            "scheduled": self.tr("Scheduled"),
            "arguments": self.tr("Arguments"),
        }
        return titles[COLUMNS[section]]

    def data(self, index: AnyIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        position, column = self._positions[index.row()], COLUMNS[index.column()]
        if role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.ToolTipRole):
            return self._text(position, column)
        if role == MONO_ROLE:
            return column in _MONO
        if role == TONE_ROLE and column == "outcome":
            return self._tone(position)
        if role == SHAPE_ROLE and column == "outcome":
            return "failed" if self._tone(position) == "bad" else ""
        return None

    def _choose(self) -> None:
        self.beginResetModel()
        self._arguments.cache_clear()
        self._positions = range(len(self._jobs))
        if self._is_refused_only:
            self._positions = [position for position in self._positions if position in self._refusals]
        self.endResetModel()

    def _tone(self, position: int) -> str:
        return "bad" if position in self._refusals else "secondary"

    def _text(self, position: int, column: str) -> str:
        new = self._jobs[position]
        if column == "origin":
            return formats.job_number(new.origin) if self._origin == self.tr("Job") else formats.number(new.origin)
        if column == "outcome":
            refusal = self._refusals.get(position)
            return formats.cut(refusal) if refusal is not None else self.tr("will be deferred")
        if column == "arguments":
            return str(self._arguments(position))
        if column == "scheduled":
            return formats.local(new.job.scheduled_at)
        if column == "priority":
            return formats.number(new.job.priority)
        held = {"task": new.job.task_name, "queue": new.job.queue, "lock": new.job.lock}
        return formats.cut(held.get(column, new.job.queueing_lock) or formats.DASH, 200)

    def _arguments_at(self, position: int) -> str:
        return brief_arguments(self._jobs[position].job, self._secret_keys)


def brief_arguments(job: Job, secret_keys: str) -> str:
    """The beginning of a job's arguments as JSON, without what looks secret."""
    return formats.cut(formats.as_json(masked(_brief(job.task_kwargs), secret_keys)))


def _brief(value: Any, levels: int = _LEVELS) -> Any:
    """The beginning of a value: what is shown of a hundred megabytes is made of a few of them."""
    if isinstance(value, str):
        return value if len(value) <= _CHARACTERS else f"{value[:_CHARACTERS]}…"
    if isinstance(value, dict):
        if not levels:
            return {"…": len(value)} if value else {}
        return {key: _brief(value[key], levels - 1) for key in list(value)[:_ENTRIES]}
    if isinstance(value, list):
        return [_brief(item, levels - 1) for item in value[:_ENTRIES]] if levels else ["…"] * bool(value)
    return value
