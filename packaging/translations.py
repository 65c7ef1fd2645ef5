"""Collects every string that the window shows into resources/translations/jobdesk.ts, the template of translations.

pyside6-lupdate alone would miss the strings that are translated by a function of their module (`_tr("…")`) and those
in tables (`COLUMNS`, `specs`): here they are found in the syntax tree and handed to it with their contexts.
"""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "resources" / "translations"
TEMPLATE = FOLDER / "jobdesk.ts"
#: What is a text for people rather than a key: it has a letter, and is no `noun.verb`, name of a token or shortcut.
_KEY = re.compile(r"[a-z]+([._-][a-z_]+)+|[A-Z][a-z]*\+.+|F\d+|#[0-9a-f]+|\W*")

Found = tuple[str, str]  # context and text


def strings(sources: Path) -> set[Found]:
    """Every translatable string below a folder, with its context."""
    found: set[Found] = set()
    for path in sorted(sources.rglob("*.py")):
        found.update(_in_module(ast.parse(path.read_text("utf-8"))))
    return found


def _in_module(tree: ast.Module) -> Iterator[Found]:
    functions = [each for each in tree.body if isinstance(each, ast.FunctionDef)]
    contexts = {each.name: context for each in functions if (context := _context_of(each))}
    yield from _in_calls(tree, "", contexts)
    if len(set(contexts.values())) == 1:
        context = next(iter(contexts.values()))
        for each in tree.body:
            if isinstance(each, ast.Assign | ast.AnnAssign) and each.value is not None:
                patterns = {text for call in _calls(each, "compile") for text in texts(call)}
                found = [text for text in texts(each.value) if text not in patterns and not _KEY.fullmatch(text)]
                yield from ((context, text) for text in found)
    yield from (("Actions", text) for each in ast.walk(tree) for text in _of_actions(each))


def _of_actions(node: ast.AST) -> list[str]:
    """What is declared of actions, their menus and the pages that they show: see `Spec`."""
    if not isinstance(node, ast.Assign) or node.value is None:
        return []
    names = {each.id for each in node.targets if isinstance(each, ast.Name)}
    is_table = names & {"specs", "MENUS", "SUBMENUS", "PAGES"}
    return [text for text in texts(node.value) if not _KEY.fullmatch(text)] if is_table else []


def _context_of(node: ast.FunctionDef) -> str | None:
    """The context of a module's own function to translate: `def _tr(text): return translate("LocksPage", text)`."""
    if len(node.args.args) != 1:
        return None
    name = node.args.args[0].arg
    for call in (each for each in ast.walk(node) if isinstance(each, ast.Call) and len(each.args) > 1):
        context, text = call.args[:2]
        is_ours = name_of(call) in ("translate", "QT_TRANSLATE_NOOP")
        if is_ours and isinstance(context, ast.Constant) and isinstance(text, ast.Name) and text.id == name:
            return str(context.value)
    return None


def _in_calls(node: ast.AST, owner: str, contexts: dict[str, str]) -> Iterator[Found]:
    for each in ast.iter_child_nodes(node):
        if isinstance(each, ast.Call):
            yield from _in_call(each, owner, contexts)
        yield from _in_calls(each, each.name if isinstance(each, ast.ClassDef) else owner, contexts)


def _in_call(call: ast.Call, owner: str, contexts: dict[str, str]) -> Iterator[Found]:
    name = name_of(call)
    if isinstance(call.func, ast.Name) and name in contexts and call.args:
        yield from ((contexts[name], text) for text in texts(call.args[0]))
    elif isinstance(call.func, ast.Attribute) and name == "tr" and call.args:
        yield from ((owner, text) for text in texts(call.args[0]))
    elif name in ("translate", "QT_TRANSLATE_NOOP") and len(call.args) > 1 and isinstance(call.args[0], ast.Constant):
        yield from ((str(call.args[0].value), text) for text in texts(call.args[1]))


def _calls(node: ast.AST, name: str) -> list[ast.Call]:
    return [each for each in ast.walk(node) if isinstance(each, ast.Call) and name_of(each) == name]


def name_of(call: ast.Call) -> str:
    """The last part of the name of what is called."""
    return call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")


def texts(node: ast.expr) -> list[str]:
    """The string literals in an expression."""
    return [each.value for each in ast.walk(node) if isinstance(each, ast.Constant) and isinstance(each.value, str)]


def write(template: Path, found: set[Found]) -> None:
    """Write the template by lupdate; what is no longer used goes, what was translated stays."""
    pairs = [f"{json.dumps(context)}, {json.dumps(text, ensure_ascii=False)}" for context, text in sorted(found)]
    lines = [f"QCoreApplication.translate({pair})" for pair in pairs]
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "strings.py"
        source.write_text("\n".join(["from PySide6.QtCore import QCoreApplication", *lines, ""]), "utf-8")
        options = ["-no-obsolete", "-locations", "none", "-silent", "-source-language", "en_GB"]
        subprocess.run([tool("lupdate"), source, *options, "-ts", template], check=True)


def release(template: Path, compiled: Path) -> None:
    """Compile a translation."""
    subprocess.run([tool("lrelease"), "-silent", template, "-qm", compiled], check=True)


def tool(name: str) -> Path:
    """One of PySide's own tools."""
    return Path(sys.executable).with_name(f"pyside6-{name}")


def main() -> None:
    """The command `make translations`: the template, and every translation of it brought up to date and compiled."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    found = strings(ROOT / "gui" / "jobdesk")
    write(TEMPLATE, found)
    for path in sorted(FOLDER.glob("jobdesk_*.ts")):
        write(path, found)
        release(path, path.with_suffix(".qm"))
    sys.stdout.write(f"{len(found)} strings in {TEMPLATE.relative_to(ROOT)}\n")


if __name__ == "__main__":
    main()
