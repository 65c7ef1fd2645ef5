"""Exporting every job: by the command and by the window, their speed and their memory, beside psql's \\copy."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

from jobdesk_core.embedded import default_folder
from jobdesk_core.reading.records import times_and_args
from table import Line, below
from watching import _environment, _output

#: What the whole process may hold, in MB, however many jobs there are.
MOST_MB = 150
#: The same columns as ours have: each job with the events that its times are told from.
SAME = times_and_args([], []).sql.partition(" FROM procrastinate_jobs AS job WHERE job.id = ANY")[0]


async def export_lines(dsn: str, jobs: int, rounds: int) -> AsyncIterator[Line]:
    """Microseconds for each job and the most memory held; the first round of each is for warm caches."""
    rounds = min(rounds, 3)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        table = f"\\copy (SELECT * FROM procrastinate_jobs) TO '{folder / 'copy.csv'}' CSV HEADER"
        same = (
            f"\\copy (SELECT job.*, {SAME.removeprefix('SELECT job.id, job.args::text, ')} "
            f"FROM procrastinate_jobs AS job ORDER BY id DESC) TO '{folder / 'same.csv'}' CSV HEADER"
        )
        ways: dict[str, Sequence[str]] = {
            "csv": _command(dsn, folder / "jobs.csv"),
            "ndjson": _command(dsn, folder / "jobs.ndjson"),
            "table": [_psql(), "-X", "-q", "-d", dsn, "-c", table],
            "same": [_psql(), "-X", "-q", "-d", dsn, "-c", same],
        }
        taken: dict[str, list[tuple[float, float]]] = {way: [] for way in ways}
        for _ in range(rounds):
            for way, command in ways.items():
                taken[way].append(_run(command, jobs))
        window = [_of_window(folder, dsn, jobs) for _ in range(min(rounds, 2))]
    for way in ("csv", "ndjson"):
        spent = [each[0] for each in taken[way]]
        yield Line(f"export, command, {way}", "µs/job", spent, "\\copy, its columns alone", _first(taken["table"]))
        yield Line(f"export, command, {way}", "µs/job", spent, "\\copy, the same columns", _first(taken["same"]))
        held = [each[1] for each in taken[way]]
        yield Line(f"export, command, {way}, memory", "MB", held, "psql", _second(taken["same"]), below(MOST_MB))
    yield Line("export, window", "µs/job", _first(window), "\\copy, the same columns", _first(taken["same"]))
    yield Line(
        "export, window, memory, in all",
        "MB",
        _second(window),
        "window at rest",
        [each[2] for each in window],
        below(MOST_MB),
    )


def _first(taken: Sequence[tuple[float, ...]]) -> list[float]:
    return [each[0] for each in taken]


def _second(taken: Sequence[tuple[float, ...]]) -> list[float]:
    return [each[1] for each in taken]


def _command(dsn: str, path: Path) -> list[str]:
    return [sys.executable, "-m", "jobdesk_core", "jobs", "--dsn", dsn, "--output", str(path)]


def _run(command: Sequence[str], jobs: int) -> tuple[float, float]:
    """Microseconds for each job, and the most that the process held, in MB."""
    started, most = time.perf_counter(), 0.0
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        # Not by wait4: what that tells begins with what the process that forked it held.
        while process.poll() is None:
            most = max(most, _most_held(process.pid))
            time.sleep(0.02)
        taken_s = time.perf_counter() - started
        if process.returncode:
            raise RuntimeError(process.stderr.read() if process.stderr is not None else "")
    return 1_000_000 * taken_s / jobs, most


def _most_held(pid: int) -> float:
    """The most that a process has held so far, in MB; 0 when it is gone."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0.0
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM")), 0.0)


def _of_window(folder: Path, dsn: str, jobs: int) -> tuple[float, float, float]:
    """Microseconds for each job, the most that the window held meanwhile, and what it held before, in MB."""
    told = _output(_environment(folder), "window.py", "export", dsn, str(folder / "window.csv"))
    seconds, most, before = map(float, told.split())
    return 1_000_000 * seconds / jobs, most, before


def _psql() -> str:
    """The newest of ours, or the system's."""
    ours = sorted(default_folder().glob("postgresql-*/*/pginstall*/bin/psql"))
    found = str(ours[-1]) if ours else shutil.which("psql")
    if found is None:
        raise FileNotFoundError("There is no psql to compare with.")
    return found
