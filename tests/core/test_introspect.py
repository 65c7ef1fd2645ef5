"""An application's tasks, asked of a real process of a real interpreter, with the library's App and with ours."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
import time
from pathlib import Path
from typing import Any

import psycopg
import pytest
from jobdesk_core.job.typical_arguments import learn
from jobdesk_core.operations.deferring.known_task import json_types, known_task
from jobdesk_core.profiles import Profile, ProfileStore
from jobdesk_core.profiles.introspect import AppNotUnderstood, AppTask, app_tasks, environment
from programs import started
from waiting import until

SECRET = "hunter2"
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

@app.periodic(cron="*/10 * * * *", periodic_id="eu")
@app.periodic(cron="@daily")
@app.task(name="tick")
def tick(timestamp): ...
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

@ours.app.periodic(cron="* * * * *")
@ours.app.task(name="ours.tick")
def tick(timestamp): ...
"""


def profile(folder: Path, path: str, **changes: Any) -> Profile:
    values: dict[str, Any] = {"app_python": sys.executable, "app_path": path, "app_folder": str(folder)}
    return Profile(name="test", **(values | {"app_is_allowed": True} | changes))


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
    assert found["any"].priority == 3 and found["any"].crons == ()
    assert set(found["tick"].crons) == {("", "@daily", "UTC"), ("eu", "*/10 * * * *", "UTC")}
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
    assert found["ours.tick"].crons == (("", "* * * * *", "UTC"),)
    assert add.parameters is not None and [each.annotation for each in add.parameters] == ["int", "float"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("import nowhere_to_be_found\n", "does not find the module nowhere_to_be_found"),
        ("1 / 0\n", "failed with ZeroDivisionError: division by zero."),
        ("raise ValueError('postgresql://me:hunter2@db/x <b>')\n", "ValueError: postgresql://me:•••@db/x <b>"),
        ("import sys; sys.exit(3)\n", "failed with SystemExit: 3."),
        ("import os; os._exit(9)\n", "ended (code 9) before it listed"),
        ("import os; os.kill(os.getpid(), 11)\n", "ended (code -11)"),
        ("app = 5\n", "is not an app: it has no tasks"),
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
        ({"app_python": "/bin/ls"}, "Is it Python"),
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


def test_the_application_gets_what_is_harmless_and_what_the_profile_names() -> None:
    ours = {
        "PGPASSWORD": SECRET,
        "DATABASE_URL": f"postgresql://me:{SECRET}@db/x",
        "AWS_SECRET_ACCESS_KEY": SECRET,
        "PYTHONPATH": "/ours",
        "HOME": "/home/me",
        "PATH": "/bin",
        "LC_TIME": "de_DE.UTF-8",
        "MODE": "test",
    }
    named = Profile(name="x", app_variables="MODE  PGPASSWORD MISSING")
    found = environment(named, ours)
    assert SECRET not in str(found) and "PYTHONPATH" not in found and "MISSING" not in found
    assert [found[name] for name in ("HOME", "PATH", "LC_TIME", "MODE")] == ["/home/me", "/bin", "de_DE.UTF-8", "test"]
    assert "MODE" not in environment(Profile(name="x"), ours)


async def test_the_code_sees_nothing_else_of_our_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("API_TOKEN", SECRET)
    monkeypatch.setenv("PGPASSWORD", SECRET)
    text = "import os\nraise ValueError(sorted(os.environ))\n"
    with pytest.raises(AppNotUnderstood) as caught:
        await app_tasks(profile(written(tmp_path, bad=text), "bad.app"))
    assert "API_TOKEN" not in str(caught.value) and "PGPASSWORD" not in str(caught.value)


async def test_code_that_nobody_allowed_is_never_run(tmp_path: Path) -> None:
    text = f"open({str(tmp_path / 'ran')!r}, 'w')\n"
    with pytest.raises(AppNotUnderstood, match="does not allow running"):
        await app_tasks(profile(written(tmp_path, bad=text), "bad.app", app_is_allowed=False))
    assert not (tmp_path / "ran").exists()
    store = ProfileStore(tmp_path / "profiles.toml")
    store.save(profile(tmp_path, "bad.app"))
    # As earlier releases wrote it, and as nobody wrote it.
    allowed = store.path.read_text()
    assert "app_is_allowed = true\n" in allowed
    for instead in ("", 'app_is_allowed = "true"\n', "app_is_allowed = 1\n"):
        store.path.write_text(allowed.replace("app_is_allowed = true\n", instead))
        found = store.get("test")
        assert found is not None and not found.app_is_allowed


#: Leaves processes behind in every way that takes them out of sight: a session of their own, twice over.
SURVIVORS = """
import os, time
def leave(depth):
    if os.fork() == 0:
        os.setsid()
        if depth:
            leave(depth - 1)
            os._exit(0)
        with open({place!r} + str(os.getpid()), "w"):
            pass
        time.sleep(600)
        os._exit(0)
for depth in (0, 1, 2):
    leave(depth)
import os.path
while len([n for n in os.listdir(os.path.dirname({place!r})) if n.startswith("left-")]) < 3:
    time.sleep(0.01)
"""


def left(folder: Path) -> list[int]:
    return [int(each.name.removeprefix("left-")) for each in folder.glob("left-*")]


@pytest.mark.skipif(
    sys.platform != "linux", reason="Only Linux gives orphans to another parent than the first process."
)
@pytest.mark.parametrize(
    "ending", ["class A: tasks = {{}}\napp = A()\n", "1 / 0\n", "time.sleep(60)\n", "os._exit(9)\n"]
)
async def test_nothing_that_the_code_starts_survives_the_question(tmp_path: Path, ending: str) -> None:
    text = (SURVIVORS + ending).format(place=str(tmp_path / "left-"))
    with contextlib.suppress(AppNotUnderstood):
        await app_tasks(profile(written(tmp_path, bad=text), "bad.app"), timeout_s=5)
    assert len(left(tmp_path)) == 3
    assert [pid for pid in left(tmp_path) if is_running(pid)] == []


ASKER = """
import asyncio, sys
from jobdesk_core.profiles import Profile
from jobdesk_core.profiles.introspect import app_tasks
asyncio.run(app_tasks(Profile(
    name="x", app_python=sys.executable, app_path="bad.app", app_folder=sys.argv[1], app_is_allowed=True
), timeout_s=60))
"""


@pytest.mark.skipif(
    sys.platform != "linux", reason="Only Linux gives orphans to another parent than the first process."
)
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_nor_whoever_asks_being_killed(tmp_path: Path, number: int) -> None:
    text = SURVIVORS.format(place=str(tmp_path / "left-")) + "time.sleep(600)\n"
    with started([sys.executable, "-c", ASKER, str(written(tmp_path, bad=text))]) as asker:
        asyncio.run(until(lambda: len(left(tmp_path)) == 3, timeout_s=30, what="what the code starts"))
        asker.send_signal(number)
    asyncio.run(until(lambda: not any(map(is_running, left(tmp_path))), timeout_s=60, what="all of it to end"))


def is_running(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


async def test_given_up_it_ends_the_process(tmp_path: Path) -> None:
    text = f"import os, time\nopen({str(tmp_path / 'pid')!r}, 'w').write(str(os.getpid()))\ntime.sleep(600)\n"
    task = asyncio.create_task(app_tasks(profile(written(tmp_path, slow=text), "slow.app"), timeout_s=60))
    async with asyncio.timeout(60):
        while not (tmp_path / "pid").exists() or not (tmp_path / "pid").read_text():
            await asyncio.sleep(0.02)
    pid = int((tmp_path / "pid").read_text())
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    async with asyncio.timeout(60):
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
        "None of its latest 7 jobs had zz.",
        "to is usually a text; this is a number.",
    ]
    assert known_task("t", None, AppTask("t", "code", 0, None, None, "", None)).queue == "code"


def test_where_the_code_lies_is_saved_with_the_profile(tmp_path: Path) -> None:
    store = ProfileStore(tmp_path / "profiles.toml")
    kept = profile(tmp_path, "a.b")
    store.save(kept)
    assert store.get("test") == kept
