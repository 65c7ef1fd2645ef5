"""One act in the panel: how far it is, its buttons, what became of the jobs, why some were skipped, and how."""

from __future__ import annotations

import datetime as dt

from jobdesk_core.operations import Result, SetLedger
from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtGui import QIcon
from PySide6.QtWidgets import QFrame, QGridLayout, QLabel, QProgressBar, QPushButton, QVBoxLayout, QWidget

from jobdesk.acting.act import Act
from jobdesk.acting.chip import words_of
from jobdesk.acting.numbers import Number, numbers_of
from jobdesk.kit import formats
from jobdesk.kit.dress import dress
from jobdesk.kit.fields import FieldList
from jobdesk.kit.labels import caption, plain_label
from jobdesk.kit.layouts import STRETCH, empty_layout, in_row
from jobdesk.kit.shape_label import ShapeLabel
from jobdesk.kit.text_block import Run, TextBlock
from jobdesk.kit.theme import theme
from jobdesk.kit.theme.icons import icon

_STEPS = 1_000
#: Pixels of a line of numbers.
_LINE_PX = 22
#: Milliseconds between two looks at an act: its numbers change more often.
_SHOW_MS = 200


class ActView(QWidget):
    """Follows one act. What its buttons ask for is said by signals."""

    undo_asked_for = Signal(object)  # Act
    ledger_asked_for = Signal(object)  # Act
    ids_asked_for = Signal(object)  # Act
    jobs_asked_for = Signal(list)  # list[int]
    entry_asked_for = Signal(int)

    def __init__(self, act: Act, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.act = act
        self.title = QLabel(act.errand.title)
        self.title.setObjectName("title")
        self.title.setTextFormat(Qt.TextFormat.PlainText)
        self.title.setWordWrap(True)
        self.when = TextBlock(size_px=12)
        self.when.linked.connect(lambda text: self.entry_asked_for.emit(int(text)))
        self.bar = QProgressBar()
        self.bar.setAccessibleName(self.tr("Progress"))
        self.bar.setRange(0, _STEPS)
        self.bar.setTextVisible(False)
        self.state, self.far, self.pace = plain_label("warning"), QLabel(), QLabel()
        self.state.hide()
        self.pace.setProperty("tone", "secondary")
        self.pause = self._button(self.tr("Pause"), lambda: act.go_on() if act.is_paused else act.pause())
        self.stop = self._button(self.tr("Stop"), act.stop, "abort")
        self.undo = self._button("", lambda: self.undo_asked_for.emit(act))
        self.ledger = self._button(self.tr("Show ledger"), lambda: self.ledger_asked_for.emit(act))
        self.ids = self._button(self.tr("Copy ids"), lambda: self.ids_asked_for.emit(act))
        self.grid = QGridLayout()
        self.skipped = QVBoxLayout()
        self.skipped_caption = caption(self.tr("SKIPPED"))
        self.how, self.note = FieldList(), plain_label("secondary")
        self._numbers: list[Number] = []
        self._told: list[tuple[int, str]] = []
        self._lay_out()
        self._waits = QTimer(self)
        self._waits.setSingleShot(True)
        self._waits.timeout.connect(self.show_act)
        act.changed.connect(lambda: None if self._waits.isActive() else self._waits.start(_SHOW_MS))
        self.show_act()

    def numbers(self) -> dict[str, int]:
        """The lines on show, by their labels."""
        return {number.text: number.count for number in self._numbers}

    def show_act(self) -> None:
        """Bring everything up to date."""
        act = self.act
        self._show_head()
        self.pause.setText(self.tr("Go on") if act.is_paused else self.tr("Pause"))
        self.pause.setIcon(icon("play" if act.is_paused else "pause"))
        self.pause.setVisible(act.errand.can_pause and not act.is_over)
        self.pause.setEnabled(act.state != "stopping")
        self.stop.setVisible(not act.is_over)
        self.stop.setEnabled(act.state != "stopping")
        ended = act.ended
        self.ledger.setVisible(ended is not None and bool(ended.lines))
        self.ids.setVisible(ended is not None and bool(ended.job_ids))
        undoable = undoable_of(act)
        self.undo.setVisible(bool(undoable))
        self.undo.setText(self.tr("Undo {count}…").format(count=formats.number(undoable)))
        self._show_numbers()
        self._show_skipped()
        self.note.setText(self._note(undoable))

    def _show_head(self) -> None:
        act = self.act
        began = dt.datetime.fromtimestamp(act.began, dt.UTC)
        ended = dt.datetime.fromtimestamp(act.began + act.took_s, dt.UTC)
        words = self.tr("began {time}").format(time=formats.time_of_day(began))
        if act.is_over:
            words = f"{formats.time_of_day(began)} – {formats.time_of_day(ended)}"
        runs = [Run(words, "secondary")]
        if act.entry_id is not None:
            number = formats.number(act.entry_id)
            runs += [Run(" · ", "secondary")]
            runs += [Run(self.tr("journal entry {number}").format(number=number), link=str(act.entry_id))]
        self.when.set_runs(runs)
        done, of = act.done, act.progress.of
        self.bar.setValue(_STEPS * done // max(1, of))
        is_good = act.ended is not None and act.ended.kind == "good"
        dress(self.bar, tone="good" if is_good else "")
        self.far.setText(self.tr("{done} of {of}").format(done=formats.number(done), of=formats.number(of)))
        self.pace.setText(self._pace())
        told = words_of(act) if act.state not in ("running", "ended") else ""
        if act.is_in_doubt and act.ended is not None:
            told = act.ended.sentence
        self.state.setVisible(bool(told))
        self.state.setText(told)

    def _pace(self) -> str:
        act = self.act
        rate = self.tr("{rate} per s").format(rate=formats.number(round(act.per_second)))
        if act.is_over:
            took = formats.duration(act.took_s)
            return self.tr("{took}, {rate}").format(took=took, rate=rate) if act.per_second >= 1 else took
        if act.state != "running" or act.per_second < 1:
            return ""
        left = formats.duration(act.left_s)
        return self.tr("{rate} · {left} left").format(rate=rate, left=left)

    def _show_numbers(self) -> None:
        numbers = numbers_of(self.act)
        if numbers == self._numbers:
            return
        self._numbers = numbers
        empty_layout(self.grid)
        for row in range(self.grid.rowCount()):
            # A row that is empty now keeps no place.
            self.grid.setRowMinimumHeight(row, 0)
        for position, number in enumerate(numbers):
            label = ShapeLabel()
            label.set_content(number.shape, number.text, number.tone or ("text" if number.is_sum else "secondary"))
            count = QLabel(formats.number(number.count))
            count.setProperty("strong", "true" if number.count and (number.is_sum or number.shape) else "false")
            count.setProperty("tone", "" if number.count else "secondary")
            self.grid.setRowMinimumHeight(2 * position, theme().grown(_LINE_PX))
            self.grid.addWidget(label, 2 * position, 0)
            self.grid.addWidget(count, 2 * position, 1, Qt.AlignmentFlag.AlignRight)
            if position < len(numbers) - 1:
                line = QFrame()
                line.setObjectName("line")
                line.setFixedHeight(2 if number.is_sum else 1)
                self.grid.addWidget(line, 2 * position + 1, 0, 1, 2)

    def _show_skipped(self) -> None:
        ledger = self.act.errand.ledger
        told: list[tuple[int, str, list[int]]] = []
        if ledger is not None:
            for (result, words), count in ledger.numbers.items():
                if result in (Result.SKIPPED, Result.REFUSED, Result.UNKNOWN) and count:
                    told.append((count, words, ledger.first_ids[result, words]))
        brief = [(count, words) for count, words, _ in told]
        self.skipped_caption.setVisible(bool(told))
        is_unknown = ledger is not None and len(told) == 1 and bool(ledger.counts[Result.UNKNOWN])
        self.skipped_caption.setText(self.tr("NOT KNOWN") if is_unknown else self.tr("SKIPPED"))
        if brief == self._told:
            return
        self._told = brief
        empty_layout(self.skipped)
        for count, words, ids in told:
            block = TextBlock()
            runs = [Run(f"{formats.number(count)} "), Run(words, "secondary")]
            if ids:
                runs += [Run(" "), Run(self.tr("show"), link="show")]
            block.set_runs(runs)
            block.linked.connect(lambda _link, ids=ids: self.jobs_asked_for.emit(list(ids)))
            self.skipped.addWidget(block)

    def _note(self, undoable: int) -> str:
        act, became = self.act, self.act.became
        if not act.is_over:
            return self.tr(
                "You can go on working, or close this panel. It stops only if Jobdesk quits, which asks first."
            )
        if undoable and became is not None:
            started = became.retried - became.waiting
            said = self.tr("Undo marks {jobs} that have not started as failed again, with the attempts they had.")
            rest = self.tr("The {count} that have started stay as they are.").format(count=formats.number(started))
            told = said.format(jobs=self.tr("{count} jobs").format(count=formats.number(undoable)))
            return f"{told} {rest}" if started else told
        return act.ended.remedy if act.ended is not None else ""

    def _button(self, text: str, clicked: object, name: str = "") -> QPushButton:
        button = QPushButton(text)
        if name:
            button.setIcon(icon(name))
        else:
            button.setIcon(QIcon())
        button.setAutoDefault(False)
        button.clicked.connect(lambda: clicked())  # type: ignore[operator]
        return button

    def _lay_out(self) -> None:
        self.grid.setHorizontalSpacing(8)
        self.grid.setVerticalSpacing(3)
        self.grid.setColumnStretch(0, 1)
        far = in_row((self.far, 1), self.pace)
        buttons = in_row(self.pause, self.stop, self.undo, self.ledger, self.ids, STRETCH, spacing=8)
        column = QVBoxLayout(self)
        column.setContentsMargins(16, 14, 16, 14)
        column.setSpacing(6)
        for widget in (self.title, self.when, self.bar):
            column.addWidget(widget)
        column.addLayout(far)
        column.addWidget(self.state)
        column.addLayout(buttons)
        column.addWidget(caption(self.tr("WHAT BECAME OF THEM")))
        column.addLayout(self.grid)
        column.addWidget(self.skipped_caption)
        column.addLayout(self.skipped)
        if self.act.errand.how:
            column.addWidget(caption(self.tr("HOW")))
            self.how.set_fields(self.act.errand.how)
            column.addWidget(self.how)
        column.addSpacing(8)
        column.addWidget(self.note)


def undoable_of(act: Act) -> int:
    """How many of an act's jobs an undo would take back, as far as is known; 0 where there is no undo."""
    ledger = act.errand.ledger
    if act.ended is None or act.entry_id is None or act.undone or act.is_in_doubt:
        return 0
    if ledger is None:
        return _undoable_of_set(act.ended.ledger) if isinstance(act.ended.ledger, SetLedger) else 0
    if act.became is not None:
        return act.became.waiting if ledger.plan.change.action.value == "retry" else 0
    return ledger.counts[Result.DONE] if ledger.plan.change.action.value in _UNDONE else 0


def _undoable_of_set(ledger: SetLedger) -> int:
    """New jobs are cancelled, not undone."""
    if not ledger.is_applied:
        return 0
    changes = [part for part in ledger.plan.parts if part.entry.action.value in (*_UNDONE, "retry")]
    return sum(ledger.ledgers[part.position].counts[Result.DONE] for part in changes)


_UNDONE = {"cancel", "delete", "run now", "reschedule", "reprioritise"}
