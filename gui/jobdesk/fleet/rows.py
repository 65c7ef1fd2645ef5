"""The rows of the board: folders, their databases, and under one that does not answer why."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from jobdesk_core.profiles import ENVIRONMENTS, Profile
from jobdesk_core.watching.member import Member, Totals, folders, totals
from PySide6.QtCore import QCoreApplication, QObject, Qt

from jobdesk.fleet import words
from jobdesk.kit import formats
from jobdesk.kit.roles import AnyIndex
from jobdesk.kit.theme.tokens import Tone
from jobdesk.kit.values_model import Cell, ValuesModel

ROW_ROLE = int(Qt.ItemDataRole.UserRole) + 200
Kind = Literal["folder", "member", "reason"]
_AGE = words.KEYS.index("age")
#: Seconds for which databases that are all well keep their places: rows that hop cannot be read.
STEADY_S = 15.0


@dataclass(frozen=True, slots=True)
class Row:
    """One row. `is_open`: the folder's members are shown. `is_within`: the member is one of a folder's."""

    key: str
    kind: Kind
    cells: Sequence[Cell]
    name: str = ""
    count: int = 0
    is_open: bool = True
    is_within: bool = False
    colour: str = ""
    mark: Tone = ""
    member: Member | None = None
    reason: str = ""


class FleetModel(ValuesModel):
    """The rows by their keys; those of a reason cannot be chosen."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(words.titles(), parent)
        self.rows: list[Row] = []

    def show_rows(self, rows: Sequence[Row]) -> bool:
        """Show these. Returns whether ages have changed, which is not told by itself: they do all the time."""
        before, self.rows = self.rows, list(rows)
        if [row.key for row in before] != [row.key for row in rows]:
            self.set_rows([(row.key, row.cells) for row in rows])
            return False
        has_aged = False
        for place, (old, new) in enumerate(zip(before, rows, strict=True)):
            if old is new:
                continue
            self._rows[place] = new.cells
            has_aged = has_aged or old.cells[_AGE] != new.cells[_AGE]
            # With the same answer it is only older.
            member = new.member if new.kind == "member" else None
            is_same = member is not None and member is old.member and member.is_answering
            if not is_same and _but_age(old) != _but_age(new):
                self.dataChanged.emit(self.index(place, 0), self.index(place, len(self.titles) - 1))
        return has_aged

    def place_of(self, key: str) -> int | None:
        """Where a row stands."""
        return next((place for place, row in enumerate(self.rows) if row.key == key), None)

    def data(self, index: AnyIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if role == ROW_ROLE:
            return self.rows[index.row()]
        if role == Qt.ItemDataRole.AccessibleTextRole and index.isValid() and index.column() == 0:
            return _spoken(self.rows[index.row()])
        return super().data(index, role)

    def flags(self, index: AnyIndex) -> Qt.ItemFlag:
        if index.isValid() and self.rows[index.row()].kind == "reason":
            return Qt.ItemFlag.ItemIsEnabled
        return super().flags(index)


def _spoken(row: Row) -> str:
    """The first cell for who does not see it: also what is only painted."""
    if row.kind == "folder":
        told = _tr("folder {name}, {count}, open") if row.is_open else _tr("folder {name}, {count}, closed")
        return told.format(name=row.name, count=formats.number(row.count))
    if row.kind == "reason":
        return f"{row.name}: {row.reason}"
    if row.mark and row.member is not None:
        return _tr("{name}, needs attention: {line}").format(name=row.name, line=row.member.lines[0].title)
    return row.name


def _but_age(row: Row) -> tuple[object, ...]:
    """All that is painted of a row, but how old it is."""
    look = row.member.look if row.member is not None else None
    cells = [cell for place, cell in enumerate(row.cells) if place != _AGE]
    return row.is_open, row.count, row.colour, row.mark, cells, look.ended if look is not None else None


class Order:
    """Worst first. Those that are all well change places only now and then."""

    def __init__(self) -> None:
        self._known: tuple[tuple[str, int, str], ...] = ()
        self._places: dict[str, int] = {}
        self._folders: dict[str, int] = {}
        self._at = 0.0

    def ordered(self, members: Sequence[Member], *, is_held: bool = False) -> list[tuple[str, list[Member]]]:
        """By folder. `is_held`: somebody is about to click, so that all that were there keep their places."""
        found = folders(members)
        known = tuple(sorted((each.name, each.rank, each.profile.folder) for each in members))
        is_due = known != self._known or time.monotonic() - self._at > STEADY_S
        if is_due and not (is_held and self._places.keys() == {each.name for each in members}):
            self._known, self._at = known, time.monotonic()
            self._folders = {folder: place for place, (folder, _) in enumerate(found)}
            self._places = {each.name: place for _, its in found for place, each in enumerate(its)}
        ordered = sorted(found, key=lambda each: self._folders.get(each[0], 0))
        return [(folder, sorted(its, key=lambda each: self._places[each.name])) for folder, its in ordered]


def rows(
    ordered: Sequence[tuple[str, Sequence[Member]]],
    *,
    closed: Collection[str],
    wait_s: float,
    is_wanted: Callable[[Member], bool] = lambda member: True,
    before: Sequence[Row] = (),
) -> list[Row]:
    """The rows of these; without folders where nobody has put a connection into one.

    A database of which nothing else is known than `before` has its row again, and is only older.
    """
    known = {row.name: row for row in before if row.kind == "member"}
    found: list[Row] = []
    has_folders = any(folder for folder, _ in ordered)
    for folder, its in ordered:
        members = [each for each in its if is_wanted(each)]
        if has_folders and members:
            found.append(_folder(folder, members, is_open=folder not in closed))
        if folder in closed and has_folders:
            continue
        for each in members:
            found.append(_member(each, wait_s, known.get(each.name), is_within=has_folders))
            if reason := words.reason(each):
                blanks = [Cell("")] * len(words.KEYS)
                key = f"reason:{each.name}"
                found.append(Row(key, "reason", blanks, each.name, member=each, is_within=has_folders, reason=reason))
    return found


def _member(member: Member, wait_s: float, before: Row | None, *, is_within: bool) -> Row:
    if before is not None and before.member is member and before.is_within == is_within and member.is_answering:
        age = words.age_cell(member, wait_s)
        if age == before.cells[_AGE]:
            return before
        return replace(before, cells=[*before.cells[:_AGE], age, *before.cells[_AGE + 1 :]])
    mark: Tone = ""
    if member.is_answering and member.lines:
        mark = "bad" if member.rank == 1 else "warning"
    return Row(
        f"member:{member.name}",
        "member",
        words.cells(member, wait_s),
        member.name,
        is_within=is_within,
        colour=colour_of(member.profile),
        mark=mark,
        member=member,
    )


def _folder(folder: str, members: Sequence[Member], *, is_open: bool) -> Row:
    sums = totals(members)
    state, tone = _state(sums)
    alive = _alive(sums)
    name = folder or _tr("without a folder")
    quiet: Tone = "secondary"
    due = f"{sums.due:,}{'+' if sums.is_at_least else ''}" if sums.is_known else formats.DASH
    row = [
        Cell(name, is_strong=True),
        Cell(state, tone, tip=state),
        Cell(""),
        Cell(due, quiet),
        Cell(""),
        Cell(f"{sums.failed_per_minute:,.1f}" if sums.is_known else formats.DASH, quiet),
        Cell(alive, quiet),
        Cell(formats.number(sums.stalled) if sums.stalled else "", quiet),
        Cell(""),
        Cell(""),
    ]
    return Row(f"folder:{folder}", "folder", row, name, count=len(members), is_open=is_open)


def _state(sums: Totals) -> tuple[str, Tone]:
    parts, tone = [], "warning"
    if sums.unreachable:
        parts.append(_tr("{count} unreachable").format(count=len(sums.unreachable)))
        tone = "bad" if any(is_urgent(each.profile) for each in sums.unreachable) else "warning"
    if sums.attention:
        number = len(sums.attention)
        one, more = _tr("1 needs attention"), _tr("{count} need attention")
        parts.append(one if number == 1 else more.format(count=number))
    return ", ".join(parts), tone  # type: ignore[return-value]


def _alive(sums: Totals) -> str:
    if not sums.registered:
        return ""
    if sums.alive == sums.registered:
        return formats.number(sums.alive)
    return _tr("{live} of {all}").format(live=sums.alive, all=sums.registered)


def colour_of(profile: Profile) -> str:
    """The colour of its environment."""
    return profile.colour or ENVIRONMENTS.get(profile.environment.strip().lower(), "")


def is_urgent(profile: Profile) -> bool:
    """Whether trouble there is red for all: demo, development and staging are never urgent."""
    return profile.environment.strip().lower() not in ("demo", "development", "staging", "test")


def _tr(text: str) -> str:
    return QCoreApplication.translate("Fleet", text)
