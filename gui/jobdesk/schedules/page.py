"""The Schedules page: every periodic task, whether it is on time, and what comes within the hour."""

from __future__ import annotations

import asyncio
import datetime as dt
import time

from jobdesk_core.database.limited import StatementTooLong
from jobdesk_core.exceptions import ConnectorException, cause_text
from jobdesk_core.feed.state import Changes
from jobdesk_core.filters.language import term
from jobdesk_core.job.details import JobDetail
from jobdesk_core.profiles import introspect
from jobdesk_core.profiles.introspect import AppNotUnderstood, AppTask
from jobdesk_core.schedules.judging import Told
from jobdesk_core.schedules.reader import Schedules
from jobdesk_core.schedules.schedule import Schedule
from jobdesk_core.schedules.spans import Coming, next_hour
from PySide6.QtCore import QItemSelectionModel, QPoint, Qt, Signal
from PySide6.QtGui import QHideEvent, QKeySequence, QResizeEvent, QShortcut, QShowEvent
from PySide6.QtWidgets import QApplication, QLineEdit, QWidget

from jobdesk.connection.broken_link import leave_to_feed
from jobdesk.connection.desk import Desk
from jobdesk.connection.page import Page
from jobdesk.kit import clock, formats
from jobdesk.kit.actions import Actions
from jobdesk.kit.empty_state import Action
from jobdesk.kit.navigation import Navigation
from jobdesk.kit.work import Work
from jobdesk.schedules import words
from jobdesk.schedules.course import Course, course_of
from jobdesk.schedules.layout import Layout
from jobdesk.schedules.model import SchedulesModel

READ, DETAIL, COURSE, ASK = "read schedules", "read the last run", "draw a schedule", "ask the app"
#: Seconds between two reads: while older runs are still being read, after a change, and when only time has passed.
MORE_S, CHANGED_S, UNCHANGED_S = 0.3, 2.0, 5.0
#: A read is not repeated before so many times what it took.
SHARE = 10
_SELECT = QItemSelectionModel.SelectionFlag.ClearAndSelect | QItemSelectionModel.SelectionFlag.Rows


