"""SIGKILL at any moment of every kind of act: journal and tables agree, and what was done can be undone.

JOBDESK_KILLS=100 kills each kind so often, at moments that JOBDESK_SEED chooses: half of them by the clock, half
between two lines.
"""

from __future__ import annotations

import os
import random
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from database import connected, run_sql
from every_act import KINDS, Kill, Killable, agree, fill, killable, kills, settled, undo_all
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

    def act(number: int, kill: Kill | None) -> tuple[Journal, float]:
        run_sql(dsn, "TRUNCATE procrastinate_jobs, procrastinate_workers RESTART IDENTITY CASCADE")
        fill(dsn, kind)
        path = tmp_path / str(number) / "journal.sqlite"
        return Journal(path), program.act(kind, dsn, path, kill)

    _, took_s = act(0, None)
    act(1, 0)  # is never killed: it tells its lines
    lines = program.lines
    chance = random.Random(f"{SEED} settle {kind}")
    for number, kill in enumerate([None, *kills(f"{SEED} {kind}", took_s, lines, KILLS)], 2):
        journal, _ = act(number, kill)
        if kill is not None:
            # The next start is killed, too, while it settles.
            program.act("settle", dsn, journal.path, chance.randint(1, 500))
        async with connected(dsn) as (connector, able):
            await settled(journal, connector)
            found = await agree(dsn, kind, journal)
            await undo_all(dsn, kind, connector, able, journal)
        assert kill is not None or (found["done"] and not found["not reached"]), found
        ends.update({name: 1 for name in found} or {"nothing written": 1})

    print(kind, dict(ends), f"{took_s:.2f} s, {len(lines)} lines")
