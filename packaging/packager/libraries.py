"""Which libraries the bundle has, and which it expects of the machine that it is installed on."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from packager import environment
from packager.project import NotReady

#: Opened by name while it runs, so that no file says so.
OPENED_AT_RUN_TIME = {"libEGL.so.1": "libegl1", "libGL.so.1": "libgl1", "libxcb.so.1": "libxcb1"}


def binaries(bundle: Path) -> Iterator[Path]:
    """The programs and libraries in the bundle."""
    for path in sorted(bundle.rglob("*")):
        if path.is_file() and not path.is_symlink():
            with path.open("rb") as stream:
                if stream.read(4) == b"\x7fELF":
                    yield path


def expected(bundle: Path) -> list[str]:
    """The names of the libraries that the bundle needs and does not have, in order."""
    here = {path.name for path in bundle.rglob("*")}
    needed = set(OPENED_AT_RUN_TIME)
    for path in binaries(bundle):
        needed.update(re.findall(r"\(NEEDED\).*\[(.+)\]", environment.run("readelf", "-d", path)))
    return sorted(needed - here)


def refuse_missing(bundle: Path) -> None:
    """Raise NotReady when the bundle needs a library that is neither in it nor on this host.

    PyInstaller only warns, or says nothing, and the program would not start where it is installed.
    """
    missing = sorted({*expected(bundle)} - environment.loader_names())
    if missing:
        raise NotReady(
            f"This host lacks libraries of the bundle: {', '.join(missing)}. Install their packages, and name them in "
            "packaging/packager/environment.py, LIBRARIES_TO_BUILD."
        )


def debian_depends(work: Path, package: Path) -> str:
    """The Depends field of a package laid out below `work`, computed by dpkg-shlibdeps.

    Raises NotReady when the host lacks one of the libraries.
    """
    (work / "debian" / "control").write_text("Source: jobdesk\n\nPackage: jobdesk\nArchitecture: any\n")
    # Those that the bundle brings are found in it, and are nobody's package.
    folders = sorted({str(path.parent) for path in binaries(package)})
    printed = environment.run(
        *("dpkg-shlibdeps", "-O", "--ignore-missing-info", "--warnings=0", *(f"-l{folder}" for folder in folders)),
        *(f"-e{path}" for path in binaries(package)),
        cwd=work,
    )
    found = re.search(r"^shlibs:Depends=(.*)$", printed, re.MULTILINE)
    if found is None:
        raise NotReady(f"dpkg-shlibdeps told no dependencies: {printed}")
    named = [entry.strip() for entry in found[1].split(",")]
    already = {entry.split()[0] for entry in named}
    return ", ".join(sorted({*named, *(each for each in OPENED_AT_RUN_TIME.values() if each not in already)}))


def newest_glibc(bundle: Path) -> str:
    """The newest version of the C library that anything in the bundle asks for, such as 2.34."""
    versions = {
        tuple(int(part) for part in found.split("."))
        for path in binaries(bundle)
        for found in re.findall(r"Name: GLIBC_(\d+(?:\.\d+)+)", environment.run("readelf", "-V", path))
    }
    return ".".join(str(part) for part in max(versions))


def package_of(path: Path) -> str | None:
    """The Debian package that a file of the build host belongs to."""
    for place in (path, path.resolve(), Path("/usr") / path.relative_to("/")):
        try:
            return environment.run("dpkg", "-S", place).split(":")[0]
        except NotReady:
            continue
    return None