class SchedulesPage(Page):
    """Reads while it is shown only. The actions on a schedule act on the one that is selected."""

    settings_asked_for = Signal()  # of the connection: to name its application

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("page")
        self._desk: Desk | None = None
        self._found: Schedules | None = None
        self._problem = ""
        #: Why the application told nothing, and when it did.
        self._app_problem = ""
        self._app_told_at: dt.datetime | None = None
        self._chosen: tuple[str, str] | None = None
        #: The name of the one that is to be selected once it is there.
        self._wanted = ""
        self._is_own_choice = self._is_filling = self._is_dirty = False
        self._read_at, self._took_s = 0.0, 0.0
        self._detail: JobDetail | None = None
        self._work = Work(self)
        self._work.failed.connect(self.failed)
        self.model = SchedulesModel(self)
        self.layout_ = Layout(self, self.model)
        self.table, self.side, self.ahead = self.layout_.table, self.layout_.side, self.layout_.ahead
        self.find_field: QLineEdit = self.layout_.find_field
        self._connect()

    # What the window asks

    def show_desk(self, desk: Desk | None) -> None:
        """Show another connection's schedules, or none."""
        for name in (READ, DETAIL, COURSE, ASK):
            self._work.cancel(name)
        self._desk, self._found, self._detail = desk, None, None
        self._chosen, self._is_own_choice, self._problem, self._read_at = None, False, "", 0.0
        self._app_problem, self._app_told_at = "", None
        self.side.secret_keys = desk.profile.hidden_keys if desk is not None else ""
        self.layout_.show_ask(desk is not None and introspect.problem(desk.profile) is None)
        self._show()
        self.read_again()

    def set_actions(self, actions: Actions) -> None:
        """Offer the actions beside the list, in its menu and in the toolbar."""
        self.layout_.set_actions(actions)
        self._menu = actions.menu_of(actions.of("schedule"), self)

    def apply(self, changes: Changes) -> None:
        """Something has changed: schedules are read again soon, if they are shown."""
        self._is_dirty = self._is_dirty or bool(changes.rows or changes.removed or changes.is_refresh)

    def refresh(self) -> None:
        """Let time pass in what is shown, and read anew when it is due."""
        if self._desk is None or not self.isVisible():
            return
        self._show()
        if self._work.is_running(READ):
            return
        is_whole = self._found is None or self._found.is_whole
        rest_s = MORE_S if not is_whole else CHANGED_S if self._is_dirty else UNCHANGED_S
        if time.monotonic() - self._read_at >= max(rest_s, SHARE * self._took_s if is_whole else 0.0):
            self.read_again()

    def read_again(self) -> None:
        """Read the schedules now."""
        if self._desk is not None and self._desk.capabilities.has_schema and self.isVisible():
            self._work.start(
                self._read(self._desk),
                name=READ,
                then=self._take,
                failed=self._failed,
                replaces=True,
                says=self.tr("Reading the schedules…"),
            )

    def retell(self) -> None:
        """Moments are told in another zone."""
        self._show()

    def selected_text(self) -> str:
        """The selected row with tabs between the cells."""
        return self.table.selected_text()

    def selected(self) -> Schedule | None:
        """The selected schedule."""
        if self._chosen is None or self._found is None:
            return None
        return next((each for each in self._found.schedules if each.key == self._chosen), None)

    def look_at(self, name: str) -> None:
        """Select the schedule of this name: by what is known already, or as soon as it has been read."""
        if self._found is None and self._desk is not None:
            self._found = self._desk.monitor.schedules.last
        self._wanted = name
        self._show_all()
        self._show()

    def ask_app(self) -> None:
        """Ask the application that the connection names for its schedules."""
        if self._desk is not None and introspect.problem(self._desk.profile) is None:
            self._work.start(
                introspect.app_tasks(self._desk.profile),
                name=ASK,
                then=self._take_app,
                failed=self._app_failed,
                replaces=True,
                says=self.tr("Asking the application for its schedules…"),
            )

    # Reading

    async def _read(self, desk: Desk) -> tuple[Schedules, list[Coming], float]:
        started = time.monotonic()
        found = await desk.monitor.schedules.read()
        took_s = time.monotonic() - started
        return found, await asyncio.to_thread(next_hour, found.schedules, found.read_at), took_s

    def _take(self, answer: tuple[Schedules, list[Coming], float]) -> None:
        self._found, coming, self._took_s = answer
        self._read_at, self._is_dirty, self._problem = time.monotonic(), False, ""
        self.ahead.show_coming(coming, self._found.read_at)
        self._show()
        self._read_beside()
        is_inferred = any(each.source in ("runs", "nobody") for each in self._found.schedules)
        if is_inferred and self._app_told_at is None and not self._app_problem and not self._work.is_running(ASK):
            # Once: the connection allows it, and nobody else tells.
            self.ask_app()

    def _failed(self, error: Exception) -> None:
        self._read_at = time.monotonic()
        if isinstance(error, StatementTooLong):
            self._took_s = UNCHANGED_S
            self._problem = self.tr("Reading the schedules is taking too long on this database. What you see is older.")
        elif isinstance(error, ConnectorException) and error.sqlstate is not None:
            self._problem = cause_text(error)
        elif not isinstance(error, ConnectorException):  # a broken link is told by the feed
            self.failed.emit(error)
        self._show()

    def _take_app(self, tasks: dict[str, AppTask]) -> None:
        told = [
            Told(task.name, name, cron, zone, task.queue, source="application")
            for task in tasks.values()
            for name, cron, zone in task.crons
        ]
        self._app_problem, self._app_told_at = "", clock.now()
        if self._desk is not None:
            self._desk.monitor.schedules.tell(told)
            self.read_again()

    def _app_failed(self, error: Exception) -> None:
        if not isinstance(error, AppNotUnderstood):
            self.failed.emit(error)
            return
        self._app_problem = str(error)
        self._show()

    def _read_beside(self) -> None:
        """Read what stands beside: the job of the last run, and the course."""
        schedule, desk, found = self.selected(), self._desk, self._found
        if schedule is None or desk is None or found is None:
            return
        job_id = schedule.last.job_id if schedule.last is not None else None
        if job_id is not None and (self._detail is None or self._detail.row.id != job_id):
            self._work.start(
                desk.monitor.detail(job_id), name=DETAIL, then=self._take_detail, failed=leave_to_feed, replaces=True
            )
        span_s = self.side.span_s
        self._work.start(
            asyncio.to_thread(course_of, schedule, found, span_s),
            name=COURSE,
            then=self._take_course,
            replaces=True,
        )

    def _take_detail(self, detail: JobDetail | None) -> None:
        self._detail = detail
        self._show_side()

    def _take_course(self, course: Course) -> None:
        self.side.course.show_course(course)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self.layout_.fit()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._show()
        self.read_again()
        # Not when the page was chosen by the arrows: they go on through the pages.
        if not isinstance(QApplication.focusWidget(), Navigation):
            self.table.setFocus()

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        for name in (READ, DETAIL, COURSE):
            self._work.cancel(name)

    # Showing

    def _now(self) -> dt.datetime:
        is_stale = self._desk is not None and self._desk.state.mode == "stale"
        if is_stale and self._found is not None:
            return self._found.read_at
        return self._desk.monitor.now() if self._desk is not None else clock.now()

    def _show(self) -> None:
        found, now = self._found, self._now()
        schedules = found.schedules if found is not None else ()
        late = found.late if found is not None else ()
        self.layout_.show_counts(len(schedules), len(late) if found is not None else None)
        wanted = self.find_field.text().strip().casefold()
        shown = late if self.layout_.kinds.current() == 1 else schedules
        shown = tuple(each for each in shown if wanted in each.name.casefold())
        before = self.selected()
        wanted_one = next((each for each in shown if self._wanted and each.name == self._wanted), None)
        if wanted_one is not None:
            self._chosen, self._is_own_choice, self._wanted = wanted_one.key, True, ""
        self._is_filling = True
        is_other = self.model.show(shown, now) or wanted_one is not None
        self._select_again(is_other)
        self._is_filling = False
        self._show_stack(bool(shown), bool(schedules))
        self._show_notes()
        self._show_side()
        if self.selected() != before:
            self.selection_changed.emit()
            self._read_beside()

    def _select_again(self, is_other: bool) -> None:
        """The same schedule as before; as long as nobody has chosen one, the first."""
        place = self.model.place_of(self._chosen) if self._chosen is not None else None
        if not self._is_own_choice and self.model.rowCount() and (place is None or is_other):
            place = 0
        if place is None:
            self._chosen = self._chosen if self._is_own_choice else None
            return
        schedule = self.model.schedule_at(place)
        if schedule is not None and (is_other or schedule.key != self._chosen or not self.table.selected_places()):
            sight = self.table.verticalScrollBar().value()
            self._chosen = schedule.key
            self.table.selectionModel().setCurrentIndex(self.model.index(place, 0), _SELECT)
            self.table.verticalScrollBar().setValue(sight)

    def _show_stack(self, has_rows: bool, has_any: bool) -> None:
        is_read = self._found is not None or bool(self._problem)
        empty = None
        if is_read and not has_rows:
            empty = self._empty_words(has_any)
        self.layout_.show_empty(empty, is_reading=not is_read)

    def _empty_words(self, has_any: bool) -> tuple[str, str, list[Action]]:
        if self._problem:
            return self.tr("The schedules cannot be read"), self._problem, [(self.tr("Try now"), self.read_again)]
        if has_any:
            title = (
                self.tr("No schedule is like this") if self.find_field.text() else self.tr("Every schedule is on time")
            )
            return title, "", [(self.tr("Show all"), self._show_all)]
        said = self.tr(
            "Jobdesk learns them from procrastinate_periodic_defers, from what workers report, "
            "or from the application if you name it."
        )
        return self.tr("No periodic tasks"), said, [(self.tr("Name the application…"), self.settings_asked_for.emit)]

    def _show_all(self) -> None:
        self.find_field.clear()
        self.layout_.kinds.choose(0)

    def _show_notes(self) -> None:
        found = self._found
        told = self.tr("reading …") if found is None and self._desk is not None else ""
        if self._problem:
            told = self._problem
        elif self._app_told_at is not None:
            told = self.tr("cadence from the app, {time}").format(time=formats.local(self._app_told_at))
        elif found is not None and any(each.source == "reported" for each in found.schedules):
            told = self.tr("cadence told by the workers")
        self.layout_.note.set_whole(told)
        self.layout_.note.set_tone("warning" if self._problem else "secondary")
        below = words.note(found) if found is not None and found.schedules else ""
        if self._app_problem and found is not None:
            why = self.tr("The application could not be asked: {why}").format(why=self._app_problem)
            below = f"{below} {why}".strip()
        self.layout_.below.setText(formats.visible(below))

    def _show_side(self) -> None:
        schedule = self.selected()
        self.layout_.show_side(schedule is not None)
        if schedule is None:
            return
        self.side.show_schedule(schedule, self._now())
        if schedule.last is not None and schedule.last.job_id is not None:
            is_its = self._detail is not None and self._detail.row.id == schedule.last.job_id
            self.side.show_detail(self._detail if is_its else None, "" if is_its else self.tr("reading …"))

    # By hand

    def _connect(self) -> None:
        self.table.selectionModel().selectionChanged.connect(self._selected)
        self.table.activated.connect(self._activated)
        self.table.customContextMenuRequested.connect(self._open_menu)
        self.layout_.kinds.changed.connect(lambda _: self._show())
        self.find_field.textChanged.connect(lambda _: self._show())
        self.side.span_changed.connect(self._read_beside)
        self.side.job_chosen.connect(lambda job_id: self.filter_asked_for.emit(f"id:{job_id}"))
        slash = QShortcut(QKeySequence("/"), self)
        slash.setContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
        slash.activated.connect(self.find_field.setFocus)

    def _selected(self) -> None:
        if self._is_filling:
            return
        schedule = self.model.schedule_at(self.table.currentIndex().row())
        if schedule is not None and schedule.key != self._chosen:
            self._chosen, self._is_own_choice = schedule.key, True
            self.side.course.show_course(None)
            self._show_side()
            self._read_beside()
        self.selection_changed.emit()

    def _activated(self) -> None:
        schedule = self.selected()
        if schedule is not None:
            self.filter_asked_for.emit(term("task", schedule.task))

    def _open_menu(self, at: QPoint) -> None:
        if self.table.indexAt(at).isValid():
            self._menu.popup(self.table.viewport().mapToGlobal(at))
