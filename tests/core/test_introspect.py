"""An application's tasks, asked of a real process of a real interpreter, with the library's App and with ours."""

from __future__ import annotations

import asyncio
import sys
import time
from pathlib import Path

import psycopg
import pytest
from jobdesk_core.monitor.usual import learn
from jobdesk_core.operations.known_task import json_types, known_task
from jobdesk_core.profiles import Profile, ProfileStore
from jobdesk_core.profiles.introspect import AppNotUnderstood, AppTask, app_tasks, environment

LIBRARY = """
import os, sys
print("printed by the application" * 10_000)
os.write(1, b"written past Python")
os.system("echo from a child")
import procrastinate
app = procrastinate.App(connector=procrastinate.PsycopgConnector(conninfo="host=127.0.0.1 port=1"))

@app.task(name="mail.send", queue="mail", lock="l", pass_context=True, aliases=["old.send"])
def send(context, to: str, copies: int = 1, *, tags: "list[str] | None" = None, token="s3cret"):
    '''Sends a letter.

    <b>More</b> of it.'''

@app.task(name="any", priority=3)
async def anything(**rest): ...
"""
OURS = """
from jobdesk_core.app import App
from jobdesk_core.connectors.psycopg import PsycopgConnector
app = App(connector=PsycopgConnector(), import_paths=["more"])
"""
MORE = """
import ours
@ours.app.task(name="ours.add", queue="sums")
def add(a: int, b: float = 0.5): '''Adds.'''
"""


def profile(folder: Path, path: str, **changes: str) -> Profile:
    values = {"app_python": sys.executable, "app_path": path, "app_folder": str(folder)} | changes
    return Profile(name="test", **values)  # type: ignore[arg-type]


def written(folder: Path, **modules: str) -> Path:
    for name, text in modules.items():
        (folder / f"{name}.py").write_text(text)
    return folder


@pytest.mark.parametrize("path", ["theirs.app", "theirs:app"])
async def test_the_librarys_app_tells_its_tasks(tmp_path: Path, path: str) -> None:
    found = await app_tasks(profile(written(tmp_path, theirs=LIBRARY), path))
    send = found["mail.send"]
    assert (send.queue, send.lock, send.doc) == ("mail", "l", "Sends a letter.\n\n<b>More</b> of it.")
    assert send.parameters is not None
    assert [(each.name, each.is_required, each.default) for each in send.parameters] == [
        ("to", True, ""),
        ("copies", False, "1"),
        ("tags", False, "None"),
        ("token", False, "'s3cret'"),
    ]
    assert found["any"].priority == 3
    known = known_task("mail.send", None, send)
    assert known.is_closed and known.types == {"to": "text", "copies": "number", "tags": "list", "token": "text"}
    assert known.template() == {"to": ""}
    assert known.remarks({"copies": "2", "bcc": 1}) == [
        "The task needs to.",
        "The task takes no bcc.",
        "copies is usually a number; this is a text.",
    ]
    assert known_task("any", None, found["any"]).remarks({"x": 1}) == []


async def test_our_app_tells_its_tasks_also_those_of_its_import_paths(tmp_path: Path) -> None:
    found = await app_tasks(profile(written(tmp_path, ours=OURS, more=MORE), "ours.app"))
    add = found["ours.add"]
    assert (add.queue, add.doc) == ("sums", "Adds.")
    assert add.parameters is not None and [each.annotation for each in add.parameters] == ["int", "float"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("import nowhere_to_be_found\n", "does not find the module nowhere_to_be_found"),
        ("1 / 0\n", "failed with ZeroDivisionError: division by zero."),
        ("raise ValueError('postgresql://me:hunter2@db/x <b>')\n", "ValueError: postgresql://me:•••@db/x <b>"),
        ("import sys; sys.exit(3)\n", "failed with SystemExit: 3."),
        ("import os; os._exit(9)\n", "ended (code 9) before it told"),
        ("import os; os.kill(os.getpid(), 11)\n", "ended (code -11)"),
        ("app = 5\n", "is no app: it has no tasks"),
        ("def app(:\n", "SyntaxError"),
        ("", "AttributeError"),
        ("while True: pass\n", "within 2 seconds"),
        ("import time, os\nif os.fork() == 0:\n    os.setsid()\ntime.sleep(60)\n", "within 2 seconds"),
        (
            "import sys\nclass S:\n    name = 'x' * 2000\n    def __init__(self, n): self.func = print\n"
            "class A: tasks = {i: S(i) for i in range(5000)}\napp = A()\n",
            "more than 4 MB",
        ),
        ("import os, sys\nwhile True: os.write(3, b'x' * 100000)\n", ""),
    ],
)
async def test_a_hostile_or_broken_app_is_contained_and_told(tmp_path: Path, text: str, words: str) -> None:
    started = time.monotonic()
    with pytest.raises(AppNotUnderstood) as caught:
        # What is made and then found too large takes a while on a busy machine; what hangs is waited for in vain.
        timeout_s = 20 if "MB" in words else 2
        await app_tasks(profile(written(tmp_path, bad=text), "bad.app"), timeout_s=timeout_s)
    assert words in str(caught.value) and "hunter2" not in str(caught.value)
    assert time.monotonic() - started < 30


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"app_python": "/nowhere/python"}, "cannot be started: No such file"),
        ({"app_folder": "/nowhere"}, "There is no folder"),
        ({"app_path": "alone"}, "looks like package.module.app"),
        ({"app_path": ""}, "Name the app, too"),
        ({"app_python": ""}, "Name the Python interpreter"),
        ({"app_python": "/bin/ls"}, "Is it a Python"),
    ],
)
async def test_wrong_settings_are_told(tmp_path: Path, changes: dict[str, str], words: str) -> None:
    with pytest.raises(AppNotUnderstood, match=words.replace("?", r"\?")):
        await app_tasks(profile(tmp_path, "x.app", **changes))


