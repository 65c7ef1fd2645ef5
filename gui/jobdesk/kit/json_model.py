"""A JSON value as a Qt tree model that makes its nodes only when they are looked at, and reads them only then."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any, overload

from jobdesk_core import exact_json
from jobdesk_core.job.arguments import ArgumentEntry, Part
from jobdesk_core.profiles import secret_keys
from jobdesk_core.profiles.secret_keys import HIDDEN, Path
from PySide6.QtCore import QAbstractItemModel, QCoreApplication, QModelIndex, QObject, Qt, Signal

from jobdesk.kit import formats
from jobdesk.kit.roles import AnyIndex
from jobdesk.kit.theme.tokens import Tone

#: Children made at a time; the rest waits behind a row that says how many there are.
STRETCH = 200
#: Characters of one text that are shown; the whole of it can be copied.
SHOWN = 1_000
_NOWHERE = QModelIndex()


@dataclass(frozen=True, slots=True)
class Unread:
    """A value that is still in the database: an object or a list of `size` entries, or a text of which this begins."""

    kind: str
    size: int
    beginning: str = ""

    @property
    def is_text(self) -> bool:
        """Whether it is a text, and no object or list."""
        return self.kind not in ("object", "array")


@dataclass(slots=True, eq=False)
class Node:
    """One value in its place. `value` of a row that stands for the unmade rest is the count of the rest."""

    parent: Node | None
    row: int
    key: str | int | None
    value: Any
    is_hidden: bool = False
    #: Whether it stays hidden, whoever asks.
    is_sealed: bool = False
    is_rest: bool = False
    children: list[Node] | None = field(default=None)

    @property
    def keys(self) -> Path:
        """The keys and positions that lead here."""
        found: list[str | int] = []
        node: Node | None = self
        while node is not None:
            if node.key is not None:
                found.append(node.key)
            node = node.parent
        return tuple(reversed(found))

    @property
    def path(self) -> str:
        """Where the value lies, as Python and JavaScript write it: `recipients[2].name`, `["odd key"]`."""
        text = ""
        for key in self.keys:
            is_name = isinstance(key, str) and key.isidentifier()
            text += f"{'.' if text else ''}{key}" if is_name else f"[{json.dumps(key, ensure_ascii=False)}]"
        return text

    @property
    def is_branch(self) -> bool:
        """Whether something can be below it."""
        if isinstance(self.value, Unread):
            return not self.value.is_text and self.value.size > 0
        return isinstance(self.value, dict | list) and bool(self.value)


class JsonModel(QAbstractItemModel):
    """One column. Keys that the pattern finds are hidden until `reveal`; `revealed` are those that no longer are.

    An Unread value asks for its entries by `part_asked_for` (a Node, from which entry on) and takes `add_part`.
    """

    part_asked_for = Signal(Node, int)  # what is to be filled, from which entry on

    def __init__(self, parent: QObject | None = None, secret_pattern: str = "") -> None:
        super().__init__(parent)
        self.secret_pattern = secret_pattern
        self.revealed: set[Path] = set()
        self._root = Node(None, 0, None, {})

    def set_value(self, value: Any) -> None:
        """Show another value. One that is neither object nor list is shown as a single row."""
        self.beginResetModel()
        self.revealed.clear()
        self._root = Node(None, 0, None, value)
        if not isinstance(value, dict | list | Unread):
            is_sealed = self.secret_pattern == secret_keys.EVERYTHING
            self._root.children = [Node(self._root, 0, None, value, is_hidden=is_sealed, is_sealed=is_sealed)]
        self.endResetModel()

    def add_part(self, node: Node, part: Part) -> None:
        """Add entries that were asked for below a node."""
        made = node.children or []
        parent = self.index_of(node)
        if made and made[-1].is_rest:
            self.beginRemoveRows(parent, len(made) - 1, len(made) - 1)
            made.pop()
            self.endRemoveRows()
        start = len(made)
        fresh = [self._child(node, row, entry.key, _value(entry)) for row, entry in enumerate(part.entries, start)]
        left = part.total - start - len(fresh)
        if left > 0 and fresh:
            fresh.append(Node(node, start + len(fresh), None, left, is_rest=True))
        if not fresh:
            node.children = made
            return
        self.beginInsertRows(parent, start, start + len(fresh) - 1)
        node.children = made + fresh
        self.endInsertRows()

    def node(self, index: AnyIndex) -> Node:
        """The node at an index; the root for an index that is nowhere."""
        return index.internalPointer() if index.isValid() else self._root

    def index_of(self, node: Node) -> QModelIndex:
        """Where a node stands."""
        return _NOWHERE if node.parent is None else self.createIndex(node.row, 0, node)

    def reveal(self, index: QModelIndex) -> bool:
        """Show a hidden value. False when it was not hidden."""
        node = self.node(index)
        if not node.is_hidden or node.is_sealed:
            return False
        node.is_hidden = False
        self.revealed.add(node.keys)
        children = self._make(node, 0)
        if children:
            self.beginInsertRows(index, 0, len(children) - 1)
            node.children = children
            self.endInsertRows()
        self.dataChanged.emit(index, index)
        return True

    def make_more(self, index: QModelIndex) -> bool:
        """Replace a row that stands for the rest by the next stretch. False when it is no such row."""
        rest = self.node(index)
        if not rest.is_rest or rest.parent is None:
            return False
        holder = rest.parent
        if isinstance(holder.value, Unread):
            self.part_asked_for.emit(holder, rest.row)
            return True
        made = holder.children or []
        parent = self.index_of(holder)
        self.beginRemoveRows(parent, rest.row, rest.row)
        made.pop()
        self.endRemoveRows()
        fresh = self._make(holder, len(made))
        self.beginInsertRows(parent, len(made), len(made) + len(fresh) - 1)
        made.extend(fresh)
        self.endInsertRows()
        return True

    def find(self, text: str, after: Node | None) -> Node | None:
        """The next node below `after` whose key or shown value contains the text, in any case; wraps round.

        Hidden values are not looked into: finding them would tell what they are.
        """
        wanted = text.casefold()
        first: Node | None = None
        is_past = after is None
        stack = [self._root]
        while stack:
            node = stack.pop()
            if node.parent is not None and not node.is_rest and wanted in self._searched(node):
                if is_past:
                    return node
                first = first or node
            is_past = is_past or node is after
            self._make_all(node)
            stack.extend(reversed(self._children(node)))
        return first

    def plain(self, node: Node) -> Any:
        """A node's value for copying: secrets within it that have not been revealed stay hidden."""
        if node.is_hidden:
            return HIDDEN
        return secret_keys.masked(node.value, self.secret_pattern, self.revealed, node.keys)

    # Qt

    def index(self, row: int, column: int, parent: AnyIndex = _NOWHERE) -> QModelIndex:
        children = self._children(self.node(parent))
        return self.createIndex(row, column, children[row]) if 0 <= row < len(children) and column == 0 else _NOWHERE

    @overload
    def parent(self) -> QObject | None: ...

    @overload
    def parent(self, index: AnyIndex, /) -> QModelIndex: ...

    def parent(self, index: AnyIndex | None = None) -> QObject | QModelIndex | None:
        if index is None:
            return super().parent()
        holder = self.node(index).parent
        return _NOWHERE if holder is None else self.index_of(holder)

    def rowCount(self, parent: AnyIndex = _NOWHERE) -> int:
        return len(self._children(self.node(parent)))

    def columnCount(self, parent: AnyIndex = _NOWHERE) -> int:
        return 1

    def hasChildren(self, parent: AnyIndex = _NOWHERE) -> bool:
        node = self.node(parent)
        return (node.is_branch and not node.is_hidden) or bool(node.children)

    def canFetchMore(self, parent: AnyIndex = _NOWHERE) -> bool:
        node = self.node(parent)
        return isinstance(node.value, Unread) and node.is_branch and not node.is_hidden and not node.children

    def fetchMore(self, parent: AnyIndex = _NOWHERE) -> None:
        self.part_asked_for.emit(self.node(parent), 0)

    def data(self, index: AnyIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if not index.isValid() or role not in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.AccessibleTextRole):
            return None
        node = self.node(index)
        text = shown(node)[0]
        return text if node.key is None else f"{formats.cut(str(node.key))}: {text}"

    # Within

    def _children(self, node: Node) -> list[Node]:
        if node.children is None:
            node.children = self._make(node, 0)
        return node.children

    def _make(self, node: Node, start: int) -> list[Node]:
        value = node.value
        if node.is_hidden or node.is_rest or not isinstance(value, dict | list):
            return []
        pairs = list(value.items() if isinstance(value, dict) else enumerate(value))
        made = [
            self._child(node, row, key, child) for row, (key, child) in enumerate(pairs[start : start + STRETCH], start)
        ]
        left = len(pairs) - start - len(made)
        if left:
            made.append(Node(node, start + len(made), None, left, is_rest=True))
        return made

    def _child(self, node: Node, row: int, key: str | int, value: Any) -> Node:
        pattern = secret_keys.compiled(self.secret_pattern)
        is_sealed = self.secret_pattern == secret_keys.EVERYTHING
        is_hidden = is_sealed or (isinstance(key, str) and pattern.search(key) is not None)
        return Node(node, row, key, value, is_hidden=is_hidden, is_sealed=is_sealed)

    def _make_all(self, node: Node) -> None:
        if isinstance(node.value, Unread):
            return
        children = self._children(node)
        while children and children[-1].is_rest:
            self.make_more(self.index_of(children[-1]))

    def _searched(self, node: Node) -> str:
        is_leaf = not node.is_hidden and not node.is_branch
        key = "" if node.key is None else str(node.key)
        text = node.value if isinstance(node.value, str) else shown(node)[0]
        return f"{key} {text if is_leaf else ''}".casefold()


