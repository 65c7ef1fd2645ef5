"""Run by the interpreter of an application, never imported by Jobdesk: tells the app's tasks as JSON.

It may run on any Python from 3.8 on, and needs nothing but the standard library. Whatever the application prints
goes nowhere; whatever it raises is told.
"""

from __future__ import annotations

import importlib
import inspect
import json
import os
import sys
from typing import Any

MOST_TASKS, MOST_CHARACTERS = 5000, 2000


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
        raise TypeError(f"{path} is no app: it has no tasks.")
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


if __name__ == "__main__":
    # Our answer has the stream to itself: all else that is written to it, by C code too, goes nowhere.
    answer = os.fdopen(os.dup(1), "wb")
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)
    main(sys.argv[1], answer)
    # Threads that the application has started are not waited for.
    answer.close()
    os._exit(0)
