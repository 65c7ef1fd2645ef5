"""Seven numbers over all databases that answer; each, clicked, shows the ones that it is about."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal

from jobdesk_core.durations import roughly
from jobdesk_core.watching.member import Member, Totals
from jobdesk_core.watching.pulse import Look
from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QFont
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QSizePolicy, QVBoxLayout, QWidget

from jobdesk.fleet import words
from jobdesk.fleet.rows import is_urgent
from jobdesk.kit import formats
from jobdesk.kit.clickable import Clickable
from jobdesk.kit.dress import dress
from jobdesk.kit.one_line import OneLine
from jobdesk.kit.theme import theme
from jobdesk.kit.theme.tokens import Tone

#: Which databases are shown.
Wanted = Literal["all", "production", "attention", "unreachable", "troubled", "due", "failing", "workers", "stalled"]

WANTED: Mapping[Wanted, Callable[[Member], bool]] = {
    "all": lambda member: True,
    "production": lambda member: member.profile.environment.strip().lower() == "production",
    "attention": lambda member: member.rank < 3,
    "unreachable": lambda member: member.rank == 0,
    "troubled": lambda member: member.needs_attention,
    "due": lambda member: (look := _known(member)) is not None and look.all.due > 0,
    "failing": lambda member: (look := _known(member)) is not None and bool(look.failed_per_minute),
    "workers": lambda member: (
        (look := _known(member)) is not None and look.workers is not None and look.workers[0] < look.workers[1]
    ),
    "stalled": lambda member: (look := _known(member)) is not None and look.all.stalled > 0,
}
#: What adds up.
_SUMS: tuple[Wanted, ...] = ("due", "failing", "workers", "stalled")


def _known(member: Member) -> Look | None:
    """What is in the sums of it."""
    return member.look if member.is_answering else None


class SummaryCell(Clickable):
    """A title, a number and a line of sense."""

    def __init__(self, title: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("summaryCell")
        self.setAccessibleName(title)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        head = OneLine("small")
        head.set_whole(title)
        self._value = QLabel()
        self._value.setTextFormat(Qt.TextFormat.PlainText)
        self._note = OneLine("small")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(12, 6, 8, 6)
        layout.setSpacing(0)
        for part in (head, self._value, self._note):
            layout.addWidget(part)
        self._take_font()
        theme().changed.connect(self._take_font)

    @property
    def text(self) -> str:
        """The number and the line of sense."""
        return f"{self._value.text()} {self._note.whole}".strip()

    def show_number(self, value: str, note: str, tone: Tone = "", tip: str = "") -> None:
        """Show these."""
        if self._value.text() != value:
            self._value.setText(value)
        dress(self._value, tone=tone)
        self._note.set_whole(note)
        if self.toolTip() != tip:
            self.setToolTip(tip)
        self.setAccessibleDescription(f"{value} {note}".strip())

    def _take_font(self) -> None:
        self._value.setFont(theme().font(18, QFont.Weight.DemiBold))


class SummaryStrip(QFrame):
    """Says which databases are wanted."""

    wanted = Signal(str)  # a key of WANTED

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("summaryStrip")
        self.setProperty("pane", True)
        self.setAccessibleName(self.tr("All databases together"))
        titles: tuple[tuple[Wanted, str, int], ...] = (
            ("all", self.tr("databases"), 7),
            ("unreachable", self.tr("unreachable"), 8),
            ("troubled", self.tr("need attention"), 9),
            ("due", self.tr("due"), 8),
            ("failing", self.tr("failing per min"), 8),
            ("workers", self.tr("workers alive"), 8),
            ("stalled", self.tr("stalled jobs"), 9),
        )
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(0)
        self.cells: dict[Wanted, SummaryCell] = {}
        for key, title, share in titles:
            cell = self.cells[key] = SummaryCell(title)
            cell.chosen.connect(lambda key=key: self.wanted.emit(key))
            row.addWidget(cell, share)

    def show_totals(self, sums: Totals) -> None:
        """Show these sums."""
        left_out = words.named(sums.left_out)
        tip = self.tr("Without {names}: their numbers are not known now.").format(names=left_out) if left_out else ""
        fine = self.tr("{count} fine").format(count=formats.number(sums.fine))
        self.cells["all"].show_number(formats.number(sums.databases), fine)
        self._show_named("unreachable", sums.unreachable, "bad")
        self._show_named("troubled", sums.attention, "warning")
        if not sums.is_known:
            for key in _SUMS:
                self.cells[key].show_number(formats.DASH, "", "secondary", tip)
            return
        oldest = self.tr("oldest {age}").format(age=roughly(sums.oldest_s)) if sums.oldest_s is not None else ""
        due = f"{sums.due:,}{'+' if sums.is_at_least else ''}"
        self.cells["due"].show_number(due, oldest or self.tr("none due"), "" if sums.due else "secondary", tip)
        self._show_failing(sums, tip)
        silent = sums.registered - sums.alive
        words_of = self.tr("{count} unresponsive").format(count=formats.number(silent)) if silent else ""
        self.cells["workers"].show_number(formats.number(sums.alive), words_of, "" if sums.alive else "secondary", tip)
        self._show_stalled(sums, tip)

    def _show_named(self, key: Wanted, members: object, tone: Tone) -> None:
        found: list[Member] = list(members)  # type: ignore[call-overload]
        is_urgent_one = any(is_urgent(each.profile) for each in found)
        own: Tone = (tone if is_urgent_one else "") if found else "secondary"
        self.cells[key].show_number(formats.number(len(found)), words.named(found), own, words.named(found, 50))

    def _show_failing(self, sums: Totals, tip: str) -> None:
        note, worst = "", next(iter(sums.failing), None)
        if worst is not None and worst.look is not None and worst.look.failed_per_minute:
            rate, name = f"{worst.look.failed_per_minute:,.1f}", formats.cut(worst.name, 24)
            note = self.tr("{rate} in {name}").format(rate=rate, name=name)
        tone: Tone = "" if sums.failed_per_minute else "secondary"
        self.cells["failing"].show_number(f"{sums.failed_per_minute:,.1f}", note, tone, tip)

    def _show_stalled(self, sums: Totals, tip: str) -> None:
        parts = [
            f"{each.look.all.stalled:,} {formats.cut(each.name, 24)}"
            for each in sums.stalling[:2]
            if each.look is not None
        ]
        more = len(sums.stalling) - len(parts)
        parts += [self.tr("{count} more").format(count=more)] if more > 0 else []
        self.cells["stalled"].show_number(
            formats.number(sums.stalled), ", ".join(parts), "" if sums.stalled else "secondary", tip
        )
