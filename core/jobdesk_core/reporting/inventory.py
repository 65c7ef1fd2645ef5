"""What an application has: its tasks with their signatures, its schedules, and the versions of what it stands on.

Whatever cannot be told of one task is left out; nothing of it ever raises.
"""

from __future__ import annotations

import contextlib
import importlib.metadata
import inspect
import platform
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from jobdesk_core.profiles.secret_keys import HIDDEN
from jobdesk_core.reporting.redaction import Redact, is_secret_name, masked_value, shown

#: Tasks and schedules of an application, and parameters of a task, that are reported.
MOST_TASKS, MOST_PARAMETERS = 2_000, 100
#: Bytes of a docstring, and of a name, a default or an annotation.
MOST_DOC, MOST_WORD = 2_000, 200
#: The distributions of the libraries, by the names of their packages.
LIBRARIES = {"procrastinate": "procrastinate", "jobdesk_core": "jobdesk-core"}


def library_of(app: Any) -> str | None:
    """The package whose App this is, also by a subclass; None when it is of neither."""
    for kind in type(app).__mro__:
        package = kind.__module__.partition(".")[0]
        if package in LIBRARIES and kind.__name__ == "App":
            return package
    return None


def own_tasks(app: Any) -> list[Any]:
    """The tasks of the app without the library's own, each once."""
    library = library_of(app)
    found = {id(task): task for task in list(app.tasks.values())}
    builtin = f"{library}.builtin_tasks"
    return [task for task in found.values() if getattr(task.func, "__module__", None) != builtin]


def own_packages(app: Any) -> frozenset[str]:
    """The packages that the app's tasks are in: the outermost ones, or those within a library."""
    modules = {str(getattr(task.func, "__module__", "")) for task in own_tasks(app)}
    return frozenset(
        module.rpartition(".")[0] if module.partition(".")[0] in LIBRARIES else module.partition(".")[0]
        for module in modules
        if module and module != "__main__"
    )


def app_name(app: Any) -> str:
    """The package that most of its tasks are in; of a mere script its name."""
    tops: Counter[str] = Counter()
    for task in own_tasks(app):
        module = str(getattr(task.func, "__module__", ""))
        if module and module != "__main__":
            tops[module.partition(".")[0]] += 1
    if tops:
        return tops.most_common(1)[0][0]
    script = Path(sys.argv[0]).stem if sys.argv and sys.argv[0] else ""
    return script or "app"


def versions(app: Any, name: str, given: str | None) -> dict[str, str]:
    """The versions of Python, of the library, and of the application where it is known."""
    found = {"python": platform.python_version()}
    library = library_of(app)
    for key, distribution in ((LIBRARIES.get(library or ""), LIBRARIES.get(library or "")), ("app", name)):
        if key and distribution:
            with contextlib.suppress(Exception):
                found[key] = importlib.metadata.version(distribution)
    if given is not None:
        found["app"] = shown(str(given), MOST_WORD)
    return found


def tasks(app: Any, redact: Redact | None) -> Iterator[dict[str, Any]]:
    """A row of `jobdesk.tasks` for each task, without the app's name."""
    for task in own_tasks(app)[:MOST_TASKS]:
        with contextlib.suppress(Exception):
            yield {
                "name": shown(str(task.name), MOST_WORD),
                "doc": shown(inspect.getdoc(task.func) or "", MOST_DOC, redact),
                "signature": _signature(task, redact),
                "queue": shown(str(task.queue), MOST_WORD),
                "retry": _retry(task.retry_strategy),
                "aliases": [shown(str(alias), MOST_WORD) for alias in list(task.aliases or ())[:50]],
            }


def schedules(app: Any) -> Iterator[dict[str, Any]]:
    """A row of `jobdesk.schedules` for each periodic task, without the app's name."""
    registry = getattr(app, "periodic_registry", None) or getattr(app, "periodic_deferrer", None)
    for each in list(getattr(registry, "periodic_tasks", {}).values())[:MOST_TASKS]:
        with contextlib.suppress(Exception):
            options = dict(each.configure_kwargs or {})
            zone = getattr(each, "timezone", None) or getattr(each, "zone", None) or "UTC"
            yield {
                "task_name": shown(str(each.task.name), MOST_WORD),
                "periodic_id": shown(str(each.periodic_id or ""), MOST_WORD),
                "cron": shown(str(each.cron), MOST_WORD),
                "zone": shown(str(zone), MOST_WORD),
                "arguments": masked_value(dict(options.get("task_kwargs") or {})),
                "queue": shown(str(options.get("queue") or each.task.queue), MOST_WORD),
            }


def _signature(task: Any, redact: Redact | None) -> list[dict[str, Any]] | None:
    try:
        parameters = list(inspect.signature(task.func).parameters.values())
    except (TypeError, ValueError):
        return None
    found: list[dict[str, Any]] = []
    for parameter in parameters[bool(getattr(task, "pass_context", False)) :][:MOST_PARAMETERS]:
        one: dict[str, Any] = {"name": parameter.name, "kind": parameter.kind.name}
        if parameter.default is not parameter.empty:
            one["default"] = _default(parameter, redact)
        if parameter.annotation is not parameter.empty:
            with contextlib.suppress(Exception):
                kind = parameter.annotation
                text = kind if isinstance(kind, str) else inspect.formatannotation(kind)
                one["annotation"] = shown(text, MOST_WORD, redact)
        found.append(one)
    return found


def _default(parameter: inspect.Parameter, redact: Redact | None) -> str:
    value = parameter.default
    if is_secret_name(parameter.name) and value not in (None, ""):
        return HIDDEN
    if type(value) not in (str, int, float, bool, type(None)):
        # Of anything else a representation may hold whatever it likes.
        return "[]" if value == [] else "{}" if value == {} else "()" if value == () else "…"
    return shown(repr(value[: 4 * MOST_WORD] if isinstance(value, str) else value), MOST_WORD, redact)


def _retry(strategy: Any) -> dict[str, Any] | None:
    if strategy is None:
        return None
    told: dict[str, Any] = {"strategy": type(strategy).__name__}
    if type(strategy).__module__.partition(".")[0] in LIBRARIES:
        for name in ("max_attempts", "wait", "linear_wait", "exponential_wait"):
            value = getattr(strategy, name, None)
            if type(value) in (int, float) and value:
                told[name] = value
        kinds = getattr(strategy, "retry_exceptions", None)
        if kinds:
            told["retry_exceptions"] = [shown(kind.__name__, MOST_WORD) for kind in list(kinds)[:20]]
    return told
