"""A program of the library's finds every name of its public API here: the same kind, parameters and defaults.

What ours has besides does no harm: names, keyword-only parameters with a default, defaults where theirs has none.
"""

from __future__ import annotations

import enum
import importlib
import inspect
import logging
import typing
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import jobdesk_core
import procrastinate
import pytest
from interop.differences import MODULES, NAMES
from interop.twins import DIFFERENCES

PUBLIC = [
    "",
    "app",
    "blueprints",
    "builtin_tasks",
    "connector",
    "contrib.aiopg",
    "contrib.psycopg2",
    "contrib.sqlalchemy",
    "exceptions",
    "job_context",
    "jobs",
    "manager",
    "middleware",
    "periodic",
    "psycopg_connector",
    "retry",
    "schema",
    "signals",
    "sync_psycopg_connector",
    "tasks",
    "testing",
    "types",
    "utils",
    "worker",
]
#: What is being worked on.
LATER: set[str] = set()
_NOT_OURS = (logging.Logger, ModuleType, typing.TypeVar, typing.ParamSpec)


def _module(root: ModuleType, name: str) -> ModuleType:
    return importlib.import_module(f"{root.__name__}.{name}" if name else root.__name__)


def _names(module: ModuleType) -> Iterator[tuple[str, Any]]:
    """What a module defines, or offers by its `__all__`."""
    offered = getattr(module, "__all__", ())
    for name, value in vars(module).items():
        home = getattr(value, "__module__", None)
        is_imported = (inspect.isclass(value) or inspect.isroutine(value)) and home != module.__name__
        is_typing = not inspect.isclass(value) and (
            str(home).startswith("typing") or type(value).__module__.startswith(("typing", "__future__"))
        )
        is_hidden = name.startswith("_") or name == "TYPE_CHECKING" or isinstance(value, _NOT_OURS)
        if name in offered or not (is_hidden or is_imported or is_typing):
            yield name, value


def _members(kind: type) -> Iterator[str]:
    for each in kind.__mro__[:-1]:
        if each.__module__.startswith("procrastinate"):
            yield from (name for name in [*vars(each), *inspect.get_annotations(each)] if name[0] != "_")


def _signature(value: Any) -> inspect.Signature | None:
    try:
        return inspect.signature(value)
    except (TypeError, ValueError):
        return None


def _parameters(path: str, theirs: Any, ours: Any) -> Iterator[str]:
    wanted, offered = _signature(theirs), _signature(ours)
    if wanted is None or offered is None:
        return
    places = [name for name, each in offered.parameters.items() if each.kind is not each.KEYWORD_ONLY]
    takes_any = any(each.kind is each.VAR_KEYWORD for each in offered.parameters.values())
    for place, (name, each) in enumerate(wanted.parameters.items()):
        own = offered.parameters.get(name)
        if each.kind in (each.VAR_KEYWORD, each.VAR_POSITIONAL):
            continue
        if each.kind is not each.KEYWORD_ONLY and places[place : place + 1] != [name]:
            yield f"{path}: {name} is not the parameter at {place}"
        elif own is None and not takes_any:
            yield f"{path}: has no parameter {name}"
        elif own is not None and not _as_good(each.default, own.default):
            yield f"{path}: {name} is {own.default!r} and not {each.default!r}"
    for name, own in offered.parameters.items():
        is_needed = own.default is own.empty and own.kind not in (own.VAR_KEYWORD, own.VAR_POSITIONAL)
        if name not in wanted.parameters and is_needed:
            yield f"{path}: needs {name}"


def _as_good(theirs: Any, ours: Any) -> bool:
    if theirs is inspect.Parameter.empty:
        return True
    if repr(theirs) == "NOTHING":  # a factory
        return ours is not inspect.Parameter.empty
    return bool(theirs == ours)


def _kind(value: Any) -> str:
    if isinstance(value, property) or type(value).__name__ == "cached_property":
        return "a value"
    if inspect.isclass(value):
        return "a class"
    if inspect.isroutine(value) or isinstance(value, staticmethod | classmethod):
        function = inspect.unwrap(getattr(value, "__func__", value))
        return "a coroutine function" if inspect.iscoroutinefunction(function) else "a function"
    return "a value"


