"""The bundle: PyInstaller's folder, refused when a library is missing, and without debugging symbols."""

from __future__ import annotations

import re
import shutil
import sys
from pathlib import Path

from packager import environment, libraries
from packager.project import BUILD, PACKAGING

BUNDLE = BUILD / "bundle" / "jobdesk"


def build() -> Path:
    """Make the bundle from scratch and return its folder. Raises NotReady when something of it is missing."""
    interpreter = environment.python()
    shutil.rmtree(BUNDLE.parent, ignore_errors=True)
    environment.run(interpreter, "-m", "PyInstaller", *_arguments())
    if sys.platform == "linux":
        libraries.refuse_missing(BUNDLE)
        _strip(BUNDLE)
    return BUNDLE


def _arguments() -> list[str]:
    return [
        *("--noconfirm", "--clean", "--log-level", "WARN"),
        *("--distpath", str(BUNDLE.parent), "--workpath", str(BUILD / "work")),
        str(PACKAGING / "jobdesk.spec"),
    ]


def _strip(bundle: Path) -> None:
    """Take out debugging symbols, and search paths that lead to folders of the machine that built a library."""
    for path in libraries.binaries(bundle):
        if path.name == "jobdesk":
            continue  # carries the program behind its code, which stripping would cut off
        if ".symtab" in environment.run("readelf", "-SW", path) and not _is_patched(path):
            environment.run("strip", "--strip-unneeded", path)
            environment.run("ldd", path)  # ends with an error when it cannot be loaded any more
        if re.search(r"R(UN)?PATH.*\[/", environment.run("readelf", "-d", path)):
            environment.run("chrpath", "--delete", path)


def _is_patched(path: Path) -> bool:
    """Whether a wheel's builder has laid it out anew: strip would break it (initdb crashed, measured)."""
    return path.parent.name.endswith(".libs") or ".libs]" in environment.run("readelf", "-d", path)


def size(folder: Path) -> int:
    """The bytes of all files of a folder, each counted once."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
