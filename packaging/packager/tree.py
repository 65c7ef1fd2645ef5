"""The files as they lie on a Linux machine: what the .deb and the .rpm have in common."""

from __future__ import annotations

import gzip
import os
import shutil
from pathlib import Path
from xml.sax.saxutils import escape, quoteattr

from packager import environment
from packager.project import BUILD, HOMEPAGE, IDENTIFIER, PACKAGING, PICTURES, ROOT, VERSION, changelog, news

LINUX = PACKAGING / "linux"
STAGE = BUILD / "stage"
#: Sizes that desktops ask for in pixels; the SVG serves every other.
ICON_SIZES = (16, 22, 24, 32, 48, 64, 128, 256, 512)
#: In the bundle for the archive's sake alone. A package asks for them by name, so that their owners mend them.
HELPERS_OF_X = ("libxcb-*", "libxkbcommon*")
#: Times of all files, so that the same sources give the same packages.
EPOCH = int(os.environ.get("SOURCE_DATE_EPOCH", "1767225600"))


def stage(bundle: Path, notices: str) -> Path:
    """Lay everything out below a folder that stands for / and return it."""
    root = STAGE / "root"
    shutil.rmtree(STAGE, ignore_errors=True)
    inside = root / "usr" / "lib" / "jobdesk"
    shutil.copytree(bundle, inside, symlinks=True, ignore=shutil.ignore_patterns(*HELPERS_OF_X))
    write(inside / "licences" / "THIRD-PARTY.txt", notices)
    (root / "usr" / "bin").mkdir(parents=True)
    (root / "usr" / "bin" / "jobdesk").symlink_to("../lib/jobdesk/jobdesk")
    share(root / "usr" / "share")
    settle(root)
    return root


def share(folder: Path) -> None:
    """What goes under a `share` folder: the menu's entry, icons, the shop's description and the manual."""
    write(folder / "applications" / "jobdesk.desktop", (LINUX / "jobdesk.desktop").read_text("utf-8"))
    write(folder / "metainfo" / f"{IDENTIFIER}.metainfo.xml", metainfo())
    manual = (LINUX / "jobdesk.1.in").read_text("utf-8")
    manual = manual.replace("@VERSION@", VERSION).replace("@DATE@", news()[0].isoformat())
    write(folder / "man" / "man1" / "jobdesk.1.gz", manual)
    icons = folder / "icons" / "hicolor"
    drawing = ROOT / "resources" / "icons" / "jobdesk.svg"
    write(icons / "scalable" / "apps" / "jobdesk.svg", drawing.read_text("utf-8"))
    for size in ICON_SIZES:
        picture = icons / f"{size}x{size}" / "apps" / "jobdesk.png"
        picture.parent.mkdir(parents=True)
        environment.run("rsvg-convert", "-w", str(size), "-h", str(size), "-o", picture, drawing)


def metainfo() -> str:
    """The AppStream description, with the pictures of the README and the releases of the changelog."""
    pictures = [
        f"    <screenshot{' type=' + quoteattr('default') if not number else ''}>\n"
        f"      <caption>{escape(caption)}</caption>\n"
        f"      <image>{HOMEPAGE}/pictures/{name}.png</image>\n    </screenshot>"
        for number, (name, caption) in enumerate(PICTURES.items())
    ]
    day, entries = news()
    told = "\n".join(f"          <li>{escape(_plain(entry))}</li>" for entry in entries)
    releases = [
        f'    <release version="{VERSION}" date="{day}">\n      <description>\n        <ul>\n{told}\n        </ul>\n'
        "      </description>\n    </release>"
    ]
    releases += [
        f'    <release version="{section.version}" date="{section.date}"/>'
        for section in changelog()
        if section.version not in ("", VERSION)
    ]
    text = (LINUX / "jobdesk.metainfo.xml.in").read_text("utf-8").replace("@HOMEPAGE@", HOMEPAGE)
    text = text.replace("@IDENTIFIER@", IDENTIFIER)
    return text.replace("@SCREENSHOTS@", "\n".join(pictures)).replace("@RELEASES@", "\n".join(releases))


def _plain(entry: str) -> str:
    return entry.replace("`", "").replace("**", "")


def write(path: Path, text: str) -> None:
    """Write a file with its folders; one whose name ends in .gz is compressed as Debian wants it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    raw = text.encode()
    path.write_bytes(gzip.compress(raw, 9, mtime=0) if path.suffix == ".gz" else raw)


def settle(root: Path) -> None:
    """Give every file the mode and the time that it has in a package."""
    for path in [*root.rglob("*"), root]:
        if not path.is_symlink():
            is_program = path.is_dir() or _is_program(path)
            path.chmod(0o755 if is_program else 0o644)
        os.utime(path, (EPOCH, EPOCH), follow_symlinks=False)


def _is_program(path: Path) -> bool:
    return (
        path.parent.name == "bin"
        or path.name in ("postrm", "add-to-menu.sh")
        or (path.parent.parts[-2:] == ("lib", "jobdesk") and path.name == "jobdesk")
    )
