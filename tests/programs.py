"""A program that a test starts ends with the test, however that ends.

`with subprocess.Popen` waits at its end for a program that nobody tells to end: of a test that fails, for ever.
"""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any


@contextlib.contextmanager
def started(command: Sequence[str | Path], **options: Any) -> Iterator[subprocess.Popen[Any]]:
    """The program; after the block it is killed if it still runs, and its pipes are closed. Options are Popen's."""
    process = subprocess.Popen(command, **options)
    try:
        yield process
    finally:
        process.kill()
        for pipe in (process.stdin, process.stdout, process.stderr):
            if pipe is not None:
                with contextlib.suppress(OSError):  # what it was never told
                    pipe.close()
        process.wait(20)


def server_pid(folder: Path) -> int:
    """The embedded server's process."""
    (pid_file,) = folder.glob("data-*/postmaster.pid")
    return int(pid_file.read_text().splitlines()[0])
