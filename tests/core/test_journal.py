"""The journal: what is written of an act, what survives, how it is searched and exported."""

from __future__ import annotations

import asyncio
import contextlib
import csv
import dataclasses
import datetime as dt
import json
import os
import re
import signal
import sqlite3
import stat
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import journals
import pytest
from jobdesk_core import exact_json
from jobdesk_core.files import CsvLines, csv_cell, whole_file
from jobdesk_core.journal import Entry, Header, Journal, JournalTrouble, Record, Search, alive
from jobdesk_core.journal.ahead import AlreadyClaimed
from jobdesk_core.journal.journal import BATCH_RECORDS
from jobdesk_core.journal.record import Planned
from jobdesk_core.journal.store import Limits
from jobdesk_core.operations.outcomes import Outcomes
from waiting import until

HEADER = Header(
    action="cancel",
    sentence="Cancel 2 jobs",
    profile="production",
    place="host=db dbname=app",
    role="operator",
    sql="SELECT procrastinate_cancel_job_v1(%(id)s::bigint, ...)",
)
RECORDS = [
    Record(7, "done", "Cancelled job #7.", {"status": "todo", "priority": 3}),
    Record(8, "refused", "Job 8 is running.", {"status": "doing"}),
]


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return Journal(tmp_path / "state" / "journal.sqlite")


async def write(journal: Journal, header: Header = HEADER, records: list[Record] = RECORDS) -> int:
    return await journals.write(journal, header, records)


async def numbers(journal: Journal, **search: object) -> list[int]:
    return [entry.id for entry in await journal.entries(Search(**search))]  # type: ignore[arg-type]


async def test_what_was_written_is_read_again(journal: Journal) -> None:
    entry_id = await write(journal)
    (entry,) = await journal.entries(Search())
    assert (entry.id, entry.header, entry.done, entry.left, entry.kept, entry.undone) == (entry_id, HEADER, 1, 1, 2, 0)
    assert entry.at.tzinfo is not None and entry.ended_at is not None and entry.os_user and not entry.error
    assert await journal.records(entry_id) == RECORDS
    assert await journal.records(entry_id, only_open=True) == RECORDS[:1]
    assert await journal.entry(99) is None


@pytest.mark.parametrize("is_there", [False, True])
async def test_its_files_are_for_their_owner_alone_whatever_the_umask_and_however_they_were(
    tmp_path: Path, is_there: bool
) -> None:
    path = tmp_path / "state" / "journal.sqlite"
    before = os.umask(0)
    try:
        if is_there:
            await write(Journal(path))
            for each in path.parent.glob("journal*"):
                each.chmod(0o666)
        journal = Journal(path)
        await write(journal)
        assert await journal.export(Search(), tmp_path / "journal.csv")
        files = [*path.parent.iterdir(), tmp_path / "journal.csv"]
        modes = {each.name: stat.S_IMODE(each.stat().st_mode) for each in files}
        assert len(modes) >= 4 and set(modes.values()) == {0o600}, modes
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    finally:
        os.umask(before)


def test_it_lies_in_the_users_state_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    assert Journal().path == tmp_path / "jobdesk" / "journal.sqlite"


KILLED = """
import os, signal, sys
from pathlib import Path
sys.path[:0] = sys.argv[2:]
from jobdesk_core.journal import Header, Journal
from jobdesk_core.journal.record import Planned
from jobdesk_core.operations.outcomes import Outcomes

journal = Journal(Path(sys.argv[1]))
number = journal.begin_now(Header(action="cancel", sentence="s", profile="p", place="d", role="r"), Planned([1, 2]))
chunk = journal.stage_now(number, "mark", [Outcomes([1], "done", ["x"])])
def rest():
    yield Outcomes([2], "skipped", ["x"])
    os.kill(os.getpid(), signal.SIGKILL)
journal.finish_now(number, "", rest(), ends=[(chunk, "done")])
"""


