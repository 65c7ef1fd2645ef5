"""What differs between the platforms about files and child processes, each behind one name; and what environment
children get: never ours as it is, which may hold passwords and tokens."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import os
import secrets
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Coroutine, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any, TypeVar

#: Flags for a child that is to show no console window of its own. Nothing of the kind exists elsewhere.
NO_WINDOW: int = getattr(subprocess, "CREATE_NO_WINDOW", 0)
#: What asks a process to end, as far as the platform has it.
ENDING_SIGNALS = tuple(getattr(signal, name) for name in ("SIGTERM", "SIGHUP", "SIGBREAK") if hasattr(signal, name))
_PR_SET_PDEATHSIG = 1
#: What a program needs to find its files, its language and its time zone. Nothing of the kind is a secret.
_HARMLESS = frozenset(
    (
        *("PATH", "HOME", "USER", "LOGNAME", "USERNAME", "SHELL", "LANG", "LANGUAGE", "TZ", "TZDIR"),
        *("TMPDIR", "TEMP", "TMP", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME", "XDG_CACHE_HOME"),
        *("SYSTEMROOT", "SYSTEMDRIVE", "WINDIR", "COMSPEC", "PATHEXT", "APPDATA", "LOCALAPPDATA", "PROGRAMDATA"),
        *("PROGRAMFILES", "USERPROFILE", "HOMEDRIVE", "HOMEPATH", "NUMBER_OF_PROCESSORS", "PROCESSOR_ARCHITECTURE"),
    )
)
#: What our own interpreter needs besides.
OUR_PYTHONS = ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH")
T = TypeVar("T")


def chosen_environment(also: Iterable[str] = (), ours: Mapping[str, str] = os.environ) -> dict[str, str]:
    """The environment for a child: the harmless variables of ours, and those that are named."""
    names = _HARMLESS.union(also)
    return {name: value for name, value in ours.items() if name.upper() in names or name.startswith("LC_")}


def die_with_parent(number: int) -> None:
    """In a new child: ask Linux to send it a signal when its parent's thread ends, however it ends."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, int(number))


def ending_with_us(in_child: Callable[[], None]) -> dict[str, Any]:
    """The options by which Popen calls something in a new child; none where it cannot."""
    return {"preexec_fn": in_child} if sys.platform != "win32" else {}


def run_loop(main: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine on the kind of loop that psycopg works on, which is not Windows' default."""
    with asyncio.Runner(loop_factory=asyncio.SelectorEventLoop) as runner:
        return runner.run(main)


def when_it_ends(stream: IO[Any], then: Callable[[], None]) -> None:
    """Call something on the running loop once nobody can write to this stream any more."""
    running = asyncio.get_running_loop()

    def wait() -> None:
        # Not through the stream, whose lock an ending interpreter would wait for.
        while os.read(stream.fileno(), 4096):
            pass
        if not running.is_closed():
            running.call_soon_threadsafe(then)

    # Not a reader of the loop: on Windows that takes sockets alone.
    threading.Thread(target=wait, daemon=True, name="end of input").start()


def lock(stream: IO[Any]) -> None:
    """Lock an open file for as long as it is open. Raises BlockingIOError when someone else has."""
    if sys.platform == "win32":
        import msvcrt

        try:
            msvcrt.locking(stream.fileno(), msvcrt.LK_NBLCK, 1)
        except OSError as error:
            raise BlockingIOError(str(error)) from error
    else:
        import fcntl

        fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)


def most_memory() -> int:
    """The most that this program has had in memory so far, in bytes; 0 where it cannot be told."""
    if sys.platform == "win32":
        from ctypes import wintypes

        counters = (ctypes.c_size_t * 9)()
        counters[0] = ctypes.sizeof(counters)
        process = ctypes.c_void_p(-1)  # ourselves
        if not ctypes.windll.kernel32.K32GetProcessMemoryInfo(process, counters, wintypes.DWORD(counters[0])):
            return 0
        return int(counters[1])
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def memory() -> int:
    """What this program has in memory now, in bytes; where that cannot be told, the most that it had; 0 for unknown."""
    try:
        pages = int(Path("/proc/self/statm").read_bytes().split()[1])
    except (OSError, IndexError, ValueError):
        return most_memory()
    return pages * os.sysconf("SC_PAGE_SIZE")


#: Stands between us and a program: once nobody holds the other end of its input, all in its group are killed.
_GUARD = """exec 3<&0 </dev/null
"$@" 3<&- &
program=$!
{ read -r _ <&3; kill -s KILL 0; } >/dev/null 2>&1 &
guard=$!
exec 3<&-
wait "$program"
code=$?
kill -s KILL "$guard" 2>/dev/null
exit "$code"
"""
#: What everything that a `Guarded` starts inherits, in sessions of its own, too.
_MARK = "JOBDESK_STARTED"
#: Seconds for which what has left the group is looked for.
_LONGEST_END_S = 3.0


class Guarded:
    """A program of others, in a group of its own, which ends whole: by `end`, and with us however we end.

    What leaves the group is found on Linux alone. On Windows only the program itself is ended, and it outlives us if
    we are killed. Raises OSError when it cannot be started.
    """

    def __init__(self, command: Sequence[str], environment: Mapping[str, str]) -> None:
        self._mark = f"{_MARK}={secrets.token_hex(8)}"
        name, _, value = self._mark.partition("=")
        is_guarded = sys.platform != "win32"
        self._process = subprocess.Popen(
            ["/bin/sh", "-c", _GUARD, "sh", *command] if is_guarded else list(command),
            env={**environment, name: value},
            stdin=subprocess.PIPE if is_guarded else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=is_guarded,
            creationflags=NO_WINDOW,
        )
        assert self._process.stdout is not None and self._process.stderr is not None
        self.output: IO[bytes] = self._process.stdout
        self.complaints: IO[bytes] = self._process.stderr

    @property
    def code(self) -> int | None:
        """The exit code; None while it runs."""
        return self._process.poll()

    def end(self) -> None:
        """Kill what is left of it and of all that it has started. Takes milliseconds, or seconds at worst."""
        if sys.platform == "win32":
            self._process.kill()
        else:
            # The group may outlive its first process.
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)
            if sys.platform == "linux":
                self._end_marked()
        self._process.wait()
        if self._process.stdin is not None:
            with contextlib.suppress(OSError):
                self._process.stdin.close()

    def _end_marked(self) -> None:
        ends_at = time.monotonic() + _LONGEST_END_S
        while (left := list(_marked(self._mark.encode()))) and time.monotonic() < ends_at:
            for pid in left:
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.kill(pid, signal.SIGKILL)
            time.sleep(0.005)


def _marked(mark: bytes) -> Iterator[int]:
    """The processes of ours that have this in their environment, and are not dead already."""
    for place in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError, IndexError):
            if (place / "stat").read_bytes().rpartition(b")")[2].split()[0] == b"Z":
                continue
            if mark in (place / "environ").read_bytes().split(b"\0"):
                yield int(place.name)
