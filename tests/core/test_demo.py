"""The demo starts cold and warm, shows a busy queue, and outlives nobody."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from database import run_sql
from jobdesk_core.demo import Demo, DemoError
from programs import started
from waiting import until

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="Processes are counted by /proc.")
ENDED = "SELECT count(*) FROM procrastinate_events WHERE type = 'succeeded' AND at > now() - interval '2 seconds'"


def processes_of(folder: Path) -> list[str]:
    """The command lines of every process that has the demo's folder in it: supervisor, workers and servers."""
    found = []
    for place in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            words = place.read_bytes().replace(b"\0", b" ").decode(errors="replace")
            if str(folder) in words and int(place.parent.name) != os.getpid():
                found.append(words)
    return found


async def shows_a_busy_queue(dsn: str) -> None:
    """Jobs of the past, of the present and of the future, and workers that end some."""
    ended = run_sql(dsn, "SELECT count(*) FROM procrastinate_jobs WHERE status NOT IN ('todo', 'doing')")
    assert ended[0] >= 900
    await until(lambda: run_sql(dsn, ENDED)[0] > 0, what="a job to succeed")
    await until(lambda: run_sql(dsn, "SELECT count(*) FROM procrastinate_workers")[0] >= 2)


def shows_periodic_tasks_and_one_missing_run(dsn: str) -> None:
    """Days of runs, each deferred as one of a schedule; of the last two nights one is there."""
    runs = "SELECT count(*) FROM procrastinate_jobs WHERE args ? 'timestamp'"
    assert run_sql(dsn, runs)[0] > 400
    # Procrastinate keeps the last of each schedule that goes on.
    assert run_sql(dsn, "SELECT count(DISTINCT task_name) FROM procrastinate_periodic_defers") == [4]
    lately = "(args->>'timestamp')::bigint > extract(epoch FROM now()) - 2 * 86400 AND task_name = 'ledger.close_day'"
    assert run_sql(dsn, f"{runs} AND {lately}") == [1]


async def shows_why_jobs_failed(dsn: str) -> None:
    """Errors of the past hour, and workers that go on reporting: they live, fail in the same ways, and get on."""
    kinds = run_sql(dsn, "SELECT DISTINCT type FROM jobdesk.errors WHERE worker IS NULL ORDER BY 1")
    assert {"ExceptionGroup", "KeyError", "jobdesk_core.demo.trouble.MailServerBusy"} <= set(kinds)
    same = "SELECT count(*) FROM jobdesk.errors AS now JOIN jobdesk.errors AS past USING (fingerprint) "
    same += "WHERE now.worker IS NOT NULL AND past.worker IS NULL"
    await until(lambda: run_sql(dsn, same)[0] > 0, timeout_s=180, what="a fault of the past to come again")
    await until(lambda: run_sql(dsn, "SELECT count(*) FROM jobdesk.workers WHERE ended_at IS NULL")[0] == 2)
    await until(lambda: run_sql(dsn, "SELECT count(*) FROM jobdesk.progress WHERE done > 0")[0] > 0)
    assert run_sql(dsn, "SELECT DISTINCT app FROM jobdesk.schedules") == ["shop"]


@pytest.mark.timeout(400)  # it waits for a fault that comes by chance
async def test_a_demo_works_cold_and_warm_and_leaves_no_process(folder: Path) -> None:
    told: list[str] = []
    demo = Demo.start(told.append, folder=folder)
    try:
        await shows_a_busy_queue(demo.dsn)
        shows_periodic_tasks_and_one_missing_run(demo.dsn)
        await shows_why_jobs_failed(demo.dsn)
        assert len(processes_of(folder)) >= 4
        (highest,) = run_sql(demo.dsn, "SELECT max(id) FROM procrastinate_jobs")
    finally:
        demo.stop()
    assert processes_of(folder) == []
    assert any("history" in line for line in told)
    told.clear()
    demo = Demo.start(told.append, folder=folder)
    try:
        await shows_a_busy_queue(demo.dsn)
        assert run_sql(demo.dsn, "SELECT count(*) FROM procrastinate_jobs WHERE id <= %s", highest)[0] >= 900
    finally:
        demo.stop()
    assert processes_of(folder) == []
    assert not any("history" in line for line in told)


async def test_a_supervisor_that_is_told_to_end_ends_in_good_order(folder: Path) -> None:
    demo = Demo.start(lambda line: None, folder=folder)
    os.kill(demo.supervisor_pid, signal.SIGTERM)
    await until(lambda: demo._process.poll() is not None, what="the supervisor to end")
    demo.stop()
    assert demo._process.returncode == 0
    assert processes_of(folder) == []


async def test_two_demos_run_side_by_side(folder: Path) -> None:
    first = Demo.start(lambda line: None, folder=folder)
    try:
        second = Demo.start(lambda line: None, folder=folder)
        try:
            assert first.dsn != second.dsn
            await shows_a_busy_queue(second.dsn)
        finally:
            second.stop()
        await shows_a_busy_queue(first.dsn)
    finally:
        first.stop()
    assert processes_of(folder) == []


def test_a_demo_that_cannot_start_says_why(folder: Path) -> None:
    (folder / "demo").write_text("in the way")
    with pytest.raises(DemoError, match="cannot be written"):
        Demo.start(lambda line: None, folder=folder)
    assert processes_of(folder) == []


def test_a_start_that_is_broken_off_leaves_no_process(folder: Path) -> None:
    def break_off(line: str) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Demo.start(break_off, folder=folder)
    assert processes_of(folder) == []


PARENT = """
import sys
from pathlib import Path
from jobdesk_core.demo import Demo
demo = Demo.start(lambda line: None, folder=Path(sys.argv[1]))
print(demo.supervisor_pid, flush=True)
sys.stdin.read()
"""


@contextlib.contextmanager
def parent_of_a_demo(folder: Path) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """A process that runs a demo, and the demo's supervisor."""
    command = [sys.executable, "-c", PARENT, str(folder)]
    with started(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        yield parent, int(parent.stdout.readline())


@pytest.mark.parametrize("victim", ["parent", "supervisor"])
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM], ids=["SIGKILL", "SIGTERM"])
async def test_when_the_parent_or_the_supervisor_is_killed_no_process_is_left(
    folder: Path, victim: str, number: int
) -> None:
    with parent_of_a_demo(folder) as (parent, supervisor_pid):
        assert len(processes_of(folder)) >= 4
        os.kill(parent.pid if victim == "parent" else supervisor_pid, number)
        if victim == "supervisor":
            await until(lambda: len(processes_of(folder)) <= 1, what="all but the parent to end")
            parent.kill()
    await until(lambda: not processes_of(folder), what="every process to end")
