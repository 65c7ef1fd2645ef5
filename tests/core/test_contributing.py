"""The recipes for contributors name what there is, and what they ask for is there for all that exists already."""

from __future__ import annotations

import argparse
import re
from pathlib import Path

import pytest
from jobdesk_core.cli.program import make_parser
from jobdesk_core.filters.qualifiers import KEYS

ROOT = Path(__file__).parents[2]
DECISIONS = sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / "docs/decisions").glob("*.md"))
GUIDES = ("README.md", "CONTRIBUTING.md", "docs/performance.md", "packaging/README.md", "core/README.md", *DECISIONS)
_PATH = re.compile(r"`((?:core|gui|tests|packaging|resources|docs)/[\w./-]+)`|\]\((?!https?:)([\w./-]+)\)")


@pytest.mark.parametrize("name", GUIDES)
def test_a_guide_names_only_files_that_there_are(name: str) -> None:
    text = (ROOT / name).read_text("utf-8")
    folder = (ROOT / name).parent
    named = [a or b for a, b in _PATH.findall(text)]
    made = ("build/",)
    missing = [
        path for path in named
        if not path.startswith(made) and not (ROOT / path).exists() and not (folder / path).exists()
    ]  # fmt: skip
    assert missing == []


def test_the_map_names_every_part_of_both_packages() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text("utf-8").partition("## The map")[2].partition("\n## ")[0]
    words = set(re.findall(r"[\w*]+(?:\.py|/)?", text))
    missing = []
    for package in ("core/jobdesk_core", "gui/jobdesk"):
        for path in sorted((ROOT / package).iterdir()):
            is_code = path.suffix == ".py" or (path / "__init__.py").exists()
            if is_code and not path.name.startswith("__"):
                spellings = {path.stem, path.name, f"{path.name}/"}
                patterns = ("*_connector",) if path.stem.endswith("_connector") else ()
                if not spellings & words and not {*patterns} & words:
                    missing.append(f"{package}/{path.name}")
    assert missing == []


def test_each_recipe_says_which_test_is_red_until_it_is_followed() -> None:
    recipes = (ROOT / "CONTRIBUTING.md").read_text("utf-8").partition("## Recipes")[2].partition("\n## ")[0]
    each = recipes.split("\n### ")[1:]
    assert len(each) >= 7
    assert [recipe.partition("\n")[0] for recipe in each if not re.search(r"Red until then: `tests/", recipe)] == []


def test_every_decision_says_what_would_change_it() -> None:
    decisions = sorted((ROOT / "docs/decisions").glob("*.md"))
    assert len(decisions) >= 5
    assert [path.name for path in decisions if "*What would change it*" not in path.read_text("utf-8")] == []


def test_the_readme_has_two_screens() -> None:
    assert len((ROOT / "README.md").read_text("utf-8").splitlines()) <= 100


def _options() -> list[tuple[str, str]]:
    parser = make_parser()
    commands = next(each for each in parser._actions if isinstance(each, argparse._SubParsersAction)).choices
    found = {
        (name, option) for name, sub in commands.items() for each in sub._actions for option in each.option_strings
    }
    return sorted((name, option) for name, option in found if option.startswith("--"))


def test_no_docstring_and_no_comment_of_the_product_names_a_module_that_is_gone() -> None:
    paths = [path for package in ("core/jobdesk_core", "gui/jobdesk") for path in (ROOT / package).rglob("*.py")]
    names = {path.name for path in paths}
    gone = []
    for path in paths:
        for number, line in enumerate(path.read_text("utf-8").splitlines(), 1):
            gone += [f"{path.name}:{number} {name}" for name in re.findall(r"\b\w+\.py\b", line) if name not in names]
    assert gone == []


def test_every_option_of_every_command_is_in_the_help() -> None:
    text = "\n".join(path.read_text("utf-8") for path in sorted((ROOT / "resources/help").glob("*.md")))
    missing = {option for _, option in _options() if not re.search(rf"{option}(?![\w-])", text)}
    assert missing - {"--help"} == set()


def test_every_qualifier_is_in_the_help() -> None:
    text = (ROOT / "resources/help/filter.md").read_text("utf-8")
    for key in KEYS:
        plain = key.partition(".")[0]
        assert re.search(rf"`-?{plain}[:.`<>=]", text), key