async def test_a_killed_program_leaves_what_it_had_written_and_an_entry_without_an_end(journal: Journal) -> None:
    ended = await asyncio.to_thread(subprocess.run, [sys.executable, "-c", KILLED, str(journal.path), *sys.path])
    assert ended.returncode == -signal.SIGKILL
    (entry,) = await journal.entries(Search())
    assert entry.ended_at is None and (entry.done, entry.in_doubt) == (0, 1), "its end was not written"
    assert [record.job_id for record in await journal.records(entry.id)] == [1]
    assert await write(journal) == entry.id + 1


async def test_two_windows_write_at_once_and_lose_nothing(journal: Journal) -> None:
    others = Journal(journal.path)
    await asyncio.gather(*(write(each) for each in [journal, others] * 10))
    found = await numbers(journal)
    assert found == sorted(found, reverse=True) and len(found) == 20
    claims = await asyncio.gather(
        *(asyncio.to_thread(claimed, each, by) for by, each in enumerate([journal, others] * 3, 2))
    )
    assert sorted(claims) == [False] * 5 + [True], "a job is undone once"


def test_threads_that_begin_at_once_have_one_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    together, lock = threading.Barrier(8), alive.lock
    monkeypatch.setattr(alive, "lock", lambda stream: (time.sleep(0.02), lock(stream)))

    def name(_: int) -> str:
        together.wait(60)
        return alive.own_name(tmp_path)

    with ThreadPoolExecutor(8) as threads:
        assert len(set(threads.map(name, range(8)))) == 1


def claimed(journal: Journal, by: int) -> bool:
    """Whether an undo, which is the entry `by`, is the one that undoes job 7 of the first entry."""
    try:
        journal.stage_now(by, "", [Outcomes([7], "done", "Undone.")], undoes=1)
    except AlreadyClaimed:
        return False
    return True


async def test_a_journal_without_room_says_so_and_stays_sound(journal: Journal) -> None:
    await write(journal)
    full = Journal(journal.path, Limits(bytes=journal.path.stat().st_size))
    with pytest.raises(JournalTrouble, match="there is no room left"):
        await write(full, dataclasses.replace(HEADER, sql="x" * 200_000))
    assert await numbers(full) == [1]


async def test_a_folder_that_may_not_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(JournalTrouble, match="journal"):
        await write(Journal(tmp_path / "file" / "journal.sqlite"))


@pytest.mark.parametrize("damage", ["all", "middle", "empty"])
async def test_an_unreadable_file_is_put_aside_and_a_new_one_begun(journal: Journal, damage: str) -> None:
    await write(Journal(journal.path))
    await until(lambda: not journal.path.with_name("journal.sqlite-wal").exists(), what="the file to be closed")
    content = bytearray(journal.path.read_bytes())
    if damage == "all":
        content = bytearray(b"not a database" * 400)
    elif damage == "middle":
        content[4_096:] = os.urandom(len(content) - 4_096)
    else:
        content = bytearray()
    journal.path.write_bytes(content)
    await write(journal)
    assert await numbers(journal) == [1]
    if damage == "empty":
        assert journal.put_aside is None
    else:
        assert journal.put_aside is not None and journal.put_aside.read_bytes() == bytes(content)


@pytest.mark.parametrize(
    ("search", "expected"),
    [
        ({}, [3, 2, 1]),
        ({"text": "CANCEL"}, [1]),
        ({"text": "100%"}, [3]),
        ({"text": "db_"}, []),
        ({"text": "#1,234"}, [2]),
        ({"text": "o'neill"}, [3]),
        ({"action": "retry"}, [2]),
        ({"profile": "staging"}, [3, 2]),
        ({"outcome": "refused"}, [1]),
        ({"job_id": 7}, [1]),
        ({"job_id": 55}, [3]),
        ({"until": dt.datetime(2020, 1, 1, tzinfo=dt.UTC)}, []),
        ({"since": dt.datetime(2020, 1, 1, tzinfo=dt.UTC), "action": "defer"}, [3]),
    ],
)
async def test_entries_are_found_by_every_part(journal: Journal, search: dict, expected: list[int]) -> None:  # type: ignore[type-arg]
    await write(journal)
    staging = dataclasses.replace(HEADER, profile="staging", sql="")
    await write(journal, dataclasses.replace(staging, action="retry", sentence="Retry"), [Record(1_234, "done", "")])
    await write(
        journal,
        dataclasses.replace(staging, action="defer", sentence="Defer 100% of o'neill's"),
        [Record(9, "done", "", new_id=55)],
    )
    assert await numbers(journal, **search) == expected
    assert await journal.names("action") == ["cancel", "defer", "retry"]


