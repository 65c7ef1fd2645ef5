"""How the conditions of a filter go together: `and` (or a space) before `or`, `not` before both, and brackets.

A tree is kept in one shape for each meaning of its brackets, so that it is always written the same way.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from jobdesk_core.filters.syntax import Sign, Token

T = TypeVar("T")

#: Brackets within brackets: far more than anyone reads, far fewer than would exhaust Python's stack.
MOST_BRACKETS = 50


@dataclass(frozen=True, slots=True)
class FilterGroup:
    """Conditions of which all, or at least one, must be met; its opposite when negated."""

    parts: tuple[Node, ...]
    is_any: bool = False
    is_negated: bool = False


Node = Token | FilterGroup


@dataclass(frozen=True, slots=True)
class Piece:
    """One piece of a filter's text: a condition, by its place among the conditions, or else a sign (place None)."""

    text: str
    place: int | None = None


def grow(lexed: Sequence[Token | Sign]) -> FilterGroup:
    """The tree of these conditions and signs. Raises FilterError where a sign is out of place."""
    reader = _Reader(lexed)
    node = reader.any(0, None) if lexed else None
    if (sign := reader.sign()) is not None:
        raise sign.error("This bracket was never opened.")
    return as_root(node)


def as_root(node: Node | None) -> FilterGroup:
    """The node as a group of which all must be met; everything is met by nothing."""
    if node is None:
        return FilterGroup(())
    return node if isinstance(node, FilterGroup) and not (node.is_any or node.is_negated) else FilterGroup((node,))


class _Reader:
    """Reads from left to right, one lexeme at a time."""

    def __init__(self, lexed: Sequence[Token | Sign]) -> None:
        self._lexed = lexed
        self._position = 0

    def sign(self, *texts: str) -> Sign | None:
        """The sign that comes next, when it is one of these (or any)."""
        held = self._lexed[self._position] if self._position < len(self._lexed) else None
        return held if isinstance(held, Sign) and (not texts or held.text in texts) else None

    def any(self, depth: int, after: Token | Sign | None) -> Node:
        """Alternatives, up to the end or a closing bracket; `after` is what they follow."""
        parts = [self._all(depth, after)]
        while (word := self.sign("or")) is not None:
            self._position += 1
            parts.append(self._all(depth, word))
        return joined(parts, is_any=True)

    def _all(self, depth: int, after: Token | Sign | None) -> Node:
        parts = [self._one(depth, after)]
        while self._position < len(self._lexed) and self.sign("or", ")") is None:
            if (word := self.sign("and")) is not None:
                self._position += 1
            parts.append(self._one(depth, word))
        return joined(parts, is_any=False)

    def _one(self, depth: int, after: Token | Sign | None) -> Node:
        is_negated = False
        while (word := self.sign("not")) is not None:
            self._position, is_negated, after = self._position + 1, not is_negated, word
        node = self._bracketed(depth) if self.sign("(") is not None else self._condition(after)
        return opposite(node) if is_negated else node

    def _bracketed(self, depth: int) -> Node:
        bracket = self._lexed[self._position]
        if depth == MOST_BRACKETS:
            raise bracket.error(f"Brackets go at most {MOST_BRACKETS} deep.")
        self._position += 1
        if self.sign(")") is not None:
            raise bracket.error("There is nothing between these brackets.")
        node = self.any(depth + 1, bracket)
        if self.sign(")") is None:
            raise bracket.error("This bracket is not closed.")
        self._position += 1
        return node

    def _condition(self, after: Token | Sign | None) -> Node:
        held = self._lexed[self._position] if self._position < len(self._lexed) else None
        if isinstance(held, Token):
            self._position += 1
            return held
        if after is not None:
            raise after.error(f"A condition is missing after {after.text}.")
        assert held is not None, "an empty text is read by grow alone"
        is_bracket = held.text == ")"
        raise held.error(
            "This bracket was never opened." if is_bracket else f"A condition is missing before {held.text}."
        )


# Shaping


def joined(parts: Sequence[Node], *, is_any: bool) -> Node:
    """All of these, or any of them, in one group: a group of the same kind is dissolved into it."""
    flat: list[Node] = []
    for part in parts:
        is_same = isinstance(part, FilterGroup) and not part.is_negated and part.is_any is is_any
        flat += part.parts if isinstance(part, FilterGroup) and is_same else [part]
    return flat[0] if len(flat) == 1 else FilterGroup(tuple(flat), is_any)


def opposite(node: Node) -> Node:
    """What is met by everything that does not meet the node."""
    if isinstance(node, FilterGroup):
        return FilterGroup(node.parts, node.is_any, not node.is_negated)
    return replace(node, text=node.opposite, is_negated=not node.is_negated)


def conditions(node: Node) -> Iterator[Token]:
    """The conditions from left to right."""
    if isinstance(node, FilterGroup):
        for part in node.parts:
            yield from conditions(part)
    else:
        yield node


def fold(node: Node, of_token: Callable[[Token], T], of_group: Callable[[FilterGroup, list[T]], T]) -> T:
    """One value for the whole tree, from the conditions up."""
    if isinstance(node, FilterGroup):
        return of_group(node, [fold(part, of_token, of_group) for part in node.parts])
    return of_token(node)


def changed(node: Node, place: int, change: Callable[[Token], Node | None]) -> Node | None:
    """The tree with the condition at this place (from the left, from 0) changed, or left out. None: nothing is left."""
    places = iter(range(place + 1))

    def visit(node: Node) -> Node | None:
        if not isinstance(node, FilterGroup):
            return change(node) if next(places, None) == place else node
        kept = [part for part in map(visit, node.parts) if part is not None]
        if not kept:
            return None
        whole = joined(kept, is_any=node.is_any)
        return opposite(whole) if node.is_negated else whole

    return visit(node)


# Writing


def pieces(root: FilterGroup) -> list[Piece]:
    """The tree as it is written, piece by piece."""
    found: list[Piece] = []
    counted = iter(range(sum(1 for _ in conditions(root))))
    last: Node | None = None

    def visit(node: Node, *, is_inner: bool) -> None:
        nonlocal last
        if not isinstance(node, FilterGroup):
            if lists_ids(node) and lists_ids(last) and found[-1].place is not None:
                # Beside each other they would be one list.
                found.append(Piece("and"))
            found.append(Piece(node.text, next(counted)))
            last = node
            return
        has_brackets = node.is_negated or (is_inner and node.is_any)
        found.extend([Piece("not")] * node.is_negated + [Piece("(")] * has_brackets)
        for position, part in enumerate(node.parts):
            if position and node.is_any:
                found.append(Piece("or"))
            visit(part, is_inner=True)
        found.extend([Piece(")")] * has_brackets)

    # A lone alternative needs no brackets around all there is.
    is_inner = len(root.parts) > 1
    for part in root.parts:
        visit(part, is_inner=is_inner)
    return found


def lists_ids(node: Node | Sign | None) -> bool:
    """Whether it asks for nothing but ids one by one: two of these beside each other are one list of ids."""
    if not isinstance(node, Token) or node.key != "id" or node.is_negated:
        return False
    return all(value.text.removeprefix("#").isdigit() for value in node.values)


def written(found: Sequence[Piece]) -> str:
    """The text of these pieces."""
    text = ""
    for piece in found:
        is_apart = text and piece.text != ")" and not text.endswith("(")
        text += f" {piece.text}" if is_apart else piece.text
    return text
