"""The Windows installer, by NSIS: the script itself knows no version and no path."""

from __future__ import annotations

from pathlib import Path

from packager import environment, tree
from packager.project import DIST, HOMEPAGE, PACKAGING, ROOT, VERSION

SCRIPT = PACKAGING / "windows" / "jobdesk.nsi"


def build(bundle: Path, notices: str) -> Path:
    """Make dist/jobdesk-VERSION-windows-x64.exe of the bundle."""
    tree.write(bundle / "licences" / "THIRD-PARTY.txt", notices)
    made = DIST / f"jobdesk-{VERSION}-windows-x64.exe"
    environment.run("makensis", "-WX", "-V2", *definitions(bundle, made), SCRIPT)
    return made


def definitions(payload: Path, made: Path) -> list[str]:
    """The arguments of makensis that name the bundle to pack and the file to make."""
    size = sum(path.stat().st_size for path in payload.rglob("*") if path.is_file()) // 1024
    values = {
        "VERSION": VERSION,
        "PAYLOAD": payload,
        "OUTFILE": made,
        "HOMEPAGE": HOMEPAGE,
        "LICENCE": ROOT / "LICENSE",
        "SIZE_KB": size,
        "ICON": PACKAGING / "windows" / "jobdesk.ico",
    }
    return [f"-D{name}={value}" for name, value in values.items()]