async def test_entries_come_in_pages(journal: Journal) -> None:
    for _ in range(5):
        await write(journal)
    first = await journal.entries(Search(), limit=3)
    rest = await journal.entries(Search(), before_id=first[-1].id, limit=3)
    assert [entry.id for entry in [*first, *rest]] == [5, 4, 3, 2, 1]


@pytest.mark.parametrize("kind", ["csv", "ndjson"])
async def test_an_export_has_a_line_for_each_job_and_no_formulas(journal: Journal, tmp_path: Path, kind: str) -> None:
    await write(journal, dataclasses.replace(HEADER, sentence="=1+1 \u202e<b>\n😀"))
    await write(journal, dataclasses.replace(HEADER, sentence="nothing left"), [])
    path = tmp_path / f"export.{kind}"
    assert await journal.export(Search(), path) == 3
    if kind == "csv":
        with path.open(encoding="utf-8", newline="") as file:
            lines = list(csv.DictReader(file))
        assert lines[1]["entry_sentence"] == "'=1+1 \u202e<b>\n😀"
        assert json.loads(lines[1]["before"]) == {"status": "todo", "priority": 3}
    else:
        lines = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
        assert lines[1]["entry_sentence"] == "=1+1 \u202e<b>\n😀" and lines[1]["before"]["priority"] == 3
    assert [line["entry"] for line in lines] in ([2, 1, 1], ["2", "1", "1"])


@pytest.mark.parametrize("kind", ["csv", "ndjson"])
async def test_an_export_has_every_record_also_those_without_a_job(journal: Journal, tmp_path: Path, kind: str) -> None:
    records = [Record(number if number % 2 else 0, "refused", f"n{number}") for number in range(1, 3_507)]
    await write(journal, records=[*records, Record(1, "done", "twice")])
    path = tmp_path / f"export.{kind}"
    path.write_text("before")
    assert await journal.export(Search(), path) == 3_507
    with path.open(encoding="utf-8", newline="") as file:
        lines = list(csv.DictReader(file)) if kind == "csv" else [json.loads(line) for line in file]
    assert sorted(line["sentence"] for line in lines) == sorted([*(record.sentence for record in records), "twice"])
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


async def test_an_export_that_misses_a_record_is_none(journal: Journal, tmp_path: Path) -> None:
    await write(journal, HEADER, [Record(0, "skipped", "", {}) for _ in range(BATCH_RECORDS + 1)])
    assert await journal.export(Search(), tmp_path / "whole.csv") == BATCH_RECORDS + 1
    lines = journal._lines(Search())
    assert next(lines)["entry"] == 1
    with contextlib.closing(sqlite3.connect(journal.path)) as other, other:
        other.execute("DELETE FROM records WHERE rowid = (SELECT max(rowid) FROM records)")
    with pytest.raises(JournalTrouble, match="export it again"):
        list(lines)


FORMULAS = (
    *("=1", "+1", "-1", "@SUM(1)", "\t=1", "\r=1", "\n=1", "＝1", "＋1", "－1", "＠SUM(1)"),
    *(" =1", "\u00a0=1", "'=1", '"=1"', ' "=1', "\ufeff=1", "\u200b+1", "=\n1"),
)
#: Read by other separators than ours, as a German spreadsheet does, these begin a cell within the text.
LATER = {"a;=1": "a;'=1", "a; '+1": "a; ''+1", "a\n-1": "a\n'-1", "a\t@b;＝c": "a\t'@b;'＝c", "=a;=b": "'=a;'=b"}
HARMLESS = ("1=1", "a-b", "a; b", "", " ", "-", "=", "a;b=1", "me@example.org", "100 %")


