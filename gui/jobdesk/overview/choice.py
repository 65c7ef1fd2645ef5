"""What the chart is of: all runs, one queue or task, or each of them upon the others; and what stands below."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from jobdesk_core.watching.live_hour import KINDS, Kind
from PySide6.QtCore import QCoreApplication, Signal
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QMenu, QToolButton, QWidget

from jobdesk.kit import formats
from jobdesk.overview.charted import BELOW, Below, below_names

#: Names in a menu, the busiest: more do not fit a screen.
MOST = 30
#: Characters of a name on the button, and in the menu.
SHORT, LONG = 24, 60


class Choice(QToolButton):
    """A button with a menu. `kind` and `name`: see `Wish`."""

    changed = Signal()  # a person has chosen

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.kind: Kind | None = None
        self.name: str | None = None
        self._names: Mapping[Kind, Sequence[str]] = {}
        self.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self._menu = QMenu(self)
        self.setMenu(self._menu)
        self._menu.aboutToShow.connect(self._fill)
        self.choose(None, None)

    def set_names(self, names: Mapping[Kind, Sequence[str]]) -> None:
        """What can be chosen, the busiest first."""
        self._names = names

    def choose(self, kind: Kind | None, name: str | None) -> None:
        """Be of this from now on."""
        self.kind, self.name = kind, name
        text = formats.cut(name, SHORT) if name is not None else _whole_words(kind)
        self.setText(text.replace("&", "&&"))
        self.setToolTip("" if name is None else formats.cut(name))
        self.setAccessibleName(_tr("Chart of: {what}").format(what=formats.cut(name) if name is not None else text))

    def _fill(self) -> None:
        self._menu.clear()
        for whole in (None, *KINDS):
            self._add(self._menu, _whole_words(whole), whole, None)
        self._menu.addSeparator()
        for kind, words in zip(KINDS, (_tr("One queue"), _tr("One task")), strict=True):
            names = self._names.get(kind, ())
            menu = self._menu.addMenu(words)
            menu.setEnabled(bool(names))
            for name in names[:MOST]:
                self._add(menu, formats.cut(name, LONG), kind, name)
            if len(names) > MOST:
                rest = QAction(_tr("{count} less busy ones").format(count=formats.number(len(names) - MOST)), menu)
                rest.setEnabled(False)
                menu.addAction(rest)

    def _add(self, menu: QMenu, words: str, kind: Kind | None, name: str | None) -> None:
        is_chosen = (kind, name) == (self.kind, self.name)
        action = QAction(words.replace("&", "&&"), menu, checkable=True, checked=is_chosen)
        action.triggered.connect(lambda: self._chosen(kind, name))
        menu.addAction(action)

    def _chosen(self, kind: Kind | None, name: str | None) -> None:
        self.choose(kind, name)
        self.changed.emit()


class BelowChoice(QToolButton):
    """What stands below the counts: how long jobs waited, how long they ran, or which share of them failed."""

    changed = Signal()  # a person has chosen

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("plain")
        self.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self._menu = QMenu(self)
        self.setMenu(self._menu)
        self.below: Below = "wait"
        for key in BELOW:
            action = QAction(self._menu, checkable=True)
            action.setData(key)
            action.triggered.connect(lambda _, each=key: self._chosen(each))
            self._menu.addAction(action)
        self.choose("wait")

    def choose(self, below: Below) -> None:
        """Be of this from now on."""
        self.below = below
        words = below_names()
        self.setText(words[below])
        self.setAccessibleName(_tr("Below: {what}").format(what=words[below]))
        for action in self._menu.actions():
            action.setText(words[action.data()])
            action.setChecked(action.data() == below)

    def _chosen(self, below: Below) -> None:
        self.choose(below)
        self.changed.emit()


def _whole_words(kind: Kind | None) -> str:
    return {None: _tr("All runs"), "queue": _tr("By queue"), "task": _tr("By task")}[kind]


def _tr(text: str) -> str:
    return QCoreApplication.translate("Overview", text)
