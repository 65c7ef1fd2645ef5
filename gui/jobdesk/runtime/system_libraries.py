"""Which of the system's libraries Qt would miss, found before Qt starts: it aborts, and names another one."""

from __future__ import annotations

import ctypes
import os
import re
import sys
from pathlib import Path

#: The packages of Debian and Ubuntu, by the names that the loader gives to what is in them.
PACKAGES = {
    "libEGL.so.1": "libegl1",
    "libGL.so.1": "libgl1",
    "libGLX.so.0": "libglx0",
    "libX11-xcb.so.1": "libx11-xcb1",
    "libX11.so.6": "libx11-6",
    "libdbus-1.so.3": "libdbus-1-3",
    "libfontconfig.so.1": "libfontconfig1",
    "libfreetype.so.6": "libfreetype6",
    "libglib-2.0.so.0": "libglib2.0-0",
    "libgthread-2.0.so.0": "libglib2.0-0",
    "libwayland-client.so.0": "libwayland-client0",
    "libwayland-cursor.so.0": "libwayland-cursor0",
    "libxcb-cursor.so.0": "libxcb-cursor0",
    "libxcb-icccm.so.4": "libxcb-icccm4",
    "libxcb-image.so.0": "libxcb-image0",
    "libxcb-keysyms.so.1": "libxcb-keysyms1",
    "libxcb-randr.so.0": "libxcb-randr0",
    "libxcb-render-util.so.0": "libxcb-render-util0",
    "libxcb-render.so.0": "libxcb-render0",
    "libxcb-shape.so.0": "libxcb-shape0",
    "libxcb-shm.so.0": "libxcb-shm0",
    "libxcb-sync.so.1": "libxcb-sync1",
    "libxcb-util.so.1": "libxcb-util1",
    "libxcb-xfixes.so.0": "libxcb-xfixes0",
    "libxcb-xkb.so.1": "libxcb-xkb1",
    "libxcb.so.1": "libxcb1",
    "libxkbcommon-x11.so.0": "libxkbcommon-x11-0",
    "libxkbcommon.so.0": "libxkbcommon0",
}
_NAME = re.compile(r"^([\w.+-]+\.so[\w.]*):")


def trouble(plugins: Path) -> str | None:
    """What is missing for a window on this display, and how to get it; None when Qt can start.

    `plugins` is the folder of Qt's platform plugins. Of several platforms one that loads is enough.
    """
    if sys.platform != "linux":
        return None
    errors: list[str] = []
    for name in _platforms():
        path = plugins / f"libq{name}.so"
        error = _error_of(str(path)) if path.exists() else None
        if error is None:
            return None
        errors.append(error)
    return sentence(errors[-1]) if errors else None


def sentence(error: str) -> str:
    """What a loader's error means: every known library that is missing beside the one that it names."""
    named = _NAME.match(error)
    missing = [named.group(1)] if named else []
    missing += [name for name in PACKAGES if name not in missing and "wayland" not in name and _error_of(name)]
    packages = sorted({PACKAGES[name] for name in missing if name in PACKAGES})
    install = f" On Debian and Ubuntu: sudo apt-get install {' '.join(packages)}" if packages else ""
    return f"Qt needs libraries that this system lacks: {', '.join(missing) or error}.{install}"


def _platforms() -> list[str]:
    """The platforms that Qt would try, by the names of their plugins."""
    asked = os.environ.get("QT_QPA_PLATFORM")
    if asked:
        names = [each.partition(":")[0] for each in asked.split(";") if each]
    else:
        names = ["wayland"] * bool(os.environ.get("WAYLAND_DISPLAY")) + ["xcb"] * bool(os.environ.get("DISPLAY"))
    return [name.replace("wayland-egl", "wayland") for name in names]


def _error_of(library: str) -> str | None:
    try:
        ctypes.CDLL(library)
    except OSError as error:
        return str(error)
    return None
