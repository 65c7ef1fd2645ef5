"""One rule of the panel: its sentence with values to click, how it tells, and what went wrong."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from jobdesk_core.alerts.past import Past
from jobdesk_core.alerts.rule import ANY, DESKTOP, AlertRule, Value, read_value
from jobdesk_core.alerts.sending import Sent, is_allowed
from jobdesk_core.alerts.ways import Command, Way
from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QAction, QKeyEvent, QResizeEvent
from PySide6.QtWidgets import (
    QCompleter,
    QFrame,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QMenu,
    QPushButton,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from jobdesk.alerts.cards import EDGES, told_at
from jobdesk.alerts.jobs_box import JobsBox
from jobdesk.alerts.switch import Switch
from jobdesk.kit import formats
from jobdesk.kit.dress import dress
from jobdesk.kit.flow import Flow
from jobdesk.kit.growing import keep_sizes
from jobdesk.kit.labels import plain_label
from jobdesk.kit.layouts import empty_layout
from jobdesk.kit.shape_label import ShapeLabel
from jobdesk.kit.theme import theme
from jobdesk.kit.theme.tokens import Tone

#: Pixels between two words of a rule's sentence, at the usual size of text.
WORD_GAP = 4


class ValueEdit(QLineEdit):
    """The small editor in the place of a value: Return takes it, Esc leaves it."""

    left = Signal()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape:
            self.left.emit()
        else:
            super().keyPressEvent(event)


class RuleRow(QFrame):
    """Shows a rule. `changed` has the one that it is to be; `past_asked_for` what is being typed, to be judged."""

    changed = Signal(object)  # AlertRule
    removed = Signal()
    past_asked_for = Signal(object)  # AlertRule
    test_asked_for = Signal()
    allow_asked_for = Signal(object)  # Command

    def __init__(self, rule: AlertRule, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("alertCard")
        self.rule = rule
        self.ways: Mapping[str, Way] = {}
        #: Names to complete a subject by.
        self.names: Callable[[], Sequence[str]] = tuple
        self._editing = ""
        self.values: dict[str, QPushButton] = {}
        self.title, self.state = QLabel(), ShapeLabel()
        self.title.setProperty("strong", True)
        self.switch = Switch("")
        self.switch.clicked.connect(lambda is_on: self.changed.emit(replace(self.rule, is_on=is_on)))
        head = QHBoxLayout()
        head.setSpacing(8)
        head.addWidget(self.title)
        head.addWidget(self.state)
        head.addStretch()
        head.addWidget(self.switch)
        self._sentence = QWidget()
        self._words = Flow(self._sentence)
        self.edit, self.note = ValueEdit(), plain_label("secondary")
        self.edit.returnPressed.connect(self._take)
        self.edit.left.connect(self._leave)
        self.edit.textEdited.connect(lambda _: self._judge())
        self.told = QPushButton()
        self.told.setObjectName("ways")
        self.told.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self._menu = QMenu(self)
        self._menu.aboutToShow.connect(self._fill)
        self.told.setMenu(self._menu)
        self.trouble, self.mend = plain_label("bad"), QPushButton()
        self.mend.setObjectName("link")
        self.mend.clicked.connect(self._mend)
        below = QHBoxLayout()
        below.addWidget(self.trouble, 1)
        below.addWidget(self.mend)
        column = QVBoxLayout(self)
        column.setContentsMargins(*EDGES)
        column.setSpacing(4)
        column.addLayout(head)
        self.sends, self.jobs = plain_label("warning"), JobsBox()
        self.sends.setText(self.tr("Jobs with their arguments are sent."))
        self.jobs.wanted.connect(lambda: self.changed.emit(replace(self.rule, sends_jobs=True)))
        for part in (self._sentence, self.edit, self.note, self.told, self.sends, self.jobs):
            column.addWidget(part)
        column.addLayout(below)
        self._leave()

    def show_rule(
        self, rule: AlertRule, *, tone: Tone, muted: int, ways: Mapping[str, Way], sent: Mapping[str, Sent]
    ) -> None:
        """Show the rule as it is now, in the tone of its worst alert, if any; what is being typed stays."""
        is_other = rule != self.rule or not self.values
        self.rule, self.ways = rule, ways
        self.title.setText(self._title())
        if tone:
            self.state.set_content("triangle", self.tr("active"), tone)
        else:
            told = self.tr("{count} muted").format(count=formats.number(muted)) if muted else ""
            self.state.set_content("", told, "secondary")
        self.switch.setChecked(rule.is_on)
        self.switch.setAccessibleName(self._title())
        self.setAccessibleName(f"{self._title()}: {rule.sentence}")
        if is_other:
            self._write()
        self._show_how()
        self.sends.setVisible(rule.sends_jobs)
        self.told.setAccessibleName(self.tr("How you are told: {how}").format(how=self._how()))
        self._show_trouble(sent)

    def show_past(self, found: Past | None) -> None:
        """What the rule being typed would have done."""
        if self._editing and not self.edit.property("problem"):
            self.note.setText(found.sentence if found is not None else self.tr("Return takes it, Esc leaves it."))

    @property
    def how(self) -> str:
        """How it tells, in words."""
        return self._how()

    def start(self, name: str) -> None:
        """Edit a value in place."""
        self._editing = name
        self.edit.setText(self._as_typed(name))
        self.edit.setAccessibleName(self.tr("New value in: {sentence}").format(sentence=self.rule.sentence))
        if name == "subject":
            self.edit.setPlaceholderText(self.rule.kind.anything)
            completer = QCompleter(list(self.names()), self.edit)
            completer.setFilterMode(Qt.MatchFlag.MatchContains)
            self.edit.setCompleter(completer)
        else:
            self.edit.setCompleter(None)  # type: ignore[arg-type]
            self.edit.setPlaceholderText("")
        self.edit.show()
        self.note.show()
        self.edit.setFocus()
        self.edit.selectAll()
        self._judge()

    def _title(self) -> str:
        return self.tr(self.rule.kind.title)

    def _write(self) -> None:
        empty_layout(self._words)
        self.values = {}
        for part in self.rule.parts():
            if not part.name:
                for word in part.text.split():
                    label = QLabel(word)
                    label.setTextFormat(Qt.TextFormat.PlainText)
                    keep_sizes(label, least_height=20)
                    self._words.addWidget(label)
                continue
            button = QPushButton()
            button.setObjectName("ruleValue")
            button.setText(formats.cut(formats.visible(part.text), 40).replace("&", "&&"))
            button.setAccessibleName(self.tr("Change {value}").format(value=part.text))
            button.setCursor(Qt.CursorShape.PointingHandCursor)
            button.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
            button.clicked.connect(self._starting(part.name))
            self.values[part.name] = button
            self._words.addWidget(button)
        self._sentence.updateGeometry()

    def _starting(self, name: str) -> Callable[[], None]:
        return lambda: self.start(name)

    def _as_typed(self, name: str) -> str:
        if name == "subject":
            return "" if self.rule.subject == ANY else self.rule.subject
        return self.rule.shown(name)

    def _typed(self) -> AlertRule:
        """The rule with what is typed. Raises ValueError with a sentence."""
        if self._editing == "subject":
            return self.rule.with_value("subject", self.edit.text())
        return self.rule.with_value(self._editing, read_value(self.edit.text(), self._wanted()))

    def _wanted(self) -> Value:
        return next(each for each in self.rule.kind.values if each.name == self._editing)

    def _judge(self) -> None:
        try:
            rule = self._typed()
        except ValueError as error:
            self._set_problem(str(error))
            return
        self._set_problem("")
        self.past_asked_for.emit(rule)

    def _set_problem(self, sentence: str) -> None:
        dress(self.edit, problem=bool(sentence))
        if sentence:
            self.note.setText(sentence)

    def _take(self) -> None:
        try:
            rule = self._typed()
        except ValueError:
            return
        name = self._editing
        self._leave()
        if rule != self.rule:
            self.changed.emit(rule)
        if name in self.values:
            self.values[name].setFocus()

    def _leave(self) -> None:
        was, self._editing = self._editing, ""
        self.edit.hide()
        self.note.hide()
        if was in self.values:
            self.values[was].setFocus()

    def _how(self) -> str:
        rule = self.rule
        parts = [self.tr("desktop")] if DESKTOP in rule.ways else []
        parts += [self.tr("sound on") if rule.has_sound else self.tr("sound off")] if DESKTOP in rule.ways else []
        for name in rule.ways:
            if name != DESKTOP:
                kind = self.tr("command") if isinstance(self.ways.get(name), Command) else self.tr("webhook")
                parts.append(f"{kind} {name}")
        told = ", ".join(parts) or self.tr("nobody is told, it only stands here")
        more = [self.tr("also in quiet hours")] if rule.is_in_quiet_hours else []
        return " · ".join([told, *more])

    def _show_how(self) -> None:
        """As much of it as there is room for; all of it in a tip."""
        self._words.gap, how = theme().grown(WORD_GAP), self._how()
        self.told.setText(self.told.fontMetrics().elidedText(how, Qt.TextElideMode.ElideRight, self.told.width() - 8))
        self.told.setToolTip(how)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._show_how()

    def _fill(self) -> None:
        rule = self.rule
        self._menu.clear()
        self._check(self.tr("Desktop"), DESKTOP in rule.ways, lambda is_on: self._way(DESKTOP, is_on))
        self._check(self.tr("Sound"), rule.has_sound, lambda is_on: self.changed.emit(replace(rule, has_sound=is_on)))
        for name in self.ways:
            self._check(name.replace("&", "&&"), name in rule.ways, self._switching(name))
        self._menu.addSeparator()
        self._check(
            self.tr("Also in quiet hours"),
            rule.is_in_quiet_hours,
            lambda is_on: self.changed.emit(replace(rule, is_in_quiet_hours=is_on)),
        )
        jobs = self._check(self.tr("Send jobs with their arguments…"), rule.sends_jobs, self._send_jobs)
        jobs.setEnabled(any(way != DESKTOP for way in rule.ways))
        self._menu.addSeparator()
        self._menu.addAction(self.tr("Remove this rule"), self.removed.emit)

    def _check(self, text: str, is_on: bool, then: Callable[[bool], object]) -> QAction:
        action: QAction = self._menu.addAction(text)
        action.setCheckable(True)
        action.setChecked(is_on)
        action.triggered.connect(then)
        return action

    def _switching(self, name: str) -> Callable[[bool], None]:
        return lambda is_on: self._way(name, is_on)

    def _way(self, name: str, is_on: bool) -> None:
        ways = [way for way in self.rule.ways if way != name]
        self.changed.emit(self.rule.with_ways([*ways, name] if is_on else ways))

    def _send_jobs(self, is_on: bool) -> None:
        if is_on:
            self.jobs.ask()
        else:
            self.jobs.hide()
            self.changed.emit(replace(self.rule, sends_jobs=False))

    def _show_trouble(self, sent: Mapping[str, Sent]) -> None:
        barred = self._barred()
        failed = next((sent[name] for name in self.rule.ways if name in sent and sent[name].trouble), None)
        text = ""
        if barred is not None:
            text = self.tr("{name} has not been allowed to run on this machine: {argv}").format(
                name=barred.name, argv=" ".join(barred.argv)
            )
            self.mend.setText(self.tr("Allow it"))
        elif failed is not None:
            text = self.tr("{time}: {trouble}").format(time=told_at(failed.at), trouble=failed.trouble)
            self.mend.setText(self.tr("Send a test"))
        self.trouble.setText(formats.breakable(formats.visible_lines(text)))
        self.trouble.setVisible(bool(text))
        self.mend.setVisible(bool(text))

    def _barred(self) -> Command | None:
        used = (self.ways.get(name) for name in self.rule.ways)
        return next((way for way in used if isinstance(way, Command) and not is_allowed(way)), None)

    def _mend(self) -> None:
        barred = self._barred()
        if barred is not None:
            self.allow_asked_for.emit(barred)
        else:
            self.test_asked_for.emit()

    def minimumSizeHint(self) -> QSize:
        return QSize(120, super().minimumSizeHint().height())
