"""The help: complete, without a dead link or picture, found by words, and nothing in it leads outside."""

from __future__ import annotations

import ast
import importlib
import itertools
import pkgutil
import re
from pathlib import Path

import jobdesk
import psycopg
import pytest
from jobdesk.connection.dialog import ConnectionDialog
from jobdesk.help.browser import picture_of
from jobdesk.help.search import MOST_FOUND, search
from jobdesk.help.topics import START, TOPICS, anchor_of, topic, topic_of_page
from jobdesk.help.window import HelpWindow
from jobdesk.kit.dialog_frame import DialogFrame
from jobdesk.kit.theme import theme
from jobdesk.kit.theme.theme import TEXT_SIZES
from jobdesk.runtime.resources import resource
from jobdesk.window.pages import KEYS, PAGES, PageSpec
from jobdesk.window.palette import PaletteDialog
from jobdesk_core import exceptions, troubles
from jobdesk_core.troubles import explain
from opened import dialog_of, live, opened
from PySide6.QtCore import Qt, QUrl
from PySide6.QtGui import QColor, QTextCursor
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QWidget
from waiting import until

REAL = str(resource("pictures/jobs-light.png"))
LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)]*)\)")
PICTURE = re.compile(r"!\[([^\]]*)\]\(([^)]*)\)")


async def help_of(window: QWidget) -> HelpWindow:
    window.window().activateWindow()
    await until(window.isActiveWindow, what="the window to be active")
    QTest.keyClick(window, Qt.Key.Key_F1)
    shown = window.window().findChild(HelpWindow)
    assert shown is not None and shown.isVisible()
    await until(shown.isActiveWindow, what="the help to be active")
    return shown


def test_every_file_of_the_help_is_in_its_contents() -> None:
    assert sorted(path.stem for path in resource("help").glob("*")) == sorted(TOPICS)
    titles = [topic(key).title for key in TOPICS]
    assert len(set(titles)) == len(titles)


@pytest.mark.parametrize("key", TOPICS)
def test_every_link_leads_to_a_heading_of_the_help(key: str) -> None:
    for link in LINK.findall(topic(key).markdown):
        file, _, anchor = link.partition("#")
        target = file.removesuffix(".md") if file else key
        assert target in TOPICS, link
        assert not anchor or anchor in [section.anchor for section in topic(target).sections], link


@pytest.mark.parametrize("key", TOPICS)
def test_every_picture_is_there_with_words_for_it_and_is_one_that_the_tour_takes(key: str) -> None:
    makefile = resource("../Makefile").read_text("utf-8")
    for words, name in PICTURE.findall(topic(key).markdown):
        assert words
        assert not picture_of(name, is_dark=False).isNull(), name
        assert re.search(rf"[=,\s]{re.escape(Path(name).stem.removesuffix('-light'))}[,\s]", makefile), name


@pytest.mark.parametrize("page", KEYS)
def test_every_page_of_the_window_has_a_topic(page: str) -> None:
    assert topic_of_page(page) == page


@pytest.mark.parametrize("page", PAGES, ids=KEYS)
def test_a_topic_that_says_which_keys_lead_to_its_page_says_the_right_ones(page: PageSpec) -> None:
    said = re.findall(r"`([^`]+)` (?:leads|comes back) here", topic(page.key).markdown)
    assert said == [page.keys]


async def test_f1_opens_the_topic_of_the_page_on_show(dsn: str, tmp_path: Path) -> None:
    async with live(tmp_path, dsn) as window:
        for page in KEYS:
            window.show_page(page)
            assert (await help_of(window)).place == (page, "")
        assert len(window.findChildren(HelpWindow)) == 1


DIALOGS = [
    kind
    for module in pkgutil.walk_packages(jobdesk.__path__, "jobdesk.")
    if not module.name.endswith("__main__")
    for kind in vars(importlib.import_module(module.name)).values()
    if isinstance(kind, type) and issubclass(kind, DialogFrame) and kind.__module__ == module.name
]


