#!/bin/sh
# Makes .venv ready: Python packages by the lock with hashes, both distributions of this project, and Qt's system libraries.
# A second run does nothing. Changes nothing outside this folder but the packages that it names.
set -eu

cd "$(dirname "$0")/.."
say() { printf '%s\n' "$*" >&2; }
fail() { say "$*"; exit 1; }

# What Qt needs to draw without a display, and what it needs on one.
OFFSCREEN_PACKAGES="libegl1 libgl1 libglib2.0-0 libdbus-1-3 libfontconfig1 libxkbcommon0 fonts-dejavu-core"
DISPLAY_PACKAGES="libxcb-cursor0 libxcb-icccm4 libxcb-keysyms1 libxcb-shape0 libxcb-xkb1 libxkbcommon-x11-0"

find_python() {
    for candidate in "${PYTHON:-}" python3 python3.14 python3.13 python3.12 python3.11; do
        [ -n "$candidate" ] || continue
        if "$candidate" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 15))' 2>/dev/null; then
            command -v "$candidate"
            return
        fi
    done
    fail "Jobdesk needs Python 3.11 to 3.14, and none was found. On Debian or Ubuntu: sudo apt-get install python3 python3-venv"
}

make_venv() {
    python=$(find_python)
    "$python" -c 'import ensurepip, venv' 2>/dev/null || fail \
        "$python has no venv module. On Debian or Ubuntu: sudo apt-get install $("$python" -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])')"
    packages=$("$python" -c 'import hashlib, sys
print(sys.version_info[:2], hashlib.sha256(open("requirements.lock", "rb").read()).hexdigest())')
    projects=$("$python" -c 'import hashlib
print(hashlib.sha256(open("core/pyproject.toml", "rb").read() + open("pyproject.toml", "rb").read()).hexdigest())')
    if [ "$(cat .venv/packages 2>/dev/null || true)" != "$packages" ]; then
        [ -w . ] || fail "The folder $(pwd) cannot be written: the environment goes into its .venv."
        say "Setting up .venv (once; some 300 MB are fetched)."
        "$python" -m venv --clear .venv
        install_by_pip --require-hashes -r requirements.lock
        printf '%s' "$packages" > .venv/packages
    fi
    if [ "$(cat .venv/project 2>/dev/null || true)" != "$projects" ]; then
        install_by_pip --no-deps --no-build-isolation --editable ./core --editable .
        printf '%s' "$projects" > .venv/project
    fi
}

install_by_pip() {
    .venv/bin/python -m pip install --quiet --quiet --disable-pip-version-check "$@"
}

# Prints nothing when Qt can start, otherwise what is missing.
missing_libraries() {
    .venv/bin/python - 2>&1 <<'PROBE' | tail -n 1
import ctypes
import os
import pathlib

os.environ["QT_QPA_PLATFORM"] = "offscreen"
try:
    import PySide6.QtSvg
    import PySide6.QtTest
    from PySide6.QtGui import QFontDatabase, QGuiApplication

    app = QGuiApplication([])
    if not QFontDatabase.families():
        print("no font")
    elif os.environ.get("DISPLAY"):
        plugins = pathlib.Path(PySide6.__file__).parent / "Qt" / "plugins" / "platforms"
        ctypes.CDLL(str(plugins / "libqxcb.so"))
except (ImportError, OSError) as error:
    print(error)
PROBE
}

install_libraries() {
    missing=$(missing_libraries)
    [ -n "$missing" ] || return 0
    packages=$OFFSCREEN_PACKAGES
    [ -z "${DISPLAY:-}" ] || packages="$packages $DISPLAY_PACKAGES"
    command -v apt-get >/dev/null || fail "Qt lacks a system library ($missing). On Debian they are in: $packages"
    if [ "$(id -u)" -ne 0 ]; then
        fail "Qt lacks a system library ($missing). Install what it needs, then try again:
    sudo apt-get install --no-install-recommends $packages"
    fi
    say "Installing Qt's system libraries: $packages"
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -qq >/dev/null || say "apt-get update failed; trying with the lists that are there."
    # shellcheck disable=SC2086
    apt-get install -y -qq --no-install-recommends $packages >/dev/null
    missing=$(missing_libraries)
    [ -z "$missing" ] || fail "Qt still lacks something: $missing"
}

make_venv
install_libraries