def _class(path: str, theirs: type, ours: type) -> Iterator[str]:
    if issubclass(theirs, enum.Enum):
        values = {each.name: each.value for each in theirs}
        if values != {each.name: each.value for each in ours}:  # type: ignore[attr-defined]
            yield f"{path}: other members"
        return
    if typing.is_typeddict(theirs):
        lacking = set(theirs.__annotations__) - set(ours.__annotations__)
        yield from (f"{path}: has no key {name}" for name in sorted(lacking))
        return
    if issubclass(theirs, Exception):
        bases = [each.__name__ for each in theirs.__bases__]
        if bases != [each.__name__ for each in ours.__bases__]:
            yield f"{path}: other bases"
    if not getattr(theirs, "_is_protocol", False):
        yield from _parameters(path, theirs, ours)
    for name in dict.fromkeys(_members(theirs)):
        where = f"{path}.{name}"
        if where in NAMES:
            continue
        wanted = inspect.getattr_static(theirs, name, None)
        if not hasattr(ours, name) and name not in _fields(ours):
            yield f"{where} is missing"
        elif wanted is not None:
            own = inspect.getattr_static(ours, name, None)
            if _kind(wanted) != _kind(own):
                yield f"{where} is {_kind(own)} and not {_kind(wanted)}"
            elif _kind(wanted).endswith("function"):
                yield from _parameters(where, getattr(theirs, name), getattr(ours, name))


def _fields(kind: type) -> set[str]:
    """The values that an instance has: declared, or set by its constructor."""
    found = {name for each in kind.__mro__ for name in inspect.get_annotations(each)}
    constructors = (getattr(each.__init__, "__code__", None) for each in kind.__mro__)
    return found.union(*(code.co_names for code in constructors if code is not None))


def _missing(module: str) -> Iterator[str]:
    theirs, ours = _module(procrastinate, module), _module(jobdesk_core, module)
    for name, value in _names(theirs):
        path = f"{module}.{name}".lstrip(".")
        if path in NAMES:
            continue
        if not hasattr(ours, name):
            yield f"{path} is missing"
            continue
        own = getattr(ours, name)
        if _kind(value) != _kind(own):
            yield f"{path} is {_kind(own)} and not {_kind(value)}"
        elif inspect.isclass(value):
            yield from _class(path, value, own)
        elif inspect.isroutine(value):
            yield from _parameters(path, value, own)
        elif isinstance(value, str | int | float) and module and value != own and not path.startswith("types."):
            yield f"{path} is {own!r} and not {value!r}"


@pytest.mark.parametrize("module", [module for module in PUBLIC if module not in LATER])
def test_every_public_name_of_the_library_is_here(module: str) -> None:
    assert list(_missing(module)) == []


def _values(root: ModuleType) -> dict[str, Any]:
    """An object of each kind that a program holds."""
    connector = _module(root, "testing").InMemoryConnector()
    app = root.App(connector=connector)
    task = app.task(name="t")(print)
    jobs = _module(root, "jobs")
    return {
        "App": app,
        "Blueprint": root.Blueprint(),
        "InMemoryConnector": connector,
        "Job": jobs.Job(task_name="t", queue="q", lock=None, queueing_lock=None),
        "JobDeferrer": task.configure(),
        "JobManager": app.job_manager,
        "PeriodicRegistry": app.periodic_registry,
        "RetryDecision": root.RetryDecision(),
        "RetryStrategy": root.RetryStrategy(),
        "SchemaManager": app.schema_manager,
        "Task": task,
    }


def test_an_object_has_the_values_that_the_librarys_has() -> None:
    ours = _values(jobdesk_core)
    for kind, theirs in _values(procrastinate).items():
        lacking = {name for name in dir(theirs) if name[0] != "_" and not hasattr(ours[kind], name)}
        assert lacking == {"reverse_queries"} & lacking, kind


def test_a_module_that_is_not_here_is_on_the_list() -> None:
    import pkgutil

    theirs = {each.name for each in pkgutil.iter_modules(procrastinate.__path__)} - {"__main__", "contrib"}
    assert theirs - set(PUBLIC) == {name for name in MODULES if "." not in name}


def test_what_is_on_the_list_is_not_here() -> None:
    """An entry of the list that is not needed any more goes."""
    for path in NAMES:
        *modules, name = path.split(".")
        if modules and modules[-1][0].isupper():
            continue
        value = getattr(_module(jobdesk_core, ".".join(modules)), name, None)
        assert value is None or inspect.isclass(value), path


def test_the_help_says_what_is_different() -> None:
    page = (Path(__file__).parents[2] / "resources/help/coming-from-procrastinate.md").read_text("utf-8")
    rows = [f"| {name[0].upper()}{name[1:]} | {reason} |" for name, reason in DIFFERENCES.items()]
    rows += [f"| `{name}` | {reason} |" for name, reason in (MODULES | NAMES).items()]
    told = [line for line in page.splitlines() if line.startswith("| ") and line != "| Here | Because |"]
    assert [line for line in told if not line.endswith("e | Because |")] == rows
