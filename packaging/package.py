"""`make package`, `make package-test` and `make release`: makes the packages, proves them, tells what would go out."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from packager import icons, make
from packager.project import NotReady


def main() -> int:
    """Do what the one argument says: package, test, release or icons."""
    wanted = " ".join(sys.argv[1:])
    try:
        if wanted == "package":
            make.package()
        elif wanted == "test":
            from packager.proof import prove

            prove()
        elif wanted == "release":
            from packager.release import release

            return release()
        elif wanted == "icons":
            icons.make()
        else:
            raise NotReady("Say one of: package, test, release, icons.")
    except NotReady as problem:
        sys.stderr.write(f"{problem}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