@pytest.mark.parametrize("kind", [each for each in DIALOGS if not each.__subclasses__()])
def test_every_dialog_has_a_place_of_its_own_in_the_help(kind: type[DialogFrame]) -> None:
    key, anchor = vars(kind)["help_place"]
    assert anchor in ["", *(section.anchor for section in topic(key).sections)]


async def test_f1_in_a_dialog_tells_of_it_and_can_be_searched_meanwhile(tmp_path: Path) -> None:
    async with opened(tmp_path) as window:
        window.all_actions["connection.choose"].trigger()
        dialog = await dialog_of(window, ConnectionDialog)
        shown = await help_of(dialog)
        assert shown.place == ("connections", "") and shown.parentWidget() is dialog
        QTest.keyClicks(shown.field, "keyring")
        QTest.keyClick(shown.field, Qt.Key.Key_Return)
        assert shown.place[0] == "troubleshooting"
        for _ in range(2):
            QTest.keyClick(shown, Qt.Key.Key_Escape)
        assert not shown.isVisible() and dialog.isVisible()
        assert await help_of(dialog) is shown and shown.place == ("connections", "")


async def test_f1_in_the_palette_closes_it_and_tells_of_the_page(tmp_path: Path) -> None:
    async with opened(tmp_path) as window:
        window.all_actions["view.palette"].trigger()
        palette = await dialog_of(window, PaletteDialog)
        QTest.keyClick(palette.edit, Qt.Key.Key_F1)
        shown = window.window().findChild(HelpWindow)
        assert shown is not None and shown.isVisible() and not palette.isVisible()


async def test_without_a_connection_f1_tells_the_first_steps(tmp_path: Path) -> None:
    async with opened(tmp_path) as window:
        assert (await help_of(window)).place == (START, "")


# By message


def sentences_of_troubles() -> list[str]:
    """Every sentence that `troubles` tells, a name in it as …; read from its source."""
    found = []
    trees = [ast.parse(path.read_text("utf-8")) for path in Path(troubles.__file__).parent.glob("*.py")]
    for node in itertools.chain.from_iterable(map(ast.walk, trees)):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Trouble" and len(node.args) > 1:
            found.append(node.args[1])
        elif isinstance(node, ast.Tuple) and len(node.elts) == 4 and isinstance(node.elts[1], ast.Constant):
            found.append(node.elts[2])
    texts = [_as_heading(node) for node in found if isinstance(node, ast.Constant | ast.JoinedStr)]
    assert len(texts) > 25
    return texts


def _as_heading(node: ast.Constant | ast.JoinedStr) -> str:
    parts = node.values if isinstance(node, ast.JoinedStr) else [node]
    text = "".join(str(each.value) if isinstance(each, ast.Constant) else "{}" for each in parts)
    return re.sub(r"\{[a-z]*\}", "…", text)


def headings() -> set[str]:
    return {re.sub(r"\W+", " ", section.heading).strip() for section in topic("troubleshooting").sections}


@pytest.mark.parametrize("sentence", sentences_of_troubles())
def test_every_sentence_of_a_trouble_has_an_entry(sentence: str) -> None:
    assert re.sub(r"\W+", " ", sentence).strip() in headings()


def sentences_in(path: Path) -> set[str]:
    """Every sentence in a source that is no docstring, a name in it as …"""
    tree = ast.parse(path.read_text("utf-8"))
    statements = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    parts = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
    texts = {
        _as_heading(node)
        for node in ast.walk(tree)
        if id(node) not in statements | parts and isinstance(node, ast.Constant | ast.JoinedStr)
    }
    return {text for text in texts if text.count(" ") >= 3 and re.search(r"[a-z…)][.?]( |$)", text)}


