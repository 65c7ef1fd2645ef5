"""The actions as Qt knows them: one QAction for each that is declared, and the menus that hold them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import partial

from PySide6.QtCore import QObject, Qt
from PySide6.QtGui import QAction, QActionGroup, QKeySequence
from PySide6.QtWidgets import QMenu, QMenuBar, QWidget

from jobdesk.kit.action_spec import Needs, Spec, translated
from jobdesk.kit.theme.icons import icon


class Actions(QObject):
    """Belongs to a window, where its shortcuts are heard. `run` carries out what a spec declares."""

    def __init__(self, window: QWidget, specs: Sequence[Spec], run: Callable[[Spec], object]) -> None:
        super().__init__(window)
        self.specs = specs
        self._actions: dict[str, QAction] = {}
        self._groups: dict[str, QActionGroup] = {}
        #: Why each was not possible when it was told last.
        self._reasons: dict[str, str | None] = {}
        for spec in specs:
            action = QAction(translated(spec.text), window)
            action.setObjectName(spec.key)
            if spec.icon:
                action.setIcon(icon(spec.icon))
            if spec.shortcut:
                # Plus without Shift, too: where it shares its key with the equals sign.
                also = ["Ctrl+="] if spec.shortcut == "Ctrl++" else []
                action.setShortcuts([QKeySequence(keys) for keys in (spec.shortcut, *also)])
                contexts = Qt.ShortcutContext
                action.setShortcutContext(contexts.WidgetShortcut if spec.is_of_table else contexts.WindowShortcut)
            action.triggered.connect(partial(_run, run, spec))
            if spec.is_choice:
                action.setCheckable(True)
                self._groups.setdefault(spec.submenu, QActionGroup(self)).addAction(action)
            window.addAction(action)
            self._actions[spec.key] = action
        self.update({})

    def __getitem__(self, key: str) -> QAction:
        return self._actions[key]

    def update(self, reasons: Mapping[str, str | None], choices: Collection[str] = ()) -> None:
        """Disable the actions that have a reason to be, let each say why, and tick the choices in force."""
        for spec in self.specs:
            action = self._actions[spec.key]
            if spec.key in choices:
                action.setChecked(True)
            reason = reasons.get(spec.key)
            if self._reasons.get(spec.key, "") == reason:
                continue  # most stay as they are, and this is asked at every change
            self._reasons[spec.key] = reason
            action.setEnabled(reason is None)
            keys = action.shortcut().toString(QKeySequence.SequenceFormat.NativeText)
            tip = translated(spec.tip or spec.text.replace("&", ""))
            text = reason or (f"{tip} ({keys})" if keys else tip)
            action.setToolTip(text)
            action.setStatusTip(text)

    def fill_menu_bar(self, bar: QMenuBar, menus: Mapping[str, str]) -> None:
        """Put every action into its menu; `menus` are their titles by what specs call them, in their order."""
        for key, title in menus.items():
            menu = bar.addMenu(translated(title))
            menu.setToolTipsVisible(True)
            self._fill(menu, [spec for spec in self.specs if spec.menu == key])

    def job_menu(self, parent: QWidget) -> QMenu:
        """The context menu of jobs, with the same actions as the menu bar's."""
        keys = self.of("matching")
        return self.menu_of([spec.key for spec in self.specs if spec.needs is Needs.JOBS or spec.key in keys], parent)

    def of(self, noun: str) -> list[str]:
        """The keys of a noun's actions, in their order."""
        return [spec.key for spec in self.specs if spec.noun == noun]

    def menu_of(self, keys: Iterable[str], parent: QWidget) -> QMenu:
        """The menu of a list's rows: these actions, and what every list can."""
        menu = QMenu(parent)
        menu.setToolTipsVisible(True)
        self._fill(menu, [spec for spec in self.specs if spec.key in keys])
        menu.addSeparator()
        self._fill(menu, [spec for spec in self.specs if spec.noun == "list"])
        return menu

    def _fill(self, menu: QMenu, specs: list[Spec]) -> None:
        inner: dict[str, QMenu] = {}
        for spec in specs:
            if spec.starts_group and menu.actions():
                menu.addSeparator()
            if not spec.submenu:
                menu.addAction(self._actions[spec.key])
                continue
            if spec.submenu not in inner:
                inner[spec.submenu] = menu.addMenu(translated(SUBMENUS[spec.submenu]))
                inner[spec.submenu].setToolTipsVisible(True)
            inner[spec.submenu].addAction(self._actions[spec.key])


def _run(run: Callable[[Spec], object], spec: Spec, _is_checked: bool = False) -> None:
    run(spec)


#: The titles of the menus within menus, by what specs call them.
SUBMENUS = {
    "copy": "C&opy",
    "matching": "All that matc&h",
    "theme": "T&heme",
    "density": "&Density of tables",
    "times": "Tim&es",
    "text": "Te&xt size",
}
