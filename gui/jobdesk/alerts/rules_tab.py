"""The second tab of the panel: the rules of the open database, the quiet hours, and the ways of telling."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from jobdesk_core.alerts.rule import DEFAULT_RULES, KINDS, AlertRule, named
from jobdesk_core.alerts.sending import allow
from jobdesk_core.alerts.ways import Command
from PySide6.QtWidgets import QHBoxLayout, QMenu, QPushButton, QVBoxLayout, QWidget

from jobdesk.alerts.copying import CopyBox
from jobdesk.alerts.desktop import keeps_in_tray
from jobdesk.alerts.quiet_box import QuietBox
from jobdesk.alerts.rule_row import RuleRow
from jobdesk.alerts.watcher import Watcher
from jobdesk.alerts.ways_box import WaysBox
from jobdesk.kit import formats
from jobdesk.kit.text_block import Run, TextBlock
from jobdesk.kit.theme.icons import icon
from jobdesk.kit.theme.tokens import Tone
from jobdesk.kit.work import Work


class RulesTab(QWidget):
    """Follows the watcher while it is in sight."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.watcher: Watcher | None = None
        self.database = self.folder = ""
        #: The names of the saved connections and of their folders, and those to complete a subject by.
        self.profiles: Callable[[], Sequence[str]] = tuple
        self.folders: Callable[[], Sequence[str]] = tuple
        self.names: Callable[[], Sequence[str]] = tuple
        self.rows: list[RuleRow] = []
        self._work = Work(self)
        self.whose = TextBlock()
        self._rows = QVBoxLayout()
        self._rows.setSpacing(0)
        self.add = QPushButton(self.tr("Add rule"))
        self.add.setIcon(icon("plus", "text"))
        self._kinds = QMenu(self)
        for kind in KINDS.values():
            self._kinds.addAction(self.tr(kind.title), self._adding(AlertRule(kind.key)))
        self.add.setMenu(self._kinds)
        self.copy, self.test = QPushButton(self.tr("Copy to other databases…")), QPushButton(self.tr("Send a test"))
        self.test.clicked.connect(self.send_test)
        self.copying = CopyBox()
        self.copying.copied.connect(self._copy)
        self.copy.clicked.connect(lambda: self.copying.show_names(self._others(), self.folders()))
        self.quiet, self.ways = QuietBox(), WaysBox()
        self.quiet.changed.connect(lambda quiet: self.watcher.set_quiet(quiet) if self.watcher else None)
        self.ways.added.connect(self._add_way)
        self.ways.removed.connect(self._remove_way)
        self.ways.tray_changed.connect(lambda: self.watcher.changed.emit() if self.watcher else None)
        self._place()

    def in_force(self) -> tuple[AlertRule, ...]:
        """The rules of the open database, or those of all."""
        return self.watcher.book.of(self.database, self.folder) if self.watcher is not None else DEFAULT_RULES

    def show_all(self) -> None:
        """Show what is in force."""
        if self.watcher is None:
            return
        name = self.database
        self.whose.set_runs(
            [
                Run(self.tr("For "), "secondary"),
                Run(formats.visible(name) if name else self.tr("every database"), is_strong=True),
                Run(self.tr(". Click an underlined value to change it."), "secondary"),
            ]
        )
        rules = self.in_force()
        while len(self.rows) > len(rules):
            row = self.rows.pop()
            self._rows.removeWidget(row)
            row.hide()
            row.deleteLater()
        active = self.watcher.all_active(name or None)
        for place, (key, rule) in enumerate(named(rules)):
            if place == len(self.rows):
                self._add_row(rule)
            told = [alert for alert in active if alert.rule == key]
            muted = sum(bool(alert.muted) for alert in told)
            ways, sent = self.watcher.book.ways, self.watcher.sent
            tone: Tone = min((alert.tone for alert in told if not alert.muted), default="")
            self.rows[place].show_rule(rule, tone=tone, muted=muted, ways=ways, sent=sent)
        self.copy.setEnabled(bool(self._others()))
        self.quiet.show_hours(self.watcher.book.quiet)
        self.ways.show_ways(self.watcher.book.ways, self.watcher.desktop_trouble)

    def foot(self) -> str:
        """Where the rules run."""
        if self.watcher is not None and self.watcher.trouble:
            return self.watcher.trouble
        if keeps_in_tray():
            return self.tr("Rules run in this Jobdesk while it is open, in the tray too.")
        return self.tr("Rules run in this Jobdesk while it is open.")

    def send_test(self) -> None:
        """Tell something by every way of these rules."""
        if self.watcher is not None:
            self.watcher.send_test(self.database or "Jobdesk", [rule for rule in self.in_force() if rule.is_on])

    def _place(self) -> None:
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 12, 0, 12)
        column.setSpacing(0)
        whose = QHBoxLayout()
        whose.setContentsMargins(16, 0, 16, 4)
        whose.addWidget(self.whose)
        column.addLayout(whose)
        column.addLayout(self._rows)
        buttons = QHBoxLayout()
        buttons.setContentsMargins(16, 12, 16, 12)
        buttons.setSpacing(8)
        for button in (self.add, self.copy):
            buttons.addWidget(button)
        buttons.addStretch()
        buttons.addWidget(self.test)
        column.addLayout(buttons)
        for part in (self.copying, self.quiet, self.ways):
            column.addWidget(part)
        column.addStretch()

    def _add_row(self, rule: AlertRule) -> None:
        row, place = RuleRow(rule), len(self.rows)
        row.names = lambda: self.names()
        row.changed.connect(lambda changed: self._replace(place, changed))
        row.removed.connect(lambda: self._replace(place, None))
        row.past_asked_for.connect(lambda asked: self._judge(place, asked))
        row.test_asked_for.connect(self.send_test)
        row.allow_asked_for.connect(self._allow)
        self.rows.append(row)
        self._rows.addWidget(row)

    def _adding(self, rule: AlertRule) -> Callable[[], None]:
        return lambda: self._set([*self.in_force(), rule])

    def _replace(self, place: int, rule: AlertRule | None) -> None:
        rules = list(self.in_force())
        rules[place : place + 1] = [] if rule is None else [rule]
        self._set(rules)

    def _set(self, rules: Sequence[AlertRule]) -> None:
        if self.watcher is not None:
            self.watcher.set_rules(self.database, rules)
            self.show_all()

    def _judge(self, place: int, rule: AlertRule) -> None:
        if self.watcher is None or place >= len(self.rows):
            return
        key = named(self.in_force())[place][0]
        self._work.start(
            self.watcher.past(self.database, key, rule),
            name="past of a rule",
            then=self.rows[place].show_past,
            failed=lambda error: self.rows[place].show_past(None),
            replaces=True,
        )

    def _others(self) -> list[str]:
        return [name for name in self.profiles() if name != self.database]

    def _copy(self, names: list[str], folders: list[str]) -> None:
        if self.watcher is not None:
            # To send jobs is chosen rule by rule: others have other arguments.
            book, rules = self.watcher.book, [replace(rule, sends_jobs=False) for rule in self.in_force()]
            for name in names:
                book = book.with_rules(name, rules)
            for folder in folders:
                book = book.with_folder(folder, rules)
            self.watcher.keep(book)

    def _allow(self, command: Command) -> None:
        allow(command)
        self.show_all()

    def _add_way(self, way: object) -> None:
        if self.watcher is not None:
            if isinstance(way, Command):
                allow(way)  # whoever types it here wants it
            self.watcher.keep(self.watcher.book.with_way(way))  # type: ignore[arg-type]
            self.show_all()

    def _remove_way(self, name: str) -> None:
        if self.watcher is not None:
            self.watcher.keep(self.watcher.book.without_way(name))
            self.show_all()
