"""The command `jobdesk`, also `python -m jobdesk`: a command of the core's command line, or else the window."""

from __future__ import annotations

import gc
import sys

from jobdesk_core import cli


def main() -> int:
    """Run what the arguments ask for. Qt is loaded for the window only."""
    if cli.is_command(sys.argv[1:]):
        return cli.main(sys.argv[1:])
    gc.disable()  # the start makes much and drops little; jobdesk.runtime.garbage takes over
    try:
        from jobdesk.application import main as show_window
    except ImportError as error:
        if ".so" not in str(error):
            raise
        from jobdesk.runtime import system_libraries

        sys.stderr.write(f"{system_libraries.sentence(str(error))}\n")
        return 2
    return show_window()


if __name__ == "__main__":
    sys.exit(main())
