"""The filter as chips and an edit: what is typed becomes chips, and chips that are clicked become text again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from jobdesk_core.filters.completion import Wanted, offers, wanted_at_end
from jobdesk_core.filters.language import FilterError, JobFilter
from jobdesk_core.filters.tree import written
from PySide6.QtCore import QPoint, Qt, Signal
from PySide6.QtGui import QHideEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QMenu, QToolButton, QWidget

from jobdesk.filtering.chips import FilterChips
from jobdesk.filtering.edit import FilterEdit
from jobdesk.filtering.problem import FilterProblem
from jobdesk.kit.dress import dress
from jobdesk.kit.growing import keep_sizes
from jobdesk.kit.theme.icons import icon

HEIGHT = 32
#: As many past filters are listed; Up goes through all of them.
MOST_LISTED = 15
LONGEST_LISTED = 90
Source = Callable[[Wanted, str], Sequence[str]]
Past = Callable[[], Sequence[str]]


class FilterBar(QFrame):
    """Emits `changed` with the canonical text whenever the filter is another one and can be understood.

    The filter in force stays while a part of it is being changed as text: Enter, or a space after a whole
    condition, puts the new one in force, Escape leaves the old one.
    """

    changed = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("filterBar")
        self.setProperty("pane", True)
        keep_sizes(self, height=HEIGHT)
        self._filter = JobFilter.parse("")
        self._is_elsewhere = False
        #: Which of the pieces the edit stands for: from the first, up to but not including the second.
        self._open = (0, 0)
        self._source: Source = lambda wanted, task: ()
        self._past: Past = lambda: ()
        self._steps_back = 0
        self._chips = FilterChips()
        self._edit = FilterEdit()
        self._edit.setAccessibleName(self.tr("Filter"))
        self._problem: FilterProblem | None = None
        #: What a problem is shown over: whatever goes out of sight together with the bar.
        self.ground: QWidget = self
        self._instead: list[str] = []
        self._problem_text = ""
        self._looking_glass = _tool("search", self.tr("Type a filter"))
        self._history = _tool("schedules", self.tr("Past filters"))
        self._clear = _tool("close", self.tr("Clear the filter"))
        self._place()
        self._connect()
        self._show()

    def text(self) -> str:
        """The filter in force."""
        return self._filter.text

    @property
    def problem(self) -> str:
        """What is wrong with what is being typed; empty when nothing is."""
        return self._problem_text

    def set_text(self, text: str) -> None:
        """Put another filter in force; one that cannot be understood stays as text to mend, and changes nothing."""
        # Not by way of the edit: a line edit would change what it cannot show.
        self._open_as_text(0, len(self._filter.pieces), text)
        self._take_over(text)

    def narrow(self, wanted: str) -> None:
        """Ask also for this condition."""
        self.set_text(self._filter.narrowed(wanted))

    def set_source(self, source: Source) -> None:
        """Where completion gets its names: `source(wanted, task)`, from memory."""
        self._source = source

    def set_past(self, past: Past) -> None:
        """Where the past filters are asked for, the newest first."""
        self._past = past

    def focus_edit(self) -> None:
        """Put the cursor into the edit."""
        self._edit.setFocus(Qt.FocusReason.ShortcutFocusReason)

    def set_elsewhere(self, is_elsewhere: bool) -> None:
        """Look as quiet as the bar is on a page that it does not filter: there a filter leads to the jobs."""
        self._is_elsewhere = is_elsewhere
        dress(self, elsewhere=is_elsewhere)
        elsewhere = self.tr("Filters the jobs, not this page: a filter typed here leads to Jobs.")
        self._edit.setToolTip(elsewhere if is_elsewhere else "")
        self._chips.set_quiet(is_elsewhere)
        self._show()

    def offer_again(self) -> None:
        """More has become known: bring what is offered up to date, if anything is being typed."""
        if self._edit.is_typing and self._edit.text():
            self._offer()

    def show_problem(self, error: FilterError, whole: str, edit_from: int) -> None:
        """Tell what is wrong with the whole text below the bar, and underline where; the edit begins at `edit_from`."""
        self._problem_text = error.message
        self._edit.mark(error.position - edit_from, error.length)
        dress(self, problem=True)
        if self._problem is None:
            self._problem = FilterProblem(self.ground)
            self._problem.chosen.connect(self._choose_suggestion)
        start, end = error.replaced
        self._instead = [f"{whole[:start]}{each}{whole[end:]}" for each in error.suggestions]
        self._problem.show_problem(error.message, error.suggestions, self.width())
        self._problem.move(self.mapTo(self.ground, QPoint(0, self.height() + 2)))
        self._problem.setVisible(self.isVisible())
        self._problem.raise_()
        before: QWidget = self._edit
        for button in self._problem.suggestions:
            QWidget.setTabOrder(before, button)
            before = button
        self._edit.setAccessibleDescription(str(error))

    def clear_problem(self) -> None:
        """Nothing is wrong any more."""
        self._problem_text = ""
        self._edit.mark(0, 0)
        self._edit.setAccessibleDescription("")
        dress(self, problem=False)
        if self._problem is not None:
            self._problem.hide()

    def _choose_suggestion(self, place: int) -> None:
        """Take what was likely meant; a name alone is to be typed on."""
        text = self._instead[place].strip()
        if text.endswith(":"):
            self._open_as_text(0, len(self._filter.pieces), text)
        else:
            self.set_text(text)
        self.focus_edit()

    def hideEvent(self, event: QHideEvent) -> None:
        if self._problem is not None:
            self._problem.hide()
        super().hideEvent(event)

    # Building

    def _place(self) -> None:
        self._looking_glass.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(4, 0, 4, 0)
        layout.setSpacing(6)
        layout.addWidget(self._looking_glass)
        layout.addWidget(self._chips)
        layout.addWidget(self._edit, 1)
        layout.addWidget(self._history)
        layout.addWidget(self._clear)
        menu = QMenu(self)
        menu.aboutToShow.connect(lambda: self._fill_past(menu))
        self._history.setMenu(menu)
        self._history.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)

    def _connect(self) -> None:
        self._looking_glass.clicked.connect(self.focus_edit)
        self._clear.clicked.connect(lambda: self.set_text(""))
        self._chips.change_asked_for.connect(lambda number: self._reopen(number, number + 1))
        self._chips.whole_asked_for.connect(self._reopen_all)
        self._chips.removal_asked_for.connect(lambda place: self._take_over(self._filter.without(place)))
        self._chips.opposite_asked_for.connect(lambda place: self._take_over(self._filter.with_opposite(place)))
        self._edit.returnPressed.connect(self._accept)
        self._edit.textEdited.connect(self._typed)
        self._edit.completed.connect(self._completed)
        self._edit.backed_out.connect(self._reopen_last)
        self._edit.given_up.connect(self._give_up)
        self._edit.past_asked_for.connect(self._go_back)
        self._edit.whole_asked_for.connect(self._reopen_all)
        self._edit.offers_asked_for.connect(self._offer)
        self._edit.focused.connect(lambda has_focus: dress(self, focused=has_focus))

    # Typing

    def _typed(self, text: str) -> None:
        self.clear_problem()
        self._steps_back = 0
        first, last = self._open
        is_at_end = self._edit.cursorPosition() == len(text)
        if text.endswith(" ") and text.strip() and is_at_end and last - first < 2 and self._parsed() is not None:
            self._accept()
        else:
            self._offer()

    def _offer(self) -> None:
        """Offer what may stand at the cursor."""
        text = self._edit.text()[: self._edit.cursorPosition()]
        wanted = wanted_at_end(text)
        if wanted is None:
            self._edit.offer(0, ())
            return
        found = offers(wanted, self._source(wanted, self._task()))
        is_done = found == [text[wanted.start :]]
        self._edit.offer(wanted.start, () if is_done else found)

    def _task(self) -> str:
        """The one task that is asked for, empty when there is none or several."""
        tasks = (self._parsed() or self._filter).choices("task") or ()
        return next(iter(tasks)) if len(tasks) == 1 else ""

    def _completed(self, text: str) -> None:
        self.clear_problem()
        first, last = self._open
        if not text.endswith((":", ".")) and last - first < 2 and self._parsed() is not None:
            self._accept()
        else:
            self._offer()

    # Chips and text

    def _composed(self) -> tuple[str, int]:
        """The whole filter with what is typed in its place, and where that begins."""
        pieces, (first, last) = self._filter.pieces, self._open
        before = written(pieces[:first])
        before = f"{before} " if before else ""
        return f"{before}{self._edit.text()} {written(pieces[last:])}", len(before)

    def _parsed(self) -> JobFilter | None:
        try:
            return JobFilter.parse(self._composed()[0])
        except FilterError:
            return None

    def _accept(self) -> bool:
        """Put what has been typed in force, in the place of the pieces that it came from."""
        text, edit_from = self._composed()
        return self._take_over(text, edit_from=edit_from)

    def _take_over(self, text: str, *, edit_from: int = 0) -> bool:
        try:
            parsed = JobFilter.parse(text)
        except FilterError as error:
            self.show_problem(error, text, edit_from)
            return False
        is_other = parsed.text != self._filter.text
        self._filter = parsed
        self._give_up()
        if is_other:
            self.changed.emit(parsed.text)
        return True

    def _open_as_text(self, first: int, last: int, text: str) -> None:
        self.clear_problem()
        self._open = (first, last)
        self._edit.setText(text)
        self._show()

    def _reopen(self, first: int, last: int) -> None:
        """Turn pieces into text; what was being typed becomes chips first, or stays when it cannot."""
        before = self._filter.pieces
        if self._edit.text() and not self._accept():
            return
        if self._filter.pieces != before:
            first, last = 0, len(self._filter.pieces)
        self._open_as_text(first, last, written(self._filter.pieces[first:last]))
        self.focus_edit()

    def _reopen_all(self) -> None:
        """The whole filter as text, selected, with what is being typed in its place."""
        self._open_as_text(0, len(self._filter.pieces), self._composed()[0].strip())
        self.focus_edit()
        self._edit.selectAll()

    def _reopen_last(self) -> None:
        count, (first, last) = len(self._filter.pieces), self._open
        if last > first:
            self._accept()  # what was there before has been deleted
        elif count and self._filter.pieces[-1].place is None:
            self._reopen(0, count)  # a closing bracket alone is no text to change
        elif count:
            self._reopen(count - 1, count)

    def _give_up(self) -> None:
        """Stop typing: the filter in force shows as chips."""
        self._steps_back = 0
        self._edit.offer(0, ())
        count = len(self._filter.pieces)
        self._open_as_text(count, count, "")

    # The past

    def _go_back(self, steps: int) -> None:
        """Show an older filter as text, or a newer one; before the newest stands the one in force."""
        if steps < 0 and self._problem_text and self._problem is not None and self._problem.suggestions:
            self._problem.suggestions[0].setFocus(Qt.FocusReason.TabFocusReason)
            return
        past = [text for text in self._past() if text != self._filter.text]
        wanted = self._steps_back + steps
        if wanted <= 0:
            self._give_up()
        elif wanted <= len(past):
            self._open_as_text(0, len(self._filter.pieces), past[wanted - 1])
            self._steps_back = wanted

    def _fill_past(self, menu: QMenu) -> None:
        menu.clear()
        past = list(self._past())[:MOST_LISTED]
        for text in past:
            shown = text if len(text) <= LONGEST_LISTED else f"{text[:LONGEST_LISTED]}…"
            menu.addAction(shown.replace("&", "&&"), partial(self.set_text, text))
        if not past:
            menu.addAction(self.tr("No filters have been used here yet.")).setEnabled(False)

    def _show(self) -> None:
        first, last = self._open
        pieces = list(enumerate(self._filter.pieces))
        # What stands behind the part being changed waits until it is done: the edit is the last in the line.
        self._chips.show_pieces(pieces[:first] + pieces[last:])
        self._chips.setVisible(len(pieces) > last - first)
        hint = self.tr("Filter jobs: status:failed queue:mail age:>1h …")
        if self._is_elsewhere:
            hint = self.tr("Enter shows the jobs that match") if pieces else self.tr("Show jobs: status:failed …")
        elif pieces:
            hint = self.tr("add a filter")
        self._edit.setPlaceholderText(hint)
        self._clear.setVisible(bool(pieces))


def _tool(icon_name: str, name: str) -> QToolButton:
    button = QToolButton()
    button.setObjectName("clear")
    button.setIcon(icon(icon_name, "secondary"))
    button.setAccessibleName(name)
    button.setToolTip(name)
    return button
