"""Where the bundle begins: the window, or one of the demo's own processes.

The demo starts its helpers as `PROGRAM -m MODULE`. An interpreter understands that by itself; in the bundle, whose
only program is this one, it is done here, and for the demo's modules alone.
"""

from __future__ import annotations

import os
import runpy
import sys

OWN_MODULES = ("jobdesk_core.demo.supervisor", "jobdesk_core.demo.worker")


def main() -> int:
    """Run what the command line asks for and return the exit code."""
    _restore_library_path()
    if sys.argv[1:2] == ["-m"] and sys.argv[2:3] and sys.argv[2] in OWN_MODULES:
        module = sys.argv[2]
        del sys.argv[1:3]
        runpy.run_module(module, run_name="__main__", alter_sys=True)
        return 0
    from jobdesk.application import main as show_window

    return show_window()


def _restore_library_path() -> None:
    """Give what we start (a browser, say) the library path of the user, not the bundle's."""
    if "LD_LIBRARY_PATH_ORIG" in os.environ:
        os.environ["LD_LIBRARY_PATH"] = os.environ["LD_LIBRARY_PATH_ORIG"]
    elif getattr(sys, "frozen", False):
        os.environ.pop("LD_LIBRARY_PATH", None)


if __name__ == "__main__":
    sys.exit(main())
