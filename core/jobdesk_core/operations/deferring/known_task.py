"""What is known of a task before one defers it: from its newest jobs, and from the application's code if asked."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from jobdesk_core import exact_json
from jobdesk_core.job.typical_arguments import UsualArguments
from jobdesk_core.profiles.introspect import AppTask, Parameter
from jobdesk_core.reported.records import ReportedTask

#: Jobs from which on "always" and "never" may be said.
ENOUGH_JOBS = 5
#: The JSON types that Python's annotations stand for.
_ANNOTATIONS = {
    "str": "text",
    "int": "number",
    "float": "number",
    "bool": "boolean",
    "list": "list",
    "dict": "object",
    "None": "null",
    "NoneType": "null",
}
_EMPTY: dict[str, Any] = {"text": "", "number": 0, "boolean": False, "list": [], "object": {}}


@dataclass(frozen=True, slots=True)
class KnownArgument:
    """One key: the JSON types of its values, whether the code needs it, its default there, the frequent values.

    `jobs` is in how many of the newest jobs it was; None when it is known from the code alone.
    """

    key: str
    types: tuple[str, ...]
    is_required: bool = False
    default: str = ""
    annotation: str = ""
    values: tuple[tuple[str, int], ...] = ()
    jobs: int | None = None


@dataclass(frozen=True, slots=True)
class KnownTask:
    """`jobs` were learned from. `is_closed`: the code takes no other keys than these."""

    name: str
    queue: str | None
    jobs: int
    doc: str
    is_in_code: bool
    is_closed: bool
    arguments: tuple[KnownArgument, ...]
    #: Whether what the code says was reported by its workers, and no code was run to ask for it.
    is_reported: bool = False

    @property
    def types(self) -> dict[str, str]:
        """By key its JSON type, of those that have only one."""
        found = {argument.key: [kind for kind in argument.types if kind != "null"] for argument in self.arguments}
        return {key: kinds[0] for key, kinds in found.items() if len(kinds) == 1}

    def remarks(self, args: Mapping[str, Any]) -> list[str]:
        """What is unusual about these arguments. None of it forbids the job."""
        found = []
        known = {argument.key: argument for argument in self.arguments}
        missing = [each.key for each in self.arguments if each.is_required and each.key not in args]
        if missing:
            found.append(f"The task needs {_list(missing)}.")
        other = [key for key in args if key not in known]
        if other and self.is_closed:
            found.append(f"The task takes no {_list(other)}.")
        elif other and self.jobs >= ENOUGH_JOBS and not self.is_in_code:
            found.append(f"None of its latest {self.jobs} jobs had {_list(other)}.")
        for key, value in args.items():
            types = known[key].types if key in known else ()
            if types and json_type(value) not in types and (self.is_in_code or self.jobs >= ENOUGH_JOBS):
                found.append(f"{_short(key)} is usually a {' or '.join(types)}; this is a {json_type(value)}.")
        return found

    def missing(self, args: Mapping[str, Any]) -> list[str]:
        """What every one of its newest jobs had and these arguments have not, where the code does not tell."""
        if self.is_in_code or self.jobs < ENOUGH_JOBS:
            return []
        usual = [each.key for each in self.arguments if each.jobs == self.jobs and each.key not in args]
        return [f"All of its latest {self.jobs} jobs had {_list(usual)}."] if usual else []

    def template(self) -> dict[str, Any]:
        """Arguments to start from: what the code needs, or else what every newest job had, with empty values."""
        needed = [each for each in self.arguments if each.is_required]
        if not self.is_in_code:
            needed = [each for each in self.arguments if each.jobs == self.jobs and self.jobs]
        return {each.key: _EMPTY.get(each.types[0]) if each.types else None for each in needed}


def known_task(
    name: str, usual: UsualArguments | None, in_code: AppTask | None, *, is_reported: bool = False
) -> KnownTask:
    """Put together what is known. In which queue the jobs are counts more than what the code says.

    `is_reported`: `in_code` comes from the workers.
    """
    learned = {each.key: each for each in usual.arguments} if usual is not None else {}
    told = in_code.parameters if in_code is not None else None
    parameters = {each.name: each for each in told or () if not each.kind.startswith("VAR_")}
    keys = [*parameters, *(key for key in learned if key not in parameters)]
    arguments = []
    for key in keys:
        parameter, seen = parameters.get(key), learned.get(key)
        types = json_types(parameter.annotation) if parameter is not None else ()
        arguments.append(
            KnownArgument(
                key,
                types or (seen.types if seen is not None else _of_default(parameter)),
                is_required=parameter is not None and parameter.is_required,
                default=parameter.default if parameter is not None else "",
                annotation=parameter.annotation if parameter is not None else "",
                values=seen.values if seen is not None else (),
                jobs=seen.jobs if seen is not None else None,
            )
        )
    takes_any = told is None or any(each.kind == "VAR_KEYWORD" for each in told)
    queue = usual.queue if usual is not None and usual.queue else in_code.queue if in_code is not None else None
    return KnownTask(
        name,
        queue,
        usual.jobs if usual is not None else 0,
        in_code.doc if in_code is not None else "",
        in_code is not None and told is not None,
        not takes_any,
        tuple(arguments),
        is_reported,
    )


def as_app_task(found: ReportedTask) -> AppTask:
    """What workers have reported of a task, as the application's code would tell it."""
    parameters = None
    if found.signature is not None:
        parameters = tuple(
            Parameter(
                each.name,
                each.kind.upper(),
                each.annotation or "",
                each.default is None and not each.kind.upper().startswith("VAR_"),
                each.default or "",
            )
            for each in found.signature
        )
    return AppTask(found.name, found.queue, 0, None, None, found.doc, parameters)


def json_types(annotation: str) -> tuple[str, ...]:
    """The JSON types that an annotation stands for; empty when that cannot be told."""
    plain = re.sub(r"\[[^\[\]]*\]", "", annotation)
    while plain != (shorter := re.sub(r"\[[^\[\]]*\]", "", plain)):
        plain = shorter
    optional = re.fullmatch(r"(?:typing\.)?Optional\[(.*)\]", annotation.strip())
    if optional is not None:
        inner = json_types(optional[1])
        return (*inner, "null") if inner else ()
    names = [name.strip().rpartition(".")[2].removeprefix("builtins.") for name in plain.split("|")]
    if not annotation or any(name.lower() not in _LOWER for name in names):
        return ()
    return tuple(dict.fromkeys(_LOWER[name.lower()] for name in names))


_LOWER = {name.lower(): kind for name, kind in _ANNOTATIONS.items()}


def json_type(value: Any) -> str:
    """The JSON type of a value, as the monitor calls it."""
    if value is None:
        return "null"
    names = {bool: "boolean", int: "number", float: "number", str: "text", list: "list", dict: "object"}
    return names.get(type(value), "text")


def _of_default(parameter: Parameter | None) -> tuple[str, ...]:
    """What a default of Python's, as it is written, tells of the type."""
    if parameter is None or parameter.default in ("", "None"):
        return ()
    text = {"True": "true", "False": "false"}.get(parameter.default, parameter.default)
    if text[:1] in "'\"":
        return ("text",)
    try:
        return (json_type(exact_json.loads(text)),)
    except (ValueError, RecursionError):
        return ()


def _list(keys: list[str]) -> str:
    shown = ", ".join(_short(key) for key in keys[:4])
    return shown if len(keys) <= 4 else f"{shown} and {len(keys) - 4} more"


def _short(key: str) -> str:
    return key if len(key) <= 40 else f"{key[:39]}…"
