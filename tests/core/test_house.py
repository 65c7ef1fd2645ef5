"""The rules of the house: how long a module and a function may be anywhere, and who may import whom."""

import ast
from collections.abc import Iterator
from pathlib import Path

from sql_listing import newest, unlisted

ROOT = Path(__file__).parents[2]
CORE, GUI = ROOT / "core", ROOT / "gui"
MODULES = {
    ".".join(path.relative_to(folder).with_suffix("").parts).removesuffix(".__init__"): path
    for folder in (CORE, GUI)
    for path in sorted(folder.rglob("*.py"))
}
TREES = {name: ast.parse(path.read_text("utf-8")) for name, path in MODULES.items()}

LONGEST_MODULE, LONGEST_FUNCTION = 400, 50
#: How many modules may know each other, one through the other, when what only types need is counted too.
WIDEST_CIRCLE, WIDEST_OF_WINDOW = 6, 5


def test_no_module_is_long() -> None:
    lengths = {path: len(path.read_text("utf-8").splitlines()) for path in _all_modules()}
    assert {str(path.relative_to(ROOT)): length for path, length in lengths.items() if length > LONGEST_MODULE} == {}


def test_no_function_is_long() -> None:
    functions = (
        (f"{path.relative_to(ROOT)} {node.name}", (node.end_lineno or 0) - node.lineno + 1)
        for path in _all_modules()
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    )
    assert {name: length for name, length in functions if length > LONGEST_FUNCTION} == {}


def test_every_statement_is_listed() -> None:
    """A function that makes one of what `sql_listing` cannot make up needs a sample there."""
    assert unlisted(newest()) == []


def test_no_circle_is_entered_at_import_and_none_is_wide_with_types_counted() -> None:
    at_import = {name: set(_imported(_at_import(tree))) - {name} for name, tree in TREES.items()}
    in_all = {name: set(_imported(ast.walk(tree))) - {name} for name, tree in TREES.items()}
    assert _circles(at_import) == []
    of_core = [circle for circle in _circles(in_all) if circle[0].startswith("jobdesk_core")]
    assert [circle for circle in of_core if len(circle) > WIDEST_CIRCLE] == []
    of_window = [circle for circle in _circles(in_all) if circle[0].startswith("jobdesk.")]
    assert [circle for circle in of_window if len(circle) > WIDEST_OF_WINDOW] == []


def _all_modules() -> list[Path]:
    folders = (CORE, GUI, ROOT / "packaging", ROOT / "tests" / "bench")
    return sorted(path for folder in folders for path in folder.rglob("*.py"))


def _at_import(tree: ast.Module) -> Iterator[ast.AST]:
    """The nodes that run while the module is loaded."""
    waiting: list[ast.AST] = [tree]
    while waiting:
        node = waiting.pop()
        is_for_types = isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"
        if not is_for_types and not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            yield node
            waiting.extend(ast.iter_child_nodes(node))


def _imported(nodes: Iterator[ast.AST]) -> Iterator[str]:
    for node in nodes:
        if isinstance(node, ast.ImportFrom) and node.module is not None:
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                yield from (each for each in (inner if inner in MODULES else node.module,) if each in MODULES)
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in MODULES)


def _circles(imported: dict[str, set[str]]) -> list[list[str]]:
    """The sets of modules each of which leads to all others of its own."""
    reached = {name: _reached(imported, name) for name in imported}
    circles = {frozenset(other for other in reached[name] if name in reached[other]) for name in imported}
    return sorted(sorted(circle) for circle in circles if circle)


def _reached(imported: dict[str, set[str]], start: str) -> set[str]:
    reached, waiting = set(), list(imported[start])
    while waiting:
        name = waiting.pop()
        if name not in reached:
            reached.add(name)
            waiting.extend(imported[name])
    return reached
