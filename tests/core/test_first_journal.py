"""A journal that the first release wrote is read, searched, settled and undone.

`kept/journal-0.1.0.sqlite` was written by the code of commit 5b6501e, the last before the journal was written ahead, on
a database of ten jobs: cancel 1 and 2, cancel and delete 3 and 4, retry 5, reprioritise 6 and 7, defer 11, cancel 8
staged; then an undo of the second entry and a cancel of 9 that were killed (SIGKILL) before they wrote what they did.
"""

from __future__ import annotations

import datetime as dt
import shutil
from pathlib import Path

import pytest
from database import connected, run_sql
from every_act import PLACE, settled, undone
from jobdesk_core.journal import Journal, Search
from jobdesk_core.journal.settling import settle

KEPT = Path(__file__).parent / "kept" / "journal-0.1.0.sqlite"
#: The jobs as those acts have left them.
_FILL = """
INSERT INTO procrastinate_jobs (id, queue_name, task_name, args, priority, status, attempts, scheduled_at)
SELECT n, 'q', 'old', jsonb_build_object('n', n), CASE WHEN n IN (6, 7) THEN 9 ELSE 1 END,
    (CASE WHEN n IN (1, 2, 8, 9) THEN 'cancelled' ELSE 'todo' END)::procrastinate_job_status,
    CASE WHEN n = 5 THEN 1 ELSE 0 END, CASE WHEN n = 5 THEN timestamptz '2026-11-27 08:37:04.918448+00' END
FROM unnest(ARRAY[1, 2, 5, 6, 7, 8, 9, 10]) AS n
"""


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    shutil.copy(KEPT, tmp_path / "journal.sqlite")
    return Journal(tmp_path / "journal.sqlite")


async def test_its_entries_and_records_are_read(journal: Journal, tmp_path: Path) -> None:
    entries = {entry.id: entry for entry in await journal.entries(Search())}
    told = [(entry.header.action, entry.done, entry.left, entry.kept, entry.undone) for entry in entries.values()]
    assert told == [
        ("cancel", 0, 0, 0, 0),
        ("undo", 0, 0, 0, 0),
        ("staged", 1, 0, 1, 0),
        ("defer", 1, 0, 1, 0),
        ("reprioritise", 2, 0, 2, 0),
        ("retry", 1, 0, 1, 0),
        ("delete", 2, 0, 2, 2),
        ("cancel", 2, 0, 2, 0),
    ]
    assert entries[4].header.set_to == {"priority": 9} and entries[7].header.undoes == 2
    assert entries[1].at == dt.datetime(2026, 11, 27, 8, 37, 4, 878895, tzinfo=dt.UTC)
    assert not any(entry.in_doubt for entry in entries.values())
    (record,) = await journal.records(3)
    assert (record.job_id, record.sentence, record.before["attempts"]) == (5, "Job #5 is to run again.", 0)
    assert [entry.id for entry in await journal.entries(Search(job_id=11))] == [5]
    assert await journal.export(Search(), tmp_path / "all.ndjson") == 11
    assert journal.put_aside is None


async def test_what_was_broken_off_is_unknown_and_what_was_done_is_undone(dsn: str, journal: Journal) -> None:
    run_sql(dsn, _FILL)
    run_sql(dsn, "SELECT setval('procrastinate_jobs_id_seq', 11)")
    async with connected(dsn) as (connector, able):
        await settled(journal, connector)
        assert await settle(journal, connector.run_async, PLACE) == 0
        broken = [await journal.entry(7), await journal.entry(8)]
        assert all(entry is not None and entry.error.startswith("Broken off: an older Jobdesk") for entry in broken)
        found = await journal.records(7)
        assert [(each.job_id, each.outcome) for each in found] == [(3, "unknown"), (4, "unknown")]
        for number in (1, 3, 4, 6):
            entry = await journal.entry(number)
            assert entry is not None
            count, left = await undone(entry, connector, able, journal)
            assert (count, dict(left)) == (entry.done, {}), entry.header.sentence
    rows = run_sql(dsn, "SELECT (args ->> 'n')::int, status::text, priority, attempts FROM procrastinate_jobs")
    assert {row for row in rows if row[1] != "cancelled"} == {
        *((n, "todo", 1, 0) for n in (1, 2, 6, 7, 8, 10)),
        (5, "failed", 1, 0),
    }
