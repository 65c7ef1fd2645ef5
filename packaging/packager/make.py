"""What `make package` makes on each platform, in dist/: from one bundle, with its notices and its bill of materials."""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Callable
from pathlib import Path

from packager import archive, bundle, debian, environment, inventory, licences, macos, rpm, sbom, tree, wheels, windows
from packager.inventory import Component
from packager.project import DIST, VERSION, NotReady

MEGABYTE = 1_000_000
#: What a download and an installation may weigh, in megabytes.
MOST_DEB_MB, MOST_BUNDLE_MB = 45, 150


def package() -> None:
    """Make everything that this platform can make. Raises NotReady with what is missing."""
    if sys.platform == "linux":
        environment.need(environment.TOOLS_TO_BUILD | environment.LIBRARIES_TO_BUILD)
    shutil.rmtree(DIST, ignore_errors=True)
    DIST.mkdir()
    made = _told("bundle", bundle.build)
    components = inventory.components(made)
    notices = licences.notices(components)
    if sys.platform == "linux":
        files = _linux(made, components, notices)
    elif sys.platform == "win32":
        files = [_told("installer", lambda: windows.build(made, notices))]
    else:
        files = [_told("dmg", lambda: macos.build(made.parent / "Jobdesk.app", notices))]
    archive.sums(files)
    sys.stdout.write(f"{len(components)} components. Everything is in {DIST.name}/.\n")


def _linux(made: Path, components: list[Component], notices: str) -> list[Path]:
    root = tree.stage(made, notices)
    deb = _told("deb", lambda: debian.build(root, licences.debian_copyright(components)))
    for name, weight, most in (
        ("bundle", bundle.size(made), MOST_BUNDLE_MB),
        (".deb", deb.stat().st_size, MOST_DEB_MB),
    ):
        if weight > most * MEGABYTE:
            raise NotReady(f"The {name} weighs {weight / MEGABYTE:.1f} MB; it is to stay below {most} MB.")
    files = [deb, _told("rpm", lambda: rpm.build(root)), _told("tar.xz", lambda: archive.build(root, made))]
    bill = DIST / f"jobdesk-{VERSION}.cdx.json"
    bill.write_text(sbom.document(components))
    return [*files, bill, *wheels.build()]


def _told(name: str, build: Callable[[], Path]) -> Path:
    begun = time.monotonic()
    made = build()
    weight = bundle.size(made) if made.is_dir() else made.stat().st_size
    sys.stdout.write(f"{name:7} {weight / MEGABYTE:6.1f} MB in {time.monotonic() - begun:3.0f} s  {made.name}\n")
    sys.stdout.flush()
    return made
