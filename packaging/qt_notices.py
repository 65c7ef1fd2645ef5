"""Writes licences/Qt-third-party.txt anew: what Qt holds of others, by its own lists, with the licences' texts.

For a new version of Qt, with the unpacked sources of qtbase:  python packaging/qt_notices.py QTBASE
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

MADE = Path(__file__).parent / "licences" / "Qt-third-party.txt"
RULE = "-" * 78
HEAD = """\
What Qt holds of others, by the lists in its own sources ({source}). Some of it is only in Qt's libraries
for one system, and some of it may come from the system instead. What only builds or tests Qt, or serves Android,
WebAssembly, Wayland compositors or Qt Network, is left out, for none of it is in this bundle.
"""
#: Folders of what no library of the bundle is made of.
NOT_BUNDLED = re.compile(r"^cmake/|^util/cmake|/(android|gradle|wasm|catch2|testinternal|libpsl)(/|$)")


def entries(source: Path) -> Iterator[tuple[Path, dict[str, Any]]]:
    """Each entry of the lists in an unpacked source that concerns libraries, with the folder of its list."""
    for path in sorted(source.rglob("qt_attribution.json")):
        place = path.parent.relative_to(source).as_posix()
        if NOT_BUNDLED.search(place):
            continue
        found = json.loads(path.read_text("utf-8"), strict=False)
        for entry in found if isinstance(found, list) else [found]:
            usage = entry.get("QtUsage", "")
            is_compositors = "Compositor" in usage and "platform plugin" not in usage
            if "libs" in entry.get("QtParts", ["libs"]) and not is_compositors:
                yield path.parent, entry


def texts(source: Path, folder: Path, entry: dict[str, Any]) -> list[str]:
    """The texts of an entry's licences."""
    named = entry.get("LicenseFiles") or entry.get("LicenseFile") or []
    paths = [folder / name for name in ([named] if isinstance(named, str) else named)]
    identifiers = re.findall(r"[A-Za-z][\w.-]+", entry["LicenseId"])
    if not paths:
        paths = [source / "LICENSES" / f"{each}.txt" for each in identifiers if each not in ("AND", "OR", "WITH")]
    elif "FTL" in identifiers:
        paths.append(source / "LICENSES" / "FTL.txt")
    return [path.read_text("utf-8", errors="replace").strip("\n") for path in paths]


def document(source: Path) -> str:
    """The whole file; a text that several share stands where it comes first."""
    told: dict[str, str] = {}
    parts = [HEAD.format(source=source.resolve().name)]
    for folder, entry in entries(source):
        name = f"{entry['Name']} {entry.get('Version', '')}".strip()
        held = entry.get("Copyright", "")
        owners = "\n".join(held) if isinstance(held, list) else held
        usage = " ".join(entry.get("QtUsage", "").split())
        parts.append(f"{RULE}\n{name}\n{usage}\nLicence: {entry['LicenseId']}\n{owners.strip()}\n")
        for text in texts(source, folder, entry):
            parts.append(f"The text is that of {told[text]}, above.\n" if text in told else f"{text}\n")
            told.setdefault(text, name)
    return "\n".join(parts)


if __name__ == "__main__":
    MADE.write_text(document(Path(sys.argv[1])), "utf-8")
