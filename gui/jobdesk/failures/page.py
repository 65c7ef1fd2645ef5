"""The Failures page: places the list, the time line and what stands beside them, and says what is in each."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

from jobdesk_core.failures.records import By, FailureGroup, Failures, Range
from jobdesk_core.feed.state import Changes
from jobdesk_core.filters.language import term
from PySide6.QtCore import QItemSelectionModel, QPoint, Qt
from PySide6.QtGui import QHideEvent, QResizeEvent, QShowEvent
from PySide6.QtWidgets import QApplication, QStackedWidget, QWidget

from jobdesk.connection.desk import Desk
from jobdesk.connection.page import Page
from jobdesk.failures import words
from jobdesk.failures.chips import Chips
from jobdesk.failures.model import FailuresModel
from jobdesk.failures.muted import Muted
from jobdesk.failures.reading import FailuresReading, Question
from jobdesk.failures.rows import Key, Row, all_groups, knows_errors, rows_of
from jobdesk.failures.selected import SelectedGroup
from jobdesk.failures.side import FailuresSide
from jobdesk.failures.table import FailuresTable
from jobdesk.failures.time_line import TimeLine
from jobdesk.failures.toolbar import Choice, FailuresToolbar
from jobdesk.kit import formats
from jobdesk.kit.actions import Actions
from jobdesk.kit.areas import side_area, split, stacked
from jobdesk.kit.empty_state import Action, EmptyState
from jobdesk.kit.navigation import Navigation
from jobdesk.kit.theme import theme

#: Narrower, the side stands below the list; the choices of the toolbar are lists below the second width.
NARROW_WIDTH, TIGHT_WIDTH = 860, 660
#: Lower, the list has the room of the time line.
LOW_HEIGHT, LOW_TURNED = 430, 860
SIDE_WIDTH = 440
#: From there on the first column is twice as wide.
WIDE_WIDTH = 1_600
OPTIONAL = ("since", "trend", "last", "share")
_SELECT = QItemSelectionModel.SelectionFlag.ClearAndSelect | QItemSelectionModel.SelectionFlag.Rows
_BY, _SPANS = list(By), list(Range)


class FailuresPage(Page):
    """Reads while it is shown only. The actions on a group act on the one that is selected."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("page")
        self._desk: Desk | None = None
        self._opened: set[Key] = set()
        self._chosen: Key | None = None
        self._is_filling = self._wants_focus = False
        self._is_own_choice = self._was_counted = False
        self.muted = Muted(self)
        self.reading = FailuresReading(self)
        by = Choice(self.tr("Group by"), [words.by_words()[each] for each in _BY])
        span = Choice(self.tr("Range"), [words.range_words()[each] for each in _SPANS])
        span.choose(_SPANS.index(Range.HOUR))
        self.toolbar = FailuresToolbar(by, span)
        self.chips = Chips()
        self.model = FailuresModel(self)
        self.table = FailuresTable(self.tr("Groups of failures"), self.model)
        self.time_line = TimeLine()
        self.side = FailuresSide()
        self.empty = EmptyState("failures", "", "")
        self._beside = SelectedGroup(self.side, self)
        self._is_wide = False
        self._place()
        self._connect()

    # What the window asks

    def show_desk(self, desk: Desk | None) -> None:
        """Show another connection's failures, or none."""
        self._desk = desk
        self._opened.clear()
        self._chosen, self._is_own_choice = None, False
        self.chips.clear()
        self.side.secret_keys = desk.profile.hidden_keys if desk is not None else ""
        self.reading.show_desk(desk)
        self._ask()

    def set_actions(self, actions: Actions) -> None:
        """Offer the actions on a group beside it and in the list's menu."""
        self.side.set_actions(actions)
        self._menu = actions.menu_of(actions.of("failure"), self)

    def apply(self, changes: Changes) -> None:
        """Something has changed: failures are read again soon, if they are shown."""
        if changes.rows or changes.removed or changes.events or changes.is_refresh:
            self.reading.touch()

    def refresh(self) -> None:
        """Read when it is due; say so while the link is lost."""
        if self._desk is not None and self.isVisible():
            self._show()
            # Times may be told in another zone by now.
            self.table.viewport().update()
            self.time_line.update()
            self.reading.read_when_due()

    def read_again(self) -> None:
        """Read the failures now, and what stands beside them."""
        if self._desk is not None and self.isVisible():
            self.reading.read_now()
            self._beside.read_again()

    def look_at(self, name: str) -> None:
        """Select the group of a task, as soon as it has been read."""
        self.toolbar.by.choose(_BY.index(By.TASK))
        self._chosen, self._is_own_choice = (By.TASK.value, f"={name}"), True
        self._ask()

    def selected_row(self) -> Row | None:
        """The selected group."""
        return next((row for row in self.model.rows if row.key == self._chosen), None)

    @property
    def traceback(self) -> str:
        """The traceback on show; empty when there is none."""
        return self.side.traceback.text

    def mute_selected(self) -> None:
        """Mute the selected group until it grows, or no longer."""
        row, found = self.selected_row(), self.reading.found
        if row is None or found is None:
            return
        if self.muted.mute_of(row.key) is not None:
            self.muted.unmute(row.key)
        else:
            self.muted.mute(row.key, row.group.failed, found.read_at - found.start)

    # Reading

    def _ask(self) -> None:
        question = Question(_SPANS[self.toolbar.span.current()], _BY[self.toolbar.by.current()], self.chips.queue)
        self.reading.ask(question)
        if self.isVisible():
            self.reading.read_now()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self.refresh()
        # Not when the page was chosen by the arrows: they go on through the pages.
        self._wants_focus = not isinstance(QApplication.focusWidget(), Navigation)
        if self._wants_focus:
            self._stack.setFocus()
            self._show()

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        self.reading.stop()
        self._beside.stop()

    # Showing

    def _is_stale(self) -> bool:
        return self._desk is not None and self._desk.state.mode == "stale"

    def _now(self) -> dt.datetime:
        return self._desk.monitor.now() if self._desk is not None else dt.datetime.now(dt.UTC)

    def _take(self) -> None:
        """Show what has been read; what was muted and has grown is muted no longer."""
        found = self.reading.found
        if found is not None and found.is_counted:
            self.muted.let_grown_go(all_groups(found), found.read_at - found.start)
        self._show()

    def _show(self) -> None:
        found, span = self.reading.found, self.reading.question.span
        today = formats.here(self._now()).date()
        rows = []
        # Without any error there is nothing to group by: that is said instead.
        if found is not None and (found.by is not By.ERROR or not found.is_counted or knows_errors(found)):
            rows = rows_of(found, self._opened, self._is_muted, self.chips.only(), today)
        before = self.selected_row()
        self._is_filling = True
        titles = self.model.titles
        if self.model.show(found, rows, span, self._now(), self._is_stale()):
            self._select_again()
        if titles != self.model.titles:
            self._lay_columns()
        self._was_counted = found is not None and found.is_counted
        self._is_filling = False
        self._show_chips(found, today)
        self._show_stack(found, rows)
        self._show_note(found)
        self._show_side()
        if self.selected_row() != before:
            self.selection_changed.emit()

    def _is_muted(self, key: Key, group: FailureGroup) -> bool:
        return self.muted.mute_of(key) is not None

    def _select_again(self) -> None:
        """The same group as before; as long as nobody has chosen one and not all is counted, the first."""
        place = next((at for at, row in enumerate(self.model.rows) if row.key == self._chosen), None)
        if self.model.rows and not self._is_own_choice and (place is None or not self._was_counted):
            place = 0
        if place is None:
            return
        bar, sight = self.table.verticalScrollBar(), self.table.verticalScrollBar().value()
        self.table.selectionModel().setCurrentIndex(self.model.index(place, 0), _SELECT)
        bar.setValue(sight)
        if self._chosen != self.model.rows[place].key:
            self._chosen = self.model.rows[place].key

    def _show_chips(self, found: Failures | None, today: dt.date) -> None:
        self.chips.setVisible(found is not None and bool(found.queues or self.chips.queue))
        if found is None:
            return
        self.chips.show_queues(found.queues, found.failed)
        self.chips.show_only(words.only_words(found, self.chips.only(), today))

    def _show_stack(self, found: Failures | None, rows: list[Row]) -> None:
        is_over = found is not None and found.is_counted
        is_empty = not rows and (is_over or bool(self.reading.problem) or found is None)
        self._stack.setCurrentWidget(self.empty if is_empty else self.table)
        if self._wants_focus and rows:
            self._wants_focus = False
            self.table.setFocus()
        self.side_area.setVisible(bool(rows))
        least = theme().grown(LOW_TURNED if self._is_narrow() else LOW_HEIGHT)
        self.time_line.setVisible(found is not None and bool(found.failed) and self.height() >= least)
        if is_empty:
            self.empty.set_content("failures", *self._empty_words(found))

    def _empty_words(self, found: Failures | None) -> tuple[str, str, list[Action]]:
        if self.reading.problem:
            return self.tr("The failures cannot be read"), self.reading.problem, [(self.tr("Try now"), self.read_again)]
        if found is None:
            reason = self.tr("The link to the database is lost.") if self._is_stale() else ""
            return self.tr("reading …"), reason, []
        ways: list[Action]
        if found.by is By.ERROR and found.failed and not knows_errors(found):
            ways = [
                (self.tr("Group by task"), lambda: self.toolbar.by.choose(0)),
                (self.tr("How to report them"), self.side.help_asked_for.emit),
            ]
            return self.tr("No errors are reported"), found.unreported, ways
        if found.failed:
            return self.tr("No group is like this"), "", [(self.tr("Show all"), self._show_all)]
        span = self.reading.question.span
        ways = [(self.tr("Show 24 h"), lambda: self.toolbar.span.choose(_SPANS.index(Range.DAY)))]
        is_short = span in (Range.QUARTER_HOUR, Range.HOUR, Range.SIX_HOURS)
        return *words.nothing_failed(found, span), ways if is_short else []

    def _show_all(self) -> None:
        self.chips.clear()
        self._ask()

    def _show_note(self, found: Failures | None) -> None:
        reading = self.reading
        note, tone = words.note_words(found, reading.problem, is_stale=self._is_stale(), is_reading=reading.is_reading)
        self.toolbar.show_note(note, tone)

    # The selected group

    def _show_side(self) -> None:
        row, found = self.selected_row(), self.reading.found
        self.side.show_group(row, found, self.muted.mute_of(row.key) if row is not None else None)
        own = row.group.trend if row is not None else ()
        name = self.side.name.plain_text if row is not None else ""
        self.time_line.set_failures(found, own, name, is_stale=self._is_stale())
        self._beside.show(self._desk if self.isVisible() else None, row, found, self.reading.question.queue)

    def _selected(self) -> None:
        if self._is_filling:
            return
        row = self.model.row_at(self.table.currentIndex().row())
        key = row.key if row is not None else None
        if key is not None and key != self._chosen:
            self._chosen, self._is_own_choice = key, True
            self._show_side()
        self.selection_changed.emit()

    def _toggle(self, place: int) -> None:
        row = self.model.row_at(place)
        if row is not None:
            self._opened ^= {row.key}
            if row.is_open and self._chosen is not None and self._chosen[: len(row.key)] == row.key:
                self._chosen = row.key
            self._show()

    def _open_time(self, start: dt.datetime, end: dt.datetime) -> None:
        queue = self.reading.question.queue
        parts = ["status:failed", words.when_filter(start, end)]
        if queue is not None:
            parts.insert(0, term("queue", queue))
        self.filter_asked_for.emit(" ".join(parts))

    def _open_menu(self, at: QPoint) -> None:
        if self.model.row_at(self.table.indexAt(at).row()) is not None:
            self._menu.popup(self.table.viewport().mapToGlobal(at))

    def _activated(self) -> None:
        row = self.selected_row()
        if row is not None and row.group.filter is not None:
            self.filter_asked_for.emit(row.group.filter)

    # Placing

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit()

    def _is_narrow(self) -> bool:
        return self.width() < theme().grown(NARROW_WIDTH)

    def _fit(self) -> None:
        is_narrow = self._is_narrow()
        self._across.turn(is_narrow)
        if is_narrow:
            self._across.set_first_sizes([round(self.height() * part) for part in (0.58, 0.42)])
        left = self.width() if is_narrow else self.width() - theme().grown(SIDE_WIDTH)
        for choice in (self.toolbar.by, self.toolbar.span):
            choice.set_narrow(left < theme().grown(TIGHT_WIDTH))
        if self._is_wide != (self.width() >= theme().grown(WIDE_WIDTH)):
            self._lay_columns()

    def _lay_columns(self) -> None:
        """As wide as their titles say; where there is much room, long names have some of it."""
        self._is_wide = self.width() >= theme().grown(WIDE_WIDTH)
        first, *rest = self.model.titles
        wide = replace(first, width=2 * first.width)
        self.table.lay_columns([wide if self._is_wide else first, *rest])

    def _place(self) -> None:
        self.table.lay_columns(self.model.titles)
        self.table.name_columns("failures", words.KEYS, growing="second", optional=OPTIONAL)
        self.table.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self._stack = QStackedWidget()
        # Until there are rows: nothing else is then lit up as if it were chosen.
        self._stack.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
        self._stack.addWidget(self.table)
        self._stack.addWidget(self.empty)
        down = split(Qt.Orientation.Vertical, "failures-time", self._stack, self.time_line, [430, 260])
        left = stacked(self.toolbar, self.chips, down)
        self.side_area = side_area(self.side, self.tr("About the selected group"), SIDE_WIDTH - 80)
        self._across = split(Qt.Orientation.Horizontal, "failures-side", left, self.side_area, [900, SIDE_WIDTH])
        stacked(self._across, within=self)

    def _connect(self) -> None:
        self.toolbar.by.changed.connect(lambda _: self._start_over())
        self.toolbar.span.changed.connect(lambda _: self._ask())
        self.chips.queue_chosen.connect(lambda _: self._ask())
        self.chips.narrowed.connect(self._show)
        self.reading.changed.connect(self._take)
        self.reading.failed.connect(self.failed)
        self.muted.changed.connect(self._show)
        self.table.toggled.connect(self._toggle)
        self.table.activated.connect(lambda _: self._activated())
        self.table.customContextMenuRequested.connect(self._open_menu)
        self.table.selectionModel().currentRowChanged.connect(lambda *_: self._selected())
        self.side.filter_asked_for.connect(self.filter_asked_for)
        self.side.help_asked_for.connect(lambda: self.help_asked_for.emit("failures"))
        self.time_line.time_asked_for.connect(self._open_time)
        self._beside.changed.connect(self.selection_changed)
        theme().changed.connect(self._fit)

    def _start_over(self) -> None:
        """Groups of another kind: none of them is the one that was selected."""
        self._chosen, self._is_own_choice = None, False
        self._opened.clear()
        self._ask()
