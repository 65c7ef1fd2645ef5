"""A JSON value as a Qt tree model that makes its nodes only when they are looked at."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import Any

from PySide6.QtCore import QAbstractItemModel, QCoreApplication, QModelIndex, QObject, Qt

#: Children made at a time; the rest waits behind a row that says how many there are.
STRETCH = 200
SECRET_PATTERN = r"passw|secret|token|api_?key|credential|authorization|private_key"
HIDDEN = "••••••"
_NOWHERE = QModelIndex()


@dataclass(slots=True, eq=False)
class Node:
    """One value in its place. `value` of a row that stands for the unmade rest is the count of the rest."""

    parent: Node | None
    row: int
    key: str | int | None
    value: Any
    is_hidden: bool = False
    is_rest: bool = False
    children: list[Node] | None = field(default=None)

    @property
    def path(self) -> str:
        """Where the value lies, as Python and JavaScript write it: `recipients[2].name`."""
        if self.parent is None or self.key is None:
            return ""
        before = self.parent.path
        if isinstance(self.key, int):
            return f"{before}[{self.key}]"
        return f"{before}.{self.key}" if before else self.key


class JsonModel(QAbstractItemModel):
    """One column. Keys that `secret_pattern` finds are hidden until `reveal`."""

    def __init__(self, parent: QObject | None = None, secret_pattern: str = SECRET_PATTERN) -> None:
        super().__init__(parent)
        self._secret = re.compile(secret_pattern, re.IGNORECASE)
        self._root = Node(None, 0, None, {})

    def set_value(self, value: Any) -> None:
        """Show another value. One that is neither object nor list is shown as a single row."""
        self.beginResetModel()
        self._root = Node(None, 0, None, value)
        if not isinstance(value, dict | list):
            self._root.children = [Node(self._root, 0, None, value)]
        self.endResetModel()

    def node(self, index: QModelIndex) -> Node:
        """The node at an index; the root for an index that is nowhere."""
        return index.internalPointer() if index.isValid() else self._root

    def index_of(self, node: Node) -> QModelIndex:
        """Where a node stands."""
        return _NOWHERE if node.parent is None else self.createIndex(node.row, 0, node)

    def reveal(self, index: QModelIndex) -> bool:
        """Show a hidden value. False when it was not hidden."""
        node = self.node(index)
        if not node.is_hidden:
            return False
        node.is_hidden = False
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
        if isinstance(node.value, dict):
            self._make_all(node)
            return {child.key: self.plain(child) for child in self._children(node)}
        if isinstance(node.value, list):
            self._make_all(node)
            return [self.plain(child) for child in self._children(node)]
        return node.value

    # Qt

    def index(self, row: int, column: int, parent: QModelIndex = _NOWHERE) -> QModelIndex:
        children = self._children(self.node(parent))
        return self.createIndex(row, column, children[row]) if 0 <= row < len(children) and column == 0 else _NOWHERE

    def parent(self, index: QModelIndex = _NOWHERE) -> QModelIndex:
        holder = self.node(index).parent
        return _NOWHERE if holder is None else self.index_of(holder)

    def rowCount(self, parent: QModelIndex = _NOWHERE) -> int:
        return len(self._children(self.node(parent)))

    def columnCount(self, parent: QModelIndex = _NOWHERE) -> int:
        return 1

    def hasChildren(self, parent: QModelIndex = _NOWHERE) -> bool:
        node = self.node(parent)
        return bool(isinstance(node.value, dict | list) and node.value and not node.is_hidden) or bool(node.children)

    def data(self, index: QModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if not index.isValid() or role not in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.AccessibleTextRole):
            return None
        node = self.node(index)
        text = shown(node)[0]
        return text if node.key is None else f"{node.key}: {text}"

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
            Node(node, row, key, child, is_hidden=isinstance(key, str) and self._secret.search(key) is not None)
            for row, (key, child) in enumerate(pairs[start : start + STRETCH], start)
        ]
        left = len(pairs) - start - len(made)
        if left:
            made.append(Node(node, start + len(made), None, left, is_rest=True))
        return made

    def _make_all(self, node: Node) -> None:
        children = self._children(node)
        while children and children[-1].is_rest:
            self.make_more(self.index_of(children[-1]))

    def _searched(self, node: Node) -> str:
        is_leaf = not node.is_hidden and not isinstance(node.value, dict | list)
        key = "" if node.key is None else str(node.key)
        return f"{key} {shown(node)[0] if is_leaf else ''}".casefold()


def shown(node: Node) -> tuple[str, str]:
    """A node's value as one line, and the tone it is written in."""
    value = node.value
    if node.is_hidden:
        return f"{HIDDEN} {_tr('show')}", "secondary"
    if node.is_rest:
        return _tr("… {count} more, show the next").format(count=f"{value:,}"), "accent"
    if isinstance(value, dict):
        count = _tr("1 key") if len(value) == 1 else _tr("{count} keys").format(count=f"{len(value):,}")
        return (f"{{ {count} }}" if value else "{ }"), "secondary"
    if isinstance(value, list):
        count = _tr("1 item") if len(value) == 1 else _tr("{count} items").format(count=f"{len(value):,}")
        return (f"[ {count} ]" if value else "[ ]"), "secondary"
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False), "good"
    if value is None or isinstance(value, bool):
        return json.dumps(value), "cancelled"
    return (json.dumps(value) if isinstance(value, int | float) else str(value)), "text"


def _tr(text: str) -> str:
    return QCoreApplication.translate("JsonModel", text)
