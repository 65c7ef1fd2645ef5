"""`make package`, `make package-test` and `make release`: makes the packages, proves them, tells what would go out."""

from __future__ import annotations

import shutil
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from packager import archive, bundle, debian, environment, inventory, licences, rpm, sbom, tree
from packager.project import DIST, VERSION, NotReady

MEGABYTE = 1_000_000
#: What a download and an installation may weigh, in megabytes.
MOST_DEB_MB, MOST_BUNDLE_MB = 45, 150


def package() -> None:
    """Make everything that a Linux user can install, below dist/."""
    environment.need(environment.TOOLS_TO_BUILD)
    shutil.rmtree(DIST, ignore_errors=True)
    made = _told("bundle", bundle.build)
    components = inventory.components(made)
    root = tree.stage(made, licences.notices(components))
    files = [
        _told("deb", lambda: debian.build(root, licences.debian_copyright(components))),
        _told("rpm", lambda: rpm.build(root)),
        _told("tar.xz", lambda: archive.build(root, made)),
    ]
    bill = DIST / f"jobdesk-{VERSION}.cdx.json"
    bill.write_text(sbom.document(components))
    _refuse_weight(bundle.size(made), files[0])
    archive.sums([*files, bill])
    sys.stdout.write(f"{len(components)} components. Everything is in {DIST.name}/.\n")


def _told(name: str, build: object) -> Path:
    begun = time.monotonic()
    assert callable(build)
    made: Path = build()
    weight = bundle.size(made) if made.is_dir() else made.stat().st_size
    sys.stdout.write(f"{name:7} {weight / MEGABYTE:6.1f} MB in {time.monotonic() - begun:3.0f} s  {made.name}\n")
    sys.stdout.flush()
    return made


def _refuse_weight(bundle_size: int, deb: Path) -> None:
    for name, weight, most in (("bundle", bundle_size, MOST_BUNDLE_MB), (".deb", deb.stat().st_size, MOST_DEB_MB)):
        if weight > most * MEGABYTE:
            raise NotReady(f"The {name} weighs {weight / MEGABYTE:.1f} MB; it is to stay below {most} MB.")


def main() -> int:
    """Do what the one argument says: package, test or release."""
    wanted = sys.argv[1:]
    try:
        if wanted == ["package"]:
            package()
        elif wanted == ["test"]:
            from packager.proof import prove

            prove()
        elif wanted == ["release"]:
            from packager.release import release

            return release()
        else:
            raise NotReady("Say one of: package, test, release.")
    except NotReady as problem:
        sys.stderr.write(f"{problem}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
