"""Where the bundle begins: the window, or one of the demo's own processes.

The demo starts its helpers as `PROGRAM -m MODULE`. An interpreter understands that by itself; in the bundle, whose
only program is this one, it is done here, and for the demo's modules alone.
"""

from __future__ import annotations

import os
import runpy
import sys
from pathlib import Path

OWN_MODULES = ("jobdesk_core.demo.supervisor", "jobdesk_core.demo.worker")


def main() -> int:
    """Run what the command line asks for and return the exit code."""
    _restore_library_path()
    _name_the_program_with_streams()
    if sys.argv[1:2] == ["-m"] and sys.argv[2:3] and sys.argv[2] in OWN_MODULES:
        module = sys.argv[2]
        del sys.argv[1:3]
        runpy.run_module(module, run_name="__main__", alter_sys=True)
        return 0
    from jobdesk.__main__ import main as jobdesk

    return jobdesk()


def _restore_library_path() -> None:
    """Give what we start (a browser, say) the library path of the user, not the bundle's."""
    if "LD_LIBRARY_PATH_ORIG" in os.environ:
        os.environ["LD_LIBRARY_PATH"] = os.environ["LD_LIBRARY_PATH_ORIG"]
    elif getattr(sys, "frozen", False):
        os.environ.pop("LD_LIBRARY_PATH", None)


def _name_the_program_with_streams() -> None:
    """On Windows a program with a window has no standard streams; what we start is to have some."""
    console = Path(sys.executable).with_name("jobdesk-console.exe")
    if sys.platform == "win32" and console.exists():
        sys.executable = str(console)


if __name__ == "__main__":
    sys.exit(main())
