"""Run by the interpreter of an application, never imported by Jobdesk: tells the app's tasks as JSON.

It may run on any Python from 3.8 on, and needs nothing but the standard library. Whatever the application prints
goes nowhere; whatever it raises is told. On Linux it is a guard that begins, and never imports the application: a child
of its does. Whatever that child starts, in sessions of its own, too, becomes the guard's when its parent ends, and is
ended with the child, or when the guard's standard input ends.
"""

from __future__ import annotations

import contextlib
import importlib
import inspect
import json
import os
import pathlib
import select
import signal
import sys
import time
from typing import Any

MOST_TASKS, MOST_CHARACTERS = 5000, 2000
PR_SET_CHILD_SUBREAPER = 36
#: Seconds between two looks at the child, and for which the guard goes on ending what it has left.
LOOK_S, LONGEST_END_S = 0.02, 8.0


def main(path: str, stream: Any) -> None:
    try:
        told: dict[str, Any] = {"tasks": tasks_of(load(path))}
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # noqa: BLE001 - even SystemExit is the application's, and is told
        told = {"error": type(error).__name__, "message": cut(safely(str, error)), "missing": missing(error)}
    stream.write(json.dumps(told).encode())
    stream.flush()


def load(path: str) -> Any:
    module_name, _, name = path.replace(":", ".").rpartition(".")
    if not module_name:
        raise ValueError("The path of an app looks like package.module.app.")
    app = getattr(importlib.import_module(module_name), name)
    if not isinstance(getattr(app, "tasks", None), dict):
        raise TypeError(f"{path} is not an app: it has no tasks.")
    for each in getattr(app, "import_paths", None) or ():
        importlib.import_module(each)
    return app


def missing(error: BaseException) -> str | None:
    """The module that is not there, if that is what is wrong."""
    return getattr(error, "name", None) if isinstance(error, ModuleNotFoundError) else None


def tasks_of(app: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    seen: set[int] = set()
    for task in list(app.tasks.values())[:MOST_TASKS]:
        if id(task) not in seen:
            seen.add(id(task))
            found.append(told_of(task))
    crons = crons_of(app)
    for told in found:
        told["crons"] = crons.get(told["name"], [])
    return found


def crons_of(app: Any) -> dict[str, list[list[str]]]:
    """The periodic id, the cron expression and the time zone of each schedule, by its task's name."""
    registry = getattr(app, "periodic_registry", None) or getattr(app, "periodic_deferrer", None)
    found: dict[str, list[list[str]]] = {}
    for each in list(getattr(registry, "periodic_tasks", {}).values())[:MOST_TASKS]:
        with contextlib.suppress(Exception):
            zone = getattr(each, "timezone", None) or getattr(each, "zone", None) or "UTC"
            told = [cut(str(value)) for value in (each.periodic_id or "", each.cron, zone)]
            found.setdefault(cut(str(each.task.name)), []).append(told)
    return found


def told_of(task: Any) -> dict[str, Any]:
    function = getattr(task, "func", None) or getattr(task, "function", None)
    return {
        "name": cut(str(task.name)),
        "queue": text(getattr(task, "queue", None)),
        "priority": getattr(task, "priority", 0) or 0,
        "lock": text(getattr(task, "lock", None)),
        "queueing_lock": text(getattr(task, "queueing_lock", None)),
        "doc": cut(safely(inspect.getdoc, function)),
        "parameters": parameters_of(function, bool(getattr(task, "pass_context", False))),
    }


def parameters_of(function: Any, is_given_context: bool) -> list[dict[str, Any]] | None:
    """Those that a job's arguments fill, or None where the function does not tell."""
    try:
        held = list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):
        return None
    return [parameter(each) for each in held[1 if is_given_context else 0 :]]


def parameter(each: inspect.Parameter) -> dict[str, Any]:
    has_default = each.default is not each.empty
    return {
        "name": each.name,
        "kind": each.kind.name,
        "annotation": "" if each.annotation is each.empty else cut(safely(annotation, each.annotation)),
        "is_required": not has_default and each.kind.name in ("POSITIONAL_OR_KEYWORD", "KEYWORD_ONLY"),
        "default": cut(safely(repr, each.default)) if has_default else "",
    }


def annotation(value: Any) -> str:
    if isinstance(value, str):
        return value
    return inspect.formatannotation(value)


def safely(make: Any, value: Any) -> str:
    try:
        return str(make(value) or "")
    except Exception:  # noqa: BLE001 - an application's own repr may do anything
        return ""


def text(value: Any) -> str | None:
    return None if value is None else cut(str(value))


def cut(value: str) -> str:
    return value[:MOST_CHARACTERS]


def listing(path: str) -> None:
    """Never returns."""
    # Our answer has the stream to itself: all else that is written to it, by C code too, goes nowhere.
    answer = os.fdopen(os.dup(1), "wb")
    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nowhere, stream)
    main(path, answer)
    # Threads that the application has started are not waited for.
    answer.close()
    os._exit(0)


def guard(path: str) -> None:
    """Have a child tell the tasks, and leave nothing of it behind. Never returns."""
    adopt_orphans()
    child = os.fork()
    if child == 0:
        listing(path)
    status = ended(child)
    end_all()
    if os.WIFSIGNALED(status):
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        if os.WTERMSIG(status) != signal.SIGKILL:
            signal.signal(os.WTERMSIG(status), signal.SIG_DFL)
        os.kill(os.getpid(), os.WTERMSIG(status))
    os._exit(os.WEXITSTATUS(status))


def adopt_orphans() -> None:
    """Have Linux make us the parent of whatever our descendants leave behind."""
    try:
        import ctypes

        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    except (ImportError, OSError, AttributeError):
        pass


def ended(child: int) -> int:
    """How the child has ended; as if it were killed once our standard input has ended."""
    while True:
        pid, status = os.waitpid(-1, os.WNOHANG)
        if pid == child:
            return status
        if pid == 0 and select.select([0], [], [], LOOK_S)[0] and not os.read(0, 1):
            return int(signal.SIGKILL)


def end_all() -> None:
    """Kill every descendant, again and again until there is none."""
    deadline = time.monotonic() + LONGEST_END_S
    while time.monotonic() < deadline:
        for pid in descendants():
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGKILL)
        try:
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        except ChildProcessError:
            return
        time.sleep(0.002)


def descendants() -> list[int]:
    """All that were started by us, by them, and so on."""
    children: dict[int, list[int]] = {}
    for place in pathlib.Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError, IndexError, ValueError):
            parent = int((place / "stat").read_bytes().rpartition(b")")[2].split()[1])
            children.setdefault(parent, []).append(int(place.name))
    found = list(children.get(os.getpid(), ()))
    for pid in found:
        found += children.get(pid, ())
    return found


if __name__ == "__main__":
    (guard if sys.platform == "linux" else listing)(sys.argv[1])
