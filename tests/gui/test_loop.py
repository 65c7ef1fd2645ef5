"""The loop that everything of the window runs on: the same kind on every platform."""

from __future__ import annotations

import subprocess
import sys

RUN = """
import asyncio, os, socket, sys
os.environ["QT_QPA_PLATFORM"] = "offscreen"
from PySide6.QtWidgets import QApplication
from jobdesk import loop

async def main():
    running = asyncio.get_running_loop()
    kinds = [kind.__name__ for kind in type(running).__mro__]
    assert "_QEventLoop" in kinds and "QSelectorEventLoop" in kinds, kinds
    # What psycopg needs of a loop, and a proactor does not have.
    ours, theirs = socket.socketpair()
    heard, writable = asyncio.Event(), asyncio.Event()
    running.add_reader(ours, heard.set)
    running.add_writer(ours, writable.set)
    theirs.send(b"x")
    await asyncio.wait_for(asyncio.gather(heard.wait(), writable.wait()), 20)
    running.remove_reader(ours)
    running.remove_writer(ours)
    ours.close()
    theirs.close()
    await asyncio.to_thread(lambda: None)
    return 7

app = QApplication([])
sys.exit(loop.run(app, main()))
"""


def test_it_selects_on_sockets_and_returns_the_exit_code() -> None:
    done = subprocess.run([sys.executable, "-c", RUN], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (7, "")
