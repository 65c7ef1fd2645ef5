"""Every word of the window can be translated, and the window bears words that are longer than the English ones."""

from __future__ import annotations

import ast
import re
import runpy
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any

import jobdesk
import pytest
from jobdesk.deferring.dialog import DeferDialog
from jobdesk.journal.toolbar import OUTCOMES
from jobdesk.kit.actions import SUBMENUS
from jobdesk.kit.core_words import WORDS
from jobdesk.runtime import translation
from jobdesk.window.about import AboutDialog
from jobdesk.window.actions import SPECS
from jobdesk.window.menus import MENUS
from jobdesk.window.pages import KEYS
from jobdesk_core import number
from jobdesk_core.reading.pages import Order
from opened import Others, dialog_of, live
from PySide6.QtCore import QCoreApplication, QLocale
from PySide6.QtWidgets import QAbstractButton, QApplication, QWidget
from waiting import until

GUI = Path(jobdesk.__file__).parent
ROOT = GUI.parents[1]
TOOL: dict[str, Any] = runpy.run_path(str(ROOT / "packaging" / "translations.py"))
#: What shows its arguments to people, and by which keywords.
SHOWS = {
    *("setText", "setToolTip", "setWindowTitle", "setPlaceholderText", "setAccessibleName", "setStatusTip"),
    *("setAccessibleDescription", "addItem", "addItems", "addAction", "addMenu", "addTab", "setTitle", "show_message"),
    *("show_note", "show_progress", "show_good_news", "set_whole", "setPlainText", "setHtml", "setLabelText"),
    *("QLabel", "QPushButton", "QCheckBox", "QRadioButton", "QAction", "QGroupBox", "QMenu", "EmptyState", "Title"),
    *("Trouble", "Cell", "field", "caption", "Table", "Sparkline", "Card"),
}
KEYWORDS = {"title", "sentence", "verb", "tip", "tooltip", "label", "placeholder", "headline", "caption"}
TRANSLATES = {"tr", "_tr", "translate", "translated", "_noop", "QT_TRANSLATE_NOOP"}
_OWN = re.compile(r"^def (_tr|translated|tr)\(", re.MULTILINE)
_WORDS = re.compile(r"[A-Za-z]{2,} +[A-Za-z…{]|^[A-Z][a-z]+")
#: Not words for people, or names that are the same in every language.
SAME = {"Jobdesk", "SQL", "JSON", "DSN", "PostgreSQL", "Procrastinate"}


def untranslated(code: str) -> list[str]:
    """The literals that a module shows as they are, with their lines."""
    tree, found = ast.parse(code), []
    # Tables are translated where they are shown, by the module's own function, and the template holds them.
    tables = [each for each in tree.body if isinstance(each, ast.Assign | ast.AnnAssign)] if _OWN.search(code) else []
    within = {id(each) for table in tables for each in ast.walk(table)}
    for call in (each for each in ast.walk(tree) if isinstance(each, ast.Call) and id(each) not in within):
        shown = list(call.args) if TOOL["name_of"](call) in SHOWS else []
        if TOOL["name_of"](call) == "Spec":
            continue  # what is declared of actions is translated where it is shown
        if TOOL["name_of"](call) == "Trouble":
            shown = shown[1:]  # the first says which kind
        shown += [each.value for each in call.keywords if each.arg in KEYWORDS]
        found += [f"{call.lineno}: {text}" for each in shown for text in bare(each)]
    return found


def bare(node: ast.expr) -> list[str]:
    """The words in an expression that no translation sees."""
    if isinstance(node, ast.Call):
        is_format = isinstance(node.func, ast.Attribute) and node.func.attr == "format"
        return bare(node.func.value) if is_format else []  # type: ignore[attr-defined]
    if isinstance(node, ast.JoinedStr):
        return [text for each in node.values if isinstance(each, ast.Constant) for text in bare(each)]
    if isinstance(node, ast.IfExp):
        return bare(node.body) + bare(node.orelse)
    if isinstance(node, ast.BinOp):
        return bare(node.left) + bare(node.right)
    if isinstance(node, ast.Constant) and isinstance(node.value, str) and is_words(node.value):
        return [node.value]
    return []


def is_words(text: str) -> bool:
    stripped = text.strip(" :.…")
    return (
        stripped not in SAME
        and "://" not in text
        and bool(re.search(r"[A-Za-z]{2,} +[A-Za-z…{]|^[A-Z][a-z]+", stripped))
    )


@pytest.mark.parametrize("path", sorted(GUI.rglob("*.py")), ids=lambda path: str(path.relative_to(GUI)))
def test_no_literal_is_shown_without_translation(path: Path) -> None:
    assert not untranslated(path.read_text("utf-8"))