@pytest.mark.parametrize("where", ["", "host=127.0.0.1", "host=localhost port=5432 dbname=x"])
async def test_code_that_connects_while_it_is_imported_reaches_no_database(
    tmp_path: Path, dsn: str, where: str
) -> None:
    conninfo = where or dsn
    text = f"import psycopg\npsycopg.connect({conninfo!r}).execute('CREATE TABLE touched ()')\n"
    with pytest.raises(AppNotUnderstood, match="OperationalError"):
        await app_tasks(profile(written(tmp_path, bad=text), "bad.app"))
    with psycopg.connect(dsn) as connection:
        assert connection.execute("SELECT to_regclass('touched')").fetchone() == (None,)


def test_the_application_gets_none_of_libpqs_variables_or_our_pythons() -> None:
    ours = {"PGPASSWORD": "hunter2", "PYTHONPATH": "/ours", "HOME": "/home/me", "DATABASE_URL": "x", "PATH": "/bin"}
    found = environment(ours)
    assert "hunter2" not in found.values() and "PYTHONPATH" not in found
    assert (found["HOME"], found["DATABASE_URL"], found["PATH"]) == ("/home/me", "x", "/bin")


def is_running(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


async def test_given_up_it_ends_the_process(tmp_path: Path) -> None:
    text = f"import os, time\nopen({str(tmp_path / 'pid')!r}, 'w').write(str(os.getpid()))\ntime.sleep(600)\n"
    task = asyncio.create_task(app_tasks(profile(written(tmp_path, slow=text), "slow.app"), timeout_s=60))
    async with asyncio.timeout(20):
        while not (tmp_path / "pid").exists() or not (tmp_path / "pid").read_text():
            await asyncio.sleep(0.02)
    pid = int((tmp_path / "pid").read_text())
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    async with asyncio.timeout(10):
        while is_running(pid):
            await asyncio.sleep(0.02)


@pytest.mark.parametrize(
    ("annotation", "types"),
    [
        ("str", ("text",)),
        ("int | None", ("number", "null")),
        ("Optional[list[dict[str, int]]]", ("list", "null")),
        ("typing.List[str]", ("list",)),
        ("dict[str, list[int]]", ("object",)),
        ("MyModel", ()),
        ("int | MyModel", ()),
        ("", ()),
        ("a[" * 500, ()),
    ],
)
def test_annotations_stand_for_json_types(annotation: str, types: tuple[str, ...]) -> None:
    assert json_types(annotation) == types


def test_without_code_the_newest_jobs_teach() -> None:
    jobs = [("mail", {"to": "x", "n": n}) for n in range(6)] + [("slow", {"to": "y", "n": 1.5, "extra": None})]
    known = known_task("t", learn(jobs), None)
    assert (known.queue, known.jobs, known.is_in_code, known.is_closed) == ("mail", 7, False, False)
    assert known.template() == {"to": "", "n": 0}
    assert known.remarks({"to": 5, "zz": 1}) == [
        "None of its newest 7 jobs had zz.",
        "to is usually a text; this is a number.",
    ]
    assert known_task("t", None, AppTask("t", "code", 0, None, None, "", None)).queue == "code"


def test_where_the_code_lies_is_saved_with_the_profile(tmp_path: Path) -> None:
    store = ProfileStore(tmp_path / "profiles.toml")
    kept = profile(tmp_path, "a.b")
    store.save(kept)
    assert store.get("test") == kept
