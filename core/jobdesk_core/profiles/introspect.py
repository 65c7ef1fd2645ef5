"""An application's tasks, as its own code tells: asked in a process of its own interpreter, within time and size.

Asking runs that code, and only a profile that allows it is asked. No database is touched: the process has none of
libpq's variables, and a connection that the code opens while it is imported fails at once. Whatever the code starts
ends with the question, and with us however we end: on Linux a guard sees to that (see `app_listing`), elsewhere the
process group is ended.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import IO, Any

from jobdesk_core.exceptions import JobdeskException
from jobdesk_core.masking import without_secrets
from jobdesk_core.processes import chosen_environment
from jobdesk_core.profiles.profile import Profile

TIMEOUT_S, MOST_BYTES = 15.0, 4_000_000
_LOOK_S = 0.05
#: Seconds that the guard gets to end what the application has started.
_GUARD_S = 10.0
_NOWHERE = f"{os.devnull}/none"
#: Two addresses for one host: libpq refuses them before it sends anything, wherever a connection string leads.
_NO_DATABASE = "192.0.2.1,192.0.2.1,192.0.2.1,192.0.2.1,192.0.2.1,192.0.2.1,192.0.2.1"


class AppNotUnderstood(JobdeskException):
    """The application did not tell its tasks."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """One that a job's arguments fill. `kind` as Python names it; `default` as Python writes it, cut."""

    name: str
    kind: str
    annotation: str
    is_required: bool
    default: str


@dataclass(frozen=True, slots=True)
class AppTask:
    """A task of the application. `parameters` is None where its function does not tell them.

    `crons`: the periodic id, the cron expression and the time zone of each of its schedules.
    """

    name: str
    queue: str | None
    priority: int
    lock: str | None
    queueing_lock: str | None
    doc: str
    parameters: tuple[Parameter, ...] | None
    crons: tuple[tuple[str, str, str], ...] = ()


def problem(profile: Profile) -> str | None:
    """Why the profile names no application, or None when it does."""
    if not profile.app_path and not profile.app_python:
        return "This profile names no application."
    if not profile.app_python:
        return "Name the Python interpreter of the application, too."
    if not profile.app_path:
        return "Name the app, too, such as package.module.app."
    if not profile.app_is_allowed:
        return "This connection does not allow running the application's code."
    return None


async def app_tasks(profile: Profile, *, timeout_s: float = TIMEOUT_S) -> dict[str, AppTask]:
    """The tasks by their names. Raises AppNotUnderstood with a sentence. Cancelled, it ends the process."""
    wrong = problem(profile)
    if wrong is not None:
        raise AppNotUnderstood(wrong)
    is_given_up = threading.Event()
    try:
        return await asyncio.to_thread(_ask, profile, timeout_s, is_given_up)
    finally:
        is_given_up.set()


def _ask(profile: Profile, timeout_s: float, is_given_up: threading.Event) -> dict[str, AppTask]:
    script = files("jobdesk_core.profiles").joinpath("app_listing.py").read_text("utf-8")
    command = [str(Path(profile.app_python).expanduser()), "-c", script, profile.app_path]
    # Not a pipe: what the application leaves running might hold it open for ever.
    with tempfile.TemporaryFile() as answer, tempfile.TemporaryDirectory(prefix="jobdesk-app-") as empty:
        folder = str(Path(profile.app_folder).expanduser()) if profile.app_folder else empty
        process = _started(command, folder, answer, profile)
        try:
            code = _waited_for(process, answer, timeout_s, is_given_up)
        finally:
            _end(process)
        answer.seek(0)
        return _understood(answer.read(MOST_BYTES + 1), code, profile.app_path)


def _started(command: list[str], folder: str, answer: IO[bytes], profile: Profile) -> subprocess.Popen[bytes]:
    if not Path(folder).is_dir():
        raise AppNotUnderstood(f"There is no folder {folder}.")
    try:
        return subprocess.Popen(
            command,
            cwd=folder,
            env=environment(profile, os.environ),
            # Nothing is ever written there: its end tells the guard that the question is over, or that we are gone.
            stdin=subprocess.PIPE,
            stdout=answer,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
        )
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise AppNotUnderstood(f"The interpreter {profile.app_python} cannot be started: {reason}.") from error