@pytest.mark.parametrize(
    "code",
    [
        'label.setText("Good morning")',
        'QPushButton(f"Retry {count} jobs")',
        'super().__init__(parent, title="Connections")',
        'box.addItem("any queue" if x else self.tr("none"))',
        'label.setText("There is {name}".format(name=name))',
        'Trouble("unknown", "It did not start.")',
    ],
)
def test_the_watch_over_literals_sees_a_new_one(code: str) -> None:
    assert untranslated(code)
    assert not untranslated('label.setText(self.tr("Good {part}").format(part=name))')


def test_words_of_the_core_are_known_to_the_translations() -> None:
    assert {order.label for order in Order} <= set(WORDS)
    assert set(OUTCOMES) <= set(WORDS)
    assert set(number.WORDS) <= set(WORDS)


# The template


@pytest.fixture(scope="module")
def pseudo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a translation into a language that nobody speaks: a third longer, with accents."""
    folder = tmp_path_factory.mktemp("translations")
    template = folder / "jobdesk_de.ts"
    TOOL["write"](template, TOOL["strings"](GUI))
    tree = ElementTree.parse(template)
    for message in tree.getroot().iter("message"):
        source, target = message.findtext("source") or "", message.find("translation")
        assert target is not None
        target.text = lengthened(source)
        target.attrib.pop("type", None)
    tree.write(template, "utf-8", xml_declaration=True)
    TOOL["release"](template, folder / "jobdesk_de.qm")
    return folder


def lengthened(text: str) -> str:
    """The text with accents, a third longer; fields and mnemonics stay as they are."""
    parts = re.split(r"(\{\w+\}|&)", text)
    accented = "".join(p if p.startswith(("{", "&")) else p.translate(str.maketrans("aeiou", "àéîöü")) for p in parts)
    return f"{accented}{'~' * (len(text) // 3)}"


def test_the_template_holds_what_is_shown_in_every_way() -> None:
    found = TOOL["strings"](GUI)
    texts = {text for _, text in found}
    for text in (
        "&Retry…",
        "Overview",
        "Search, or paste a message",
        "queueing lock",
        "Cancel and delete",
        "skipped",
    ):
        assert any(text in each.replace("&", "") or text == each for each in texts), text
    assert ("Actions", "&Help") in found and ("Program", "The demo did not start.") in found
    assert len(found) > 400
    assert not [text for text in texts if "{}" in text or re.search(r"\{\d", text)]


@pytest.fixture
def translated(pseudo: Path, qapp: QApplication) -> Any:
    installed = translation.install(qapp, QLocale("de_DE"), pseudo)
    assert installed
    yield
    for each in installed:
        qapp.removeTranslator(each)


async def test_the_window_bears_a_longer_language(translated: None, dsn: str, tmp_path: Path) -> None:
    with Others(dsn) as others:
        others.defer()
        async with live(tmp_path, dsn) as window:
            assert "~" in window.all_actions["job.retry"].text() and "~" in window.navigation.item(1).text()
            await until(lambda: window.jobs.model.rowCount() == 1, what="the job")
            window.window().resize(1280, 800)
            for page in KEYS:
                window.show_page(page)
                await until(window.pages.get(page).isVisible, what=page)
                assert window.window().width() == 1280, f"{page} makes the window wider"
                # What has just been shown is laid out in the loop's next turn.
                await until(lambda: not cut(window), what=f"all buttons of {page} to fit")
                window.window().grab().save(str(tmp_path / f"{page}.png"))
            for key, kind in (("job.defer", DeferDialog), ("help.about", AboutDialog)):
                window.all_actions[key].trigger()
                dialog = await dialog_of(window, kind)
                assert "~" in dialog.verb.text() and not cut(dialog)
                assert dialog.width() <= 1280 and dialog.height() <= 800
                dialog.done(0)


def cut(window: QWidget) -> list[str]:
    """The buttons whose words do not fit into them."""
    buttons = [each for each in window.findChildren(QAbstractButton) if each.isVisible() and each.text()]
    return [each.text() for each in buttons if each.width() + 1 < each.minimumSizeHint().width()]


def test_without_a_translation_the_window_speaks_english(qapp: QApplication, tmp_path: Path) -> None:
    before = QCoreApplication.translate("Actions", "&Help")
    for each in translation.install(qapp, QLocale("fi_FI"), tmp_path):
        qapp.removeTranslator(each)
    assert before == "&Help" == QCoreApplication.translate("Actions", "&Help")


def test_the_template_holds_what_is_declared_of_every_action() -> None:
    found = {text for context, text in TOOL["strings"](GUI) if context == "Actions"}
    declared = {text for spec in SPECS for text in (spec.text, spec.tip, spec.name) if text}
    assert declared | set(MENUS.values()) | set(SUBMENUS.values()) <= found
