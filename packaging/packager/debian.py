"""The .deb, laid out by hand: there is nothing to compile, and every line of it is checked by lintian."""

from __future__ import annotations

import datetime as dt
import hashlib
import shutil
from email.utils import format_datetime
from pathlib import Path

from packager import bundle, environment, libraries, tree
from packager.project import DIST, HOMEPAGE, MAINTAINER, ROOT, SUMMARY, VERSION, news

REVISION = "1"


def build(root: Path, copyright_text: str) -> Path:
    """Make dist/jobdesk_VERSION-REVISION_ARCH.deb of the laid out files."""
    architecture = environment.run("dpkg", "--print-architecture").strip()
    work = tree.STAGE / "debian-source"
    package = work / "debian" / "jobdesk"
    shutil.copytree(root, package, symlinks=True)
    _documents(package, copyright_text)
    control = package / "DEBIAN"
    control.mkdir()
    depends = libraries.debian_depends(work, package)
    tree.write(control / "control", _control(architecture, depends, bundle.size(package)))
    shutil.copy(tree.LINUX / "postrm", control / "postrm")
    tree.write(control / "md5sums", _sums(package))
    tree.settle(package)
    DIST.mkdir(exist_ok=True)
    made = DIST / f"jobdesk_{VERSION}-{REVISION}_{architecture}.deb"
    environment.run("dpkg-deb", "--root-owner-group", "-Zxz", "-z6", "--build", package, made)
    return made


def _documents(package: Path, copyright_text: str) -> None:
    documents = package / "usr" / "share" / "doc" / "jobdesk"
    tree.write(documents / "copyright", copyright_text)
    tree.write(documents / "changelog.gz", (ROOT / "CHANGELOG.md").read_text("utf-8"))
    tree.write(documents / "changelog.Debian.gz", changelog())
    overrides = (tree.LINUX / "lintian-overrides").read_text("utf-8")
    tree.write(package / "usr" / "share" / "lintian" / "overrides" / "jobdesk", overrides)


def changelog() -> str:
    """Debian's changelog of this build. What is new in the program stands in the other one."""
    day, _ = news()
    at = format_datetime(dt.datetime.combine(day, dt.time(12), dt.UTC))
    words = f"  * Jobdesk {VERSION}; its own changelog tells what is new."
    return f"jobdesk ({VERSION}-{REVISION}) unstable; urgency=medium\n\n{words}\n\n -- {MAINTAINER}  {at}\n"


def _control(architecture: str, depends: str, size: int) -> str:
    return f"""\
Package: jobdesk
Version: {VERSION}-{REVISION}
Architecture: {architecture}
Maintainer: {MAINTAINER}
Installed-Size: {size // 1024}
Depends: {depends}
Recommends: fonts-dejavu-core
Suggests: gnome-keyring | kwalletmanager
Section: database
Priority: optional
Homepage: {HOMEPAGE}
Description: {SUMMARY.removeprefix("The ")}
 Jobdesk shows live what the job queues in a PostgreSQL database are doing,
 says why a job waits, and lets an operator cancel, abort and retry jobs.
 Every action first shows what it will do to which jobs.
 .
 The package brings its own Python, Qt and libpq, and a small PostgreSQL
 server for the demo, which runs only while the demo is open.
"""


def _sums(package: Path) -> str:
    files = sorted(path for path in (package / "usr").rglob("*") if path.is_file() and not path.is_symlink())
    sums = ((hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest(), path) for path in files)
    return "".join(f"{digest}  {path.relative_to(package)}\n" for digest, path in sums)