def environment(profile: Profile, ours: Mapping[str, str]) -> dict[str, str]:
    """The application's environment: what is harmless of ours, and the variables that the profile names."""
    named = [name for name in profile.app_variables.split() if not name.upper().startswith("PG")]
    kept = chosen_environment(named, ours) | {name: ours[name] for name in named if name in ours}
    nothing = {"PGPASSFILE": _NOWHERE, "PGSERVICEFILE": _NOWHERE}
    return kept | nothing | {"PGHOSTADDR": _NO_DATABASE, "PGCONNECT_TIMEOUT": "2", "PYTHONIOENCODING": "utf-8"}


def _waited_for(
    process: subprocess.Popen[bytes], answer: IO[bytes], timeout_s: float, is_given_up: threading.Event
) -> int:
    deadline = time.monotonic() + timeout_s
    while process.poll() is None:
        if is_given_up.wait(_LOOK_S):
            raise AppNotUnderstood("Given up.")
        if os.fstat(answer.fileno()).st_size > MOST_BYTES:
            raise AppNotUnderstood("The application's list of tasks is too large: more than 4 MB.")
        if time.monotonic() > deadline:
            raise AppNotUnderstood(
                f"The application has not listed its tasks within {timeout_s:.0f} seconds. Importing it may hang, "
                "or wait for a service."
            )
    return process.returncode


def _end(process: subprocess.Popen[bytes]) -> None:
    """End the process and all that it has started: by its guard, or else by its group, where the system knows one."""
    assert process.stdin is not None
    with contextlib.suppress(OSError):
        process.stdin.close()
    if sys.platform == "linux":
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(_GUARD_S)
    if hasattr(os, "killpg"):
        # The group may outlive its first process.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
    elif process.poll() is None:
        process.kill()
    process.wait()


def _understood(told: bytes, code: int, path: str) -> dict[str, AppTask]:
    if len(told) > MOST_BYTES:
        raise AppNotUnderstood("The application's list of tasks is too large: more than 4 MB.")
    try:
        found = json.loads(told)
        if "error" in found:
            raise AppNotUnderstood(_import_error(found, path))
        tasks = [_task(each) for each in found["tasks"]]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise AppNotUnderstood(
            f"The interpreter ended (code {code}) before it listed the tasks of {path}. Is it Python 3.8 or newer?"
        ) from error
    return {task.name: task for task in tasks}


def _import_error(found: dict[str, Any], path: str) -> str:
    kind, message = str(found["error"]), without_secrets(str(found.get("message", ""))).partition("\n")[0][:300]
    if found.get("missing"):
        return (
            f"That interpreter does not find the module {found['missing']}. "
            "Is it the application's own interpreter, and is the folder right?"
        )
    said = f"{kind}: {message}" if message else kind
    return f"Importing {path} failed with {said.rstrip('.')}."


def _task(told: dict[str, Any]) -> AppTask:
    held = told["parameters"]
    parameters = None if held is None else tuple(_parameter(each) for each in held)
    lock, queueing_lock, queue = (_optional(told[name]) for name in ("lock", "queueing_lock", "queue"))
    crons = tuple((str(name), str(cron), str(zone)) for name, cron, zone in told["crons"])
    name, priority = str(told["name"]), int(told["priority"])
    return AppTask(name, queue, priority, lock, queueing_lock, str(told["doc"]), parameters, crons)


def _parameter(told: dict[str, Any]) -> Parameter:
    name, kind, annotation, default = (str(told[key]) for key in ("name", "kind", "annotation", "default"))
    return Parameter(name, kind, annotation, bool(told["is_required"]), default)


def _optional(value: Any) -> str | None:
    return None if value is None else str(value)