def test_no_cell_is_a_formula_and_no_file_is_half(tmp_path: Path) -> None:
    path = tmp_path / "cells.csv"
    with whole_file(path, has_bom=True) as file:
        lines = CsvLines(file, ["=head", "b"])
        lines.write([*FORMULAS, *LATER, *HARMLESS])
        lines.write([-5, None, True, {"a": "=1"}, -1.5, dt.timedelta(seconds=-1)])
    with path.open(encoding="utf-8-sig", newline="") as file:
        head, cells, others = csv.reader(file)
    assert head == ["'=head", "b"] and cells == [*(f"'{text}" for text in FORMULAS), *LATER.values(), *HARMLESS]
    assert others == ["-5", "", "true", '{"a": "=1"}', "-1.5", "'-1 day, 23:59:59"]
    held = {"a;=b": [";+1", "; -1", '"', "a;", -1, "x=1"]}
    assert not re.search(r";\s*[=+@-]", csv_cell(held)) and exact_json.loads(csv_cell(held)) == held
    before = path.read_bytes()
    assert before[:3] == b"\xef\xbb\xbf"
    with pytest.raises(KeyError), whole_file(path) as file:
        file.write("half")
        raise KeyError
    assert path.read_bytes() == before and list(tmp_path.iterdir()) == [path]
    with pytest.raises(OSError), whole_file(Path(os.devnull)):
        pass


async def test_old_entries_make_room(journal: Journal) -> None:
    await write(journal)
    old = (dt.datetime.now(dt.UTC) - dt.timedelta(days=Limits().days + 1)).isoformat()
    connection = sqlite3.connect(journal.path)
    with connection:
        connection.execute("UPDATE entries SET at = ?", (old,))
    connection.close()
    await write(journal)
    assert await numbers(journal) == [2]
    assert await journal.records(1) == []


def act_in_chunks(journal: Journal) -> None:
    entry_id = journal.begin_now(HEADER, Planned([1, 2, 3, 4]))
    chunks = [journal.stage_now(entry_id, f"{job}", [Outcomes([job], "done", [""])]) for job in range(1, 5)]
    journal.finish_now(entry_id, "", [], ends=[(chunk, "done") for chunk in chunks])


@pytest.mark.parametrize("is_of_earlier_release", [False, True])
async def test_what_was_planned_is_no_part_of_the_row_that_each_transaction_writes(
    journal: Journal, is_of_earlier_release: bool
) -> None:
    """Read and written for every chunk of a million jobs it would slow the act down by a hundred times."""
    ids = [*range(1, 5_001)]
    entry_id = await asyncio.to_thread(journal.begin_now, HEADER, Planned(ids))
    with contextlib.closing(sqlite3.connect(journal.path, isolation_level=None)) as file:
        (row,) = file.execute("SELECT * FROM entries").fetchall()
        assert sum(len(str(each)) for each in row) < 1_000
        if is_of_earlier_release:
            file.execute("UPDATE entries SET planned = (SELECT ids FROM plans)")
            file.execute("DROP TABLE plans")
    again = Journal(journal.path)
    chunk = await asyncio.to_thread(again.stage_now, entry_id, "1", [Outcomes([3], "done", [""])])
    await asyncio.to_thread(again.finish_now, entry_id, "", [], ends=[(chunk, "done")], is_whole=False)
    found = [record.job_id for record in await again.records(entry_id, limit=10_000) if record.outcome == "not reached"]
    assert found == [each for each in ids if each != 3]
    with contextlib.closing(sqlite3.connect(journal.path)) as file:
        assert file.execute("SELECT count(*) FROM plans").fetchall() == [(0,)]
        assert file.execute("SELECT planned FROM entries").fetchall() == [(None,)]


async def test_too_many_records_push_out_the_oldest_entries(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal.sqlite", Limits(records=5, records_of_entry=3))
    for _ in range(4):
        await asyncio.to_thread(act_in_chunks, journal)
        await journal.entries(Search())  # which makes the records
    found: list[Entry] = await journal.entries(Search())
    assert [(entry.id, entry.done, entry.kept) for entry in found] == [(4, 4, 3), (3, 4, 3), (2, 4, 3)]
