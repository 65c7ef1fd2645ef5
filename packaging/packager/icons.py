"""The icon in Windows' and macOS' formats, from the one drawing: both are containers of PNG pictures.

Kept in the repository, as those machines have no program to draw an SVG with. Made anew by `make icons`.
"""

from __future__ import annotations

import struct
from pathlib import Path

from packager import environment
from packager.project import BUILD, PACKAGING, ROOT

DRAWING = ROOT / "resources" / "icons" / "jobdesk.svg"
ICO, ICNS = PACKAGING / "windows" / "jobdesk.ico", PACKAGING / "macos" / "jobdesk.icns"
ICO_SIZES = (16, 24, 32, 48, 64, 128, 256)
#: Apple's name of each size in pixels.
ICNS_SIZES = {b"icp4": 16, b"icp5": 32, b"icp6": 64, b"ic07": 128, b"ic08": 256, b"ic09": 512, b"ic10": 1024}


def make() -> None:
    """Write both files."""
    environment.need({"rsvg-convert": environment.TOOLS_TO_BUILD["rsvg-convert"]})
    ICO.write_bytes(ico({size: _picture(size) for size in ICO_SIZES}))
    ICNS.write_bytes(icns({name: _picture(size) for name, size in ICNS_SIZES.items()}))


def ico(pictures: dict[int, bytes]) -> bytes:
    """A Windows icon of PNG pictures, each under its size."""
    at = 6 + 16 * len(pictures)
    head, body = struct.pack("<HHH", 0, 1, len(pictures)), b""
    for size, picture in pictures.items():
        head += struct.pack("<BBBBHHII", size % 256, size % 256, 0, 0, 1, 32, len(picture), at + len(body))
        body += picture
    return head + body


def icns(pictures: dict[bytes, bytes]) -> bytes:
    """A macOS icon of PNG pictures, each under Apple's name for its size."""
    body = b"".join(name + struct.pack(">I", len(picture) + 8) + picture for name, picture in pictures.items())
    return b"icns" + struct.pack(">I", len(body) + 8) + body


def _picture(size: int) -> bytes:
    BUILD.mkdir(parents=True, exist_ok=True)
    made: Path = BUILD / "icon.png"
    environment.run("rsvg-convert", "-w", str(size), "-h", str(size), "-o", made, DRAWING)
    return made.read_bytes()
