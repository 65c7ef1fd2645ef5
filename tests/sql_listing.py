"""Every statement of the core with its place, as `make sql` prints it; `make sql RELEASE=2.0.0` for an older release.

A function that makes one is called with samples; where what it takes cannot be made up here, the text of its SQL is
shown as it stands in the source, with what is put in in braces. `unlisted` names those of which neither is possible.
"""

import ast
import datetime as dt
import importlib
import inspect
import os
import re
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import psycopg
from jobdesk_core.connectors.statement import Statement
from jobdesk_core.connectors.sync_psycopg import SyncPsycopgConnector
from jobdesk_core.database.capabilities import DETECT, Capabilities
from jobdesk_core.database.reported import Reported
from jobdesk_core.database.rows import JobRow
from jobdesk_core.embedded import EmbeddedServer
from jobdesk_core.exceptions import CapabilityMissing
from jobdesk_core.failures.counting import Window
from jobdesk_core.failures.runs import Sought
from jobdesk_core.filters.language import JobFilter
from jobdesk_core.jobs import Job, Status
from jobdesk_core.operations.change.changes import Retry
from jobdesk_core.reading.export import Wanted
from jobdesk_core.reading.pages import Order
from jobdesk_core.reported.ddl import TABLES, VERSION
from jobdesk_core.testing import InMemoryConnector
from releases import schema_of

CORE = Path(__file__).parents[1] / "core"
#: How a statement begins, which tells SQL from other texts.
_SQL = re.compile(
    r"\s*(?:SELECT|WITH|INSERT|UPDATE|DELETE|LOCK|SET|CREATE|DROP|EXPLAIN|SAVEPOINT|ROLLBACK|RELEASE|CALL)\b"
)
_NOW = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)


#: What a program, an advice or a schema of its own is made of: the text comes from there.
FROM_OUTSIDE = {
    "connectors.contract._Queries._given": "a query of the program's own",
    "database.schema.install": "the schema of a release",
    "schema.SchemaManager.apply_schema": "the schema of a release",
    "schema.SchemaManager.apply_schema_async": "the schema of a release",
    "indexes.advice.create": "what the advice says",
    "reported.schema.removing": "reported.ddl",
    "reported.schema._brought_up": "reported.ddl",
    "feed.report_news.ReportNews.to_ask": "errors and progress that are new",
}


class Listed(NamedTuple):
    """A statement: `module.function` or `module.CONSTANT`, the line, and the SQL; None where it cannot be told."""

    place: str
    line: int
    sql: str | None


def newest() -> Capabilities:
    """What a database of the newest release can do, where everything is reported."""
    return replace(InMemoryConnector().run(DETECT), reported=Reported("current", frozenset(TABLES), VERSION))


def of_release(release: str) -> Capabilities:
    """What a database of a release can do, asked of one."""
    with tempfile.TemporaryDirectory() as folder, EmbeddedServer(Path(folder), is_durable=False) as server:
        with psycopg.connect(server.dsn) as connection:
            connection.execute(schema_of(release).encode())
        connector = SyncPsycopgConnector(conninfo=server.dsn)
        connector.open()
        try:
            return connector.run(DETECT)
        finally:
            connector.close()


def _samples(able: Capabilities) -> dict[str, Any]:
    """By the names of parameters."""
    row = JobRow(7, "task", "queue", Status.TODO, 0, 0, None, "lock", "queueing lock", 3, False, _NOW)
    ids: dict[str, Any] = {name: [7, 8] for name in ("ids", "job_ids", "event_ids", "wanted_ids")}
    numbers = dict.fromkeys(
        ("job_id", "worker_id", "first_id", "cursor", "stretch", "low", "low_id", "start", "defer_timestamp"), 7
    ) | dict.fromkeys(("high", "high_id", "limit", "most", "most_bytes", "width", "wanted", "back"), 100)
    seconds = dict.fromkeys(("seconds_since_heartbeat", "nb_hours", "nb_seconds", "limit_s", "window"), 30.0)
    texts = {name: name for name in ("queue", "task", "task_name", "lock", "text", "channel", "name", "periodic_id")}
    job = Job(task_name="task", id=7)
    return (
        ids
        | numbers
        | seconds
        | texts
        | {
            "able": able,
            "capabilities": able,
            "reported": able.reported,
            "row": row,
            "job": job,
            "jobs": [job],
            "end": Status.SUCCEEDED,
            "endings": (),
            "queues": ["queue"],
            "locks": ["lock"],
            "statuses": ["succeeded"],
            "column": "queue_name",
            "retry_at": _NOW,
            "since": _NOW,
            "until": _NOW,
            "before": None,
            "condition": ("true", {}),
            "parameters": {},
            "job_filter": JobFilter.parse("status:failed args.customer:42"),
            "wanted_jobs": Wanted(JobFilter.parse(""), Order.NEWEST, "csv"),
            "path": ("customer",),
            "key": "lock",
            "is_down": True,
            "delete_job": False,
            "watched": frozenset({7}),
            "without": [],
            "fingerprints": ["fingerprint"],
            "kinds": ["failed"],
            "names": ["column"],
            "has_workers_table": True,
        }
    )