def _value(entry: ArgumentEntry) -> Any:
    return entry.value if entry.is_whole else Unread(entry.kind, entry.size, str(entry.value or ""))


def shown(node: Node) -> tuple[str, Tone]:
    """A node's value as one line, and the tone it is written in."""
    value = node.value
    if node.is_hidden:
        return HIDDEN if node.is_sealed else f"{HIDDEN} {_tr('show')}", "secondary"
    if node.is_rest:
        return _tr("… {count} more, show the next").format(count=f"{value:,}"), "accent"
    if isinstance(value, dict) or (isinstance(value, Unread) and value.kind == "object"):
        size = value.size if isinstance(value, Unread) else len(value)
        count = _tr("1 key") if size == 1 else _tr("{count} keys").format(count=f"{size:,}")
        return (f"{{ {count} }}" if size else "{ }"), "secondary"
    if isinstance(value, list) or (isinstance(value, Unread) and value.kind == "array"):
        size = value.size if isinstance(value, Unread) else len(value)
        count = _tr("1 item") if size == 1 else _tr("{count} items").format(count=f"{size:,}")
        return (f"[ {count} ]" if size else "[ ]"), "secondary"
    if isinstance(value, Unread):
        characters = _tr("{count} characters").format(count=f"{value.size:,}")
        return f"({characters}) {_line(value.beginning)}", "good"
    if isinstance(value, str):
        return _line(value), "good"
    if value is None or isinstance(value, bool):
        return json.dumps(value), "cancelled"
    return (exact_json.dumps(value) if isinstance(value, int | float) else str(value)), "text"


def _line(text: str) -> str:
    """The beginning of a text as JSON writes it, with signs that cannot be seen as their numbers."""
    begun = json.dumps(text[:SHOWN], ensure_ascii=False)
    return formats.visible(f"{begun[:-1]}…" if len(text) > SHOWN else begun)


def _tr(text: str) -> str:
    return QCoreApplication.translate("JsonModel", text)
