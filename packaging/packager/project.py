"""What the packages say of the project, each fact from the one file that holds it."""

from __future__ import annotations

import datetime as dt
import re
import tomllib
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGING = ROOT / "packaging"
BUILD = ROOT / "build" / "package"
DIST = ROOT / "dist"
#: What is published for Python, by name, and the folder of each one's pyproject.toml: the core before what needs it.
DISTRIBUTIONS = {"jobdesk-core": ROOT / "core", "jobdesk": ROOT}
#: Where `make pictures` takes its pictures from, and what each shows.
PICTURES = {
    "jobs-light": "The jobs of a queue, live, with the reason why the selected one waits",
    "overview-light": "An hour of throughput, the queues, and what changed",
    "retry-light": "What a retry will do, before it is done",
    "jobs-dark": "The same jobs in the dark theme",
}


class NotReady(Exception):
    """Something is missing or wrong; the message says what, and the remedy."""


@dataclass(frozen=True, slots=True)
class Section:
    """One version's part of the changelog. `version` is empty for what is not released."""

    version: str
    date: dt.date | None
    groups: dict[str, list[str]]


_TABLE = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
VERSION: str = _TABLE["version"]
SUMMARY: str = _TABLE["description"]
HOMEPAGE: str = _TABLE["urls"]["Homepage"]
_HOST = HOMEPAGE.removeprefix("https://").partition("/")[0]
#: What shops and macOS know the program by: the address, read backwards.
IDENTIFIER = ".".join([*reversed(_HOST.split(".")), "Jobdesk"])
#: The end of names that are reserved for examples.
RESERVED = ".example"
MAINTAINER = f"Jobdesk maintainers <maintainers@{_HOST}>"


def changelog(text: str | None = None) -> list[Section]:
    """The sections of CHANGELOG.md, newest first. Raises NotReady for a heading that is not of the format."""
    sections: list[Section] = []
    text = (ROOT / "CHANGELOG.md").read_text("utf-8") if text is None else text
    for part in re.split(r"^## ", text, flags=re.MULTILINE)[1:]:
        heading, _, body = part.partition("\n")
        if heading == "[Unreleased]":
            version, date = "", None
        elif match := re.fullmatch(r"\[(\d+\.\d+\.\d+)\] - (\d{4}-\d\d-\d\d)", heading):
            version, date = match[1], dt.date.fromisoformat(match[2])
        else:
            raise NotReady(f"CHANGELOG.md: {heading!r} should be [Unreleased] or [1.2.3] - 2026-01-31.")
        groups = {
            group.partition("\n")[0].strip(): [
                " ".join(entry.split()) for entry in re.split(r"^- ", group.partition("\n")[2], flags=re.MULTILINE)[1:]
            ]
            for group in re.split(r"^### ", body, flags=re.MULTILINE)[1:]
        }
        sections.append(Section(version, date, groups))
    return sections


def news() -> tuple[dt.date, list[str]]:
    """The day and the entries of this version; of what is not released yet, when it is in the making."""
    found = next((section for section in changelog() if section.version in (VERSION, "")), None)
    if found is None:
        raise NotReady(f"CHANGELOG.md tells nothing of {VERSION}.")
    return found.date or dt.datetime.now(dt.UTC).date(), [entry for group in found.groups.values() for entry in group]
