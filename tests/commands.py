"""Commands of the command line, each in a process of its own that need not load the program first.

Loading takes most of what a command takes. So one process loads it once and forks for each command: its arguments,
environment, folder, streams and exit code are those of `python -m jobdesk_core`. What is about the start of the
process, a terminal or a signal starts a real one instead.
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import gc
import importlib
import json
import os
import pkgutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NoReturn

#: What Python reads when it starts, so that a process that runs already cannot be told.
_OF_THE_START = ("PYTHON", "LC_", "LANG")


def run(
    arguments: Sequence[str], *, env: Mapping[str, str], given: str = "", cwd: Path | None = None, timeout_s: float = 60
) -> subprocess.CompletedProcess[str]:
    """Run a command to its end. Raises TimeoutExpired once it has been killed."""
    own = {name: value for name, value in os.environ.items() if name.startswith(_OF_THE_START)}
    asked = {name: value for name, value in env.items() if name.startswith(_OF_THE_START)}
    asked.pop("PYTHON_KEYRING_BACKEND", None)
    if asked != own:
        command = [sys.executable, "-m", "jobdesk_core", *arguments]
        options = {"env": env, "cwd": cwd, "timeout": timeout_s, "input": given}
        return subprocess.run(command, capture_output=True, text=True, check=False, **options)  # type: ignore[call-overload,no-any-return]
    with contextlib.ExitStack() as stack:
        streams = [stack.enter_context(tempfile.TemporaryFile()) for _ in range(3)]
        streams[0].write(given.encode())
        streams[0].seek(0)
        mine, theirs = socket.socketpair()
        stack.enter_context(mine)
        with theirs:
            message = json.dumps([list(arguments), dict(env), str(cwd or Path.cwd())]).encode()
            socket.send_fds(_server(), [message], [theirs.fileno(), *(each.fileno() for each in streams)])
        mine.settimeout(timeout_s)
        told = stack.enter_context(mine.makefile())
        process = int(told.readline())
        try:
            code = int(told.readline())
        except BaseException as error:
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
            if isinstance(error, TimeoutError):
                raise subprocess.TimeoutExpired(list(arguments), timeout_s) from error
            raise
        texts = []
        for each in streams[1:]:
            each.seek(0)
            texts.append(each.read().decode(errors="replace").replace("\r\n", "\n"))
    return subprocess.CompletedProcess(list(arguments), code, *texts)


@functools.cache
def _server() -> socket.socket:
    """The connection to the process that forks; it ends with the connection, and that with this process."""
    mine, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    environment = {**os.environ, "PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring"}
    with theirs:
        command = [sys.executable, __file__, str(theirs.fileno())]
        process = subprocess.Popen(command, pass_fds=[theirs.fileno()], env=environment, stdout=subprocess.DEVNULL)

    def end() -> None:
        mine.close()
        process.wait(20)

    atexit.register(end)
    return mine


def _serve(asking: socket.socket) -> list[str]:
    """Fork for each command; returns its arguments, in its own process."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    while True:
        message, descriptors, _, _ = socket.recv_fds(asking, 1_000_000, 4)
        if not message:
            os._exit(0)
        if os.fork() == 0:
            asking.close()
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            arguments, environment, folder = json.loads(message)
            process = os.fork()
            if process:
                _tell(descriptors[0], process)
            for number, descriptor in enumerate(descriptors[1:]):
                os.dup2(descriptor, number)
            os.environ.clear()
            os.environ.update(environment)
            os.chdir(folder)
            sys.path[0] = folder
            time.tzset()
            break
        for descriptor in descriptors:
            os.close(descriptor)
    for descriptor in descriptors:
        os.close(descriptor)
    return list(arguments)


def _tell(descriptor: int, process: int) -> NoReturn:
    """Say who the command's process is, and how it has ended."""
    os.write(descriptor, f"{process}\n".encode())
    _, status = os.waitpid(process, 0)
    os.write(descriptor, f"{os.waitstatus_to_exitcode(status)}\n".encode())
    os._exit(0)


def _end(code: int) -> NoReturn:
    """End as the interpreter does, but for taking everything apart, which takes longer than most commands."""
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    sys.stdout.flush()
    os._exit(code)


if __name__ == "__main__":
    import jobdesk_core.__main__ as program
    from jobdesk_core import cli

    for _each in pkgutil.iter_modules(cli.__path__, f"{cli.__name__}."):
        importlib.import_module(_each.name)
    gc.freeze()
    sys.argv = ["jobdesk-core", *_serve(socket.socket(fileno=int(sys.argv[1])))]
    try:
        _code = program.main()
    except SystemExit as _error:
        _code = int(_error.code or 0)
    except BaseException:  # noqa: BLE001 - as the interpreter does
        traceback.print_exc()
        _code = 1
    _end(_code)
