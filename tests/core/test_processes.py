"""What differs between platforms: each piece is tried on whichever one the tests run on."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from jobdesk_core import processes
from programs import started

SELECTS = """
import asyncio, psycopg
from jobdesk_core.processes import run_loop

async def kind():
    return type(asyncio.get_running_loop()).__mro__

print(*(each.__name__ for each in run_loop(kind())))
"""


def test_a_loop_of_ours_is_one_that_psycopg_works_on() -> None:
    done = subprocess.run([sys.executable, "-c", SELECTS], capture_output=True, text=True, check=True, timeout=60)
    assert "BaseSelectorEventLoop" in done.stdout and "Proactor" not in done.stdout


async def test_the_end_of_a_pipe_is_noticed_only_when_its_writer_is_gone() -> None:
    reading, writing = os.pipe()
    ended = asyncio.Event()
    with os.fdopen(reading) as stream:
        processes.when_it_ends(stream, ended.set)
        os.write(writing, b"still here")
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(ended.wait(), 0.2)
        os.close(writing)
        await asyncio.wait_for(ended.wait(), 60)


def test_a_process_that_waits_for_the_end_of_its_input_can_end_before_it() -> None:
    code = """
import asyncio, sys
from jobdesk_core.processes import run_loop, when_it_ends
async def main():
    when_it_ends(sys.stdin, lambda: None)
run_loop(main())
"""
    with started([sys.executable, "-c", code], stdin=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.wait(30) == 0
        assert process.stderr is not None and process.stderr.read() == b""


def test_a_locked_file_is_refused_to_others_until_it_is_closed(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with path.open("w") as first, path.open("w") as second:
        processes.lock(first)
        with pytest.raises(BlockingIOError):
            processes.lock(second)
    with path.open("w") as third:
        processes.lock(third)


def test_every_signal_that_ends_us_exists_here() -> None:
    assert signal.SIGTERM in processes.ENDING_SIGNALS
    assert all(isinstance(each, signal.Signals) for each in processes.ENDING_SIGNALS)


def test_a_child_can_be_started_with_the_options_of_this_platform() -> None:
    options = processes.ending_with_us(lambda: None)
    assert set(options) <= {"preexec_fn"} and bool(options) == (sys.platform != "win32")
    command = [sys.executable, "-c", ""]
    assert subprocess.run(command, creationflags=processes.NO_WINDOW, check=False, **options).returncode == 0