#: Where the core says why something is not possible.
SPEAKING = (
    *("database/schema", "demo/demo", "embedded", "journal/journal", "journal/undo", "journal/undo_apply"),
    *("filters/unlikely", "filters/times", "filters/conditions", "filters/syntax", "filters/tree"),
    *("operations/change/apply", "operations/change/rules", "operations/change/targets", "operations/change/prune"),
    *("operations/deferring/many", "operations/deferring/json_objects", "operations/deferring/known_task"),
    *("operations/deferring/new_jobs", "operations/deferring/replay", "operations/deferring/rows"),
    *("operations/staged/changes", "operations/staged/apply", "operations/staged/plan"),
    *("profiles/introspect", "profiles/links"),
    *("profiles/app_listing", "profiles/probe", "profiles/secret_keys", "profiles/secrets", "profiles/store"),
)
#: Sentences of these that tell of no trouble, or that stand behind others.
NO_TROUBLE = re.compile(
    r"Did you mean|^Deferred again as|^Set the|Give the SQL|This plan was stopped|, database …, role|, in schema ….$"
    r"|It can be installed|^One transaction has no rate|^A brake is for|is failed again, as before"
    r"|^None: the|^None; a tunnel|server's agree|^Others in this|nothing leaves|next one is tried|^Certificate for"
    r"|^… The reason: …|SELECT|^FROM|^WHERE|^The database refused (it|the new job)"
)


@pytest.mark.parametrize("name", SPEAKING)
def test_the_help_has_what_the_core_says_when_it_cannot(name: str) -> None:
    source = Path(troubles.__file__).parents[1] / f"{name}.py"
    found = {text for text in sentences_in(source) if not NO_TROUBLE.search(text)}
    assert found
    told = _words(topic("troubleshooting").markdown)
    assert not [text for text in found if _essence(text) not in told]


def _essence(text: str) -> str:
    """A message without its way out, which may stand in the help in other words; a short one whole."""
    first = re.split(r"(?<=[a-z)…])\. ", text)[0]
    return _words(first if first.count(" ") > 2 else text)


def _words(text: str) -> str:
    return " ".join(re.findall(r"[\w…]+", text)).strip(" …")


@pytest.mark.parametrize(
    "kind",
    [
        exceptions.ArgumentsTooDeep,
        exceptions.CapabilityMissing,
        exceptions.IndexLeftInvalid,
        exceptions.NothingReported,
        exceptions.QueueNameTooLong,
        exceptions.SchemaRefused,
    ],
)
def test_what_speaks_for_itself_has_an_entry_by_its_first_sentence(kind: type[Exception]) -> None:
    first = (kind.__doc__ or "").strip().splitlines()[0]
    assert re.sub(r"\W+", " ", first).strip() in headings()


@pytest.mark.parametrize(
    ("message", "heading"),
    [
        ('connection failed: FATAL: password authentication failed for user "bob"', "The password for role"),
        ('connection failed: FATAL: database "shop" does not exist', "There is no database"),
        ('could not translate host name "db.nowhere" to address', "The host"),
        ("connection failed: FATAL: sorry, too many clients already", "The server has no connection to spare"),
    ],
)
def test_a_pasted_message_leads_to_its_entry(message: str, heading: str) -> None:
    first = search(explain(psycopg.OperationalError(message)).sentence)[0].section
    assert first.topic == "troubleshooting" and first.heading.startswith(heading)


def test_nearly_every_sentence_finds_its_entry_first() -> None:
    source = Path(troubles.__file__).parents[1]
    sentences = {text for name in SPEAKING for text in sentences_in(source / f"{name}.py")}
    found = 0
    wanted = [text for text in sentences if not NO_TROUBLE.search(text)]
    for text in wanted:
        best = search(text.replace("…", "billing"))[:1]
        entry = " ".join(f"{hit.section.heading} {hit.section.text}" for hit in best)
        found += _essence(text) in _words(entry)
    assert found > 0.94 * len(wanted) > 100


# Searching


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("stale", "live"),
        ("queueing lock", "locks"),
        ("STALLED jobs", "workers"),
        ("undo", "journal"),
        ("dry-run", "command-line"),
        ("one transaction", "acting"),
        ("args.user_id", "filter"),
    ],
)
def test_the_best_section_comes_first(text: str, key: str) -> None:
    assert key in [hit.section.topic for hit in search(text)[:3]]


@pytest.mark.parametrize("text", ["", "   ", "…", "<b>", "qwertzuiop", "\u202e\0", "the " * 100_000, "[(*+?\\"])
def test_odd_searches_find_little_and_break_nothing(text: str) -> None:
    assert len(search(text)) <= MOST_FOUND


