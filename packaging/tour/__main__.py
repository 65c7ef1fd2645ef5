"""`python packaging/tour FOLDER --demo`: the pictures go into the folder; the rest is what `jobdesk` itself takes.

It acts on the jobs of the database that it is given: meant for the demo.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from jobdesk.application import main as show_window
from jobdesk.window.main_window import MainWindow

from tour.route import walk
from tour.walker import Walker


def main() -> int:
    """0 when every step did what it should, 1 when one did not, 2 when there is nothing to walk through."""
    if not sys.argv[1:] or sys.argv[1].startswith("-"):
        sys.stderr.write("Where are the pictures to go? For example: python packaging/tour build/tour --demo\n")
        return 2
    folder = Path(sys.argv[1])
    # The demo's pictures are the same whoever takes them: without their connections, settings and journal.
    is_on_its_own = "--demo" in sys.argv and sys.platform == "linux"
    if is_on_its_own:
        os.environ["XDG_CONFIG_HOME"] = os.environ["XDG_STATE_HOME"] = tempfile.mkdtemp(prefix="jobdesk-tour-")

    async def guide(window: MainWindow, is_opening: bool) -> int:
        if not is_opening:
            sys.stderr.write("Which database is the tour to show? Give --demo, --dsn or --profile.\n")
            return 2
        return await Walker(window, folder, is_on_its_own=is_on_its_own).run(walk)

    return show_window(sys.argv[2:], guide)


if __name__ == "__main__":
    sys.exit(main())
