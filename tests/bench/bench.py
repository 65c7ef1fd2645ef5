"""`make bench`: ours beside its peers, in pairs. `bench.py worker`, `monitor`, `reporting`, `watching`,
`recording`, `fleet` or `incidents` runs one group alone.

JOBS (1,000,000) is the size of the monitor's database, ROUNDS (5) how often each is measured, ONLY a part of a
measure's title, or several with commas. STALLS_S (60) is how long the window is watched under load, HOURS (24) how
much time is simulated, WATCHED_S (30) how long the server is watched, ORDINARY_MIN (10)
how many minutes of ordinary traffic there are before the incidents, PROMETHEUS the program that scrapes beside them.
"""

from __future__ import annotations

import os
import platform
import sys
from pathlib import Path

import fleet
import incidents
import monitor
import recording
import reporting
import watching_group
import worker
from jobdesk_core.embedded import EmbeddedServerError

GROUPS = {
    "worker": worker.run,
    "reporting": reporting.bench,
    "monitor": monitor.run,
    "watching": watching_group.run,
    "recording": recording.bench,
    "fleet": fleet.run,
    "incidents": incidents.bench,
}


def main(names: list[str]) -> None:
    """Run the named groups, or all of them."""
    jobs, rounds = int(os.environ.get("JOBS", "1000000")), max(1, int(os.environ.get("ROUNDS", "5")))
    print(f"{_processor()}, {os.cpu_count()} processors, {platform.system()}, Python {platform.python_version()}.")
    for name in names or GROUPS:
        GROUPS[name](jobs, rounds, tuple(os.environ.get("ONLY", "").split(",")))


def _processor() -> str:
    told = Path("/proc/cpuinfo")
    lines = told.read_text().splitlines() if told.exists() else []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.processor() or platform.machine())


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except EmbeddedServerError as error:
        sys.exit(str(error))