async def test_typing_finds_enter_opens_and_escape_leads_back(tmp_path: Path) -> None:
    async with opened(tmp_path) as window:
        shown = await help_of(window)
        QTest.keyClicks(shown.field, "stalled jobs")
        QTest.keyClick(shown.field, Qt.Key.Key_Return)
        assert shown.place == ("workers", "stalled-jobs")
        assert shown.browser.textCursor().block().text() == "Stalled jobs"
        assert shown.browser.extraSelections()
        QTest.keyClick(shown, Qt.Key.Key_Escape)
        assert shown.list.count() == len(TOPICS) and shown.isVisible()
        QTest.keyClicks(shown.field, "qwertzuiop")
        assert shown.nothing.isVisible() and not shown.list.count()
        QTest.keyClick(shown, Qt.Key.Key_Escape)
        QTest.keyClick(shown, Qt.Key.Key_Escape)
        assert not shown.isVisible()


async def test_back_and_forward_go_the_way_one_came(tmp_path: Path) -> None:
    async with opened(tmp_path) as window:
        shown = await help_of(window)
        shown.browser.anchorClicked.emit(QUrl("filter.md#times"))
        shown.browser.anchorClicked.emit(QUrl("#together"))
        assert shown.place == ("filter", "together")
        for keys, place in (
            ("Alt+Left", ("filter", "times")),
            ("Alt+Left", (START, "")),
            ("Alt+Right", ("filter", "times")),
        ):
            QTest.keySequence(shown, keys)
            assert shown.place == place
        shown.follow("jobs.md")
        assert not shown.forward.isEnabled()


# Nothing outside


@pytest.mark.parametrize(
    "link",
    ["https://example.org/", "file:///etc/passwd", "../../etc/passwd", "mailto:a@b.c", "jobs.md/../x", "//h/x", ""],
)
async def test_a_link_outside_leads_nowhere(tmp_path: Path, link: str) -> None:
    async with opened(tmp_path) as window:
        shown = await help_of(window)
        before = shown.place
        shown.browser.anchorClicked.emit(QUrl(link))
        assert shown.place[0] == before[0] and not shown.browser.openExternalLinks() and not shown.browser.openLinks()


@pytest.mark.parametrize(
    "name", ["https://example.org/a.png", "/etc/passwd", "icons/jobdesk.svg", "a.png", REAL, f"file://{REAL}"]
)
def test_only_pictures_of_the_help_are_opened(name: str) -> None:
    assert picture_of(name, is_dark=False).isNull()


@pytest.mark.parametrize("key", TOPICS)
def test_the_help_names_no_address_to_follow(key: str) -> None:
    assert not [link for link in LINK.findall(topic(key).markdown) if ":" in link]


# Looks


def ink(shown: HelpWindow) -> QColor:
    """The colour of the topic's title."""
    cursor = QTextCursor(shown.browser.document().begin())
    cursor.movePosition(QTextCursor.MoveOperation.Right)
    return cursor.charFormat().foreground().color()


async def test_its_text_has_the_windows_size_and_changes_it_and_the_theme_is_followed(tmp_path: Path) -> None:
    async with opened(tmp_path) as window:
        shown = await help_of(window)
        usual = shown.browser.document().defaultFont().pixelSize()
        try:
            for _ in TEXT_SIZES:
                QTest.keySequence(shown, "Ctrl++")
            assert theme().text_percent == TEXT_SIZES[-1], "the one size of all text"
            assert shown.browser.document().defaultFont().pixelSize() == 2 * usual
            QTest.keySequence(shown, "Ctrl+0")
            assert shown.browser.document().defaultFont().pixelSize() == usual
            window.all_actions["view.smaller_text"].trigger()
            assert shown.browser.document().defaultFont().pixelSize() < usual, "the help follows the window"
        finally:
            theme().set_text_percent(100)
        theme().set_mode("dark")
        dark = ink(shown)
        theme().set_mode("light")
        light = ink(shown)
        assert dark != light == theme().colour("text")


def test_an_anchor_is_the_heading_in_small_words() -> None:
    assert anchor_of('What "stale" means') == "what-stale-means"
