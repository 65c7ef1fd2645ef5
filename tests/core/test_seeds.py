"""The examples of the seed documents run on jobdesk_core as they stand, but for their imports and placeholders."""

from __future__ import annotations

import ast
import asyncio
import contextlib
import inspect
import os
import re
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jobdesk_core
import psycopg
import pytest
from database import run_sql
from psycopg.conninfo import conninfo_to_dict
from sqlalchemy import Engine

#: The documents are not part of the project: JOBDESK_SEEDS names their folder, and without it nothing is run.
SEEDS = os.environ.get("JOBDESK_SEEDS")
ENVIRONMENT = {"host": "PGHOST", "port": "PGPORT", "user": "PGUSER", "password": "PGPASSWORD", "dbname": "PGDATABASE"}

#: One import line changes.
IMPORTS = [
    (r"^import procrastinate$", "import jobdesk_core as procrastinate"),
    (r"^from procrastinate\b", "from jobdesk_core"),
]


#: What the documents' own code, not the library's, asks of a driver that refuses it: SQLAlchemy takes no
#: list of values, and an asynchronous connection of psycopg no assignment (see below).
NOT_AS_THE_DRIVERS_HAVE_IT = [(r"(?<=exec_driver_sql\(\"INSERT INTO orders \(id\) VALUES \(%s\)\", )\[42\]", "(42,)")]


@dataclass(frozen=True)
class Example:
    document: str
    line: int
    code: str

    def __str__(self) -> str:
        return f"{self.document[:3]}:{self.line}"


def parses(code: str) -> bool:
    try:
        compile(code, "example", "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    except SyntaxError:
        return False
    return True


def examples_of(path: Path) -> Iterator[Example]:
    """Each longest stretch of lines that is Python and begins with an import, or with what the previous one made."""
    lines = path.read_text("utf-8").splitlines()
    number = 0
    while number < len(lines):
        if re.match(r"(import|from) \w|job_id = ", lines[number]):
            for end in range(len(lines), number, -1):
                code = "\n".join(lines[number:end])
                if parses(code):
                    if "(" in code:  # more than an import
                        yield Example(path.name, number + 1, code)
                    number = end
                    break
        number += 1


EXAMPLES = [each for path in sorted(Path(SEEDS).glob("*.txt")) for each in examples_of(path)] if SEEDS else []


def runnable(code: str, dsn: str) -> str:
    """The example with our imports, and with a real place where it leaves one out."""
    parts = conninfo_to_dict(dsn)
    known = {name: str(parts[name]) for name in ("dbname", "user", "host")}
    places = [
        (r'(?<=conninfo=)"\.\.\."', f'"{dsn}"'),
        (r'(?<=connect\()"\.\.\."', f'"{dsn}"'),
        (r"(?<=Connector\()\.\.\.", f'conninfo="{dsn}"'),
        (r'"postgres://[^"]*"', f'"{dsn}"'),
        (r'(?<=host=)"somehost"', f'"{known["host"]}"'),
        *((f'"{name}": "{name}"', f'"{name}": "{value}"') for name, value in known.items()),
        (r"\(id, \.\.\.\) VALUES \(%s, \.\.\.\)", "(id) VALUES (%s)"),
        (r"(?<=///)mydb", str(parts["dbname"])),
    ]
    if "await" in code:
        places.append((r"conn\.autocommit = False", "await conn.set_autocommit(False)"))
    for pattern, replacement in [*IMPORTS, *places, *NOT_AS_THE_DRIVERS_HAVE_IT]:
        code = re.sub(pattern, lambda _, new=replacement: new, code, flags=re.MULTILINE)
    return code


async def run_code(code: str, names: dict[str, Any]) -> None:
    compiled = compile(code, "example", "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    result = eval(compiled, names)
    if inspect.iscoroutine(result):
        await result


@contextlib.asynccontextmanager
async def closing(names: dict[str, Any]) -> AsyncIterator[None]:
    """Close afterwards what an example leaves open."""
    try:
        yield
    finally:
        for app in [value for value in names.values() if isinstance(value, jobdesk_core.App)]:
            app.close()
            with contextlib.suppress(jobdesk_core.exceptions.SyncConnectorConfigurationError):
                await app.close_async()
        for engine in [value for value in names.values() if isinstance(value, Engine)]:
            engine.dispose()


@pytest.fixture
def surroundings(dsn: str, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What the documents take for granted: libpq's environment, a table, a job, and an app with its imports."""
    for name, value in conninfo_to_dict(dsn).items():
        monkeypatch.setenv(ENVIRONMENT[name], str(value))
    run_sql(dsn, "CREATE TABLE orders (id integer, state text)")
    run_sql(dsn, "INSERT INTO orders VALUES (42, 'new')")
    run_sql(dsn, "SELECT setval('procrastinate_jobs_id_seq', 32)")
    run_sql(dsn, "INSERT INTO procrastinate_jobs (task_name, queue_name) VALUES ('t', 'q')")
    app = jobdesk_core.App(connector=jobdesk_core.PsycopgConnector(conninfo=dsn))
    return {"psycopg": psycopg, "app": app}


@pytest.mark.skipif(not EXAMPLES, reason="JOBDESK_SEEDS names no folder of documents")
@pytest.mark.parametrize("example", EXAMPLES, ids=str)
def test_an_example_of_the_documents_runs(example: Example, dsn: str, surroundings: dict[str, Any]) -> None:
    names = surroundings
    is_alone = "app = " in example.code or "app" not in example.code

    async def run() -> None:
        async with closing(names):
            if not is_alone:
                await names["app"].open_async()
            await run_code(runnable(example.code, dsn), names)
            await check(example, names, dsn)

    asyncio.run(run())


async def check(example: Example, names: dict[str, Any], dsn: str) -> None:
    """That the example did what its document says of it."""
    if "process_order" in example.code:
        assert run_sql(dsn, "SELECT args FROM procrastinate_jobs WHERE id <> 33") == [{"order_id": 42}]
        assert run_sql(dsn, "SELECT count(*) FROM orders") == [2]
    elif "cancel_job_by_id" in example.code:
        assert run_sql(dsn, "SELECT status::text FROM procrastinate_jobs") == ["cancelled"]
        assert run_sql(dsn, "SELECT state FROM orders") == ["cancelled"]
    elif "Connector" in example.code:
        await defers(names["app"])
        if "sync_app" in names:
            await defers(names["sync_app"])


async def defers(app: jobdesk_core.App) -> None:
    if not isinstance(app.connector, jobdesk_core.PsycopgConnector):
        with app.open():
            assert app.configure_task("t").defer() > 33
        return
    async with app.open_async():
        assert await app.configure_task("t").defer_async() > 33


@pytest.mark.skipif(not EXAMPLES, reason="JOBDESK_SEEDS names no folder of documents")
def test_every_example_was_found() -> None:
    numbers = Counter(example.document[:3] for example in EXAMPLES)
    assert numbers == {"000": 3, "001": 3, "002": 1, "003": 4, "004": 4}
