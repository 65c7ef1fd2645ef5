"""A journal whose disk is full: before an act that is told, in the midst of one the act is broken off in time."""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from database import connected, picture, run_sql
from every_act import CHANGES, KINDS, PROFILE, agree, done, fill, prepared, settled, undo_all
from jobdesk_core.exceptions import NotWritten
from jobdesk_core.journal import Journal, JournalTrouble, Search, recorded
from jobdesk_core.operations import Result
from jobdesk_core.troubles import explain


class Filling:
    """Has the journal's disk full from the step of an act on that is the `last` to be written before it."""

    def __init__(self, journal: Journal, last: int, monkeypatch: pytest.MonkeyPatch) -> None:
        self._journal = journal
        self._left = last
        self._stage = Journal.stage_now
        monkeypatch.setattr(Journal, "stage_now", lambda *about, **more: self.stage(*about, **more))

    def empty(self) -> None:
        """There is room again."""
        self._journal._store._run(lambda file: file.execute("PRAGMA max_page_count = 200000"))

    def stage(self, *about: Any, **more: Any) -> int:
        if self._left == 0:
            # SQLite's own limit: it is out of room as on a full disk.
            self._journal._store._run(
                lambda file: file.execute(f"PRAGMA max_page_count = {file.execute('PRAGMA page_count').fetchone()[0]}")
            )
            about = (*about[:2], "1" * 100_000, *about[3:])
        self._left -= 1
        return self._stage(*about, **more)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "undo"])
async def test_a_disk_that_fills_in_the_midst_breaks_the_act_off(
    dsn: str, tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(dsn, kind)
    journal = Journal(tmp_path / "journal.sqlite")
    async with connected(dsn) as (connector, able):
        made = await prepared(kind, connector, able, journal)
        last = 1 if kind in CHANGES or kind in ("defer many", "replay") else 0
        filling = Filling(journal, last, monkeypatch)
        try:
            found = await done(kind, made, connector, able, journal)
            error = found.error
        except NotWritten as raised:
            error = raised
        monkeypatch.undo()
        assert isinstance(error, NotWritten), error
        trouble = explain(error)
        assert trouble.kind == "refused" and "there is no room left" in trouble.sentence
        assert "Make room on its disk" in trouble.sentence and "What is done now" not in trouble.sentence
        filling.empty()
        await settled(journal, connector)
        ends = await agree(dsn, kind, journal)
        assert bool(ends["done"]) is bool(last), ends
        await undo_all(dsn, kind, connector, able, journal)


async def test_all_in_one_transaction_is_rolled_back(dsn: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(dsn, "cancel")
    before = picture(dsn)
    journal = Journal(tmp_path / "journal.sqlite")
    async with connected(dsn) as (connector, able):
        made = await prepared("cancel", connector, able, journal)
        Filling(journal, 0, monkeypatch)
        ledger = await recorded.act(
            made, connector, PROFILE, journal, on_trouble=lambda trouble: None, is_one_transaction=True
        )
        assert set(ledger.counts) == {Result.ROLLED_BACK} and isinstance(ledger.error, NotWritten)
    assert picture(dsn) == before


@pytest.mark.parametrize("fault", ["locked", "in the way"])
async def test_before_an_act_it_is_told_with_the_remedy_and_keeps_nobody_from_acting(
    dsn: str, tmp_path: Path, fault: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jobdesk_core.journal.file.JournalFile.busy_s", 0.2)
    fill(dsn, "cancel")
    path = tmp_path / "folder" / "journal.sqlite"
    told: list[JournalTrouble] = []
    with contextlib.ExitStack() as stack:
        if fault == "in the way":
            path.parent.write_text("a file")
        else:
            await Journal(path).names("action")
        if fault == "locked":
            other = stack.enter_context(contextlib.closing(sqlite3.connect(path, isolation_level=None)))
            other.execute("BEGIN IMMEDIATE")
        journal = Journal(path)
        async with connected(dsn) as (connector, able):
            made = await prepared("cancel", connector, able, journal)
            ledger = await recorded.act(made, connector, PROFILE, journal, on_trouble=told.append)
    assert set(ledger.counts) == {Result.DONE} and ledger.entry_id is None
    remedies = {"locked": "Wait until the other Jobdesk is done", "in the way": "cannot be used"}
    assert len(told) == 1 and remedies[fault] in str(told[0])
    assert run_sql(dsn, "SELECT DISTINCT status::text FROM procrastinate_jobs") == ["cancelled"]
    if fault != "in the way":
        assert await Journal(path).entries(Search()) == []
