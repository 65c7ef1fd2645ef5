"""Words: phrases that nobody would say stay away, and what the window's tables are headed is in the glossary."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import jobdesk
import jobdesk_core
import pytest
from jobdesk.failures import words as failure_words
from jobdesk.fleet import words as fleet_words
from jobdesk.jobs import job_columns
from jobdesk.journal import words as journal_words
from jobdesk.locks import words as lock_words
from jobdesk.queues import columns as names
from jobdesk.runtime.resources import resource
from jobdesk.schedules.model import SchedulesModel
from jobdesk_core.failures.records import By, Range
from jobdesk_core.filters.qualifiers import FLAGS, KEYS
from jobdesk_core.jobs import Status
from jobdesk_core.locks.locks import LockKind
from jobdesk_core.operations import Result

#: What was said once, and what is said instead.
BETTER = {
    r"\bsilent\b(?! deletion)": "unresponsive (a worker)",
    r"\bdrains in\b": "clears in",
    r"\bliving workers?\b": "live worker",
    r"\bleft alone\b": "skipped",
    r"\bwill be done\b": "what will be done: will be retried, cancelled …",
    r"\b(is|are) to run again\b": "will run again",
    r"^(Leave as it is|Leave it out)$": "Cancel, Exclude",
    r"\bLeave out\b": "Exclude",
    r"^Filter to\b": "Filter by",
    r"\bRead again\b": "Refresh",
    r"\bAs at first\b": "Reset to defaults",
    r"\bLarger print\b": "Larger text",
    r"\bevents to #": "nothing: nobody needs the number of the last event",
    r"\b(has|have) not been honoured\b": "Abort requested 5 s ago; still running",
    r"\bturned over\b": "rotated",
    r"\banew\b": "again",
    r"\blook(ed|s|ing)? for in\b": "searched for in",
    r"\blooked through\b": "searched",
    r"\blooked back\b": "searched back",
    r"\b(goes|go) behind --": "goes after",
    r"\bstands? twice\b": "appears twice",
    r"\bfor so long\b|\bat most so many\b|\bAt least so many\b": "at most this many",
    r"\bby a name\b": "under a name",
    r"\bgo over them\b": "override them",
    r"\bserves nothing\b": "is of no use",
    r"\blink broke\b": "connection broke",
    r"(?<!There )\bis no (PostgreSQL|JSON object|regular|app|plain|file)\b": "is not a …",
    r"\bif it shall\b": "if it should",
    r"\bconnects again by itself\b": "reconnects by itself",
    r"\bKNOWN OF\b|\bTHEY DIFFER\b|\bOTHER JOBS WITH\b": "ABOUT, DIFFERENT, RELATED",
    r"\bNobody has started anything\b": "No job in mail has started for 97 s",
    r"\bIt waits for its\b": "Waiting for its …",
    r"\b1 (jobs|rows|workers) have\b": "1 job has",
    r"\bin silence\b": "silently",
    r"\bthe foot of the window\b": "the status bar",
    r"\bMend\b": "Fix",
    r"\bfault of the program\b": "bug in Jobdesk",
}
SOURCES = [*Path(jobdesk.__file__).parent.rglob("*.py"), *Path(jobdesk_core.__file__).parent.rglob("*.py")]
PAGES = sorted(resource("help").glob("*.md"))
#: No words, but style sheets and drawings.
LEFT_OUT = ("kit/theme/sheet", "kit/theme/icons")


def sentences(code: str) -> Iterator[tuple[int, str]]:
    """The strings of a module that people may read: more than a key, and no docstring; what is filled in is {}."""
    tree = ast.parse(code)
    inner = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    inner |= {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
    for node in ast.walk(tree):
        if id(node) in inner:
            continue
        if isinstance(node, ast.JoinedStr):
            parts = (each.value if isinstance(each, ast.Constant) else "{}" for each in node.values)
            yield node.lineno, "".join(map(str, parts))
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and " " in node.value:
            yield node.lineno, node.value


def stilted(text: str) -> list[str]:
    """Which of the phrases a text has, each with the better one."""
    return [f"{phrase}: say {better}" for phrase, better in BETTER.items() if re.search(phrase, text)]


def test_nothing_in_the_program_says_what_nobody_would_say() -> None:
    found = [
        f"{path.name}:{line} {problem}: {text[:80]}"
        for path in SOURCES
        if not any(each in path.as_posix() for each in LEFT_OUT)
        for line, text in sentences(path.read_text("utf-8"))
        for problem in stilted(text)
    ]
    assert not found, "\n".join(found)


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_nothing_in_the_help_says_what_nobody_would_say(path: Path) -> None:
    found = [
        f"{number}: {problem}"
        for number, line in enumerate(path.read_text("utf-8").splitlines(), 1)
        for problem in stilted(line)
    ]
    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    "code",
    [
        'tr("The worker is silent")',
        'text = f"{jobs} will be done"',
        'Trouble("x", f"What answers {what} is no PostgreSQL server.")',
        'help="a long sentence that was looked for in the names"',
    ],
)
def test_the_watch_over_words_sees_a_new_one(code: str) -> None:
    assert [problem for _, text in sentences(code) for problem in stilted(text)]


def test_no_name_of_an_action_ends_in_three_dots_instead_of_an_ellipsis() -> None:
    dotted = [
        f"{path.name}:{line} {text}"
        for path in SOURCES
        if "/cli/" not in path.as_posix() and path.name != "application.py"
        for line, text in sentences(path.read_text("utf-8"))
        if re.search(r"[A-Za-z]\.\.\.($|\s)", text) and not re.search("ALTER ROLE|host=|App|app", text)
    ]
    assert not dotted


def glossary() -> set[str]:
    """What the glossary explains, in small letters: what stands in bold, and in italics or code beside it."""
    text = resource("help/glossary.md").read_text("utf-8")
    return {
        each.casefold() for each in re.findall(r"\*\*([^*]+)\*\*|`([^`]+)`|\*([^* ]+)\*", text) for each in each if each
    }


def terms() -> set[str]:
    """What the window's tables call their columns, statuses and outcomes, and what a filter may ask for."""
    found = {column.title for column in (*job_columns.COLUMNS, *job_columns.EXTRAS, *names.COLUMNS)}
    found |= {title.text for title in journal_words.entry_titles()}
    found |= {title.text for by in By for title in failure_words.titles(by, Range.HOUR)} | {"muted", "new", "back"}
    found |= {title.text for kind in LockKind for title in lock_words.columns_of(kind).values()}
    found |= {title.text for title in SchedulesModel().titles}
    found |= {title.text for title in fleet_words.titles()}
    found |= {"worker", "state", "running", "last heartbeat"}
    found |= {status.value for status in Status} | {result.value for result in Result} - {"done"}
    found |= {key for key in KEYS if key not in ("is", "args.<key>")} | set(FLAGS)
    return found


def test_the_help_names_every_column_of_the_jobs_that_is_off_at_first() -> None:
    text = resource("help/jobs.md").read_text("utf-8")
    off = [column.title for column in (*job_columns.COLUMNS, *job_columns.EXTRAS) if not column.is_shown]
    assert [title for title in off if f"*{title}*" not in text] == []


def test_every_term_of_the_tables_and_of_the_filter_is_in_the_glossary() -> None:
    explained = glossary()
    words = {term.casefold() for term in terms()}
    assert len(words) > 40
    missing = {
        term
        for term in words
        if term not in explained and term.removeprefix("wait ").removeprefix("run ") not in explained
    }
    assert not missing
