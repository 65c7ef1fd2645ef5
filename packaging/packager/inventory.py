"""What is in the bundle, by PyInstaller's own lists: who made it, under which licence, with which text."""

from __future__ import annotations

import ast
import email.message
import fnmatch
import importlib.metadata
import platform
import re
import sys
import sysconfig
import tomllib
from dataclasses import dataclass, field
from pathlib import Path

from packager import environment, libraries
from packager.environment import VENV
from packager.project import BUILD, DISTRIBUTIONS, PACKAGING, NotReady

LICENCES = PACKAGING / "licences"
LISTS = ("PYZ-00.toc", "COLLECT-00.toc")
NAMES_OF_TEXTS = re.compile(r"(licen[cs]e|copying|notice|authors)", re.IGNORECASE)


@dataclass(slots=True)
class Component:
    """One piece of software in the bundle. `texts` are its licence's texts, `kind` is that of the package URL."""

    name: str
    version: str
    licence: str
    kind: str
    texts: list[str] = field(default_factory=list)
    note: str = ""
    sboms: list[Path] = field(default_factory=list)


def components(bundle: Path) -> list[Component]:
    """Everything in the bundle but Jobdesk itself. Raises NotReady for a file that belongs to nothing known."""
    sources = _sources(bundle)
    site = next(VENV.glob("lib*/python3*/site-packages"), VENV / "Lib" / "site-packages")
    found = {"python": _python()}
    owners = _owners(site)
    for source in sources:
        if source.is_relative_to(site):
            distribution = owners.get(source)
            if distribution is None:
                raise NotReady(f"{source} is in the bundle and belongs to no installed package.")
            found.setdefault(f"pypi {distribution.name}", _of_distribution(distribution))
        elif (sys.platform == "linux" and source.is_relative_to("/usr/lib")) or source.is_relative_to("/lib"):
            package = libraries.package_of(source)
            if package is None:
                raise NotReady(f"{source} is in the bundle and belongs to no package of this host.")
            found.setdefault(f"deb {package}", _of_host(package))
    for own in DISTRIBUTIONS:
        found.pop(f"pypi {own}", None)
    return [*sorted(found.values(), key=lambda each: each.name.casefold()), *_within_wheels(sources)]


def _sources(bundle: Path) -> list[Path]:
    """Where the files come from that are (still) in the bundle: the lists also tell of the interpreter's own."""
    if not bundle.is_dir():
        raise NotReady("There is no bundle yet.")
    entries: set[Path] = set()
    for name in LISTS:
        read = ast.literal_eval((BUILD / "work" / "jobdesk" / name).read_text("utf-8"))
        listed = next(part for part in read if isinstance(part, list))
        entries.update(Path(entry[1]) for entry in listed if entry[1] and entry[2] != "SYMLINK")
    return sorted(entries)


def _owners(site: Path) -> dict[Path, importlib.metadata.Distribution]:
    return {
        Path(str(distribution.locate_file(file))).resolve(): distribution
        for distribution in importlib.metadata.distributions(path=[str(site)])
        for file in distribution.files or ()
    } | {
        Path(str(distribution.locate_file(file))): distribution
        for distribution in importlib.metadata.distributions(path=[str(site)])
        for file in distribution.files or ()
    }


def _of_distribution(distribution: importlib.metadata.Distribution) -> Component:
    about = distribution.metadata
    assert isinstance(about, email.message.Message)
    licence = about["License-Expression"] or about["License"] or ""
    if not licence or "\n" in licence:
        kinds = [each.rpartition(" :: ")[2] for each in about.get_all("Classifier", []) if each.startswith("License")]
        licence = " or ".join(kinds)
    # Only those of the package as such, not those of what it might have vendored and was left out.
    files = [file for file in distribution.files or () if ".dist-info" in str(file)]
    texts = [Path(str(distribution.locate_file(file))) for file in files if NAMES_OF_TEXTS.search(file.name)]
    sboms = [Path(str(distribution.locate_file(file))) for file in files if "/sboms/" in file.as_posix()]
    read = [text.read_text("utf-8", errors="replace") for text in texts]
    return Component(distribution.name, distribution.version, licence, "pypi", read, sboms=sboms)


def _of_host(package: str) -> Component:
    version = environment.run("dpkg-query", "-W", "-f", "${Version}\n", package).splitlines()[0]
    text = Path(f"/usr/share/doc/{package}/copyright").read_text("utf-8", errors="replace")
    return Component(package, version, "see the text", "deb/debian", [text])


def _python() -> Component:
    text = Path(sysconfig.get_path("stdlib")) / "LICENSE.txt"
    texts = [text.read_text("utf-8")] if text.is_file() else []
    return Component("Python", platform.python_version(), "PSF-2.0", "generic", texts)


def _within_wheels(sources: list[Path]) -> list[Component]:
    table = tomllib.loads((LICENCES / "components.toml").read_text("utf-8"))
    inside = []
    for entry in table["component"]:
        if any(fnmatch.fnmatch(source.name, pattern) for source in sources for pattern in entry["files"]):
            texts = [(LICENCES / name).read_text("utf-8") for name in entry["text"]]
            inside.append(Component(entry["name"], "", entry["licence"], "generic", texts, entry.get("note", "")))
    return inside
