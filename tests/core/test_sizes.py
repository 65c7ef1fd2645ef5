"""No module has more than 400 lines, no function more than 50. What still has is listed, and the lists only shrink."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
FOLDERS = ("core/jobdesk_core", "gui/jobdesk", "packaging", "tests/bench")
MOST_LINES, MOST_LINES_OF_A_FUNCTION = 400, 50
#: Not yet, with how many there may be at most.
LONG_MODULES = {
    "core/jobdesk_core/embedded.py": 404,
    "core/jobdesk_core/feed/feed.py": 591,
    "core/jobdesk_core/monitor.py": 431,
    "core/jobdesk_core/testing.py": 465,
}
LONG_FUNCTIONS = {
    "core/jobdesk_core/demo/history.py fill_history": 52,
    "core/jobdesk_core/demo/tasks.py create_app": 75,
    "core/jobdesk_core/feed/feed.py read": 52,
    "core/jobdesk_core/job/queue_context.py situation": 53,
}


def test_no_module_has_too_many_lines() -> None:
    found = {name: len(path.read_text("utf-8").splitlines()) for name, path in modules()}
    assert too_long(found, MOST_LINES, LONG_MODULES) == {}


def test_no_function_has_too_many_lines() -> None:
    found = {f"{name} {function}": lines for name, path in modules() for function, lines in functions(path)}
    assert too_long(found, MOST_LINES_OF_A_FUNCTION, LONG_FUNCTIONS) == {}


def modules() -> Iterator[tuple[str, Path]]:
    for folder in FOLDERS:
        for path in sorted((ROOT / folder).rglob("*.py")):
            yield path.relative_to(ROOT).as_posix(), path


def functions(path: Path) -> Iterator[tuple[str, int]]:
    """Each function with its lines; of several of one name the longest counts, for it comes last."""
    nodes = (node for node in ast.walk(ast.parse(path.read_text("utf-8"))))
    found = [node for node in nodes if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    lines = ((node.name, (node.end_lineno or node.lineno) - node.lineno + 1) for node in found)
    return iter(sorted(lines, key=lambda each: each[1]))


def too_long(found: dict[str, int], most: int, listed: dict[str, int]) -> dict[str, int]:
    return {name: lines for name, lines in found.items() if lines > listed.get(name, most)}
