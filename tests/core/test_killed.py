"""SIGKILL at any moment of every kind of act: journal and tables agree, and what was done can be undone.

JOBDESK_KILLS=100 kills each kind so often, at moments that JOBDESK_SEED chooses.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from database import connected, run_sql
from every_act import KINDS, Killable, agree, fill, killable, moments, settled, undo_all
from jobdesk_core.journal import Journal

KILLS = int(os.environ.get("JOBDESK_KILLS", "3"))
SEED = os.environ.get("JOBDESK_SEED", "7")


@pytest.fixture(scope="module")
def program() -> Iterator[Killable]:
    with killable() as started:
        yield started


@pytest.mark.timeout(60 + 5 * KILLS)
@pytest.mark.parametrize("kind", KINDS)
async def test_a_killed_act_leaves_a_journal_that_agrees_with_the_tables(
    dsn: str, tmp_path: Path, program: Killable, kind: str
) -> None:
    ends: Counter[str] = Counter()
    longest_s = 0.0
    for number, share in enumerate([None, *moments(f"{SEED} {kind}", 1.05, KILLS)]):
        run_sql(dsn, "TRUNCATE procrastinate_jobs, procrastinate_workers RESTART IDENTITY CASCADE")
        fill(dsn, kind)
        path = tmp_path / str(number) / "journal.sqlite"
        took_s = program.act(kind, dsn, path, share * longest_s if share is not None else None)
        longest_s = longest_s or took_s
        journal = Journal(path)
        async with connected(dsn) as (connector, able):
            await settled(journal, connector)
            found = await agree(dsn, kind, journal)
            await undo_all(dsn, kind, connector, able, journal)
        assert share is not None or (found["done"] and not found["not reached"]), found
        ends.update({name: 1 for name in found} or {"nothing written": 1})
    print(kind, dict(ends), f"{longest_s:.2f} s")