def _samples_of(place: str) -> dict[str, Any]:
    """What only one function means by a parameter's name."""
    if place.startswith("jobdesk_core.reading.next_to_run."):
        return {"first": (0, 7), "last": (-5, 9), "backwards": False, "jobs": 10}
    if place.startswith("jobdesk_core.failures."):
        task, status = "task", JobFilter.parse("queue:q")
        return {"window": Window(0.0, 60, 0.0), "sought": Sought(task, status, True, None, _NOW)}
    if place.startswith("jobdesk_core.operations.change.action_sql."):
        return {"change": Retry(priority=1), "versions": [1, 2]}
    return {}


def listed(able: Capabilities) -> list[Listed]:
    """Every statement of the core, by module and line."""
    found: list[Listed] = []
    for path in sorted((CORE / "jobdesk_core").rglob("*.py")):
        name = ".".join(path.relative_to(CORE).with_suffix("").parts).removesuffix(".__init__")
        found += _of_module(name, ast.parse(path.read_text("utf-8")), _samples(able))
    return found


def unlisted(able: Capabilities) -> list[str]:
    """The places whose SQL cannot be told: a sample is missing, or its text stands somewhere else."""
    return [f"{each.place}, line {each.line}" for each in listed(able) if each.sql is None]


def _of_module(name: str, tree: ast.Module, samples: dict[str, Any]) -> Iterator[Listed]:
    for place, function, call in _calls(tree, ()):
        where = f"{name}.{'.'.join(place)}"
        made = _made(name, place, samples | _samples_of(where)) if "Statement[" in _returns(function) else None
        sql = made or _constant(name, place) or _as_written(call, function, importlib.import_module(name))
        outside = FROM_OUTSIDE.get(where.removeprefix("jobdesk_core."))
        yield Listed(where, call.lineno, sql or (f"-- {outside}" if outside else None))


def _calls(node: ast.AST, place: tuple[str, ...], function: Any = None) -> Iterator[tuple[tuple[str, ...], Any, Any]]:
    """Where each `Statement(…)` stands: its place by names, the function around it, and the call."""
    for child in ast.iter_child_nodes(node):
        inner, around = place, function
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            inner = (*place, child.name)
            around = function if isinstance(child, ast.ClassDef) else child
        elif isinstance(child, ast.Assign | ast.AnnAssign) and function is None:
            target = child.targets[0] if isinstance(child, ast.Assign) else child.target
            inner = (*place, ast.unparse(target))
        if isinstance(child, ast.Call) and ast.unparse(child.func) == "Statement":
            yield inner, around, child
        yield from _calls(child, inner, around)


def _returns(function: Any) -> str:
    return ast.unparse(function.returns) if function is not None and function.returns is not None else ""


def _made(name: str, place: tuple[str, ...], samples: dict[str, Any]) -> str | None:
    """The SQL of the statement that a function makes of the samples; None for one that takes something else."""
    function: Any = importlib.import_module(name)
    for part in place:
        function = getattr(function, part, None)
    if not callable(function):
        return None
    parameters = inspect.signature(function).parameters
    given = {each: samples[each] for each, one in parameters.items() if each in samples and one.default is one.empty}
    try:
        statement = function(**given)
    except CapabilityMissing as error:
        return f"-- {error}"
    except (TypeError, AttributeError, KeyError, ValueError, IndexError):
        return None
    return statement.sql if isinstance(statement, Statement) else None


def _constant(name: str, place: tuple[str, ...]) -> str | None:
    value = getattr(importlib.import_module(name), place[0], None) if len(place) == 1 else None
    return value.sql if isinstance(value, Statement) else None


def _as_written(call: ast.Call, function: Any, module: Any) -> str | None:
    """The SQL as it stands in the source: here, in a variable of the function, or in a constant."""
    first = call.args[0]
    text = _text(first)
    if isinstance(first, ast.Name) and function is not None:
        for node in ast.walk(function):
            if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == first.id:
                text = _text(node.value)
    if isinstance(first, ast.Name | ast.Attribute) and not _SQL.match(text):
        value: Any = module
        for part in ast.unparse(first).split("."):
            value = getattr(value, part, None)
        text = str(value)
    return text if _SQL.match(text) else None


def _text(node: ast.AST) -> str:
    if isinstance(node, ast.Constant):
        return str(node.value)
    if isinstance(node, ast.JoinedStr):
        return "".join(_text(each) for each in node.values)
    if isinstance(node, ast.FormattedValue):
        return "{" + ast.unparse(node.value) + "}"
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        return _text(node.left) + _text(node.right)
    return "{" + ast.unparse(node) + "}"


def main() -> int:
    """Print them all, for the newest release or for that of RELEASE."""
    release = os.environ.get("RELEASE")
    for each in listed(of_release(release) if release else newest()):
        print(f"-- {each.place}, line {each.line}\n{(each.sql or 'not listed').strip()}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
