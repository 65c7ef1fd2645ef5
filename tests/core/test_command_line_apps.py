"""The command line on a program's own app: a worker, the schema, the health checks, and deferring."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import commands
import pytest
from database import run_sql
from jobdesk_core.reported.schema import schema_sql
from programs import started
from waiting import until_true

SHOP = """
import asyncio, os
from jobdesk_core import App, PsycopgConnector, SyncPsycopgConnector

async def around(call_next, context, worker):
    return await call_next()

app = App(connector=PsycopgConnector(conninfo=os.environ["SHOP_DSN"]))
blocking = App(connector=SyncPsycopgConnector(conninfo=os.environ["SHOP_DSN"]))
kinds = App(connector=app.connector, worker_defaults={"worker_middleware": [print]})

@app.task(name="add", queue="q", lock="l", priority=3)
async def add(a, b=1):
    return a + b

@app.task(name="slow")
async def slow():
    await asyncio.sleep(1)
"""


#: Says in its own errors what it would have connected with.
QUOTING = """
import os
raise RuntimeError("cannot connect with " + os.environ["SHOP_DSN"])
"""


class Shop:
    """Runs the program beside a module with an app."""

    def __init__(self, folder: Path, dsn: str) -> None:
        self.folder, self.dsn = folder, dsn
        folder.joinpath("shop.py").write_text(SHOP)
        folder.joinpath("broken.py").write_text("def app():\n    pass\n\n1 / 0\n")
        folder.joinpath("quoting.py").write_text(QUOTING)
        kept = {
            name: value for name, value in os.environ.items() if not name.startswith(("PG", "JOBDESK_", "PROCRAST"))
        }
        self.environment = kept | {"HOME": str(folder), "XDG_STATE_HOME": str(folder), "SHOP_DSN": dsn}
        self.command = [sys.executable, "-m", "jobdesk_core"]

    def __call__(self, line: str, **more: str) -> subprocess.CompletedProcess[str]:
        ended = commands.run(line.split(), env=self.environment | more, cwd=self.folder)
        assert "Traceback" not in ended.stdout and "Traceback" not in re.sub("(?s)^20.*", "", ended.stderr)
        return ended


@pytest.fixture
def shop(tmp_path: Path, dsn: str) -> Shop:
    return Shop(tmp_path, dsn)


def test_jobs_are_deferred_and_run(shop: Shop) -> None:
    columns = "SELECT queue_name, priority, lock, status::text FROM procrastinate_jobs ORDER BY id"
    assert shop('defer add {"a":2} --app shop.app').stdout == "Deferred job #1.\n"
    ended = shop("--json -a shop:app defer add a=5 b=6 --queueing-lock z --priority 7 --queue r")
    assert json.loads(ended.stdout)["id"] == 2
    assert run_sql(shop.dsn, columns) == [("q", 3, "l", "todo"), ("r", 7, "l", "todo")]
    again = "defer add a=5 --app shop.app --queueing-lock z"
    assert [shop(again).returncode, shop(f"{again} -i").returncode] == [1, 0]
    told = {"JOBDESK_APP": "shop.app", "PROCRASTINATE_WORKER_QUEUES": "q, r", "JOBDESK_WORKER_WAIT": "no"}
    ended = shop("worker --log-format json -n Rosa -c 2", **told)
    records = [json.loads(line) for line in ended.stderr.splitlines()]
    results = {each["job"]["id"]: each["result"] for each in records if each.get("action") == "job_success"}
    assert (ended.returncode, results, records[0]["worker"]["name"]) == (0, {1: 3, 2: 11}, "Rosa")
    assert records[0]["worker"]["queues"] == ["q", "r"]
    assert shop("defer nobody --app shop.app --unknown").returncode == 0
    ended = shop("worker --app shop.app --one-shot --delete-jobs always")
    assert ended.returncode == 0 and "Task was not found: nobody" in ended.stderr
    assert len(run_sql(shop.dsn, columns)) == 2


def test_a_worker_of_the_command_line_reports_where_its_app_says_so(shop: Shop) -> None:
    run_sql(shop.dsn, schema_sql())
    text = SHOP + "\nfrom jobdesk_core.reporting import report\nreport(app)\n"
    shop.folder.joinpath("shop.py").write_text(text)
    assert shop("defer add a=5 b=text --app shop.app").returncode == 0
    assert shop("worker --app shop.app --one-shot").returncode == 0
    assert run_sql(shop.dsn, "SELECT type FROM jobdesk.errors") == ["TypeError"]
    assert run_sql(shop.dsn, "SELECT ended_at IS NOT NULL FROM jobdesk.workers") == [True]
    assert sorted(run_sql(shop.dsn, "SELECT name FROM jobdesk.tasks")) == ["add", "slow"]


def test_a_worker_ends_in_good_order_at_sigterm(shop: Shop) -> None:
    shop("defer slow --app shop.app")
    command = [*shop.command, "worker", "--app", "shop.app"]
    with started(command, env=shop.environment, cwd=shop.folder) as process:
        until_true(lambda: run_sql(shop.dsn, "SELECT status::text FROM procrastinate_jobs") == ["doing"])
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
    assert run_sql(shop.dsn, "SELECT status::text FROM procrastinate_jobs") == ["succeeded"]
    assert run_sql(shop.dsn, "SELECT id FROM procrastinate_workers") == []


def test_the_schema_is_created_read_and_looked_for(tmp_path: Path, empty_dsn: str) -> None:
    shop = Shop(tmp_path, empty_dsn)
    for line in ("healthchecks --app shop.app", "worker --app shop.app --one-shot"):
        ended = shop(line)
        assert ended.returncode == 4 and "procrastinate_jobs was not found" in ended.stderr
    assert "CREATE TABLE procrastinate_jobs" in shop("schema --read").stdout
    assert Path(shop("schema --migrations-path").stdout.strip()).name == "migrations"
    assert shop("schema --apply --app shop.app").returncode == 0
    ended = shop("healthchecks --app shop.app")
    assert (ended.returncode, ended.stdout.count("OK")) == (0, 3)
    assert shop("schema", JOBDESK_APP="shop.app").returncode == 4


@pytest.mark.parametrize(
    ("line", "more", "code", "words"),
    [
        ("worker", {}, 2, "Which app?"),
        ("healthchecks --dsn x=y", {}, 2, "Which app?"),
        ("worker --app nowhere.app", {}, 2, "There is no app at nowhere.app"),
        ("worker --app shop", {}, 2, "There is no app at shop"),
        ("worker --app shop.nothing", {}, 2, "no attribute 'nothing'"),
        ("worker --app shop.add", {}, 2, "is not of type App"),
        ("worker --app broken.app", {}, 2, "ZeroDivisionError"),
        ("worker --app shop.blocking", {}, 2, "synchronous"),
        ("worker --app shop.kinds", {}, 2, "must be async"),
        ("worker --app shop.app -c 0", {}, 2, "at least 1"),
        ("worker --app shop.app", {"JOBDESK_WORKER_CONCURRENCY": "x"}, 2, "WORKER_CONCURRENCY"),
        ("worker --app shop.app --log-format %(nothing", {}, 2, "--log-format"),
        ("--dsn x=y worker --app shop.app", {}, 2, "the connection is the app's"),
        ("worker --app shop.app", {"SHOP_DSN": "host=127.0.0.1 port=1"}, 3, "no server"),
        ("defer nobody --app shop.app", {}, 2, "no task named nobody"),
        ("defer add --from x --app shop.app", {}, 2, "--from"),
        ("healthchecks --app shop.app", {"SHOP_DSN": "host=127.0.0.1 port=1"}, 3, "no server"),
    ],
)
def test_what_an_app_can_be_wrong_about_is_told_in_a_sentence(
    shop: Shop, line: str, more: dict[str, Any], code: int, words: str
) -> None:
    ended = shop(line, **more)
    assert (ended.returncode, words in ended.stderr) == (code, True), ended.stderr


@pytest.mark.parametrize("dsn", ["postgresql://me:Zq9xVwQ7k@db/d", "host=db user=me password='Zq9xVwQ7k'"])
@pytest.mark.parametrize("line", ["worker", "healthchecks", "schema --apply", "defer add"])
def test_what_an_app_quotes_of_its_connection_string_is_told_without_the_password(
    tmp_path: Path, line: str, dsn: str
) -> None:
    ended = Shop(tmp_path, dsn)(f"{line} --app quoting.app")
    assert (ended.returncode, "RuntimeError: cannot connect with" in ended.stderr) == (2, True), ended.stderr
    assert "Zq9xV" not in ended.stderr and "me" in ended.stderr
