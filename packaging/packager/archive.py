"""The .tar.xz that runs from wherever it is unpacked, and the sums of all that is published."""

from __future__ import annotations

import hashlib
import os
import platform
import shutil
from pathlib import Path

from packager import environment, tree
from packager.project import DIST, ROOT, VERSION

NAME = f"jobdesk-{VERSION}-linux-{platform.machine()}"


def build(root: Path, bundle: Path) -> Path:
    """Make dist/jobdesk-VERSION-linux-MACHINE.tar.xz of the laid out files."""
    folder = tree.STAGE / "archive" / NAME
    shutil.copytree(bundle, folder, symlinks=True)
    shutil.copytree(root / "usr" / "lib" / "jobdesk" / "licences", folder / "licences")
    shutil.copytree(root / "usr" / "share", folder / "share", symlinks=True)
    shutil.copy(tree.LINUX / "add-to-menu.sh", folder)
    shutil.copy(ROOT / "CHANGELOG.md", folder)
    shutil.copy(ROOT / "LICENSE", folder)
    tree.settle(folder)
    (folder / "jobdesk").chmod(0o755)
    made = DIST / f"{NAME}.tar.xz"
    DIST.mkdir(exist_ok=True)
    environment.run(
        *("tar", "--sort=name", f"--mtime=@{tree.EPOCH}", "--owner=0", "--group=0", "--numeric-owner"),
        *("--use-compress-program=xz -6 -T0", "-cf", made, "-C", folder.parent, NAME),
        env={**os.environ, "LC_ALL": "C"},
    )
    return made


def sums(files: list[Path]) -> Path:
    """Write dist/SHA256SUMS, as sha256sum reads it."""
    lines = [f"{hashlib.sha256(file.read_bytes()).hexdigest()}  {file.name}\n" for file in sorted(files)]
    made = DIST / "SHA256SUMS"
    made.write_text("".join(lines))
    return made
