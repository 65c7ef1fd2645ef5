"""Starts and ends the demo's supervisor, a process of its own that outlives nobody."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from psycopg.conninfo import make_conninfo

from jobdesk_core.embedded import STOP_TIMEOUT_S, default_folder
from jobdesk_core.processes import NO_WINDOW, OUR_PYTHONS, chosen_environment

#: The demo's second database, without jobs.
ELSEWHERE = "elsewhere"
#: Demos that can run side by side, each with its own data.
SLOTS = 9


def elsewhere(dsn: str) -> str:
    """The connection string of the second database of the demo with this one."""
    return make_conninfo(dsn, dbname=ELSEWHERE)


class DemoError(Exception):
    """The demo did not start."""


class Demo:
    """A running demo. It ends with `stop`, and also when this process ends in whatever way."""

    def __init__(self, process: subprocess.Popen[str], dsn: str) -> None:
        self._process = process
        self.dsn = dsn

    @classmethod
    def start(cls, on_progress: Callable[[str], None], *, folder: Path | None = None) -> Demo:
        """Start everything and return when jobs are running; blocks for some seconds the first time.

        Raises DemoError with the reason.
        """
        # A broken pipe on its standard input is how the supervisor learns that we are gone.
        process = subprocess.Popen(
            [sys.executable, "-m", "jobdesk_core.demo.supervisor", str(folder or default_folder())],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd="/",
            env={**chosen_environment(OUR_PYTHONS), "PYTHONUNBUFFERED": "1"},
            start_new_session=True,
            creationflags=NO_WINDOW,
        )
        assert process.stdin is not None and process.stdout is not None
        reason = None
        try:
            for line in process.stdout:
                told = json.loads(line)
                if "progress" in told:
                    on_progress(told["progress"])
                elif "dsn" in told:
                    return cls(process, told["dsn"])
                else:
                    reason = told["error"]
        except BaseException:
            cls(process, "").stop()
            raise
        process.stdin.close()
        process.stdout.close()
        code = process.wait()
        raise DemoError(reason or f"The demo's supervisor ended with code {code}.")

    @property
    def supervisor_pid(self) -> int:
        """The process at whose end everything of the demo has ended."""
        return self._process.pid

    def stop(self) -> None:
        """End the workers and the server, and wait for it."""
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.close()
        try:
            self._process.wait(3 * STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()
