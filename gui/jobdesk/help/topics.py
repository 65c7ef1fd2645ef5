"""The topics of the help, read once from `resources/help`: their titles, sections and order."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache

from jobdesk.runtime.resources import resource

#: The files of `resources/help`, in the order of the contents.
TOPICS = (
    "first-steps",
    "fleet",
    "overview",
    "jobs",
    "failures",
    "queues",
    "tasks",
    "workers",
    "locks",
    "schedules",
    "journal",
    "health",
    "alerts",
    "filter",
    "acting",
    "staged-changes",
    "exporting",
    "connections",
    "live",
    "actions",
    "troubleshooting",
    "reporting",
    "metrics",
    "command-line",
    "library",
    "coming-from-procrastinate",
    "logs",
    "glossary",
)
#: The topic of what is shown while no database is open.
START = "first-steps"

_HEADING = re.compile(r"^(#{1,4}) +(.+?) *$", re.MULTILINE)
_FENCED = re.compile(r"^(```.*?^```|(?: {4}[^\n]*\n)+)", re.MULTILINE | re.DOTALL)
_SYNTAX = re.compile(r"!\[([^\]]*)\]\([^)]*\)|\[([^\]]*)\]\([^)]*\)|^- |[*`|]+|^[-\s:]+$|^#+ ", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Section:
    """A heading and the plain text below it. `anchor` is empty for the topic's own beginning."""

    topic: str
    anchor: str
    heading: str
    text: str


@dataclass(frozen=True, slots=True)
class Topic:
    """One file."""

    key: str
    title: str
    markdown: str
    sections: tuple[Section, ...]


@cache
def topic(key: str) -> Topic:
    """The topic of this key. KeyError when there is none."""
    if key not in TOPICS:
        raise KeyError(key)
    markdown = resource(f"help/{key}.md").read_text("utf-8")
    sections = tuple(_sections(key, markdown))
    return Topic(key, sections[0].heading, markdown, sections)


def topic_of_page(page: str) -> str:
    """The key of the topic that tells of a page of the window."""
    return page if page in TOPICS else START


def anchor_of(heading: str) -> str:
    """What a link calls a heading: `What "stale" means` is `#what-stale-means`."""
    return "-".join(re.findall(r"\w+", heading.casefold()))


def _sections(key: str, markdown: str) -> list[Section]:
    # A comment in an example looks like a heading: what is fenced is blanked, at the same length.
    blanked = _FENCED.sub(lambda found: re.sub(r"#", " ", found[0]), markdown)
    found = list(_HEADING.finditer(blanked))
    ends = [each.start() for each in found[1:]] + [len(markdown)]
    made = []
    for number, (match, end) in enumerate(zip(found, ends, strict=True)):
        heading = _plain(match[2])
        text = _plain(markdown[match.end() : end])
        made.append(Section(key, anchor_of(heading) if number else "", heading, text))
    return made


def _plain(markdown: str) -> str:
    return " ".join(_SYNTAX.sub(_without_marks, markdown).split())


def _without_marks(found: re.Match[str]) -> str:
    if set(found[0]) <= {"*", "`"}:
        return ""
    return found[1] or found[2] or " "
