"""The .rpm, of the same files as the .deb. What it requires is computed, by the names of the libraries."""

from __future__ import annotations

import platform
import shutil
from pathlib import Path

from packager import environment, libraries, tree
from packager.project import DIST, HOMEPAGE, SUMMARY, VERSION, news

#: Debian's rpmbuild knows no folder of documents of its own.
SPEC = """\
Name: jobdesk
Version: {version}
Release: 1
Summary: {summary}
License: MIT AND LGPL-3.0-only AND PostgreSQL AND Apache-2.0
URL: {homepage}
AutoReqProv: no
{requires}

%description
Jobdesk shows live what the job queues in a PostgreSQL database are doing, says
why a job waits, and lets an operator cancel, abort and retry jobs. Every action
first shows what it will do to which jobs.

The package brings its own Python, Qt and libpq, and a small PostgreSQL server for
the demo, which runs only while the demo is open.

%install
cp -a {root}/. %{{buildroot}}/

%postun
# What the demo keeps for root lies outside a home: it goes with the package, not with an upgrade.
if [ "$1" = 0 ]; then rm -rf /var/lib/jobdesk; fi

%files
/usr/bin/jobdesk
/usr/lib/jobdesk
/usr/share/applications/jobdesk.desktop
/usr/share/icons/hicolor/*/apps/jobdesk.*
/usr/share/man/man1/jobdesk.1.gz
/usr/share/metainfo/*.metainfo.xml

%changelog
* {day} Jobdesk maintainers - {version}-1
- Jobdesk {version}; its own changelog tells what is new.
"""


def requires(root: Path) -> list[str]:
    """The libraries that the bundle expects, as an .rpm names them."""
    width = "()(64bit)" if platform.machine() in ("x86_64", "aarch64") else ""
    glibc = f"libc.so.6(GLIBC_{libraries.newest_glibc(root)}){width[2:]}"
    return [glibc, *(f"{name}{width}" for name in libraries.expected(root))]


def build(root: Path) -> Path:
    """Make dist/jobdesk-VERSION-1.ARCH.rpm of the laid out files."""
    work = tree.STAGE / "rpm"
    text = SPEC.format(
        version=VERSION,
        summary=SUMMARY,
        homepage=HOMEPAGE,
        root=root,
        day=news()[0].strftime("%a %b %d %Y"),
        requires="\n".join(f"Requires: {each}" for each in requires(root)),
    )
    tree.write(work / "jobdesk.spec", text)
    settings = {
        "_topdir": str(work),
        "_binary_payload": "w7.xzdio",
        "__os_install_post": "%{nil}",
        "_build_id_links": "none",
        "debug_package": "%{nil}",
        "source_date_epoch_from_changelog": "1",
        "clamp_mtime_to_source_date_epoch": "1",
        "use_source_date_epoch_as_buildtime": "1",
    }
    defined = [part for name, value in settings.items() for part in ("--define", f"{name} {value}")]
    environment.run("rpmbuild", "-bb", "--nodeps", *defined, work / "jobdesk.spec")
    (made,) = (work / "RPMS").rglob("*.rpm")
    DIST.mkdir(exist_ok=True)
    return Path(shutil.copy(made, DIST / made.name))
