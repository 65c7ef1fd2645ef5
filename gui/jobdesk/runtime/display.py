"""Whether there is a display to show a window on: Qt would end the process where there is none."""

from __future__ import annotations

import ctypes
import os
import sys


def is_there() -> bool:
    """Whether this platform has one, and whether it answers."""
    if sys.platform != "linux" or os.environ.get("QT_QPA_PLATFORM"):
        return True
    return bool(os.environ.get("WAYLAND_DISPLAY")) or (bool(os.environ.get("DISPLAY")) and _x_server_answers())


def named() -> str:
    """What the environment says of it, for a sentence."""
    name = os.environ.get("DISPLAY")
    return f"nothing answers at DISPLAY={name}" if name else "DISPLAY and WAYLAND_DISPLAY are not set"


def _x_server_answers() -> bool:
    """Qt aborts the process when it does not; so it is asked first."""
    try:
        xcb = ctypes.CDLL("libxcb.so.1")
    except OSError:
        return True  # what is lacking is told next
    xcb.xcb_connect.restype = ctypes.c_void_p
    connection = ctypes.c_void_p(xcb.xcb_connect(None, None))
    # Kept open: an X server that loses its only client begins anew, and would refuse Qt meanwhile.
    return not xcb.xcb_connection_has_error(connection)
