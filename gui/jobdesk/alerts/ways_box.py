"""The ways of telling: the desktop, sound, and the commands and webhooks that rules may use."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Mapping, Sequence

from jobdesk_core.alerts.rule import DESKTOP
from jobdesk_core.alerts.ways import Command, Way, Webhook, address_problem
from PySide6.QtCore import Signal
from PySide6.QtWidgets import (
    QCheckBox,
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QLineEdit,
    QPushButton,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from jobdesk.alerts.desktop import has_tray, keep_in_tray, keeps_in_tray
from jobdesk.kit import formats
from jobdesk.kit.labels import caption, plain_label
from jobdesk.kit.layouts import empty_layout
from jobdesk.kit.one_line import OneLine
from jobdesk.kit.theme.icons import icon

_NAME = re.compile(r"[\w.-]{1,40}")


class WaysBox(QFrame):
    """`added` has a Way, `removed` the name of one."""

    added = Signal(object)
    removed = Signal(str)
    tray_changed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("alertCard")
        self._shown: object = None
        self._ways: Mapping[str, Way] = {}
        self.grid = QGridLayout()
        self.grid.setHorizontalSpacing(12)
        self.grid.setVerticalSpacing(4)
        self.grid.setColumnStretch(1, 1)
        self.tray = QCheckBox(self.tr("Keep running in the tray when the last window is closed"))
        self.tray.setVisible(has_tray())
        self.tray.setChecked(keeps_in_tray())
        self.tray.clicked.connect(self._keep)
        self.name, self.line = QLineEdit(), QLineEdit()
        self.name.setPlaceholderText(self.tr("name"))
        self.name.setAccessibleName(self.tr("Name of the command or webhook"))
        self.line.setPlaceholderText(self.tr("~/bin/page ops, or https://…"))
        self.line.setAccessibleName(self.tr("Command with its arguments, or address of the webhook"))
        self.add = QPushButton(self.tr("Add"))
        for edit in (self.name, self.line):
            edit.returnPressed.connect(self._add)
        self.add.clicked.connect(self._add)
        self.problem = plain_label("bad")
        self.problem.hide()
        row = QHBoxLayout()
        row.setSpacing(8)
        row.addWidget(self.name, 1)
        row.addWidget(self.line, 3)
        row.addWidget(self.add)
        column = QVBoxLayout(self)
        column.setContentsMargins(16, 0, 16, 12)
        column.setSpacing(6)
        column.addWidget(caption(self.tr("CHANNELS")))
        column.addLayout(self.grid)
        column.addWidget(self.tray)
        column.addLayout(row)
        column.addWidget(self.problem)

    def show_ways(self, ways: Mapping[str, Way], desktop_trouble: str) -> None:
        """Show these."""
        self._ways = ways
        if (ways, desktop_trouble) == self._shown:
            return
        self._shown = dict(ways), desktop_trouble
        empty_layout(self.grid)
        self._row(self.tr("desktop"), desktop_trouble or self.tr("on, grouped, at most 1 a minute"))
        self._row(self.tr("sound"), self.tr("off, unless the rule says on"))
        for name, way in ways.items():
            if isinstance(way, Command):
                self._row(self.tr("command"), f"{name}: {_line(way.argv)}", name)
            else:
                self._row(self.tr("webhook"), f"{name}: {way.place}", name)

    def _row(self, kind: str, text: str, name: str = "") -> None:
        row = self.grid.rowCount()
        label, value = OneLine("secondary"), plain_label("")
        label.set_whole(kind)
        value.setText(formats.breakable(formats.visible_lines(text)))
        self.grid.addWidget(label, row, 0)
        self.grid.addWidget(value, row, 1)
        if name:
            button = QToolButton()
            button.setObjectName("clear")
            button.setIcon(icon("close", "secondary"))
            button.setAccessibleName(self.tr("Remove {name}").format(name=name))
            button.setToolTip(self.tr("Remove it from every rule"))
            button.clicked.connect(self._removing(name))
            self.grid.addWidget(button, row, 2)

    def _removing(self, name: str) -> Callable[[], None]:
        return lambda: self.removed.emit(name)

    def _keep(self, is_kept: bool) -> None:
        keep_in_tray(is_kept)
        self.tray_changed.emit()

    def _add(self) -> None:
        name, line = self.name.text().strip(), self.line.text().strip()
        problem = ""
        way: Way | None = None
        if not _NAME.fullmatch(name) or name == DESKTOP or name in self._ways:
            problem = self.tr("A name of its own, of letters, digits, dots and dashes.")
        elif re.match(r"https?://", line):
            problem, way = address_problem(line), Webhook(name, line)
        else:
            try:
                argv = tuple(shlex.split(line))
            except ValueError:
                argv = ()
            problem = "" if argv else self.tr("A program with its arguments, or an address that begins with https://.")
            way = Command(name, argv)
        self.problem.setText(problem)
        self.problem.setVisible(bool(problem))
        if not problem and way is not None:
            self.name.clear()
            self.line.clear()
            self.added.emit(way)


def _line(argv: Sequence[str]) -> str:
    """The words of a command as they would be typed; a leading ~ stays as it is."""
    return " ".join(word if re.fullmatch(r"~?[\w@%+=:,./-]+", word) else shlex.quote(word) for word in argv)
