"""The SQLite files that the window and the commands share: who reads one and is done takes nothing from the other."""

from __future__ import annotations

import contextlib
import gc
import os
import sqlite3
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from jobdesk_core.alerts.history import AlertHistory
from jobdesk_core.history.file import HistoryFile
from jobdesk_core.journal.file import JournalFile
from jobdesk_core.sqlite_file import SqliteFile, write_ahead

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


class File(SqliteFile):
    """A file with one table of numbers."""

    busy_s = 0.1

    def _prepare(self, connection: sqlite3.Connection) -> None:
        write_ahead(connection, "FULL")
        connection.execute("CREATE TABLE IF NOT EXISTS written (number INTEGER)")

    def write(self, number: int) -> None:
        self.run(lambda connection: connection.execute("INSERT INTO written VALUES (?)", (number,)))

    def numbers(self) -> list[int]:
        return [row[0] for row in self.run(lambda connection: connection.execute("SELECT * FROM written").fetchall())]


@pytest.fixture
def file(tmp_path: Path) -> File:
    return File(tmp_path / "state" / "a.sqlite")


@pytest.mark.skipif(sys.platform == "win32", reason="a file that is open cannot be deleted there")
def test_what_is_written_after_another_program_closed_the_file_is_there(file: File) -> None:
    for number in range(1, 4):
        file.write(number)
        assert seen_by_another(file.path, "SELECT count(*) FROM written") == number
        assert file.path.with_name("a.sqlite-wal").exists()


@pytest.mark.parametrize(
    ("kind", "limits", "synchronous"), [(JournalFile, [10**7], 2), (HistoryFile, [10**7], 1), (AlertHistory, [], 1)]
)
def test_the_journal_the_history_and_the_alerts_are_such_files(
    tmp_path: Path, kind: type[SqliteFile], limits: list[int], synchronous: int
) -> None:
    file = kind(tmp_path / "a.sqlite", *limits)  # type: ignore[call-arg]
    names = ("journal_mode", "auto_vacuum", "synchronous")
    modes = file.run(lambda connection: [connection.execute(f"PRAGMA {name}").fetchone()[0] for name in names])
    assert modes == ["wal", 2, synchronous]


@pytest.mark.skipif(sys.platform == "win32", reason="there are no modes")
def test_it_is_for_its_owner_alone_however_it_came(file: File) -> None:
    umask = os.umask(0)
    try:
        for _ in range(2):
            file.write(1)
            modes = {stat.S_IMODE(path.stat().st_mode) for path in file.path.parent.iterdir()}
            assert modes == {0o600} and stat.S_IMODE(file.path.parent.stat().st_mode) == 0o700
            for path in file.path.parent.iterdir():
                path.chmod(0o666)
    finally:
        os.umask(umask)


@pytest.mark.skipif(sys.platform == "win32", reason="there are no modes")
def test_what_is_no_file_is_left_as_it_is(tmp_path: Path) -> None:
    """A folder that only its owner may enter from now on would lock everybody else out."""
    folder, pipe = tmp_path / "folder", tmp_path / "pipe"
    folder.mkdir(mode=0o755)
    os.mkfifo(pipe, 0o644)
    before = [path.stat().st_mode for path in (folder, pipe)]
    for path in (folder, pipe):
        with pytest.raises(FileExistsError, match="Something else than a file"):
            File(path).write(1)
    assert [path.stat().st_mode for path in (folder, pipe)] == before


def test_a_transaction_is_whole_or_not_at_all(file: File) -> None:
    def fails(connection: sqlite3.Connection) -> None:
        connection.execute("INSERT INTO written VALUES (1)")
        raise ValueError

    with pytest.raises(ValueError):
        file.run(fails)
    file.write(2)
    assert file.numbers() == [2]


@pytest.mark.skipif(sys.platform == "win32", reason="a file that is open cannot be moved there")
def test_where_the_file_is_another_one_that_is_written(file: File) -> None:
    file.write(1)
    file.path.rename(file.path.with_name("moved.sqlite"))
    file.write(2)
    assert file.numbers() == [2] and seen_by_another(file.path, "SELECT number FROM written") == 2


@pytest.mark.parametrize("is_open", [False, True])
def test_what_cannot_be_read_is_put_aside(file: File, is_open: bool) -> None:
    file.write(1)
    file.close()
    if is_open:
        file.write(1)
    other = file.path.with_name("other")
    other.write_bytes(b"no database" * 1_000)
    other.replace(file.path)
    file.write(2)
    assert file.numbers() == [2]
    assert file.put_aside is not None and file.put_aside.read_bytes().startswith(b"no database")


def test_threads_take_turns_and_another_program_is_waited_for_no_longer_than_that(file: File) -> None:
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(file.write, range(200)))
    assert sorted(file.numbers()) == list(range(200))
    with contextlib.closing(sqlite3.connect(file.path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            file.write(200)
    assert file.put_aside is None


def test_one_that_is_let_go_of_is_closed(file: File) -> None:
    file.write(1)
    other = File(file.path)
    assert other.numbers() == [1]
    del other
    gc.collect()
    file.close()
    assert [path.name for path in file.path.parent.iterdir()] == ["a.sqlite"]


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
