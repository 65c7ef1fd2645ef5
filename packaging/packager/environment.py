"""The build's own virtual environment, from the two locks with their hashes, and the host's tools."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Mapping
from pathlib import Path

from packager.project import BUILD, DISTRIBUTIONS, PACKAGING, ROOT, NotReady

VENV = BUILD / "venv"
LOCKS = (ROOT / "requirements.lock", PACKAGING / "requirements-build.lock")
#: Each command that a step runs, and the Debian package that holds it.
TOOLS_TO_BUILD = {
    "dpkg-deb": "dpkg",
    "dpkg-shlibdeps": "dpkg-dev",
    "readelf": "binutils",
    "strip": "binutils",
    "chrpath": "chrpath",
    "rpmbuild": "rpm",
    "rsvg-convert": "librsvg2-bin",
    "xz": "xz-utils",
}
#: What Qt loads on a desktop: each library that the bundle takes from the host or asks for, and its package.
LIBRARIES_TO_BUILD = {
    "libdbus-1.so.3": "libdbus-1-3",
    "libEGL.so.1": "libegl1",
    "libfontconfig.so.1": "libfontconfig1",
    "libGL.so.1": "libgl1",
    "libglib-2.0.so.0": "libglib2.0-0",
    "libwayland-client.so.0": "libwayland-client0",
    "libwayland-cursor.so.0": "libwayland-cursor0",
    "libwayland-egl.so.1": "libwayland-egl1",
    "libX11-xcb.so.1": "libx11-xcb1",
    "libxcb-cursor.so.0": "libxcb-cursor0",
    "libxcb-icccm.so.4": "libxcb-icccm4",
    "libxcb-image.so.0": "libxcb-image0",
    "libxcb-keysyms.so.1": "libxcb-keysyms1",
    "libxcb-render-util.so.0": "libxcb-render-util0",
    "libxcb-shape.so.0": "libxcb-shape0",
    "libxcb-xkb.so.1": "libxcb-xkb1",
    "libxkbcommon-x11.so.0": "libxkbcommon-x11-0",
}
TOOLS_TO_TEST = {
    "lintian": "lintian",
    "desktop-file-validate": "desktop-file-utils",
    "appstreamcli": "appstream",
    "debootstrap": "debootstrap",
    "makensis": "nsis",
    "mandoc": "mandoc",
    "Xvfb": "xvfb",
    "xwininfo": "x11-utils",
    "openssl": "openssl",
    "setpriv": "util-linux",
}


def need(tools: Mapping[str, str]) -> None:
    """Install the tools and libraries that are missing when we may, as `make setup` does.

    Raises NotReady with what is left to do.
    """
    missing = _missing(tools)
    if not missing:
        return
    packages = sorted(set(missing.values()))
    sentence = f"This machine lacks {', '.join(missing)}."
    if not is_root() or shutil.which("apt-get") is None:
        raise NotReady(f"{sentence} Install them with: sudo apt-get install {' '.join(packages)}")
    sys.stdout.write(f"{sentence} Installing: {' '.join(packages)}\n")
    sys.stdout.flush()
    quiet = variables(DEBIAN_FRONTEND="noninteractive")
    with contextlib.suppress(NotReady):  # the lists that are there may do
        run("apt-get", "update", "-qq", env=quiet)
    run("apt-get", "install", "-y", "-qq", "--no-install-recommends", *packages, env=quiet)
    if still := _missing(tools):
        raise NotReady(f"{', '.join(packages)} were installed, and still this machine lacks {', '.join(still)}.")


def is_root() -> bool:
    """Whether Debian's packages may be installed by us."""
    return sys.platform == "linux" and os.geteuid() == 0


def _missing(tools: Mapping[str, str]) -> dict[str, str]:
    known = loader_names() if any(".so." in name for name in tools) else frozenset()
    return {name: package for name, package in tools.items() if name not in known and shutil.which(name) is None}


def loader_names() -> frozenset[str]:
    """The libraries that programs find on this machine."""
    # Not in everyone's PATH.
    program = shutil.which("ldconfig") or "/sbin/ldconfig"
    return frozenset(re.findall(r"^\s+(\S+) ", run(program, "-p"), re.MULTILINE))


def run(*command: str | Path, cwd: Path = ROOT, env: Mapping[str, str] | None = None) -> str:
    """Run a command and return what it printed. Raises NotReady with its own words when it fails."""
    done = subprocess.run(
        [str(part) for part in command], cwd=cwd, env=env, text=True, errors="replace", capture_output=True, check=False
    )
    if done.returncode != 0:
        words = (done.stdout + done.stderr).strip()[-4000:]
        raise NotReady(f"{Path(command[0]).name} failed with code {done.returncode}:\n{words}")
    return done.stdout


def variables(**more: str) -> dict[str, str]:
    """The caller's environment with some of it changed."""
    return {**os.environ, **more}


def python() -> Path:
    """The build's interpreter, made ready when it is not."""
    if sys.platform == "linux" and not sysconfig.get_config_var("Py_ENABLE_SHARED"):
        raise NotReady(
            "This Python has no shared library, which a bundle needs. On Debian or Ubuntu: sudo apt-get install "
            "python3 python3-venv libpython3-dev, then PYTHON=/usr/bin/python3 make package"
        )
    interpreter = VENV / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    stamp = VENV / "locks"
    wanted = hashlib.sha256(b"".join(lock.read_bytes() for lock in LOCKS) + sys.version.encode()).hexdigest()
    if not stamp.is_file() or stamp.read_text() != wanted:
        shutil.rmtree(VENV, ignore_errors=True)
        run(sys.executable, "-m", "venv", VENV)
        for lock in LOCKS:
            _pip(interpreter, "--require-hashes", "-r", str(lock))
        stamp.write_text(wanted)
    # Anew each time: the bundle is to hold this checkout, and its version.
    _pip(interpreter, "--no-deps", "--no-build-isolation", "--force-reinstall", *map(str, DISTRIBUTIONS.values()))
    return interpreter


def _pip(interpreter: Path, *arguments: str) -> None:
    run(interpreter, "-m", "pip", "--disable-pip-version-check", "install", "--quiet", *arguments)
