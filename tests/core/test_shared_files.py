"""The SQLite files that the window and the commands share: who reads one and is done takes nothing from the other."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from jobdesk_core.history.history import History
from jobdesk_core.history.minutes import Minute
from jobdesk_core.journal.file import JournalFile

OTHER = """
import sqlite3, sys
file = sqlite3.connect(sys.argv[1])
print(*file.execute(sys.argv[2]).fetchone())
file.close()
"""


FULL = """
import asyncio, resource, sys
from pathlib import Path
from jobdesk_core.history.history import History
from jobdesk_core.history.minutes import Minute
from jobdesk_core.journal import Journal, JournalTrouble, Search
from jobdesk_core.troubles import explain
folder = Path(sys.argv[1])

def write(minute):
    history = History(folder / "history.sqlite")
    history.keep({minute: Minute()})
    history.save(minute + 1)
    history.close()
    print(history.trouble and explain(history.trouble).sentence)
    try:
        asyncio.run(Journal(folder / "journal.sqlite").entries(Search()))
    except JournalTrouble as trouble:
        print(explain(trouble).sentence)

write(1)
resource.setrlimit(resource.RLIMIT_FSIZE, (10, resource.RLIM_INFINITY))
write(2)
"""


def seen_by_another(path: Path, sql: str) -> int:
    """What another program reads, which then closes the file."""
    ran = subprocess.run(
        [sys.executable, "-c", OTHER, str(path), sql], check=True, capture_output=True, text=True, timeout=60
    )
    return int(ran.stdout)


@pytest.mark.skipif(sys.platform == "win32", reason="a file that is open cannot be deleted there")
def test_what_is_written_after_another_program_closed_the_file_is_there(tmp_path: Path) -> None:
    history = History(tmp_path / "history.sqlite")
    journal = JournalFile(tmp_path / "journal.sqlite", 10_000_000)
    journal.run(lambda connection: connection.execute("CREATE TABLE written (number INTEGER)"))
    for number in range(1, 4):
        history.keep({number: Minute()})
        history.save(number + 1)
        journal.run(lambda connection: connection.execute("INSERT INTO written VALUES (1)"))
        assert seen_by_another(tmp_path / "history.sqlite", "SELECT count(*) FROM known") == number
        assert seen_by_another(tmp_path / "journal.sqlite", "SELECT count(*) FROM written") == number
        assert (tmp_path / "history.sqlite-wal").exists()
        assert (tmp_path / "journal.sqlite-wal").exists()


@pytest.mark.skipif(sys.platform == "win32", reason="there are no such limits")
def test_a_disk_that_is_full_at_the_start_is_told(tmp_path: Path) -> None:
    ran = subprocess.run(
        [sys.executable, "-c", FULL, str(tmp_path)], check=True, capture_output=True, text=True, timeout=60
    )
    told = ran.stdout.splitlines()
    assert told[0] == "None"
    assert [line.split(" for ")[0] for line in told[1:]] == [
        f"The {name} cannot be written: there is no room left" for name in ("history", "journal")
    ]
