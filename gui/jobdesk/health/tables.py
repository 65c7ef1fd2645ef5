"""The three tables of the page: jobs by status and age, tables, and indexes; and what their cells say."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from jobdesk_core.health import FINISHED, Health, bytes_text, short_name
from jobdesk_core.health.ages import FEW_ROWS
from jobdesk_core.health.ages import Cell as Held
from jobdesk_core.health.schema_drift import IndexLine
from jobdesk_core.health.statistics import TableStatistics
from jobdesk_core.jobs import Status
from jobdesk_core.number import Number, estimated, exact, rounded
from PySide6.QtCore import QCoreApplication, QModelIndex, QPersistentModelIndex, Qt
from PySide6.QtGui import QColor, QPainter
from PySide6.QtWidgets import QStyleOptionViewItem, QWidget

from jobdesk.kit import formats
from jobdesk.kit.cells import CellDelegate
from jobdesk.kit.table import Table
from jobdesk.kit.theme import theme
from jobdesk.kit.theme.tokens import Tone
from jobdesk.kit.values_model import SUM, Cell, Title, ValuesModel

#: The columns of ages: from which place of AGE_DAYS to before which.
AGES = ((0, 1), (1, 2), (2, 3), (3, 5))
#: The shape and tone of an index's state.
STATES: dict[str, tuple[str, Tone]] = {
    "missing": ("cross", "bad"),
    "altered": ("triangle", "warning"),
    "extra": ("circle", "secondary"),
    "known": ("check", "secondary"),
}
#: The share of dead rows that is told in amber, of how many at least.
DEAD_SHARE, FEW_DEAD = 0.2, 10_000
#: Known indexes that are listed before the rest is folded.
SHOWN_KNOWN = 6
#: What an act of the last row unfolds.
MORE = f"{SUM}more"
_KEYS_OF_AGES = ("status", "day", "week", "month", "older", "rows", "bytes")
_KEYS_OF_TABLES = ("table", "rows", "size", "indexes", "dead", "vacuumed", "analyzed")
_KEYS_OF_INDEXES = ("index", "state", "bytes", "scans", "note")


def _tr(text: str) -> str:
    return QCoreApplication.translate("Health", text)


class Facts(Table):
    """A table as high as its rows: the page scrolls, not the table."""

    def __init__(self, name: str, key: str, titles: Sequence[Title], keys: Sequence[str], growing: str) -> None:
        super().__init__(name)
        self.values = ValuesModel(titles, self)
        self.setModel(self.values)
        self.set_ground("panel")
        self.lay_columns(self.values.titles)
        self.name_columns(key, keys, growing=growing, optional=_OPTIONAL[key])
        self.setSelectionMode(Table.SelectionMode.SingleSelection)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        theme().changed.connect(self._fit_height)
        self._fit_height()

    def show_rows(self, rows: Sequence[tuple[str, Sequence[Cell]]]) -> None:
        """Show these, and be as high as they are."""
        self.values.set_rows(rows)
        self._fit_height()

    def _fit_height(self) -> None:
        rows = max(1, self.values.rowCount())
        self.setFixedHeight(self.horizontalHeader().height() + rows * theme().row_height + 2)


_OPTIONAL = {
    "health-ages": ("bytes",),
    "health-tables": ("analyzed", "indexes"),
    "health-indexes": ("note", "bytes"),
}


# Jobs by status and age


class AgesTable(Facts):
    """Jobs by status and age, with an amber ground under the cells that the purge would empty."""

    def __init__(self, parent: QWidget | None = None) -> None:
        ages = [_tr("last 24 h"), _tr("1 – 7 days"), _tr("7 – 30 days"), _tr("older than 30 days")]
        titles = [
            Title(_tr("status"), 108, is_right=False, sample="succeeded"),
            *(Title(text, 88, sample=text) for text in ages),
            # Their sums are in bold, hence a longer sample.
            Title(_tr("rows"), 88, sample="99,999,999"),
            Title(_tr("bytes"), 72, sample="9,999 MB"),
        ]
        super().__init__(_tr("Jobs by status and age"), "health-ages", titles, _KEYS_OF_AGES, "status")
        #: The cells that the purge would empty, by row and column.
        self.emptied: set[tuple[int, int]] = set()
        self.setItemDelegate(_Emptied(self))

    def show_health(self, health: Health | None, days: int, statuses: Sequence[Status]) -> None:
        """Show what was read, marked for a purge of these statuses that keeps so many days."""
        rows = ages_rows(health)
        first = next(place + 1 for place, age in enumerate((1, 7, 30)) if age >= min(days, 30))
        self.emptied = {
            (row, column)
            for row, (key, cells) in enumerate(rows)
            for column in range(first + 1, 5)
            if key in {status.value for status in statuses} and cells[column].text not in ("0", formats.DASH)
        }
        self.show_rows(rows)
        self.viewport().update()


class _Emptied(CellDelegate):
    """Lays an amber ground under the cells that the purge would empty."""

    def __init__(self, table: AgesTable) -> None:
        super().__init__(table)
        self._table = table

    def paint(
        self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> None:
        if (index.row(), index.column()) in self._table.emptied:
            ground = QColor(theme().tokens.colour("changed"))
            ground.setAlphaF(0.6)
            painter.fillRect(option.rect, ground)
        super().paint(painter, option, index)


def ages_rows(health: Health | None) -> list[tuple[str, list[Cell]]]:
    """A row for each status, and one for all. Dashes while, or where, it is not known."""
    ages = health.ages if health is not None else None
    shown = [Status.TODO, Status.DOING, *FINISHED]
    if ages is not None and Status.ABORTING in ages.cells:
        shown.insert(2, Status.ABORTING)
    rows = []
    for status in (*shown, None):
        first = Cell(status.value, status=status) if status is not None else Cell(_tr("all"), "secondary")
        key = status.value if status is not None else SUM
        if ages is None:
            rows.append((key, [first, *[Cell(formats.DASH, "secondary")] * 6]))
            continue
        whole = ages.whole(status)
        parts = [_count(ages.between(status, *age), ages.sampled_rows, is_sum=status is None) for age in AGES]
        rows.append((key, [first, *parts, _whole(whole, ages.sampled_rows), _bytes(whole, status is None)]))
    return rows


def _count(held: Held, sampled: int, *, is_sum: bool) -> Cell:
    tone: Tone = "secondary" if is_sum or round(held.rows) == 0 else ""
    return Cell(_number(held), tone, tip=_worth(held, sampled), value=_value(held))


def _whole(held: Held, sampled: int) -> Cell:
    return Cell(
        _number(held),
        "" if round(held.rows) else "secondary",
        is_strong=True,
        tip=_worth(held, sampled),
        value=_value(held),
    )


def _value(held: Held) -> Number:
    """What an export has of it."""
    return (exact if held.is_exact else estimated)(round(held.rows))


def _number(held: Held) -> str:
    """No more digits than it is good for."""
    number = round(held.rows)
    if held.is_exact or number < 1_000:
        return formats.number(number)
    return formats.number(round(number, 3 - len(str(number))))


def _worth(held: Held, sampled: int) -> str:
    """What an estimate is good for."""
    if held.is_exact:
        return ""
    if not held.seen:
        return _tr("≈0: none among the {count} jobs that were looked at.").format(count=formats.number(sampled))
    text = _tr("≈{number}, told from {seen} of the {count} jobs that were looked at.")
    rough = f" {_tr('A rough one.')}" if held.seen < FEW_ROWS else ""
    told = text.format(number=rounded(round(held.rows)), seen=formats.number(held.seen), count=formats.number(sampled))
    return told + rough


def _bytes(held: Held, is_strong: bool) -> Cell:
    tip = _tr("≈: the bytes of both tables with their indexes, shared out by arguments and events.")
    return Cell(
        bytes_text(held.bytes), "" if held.rows else "secondary", is_strong=is_strong, tip=tip, value=round(held.bytes)
    )


# Tables


class TablesTable(Facts):
    """The tables with their sizes, dead rows, and last vacuum."""

    def __init__(self, parent: QWidget | None = None) -> None:
        titles = [
            Title(_tr("table"), 116, is_right=False, sample="periodic_defers"),
            Title(_tr("rows"), 80, sample="99,999,999"),
            Title(_tr("table"), 64, sample="999 MB"),
            Title(_tr("indexes"), 64, sample="999 MB"),
            Title(_tr("dead rows"), 112, sample="9,999,999  99.9 %"),
            Title(_tr("vacuumed"), 112, sample="auto, 59 min ago"),
            Title(_tr("analyzed"), 112, sample="auto, 59 min ago"),
        ]
        super().__init__(_tr("Tables"), "health-tables", titles, _KEYS_OF_TABLES, "table")

    def show_health(self, health: Health | None) -> None:
        """Show what was read."""
        self.show_rows(tables_rows(health))


def tables_rows(health: Health | None) -> list[tuple[str, list[Cell]]]:
    """A row for each table."""
    dash = Cell(formats.DASH, "secondary")
    if health is None or health.catalog is None:
        return []
    rows = []
    for table in health.catalog.tables:
        counted = health.statistics.tables.get(table.name) if health.statistics is not None else None
        is_bad = counted is not None and counted.dead_share >= DEAD_SHARE and counted.dead >= FEW_DEAD
        name = Cell(short_name(table.name), "warning" if is_bad else "", shape="triangle" if is_bad else "")
        number = health.number(table.name)
        told = formats.number(number.value) if number.value is not None else formats.DASH
        cells = [
            Cell(name.text, name.tone, shape=name.shape, is_strong=is_bad, tip=table.place),
            Cell(
                told,
                "" if number.value else "secondary",
                tip="" if number.is_exact or number.value is None else _tr("≈{number}").format(number=told),
                value=None if number.value is None else number,
            ),
            Cell(bytes_text(table.table_bytes), value=table.table_bytes),
            Cell(bytes_text(table.index_bytes), value=table.index_bytes),
        ]
        cells += [dash, dash, dash] if counted is None else _counted(counted, health, is_bad)
        rows.append((table.name, cells))
    return rows


def _counted(counted: TableStatistics, health: Health, is_bad: bool) -> list[Cell]:
    tone: Tone = "warning" if is_bad else "" if counted.dead else "secondary"
    share = f"{100 * counted.dead_share:.1f} %"
    dead = Cell(f"{formats.number(counted.dead)}  {share}", tone, is_strong=is_bad, value=counted.dead)
    return [
        dead,
        _when(health, counted.vacuumed_at, counted.vacuumed_by_hand, "warning" if is_bad else ""),
        _when(health, counted.analyzed_at, counted.analyzed_by_hand, ""),
    ]


def _when(health: Health, at: dt.datetime | None, is_by_hand: bool, tone: Tone) -> Cell:
    if at is None or health.read_at is None:
        return Cell(_tr("never"), tone or "secondary", tip=_tr("Not since the statistics are counted."))
    ago = formats.age(at, health.read_at)
    text = _tr("by hand, {time} ago") if is_by_hand else _tr("auto, {time} ago")
    return Cell(text.format(time=ago), tone, tip=formats.full(at), value=at)


# Indexes


class IndexesTable(Facts):
    """The indexes beside those of the release."""

    def __init__(self, parent: QWidget | None = None) -> None:
        titles = [
            Title(_tr("index"), 206, is_right=False),
            Title(_tr("state"), 88, is_right=False, sample="missing xx"),
            Title(_tr("bytes"), 72, sample="999 MB"),
            Title(_tr("scans"), 84, sample="9,999,999"),
            Title(_tr("note"), 200, is_right=False),
        ]
        super().__init__(_tr("Indexes"), "health-indexes", titles, _KEYS_OF_INDEXES, "note")
        self._health: Health | None = None
        self._is_open = False
        for signal in (self.activated, self.clicked):
            signal.connect(self._unfold)

    def show_health(self, health: Health | None) -> None:
        """Show what was read; known ones beyond the first fold into one row."""
        self._health = health
        self.show_rows(indexes_rows(health, is_open=self._is_open))

    def _unfold(self, index: QModelIndex) -> None:
        if self.values.key_at(index.row()) == MORE:
            self._is_open = not self._is_open
            self.show_health(self._health)


def indexes_rows(health: Health | None, *, is_open: bool) -> list[tuple[str, list[Cell]]]:
    """A row for each index: what is not as released first."""
    if health is None or health.drift is None:
        return []
    lines = health.drift.indexes
    known = [line for line in lines if line.state == "known"]
    others = [line for line in lines if line.state != "known"]
    folds = len(known) > SHOWN_KNOWN + 1
    shown = known if is_open or not folds else known[:SHOWN_KNOWN]
    rows = [(line.name, _index(line, health)) for line in (*others, *shown)]
    if folds:
        text = _tr("fewer") if is_open else _tr("{count} more").format(count=len(known) - SHOWN_KNOWN)
        state = Cell("") if is_open else Cell(_tr("known"), "secondary", shape="check")
        rows.append((MORE, [Cell(text, "accent"), state, Cell(""), Cell(""), Cell("")]))
    return rows


def _index(line: IndexLine, health: Health) -> list[Cell]:
    shape, tone = STATES[line.state]
    since = health.statistics.since if health.statistics is not None else None
    counted = _tr("counted since {time}").format(time=formats.full(since)) if since is not None else ""
    scans = formats.number(line.scans)
    scan_tone: Tone = "warning" if line.is_unused else "secondary" if not line.scans else ""
    size = bytes_text(line.bytes) if line.bytes is not None else formats.DASH
    return [
        Cell(line.name.replace("procrastinate_", "", 1), is_mono=True, tip=line.found or line.expected),
        Cell(_tr(line.state), tone, shape=shape),
        Cell(size, "" if line.bytes is not None else "secondary", value=line.bytes),
        Cell(scans, scan_tone, tip=counted),
        Cell(line.note, "secondary", tip=line.note),
    ]
