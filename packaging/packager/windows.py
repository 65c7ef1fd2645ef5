"""What the Windows installer is told on its command line: the script itself knows no version and no path."""

from __future__ import annotations

from pathlib import Path

from packager.project import HOMEPAGE, ROOT, VERSION


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
        "ICON": ROOT / "packaging" / "windows" / "jobdesk.ico",
    }
    return [f"-D{name}={value}" for name, value in values.items()]
