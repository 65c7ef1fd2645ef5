"""The saved connections at the left of their dialog: in folders, in an order of one's own, found by name or tag."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

from jobdesk_core.profiles import ENVIRONMENTS, Profile
from PySide6.QtCore import QRectF, QSize, Qt, Signal
from PySide6.QtGui import QAction, QBrush, QColor, QIcon, QKeySequence, QPainter, QPixmap, QShortcut
from PySide6.QtWidgets import (
    QHBoxLayout,
    QHeaderView,
    QLineEdit,
    QMenu,
    QPushButton,
    QToolButton,
    QTreeWidget,
    QTreeWidgetItem,
    QTreeWidgetItemIterator,
    QWidget,
)

from jobdesk.kit.flow import Flow
from jobdesk.kit.layouts import in_column
from jobdesk.kit.text_block import as_tooltip
from jobdesk.kit.theme import theme

#: So many tags are offered to be clicked; any can be typed.
MOST_TAGS = 5
ROW = 28
SQUARE = 10
#: Names and notes are shown up to so many characters; a file may hold any.
LONGEST = 200
_NAME = int(Qt.ItemDataRole.UserRole)


class ProfileList(QWidget):
    """Shows profiles and says what is wanted of them; it keeps nothing itself.

    `chosen` tells the name of the profile that is wanted, empty for a new one. Whoever shows the list marks what is on
    show by `mark`: a choice may be refused.
    """

    chosen = Signal(str)
    #: The names of the profiles in their new order.
    moved = Signal(list)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._profiles: list[Profile] = []
        self._shown = ""
        self._tag = ""
        self.search = QLineEdit()
        self.search.setPlaceholderText(self.tr("Name, host or tag"))
        self.search.setAccessibleName(self.tr("Find a saved connection"))
        self.search.setClearButtonEnabled(True)
        self.search.textChanged.connect(self._fill)
        self.tree = _tree(self.tr("Saved connections"))
        self.tree.currentItemChanged.connect(self._choose)
        self.new_button = QPushButton(self.tr("New"))
        self.new_button.clicked.connect(lambda: self.chosen.emit(""))
        self.import_button = QPushButton(self.tr("Import…"))
        self.more = QToolButton()
        self.more.setObjectName("dots")
        self.more.setText("•••")
        self.more.setAccessibleName(self.tr("More"))
        self.more.setToolTip(self.tr("More to do with saved connections"))
        self.copy = self._action(self.tr("Copy"))
        self.up = self._action(self.tr("Move up"), "Alt+Up", lambda: self._move(-1))
        self.down = self._action(self.tr("Move down"), "Alt+Down", lambda: self._move(1))
        self.export = self._action(self.tr("Export…"))
        self.export_all = self._action(self.tr("Export all…"))
        self.delete = self._action(self.tr("Delete…"))
        self._tags = QWidget()
        self._build()

    def show_profiles(self, profiles: Sequence[Profile]) -> None:
        """List these, in their order."""
        self._profiles = list(profiles)
        self._fill_tags()
        self._fill()

    def mark(self, name: str) -> None:
        """Mark the profile that is on show, or none; says nothing back."""
        self._shown = name
        self.tree.blockSignals(True)
        item = self._item(name) if name else None
        self.tree.setCurrentItem(item)  # type: ignore[arg-type]
        if item is None:
            self.tree.clearSelection()
        self.tree.blockSignals(False)
        own = next((each for each in self._profiles if each.name == name and not each.is_shared), None)
        for action in (self.copy, self.export):
            action.setEnabled(bool(name))
        self.delete.setEnabled(own is not None)
        self.export_all.setEnabled(bool(self._profiles))
        names = [each.name for each in self._profiles]
        place = names.index(name) if name in names else None
        self.up.setEnabled(place is not None and self._neighbour(place, -1) is not None)
        self.down.setEnabled(place is not None and self._neighbour(place, 1) is not None)

    @property
    def shown(self) -> str:
        """The name that is marked; empty without one."""
        return self._shown

    def listed(self) -> list[str]:
        """The names that are listed now, from top to bottom, folded or not."""
        return [str(item.data(0, _NAME)) for item in self._items()]

    def choose(self, name: str) -> None:
        """Choose a profile as a click on it does."""
        item = self._item(name)
        if item is not None:
            self.tree.setCurrentItem(item)

    # What is listed

    def _fill(self) -> None:
        words = self.search.text().casefold().split()
        self.tree.blockSignals(True)
        self.tree.clear()
        folders: dict[str, QTreeWidgetItem] = {}
        wanted = [each for each in self._profiles if self._is_wanted(each, words)]
        sizes = Counter(each.folder for each in wanted)
        for profile in sorted(wanted, key=lambda each: not each.folder):
            parent: QTreeWidgetItem | None = None
            if profile.folder:
                if profile.folder not in folders:
                    folders[profile.folder] = self._folder(profile.folder, sizes[profile.folder])
                parent = folders[profile.folder]
            self._row(profile, parent)
        self.tree.expandAll()
        self.tree.blockSignals(False)
        self.mark(self._shown)

    def _is_wanted(self, profile: Profile, words: Sequence[str]) -> bool:
        tags = [f"#{tag}".casefold() for tag in profile.tags]
        text = " ".join((profile.name, profile.folder, profile.environment, profile.display_dsn, *tags)).casefold()
        return (not self._tag or self._tag in profile.tags) and all(word in text for word in words)

    def _folder(self, name: str, count: int) -> QTreeWidgetItem:
        item = QTreeWidgetItem(self.tree, [name[:LONGEST], str(count)])
        item.setFlags(Qt.ItemFlag.ItemIsEnabled)
        font = theme().font(13)
        font.setBold(True)
        item.setFont(0, font)
        self._finish(item, name)
        return item

    def _row(self, profile: Profile, parent: QTreeWidgetItem | None) -> None:
        note = self.tr("team") if profile.is_shared else self.tr("read only") if profile.is_read_only else ""
        item = QTreeWidgetItem([profile.name[:LONGEST], note])
        item.setData(0, _NAME, profile.name)
        item.setIcon(0, _square(profile.colour or ENVIRONMENTS.get(profile.environment.strip().lower(), "")))
        tags = " ".join(f"#{tag}" for tag in profile.tags)
        lines = (
            profile.environment,
            profile.display_dsn,
            tags,
            self.tr("From your team's file") if profile.is_shared else "",
        )
        self._finish(item, " · ".join(line[:LONGEST] for line in (profile.name, *lines) if line))
        if parent is None:
            self.tree.addTopLevelItem(item)
        else:
            parent.addChild(item)

    def _finish(self, item: QTreeWidgetItem, tip: str) -> None:
        item.setForeground(1, QBrush(theme().tokens.colour("secondary")))
        item.setTextAlignment(1, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        item.setSizeHint(0, QSize(60, theme().grown(ROW)))
        item.setToolTip(0, as_tooltip(tip))

    def _items(self) -> list[QTreeWidgetItem]:
        every = QTreeWidgetItemIterator(self.tree, QTreeWidgetItemIterator.IteratorFlag.All)
        found: list[QTreeWidgetItem] = []
        while (item := every.value()) is not None:
            if item.data(0, _NAME) is not None:
                found.append(item)
            every += 1
        return found

    def _item(self, name: str) -> QTreeWidgetItem | None:
        return next((item for item in self._items() if item.data(0, _NAME) == name), None)

    def _choose(self, item: QTreeWidgetItem | None) -> None:
        name = item.data(0, _NAME) if item is not None else None
        if name is not None and name != self._shown:
            self.chosen.emit(str(name))

    # Tags

    def _fill_tags(self) -> None:
        layout = self._tags.layout()
        assert layout is not None
        while (old := layout.takeAt(0)) is not None:
            widget = old.widget()
            if widget is not None:
                widget.deleteLater()
        used = Counter(tag for profile in self._profiles for tag in profile.tags)
        tags = [tag for tag, _ in used.most_common(MOST_TAGS)]
        self._tag = self._tag if self._tag in tags else ""
        texts = [(self.tr("all {count}").format(count=len(self._profiles)), ""), *((f"#{tag}", tag) for tag in tags)]
        for text, tag in texts if tags else ():
            button = QPushButton(text[:24])
            button.setObjectName("tagChoice")
            button.setCheckable(True)
            button.setAutoDefault(False)
            button.setChecked(tag == self._tag)
            button.clicked.connect(lambda _=False, tag=tag: self._show_tag(tag))
            layout.addWidget(button)
        self._tags.setVisible(bool(tags))

    def _show_tag(self, tag: str) -> None:
        self._tag = "" if tag == self._tag else tag
        layout = self._tags.layout()
        assert layout is not None
        for place in range(layout.count()):
            entry = layout.itemAt(place)
            button = entry.widget() if entry is not None else None
            if isinstance(button, QPushButton):
                button.setChecked(button.text() == f"#{self._tag}"[:24] if self._tag else place == 0)
        self._fill()

    # Order

    def _neighbour(self, place: int, step: int) -> int | None:
        """The next one in the same folder, for only within it an order shows."""
        folder = self._profiles[place].folder
        places = range(place + 1, len(self._profiles)) if step > 0 else range(place - 1, -1, -1)
        return next((other for other in places if self._profiles[other].folder == folder), None)

    def _move(self, step: int) -> None:
        names = [each.name for each in self._profiles]
        if self._shown not in names:
            return
        place = names.index(self._shown)
        other = self._neighbour(place, step)
        if other is not None:
            names.insert(other, names.pop(place))
            self.moved.emit(names)

    # Building

    def _action(self, text: str, keys: str = "", run: Callable[[], None] | None = None) -> QAction:
        # The menu shows the keys; they act in the list alone.
        action = QAction(f"{text}\t{keys}" if keys else text, self)
        if keys:
            QShortcut(QKeySequence(keys), self.tree, action.trigger, context=Qt.ShortcutContext.WidgetShortcut)
        if run is not None:
            action.triggered.connect(run)
        return action

    def _build(self) -> None:
        self.setFixedWidth(theme().grown(232))
        menu = QMenu(self)
        menu.addActions([self.copy, self.up, self.down])
        menu.addSeparator()
        menu.addActions([self.export, self.export_all])
        menu.addSeparator()
        menu.addAction(self.delete)
        # Not the button's own menu: Qt runs a loop within the loop while that is open.
        self.more.clicked.connect(lambda: menu.popup(self.more.mapToGlobal(self.more.rect().bottomLeft())))
        flow = Flow(self._tags)
        self._tags.setLayout(flow)
        below = QHBoxLayout()
        for button in (self.new_button, self.import_button):
            button.setAutoDefault(False)
            below.addWidget(button)
        below.addStretch()
        below.addWidget(self.more)
        in_column(self.search, self._tags, (self.tree, 1), below, within=self, margins=0, spacing=8)


def _tree(name: str) -> QTreeWidget:
    tree = QTreeWidget()
    tree.setObjectName("profiles")
    tree.setAccessibleName(name)
    tree.setHeaderHidden(True)
    tree.setColumnCount(2)
    tree.setIconSize(QSize(theme().grown(SQUARE), theme().grown(SQUARE)))
    tree.setIndentation(theme().grown(14))
    tree.setUniformRowHeights(True)
    tree.setAllColumnsShowFocus(True)
    tree.setMinimumHeight(theme().grown(160))
    header = tree.header()
    header.setStretchLastSection(False)
    header.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
    header.setSectionResizeMode(1, QHeaderView.ResizeMode.ResizeToContents)
    return tree


def _square(colour: str) -> QIcon:
    """A square in an environment's colour; grey without one that Qt knows."""
    side, ratio = theme().grown(SQUARE), 2
    picture = QPixmap(side * ratio, side * ratio)
    picture.setDevicePixelRatio(ratio)
    picture.fill(Qt.GlobalColor.transparent)
    painter = QPainter(picture)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(Qt.PenStyle.NoPen)
    is_known = bool(colour) and QColor.isValidColorName(colour)
    painter.setBrush(QColor(colour) if is_known else theme().tokens.colour("neutral"))
    painter.drawRoundedRect(QRectF(0, 0, side, side), 2, 2)
    painter.end()
    icon = QIcon(picture)
    icon.addPixmap(picture, QIcon.Mode.Selected)
    return icon
